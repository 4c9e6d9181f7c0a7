"""Products of a few steps, many at once: formed, where their own error bound allows it.

``fl(P)`` is off by at most ``T d u |J_T|_F ... |J_1|_F``, and a singular value by no more (Weyl);
an eigenvalue by that times its condition, to first order (F. L. Bauer, C. T. Fike, Numer. Math. 2
(1960) 137). Where this is a small part of the value the formed product is as good as any, and NumPy
does thousands of them in one call. The rest is left to the careful path.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gradflow.spectra.numerics.logdomain import Floats, log_magnitude

# Longest product that is formed.
LONGEST = 12
# Norms that no product of so many leaves the range of float64 by, digits and all.
_SMALLEST, _LARGEST = 1e-20, 1e20
_UNIT = 1.2e-16
# Log of a determinant of unit eigenvectors that are dependent for all purposes.
_DEPENDENT = -60.0


def formed(steps: Floats) -> tuple[Floats, Floats]:
    """``J_T ... J_1`` (n, d, d) of steps (n, T, d, d), and its error (n,) in the Frobenius norm.

    The error is NaN where a norm is out of range.
    """
    count, d = steps.shape[1:3]
    norms = np.sqrt(np.einsum("ntij,ntij->nt", steps, steps))
    inside = ((norms > _SMALLEST) & (norms < _LARGEST)).all(axis=1)
    error = (2 + count) * d * _UNIT * norms.prod(axis=1)
    product = steps[:, 0]
    for k in range(1, count):
        product = steps[:, k] @ product
    return product, np.where(inside, error, np.nan)


def singular_values_formed(steps: Floats, most: float) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """``(good (n,), log sigma (n, d), error (n, d))`` of steps (n, T, d, d); good to `most`."""
    product, absolute = formed(steps)
    good = np.isfinite(absolute)
    logs = np.zeros((len(steps), steps.shape[-1]))
    logs[good] = log_magnitude(np.linalg.svd(product[good], compute_uv=False))
    error = absolute[:, None] / np.exp(logs)
    return good & (error <= most).all(axis=1), logs, error


def eigenvalues_formed(
    steps: Floats, most: float
) -> tuple[NDArray[np.bool_], Floats, Floats, Floats]:
    """``(good (n,), log |lambda|, phase, error (n, d))`` of the same."""
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
