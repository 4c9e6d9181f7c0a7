"""Pseudospectra: where the eigenvalues of a matrix can go under a perturbation of a given norm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.patches import Circle
from matplotlib.ticker import FuncFormatter
from numpy.typing import ArrayLike

from gradflow.arrays import real_array
from gradflow.errors import UsageError, shown
from gradflow.figures.look.axes import complex_numbers, drawable
from gradflow.figures.look.decades import decade_label
from gradflow.figures.look.style import INK
from gradflow.given import record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gradflow.figures.charts.heat import Grid

__all__ = ["plot_pseudospectra"]

# Light enough for dots in ink, dark enough for white paper.
_SHADES = (0.4, 0.92)


def plot_pseudospectra(
    ax: Axes, grid: Grid, eigenvalues: ArrayLike, *, levels: Sequence[float]
) -> Axes:
    r"""Draw the regions that eigenvalues can reach, over the unit circle, and the eigenvalues.

    Darker means reached by a smaller perturbation, in grey too.

    Parameters
    ----------
    ax : Axes
        Where to draw; its two axes get one scale.
    grid : Grid
        ``x`` (nx,) and ``y`` (ny,), real and imaginary parts of points z, and the natural
        logarithms (ny, nx) of the norm of the resolvent :math:`(zI - A)^{-1}` there, ``inf`` at an
        eigenvalue.
    eigenvalues : array_like
        (n,) complex.
    levels : sequence of float
        Norms of perturbations, ascending, two or more.

    Returns
    -------
    Axes
        ``ax``.

    Raises
    ------
    UsageError
        Shapes that do not fit, NaN, an eigenvalue that is not finite, or levels that are not
        positive and ascending.
    """
    drawable(ax, "plot_pseudospectra")
    record(grid, "plot_pseudospectra: grid", ("x", "y", "values", "quantity"), "Grid")
    x, y, values = (np.asarray(v, dtype=np.float64) for v in (grid.x, grid.y, grid.values))
    points = complex_numbers(eigenvalues, "plot_pseudospectra: eigenvalues")
    if values.shape != (y.size, x.size) or (np.isnan(values) | np.isneginf(values)).any():
        raise UsageError(
            f"plot_pseudospectra: the values have shape {values.shape} for {y.size} y and {x.size} "
            "x; they must have a row a y, a column an x, and be finite or inf at an eigenvalue."
        )
    if points.ndim != 1 or not np.isfinite(points).all():
        raise UsageError("plot_pseudospectra: the eigenvalues must be one axis of finite numbers.")
    edges = real_array(levels, "plot_pseudospectra", "levels")
    if edges.ndim != 1 or edges.size < 2 or edges[0] <= 0 or (np.diff(edges) <= 0).any():
        raise UsageError(
            f"plot_pseudospectra: levels is {shown(levels)}; give two or more positive numbers in "
            "ascending order."
        )
    decades = np.log10(edges)
    lowest = decades[0] - 1
    reached = np.maximum(-values / math.log(10), lowest)
    shades = mpl.colormaps["Blues_r"](np.linspace(*_SHADES, edges.size))
    regions = ax.contourf(x, y, reached, [lowest - 1, *decades], colors=list(shades))
    ax.contour(x, y, reached, decades, colors=INK, linewidths=0.4, linestyles="solid")
    ax.add_patch(Circle((0, 0), 1, fill=False, edgecolor=INK, linewidth=1.1))
    ax.plot(points.real, points.imag, ".", color=INK, markersize=3.0, label="_")
    ax.set_aspect("equal")
    ax.set(xlabel=r"$\operatorname{Re}\,z$", ylabel=r"$\operatorname{Im}\,z$")
    figure: Any = ax.figure
    bar = figure.colorbar(regions, ax=ax, location="top", pad=0.03, aspect=22)
    bar.set_ticks(decades)
    bar.ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: decade_label(v, plain=True)))
    bar.ax.set_xlim(lowest, decades[-1])
    bar.set_label(grid.quantity)
    bar.outline.set_linewidth(0.4)
    return ax
