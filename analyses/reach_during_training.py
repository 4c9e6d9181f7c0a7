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
from gradflow.reporting.publish.pieces import kept
from gradflow.training import adding, train
from gradflow.training.events import area

CELLS = {
    "gru": ("gru", {}),
    "lstm": ("lstm", {"forget_bias": 1.0}),
    "lstm, chrono": ("lstm", {"chrono": 40.0}),
    "irnn": ("irnn", {}),
    "rnn": ("rnn", {}),
}
REACHED, FALLEN, LEAST = np.log(0.1), 1 / 18, np.log(1e-12)  # the first two are to be passed
KEPT = ("held_out", "reach", "exponent")


def measured(label, steps, seeds, hidden, updates, every, rate):
    """Train a cell from a few seeds; losses, exponents and log reach (seeds, records)."""
    cell, choices = CELLS[label]
    how = {"updates": updates, "every": every, "hidden": hidden, "rates": rate, **choices}
    found = train(cell, adding(steps), seeds=range(seeds), lags=[0, steps // 2], **how)
    exponents = [[look.exponent for look in looks] for looks in found.looks]
    reach = np.nan_to_num(np.median(found.reach()[..., 1], axis=2), nan=LEAST)
    lost = np.nan_to_num(found.held_out, nan=1.0)  # as bad as who says nothing
    told = [found.update, lost, np.maximum(reach, LEAST), np.nan_to_num(exponents)]
    return dict(zip(("update", *KEPT), (values.tolist() for values in told), strict=True))


def first(where):
    """The first record at which something holds, or the number of records."""
    return int(np.argmax(where)) if where.any() else len(where)


def order(task, held_out, reach):
    """Of the networks that solved it: how many, how many reached first, how many had to."""
    solved = earlier = tested = 0
    for losses, logs in zip(held_out, reach, strict=True):
        if not task.solved(losses).any():
            continue
        solved += 1
        earlier += first(logs > REACHED) <= first(losses < FALLEN)
        tested += bool(logs[0] < REACHED)
    return solved, earlier, tested


def main(out, quick=False, **look):
    """Draw reach and loss of every cell over the updates."""
    labels = ["gru", "rnn"] if quick else list(CELLS)
    steps, seeds = (10, 2) if quick else (40, 3)
    how = {"hidden": 8, "updates": 150, "every": 15, "rate": 0.02}
    how = how if quick else {"hidden": 24, "updates": 800, "every": 25, "rate": 0.01}
    pieces = [{"label": label, "steps": steps, "seeds": seeds, **how} for label in labels]
    told = kept("reach_during_training", out, measured, pieces, quick=quick)
    task, update = adding(steps), told[0]["update"]
    held_out, reach, exponents = (np.array([one[key] for one in told]) for key in KEPT)
    solved = task.solved(held_out)
    counts = np.sum([order(task, h, r) for h, r in zip(held_out, reach, strict=True)], axis=0)
    least = reach[solved].min()
    numbers = {
        "area of reach at half the lag": area(reach.ravel(), solved.ravel()),
        "area of the leading exponent": area(exponents.ravel(), solved.ravel()),
        "snapshots": solved.size,
        "solved snapshots": solved.sum(),
        "least log10 reach of a solved snapshot": least / np.log(10),
        "unsolved snapshots above it, percent": 100 * (reach[~solved] > least).mean(),
        "networks that solved it": counts[0],
        "of these, reach came first or with the loss": counts[1],
        "of these, reach had to grow": counts[2],
    }
    curves, losses = [], []
    for k, label in enumerate(labels):
        numbers[f"{label}: solved of {seeds}"] = solved[k, :, -1].sum()
        curves.append(Series(label=label, x=update, y=np.median(reach[k], axis=0), style=k))
        y = np.log(np.median(held_out[k], axis=0))
        losses.append(Series(label=label, x=update, y=y, style=k))
    with page("reach_during_training", out, quick, shape=(1, 2), **look) as sheet:
        left, right = sheet.axes
        plot_series(left, curves, x="update", y=f"reach at lag {steps // 2}", log=True)
        left.axhline(REACHED / np.log(10), color=QUIET, linewidth=0.6, zorder=0)
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
                f"The adding problem of {steps} steps, medians of {seeds} networks a cell. "
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
