"""Which cells learn to add two numbers that lie far apart, and how far does their gradient reach?

Corresponds to: Le, Jaitly & Hinton (arXiv:1504.00941), Figures 2 to 4, the adding problem for T of
150 to 400, at a far smaller budget: Adam, clipping at 1, the best of one grid of rates for every
cell. A number here is of that budget and no other.
"""

import numpy as np

from gradflow.cells.initializers import gaussian, orthogonal
from gradflow.figures import Series, plot_series
from gradflow.figures.look.style import QUIET
from gradflow.reporting import page
from gradflow.training import adding, train

CELLS = (
    ("gru", "gru", lambda steps: {}),
    ("lstm, chrono", "lstm", lambda steps: {"chrono": float(steps)}),
    ("lstm, bias 1", "lstm", lambda steps: {"forget_bias": 1.0}),
    ("irnn", "irnn", lambda steps: {}),
    ("irnn, small W", "irnn", lambda steps: {"W": gaussian(0.001)}),
    ("rnn, orthogonal", "rnn", lambda steps: {"recurrent": orthogonal()}),
    ("rnn", "rnn", lambda steps: {}),
)
RATES = (0.001, 0.003, 0.01)


def trained(steps, seeds, updates, hidden, quick):
    """Train every cell at every rate; by label."""
    task = adding(steps)
    chosen = (CELLS[0], CELLS[-1]) if quick else CELLS
    return {
        label: train(
            cell,
            task,
            updates=updates,
            rates=[0.02] if quick else RATES,
            seeds=range(seeds),
            every=updates,
            lags=[0, steps // 2],
            hidden=hidden,
            **choices(steps),
        )
        for label, cell, choices in chosen
    }


def main(out, quick=False, **look):
    """Draw the error of the best rate a seed, and the reach that goes with it."""
    lengths = (6, 10) if quick else (60, 120)
    seeds, updates, hidden = (2, 120, 8) if quick else (3, 800, 24)
    numbers, errors, reaches = {}, [], []
    for style, steps in enumerate(lengths):
        found = trained(steps, seeds, updates, hidden, quick)
        best = {label: t.best() for label, t in found.items()}
        for label, t in found.items():
            solved = t.task.solved(best[label])
            numbers[f"{label}, {steps} steps: solved of {seeds}"] = solved.sum()
            numbers[f"{label}, {steps} steps: median error"] = np.median(best[label])
            # of the rate that was best, seed by seed
            last = np.median(t.reach()[:, -1, :, 1], axis=1)
            ends = [
                last[t.seeds == seed][np.nanargmin(t.measure[t.seeds == seed, -1])]
                for seed in range(seeds)
            ]
            numbers[f"{label}, {steps} steps: log10 reach"] = max(np.median(ends) / np.log(10), -99)
            points = {"kind": "points", "style": style}
            floor = np.maximum(ends, np.log(1e-12))
            reaches.append(Series(label="", x=floor / np.log(10), y=np.log(best[label]), **points))
        across = np.arange(len(found))
        middle, low, high = (
            np.log([f(best[label]) for label in found]) for f in (np.median, np.min, np.max)
        )
        name = f"{steps} steps"
        more = {"low": low, "high": high, "kind": "points", "style": style}
        errors.append(Series(label=name, x=across + 0.15 * style, y=middle, **more))
    rates = "0.02" if quick else ", ".join(map(str, RATES))
    top = max(lengths)
    solving = [label for label in found if numbers[f"{label}, {top} steps: solved of {seeds}"]]
    with page("adding", out, quick, shape=(1, 2), **look) as sheet:
        left, right = sheet.axes
        plot_series(left, errors, x="cell", y="squared error held out", log=True)
        left.set_xticks(across, [str(k + 1) for k in across])
        left.set_xlim(-0.5, len(found) - 0.3)
        plot_series(right, reaches, x="log10 of reach at half the lag", y="squared error", log=True)
        for ax in sheet.axes:
            ax.axhline(np.log10(1 / 6), color=QUIET, linewidth=0.6, zorder=0)
        return sheet.publish(
            answer=(
                f"After {updates} updates {len(solving)} of {len(found)} solve {top} steps from "
                f"some seed ({', '.join(solving) or 'none'}), at the best of rates {rates}."
            ),
            caption=(
                f"The adding problem, {hidden} units, Adam, {updates} updates of 16 sequences, "
                f"clipped at 1, the best of rates {rates} for each of {seeds} seeds. Left: error "
                "(median and range) of "
                + ", ".join(f"{k + 1} {label}" for k, label in enumerate(found))
                + "; line: 1/6, of who always says 1. Right: the same errors against reach at half "
                "the sequence after training."
            ),
            numbers=numbers,
        )


if __name__ == "__main__":
    from gradflow.cli import run_script

    run_script(__file__)
