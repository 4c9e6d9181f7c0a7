"""What generated NumPy source calls that neither NumPy nor SciPy brings."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# exp and cosh of it are below overflow, and what lies beyond has rounded to 1 or to 0
_MOST = 709.0


def step_(a: Any) -> Any:
    """Return the indicator ``a > 0`` as 0.0 or 1.0."""
    return np.where(a > 0, 1.0, 0.0)


def relu(a: Any) -> Any:
    """Return ``max(a, 0)``."""
    return np.maximum(a, 0.0)


def softplus(a: Any) -> Any:
    """Return ``log(1 + exp(a))`` without overflow."""
    return np.logaddexp(a, 0.0)


def sigmoid_rest(a: Any) -> Any:
    """Return ``1 - sigmoid(a)`` to rounding, from the exponential and not by subtraction."""
    e = np.exp(-np.abs(a))
    return np.where(a > 0, e, 1.0) / (1.0 + e)


def tanh_slope(a: Any) -> Any:
    """Return ``1 - tanh(a)^2`` to rounding, from the exponential and not by subtraction."""
    e = np.exp(-np.abs(a))
    root = 2.0 * e / (1.0 + e * e)
    return root * root


def ratio(p: int, q: int) -> float:
    """Return the nearest float to ``p / q``."""
    return p / q


def where(condition: Any, a: Any, b: Any) -> NDArray[np.float64]:
    """Return ``a`` where the condition holds and ``b`` elsewhere, whole numbers as floats too."""
    return np.where(condition, np.asarray(a, np.float64), np.asarray(b, np.float64))


def spread(value: Any, size: int) -> NDArray[np.float64]:
    """Return one value (..., 1), or a plain number, copied to ``size`` units."""
    return np.repeat(np.atleast_1d(np.asarray(value, np.float64)), size, -1)


def index(size: int) -> NDArray[np.float64]:
    """Return the numbers 0, 1, ... of ``size`` units."""
    return np.arange(size, dtype=np.float64)
