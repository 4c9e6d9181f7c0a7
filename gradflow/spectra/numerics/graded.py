"""Frames through matrices that are singular to rounding: a rank is judged row by row.

A saturated unit makes a row of a Jacobian tiny, and norms of the whole matrix know nothing of it,
so the QR is done with the rows sorted, and dependent columns are told with the rows at length 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gradflow.errors import PrecisionError
from gradflow.spectra.numerics.logdomain import Floats

EPS = float(np.finfo(np.float64).eps)
# A matrix (d, d) has lost a rank when sigma_d < 64 d eps sigma_1: exactly dependent columns are
# carried through some QR steps before they are looked at.
RANK_TOLERANCE = 64 * EPS
# A frame that loses a rank has met a Jacobian at least this ill conditioned.
NEARLY_SINGULAR = 1e10
# A diagonal entry of R below this share of its rows makes the rank worth an SVD.
SUSPECT = 1e-8
# Error of Q R in a row, relative to the row of the factor, at which a QR is given up; 1e-14 is
# usual. It bounds what a step adds to the error of a log, often by far too much.
WORST_ROW_ERROR = 1e-4
TOO_GRADED = (
    "the entries of one Jacobian lie too many powers of ten apart for float64, so measure the parts"
    " of the state in units of like size"
)


def orthonormal_image(
    factor: Floats, frame: Floats, where: str | None = None
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """``factor @ frame = Q R``: (d, d), (d, r) -> Q (d, s), R (s, r), kept (s,), s the rank.

    The frame has orthonormal columns, and so has Q, whose first columns span the images of the
    frame's first columns. ``R[:, kept]`` is upper triangular without zeros on its diagonal; the
    other columns of `frame` have images that depend on those before them. The error is small row
    by row of `factor`, and the rank is that of the image with rows of length 1, up to rounding.

    Raises
    ------
    PrecisionError
        If `where` is given and the error of some row is not small after all; names `where`.
    """
    image = factor @ frame
    length = np.linalg.norm(factor, axis=1)
    kept = np.arange(image.shape[1])
    while True:
        q, r = qr_by_rows(image[:, kept], length)
        if (np.abs(np.diag(r)) > SUSPECT * (np.abs(q).T @ length)).all():
            break
        dependent = _dependent_column(image[:, kept] / np.where(length == 0, 1, length)[:, None])
        if dependent is None:
            break
        kept = np.delete(kept, dependent)
    triangle = q.T @ image
    triangle[:, kept] = r
    if where and (np.linalg.norm(image - q @ triangle, axis=1) > WORST_ROW_ERROR * length).any():
        raise PrecisionError(f"{where}: a QR loses a row of a Jacobian to rounding; {TOO_GRADED}")
    return q, triangle, kept


def _dependent_column(image: Floats) -> int | None:
    """The last column that depends on those before it up to rounding; None if all of them do not.

    The diagonal of R would not tell: it is as far off as the null vector's entry there is small.
    """
    _, sigma, right = np.linalg.svd(image, full_matrices=False)
    if sigma[-1] > RANK_TOLERANCE * len(image):
        return None
    return int(np.flatnonzero(np.abs(right[-1]) > SUSPECT)[-1])


def qr_by_rows(matrix: Floats, length: Floats) -> tuple[Floats, Floats]:
    """QR of (d, r) with rows of sizes `length` (d,), its error small against each row's size.

    Long rows go first: Householder reflections then do not add a long row's error to a short row.
    Source: A. J. Cox, N. J. Higham, Proc. 17th Dundee Conf. Numer. Anal. (1998) 57.
    """
    order = np.argsort(-length, kind="stable")
    sorted_q, r = np.linalg.qr(matrix[order])
    q = np.empty_like(sorted_q)
    q[order] = sorted_q
    return q, r
