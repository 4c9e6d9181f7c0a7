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
from gradflow.reporting.publish.pieces import kept
from gradflow.training import adding, train

CELLS = {
    "gru": ("gru", lambda steps: {}),
    "lstm, chrono": ("lstm", lambda steps: {"chrono": float(steps)}),
    "lstm, bias 1": ("lstm", lambda steps: {"forget_bias": 1.0}),
    "irnn": ("irnn", lambda steps: {}),
    "irnn, small W": ("irnn", lambda steps: {"W": gaussian(0.001)}),
    "rnn, orthogonal": ("rnn", lambda steps: {"recurrent": orthogonal()}),
    "rnn": ("rnn", lambda steps: {}),
}


def measured(label, steps, seeds, updates, hidden, rates):
    """Train a cell at every rate; of each seed's best rate, the error and the log of its reach."""
    cell, choices = CELLS[label]
    found = train(
        cell,
        adding(steps),
        updates=updates,
        rates=rates,
        seeds=range(seeds),
        every=updates,
        lags=[0, steps // 2],
        hidden=hidden,
        **choices(steps),
    )
    last = np.median(found.reach()[:, -1, :, 1], axis=1)
    of_seed = [found.seeds == seed for seed in range(seeds)]
    best = [np.nanargmin(found.measure[own, -1]) for own in of_seed]
    floor = np.log(1e-12)
    reach = [max(last[own][k], floor) for own, k in zip(of_seed, best, strict=True)]
    return {"error": np.minimum(found.best(), 1.0).tolist(), "reach": reach}


def main(out, quick=False, **look):
    """Draw the error of the best rate a seed, and the reach that goes with it."""
    lengths = (6, 10) if quick else (60, 120)
    labels = ["gru", "rnn"] if quick else list(CELLS)
    seeds, updates, hidden = (2, 120, 8) if quick else (3, 800, 24)
    rates = [0.02] if quick else [0.001, 0.003, 0.01]
    how = {"seeds": seeds, "updates": updates, "hidden": hidden, "rates": rates}
    pieces = [{"label": label, "steps": steps, **how} for steps in lengths for label in labels]
    told = kept("adding", out, measured, pieces, quick=quick)
    numbers, errors, reaches = {}, [], []
    for style, steps in enumerate(lengths):
        found = told[style * len(labels) :][: len(labels)]
        best = np.array([one["error"] for one in found])
        reach = np.array([one["reach"] for one in found])
        solved = adding(steps).solved(best).sum(axis=1)
        for k, label in enumerate(labels):
            numbers[f"{label}, {steps} steps: solved of {seeds}"] = solved[k]
            numbers[f"{label}, {steps} steps: median error"] = np.median(best[k])
            numbers[f"{label}, {steps} steps: log10 reach"] = np.median(reach[k]) / np.log(10)
            points = {"kind": "points", "style": style}
            reaches.append(Series(label="", x=reach[k] / np.log(10), y=np.log(best[k]), **points))
        across = np.arange(len(labels))
        middle, low, high = (np.log(f(best, axis=1)) for f in (np.median, np.min, np.max))
        name = f"{steps} steps"
        more = {"low": low, "high": high, "kind": "points", "style": style}
        errors.append(Series(label=name, x=across + 0.15 * style, y=middle, **more))
    solving = [label for k, label in enumerate(labels) if solved[k]]
    grid = ", ".join(map(str, rates))
    with page("adding", out, quick, shape=(1, 2), **look) as sheet:
        left, right = sheet.axes
        plot_series(left, errors, x="cell", y="squared error held out", log=True)
        left.set_xticks(across, labels, rotation=30, ha="right")
        left.set_xlim(-0.5, len(labels) - 0.3)
        plot_series(right, reaches, x="log10 of reach at half the lag", y="squared error", log=True)
        for ax in sheet.axes:
            ax.axhline(np.log10(1 / 6), color=QUIET, linewidth=0.6, zorder=0)
        return sheet.publish(
            answer=(
                f"After {updates} updates {len(solving)} of {len(labels)} solve {steps} steps from "
                f"some seed ({', '.join(solving) or 'none'}), at the best of rates {grid}."
            ),
            caption=(
                f"The adding problem, {hidden} units, Adam, {updates} updates of 16 sequences, "
                f"clipped at 1, the best of rates {grid} for each of {seeds} seeds. Left: error "
                "(median and range of the seeds); line: 1/6, of who always says 1. Right: the same "
                "errors against reach at half the sequence after training."
            ),
            numbers=numbers,
        )


if __name__ == "__main__":
    from gradflow.cli import run_script

    run_script(__file__)
