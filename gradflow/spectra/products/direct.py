"""Products of a few steps, many at once: formed, where their own error bound allows it.

A rounded product of two is off by ``d u |J_k|_F |P_{k-1}|_F`` at most, which the later steps
enlarge by the norm of their own product. The sum of these is what ``fl(P)`` is off by, to first
order, and a singular value by no more (Weyl); an eigenvalue by that times its condition (F. L.
Bauer, C. T. Fike, Numer. Math. 2 (1960) 137). Where this is a small part of the value the formed
product is as good as any, and NumPy does thousands of them in one call. The rest is left to the
careful path.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gradflow.spectra.numerics.logdomain import Floats, log_magnitude
from gradflow.spectra.products.structure import live_coordinates

# Longest product that is formed.
LONGEST = 12
# Norms that no product of so many leaves the range of float64 by, digits and all.
_SMALLEST, _LARGEST = 1e-20, 1e20
_UNIT = 1.2e-16
# Log of a determinant of unit eigenvectors that are dependent for all purposes.
_DEPENDENT = -60.0


def formed(steps: Floats) -> tuple[Floats, Floats]:
    """``J_T...J_1`` (n, d, d) of steps (n, T, d, d), and its error (n,) in the Frobenius norm.

    The error is NaN where a norm is out of range.
    """
    count, d = steps.shape[1:3]
    sizes = np.sqrt(np.einsum("ntij,ntij->nt", steps, steps))
    inside = ((sizes > _SMALLEST) & (sizes < _LARGEST)).all(axis=1)
    product, costs = steps[:, 0], []
    for k in range(1, count):
        costs.append(sizes[:, k] * _size(product))
        product = steps[:, k] @ product
    # twice for the decomposition that follows
    error, after = 2 * _size(product), None
    for k in range(count - 1, 0, -1):
        error += costs[k - 1] * (1.0 if after is None else _size(after))
        after = steps[:, k] if after is None else after @ steps[:, k]
    return product, np.where(inside, d * _UNIT * error, np.nan)


def _size(matrices: Floats) -> Floats:
    return np.asarray(np.sqrt(np.einsum("nij,nij->n", matrices, matrices)))


def singular_values_formed(steps: Floats, most: float) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """``(good (n,), log sigma (n, d), error (n, d))`` of steps (n, T, d, d).

    Good are those whose logs are each known to `most` of themselves (of 1 if they are smaller).
    """
    product, absolute = formed(steps)
    good = np.isfinite(absolute)
    logs = np.zeros((len(steps), steps.shape[-1]))
    logs[good] = log_magnitude(np.linalg.svd(product[good], compute_uv=False))
    error = absolute[:, None] / np.exp(logs)
    # a zero that rounding may have made is for longer arithmetic
    zero = logs == -np.inf
    exact = np.zeros(len(steps), dtype=bool)
    some = np.flatnonzero(good & zero.any(axis=1))
    ends = live_coordinates(steps[some])[:, [0, -1]]
    most_rank = ends.sum(axis=2).min(axis=1)  # that their zeros alone allow
    exact[some] = (~zero[some]).sum(axis=1) == most_rank
    error[zero & exact[:, None]] = 0.0
    sure = np.where(zero, exact[:, None], error <= most * np.maximum(1, np.abs(logs)))
    return good & sure.all(axis=1), logs, error


def eigenvalues_formed(
    steps: Floats, most: float
) -> tuple[NDArray[np.bool_], Floats, Floats, Floats]:
    """``(good (n,), log |lambda|, phase, error (n, d))`` of the same, each good to `most` nats."""
    product, absolute = formed(steps)
    good = np.isfinite(absolute)
    product[~good] = 0.0
    values, right = np.linalg.eig(product)
    size = np.abs(values)
    with np.errstate(all="ignore"):
        good = good & (np.linalg.slogdet(right)[1] > _DEPENDENT) & (size.min(axis=1) > 0)
        left = np.linalg.inv(right[good])
        # |y| |x| / |y x|, with unit columns x and rows y of the inverse
        condition = np.ones_like(size)
        condition[good] = np.linalg.norm(left, axis=2)
        error = 4 * absolute[:, None] * condition / size
        good &= (error <= most).all(axis=1)
        logs = log_magnitude(size)
    return good, logs, np.asarray(np.angle(values), dtype=np.float64), error
