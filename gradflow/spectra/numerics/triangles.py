"""Singular values of graded triangles, each to a few rounding units of itself.

Rows of very different size, none of which may be lost: the longest row goes first, Householder LQ
leaves a lower triangle, and that falls apart where it is steep. On what is left, QR of the
transpose makes the triangle more nearly diagonal; LAPACK's one-sided Jacobi does the rest.

Sources: G. W. Stewart, Electron. Trans. Numer. Anal. 3 (1995) 39; K. V. Fernando, B. N. Parlett,
Numer. Math. 67 (1994) 191 (QR of the transpose); Z. Drmac, K. Veselic, SIAM J. Matrix Anal. Appl.
29 (2008) 1322 and 1343 (``dgejsv``).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from gradflow.spectra.numerics.logdomain import Exponents, Floats, shifted

LN2 = math.log(2)
# Where the rows fall by 2^20, what couples them changes a log by 2^-41.
_CUT = 20.0
# Bits that one float64 matrix holds, and how far below the top a value knows nothing of it.
_RANGE, _OVERLAP = 800, 60
# A coupling whose square may be neglected, and one that may be neglected itself.
_COUPLING, _NOISE = 1e-6, 1e-13
# A diagonal this even leaves nothing to lose in an ordinary SVD.
_EVEN = 3000.0
_TURNS = 4


def graded_logs(exponent: Exponents, rows: Floats) -> tuple[Floats, float]:
    """Log sigma (r,), descending, of ``diag(2^exponent) rows`` (r, d), r <= d, and a condition.

    The condition number is that of the rows at length 1: times some rounding units, it is what a
    log is off by. NaN and inf where the rows are dependent to the last bit.
    """
    count = len(rows)
    if count == 0:
        return np.empty(0), 1.0
    lost = np.full(count, np.nan), math.inf
    norm = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    if norm.min() == 0:
        return lost
    order = np.argsort(-(exponent + np.log2(norm)), kind="stable")
    bits, rows, norm = exponent[order].astype(np.float64), rows[order], norm[order]
    exponent = exponent[order]
    upper = np.triu(_qr(rows.T)[:count])
    diagonal = np.abs(np.diag(upper))
    if diagonal.min() == 0:
        return lost
    inverse_condition, _ = lapack.dtrcon(upper / norm)
    level = bits + np.log2(diagonal)
    whole = bits + np.log2(norm)
    steep = np.minimum.accumulate(level)[:-1] - _later(whole) > _CUT
    logs = [
        _block(upper.T[start:stop, start:stop], exponent[start:stop], level[start:stop])
        for start, stop in _between(steep)
    ]
    return np.sort(np.concatenate(logs))[::-1], 1 / max(inverse_condition, 1e-300)


def _qr(matrix: Floats) -> Floats:
    work = np.array(matrix, order="F")
    return np.asarray(lapack.dgeqrf(work, lwork=64 * work.shape[1], overwrite_a=1)[0])


def _later(values: Floats) -> Floats:
    """The largest of the values after each, but for the last."""
    return np.asarray(np.maximum.accumulate(values[::-1])[::-1][1:])


def _between(cut: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Start and stop of the blocks, `cut` (n - 1,) telling where one ends."""
    ends = [*(np.flatnonzero(cut) + 1).tolist(), len(cut) + 1]
    return list(zip([0, *ends[:-1]], ends, strict=True))


def _block(triangle: Floats, exponent: Exponents, level: Floats) -> Floats:
    """Log sigma of ``diag(2^exponent) triangle``, lower; pieces that overlap if it is too wide.

    A value knows nothing of those 2^-60 away from it, so each piece settles those in its middle.
    """
    count = len(level)
    if count == 1:
        return level * LN2
    if level.max() - level.min() <= _RANGE:
        return _in_range(triangle, exponent)
    logs: list[Floats] = []
    start = settled = 0
    while settled < count:
        below = level[start:] < level[start:].max() - _RANGE
        stop = start + int(np.argmax(np.append(below, True)))
        piece = slice(start, stop)
        values = _in_range(triangle[piece, piece], exponent[piece])
        keep = stop
        if stop < count:
            keep = stop - int(np.sum(level[piece] < level[piece].min() + _OVERLAP))
            keep = keep if keep > settled else stop
        logs.append(values[settled - start : keep - start])
        settled = keep
        if keep < count:
            near = int(np.argmax(level < level[keep - 1] + _OVERLAP))
            start = max(start + 1, min(near, keep))
    return np.concatenate(logs)


def _in_range(triangle: Floats, exponent: Exponents) -> Floats:
    top = int(exponent.max())
    logs = _small(shifted(triangle, (exponent - top)[:, None]), _TURNS)
    return np.sort(logs)[::-1] + top * LN2


def _small(lower: Floats, turns: int) -> Floats:
    """Log sigma of a lower triangle with graded rows."""
    count = len(lower)
    if count == 1:
        return np.asarray(np.log(np.abs(lower[0])))
    diagonal = np.abs(np.diag(lower))
    if diagonal.max() < _EVEN * diagonal.min():
        return np.asarray(np.log(np.linalg.svd(lower, compute_uv=False)))
    if turns == 0 or count < 6:
        return _jacobi(lower)
    lower = np.triu(_qr(lower)).T
    diagonal = np.abs(np.diag(lower))
    if diagonal.min() == 0:
        return np.full(count, np.nan)
    # sums, since squares of entries under 1e-154 would vanish and cut what is coupled
    along = np.cumsum(np.abs(lower), axis=1)
    worst = np.maximum.accumulate(along[::-1], axis=0)[::-1]
    coupling = worst[np.arange(1, count), np.arange(count - 1)]
    least = np.minimum.accumulate(diagonal)[:-1]
    # the square of a coupling is what is neglected, unless the values across it may be equal
    apart = (_later(along[:, -1]) < 0.7 * least) | (coupling < _NOISE * least)
    pieces = _between((coupling < _COUPLING * least) & apart)
    if len(pieces) == 1:
        return _small(lower, turns - 1)
    return np.concatenate([_small(lower[a:b, a:b], turns - 1) for a, b in pieces])


def _jacobi(lower: Floats) -> Floats:
    sigma, _, _, work, _, info = lapack.dgejsv(
        np.asfortranarray(lower.T), joba=0, jobu=3, jobv=3, jobr=0, jobt=0, jobp=0
    )
    if info != 0:
        return np.full(len(lower), np.nan)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(sigma) + math.log(work[0] / work[1]))
