"""Scales of rows and columns taken out of a matrix, as whole powers of two.

A saturated unit makes a row of a Jacobian tiny, a weak part of the state a column, and either may
be as healthy as the rest: ``J = diag(2^row) Y diag(2^column)`` exactly, and only Y has a condition.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradflow.spectra.numerics.logdomain import Exponents, Floats, shifted

# Powers of two further apart than this go into separate factors: squares must not underflow.
SPREAD = 350
# Powers of two by which scales of columns, and of rows, of an ordinary step may differ: 18 nats are
# 26 bits, of which the rest of a step takes some nine.
_MILD, _ROOM = 6, 17
# Powers of two that are float64 numbers themselves.
_ONE_FACTOR = 1000

Scaled = tuple[Exponents, Floats, Exponents]


def scaled(matrix: Floats) -> Scaled:
    """``(row, y, column)`` with ``matrix = diag(2^row) y diag(2^column)``, entries of y at most 1.

    The largest entry of each row of y that is not zero is at least 1/2: maxima of the rows go out,
    then those of the columns, then what the rows have left. No assignment problem is solved.
    """
    size = np.abs(matrix)
    row = _maxima_out(size, 1)
    column = _maxima_out(size, 0)
    row += _maxima_out(size, 1)
    y = _times(matrix, -row[:, None]) if _ordinary(row) else shifted(matrix, -row[:, None])
    return row, _times(y, -column) if _ordinary(column) else shifted(y, -column), column


def _maxima_out(size: Floats, axis: int) -> Exponents:
    """The exponents of the largest sizes along an axis, which are divided by them, in place."""
    exponent: Exponents = np.frexp(size.max(axis=axis))[1].astype(np.int64)
    apart = -exponent[:, None] if axis else -exponent
    size[...] = _times(size, apart) if _ordinary(exponent) else shifted(size, apart)
    return np.asarray(exponent)


def _ordinary(exponent: Exponents) -> bool:
    return bool(np.abs(exponent).max(initial=0) < _ONE_FACTOR)


def _times(matrix: Floats, exponent: Exponents) -> Floats:
    return np.asarray(matrix * np.ldexp(1.0, exponent.astype(np.int32)))


def wild(split: Scaled) -> bool:
    """Whether a step is to be taken by its scales, given what `scaled` has made of it.

    So it is if those of its columns differ, which are then joined to the step before, or if those
    of its rows alone leave no room in a window.
    """
    row, _, column = split
    return bool(np.ptp(column) > _MILD or np.ptp(row) > _ROOM)


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
