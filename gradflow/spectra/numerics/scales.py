"""Scales of rows and columns taken out of a matrix, as whole powers of two.

A saturated unit makes a row of a Jacobian tiny, a weak part of the state a column, and either may
be as healthy as the rest: ``J = diag(2^row) Y diag(2^column)`` exactly, and only Y has a condition.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gradflow.spectra.numerics.logdomain import Exponents, Floats, shifted

# Powers of two further apart than this go into separate factors: squares must not underflow.
SPREAD = 350
# Powers of two by which scales of columns, and of rows, of an ordinary step may differ: 18 nats are
# 26 bits, of which the rest of a step takes some nine.
_MILD, _ROOM = 6, 17
# Powers of two that are float64 numbers themselves.
_ONE_FACTOR = 1000
# Factors whose scales are taken out in one go.
_TOGETHER = 16

Scaled = tuple[Exponents, Floats, Exponents]


def scaled(matrix: Floats) -> Scaled:
    """``(row, y, column)`` with ``matrix = diag(2^row) y diag(2^column)``, entries of y at most 1.

    A matrix (..., n, m) gives row (..., n), y (..., n, m), column (..., m). The largest entry of
    each row of y that is not zero is at least 1/2: maxima of the rows go out, then those of the
    columns, then what the rows have left. No assignment problem is solved.
    """
    size = np.abs(matrix)
    row = _maxima(size, -1)
    _divide(size, row[..., :, None])
    column = _maxima(size, -2)
    _divide(size, column[..., None, :])
    row = row + _maxima(size, -1)
    y = matrix.copy(order="K")
    _divide(y, row[..., :, None])
    _divide(y, column[..., None, :])
    return row.astype(np.int64), y, column.astype(np.int64)


def _maxima(size: Floats, axis: int) -> NDArray[np.int32]:
    """The exponents of the largest sizes along an axis; 0 where all are 0."""
    return np.asarray(np.frexp(size.max(axis=axis))[1], dtype=np.int32)


def _divide(matrix: Floats, exponent: NDArray[np.int32]) -> None:
    """Divide by powers of two, in place."""
    if np.abs(exponent).max(initial=0) < _ONE_FACTOR:
        matrix *= np.ldexp(1.0, -exponent)
    else:
        matrix[...] = shifted(matrix, -exponent.astype(np.int64))


def wild(split: Scaled) -> NDArray[np.bool_]:
    """Whether steps (...) are to be taken by their scales, given what `scaled` has made of them.

    So it is if those of its columns differ, which are then joined to the step before, or if those
    of its rows alone leave no room in a window.
    """
    row, _, column = split
    return np.asarray((np.ptp(column, axis=-1) > _MILD) | (np.ptp(row, axis=-1) > _ROOM))


class Scales:
    """The scales of transposed factors, some at once where one after the other is asked for."""

    def __init__(self, factors: Floats) -> None:
        self.factors = factors
        self.start = self.stop = 0

    def of(self, index: int) -> tuple[Scaled, bool]:
        """What `scaled` makes of a factor, and whether it is `wild`."""
        if not self.start <= index < self.stop:
            more = _TOGETHER if index == self.stop > 0 else 2
            self.start, self.stop = index, min(index + more, len(self.factors))
            self.split = scaled(self.factors[self.start : self.stop].swapaxes(1, 2))
            self.wild = wild(self.split).tolist()
        row, y, column = self.split
        k = index - self.start
        return (row[k], y[k], column[k]), self.wild[k]


def factors(y: Floats, left: Exponents) -> Iterator[tuple[Floats, Exponents, int]]:
    """``diag(2^left) y`` as factors ``2^top diag(2^part) matrix``, the first to be applied first.

    Each is ``(matrix, part, top)`` with parts from ``-SPREAD`` to 0.
    """
    matrix = y
    while True:
        top = int(left.max())
        part = np.maximum(left - top, -SPREAD)
        yield matrix, part, top
        left = left - top - part
        if not left.any():
            return
        matrix = np.eye(len(left))
