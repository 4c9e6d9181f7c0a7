"""The middle and the spread of a number over runs, as values that occur in one of them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["HIGH", "LOW", "middle_80", "quantile"]

LOW, HIGH = 0.1, 0.9
"""Eight runs of ten lie between."""


def quantile(values: ArrayLike, share: float) -> NDArray[np.float64]:
    """Return the least value of the first axis that so large a ``share`` of them do not exceed.

    It is one of the values: of an even number the median is the lower of the two in the middle, and
    where some never happen (``inf``) nothing is interpolated.

    >>> quantile([3.0, 1.0, np.inf, 2.0], 0.5)
    array(2.)
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64), axis=0)
    # 0.1 of 10 is the first, whatever rounding makes of 0.1 * 10
    place = math.ceil(share * len(ordered) - 1e-9) - 1
    return np.asarray(ordered[max(0, place)])


def middle_80(values: ArrayLike) -> tuple[float, float]:
    """Return the tenth and the ninetieth of a hundred values.

    >>> middle_80(range(1, 101))
    (10.0, 90.0)
    """
    flat = np.ravel(np.asarray(values, dtype=np.float64))
    return float(quantile(flat, LOW)), float(quantile(flat, HIGH))
