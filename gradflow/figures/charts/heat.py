"""Heat maps: a quantity over two others, with a true zero and regions outlined on it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import Normalize, TwoSlopeNorm
from matplotlib.patches import Patch
from matplotlib.ticker import Formatter, FuncFormatter, MaxNLocator
from numpy.typing import ArrayLike, NDArray

from gradflow.arrays import real_array
from gradflow.errors import UsageError, shown
from gradflow.figures.look.axes import drawable, pair
from gradflow.figures.look.curves import legend_above
from gradflow.figures.look.decades import decade_label, to_decades
from gradflow.figures.look.style import INK
from gradflow.given import flag, mapping, real_number, record, several

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Grid", "mark_points", "outline", "plot_heat", "trace"]

_ZERO = "#ffffff"


@dataclass(frozen=True, eq=False)
class Grid:
    """A quantity over two others.

    Parameters
    ----------
    x, y
        (nx,) and (ny,), ascending and evenly spaced.
    values
        (ny, nx); natural logarithms where the map is one of powers of ten, ``-inf`` for zero.
    quantity
        Its name, with units, as text for the colour bar.
    """

    x: ArrayLike
    y: ArrayLike
    values: ArrayLike
    quantity: str


def plot_heat(
    ax: Axes,
    grid: Grid,
    *,
    x: str,
    y: str,
    log: bool = False,
    zero: float | None = None,
    levels: Sequence[float] = (),
    limits: tuple[float, float] | None = None,
) -> Axes:
    """Draw a heat map with its colour bar.

    Without ``zero`` darker means less, in grey too. With it the map has two sides: ``zero`` is
    white and outlined, and contour lines tell the sides apart in grey.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    grid : Grid
        What to draw.
    x, y : str
        Names of the axes, with units.
    log : bool
        Whether the values are natural logarithms, shown as powers of ten; exact zeros are left
        white and said in a legend.
    zero : float, optional
        The value that is neither side, in the units of the values.
    levels : sequence of float
        Contours to draw and label, in the units of the values (natural logarithms with ``log``).
    limits : tuple of float, optional
        Lowest and highest value told apart; what lies beyond has the last colour, and the colour
        bar ends in an arrow there.

    Returns
    -------
    Axes
        ``ax``.

    Raises
    ------
    UsageError
        Shapes that do not fit, uneven spacing, NaN, or values without a finite one.
    """
    drawable(ax, "plot_heat", x=x, y=y)
    log = flag(log, "plot_heat: log")
    zero = None if zero is None else real_number(zero, "plot_heat: zero")
    levels = [
        real_number(level, "plot_heat: a level of levels")
        for level in several(levels, "plot_heat: levels", "numbers")
    ]
    limits = None if limits is None else pair(limits, "plot_heat: limits")
    if limits is not None and limits[0] > limits[1]:
        raise UsageError(f"plot_heat: limits is {limits}; the lower one comes first.")
    across, up, values = _checked(grid, log)
    scale = 1 / math.log(10) if log else 1.0
    finite = values[np.isfinite(values)]
    least, most = float(finite.min()), float(finite.max())
    low, high = (least, most) if limits is None else (limits[0] * scale, limits[1] * scale)
    if low == high:
        low, high = low - 0.5, high + 0.5
    norm: Normalize = Normalize(low, high)
    colors = mpl.colormaps["cividis"]
    middle = None if zero is None else zero * scale
    if middle is not None:
        low, high = min(low, middle - 1e-9), max(high, middle + 1e-9)
        norm = TwoSlopeNorm(middle, low, high)
        colors = mpl.colormaps["PuOr"]
    image = ax.imshow(
        np.ma.masked_invalid(values),
        origin="lower",
        aspect="auto",
        extent=(*_edges(across), *_edges(up)),
        cmap=colors.with_extremes(bad=_ZERO),
        norm=norm,
        interpolation="nearest",
    )
    ax.grid(False)
    extend = {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[
        int(least < low - 1e-12), int(most > high + 1e-12)
    ]
    figure: Any = ax.figure
    bar = figure.colorbar(image, ax=ax, extend=extend, pad=0.02, aspect=28)
    bar.outline.set_linewidth(0.4)
    bar.set_label(grid.quantity)
    if log:
        bar.ax.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=high - low > 3))
        bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: decade_label(v)))
    wanted = {level * scale for level in levels} | ({middle} if middle is not None else set())
    if drawn := sorted(level for level in wanted if least < level < most):
        _contours(ax, across, up, values, drawn, log, middle)
    if np.isneginf(values).any():
        legend_above(ax, [Patch(facecolor=_ZERO, edgecolor=INK, linewidth=0.5, label="exactly 0")])
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    return ax


def outline(
    ax: Axes, x: ArrayLike, y: ArrayLike, inside: ArrayLike, label: str, at: tuple[float, float]
) -> Axes:
    """Outline the region where ``inside`` (ny, nx) holds; write ``label`` at the point ``at``."""
    drawable(ax, "outline", label=label)
    at = pair(at, "outline: at")
    region = real_array(inside, "outline", "inside")
    x, y = (real_array(v, "outline", name) for name, v in (("x", x), ("y", y)))
    if x.ndim != 1 or y.ndim != 1 or region.shape != (y.size, x.size) or min(region.shape) < 2:
        raise UsageError(
            f"outline: x has shape {x.shape}, y {y.shape} and inside {region.shape}; inside needs "
            "a row for each y and a column for each x, two or more."
        )
    if region.any() and not region.all():
        ax.contour(x, y, region, [0.5], colors=INK, linewidths=1.6)
        ax.contourf(x, y, region, [0.5, 1.5], colors="none", hatches=["///"])
    _tag(ax, label, at)
    return ax


def mark_points(ax: Axes, points: Mapping[str, tuple[float, float]]) -> Axes:
    """Mark named points with a dot and their name beside it, readable on any colour."""
    drawable(ax, "mark_points")
    left, right = ax.get_xlim()
    for name, point in mapping(points, "mark_points: points", "pairs of numbers").items():
        x, y = pair(point, f"mark_points: points[{name!r}]")
        ax.plot([x], [y], "o", color="white", markeredgecolor=INK, markeredgewidth=0.9, label="_")
        before = x > (left + right) / 2
        _tag(ax, name, (x, y), (-6 if before else 6, 0), "right" if before else "left")
    return ax


def trace(ax: Axes, *coordinates: ArrayLike, color: str = INK) -> Axes:
    """Draw a path in ``color`` with a white edge, readable on a map or on a surface.

    ``coordinates`` are two arrays (n,) on flat axes, and three on axes in three dimensions. Others,
    or a value that is not finite, raise ``UsageError``.
    """
    drawable(ax, "trace")
    if not isinstance(color, str) or not mpl.colors.is_color_like(color):
        raise UsageError(f"trace: color is {shown(color)}; it must be a colour of matplotlib.")
    path = [real_array(v, "trace", "coordinates", finite=False, many=True) for v in coordinates]
    needed = 3 if ax.name == "3d" else 2
    shapes = {values.shape for values in path}
    if len(path) != needed or len(shapes) != 1 or path[0].ndim != 1 or not np.isfinite(path).all():
        raise UsageError(
            f"trace: coordinates must be {needed} arrays of one length, finite; there are "
            f"{len(path)} of the shapes {', '.join(map(str, sorted(shapes)))}."
        )
    width = 0.7 * float(mpl.rcParams["lines.linewidth"])
    for shade, wide in (("white", 2.4 * width), (color, width)):
        # above the surface, whose parts are sorted among themselves only
        ax.plot(*path, color=shade, linewidth=wide, zorder=4, label="_")
    return ax


def _tag(
    ax: Axes,
    text: str,
    at: tuple[float, float],
    shift: tuple[float, float] = (0, 0),
    ha: str = "center",
) -> None:
    ax.annotate(
        text,
        at,
        shift,
        textcoords="offset points",
        ha=ha,
        va="center",
        color=INK,
        fontsize=mpl.rcParams["legend.fontsize"],
        bbox={"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.85},
    )


def _contours(
    ax: Axes,
    across: NDArray[np.float64],
    up: NDArray[np.float64],
    values: NDArray[np.float64],
    levels: Sequence[float],
    log: bool,
    middle: float | None,
) -> None:
    """Draw and label contours, that of ``middle`` thicker than the others."""
    widths = [1.6 if level == middle else 0.7 for level in levels]
    masked = np.ma.masked_invalid(values)
    # White under ink, so that a line is seen on every colour.
    ax.contour(across, up, masked, levels, colors="white", linewidths=[w + 1.0 for w in widths])
    lines = ax.contour(
        across, up, masked, levels, colors=INK, linewidths=widths, linestyles="solid"
    )
    for text in ax.clabel(
        lines,
        fmt=lambda v: decade_label(v, plain=True) if log else Formatter.fix_minus(f"{v:g}"),
        fontsize=mpl.rcParams["legend.fontsize"],
        inline_spacing=2,
    ):
        text.set_bbox({"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.85})


def _checked(
    grid: Grid, log: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    record(grid, "plot_heat: grid", ("x", "y", "values", "quantity"), "Grid")
    across, up = (np.asarray(v, dtype=np.float64) for v in (grid.x, grid.y))
    values = np.asarray(grid.values, dtype=np.float64)
    name = f"plot_heat: {grid.quantity!r}"
    if across.ndim != 1 or up.ndim != 1 or values.shape != (up.size, across.size):
        raise UsageError(
            f"{name}: x has shape {across.shape}, y {up.shape} and the values {values.shape}; the "
            "values must have a row for each y and a column for each x."
        )
    for axis in (across, up):
        steps = np.diff(axis)
        if axis.size < 2 or steps.min() <= 0 or steps.max() > steps.min() * (1 + 1e-6):
            raise UsageError(
                f"{name}: x and y must be ascending and evenly spaced, 2 or more each."
            )
    values = to_decades(values, name) if log else values
    allowed = np.isfinite(values) | (np.isneginf(values) & log)
    if not allowed.all() or not np.isfinite(values).any():
        raise UsageError(f"{name}: values must be finite; clip or mask what is not, and say so.")
    return across, up, values


def _edges(axis: NDArray[np.float64]) -> tuple[float, float]:
    half = (axis[1] - axis[0]) / 2
    return float(axis[0] - half), float(axis[-1] + half)
