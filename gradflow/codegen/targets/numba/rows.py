"""What numba-compiled source calls: functions of arrays (rows, units), each compiled once.

Written out, each call would be compiled anew: a layer-normalised LSTM has some sixty.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradflow.codegen.targets.numba.runtime import jit


@jit
def rows_times(x: Any, matrix: Any, out: Any) -> None:
    """Write ``x matrix``, shapes (rows, m) and (m, n), into ``out`` (rows, n)."""
    if x.shape[0] > 2:
        np.dot(x, matrix, out)
        return
    for s in range(x.shape[0]):
        row, result = x[s], out[s]
        result[:] = 0.0
        full = matrix.shape[0] - matrix.shape[0] % 8
        for k in range(0, full, 8):
            m0, m1, m2, m3 = matrix[k], matrix[k + 1], matrix[k + 2], matrix[k + 3]
            m4, m5, m6, m7 = matrix[k + 4], matrix[k + 5], matrix[k + 6], matrix[k + 7]
            x0, x1, x2, x3 = row[k], row[k + 1], row[k + 2], row[k + 3]
            x4, x5, x6, x7 = row[k + 4], row[k + 5], row[k + 6], row[k + 7]
            for a in range(matrix.shape[1]):
                low = x0 * m0[a] + x1 * m1[a] + x2 * m2[a] + x3 * m3[a]
                result[a] += low + (x4 * m4[a] + x5 * m5[a] + x6 * m6[a] + x7 * m7[a])
        for k in range(full, matrix.shape[0]):
            last, factor = matrix[k], row[k]
            for a in range(matrix.shape[1]):
                result[a] += factor * last[a]


@jit
def empty_rows(count: int, size: int) -> Any:
    """Return an array (count, size) to be filled."""
    return np.empty((count, size))


@jit
def times(x: Any, matrix: Any, out: Any) -> None:
    """Write ``x matrix``, shapes (rows, m) and (m, n), into ``out`` (rows, n)."""
    np.dot(x, matrix, out)


@jit
def row_sums(x: Any, share: float, out: Any) -> None:
    """Write the sum of each row of ``x`` (rows, n), over ``share``, into ``out`` (rows, 1)."""
    for s in range(x.shape[0]):
        out[s, 0] = x[s].sum() / share


@jit
def row_largest(x: Any, out: Any) -> None:
    """Write the largest of each row of ``x`` (rows, n) into ``out`` (rows, 1)."""
    for s in range(x.shape[0]):
        out[s, 0] = x[s].max()


@jit
def spread_out(x: Any, share: float, out: Any) -> None:
    """Write ``x`` (rows, 1), over ``share``, to all units of ``out`` (rows, n)."""
    for s in range(x.shape[0]):
        out[s, :] = x[s, 0] / share


@jit
def log_length(x: Any) -> float:
    """Return the natural log of the Euclidean length of a vector, ``-inf`` for zero."""
    peak = 0.0
    for a in range(x.shape[0]):
        peak = max(peak, abs(x[a]))
    if not 1e-140 < peak < 1e140:
        if peak == 0.0:
            return -math.inf
        total = 0.0
        for a in range(x.shape[0]):
            total += (x[a] / peak) ** 2
        return math.log(peak) + 0.5 * math.log(total)
    total = 0.0
    for a in range(x.shape[0]):
        total += x[a] * x[a]
    return 0.5 * math.log(total)


@jit
def largest(x: Any) -> float:
    """Return the largest absolute entry, NaN if there is one."""
    peak = 0.0
    for a in range(x.shape[0]):
        size = abs(x[a])
        peak = peak if size <= peak else size
    return peak


@jit
def square_sum(x: Any, start: int, stop: int) -> float:
    """Return the sum of the squares of rows ``start`` to ``stop``, in four sums side by side."""
    s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
    full = x.shape[1] - x.shape[1] % 4
    for s in range(start, stop):
        row = x[s]
        for a in range(0, full, 4):
            s0 += row[a] * row[a]
            s1 += row[a + 1] * row[a + 1]
            s2 += row[a + 2] * row[a + 2]
            s3 += row[a + 3] * row[a + 3]
        for a in range(full, x.shape[1]):
            s0 += row[a] * row[a]
    return (s0 + s1) + (s2 + s3)


@jit
def scaled(x: Any, power: float) -> None:
    """Multiply ``x`` by ``2^power`` in place, exactly, in two steps so that neither overflows."""
    half = int(power) // 2
    first, second = math.ldexp(1.0, half), math.ldexp(1.0, int(power) - half)
    for a in range(x.shape[0]):
        x[a] = x[a] * first * second


@jit
def unit_row(x: Any, log_whole: float, out: Any) -> None:
    """Write ``x / exp(log_whole)``, or zeros where that is zero."""
    factor = 0.0 if log_whole == -math.inf else math.exp(-log_whole)
    for a in range(x.shape[0]):
        out[a] = x[a] * factor
