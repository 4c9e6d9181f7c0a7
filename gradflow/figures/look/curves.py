"""Curves of decades against lag: where one ends in an exact zero, and how each gets its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.lines import Line2D

from gradflow.errors import UsageError
from gradflow.figures.look.style import INK

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "draw_curve",
    "lag_axis",
    "legend_above",
    "mark_zeros",
    "name_curves",
    "read_lags",
    "settle_names",
]

_MOST_NAMES_AT_ENDS = 8
_WIDEST_NAME = 0.42
# A name moved further than this many lines from its curve no longer points at it.
_FARTHEST = 1.3
# How a name at the end of a curve is known, and its distance in points.
_AT_END = "_end"
_BESIDE = (5.0, 0.0)


def read_lags(lag: ArrayLike, values: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    """Return ``lag`` (L,) for ``values`` (..., L), or say that they do not fit together.

    Raises
    ------
    UsageError
        ``lag`` is not one-dimensional, is empty, or is not as long as the last axis of ``values``.
    """
    lags = np.asarray(lag, dtype=np.float64)
    if lags.ndim != 1 or not lags.size or values.shape[-1:] != lags.shape:
        raise UsageError(
            f"{name}: lag has shape {lags.shape} and the values {values.shape}; lag must be one "
            "axis with at least one entry, and the last axis of the values as long."
        )
    return lags


def draw_curve(
    ax: Axes, lag: NDArray[np.float64], decades: NDArray[np.float64], label: str, **look: Any
) -> Line2D:
    """Draw ``decades`` (L,) against ``lag`` (L,); exact zeros (``-inf``) are gaps.

    A curve that is zero from the first lag on has nothing to draw, so its name says so; one with a
    single point is a dot.
    """
    shown = np.where(np.isfinite(decades), decades, np.nan)
    if label and np.isnan(shown).all():
        label = f"{label} (exactly 0)"
    if np.count_nonzero(np.isfinite(shown)) == 1:
        look["marker"] = "."
    return ax.plot(lag, shown, label=label or "_", **look)[0]


def mark_zeros(ax: Axes, curves: Sequence[Line2D]) -> list[Artist]:
    """Put a cross where a curve stops because it becomes exactly zero.

    A single cross carries a note beside it; for several, the handle of a legend entry is returned.
    """
    crosses: list[Line2D] = []
    for curve in curves:
        x, y = _data(curve)
        gaps = np.flatnonzero(np.isnan(y))
        if gaps.size and gaps[0] > 0:
            last = gaps[0] - 1
            color = curve.get_color()
            (cross,) = ax.plot(
                x[last], y[last], "x", color=color, markersize=5, clip_on=False, label="_"
            )
            crosses.append(cross)
    if len(crosses) == 1:
        x, y = _data(crosses[0])
        ax.annotate("exactly 0", (x[0], y[0]), (6, 0), textcoords="offset points", va="center")
        return []
    return [Line2D([], [], color=INK, marker="x", ls="", label="exactly 0 beyond")] * bool(crosses)


def name_curves(ax: Axes, curves: Sequence[Line2D], notes: Sequence[Artist] = ()) -> None:
    """Write each curve's name at its right end, or in a legend above if they would collide there.

    ``notes`` are further legend entries; with any, there is a legend.
    """
    named = [curve for curve in curves if not str(curve.get_label()).startswith("_")]
    if named and (notes or not _names_at_ends(ax, named)):
        legend_above(ax, [*named, *notes])


def legend_above(ax: Axes, handles: Sequence[Any]) -> None:
    """Put a legend over the axes, where it hides no data, in as many columns as fit."""
    for columns in range(len(handles), 0, -1):
        legend = ax.legend(
            handles=handles,
            ncols=columns,
            loc="lower left",
            bbox_to_anchor=(0.0, 1.0),
            borderaxespad=0.3,
            columnspacing=1.6,
        )
        if legend.get_window_extent().width <= ax.bbox.width:
            return


def lag_axis(ax: Axes, lags: Sequence[NDArray[np.float64]]) -> None:
    """Name the x axis and show all ``lags``, those included at which a curve is exactly zero."""
    ax.set_xlabel("lag $t - k$ (steps)")
    first = min(float(lag.min()) for lag in lags)
    last = max(float(lag.max()) for lag in lags)
    if first < last:
        ax.set_xlim(first, last)


def _names_at_ends(ax: Axes, named: Sequence[Line2D]) -> bool:
    """Write the names, moved apart if need be, unless they have no room or a curve ends early."""
    ends = [_end(curve) for curve in named]
    if len(named) > _MOST_NAMES_AT_ENDS or len({x for x, _ in ends}) > 1:
        return False
    x = ends[0][0]
    if np.isnan(x) or x < ax.get_xlim()[1]:
        return False
    names = [
        ax.annotate(
            str(curve.get_label()),
            end,
            _BESIDE,
            textcoords="offset points",
            va="center",
            color=str(curve.get_color()),
            fontsize=mpl.rcParams["legend.fontsize"],
            annotation_clip=False,
            label=_AT_END,
        )
        for curve, end in zip(named, ends, strict=True)
    ]
    shifts = _move_apart(names)
    boxes = [name.get_window_extent() for name in names]
    if max(float(b.width) for b in boxes) <= _WIDEST_NAME * ax.bbox.width and max(
        map(abs, shifts)
    ) <= _FARTHEST * max(float(b.height) for b in boxes):
        return True
    for name in names:
        name.remove()
    return False


def settle_names(figure: Figure) -> None:
    """Move the names at the ends of curves apart once more, now that the panels have their sizes.

    When they are written, the layout is still to come, and a panel may become lower.
    """
    figure.draw_without_rendering()
    for ax in figure.axes:
        names = [text for text in ax.texts if text.get_label() == _AT_END]
        if names:
            _move_apart(names)


def _move_apart(names: Sequence[Text]) -> list[float]:
    """Move names up or down so that none overlaps another; return by how many pixels each."""
    for name in names:
        name.set_position(_BESIDE)
    boxes = [name.get_window_extent() for name in names]
    middles = [float(box.y0 + box.y1) / 2 for box in boxes]
    apart = _apart(middles, [float(box.height) for box in boxes])
    shifts = [place - middle for place, middle in zip(apart, middles, strict=True)]
    for name, shift in zip(names, shifts, strict=True):
        dpi = name.get_figure(root=True).dpi  # type: ignore[union-attr]
        name.set_position((_BESIDE[0], _BESIDE[1] + shift * 72 / dpi))
    return shifts


def _apart(places: Sequence[float], heights: Sequence[float]) -> list[float]:
    """Return places moved as little as brings each ``height`` clear of the next, in their order."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    groups: list[list[int]] = []
    middles: list[float] = []

    def spans(group: list[int], middle: float) -> tuple[float, float]:
        half = sum(heights[i] for i in group) / 2
        return middle - half, middle + half

    for i in order:
        groups.append([i])
        middles.append(places[i])
        while (
            len(groups) > 1
            and spans(groups[-2], middles[-2])[1] > spans(groups[-1], middles[-1])[0]
        ):
            joined = groups[-2] + groups[-1]
            middle = sum(places[j] for j in joined) / len(joined)
            groups[-2:], middles[-2:] = [joined], [middle]
    found = list(places)
    for group, middle in zip(groups, middles, strict=True):
        low = spans(group, middle)[0]
        for i in group:
            found[i] = low + heights[i] / 2
            low += heights[i]
    return found


def _end(curve: Line2D) -> tuple[float, float]:
    x, y = _data(curve)
    finite = np.flatnonzero(np.isfinite(y))
    return (float(x[finite[-1]]), float(y[finite[-1]])) if finite.size else (np.nan, np.nan)


def _data(curve: Line2D) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y = curve.get_data(orig=True)
    return np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
