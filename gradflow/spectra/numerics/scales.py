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


def scaled(matrix: Floats) -> tuple[Exponents, Floats, Exponents]:
    """``(row, y, column)`` with ``matrix = diag(2^row) y diag(2^column)``, entries of y at most 1.

    The largest entry of each row of y that is not zero is at least 1/2: maxima of the rows go out,
    then those of the columns, then what the rows have left. No assignment problem is solved.
    """
    row, y = _without_maxima(matrix, 1)
    column, y = _without_maxima(y, 0)
    again, y = _without_maxima(y, 1)
    return row + again, y, column


def _without_maxima(matrix: Floats, axis: int) -> tuple[Exponents, Floats]:
    exponent = np.frexp(np.abs(matrix).max(axis=axis))[1].astype(np.int64)
    return exponent, shifted(matrix, -np.expand_dims(exponent, axis))


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
