"""Whether a quantity tells what will happen: areas under the curve, and the trend taken out."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from gradflow.arrays import real_array, whole_number
from gradflow.errors import UsageError

__all__ = ["area", "detrended", "share_over"]

Floats = NDArray[np.float64]


def area(values: ArrayLike, event: ArrayLike) -> float:
    """Return the chance that a value with the event exceeds one without it, ties counted half.

    That is the area under the receiver's curve: 1 separates, .5 is chance. ``values`` and ``event``
    are (n,); NaN where no value, or every value, has the event.

    Raises ``UsageError`` for arrays of two lengths.

    >>> area([1.0, 2.0, 3.0, 3.0], [False, False, True, False])
    0.8333333333333334
    """
    told = real_array(values, "area", "values", many=True, finite=False).ravel()
    happens = np.asarray(event, dtype=bool).ravel()
    if told.shape != happens.shape:
        raise UsageError(
            f"area: {told.size} values and {happens.size} entries of event; give one for each."
        )
    with_it, without = int(happens.sum()), int((~happens).sum())
    if not with_it or not without:
        return float("nan")
    ranks = rankdata(told)[happens].sum() - with_it * (with_it + 1) / 2
    return float(ranks / (with_it * without))


def detrended(values: ArrayLike, window: int = 25) -> Floats:
    """Return values (n,) less the median of the ``window`` before each; 0 for the first.

    Without it whatever drifts in a training seems to tell what comes later in it.

    >>> detrended([1.0, 2.0, 3.0, 9.0], window=2)
    array([0. , 1. , 1.5, 6.5])
    """
    told = real_array(values, "detrended", "values", many=True, finite=False).ravel()
    window = whole_number(window, "detrended: window", 1, 10**6)
    before = [np.median(told[max(0, k - window) : k]) for k in range(1, len(told))]
    return told - np.array([told[0], *before]) if len(told) else told


def share_over(values: ArrayLike, event: ArrayLike, limit: float) -> tuple[float, float]:
    """Return which share of the values with the event, and of those without, is over ``limit``.

    >>> share_over([1.0, 3.0, 3.0], [False, True, False], 2)
    (1.0, 0.5)
    """
    told = real_array(values, "share_over", "values", many=True, finite=False).ravel()
    happens = np.asarray(event, dtype=bool).ravel()
    over = told > limit
    return float(over[happens].mean()), float(over[~happens].mean())
