"""Axes for a result's own ``plot`` method, which may be called without any."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["axes_or_new"]


def axes_or_new(ax: Axes | None) -> Axes:
    """Return ``ax``, or the axes of a new pyplot figure, which a notebook shows by itself."""
    if ax is not None:
        return ax
    # pyplot chooses a window system, so it is loaded only for those who want one.
    from matplotlib import pyplot

    return pyplot.subplots(layout="constrained")[1]
