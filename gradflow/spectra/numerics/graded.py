"""Graded matrices: rows and columns of very different size, none of which may be lost.

A saturated unit makes a row of a Jacobian tiny, a weak part of the state a column. Norms of the
whole matrix know nothing of either, so here scales are taken out first, QR is done with the rows
sorted, and a rank is judged row by row.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from gradflow.errors import PrecisionError
from gradflow.spectra.numerics.logdomain import Exponents, Floats, normalized, shifted, unit_rows

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
JACOBI_SWEEPS = 30
TOO_GRADED = (
    "the entries of one Jacobian lie too many powers of ten apart for float64, so measure the parts"
    " of the state in units of like size"
)
# Powers of two further apart than this go into separate factors: squares must not underflow.
EXPONENT_RANGE = 400


def equilibrated(matrices: Floats) -> tuple[Exponents, Floats, Exponents]:
    """Powers of two taken out of rows and columns: (T, d, d) -> row (T, d), Y, column (T, d).

    ``matrices[t] = diag(2^row[t]) Y[t] diag(2^column[t])`` exactly, unless an entry of Y falls
    under 2^-1022. No entry of Y exceeds 2, and where a permutation of nonzero entries exists, the
    entries of the one with the largest product are all at least 1/2, so that Y is as far from
    singular as its rows and columns allow. Otherwise (the matrix is singular by its zeros alone)
    the largest entry of each nonzero row and column is in [1/2, 1).

    Source: I. S. Duff and J. Koster, SIAM J. Matrix Anal. Appl. 22 (2001) 973, section 4 (the
    scaling known as MC64).
    """
    row = np.zeros(matrices.shape[:2], dtype=np.int64)
    column = np.zeros_like(row)
    with np.errstate(divide="ignore"):
        costs = -np.log2(np.abs(matrices))
    for t, cost in enumerate(costs):
        potentials = _assignment_potentials(cost)
        if potentials is None:
            _, row_max = normalized(matrices[t], axis=1)
            _, column_max = normalized(shifted(matrices[t], -row_max), axis=0)
            row[t], column[t] = row_max[:, 0], column_max[0]
        else:
            row[t], column[t] = potentials
    return row, shifted(matrices, -(row[:, :, None] + column[:, None, :])), column


def _assignment_potentials(cost: Floats) -> tuple[Exponents, Exponents] | None:
    """Exponents (row, column) with ``cost + row + column >= 0``, 0 on the cheapest assignment.

    Up to rounding to integers; None where every assignment has an infinite cost.
    """
    try:
        _, chosen = linear_sum_assignment(cost)
    except ValueError:
        return None
    picked = cost[:, chosen]
    # The dual of the assignment is a shortest path from an extra node to each row (Bellman-Ford).
    edges = (picked - np.diag(picked)[None, :]).T
    potential = np.zeros(len(cost))
    for _ in range(len(cost)):
        shorter = np.minimum(potential, (potential[:, None] + edges).min(axis=0))
        if np.array_equal(shorter, potential):
            break
        potential = shorter
    column = np.empty(len(cost))
    column[chosen] = np.diag(picked) - potential
    return -np.rint(potential).astype(np.int64), -np.rint(column).astype(np.int64)


def graded_factors(row: Exponents, balanced: Floats, column: Exponents) -> tuple[list[Floats], int]:
    """``(factors, shift)`` with ``J_T ... J_1 = 2^shift F_n ... F_0``, each F diagonal times Y.

    The column scale of ``J_{t+1}`` joins the row scale of ``J_t``; that of J_1 is a factor of its
    own. The largest row scale of each factor is 1; scales spread too far for one float64 matrix
    are spread over several factors.
    """
    d = row.shape[1]
    scales = np.concatenate([np.zeros((1, d), np.int64), row])
    scales[:-1] += column
    factors = []
    for scale, matrix in zip(scales, [np.eye(d), *balanced], strict=True):
        left = scale - scale.max()
        while True:
            now = np.maximum(left, -EXPONENT_RANGE)
            factors.append(shifted(matrix, now[:, None]))
            left = left - now
            matrix = np.eye(d)
            if not left.any():
                break
    return factors, int(scales.max(axis=1).sum())


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


def graded_log_singular_values(exponent: Exponents, rows: Floats, where: str) -> Floats:
    """Log sigma (s,), descending, of ``diag(2^exponent) rows`` by one-sided Jacobi on the rows.

    A rotation of rows i and j with lengths in the ratio ``rho = |row_j| / |row_i| <= 1`` and
    cosine c has ``tan = rho tau``, and tau stays finite when rho underflows: the shorter row then
    just loses its part along the longer one. Disjoint pairs are rotated together (round robin).

    Source: J. Demmel, K. Veselic, SIAM J. Matrix Anal. Appl. 13 (1992) 1204.

    Raises
    ------
    PrecisionError
        Naming `where`, if the iteration does not converge.
    """
    unit, length = unit_rows(rows)
    length += exponent * np.log(2)
    count = len(unit)
    if count < 2:
        return length
    seats = np.arange(count + count % 2)
    tolerance = 10 * max(rows.shape) * EPS
    for _ in range(JACOBI_SWEEPS):
        order = np.argsort(-length, kind="stable")
        unit, length = unit[order], length[order]
        if np.abs(unit @ unit.T - np.eye(count)).max() <= tolerance:
            break
        for _ in range(len(seats) - 1):
            half = len(seats) // 2
            _rotate(unit, length, seats[:half], seats[: half - 1 : -1], tolerance / 10)
            seats[1:] = np.roll(seats[1:], 1)
    else:
        raise PrecisionError(
            f"{where}: {JACOBI_SWEEPS} Jacobi sweeps did not make the"
            f" {count} rows orthogonal, and no more are allowed; {TOO_GRADED}"
        )
    return length


def _rotate(
    unit: Floats, length: Floats, first: Exponents, second: Exponents, tolerance: float
) -> None:
    """Make the rows ``first[k]`` and ``second[k]`` of ``diag(exp(length)) unit`` orthogonal."""
    seated = np.maximum(first, second) < len(unit)
    i, j = first[seated], second[seated]
    cosine = np.sum(unit[i] * unit[j], axis=1)
    wrong = np.abs(cosine) > tolerance
    i, j, cosine = i[wrong], j[wrong], cosine[wrong]
    i, j = np.where(length[i] >= length[j], i, j), np.where(length[i] >= length[j], j, i)
    rho = np.exp(length[j] - length[i])
    gap = -np.expm1(2 * (length[j] - length[i]))
    tau = 2 * cosine / (gap + np.hypot(gap, 2 * rho * cosine))
    scale = 1 / np.hypot(1, rho * tau)[:, None]
    longer = scale * (unit[i] + (rho * rho * tau)[:, None] * unit[j])
    shorter = scale * (unit[j] - tau[:, None] * unit[i])
    for index, row in ((i, longer), (j, shorter)):
        unit[index], change = unit_rows(row)
        length[index] += change


def check_volume(where: str, logs: Floats, balanced: Floats, exponents: int) -> float:
    """Hold log moduli (d,) of a product against its ``log |det|``, that of the factors added up.

    The factors are `balanced` (T, d, d) with scales that multiply to ``2^exponents``. Returns the
    disagreement in nats, 0.0 for a singular product.
    """
    _, log_det = np.linalg.slogdet(balanced)
    volume = float(log_det.sum()) + exponents * np.log(2)
    total = float(logs.sum())
    if total == -np.inf:
        agree = bool(np.linalg.cond(balanced).max() > NEARLY_SINGULAR)
    else:
        agree = bool(np.isfinite(volume) and abs(total - volume) <= 1e-4 * (1 + abs(volume)))
    if not agree:
        raise PrecisionError(
            f"{where}: the logs of the moduli add up to {total:.9g} and log |det J_t| to"
            f" {volume:.9g}, and only equal sums are allowed; {TOO_GRADED}"
        )
    return 0.0 if total == -np.inf else abs(total - volume)
