"""The QR of a step that only float64 cannot tell from singular, by products in whole numbers.

``J F = (J F S) S^-1`` for any upper triangular S. With S near the inverse of R the columns of
``J F S`` are nearly orthonormal, and float64 has their QR to all digits once the product itself is
exact. S is the inverse of the R that float64 finds, and where that has too few digits the product
of several, each of which makes some 14 digits more of the columns orthonormal.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import solve_triangular

from gradflow.spectra.numerics.exact import entries_product, ranks_modulo, rounded_rows, whole
from gradflow.spectra.numerics.graded import EPS, qr_by_rows
from gradflow.spectra.numerics.logdomain import (
    Exponents,
    Floats,
    log_magnitude,
    normalized,
    shifted,
)
from gradflow.spectra.numerics.triangles import LN2

__all__ = ["long_step", "regular"]

# Off the diagonal of R, and its diagonal, where the columns are nearly orthonormal.
_NEAR, _EVEN = 0.5, 4.0
# Each time gains some 14 digits, and entries of float64 span 630.
_TIMES = 50


def regular(matrix: Floats) -> bool:
    """Whether a matrix (d, d) is not singular: its rank is at least that modulo a prime."""
    return ranks_modulo(matrix[None], [1])[0] == len(matrix)


def long_step(
    y: Floats, left: Exponents, right: Exponents, frame: Floats
) -> tuple[Floats, Floats] | None:
    """``diag(2^left) y diag(2^right) frame = Q R``.

    Parameters
    ----------
    y, left, right : (d, d), (d,), (d,)
        A matrix that is not singular, and powers of two.
    frame : (d, k)
        Orthonormal columns.

    Returns
    -------
    tuple
        Q (d, k), and ``log |R_kk|`` (k,), each to rounding; None where columns lie too far apart
        for float64.
    """
    count = frame.shape[1]
    image, shift = entries_product(whole(y, right), whole(frame), frame.shape)
    turned = np.zeros(count)
    for _ in range(_TIMES):
        near, rows = rounded_rows(image, frame.shape)
        rows += left + shift
        top = int(rows.max())
        graded = shifted(near, (rows - top)[:, None])
        q, r = qr_by_rows(graded, np.linalg.norm(graded, axis=1))
        size = np.abs(r.diagonal())
        if np.abs(np.triu(r, 1)).max() <= _NEAR * size.min() and size.max() <= _EVEN * size.min():
            return q, log_magnitude(size) + top * LN2 - turned
        least = EPS * np.linalg.norm(r, axis=0)
        if not least.all():
            return None
        r[np.diag_indices_from(r)] = np.where(size > least, r.diagonal(), least)
        turn = normalized(solve_triangular(r, np.eye(count)), axis=(0, 1))[0]
        if not turn.diagonal().all():
            return None
        turned += log_magnitude(turn.diagonal())
        image, shift = entries_product((image, shift), whole(turn), frame.shape)
    return None
