"""Singular values of one product at several lags by one sweep, for well conditioned Jacobians.

The transposed product of the last steps, ``P(T, T - lag)^T``, grows from the left as the lag does:
it is carried as ``Q diag(2^e) U`` with rows of U near length 1, and its singular values are looked
at on the way. Several steps share one QR, Q stays a product of Householder reflections, and the
columns are put in order of what they have grown to, which keeps U well conditioned. The digits a
window costs are the spread of its ``log |R[i, i]|``; they are added up, and where the sum exceeds
1e-9 the sweep ends and leaves the longer lags to a more careful one.

Sources: G. W. Stewart, Electron. Trans. Numer. Anal. 3 (1995) 39 (graded QR of products); Z.
Drmac, K. Veselic, SIAM J. Matrix Anal. Appl. 29 (2008) 1322 and 1343 (LAPACK's one-sided Jacobi).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas, lapack

from gradflow.spectra.numerics.graded import EPS, graded_log_singular_values
from gradflow.spectra.numerics.logdomain import (
    Floats,
    binary_exponent,
    log_magnitude,
    normalized,
    shifted,
)
from gradflow.spectra.numerics.orthonormal import Reflections, applied, reflected

# What rounding may cost a log, by the sum of what it may cost in each window.
_MOST_ERROR = 1e-9
_WINDOWS_ERROR = 0.85 * _MOST_ERROR
# Rounding errors of a window against the smallest entry of R, in part of its largest column: held
# against ball arithmetic, 3 units of 1.1e-16 is the most that was met.
_ROUNDING = 1.5 * EPS
# How much the newest window counts in what is known of the spread a step.
_NEWEST = 0.2
# The triangles R are merged into U after so many nats of spread, far from the end of float64.
_MERGE = 200.0
# Where the rows of a graded triangle fall by 2^20, what couples them changes a log by 2^-41.
_CUT = 20.0
# Exponents further apart than this do not go into one float64 matrix.
_RANGE = 900
# Up to this many nats an ordinary SVD is as good as one that sees to graded rows.
_PLAIN = 8.0
# Most steps that share one QR.
_LONGEST = 50


def shared_sweep(steps: Floats, lags: Sequence[int]) -> Iterator[tuple[Floats, float]]:
    """``(log sigma (d,), error)`` of ``P(T, T - lag)`` for ascending lags >= 1, while it is known.

    `error` is, to first order, what rounding may cost a log. The iterator ends early where that
    would exceed 1e-9 at the last lag.
    """
    sweep = _Sweep(steps.shape[-1])
    planned, rate, reached = 1, 0.0, 0
    for lag in lags:
        while reached < lag:
            length = min(planned, lag - reached)
            stop = len(steps) - reached
            # what each of the steps that are left may cost
            share = (_WINDOWS_ERROR - sweep.error) / (lags[-1] - reached)
            most = length * share if length > 1 else math.inf
            spread = sweep.advance(steps[stop - length : stop], most)
            if spread < math.inf:
                reached += length
                rate += (spread / length - rate) * (_NEWEST if rate else 1.0)
            elif length == 1:
                return
            if sweep.error > _WINDOWS_ERROR:
                return
            longest = planned + 1 if spread < math.inf else max(1, length // 2)
            planned = _planned(rate, share, min(longest, _LONGEST))
        found, error = sweep.log_sigma()
        if not error <= _MOST_ERROR:
            return
        yield found, error


def _planned(rate: float, share: float, longest: int) -> int:
    """Most steps m whose spread ``m rate`` likely costs a log no more than ``m share``."""
    for length in range(longest, 1, -1):
        if _ROUNDING * math.exp(min(length * rate, 100.0)) <= length * share:
            return length
    return 1


class _Sweep:
    """The product so far, ``Q R diag(2^exponent) rows``, and what rounding has cost."""

    def __init__(self, d: int) -> None:
        self.frame: Reflections | Floats = np.eye(d)
        self.triangle = np.eye(d, order="F")
        self.exponent = np.zeros(d, dtype=np.int64)
        self.rows = np.eye(d)
        self.error = 0.0
        # log of what each column has grown to, and the nats of spread since the last merge
        self.grown = np.zeros(d)
        self.nats = 0.0

    def advance(self, steps: Floats, most_error: float) -> float:
        """Take some steps, the last one first, and return their spread.

        Nothing is done, and inf returned, if they would cost more than `most_error` or a digit
        that cannot be counted.
        """
        product = steps[-1].copy() if len(steps) == 1 else steps[-1] @ steps[-2]
        for step in steps[-3::-1]:
            product = product @ step
        image = applied(product.T, self.frame)
        squares = np.einsum("ij,ij->i", image.T, image.T)
        largest = float(squares.max())
        if not 1e-200 < float(squares.min()) <= largest < 1e200:
            return math.inf
        reach = self.grown + np.log(squares) / 2
        # columns in the order of what they have grown to keep U well conditioned
        order = None
        if (reach[1:] > reach[:-1] + 1).any():
            order = np.argsort(-reach, kind="stable")
            image = np.asfortranarray(image[:, order])
        frame = reflected(image)
        diagonal = np.abs(frame.reflectors.diagonal())
        least = float(diagonal.min())
        if least == 0 or _ROUNDING * math.sqrt(largest) / least > min(most_error, 1e-6):
            return math.inf
        self.error += _ROUNDING * math.sqrt(largest) / least
        if order is not None:
            self.triangle = np.asfortranarray(self.triangle[order])
            self.grown = self.grown[order]
        self.triangle = blas.dtrmm(1.0, frame.reflectors, self.triangle, overwrite_b=1)
        self.frame = frame
        self.grown = self.grown + np.log(diagonal)
        spread = math.log(largest) / 2 - math.log(least)
        self.nats += spread + abs(math.log(largest))
        if self.nats > _MERGE:
            self._merge()
        return spread

    def _merge(self) -> None:
        """Bring the triangle into ``diag(2^exponent) rows``."""
        top = (binary_exponent(self.triangle) + self.exponent).max(axis=1)
        scaled = shifted(self.triangle, self.exponent - top[:, None])
        self.rows, shift = normalized(scaled @ self.rows, axis=1)
        self.exponent = top + shift[:, 0]
        self.triangle = np.eye(len(self.rows), order="F")
        self.nats = 0.0

    def log_sigma(self) -> tuple[Floats, float]:
        """Log sigma (d,), descending, and its error; the volume must be that of the windows."""
        self._merge()
        logs, condition = graded_triangle_logs(self.exponent, self.rows)
        off = abs(float(logs.sum()) - float(self.grown.sum()))
        return logs, max(math.hypot(self.error, EPS / 2 * condition), off / len(logs))


def graded_triangle_logs(exponent: NDArray[np.int64], rows: Floats) -> tuple[Floats, float]:
    """Log sigma (d,), descending, of ``diag(2^exponent) rows``, and the condition of the rows.

    Householder LQ of the sorted rows leaves a graded lower triangle, which falls apart into blocks
    where it is steep; LAPACK's one-sided Jacobi does each block.
    """
    order = np.argsort(-exponent, kind="stable")
    exponent = exponent[order]
    upper = np.asarray(np.linalg.qr(rows[order].T, mode="r"))
    triangle = upper.T
    inverse_condition, _ = lapack.dtrcon(upper)
    diagonal = log_magnitude(np.diag(triangle)) / np.log(2) + exponent
    below = np.log2(np.linalg.norm(triangle, axis=1)) + exponent
    least = np.minimum.accumulate(diagonal)[:-1]
    most = np.maximum.accumulate(below[::-1])[::-1][1:]
    cuts = np.flatnonzero(least - most > _CUT) + 1
    logs = []
    for start, stop in zip([0, *cuts], [*cuts, len(rows)], strict=True):
        top = int(exponent[start])
        if top - int(exponent[stop - 1]) > _RANGE:
            scaled = exponent[start:stop], triangle[start:stop, start:stop]
            logs.append(graded_log_singular_values(*scaled, "singular_values"))
            continue
        block = shifted(triangle[start:stop, start:stop], (exponent[start:stop] - top)[:, None])
        logs.append(_log_sigma(block) + top * np.log(2))
    return np.sort(np.concatenate(logs))[::-1], 1 / max(inverse_condition, EPS**2)


def _log_sigma(block: Floats) -> Floats:
    """Log sigma of a lower triangle with graded rows."""
    if len(block) == 1:
        return log_magnitude(block[0])
    diagonal = np.abs(np.diag(block))
    if diagonal.max() < np.exp(_PLAIN) * diagonal.min():
        return np.asarray(np.log(np.linalg.svd(block, compute_uv=False)))
    sva, _, _, work, _, _ = lapack.dgejsv(
        np.asfortranarray(block.T), joba=0, jobu=3, jobv=3, jobr=0, jobt=0, jobp=0
    )
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(sva) + np.log(work[0] / work[1]))
