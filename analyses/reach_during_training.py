"""Does the gradient reach far before a network learns what lies far back, or after?

Corresponds to: Hochreiter & Schmidhuber (Neural Computation 9(8), 1997), experiment 4, the adding
problem; no figure of the literature shows what its gradient does while it is learned. Reach at half
the sequence is the gradient of the loss there over that at the last step, by the Jacobians of the
weights as they are. Networks that learn are compared with networks that do not.

Partly so by construction: who uses the early number must be sensitive to it.
"""

import numpy as np

from gradflow.figures import Series, plot_series
from gradflow.figures.look.style import QUIET
from gradflow.reporting import page
from gradflow.training import adding, train
from gradflow.training.events import area

CELLS = (
    ("gru", "gru", {}),
    ("lstm", "lstm", {"forget_bias": 1.0}),
    ("lstm, chrono", "lstm", {"chrono": 40.0}),
    ("irnn", "irnn", {}),
    ("rnn", "rnn", {}),
)
REACHED, FALLEN = 0.1, 1 / 18  # reach and loss whose first times are compared


def trainings(quick):
    """Train every cell from a few seeds; by label."""
    steps, seeds, hidden, updates = (10, 2, 8, 150) if quick else (40, 3, 24, 800)
    task = adding(steps)
    found = {}
    for label, cell, choices in (CELLS[0], CELLS[-1]) if quick else CELLS:
        found[label] = train(
            cell,
            task,
            updates=updates,
            rates=0.02 if quick else 0.01,
            seeds=range(seeds),
            every=15 if quick else 25,
            lags=[0, steps // 2],
            hidden=hidden,
            **choices,
        )
    return found


def first(where):
    """The first record at which something holds, or the number of records."""
    return int(np.argmax(where)) if where.any() else len(where)


def order(found, reach):
    """Of the networks that solved it: how many, how many reached first, how many had to."""
    solved = earlier = tested = 0
    for k in range(len(found.seeds)):
        if not found.task.solved(found.held_out[k]).any():
            continue
        solved += 1
        reached = first(reach[k] > np.log(REACHED))
        earlier += reached <= first(found.held_out[k] < FALLEN)
        tested += bool(reach[k, 0] < np.log(REACHED))
    return solved, earlier, tested


def main(out, quick=False, **look):
    """Draw reach and loss of every cell over the updates."""
    found = trainings(quick)
    reach = {label: np.median(t.reach()[..., 1], axis=2) for label, t in found.items()}
    least = np.log(1e-12)
    logs = np.concatenate([np.maximum(r, least).ravel() for r in reach.values()])
    solved = np.concatenate([t.task.solved(t.held_out).ravel() for t in found.values()])
    exponents = [look.exponent for t in found.values() for looks in t.looks for look in looks]
    counts = np.sum([order(t, reach[label]) for label, t in found.items()], axis=0)
    numbers = {
        "area of reach at half the lag": area(logs, solved),
        "area of the leading exponent": area(np.nan_to_num(exponents), solved),
        "snapshots": solved.size,
        "solved snapshots": solved.sum(),
        "least log10 reach of a solved snapshot": logs[solved].min() / np.log(10),
        "unsolved snapshots above it, percent": 100 * (logs[~solved] > logs[solved].min()).mean(),
        "networks that solved it": counts[0],
        "of these, reach came first or with the loss": counts[1],
        "of these, reach had to grow": counts[2],
    }
    curves, losses = [], []
    for style, (label, t) in enumerate(found.items()):
        numbers[f"{label}: solved of {len(t.seeds)}"] = t.task.solved(t.best()).sum()
        middle = np.median(np.maximum(reach[label], least), axis=0)
        curves.append(Series(label=label, x=t.update, y=middle, style=style))
        y = np.log(np.median(t.held_out, axis=0))
        losses.append(Series(label=label, x=t.update, y=y, style=style))
    with page("reach_during_training", out, quick, shape=(1, 2), **look) as sheet:
        left, right = sheet.axes
        steps = t.task.steps
        plot_series(left, curves, x="update", y=f"reach at lag {steps // 2}", log=True)
        left.axhline(np.log10(REACHED), color=QUIET, linewidth=0.6, zorder=0)
        plot_series(right, losses, x="update", y="squared error held out", log=True)
        right.axhline(np.log10(FALLEN), color=QUIET, linewidth=0.6, zorder=0)
        return sheet.publish(
            answer=(
                f"In {counts[1]} of the {counts[0]} networks that solved it reach at half the lag "
                f"passed 10 % before or with the fall of the loss ({counts[2]} began below); over "
                f"{solved.size} snapshots it separates solved from unsolved with an area of "
                f"{numbers['area of reach at half the lag']:.2f}."
            ),
            caption=(
                f"The adding problem of {steps} steps, medians of {len(t.seeds)} networks a cell. "
                f"Left: gradient of the loss at lag {steps // 2} over that at lag 0; line: 10 %. "
                "Right: squared error held out; line: 1/18. Reach separates solved snapshots "
                f"with an area of {numbers['area of reach at half the lag']:.2f}, the leading "
                f"exponent with {numbers['area of the leading exponent']:.2f}. It is needed and "
                f"not enough: {numbers['unsolved snapshots above it, percent']:.0f} % of the "
                "unsolved ones have as much."
            ),
            numbers=numbers,
        )


if __name__ == "__main__":
    from gradflow.cli import run_script

    run_script(__file__)
