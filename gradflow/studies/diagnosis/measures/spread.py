"""A number over several sequences: its median and the range it was found in."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

__all__ = ["Spread", "short", "spread", "told"]


@dataclass(frozen=True)
class Spread:
    """The median of a number over sequences, its least and its greatest value."""

    median: float
    low: float
    high: float
    count: int

    def __str__(self) -> str:
        """Return ``"12 (8 to 20 over 5 sequences)"``."""
        return told(self)


def spread(values: Iterable[float]) -> Spread:
    """Return the spread of values; ``nan`` where there is none.

    >>> str(spread([3.0, 1.0, 2.0]))
    '2 (1 to 3 over 3 sequences)'
    """
    found = np.array(list(values), dtype=np.float64)
    if not found.size:
        return Spread(math.nan, math.nan, math.nan, 0)
    # of an even number the lower of the two in the middle, a value that occurs
    middle = float(np.sort(found)[(len(found) - 1) // 2])
    return Spread(middle, float(found.min()), float(found.max()), len(found))


def told(
    found: Spread,
    write: Callable[[float], str] = lambda v: f"{v:.4g}",
    ends: Callable[[float], str] | None = None,
) -> str:
    """Return a spread in words, each number written by ``write``, its ends by ``ends``."""
    bare = ends or write
    if found.count <= 1:
        return write(found.median)
    if found.low == found.high:
        return f"{write(found.median)} (all {found.count} sequences)"
    return (
        f"{write(found.median)} ({bare(found.low)} to {bare(found.high)} over {found.count} "
        "sequences)"
    )


def short(found: Spread, write: Callable[[float], str]) -> str:
    """Return a spread in short: its median, and in brackets the least and the greatest value.

    >>> short(Spread(2.0, 1.0, 3.0, 5), "{:g}".format)
    '2 (1 to 3)'
    """
    middle, low, high = (write(v) for v in (found.median, found.low, found.high))
    return middle if found.count <= 1 or low == high else f"{middle} ({low} to {high})"
