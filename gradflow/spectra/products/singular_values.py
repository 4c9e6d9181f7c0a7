"""All singular values of a long product of step Jacobians, each to about ten digits of its log.

Formed as a matrix, ``P = J_T ... J_1`` keeps its leading singular value only: the others drown in
its rounding errors, and after some hundred steps they are wrong by a factor e^1000. Here P is never
formed. It is carried as ``P V = Q diag(2^e) U`` with Q and V orthogonal, whole exponents e
and rows of U near length 1, which holds any range of scales; U stays well conditioned, so that
one-sided Jacobi finds every singular value of ``diag(2^e) U`` to high relative accuracy.

1. Every ``J_t`` is split as ``diag(2^r_t) Y_t diag(2^c_t)`` with Y_t as well conditioned as can be,
   and ``2^c_t`` is handed to the step before. Each factor is then diagonal times well conditioned,
   and a QR whose rows are sorted by length loses nothing of a short row (a saturated unit).
2. One sweep of QR through time, the columns sorted by what they have grown to, gives Q, e and U.
3. If U came out badly conditioned, V is taken from a graded LQ of ``diag(2^e) U`` and the sweep is
   repeated on the Jacobians themselves, so that the errors of a sweep are not carried on.
4. One-sided Jacobi, on rows with separate scales.
5. The same for ``P^T = J_1^T ... J_T^T``, whose rounding errors are others: the answers must agree.

Sources: A. Bojanczyk, M. Ewerbring, F. Luk, P. Van Dooren, Signal Processing 25 (1991) 189 (the
product SVD); G. W. Stewart, Numer. Math. 73 (1996) 1 and Electron. Trans. Numer. Anal. 3 (1995) 39
(graded QR of products); A. J. Cox, N. J. Higham, Proc. 17th Dundee Conf. (1998) 57 (QR, row by
row); J. Demmel, K. Veselic, SIAM J. Matrix Anal. Appl. 13 (1992) 1204 (Jacobi of scaled matrices).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow.arrays import whole_number
from gradflow.codegen.over_time import one_thread
from gradflow.drawable import Drawable
from gradflow.errors import PrecisionError, UsageError
from gradflow.spectra.numerics.graded import (
    TOO_GRADED,
    check_volume,
    equilibrated,
    graded_factors,
    graded_log_singular_values,
    orthonormal_image,
)
from gradflow.spectra.numerics.logdomain import (
    ZERO_EXPONENT,
    Exponents,
    Floats,
    as_steps,
    binary_exponent,
    normalized,
    shifted,
    unit_rows,
)
from gradflow.spectra.products.shared_sweep import shared_sweep

_WHERE = "product_log_singular_values"
# A condition number of U of 1e4 costs four of sixteen digits; one sweep mostly meets it.
_GOOD_CONDITION = 1e4
_SWEEPS = 4
# Sweeps from the two ends round differently, and must agree to this part of each log.
_WORST_ERROR = 1e-2


@dataclass(frozen=True, eq=False)
class SingularValues(Drawable):
    """Singular values of ``P(T, T - lag)``, the last `lag` steps of a trajectory.

    Attributes
    ----------
    lag : (m,)
        Number of step Jacobians in the product.
    log_sigma : (m, d)
        Natural log of the singular values, descending along d; ``-inf`` for an exact zero.
    error : (m, d)
        An estimate of the error of `log_sigma`: of the rounding errors of one sweep added up, or,
        where it exceeds 1e-9, how far the result is from what a sweep from the other end gives.
        ``inf`` where the two ends judge the rank otherwise; `log_sigma` is then ``-inf``.
    """

    drawn_by: ClassVar[str] = "singular_values:plot_singular_values"
    lag: NDArray[np.int64]
    log_sigma: Floats
    error: Floats

    def __repr__(self) -> str:
        if not self.lag.size:
            return "<SingularValues at 0 lags>"
        first, last = self.log_sigma[-1][[0, -1]]
        return (
            f"<SingularValues at {self.lag.size} lags, at lag {self.lag[-1]}: log sigma from "
            f"{first:.4g} down to {last:.4g}>"
        )

    def _repr_html_(self) -> str:
        first, last = self.log_sigma[-1][[0, -1]]
        return (
            f"<b>singular values</b> at lags {int(self.lag[0])} to {int(self.lag[-1])}; at the "
            f"last, log sigma from {first:.4g} down to {last:.4g}"
        )


def singular_values(jacobians: ArrayLike, lags: Sequence[int] | None = None) -> SingularValues:
    """Singular values of ``P(T, T - lag) = J_T ... J_{T-lag+1}`` for several lags.

    Parameters
    ----------
    jacobians : (T, d, d)
        Step Jacobians ``J_1 .. J_T``, first step first.
    lags : (m,), optional
        Whole numbers from 0 to T, in any order. By default about twelve, evenly spaced on a log
        scale from 1 to T.

    One sweep serves all lags as long as rounding costs their logs less than 1e-9, see
    `shared_sweep`. A lag beyond that, as where Jacobians are badly conditioned, gets the sweeps of
    `product_log_singular_values` over its last steps, which take some hundred times as long.

    Raises
    ------
    UsageError
        If a lag is not within 0..T, or as in `product_log_singular_values`.

    Examples
    --------
    >>> import numpy as np
    >>> found = singular_values(np.array([[[0.5, 1.0], [0.0, 0.25]]] * 300), [1, 300])
    >>> found.log_sigma[0].round(4), found.log_sigma[1].round(2)
    (array([ 0.1314, -2.2108]), array([-206.53, -417.3 ]))
    """
    steps = _steps(jacobians)
    length = len(steps)
    if lags is None:
        spaced = np.geomspace(1, length, 12) if length else np.zeros(1)
        chosen = np.unique(np.rint(spaced)).astype(np.int64)
    else:
        chosen = _checked_lags(lags, length)
    ascending = sorted({int(lag) for lag in chosen if lag > 0})
    with one_thread():
        swept = dict(zip(ascending, shared_sweep(steps, ascending), strict=False))
    log_sigma = np.empty((len(chosen), steps.shape[-1]))
    error = np.empty_like(log_sigma)
    for k, lag in enumerate(chosen):
        known = swept.get(int(lag))
        log_sigma[k], error[k] = known or _from_both_ends(steps[length - lag :])
    return SingularValues(chosen, log_sigma, error)


def _steps(jacobians: ArrayLike) -> Floats:
    """`as_steps`, without a copy of an array whose sum shows that all its entries are finite."""
    if isinstance(jacobians, np.ndarray) and jacobians.dtype == np.float64 and jacobians.ndim == 3:
        with np.errstate(over="ignore", invalid="ignore"):
            square = jacobians.shape[1] == jacobians.shape[2] > 0
            if square and np.isfinite(jacobians.sum()):
                return jacobians
    return as_steps(jacobians, "singular_values")


def product_log_singular_values(jacobians: ArrayLike) -> Floats:
    """Natural logs of the singular values of ``P(T, 0) = J_T ... J_1``: (T, d, d) -> (d,).

    Descending; all 0 for T = 0, where P is the identity. Against arithmetic of thousands of bits
    the error of a log is 1e-12 to 1e-10 over 500 steps of a chaotic RNN or LSTM, whose sigma span
    10^1649. It grows as ``T`` times the rounding unit times the condition number of the Y_t.

    A log is ``-inf`` where the product loses a rank, as it does to exactly singular Jacobians (a
    ReLU unit at rest, W = 0). Ranks are judged up to rounding, with rows and columns scaled: a
    Y_t with a condition number above ``1 / (64 d eps)``, 4e12 for d = 16, counts as singular.

    Raises
    ------
    UsageError
        If the shape is not (T, d, d) with d >= 1, or an entry is not finite.
    PrecisionError
        If rounding spoils a log by more than a hundredth: the answer differs between P and its
        transpose, or contradicts ``sum log sigma = sum log |det J_t|``, or the Jacobi iteration
        fails. That takes couplings far below the rounding unit which later steps blow up, such as
        entries that span 10^20 in a pattern no scaling removes.
    """
    return _from_both_ends(as_steps(jacobians, _WHERE))[0]


def _from_both_ends(steps: Floats) -> tuple[Floats, Floats]:
    """Log sigma (d,) of the product and, as an estimate of its error (d,), what P^T has otherwise.

    Where only one of the two has lost the rank, log sigma is ``-inf`` and the error inf.
    """
    if len(steps) == 0:
        return np.zeros(steps.shape[-1]), np.zeros(steps.shape[-1])
    with one_thread():
        row, balanced, column = equilibrated(steps)
        log_sigma = _log_sigma(row, balanced, column)
        mirrored = _log_sigma(column[::-1], balanced[::-1].swapaxes(1, 2), row[::-1])
        check_volume(_WHERE, log_sigma, balanced, int(row.sum() + column.sum()))
    alive, mirrored_alive = np.isfinite(log_sigma), np.isfinite(mirrored)
    both = alive & mirrored_alive
    error = np.where(alive == mirrored_alive, 0.0, np.inf)
    error[both] = np.abs(log_sigma[both] - mirrored[both])
    log_sigma[~both] = -np.inf
    wrong = np.flatnonzero(both & (error > _WORST_ERROR * np.maximum(1, np.abs(log_sigma))))
    if len(wrong):
        k = wrong[0]
        raise PrecisionError(
            f"{_WHERE}: swept from either end, log sigma {k + 1} comes out as {log_sigma[k]:.6g}"
            f" and {mirrored[k]:.6g}, and {_WORST_ERROR} of it is the most they may differ;"
            f" {TOO_GRADED}"
        )
    return log_sigma, error


def _log_sigma(row: Exponents, balanced: Floats, column: Exponents) -> Floats:
    """Log sigma (d,), descending, of the product of ``diag(2^row_t) Y_t diag(2^column_t)``."""
    factors, shift = graded_factors(row, balanced, column)
    frame = np.eye(row.shape[1])
    for sweep in range(_SWEEPS):
        exponent, rows = _sweep(factors, frame, sort=sweep == 0)
        if len(rows) == 0 or np.linalg.cond(unit_rows(rows)[0]) < _GOOD_CONDITION:
            break
        frame = frame @ _row_space(exponent, rows)
    log_sigma = np.full(row.shape[1], -np.inf)
    log_sigma[: len(rows)] = graded_log_singular_values(exponent, rows, _WHERE) + shift * np.log(2)
    return log_sigma


def _sweep(factors: list[Floats], frame: Floats, sort: bool) -> tuple[Exponents, Floats]:
    """``F_n ... F_0 frame = Q diag(2^exponent) rows`` with rows (s, r); Q is not wanted.

    With `sort` the columns of Q are put in order of what they have grown to before each QR, which
    keeps `rows` well conditioned whatever the frame; a frame of `_row_space` has its own order.
    """
    exponent = np.zeros(frame.shape[1], dtype=np.int64)
    rows = np.eye(frame.shape[1])
    for factor in factors:
        if sort:
            grown = exponent + unit_rows((factor @ frame).T)[1] / np.log(2)
            order = np.argsort(-grown, kind="stable")
            frame, exponent, rows = frame[:, order], exponent[order], rows[order]
        frame, triangle, _ = orthonormal_image(factor, frame)
        top = (binary_exponent(triangle) + exponent).max(axis=1, initial=ZERO_EXPONENT)
        scaled = shifted(triangle, exponent - top[:, None])
        rows, shift = normalized(scaled @ rows, axis=1)
        exponent = top + shift[:, 0]
    return exponent, rows


def _row_space(exponent: Exponents, rows: Floats) -> Floats:
    """V (r, s) with orthonormal columns, ``diag(2^exponent) rows V`` a graded lower triangle.

    Householder LQ; the longest row that is left goes first. The columns of V are then close to
    the right singular vectors, in descending order.
    """
    count, width = rows.shape
    rest, left = rows.copy(), exponent.copy()
    basis = np.eye(width)
    for k in range(count):
        lengths = unit_rows(rest[k:, k:])[1] / np.log(2) + left[k:]
        longest = k + int(np.argmax(lengths))
        rest[[k, longest]], left[[k, longest]] = rest[[longest, k]], left[[longest, k]]
        mirror = unit_rows(rest[k, k:])[0]
        mirror[0] += np.copysign(1.0, mirror[0])
        mirror /= np.linalg.norm(mirror)
        for matrix in (rest, basis):
            matrix[:, k:] -= 2 * np.outer(matrix[:, k:] @ mirror, mirror)
    return basis[:, :count]


def _checked_lags(lags: Sequence[int], length: int) -> NDArray[np.int64]:
    if not isinstance(lags, Iterable):
        raise UsageError(
            f"singular_values: lags is {lags!r}; it must be a list of whole numbers, such as "
            f"[1, {length}]."
        )
    checked = [whole_number(lag, "singular_values: a lag", 0, length) for lag in lags]
    return np.array(checked, dtype=np.int64)
