"""Named curves of any two quantities, with bands, points and theory beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow.errors import UsageError
from gradflow.figures.look.axes import drawable
from gradflow.figures.look.curves import draw_curve, mark_zeros, name_curves
from gradflow.figures.look.decades import decade_axis, to_decades
from gradflow.figures.look.style import BOUND, INK, stroke
from gradflow.given import flag, instance, several

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Series", "plot_series"]

Kind = Literal["line", "points", "theory", "bound"]

_LOOKS: dict[str, dict[str, Any]] = {
    "theory": {"color": INK, "linestyle": (0, (4, 2)), "zorder": 3.5},
    "bound": BOUND,
}


@dataclass(frozen=True, eq=False, kw_only=True)
class Series:
    """One curve.

    Parameters
    ----------
    label
        Its name, ``""`` for none.
    x, y
        (n,) each. On an axis of powers of ten ``y`` holds natural logarithms, ``-inf`` for zero.
    low, high
        (n,): the edges of a band around it, or of bars at its points, in the units of ``y``.
    kind
        ``"line"``; ``"points"`` without a line; ``"theory"`` and ``"bound"`` look the same in every
        figure: dashed in ink, dotted in grey.
    style
        Number of its colour and line style, or of either; its place among the lines by default.
    """

    label: str
    x: ArrayLike
    y: ArrayLike
    low: ArrayLike | None = None
    high: ArrayLike | None = None
    kind: Kind = "line"
    style: int | tuple[int, int] | None = None


def plot_series(
    ax: Axes, series: Sequence[Series], *, x: str, y: str, log: bool = False, named: bool = True
) -> Axes:
    """Plot curves, each named at its right end, or in a legend above where that has no room.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    series : sequence of Series
        What to draw.
    x, y : str
        Names of the axes, with their units.
    log : bool
        Whether every ``y``, ``low`` and ``high`` is a natural logarithm, to be drawn on an axis of
        powers of ten, however small; an exact zero ends a curve in a cross.
    named : bool
        Whether the names are written; a second panel with the same curves may leave them out.

    Returns
    -------
    Axes
        ``ax``.

    Raises
    ------
    UsageError
        Nothing to plot, shapes that do not fit, NaN, or an infinity where there is none to draw.
    """
    drawable(ax, "plot_series", x=x, y=y)
    log, named = flag(log, "plot_series: log"), flag(named, "plot_series: named")
    series = several(series, "plot_series: series", "Series")
    for one in series:
        instance(one, "plot_series: an item of series", Series)
    if not series:
        raise UsageError("plot_series: series is empty; give at least one Series.")
    curves, count, ends = [], 0, []
    for one in series:
        across, up = _values(one, one.y, log)
        style = count if one.style is None else one.style
        look = stroke(*style) if isinstance(style, tuple) else stroke(style)
        count += one.kind in ("line", "points")
        if one.kind != "points":
            ends += [across.min(), across.max()]
        if one.low is not None and one.high is not None:
            low, high = (_values(one, edge, log)[1] for edge in (one.low, one.high))
            drawn = np.isfinite(low) & np.isfinite(high)
            if one.kind == "points":
                ax.vlines(across[drawn], low[drawn], high[drawn], color=look.color, linewidth=0.8)
            else:
                shade: dict[str, Any] = {"color": look.color, "alpha": 0.18, "linewidth": 0}
                ax.fill_between(across, low, high, where=drawn.tolist(), **shade)
        options = _LOOKS.get(one.kind) or {"color": look.color, "linestyle": look.linestyle}
        if one.kind == "points":
            options = {
                "color": look.color,
                "linestyle": "none",
                "marker": look.marker,
                "markerfacecolor": "none",
            }
        curves.append(draw_curve(ax, across, up, one.label if named else "", **options))
    if ends and min(ends) < max(ends):
        ax.set_xlim(min(ends), max(ends))
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    if log:
        decade_axis(ax)
    name_curves(ax, curves, mark_zeros(ax, curves))
    return ax


def _values(
    one: Series, values: ArrayLike, log: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return x and values (n,), the latter in decades with ``log``."""
    across = np.asarray(one.x, dtype=np.float64)
    up = np.asarray(values, dtype=np.float64)
    if across.ndim != 1 or up.shape != across.shape or not across.size:
        raise UsageError(
            f"plot_series: {one.label!r} has x of shape {across.shape} and y of {up.shape}; both "
            "must be one axis of one length, with an entry or more."
        )
    if log:
        return across, to_decades(up, f"plot_series: {one.label!r}")
    if not (np.isfinite(up).all() and np.isfinite(across).all()):
        raise UsageError(f"plot_series: {one.label!r} has values that are not finite; drop them.")
    return across, up
