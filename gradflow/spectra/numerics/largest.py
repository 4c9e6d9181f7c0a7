r"""The largest singular value of matrices, the large ones without the others.

Golub and Kahan's bidiagonalisation from a vector u gives orthonormal U, V and a small B with
``A V = U B``. For the largest singular value theta of B and its vectors x, y what is left of
``A^T U x - theta V y`` is one number, the residual, and some singular value of A lies within it of
theta (G. Golub, W. Kahan, SIAM J. Numer. Anal. 2 (1965) 205; C. Paige, M. Saunders, ACM TOMS 8
(1982) 43). That it is the largest one is owed to a start that leans on no direction: a tenth of it
is random, even where the vector of a matrix before is known.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# From this size on; all singular values of smaller ones are there as soon.
_LARGE = 256
# The residual allowed, over the value. The value itself is off by about its square.
_RESIDUAL = 1e-10
_RANDOM = 0.1
# Steps between two looks at the residual, and the share of all steps after which it is given up.
_LOOK, _MOST = 4, 0.25


def spectral_norms(matrices: Floats, start: Floats | None = None) -> tuple[Floats, Floats | None]:
    """Return the largest singular values (...) of (..., m, n), and where to start the next.

    Parameters
    ----------
    matrices
        (..., m, n), entries of modest size.
    start
        What this returned for matrices whose leading left singular vectors are nearly the same.

    Examples
    --------
    >>> import numpy as np
    >>> spectral_norms(np.diag([3.0, -4.0]))[0]
    np.float64(4.0)
    """
    if min(matrices.shape[-2:]) < _LARGE:
        return np.linalg.norm(matrices, ord=2, axis=(-2, -1)), None
    *lead, rows, _ = matrices.shape
    norms, left = np.empty(lead), np.empty((*lead, rows))
    for index in np.ndindex(*lead):
        before = None if start is None else start[index]
        norms[index], left[index] = _largest(matrices[index], before)
    return norms, left


def _largest(matrix: Floats, start: Floats | None) -> tuple[float, Floats]:
    """Return the largest singular value of one matrix and its left vector."""
    random = np.random.default_rng(0).standard_normal(len(matrix))
    first = random / np.linalg.norm(random)
    if start is not None:
        first = start + _RANDOM * first
    most = int(_MOST * min(matrix.shape))
    left, right = np.empty((most + 1, len(matrix))), np.empty((most, matrix.shape[1]))
    small = np.zeros((most + 1, most))
    left[0] = first / np.linalg.norm(first)
    value, vector = 0.0, np.zeros(1)
    for k in range(most):
        row = left[k] @ matrix
        alpha = _rest(row, right[:k])
        last = alpha <= _RESIDUAL * value
        if k and (last or k % _LOOK == 0):
            x, values, _ = np.linalg.svd(small[: k + 1, :k])
            value, vector = float(values[0]), x[:, 0]
            if alpha * abs(vector[k]) <= _RESIDUAL * value:
                return value, vector @ left[: k + 1]
        if not alpha:  # only at the first step: the matrix is zero
            return 0.0, left[0]
        right[k] = row / alpha
        small[k, k] = alpha
        column = matrix @ right[k]
        beta = _rest(column, left[: k + 1])
        if beta <= np.finfo(float).eps * alpha:  # nothing else is reached from the start
            x, values, _ = np.linalg.svd(small[: k + 1, : k + 1])
            return float(values[0]), x[:, 0] @ left[: k + 1]
        left[k + 1] = column / beta
        small[k + 1, k] = beta
    found, values, _ = np.linalg.svd(matrix)
    return float(values[0]), found[:, 0]


def _rest(vector: Floats, basis: Floats) -> float:
    """Take the rows of an orthonormal basis out of a vector, in place, and return its length."""
    for _ in range(2):
        vector -= (basis @ vector) @ basis
    return float(np.linalg.norm(vector))
