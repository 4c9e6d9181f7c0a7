"""Does anything about an untrained network tell whether it will learn what lies far back?

Corresponds to: no figure; the hope that a network whose gradient survives before training learns
(Le, Jaitly & Hinton, arXiv:1504.00941; Tallec & Ollivier, ICLR 2018). Earlier, on 52 networks,
horizon, exponent, reach and rank had areas of .46 to .57 (chance .5), the label "gated" .84, and
one of twelve variants of the tangent kernel, found after looking, .84 too.

Registered before any network below was trained, at another length and from other seeds: with g_i
the gradient of the last output by all parameters on sequence i and e_i its early number, each less
its mean over 64 sequences, the kernel share |sum e_i g_i|^2 / (sum e_i^2 sum |g_i|^2). Solved: an
error under .02 at the better of two rates. An area of .7 confirms it, one under .6 refutes it, any
between leaves it open; to be of use it has to beat the label.
"""

import numpy as np

import gradflow as gf
from gradflow.cells.initializers import gaussian, identity, orthogonal
from gradflow.figures import Series, plot_series
from gradflow.figures.look.style import QUIET
from gradflow.reporting import page
from gradflow.reporting.publish.pieces import kept
from gradflow.training import adding, train
from gradflow.training.events import area
from gradflow.training.loop.model import untrained

SMALL, EYE, TURN = {"W": gaussian(0.001)}, {"recurrent": identity()}, {"recurrent": orthogonal()}
CELLS = {
    **{f"rnn, gain {g:g}": ("rnn", {"recurrent": gaussian(g)}) for g in (0.5, 1.0, 1.5, 3.0)},
    **{"rnn, orthogonal": ("rnn", TURN), "rnn, orthogonal, small W": ("rnn", TURN | SMALL)},
    **{"rnn, identity, small W": ("rnn", EYE | SMALL), "irnn, small W": ("irnn", SMALL)},
    **{"irnn": ("irnn", {}), "irnn, orthogonal": ("irnn", TURN)},
    "irnn, 0.9 I": ("irnn", {"recurrent": identity(0.9)}),
    **{f"lstm, bias {b:g}": ("lstm", {"forget_bias": b}) for b in (-2.0, 0.0, 1.0, 3.0, 5.0)},
    "lstm, chrono": ("lstm", {"chrono": 50.0}),
    **{f"gru, bias {b:g}": ("gru", {"forget_bias": b}) for b in (0.0, 1.0, 3.0)},
    "gru, chrono": ("gru", {"chrono": 50.0}),
}
TOLD = ("horizon", "exponent", "reach", "directions", "kernel share", "gated")
FLOOR, GATED = np.log(1e-30), ("lstm", "gru")


def kernel_share(module, cell, batch):
    """The share of the tangent kernel of the last output towards the early number of each input."""
    arrays = {n: a.double().numpy() for n, a in module.state_dict().items()}
    params = {n.removeprefix("recurrent."): a for n, a in arrays.items() if "head" not in n}
    run = gf.run(cell, params, batch.x, backend="numpy")
    by = run.parameter_gradient(run.covector({"h": arrays["head.weight"][0]}), lags=1).total
    parts = [*by.values(), run.states["h"][:, -1]]  # the last are those of the read-out
    g = np.concatenate([part.reshape(len(batch.x), -1) for part in parts], axis=1)
    early = batch.x[np.arange(len(g)), batch.x[..., 1].argmax(axis=1), 0]  # at the first mark
    g, early = g - g.mean(axis=0), early - early.mean()
    return float(((early @ g) ** 2).sum() / ((early**2).sum() * (g**2).sum()))


def measured(label, steps, seeds, updates, hidden, rates):
    """What is told of each seed's network before its first update, and its error after."""
    cell, choices = CELLS[label]
    task = adding(steps)
    how = {"updates": updates, "every": updates, "hidden": hidden, "rates": rates, **choices}
    found = train(cell, task, seeds=seeds, lags=range(steps), **how)
    batch, rows = task.draw(64, np.random.default_rng((7, steps))), []
    for seed in seeds:
        look = found.looks[int(np.argmax(found.seeds == seed))][0]
        reach = np.maximum(np.median(look.reach, axis=0), FLOOR)
        horizon = np.flatnonzero(reach >= np.log(0.01))[-1] + 1
        module = untrained(gf.cells.get(cell), task.inputs, 1, hidden, choices, seed)
        row = [horizon, look.exponent, reach[steps // 2], look.directions]
        row += [kernel_share(module, cell, batch), cell in GATED]
        rows.append(np.nan_to_num(row, nan=FLOOR).tolist())
    return {"told": rows, "error": found.best().tolist()}


def main(out, quick=False, **look):
    """Draw the area of each quantity, and the error against the one that was registered."""
    labels = ["rnn, gain 1", "irnn, small W", "gru, bias 0", "gru, chrono"] if quick else [*CELLS]
    how = {"steps": 8, "seeds": [101, 102], "updates": 120, "hidden": 8, "rates": [0.02]}
    full = {"steps": 50, "seeds": [101, 102, 103], "updates": 800, "hidden": 24}
    how = how if quick else {**full, "rates": [0.003, 0.01]}
    pieces = [{"label": name, **how} for name in labels]
    found = kept("who_learns", out, measured, pieces, quick=quick)
    told = np.array([row for one in found for row in one["told"]])
    error = np.minimum([value for one in found for value in one["error"]], 1.0)
    solved = adding(how["steps"]).solved(error)
    numbers, areas = {"networks": len(solved), "solved": solved.sum()}, []
    draws = np.random.default_rng(0).integers(0, len(solved), (1000, len(solved)))
    for values, name in zip(told.T, TOLD, strict=True):
        again = [area(values[d], solved[d]) for d in draws]  # NaN where none or all solve it
        areas.append((area(values, solved), *np.nanpercentile(again, [5, 95])))
        numbers[f"area of {name}"], numbers[f"{name}, 5th percentile"] = areas[-1][:2]
    others, share, gated = [mid for mid, _, _ in areas[:4]], areas[4], areas[5]
    judged = ("refuted", "left open", "confirmed")[int(share[0] >= 0.6) + int(share[0] >= 0.7)]
    (middle, low, high), across, points = np.array(areas).T, range(len(TOLD)), []
    bars = [Series(label="", x=across, y=middle, low=low, high=high, kind="points")]
    for k, name in enumerate(("others", "gated")):
        x, y = told[told[:, 5] == k, 4], np.log(error[told[:, 5] == k])
        points.append(Series(label=name, x=x, y=y, kind="points", style=k))
    with page("who_learns", out, quick, shape=(1, 2), **look) as sheet:
        left, right = sheet.axes
        plot_series(left, bars, x="told by the untrained network", y="area under the curve")
        left.set_xticks(across, TOLD, rotation=30, ha="right")
        left.axhline(0.5, color=QUIET, linewidth=0.6, zorder=0)
        plot_series(right, points, x="kernel share", y="squared error held out", log=True)
        return sheet.publish(
            answer=(
                f"Of {len(solved)} networks {solved.sum()} solve it: horizon, exponent, reach and "
                f"directions have areas of {min(others):.2f} to {max(others):.2f} (chance 0.5), "
                f"the registered share {share[0]:.2f} ({share[1]:.2f} to {share[2]:.2f}), which "
                f"is {'not judged by so few' if quick else judged}; being gated {gated[0]:.2f}."
            ),
            caption=(
                f"Adding over {how['steps']} steps, {how['updates']} updates, better of rates "
                f"{', '.join(map(str, how['rates']))}. Left: how well each quantity of the "
                "untrained network tells who solves it, with 5th and 95th percentile of resampled "
                f"sets; line: chance. Right: error against the kernel share (area {share[0]:.2f})."
            ),
            numbers=numbers,
        )


if __name__ == "__main__":
    from gradflow.cli import run_script

    run_script(__file__)
