"""The product of a run's Jacobians in floating point, and conditions that theorems share."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow.proofs.measuring.margin import Condition
from gradflow.spectra import Trajectory

Floats = NDArray[np.float64]


@lru_cache(maxsize=1)
def product_of(run: Trajectory) -> Floats:
    """Return ``P(T, 0)`` of a run; the theorems of a cell ask for it one after the other."""
    whole: Floats = np.eye(run.width)
    for j in run.jacobians():
        whole = j @ whole
    whole.flags.writeable = False
    return whole


def spectral(matrix: ArrayLike) -> float:
    """Return the largest singular value of a matrix, 0 for one without entries."""
    array = np.asarray(matrix, np.float64)
    return float(np.linalg.norm(array, 2)) if array.size else 0.0


def least_singular(matrix: ArrayLike) -> float:
    """Return the smallest singular value of a matrix, 0 for one without entries."""
    array = np.asarray(matrix, np.float64)
    return float(np.linalg.svd(array, compute_uv=False).min()) if array.size else 0.0


def size_of(array: ArrayLike) -> float:
    """Return the largest magnitude in an array, 0 for one without entries."""
    return float(np.abs(np.asarray(array, np.float64)).max(initial=0.0))


def none_of(quantity: str, *arrays: ArrayLike) -> Condition:
    """Return the condition that arrays are 0: the largest magnitude in them is at most 0."""
    value = max(map(size_of, arrays), default=0.0)
    return Condition(quantity=quantity, value=value, need="at most", limit=0.0)


def near_orthogonal(u: Floats) -> Condition:
    """Return the condition that the singular values of ``U`` are at most 1 from 1."""
    return Condition(
        quantity=r"$e$, how far the singular values of $U$ are from 1",
        value=max(spectral(u) - 1, 1 - least_singular(u), 0.0),
        need="at most",
        limit=1.0,
    )


def in_box(run: Trajectory, part: str) -> Condition:
    """Return the condition that a state part starts in [-1, 1]."""
    value = size_of(run.states[part][0])
    return Condition(quantity=f"$|{part}|$ at the start", value=value, need="at most", limit=1.0)
