"""The eigenvalues at fixed points and slow points, in the complex plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.patches import Circle

from gradflow.errors import UsageError
from gradflow.figures.look.axes import drawable
from gradflow.figures.look.curves import legend_above
from gradflow.figures.look.style import QUIET, stroke
from gradflow.given import record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gradflow.spectra import FixedPoints

__all__ = ["plot_fixed_points"]

# Told apart by shape and filling too, so that they are in grey; what is filled is small and on top.
_LOOKS: dict[str, dict[str, Any]] = {
    "stable": {"marker": "o", "color": stroke(0).color, "markersize": 2.8, "zorder": 5},
    "unstable": {
        "marker": "^",
        "color": stroke(1).color,
        "markerfacecolor": "none",
        "markersize": 5,
        "zorder": 4,
    },
    "undecided": {"marker": "D", "color": stroke(3).color, "fillstyle": "left", "zorder": 3},
    "slow": {"marker": "x", "color": QUIET, "zorder": 2.5},
    "continuum": {"marker": "+", "color": QUIET, "markersize": 6, "zorder": 2},
}


def plot_fixed_points(ax: Axes, result: FixedPoints) -> Axes:
    """Plot the eigenvalues at each fixed and slow point over the unit circle, on equal scales.

    Stable fixed points are filled circles, unstable ones hollow triangles, undecided ones
    half-filled diamonds, slow points crosses, samples of a continuum upright crosses; the legend
    counts the points of each kind.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    result : FixedPoints
        ``eigenvalues`` (m, d) with a word of ``stability`` each, ``slow_eigenvalues`` (k, d) and
        ``continuum_eigenvalues`` (c, d), all complex.

    Returns
    -------
    Axes
        ``ax``.

    Raises
    ------
    UsageError
        Nothing to plot, or shapes that do not fit.
    """
    drawable(ax, "plot_fixed_points")
    has = ("eigenvalues", "stability", "slow_eigenvalues", "continuum_eigenvalues")
    record(result, "plot_fixed_points: result", has, "FixedPoints")
    values = np.asarray(result.eigenvalues, dtype=np.complex128)
    if values.ndim != 2 or len(values) != len(result.stability):
        raise UsageError(
            f"plot_fixed_points: eigenvalues have shape {values.shape} and there are "
            f"{len(result.stability)} words of stability; each needs one row of eigenvalues."
        )
    words = np.array(result.stability, dtype=str)
    groups = {kind: values[words == kind] for kind in ("stable", "unstable", "undecided")}
    groups["slow"] = np.asarray(result.slow_eigenvalues, dtype=np.complex128)
    groups["continuum"] = np.asarray(result.continuum_eigenvalues, dtype=np.complex128)
    if not any(map(len, groups.values())):
        raise UsageError("plot_fixed_points: no point was found; search with more starts.")
    ax.add_patch(Circle((0, 0), 1, fill=False, edgecolor=QUIET, linewidth=0.7))
    ax.axhline(0, color=QUIET, linewidth=0.3)
    ax.axvline(0, color=QUIET, linewidth=0.3)
    handles = []
    for kind, group in groups.items():
        if len(group):
            label = f"{kind} ({len(group)})"
            look = {"linestyle": "none", "markeredgewidth": 0.9, **_LOOKS[kind]}
            handles += ax.plot(group.real.ravel(), group.imag.ravel(), label=label, **look)
    ax.set_aspect("equal")
    ax.margins(0.08)
    ax.set_xlabel(r"$\operatorname{Re}\,\lambda$")
    ax.set_ylabel(r"$\operatorname{Im}\,\lambda$")
    legend_above(ax, handles)
    return ax
