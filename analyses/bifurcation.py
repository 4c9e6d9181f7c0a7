"""Why does a small step of a bias throw the state, and the gradient, of one unit far away?

Corresponds to: Doya, "Bifurcations in the learning of recurrent neural networks" (ISCAS 1992); the
one-unit system x' = w sigma(x) + b of Pascanu, Mikolov & Bengio (ICML 2013), section 2.2, where
the gradient explodes as a start crosses the boundary between two basins of attraction.

Between two folds the unit has two stable states and an unstable one between them, which is the
boundary of their basins. A start on the boundary stays there, and each step multiplies what is
beside it by w sigma'(x) > 1: the gradient explodes exactly where the basin changes.
"""

import numpy as np

import gradflow as gf
from gradflow.figures import Series, plot_series
from gradflow.figures.look.style import INK, QUIET, stroke
from gradflow.reporting import page

W, START, REACH = 5.0, 0.5, 4.0
STEPS = (10, 25, 50)
BESIDE = {"textcoords": "offset points", "va": "center"}
UNIT = gf.Cell(
    name="unit", state="x", scalars="w", vectors="b", equations="x_next = w * sigmoid(x) + b"
)


def fixed(b):
    """The fixed points of one unit with bias b, as gradflow finds them."""
    starts = np.linspace(-REACH, REACH, 25)[:, None]
    return gf.fixed_points(UNIT, {"w": [W], "b": [b]}, starts=starts, backend="numpy")


def slope(x):
    """dF/dx at states x (n,), one unit each, and the biases that make them fixed points."""
    still = gf.run(UNIT, {"w": [W], "b": np.zeros_like(x)}, state=x, steps=1, backend="numpy")
    log = still.gradient_decay(np.ones_like(x)).by_unit[1]
    return np.exp(log), x - still.states["x"][1]


def from_start(b, starts, steps):
    """Last states and log |dx_T/dx_0| of units with biases b (n,) from starts (n,)."""
    run = gf.run(UNIT, {"w": [W], "b": b}, state=starts, steps=steps, backend="numpy")
    return run.states["x"][-1], run.gradient_decay(np.ones_like(b)).by_unit[-1]


def main(out, quick=False, **look):
    """Draw the branches with their basins, and the gradient across the boundary."""
    # sigma'(x) = s (1 - s) = 1/w at the folds
    folded = (1 + np.array([1, -1]) * np.sqrt(1 - 4 / W)) / 2
    fold_x = np.log(folded / (1 - folded))
    at_fold, fold_b = slope(fold_x)
    numbers = {"fold: lower b": fold_b[0], "fold: upper b": fold_b[1]}
    numbers["fold: |dF/dx - 1|"] = np.abs(at_fold - 1).max()
    for name, b in (("below", -2.8), ("between", -2.5), ("above", -2.2)):
        numbers[f"fixed points {name} the folds"] = len(fixed(b).states)
    low, high = fold_b + np.array([-0.25, 0.25])
    count = 80 if quick else 320
    biases, starts = np.linspace(low, high, count), np.linspace(-REACH, REACH, count)
    grid_b, grid_x = (g.ravel() for g in np.meshgrid(biases, starts))
    ends = from_start(grid_b, grid_x, 400)[0].reshape(count, count)
    states = np.linspace(-REACH, REACH, 401)
    curve_b = slope(states)[1]
    outer = [states <= fold_x[1], states >= fold_x[0]]
    branches = [outer[0], ~(outer[0] | outer[1]), outer[1]]
    boundary = slope(np.array([START]))[1][0]
    # as fine as the peak is narrow
    near = np.geomspace(1e-9, 0.3, 60 if quick else 300)
    across = np.concatenate([boundary - near[::-1], [boundary], boundary + near])
    peaks = []
    for index, steps in enumerate(STEPS):
        log = from_start(across, np.full(across.size, START), steps)[1]
        peaks.append(Series(label=f"{steps} steps", x=across, y=log, style=index))
        numbers[f"dx_T/dx_0 on the boundary, T = {steps}"] = np.exp(log[near.size])
    grown = [np.exp(p.y[near.size]) for p in peaks]
    listed = ", ".join(f"${g:.5g}$" for g in grown)
    numbers["boundary: b"] = boundary
    aside = np.interp(boundary + 0.1, across, peaks[-1].y) / np.log(10)
    numbers["log10 dx_50/dx_0 at 0.1 beside"] = aside
    with page("bifurcation", out, quick, shape=(1, 2), **look) as sheet:
        left, right = sheet.axes
        middle = np.interp(biases, curve_b[branches[1]][::-1], states[branches[1]][::-1])
        left.contourf(
            biases, starts, ends > middle, [-0.5, 0.5, 1.5], colors=["#bcd8ec", "#fdf1ea"]
        )
        for branch, dash in zip(branches, ("solid", (0, (3, 2)), "solid"), strict=True):
            left.plot(curve_b[branch], states[branch], color=INK, linestyle=dash)
        for b in np.linspace(low + 0.05, high - 0.05, 9):
            found = fixed(b)
            for x, kind in zip(found.states[:, 0], found.stability, strict=True):
                fill = INK if kind == "stable" else "white"
                left.plot(b, x, "o", color=INK, markerfacecolor=fill)
        left.plot(fold_b, fold_x, "D", color=stroke(1).color, zorder=5)
        left.set(xlim=(low, high), ylim=(-REACH, REACH), xlabel="bias $b$", ylabel="state $x$")
        left.text(low + 0.02, -3.7, "to the lower state")
        left.text(high - 0.02, 3.4, "to the upper state", ha="right")
        left.annotate("fold", (fold_b[0], fold_x[0]), (-6, 6), **BESIDE, ha="right")
        left.annotate("fold", (fold_b[1], fold_x[1]), (7, -6), **BESIDE)
        plot_series(right, peaks, x="bias $b$", y="$|dx_T/dx_0|$ from $x_0 = 0.5$", log=True)
        right.axvline(boundary, color=QUIET, linewidth=0.6, zorder=0)
        left.plot(boundary, START, "*", color=stroke(0).color, markersize=8, zorder=6)
        left.annotate("$x_0$", (boundary, START), (7, 4), **BESIDE, color=stroke(0).color)
        return sheet.publish(
            answer=(
                f"At $b = {boundary:.4f}$ the start $x_0 = {START}$ changes its basin: there 50 "
                f"steps multiply a change by ${grown[-1]:.1f}$, and at $0.1$ beside it by "
                f"$10^{{{aside:.1f}}}$."
            ),
            caption=(
                f"The unit $x' = w \\sigma(x) + b$ with $w = {W:g}$. Left: fixed points against "
                "$b$, stable (solid, filled) and unstable (dashed, open), found by search "
                "(circles) on the exact curve; folds (diamonds) where $\\sigma'(x) = 1/w$, at "
                f"$b = {fold_b[0]:.6f}$ and ${fold_b[1]:.6f}$; shaded by where a start ends after "
                f"400 steps. Right: $|dx_T/dx_0|$ from $x_0 = {START}$ (star). At $b = x_0 - w "
                f"\\sigma(x_0) = {boundary:.4f}$ the start lies on the unstable branch, and the "
                f"slope is $(w \\sigma'(x_0))^T$: {listed} for {STEPS} steps."
            ),
            numbers=numbers,
        )


if __name__ == "__main__":
    from gradflow.cli import run_script

    run_script(__file__)
