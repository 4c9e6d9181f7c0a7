"""What a function that draws is given: axes, names, pairs and complex numbers, checked."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow.errors import UsageError, shown
from gradflow.given import real_number, record, several, text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["axes_or_new", "complex_numbers", "drawable", "pair"]


def axes_or_new(ax: Axes | None) -> Axes:
    """Return ``ax``, or the axes of a new pyplot figure, which a notebook shows by itself."""
    if ax is not None:
        return ax
    # pyplot chooses a window system, so it is loaded only for those who want one.
    from matplotlib import pyplot

    return pyplot.subplots(layout="constrained")[1]


def drawable(ax: Axes, where: str, **names: Any) -> Axes:
    """Return axes that can be drawn on; ``names`` are texts of the call, such as ``x="lag"``.

    Raises ``UsageError``.
    """
    for name, given in names.items():
        text(given, f"{where}: {name}")
    return record(ax, f"{where}: ax", ("plot", "figure", "set_xlabel"), "matplotlib Axes")


def pair(value: Any, name: str) -> tuple[float, float]:
    """Return two finite numbers. Raises ``UsageError``."""
    two = several(value, name, "two numbers")
    if len(two) != 2:
        raise UsageError(f"{name} is {shown(value)}; it must be two numbers.")
    return real_number(two[0], f"{name}[0]"), real_number(two[1], f"{name}[1]")


def complex_numbers(value: ArrayLike, name: str) -> NDArray[np.complex128]:
    """Return an array of numbers, real or complex. Raises ``UsageError``."""
    array = np.asarray(None, dtype=object)
    if not isinstance(value, np.ma.MaskedArray):
        with suppress(TypeError, ValueError, OverflowError):
            array = np.asarray(value)
    if array.dtype.kind not in "biufc":
        raise UsageError(f"{name} is {shown(value)}; it must be numbers, real or complex.")
    return array.astype(np.complex128)
