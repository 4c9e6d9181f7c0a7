"""Singular values of a long product at thousands of bits: the reference, by python-flint.

Doubles are integers times a power of 2, so the product is exact, in integers. Its QR keeps more
bits than the singular values spread over; one-sided Jacobi then needs few of them, since the
triangle is graded by rows (J. Demmel, K. Veselic, SIAM J. Matrix Anal. Appl. 13 (1992) 1204). Where
it is not, it needs more: they are doubled until that changes nothing.
"""

from __future__ import annotations

import math

import flint
import numpy as np

# Bits beyond those that the spread of the singular values takes, first bits of the Jacobi sweeps.
SPARE, SWEEP_BITS, MOST_BITS = 300, 300, 60_000
# Rows are orthogonal when every cosine is below this.
ORTHOGONAL = 1e-18
# Logs from twice the bits are the same to this part of themselves (of 1 if they are smaller).
SAME = 1e-13


def log_singular_values(jacobians: np.ndarray, lags: list[int]) -> np.ndarray:
    """(lags, d): log sigma, descending, of the product of the last ``lag`` of ``jacobians``.

    The lags ascend. Raises ``ArithmeticError`` if one product spreads over more than 60,000 bits.
    """
    steps, binary = _integers(jacobians)
    product, done, found = None, 0, []
    for lag in lags:
        piece = _product(steps[len(steps) - lag : len(steps) - done])
        product = piece if product is None else product * piece
        done = lag
        found.append(_from_product(product) - lag * binary * math.log(2))
    return np.array(found)


def _integers(jacobians: np.ndarray) -> tuple[list[flint.fmpz_mat], int]:
    """``(matrices, e)`` with ``jacobians = matrices / 2^e`` exactly."""
    mantissa, exponent = np.frexp(jacobians)
    whole = np.ldexp(mantissa, 53).astype(np.int64)
    binary = 53 - int(exponent[whole != 0].min())
    shift = np.where(whole != 0, exponent - 53 + binary, 0)
    shifted = [
        [[i << k for i, k in zip(*rows, strict=True)] for rows in zip(*pair, strict=True)]
        for pair in zip(whole.tolist(), shift.tolist(), strict=True)
    ]
    return [flint.fmpz_mat(matrix) for matrix in shifted], binary


def _product(steps: list[flint.fmpz_mat]) -> flint.fmpz_mat:
    """``steps[-1] ... steps[0]``, by halves, so that the factors are equally long."""
    if len(steps) == 1:
        return steps[0]
    middle = len(steps) // 2
    return _product(steps[middle:]) * _product(steps[:middle])


def _from_product(product: flint.fmpz_mat) -> np.ndarray:
    bits = 2_000
    while bits <= MOST_BITS:
        with flint.ctx.workprec(bits):
            rows = _triangle(flint.arb_mat(product))
        logs = _settled(rows, bits)
        spread = np.ptp(logs) / math.log(2)
        if spread + SPARE < bits:
            return logs
        bits *= 2
    raise ArithmeticError(f"the product spreads over more than {MOST_BITS} bits")


def _settled(rows: list[flint.arb_mat], most: int) -> np.ndarray:
    before, bits = None, SWEEP_BITS
    while True:
        with flint.ctx.workprec(bits):
            logs = _orthogonalised(rows)
        if before is not None and (np.abs(logs - before) <= SAME * np.maximum(1, abs(logs))).all():
            return logs
        if bits >= most:
            return logs
        before, bits = logs, 2 * bits


def _row(values: list[flint.arb]) -> flint.arb_mat:
    return flint.arb_mat(1, len(values), values)


def _triangle(product: flint.arb_mat) -> list[flint.arb_mat]:
    """The rows of R in ``product = Q R``, by modified Gram-Schmidt on its columns."""
    left = product.transpose()
    rows = []
    while left.nrows():
        first = _row(left.entries()[: left.ncols()])
        size = (first * first.transpose())[0, 0].sqrt()
        unit = (first * (1 / size)).mid()
        along = (left * unit.transpose()).mid()
        entries = (left - along * unit).mid().entries()
        zeros = [flint.arb(0)] * (product.ncols() - left.nrows())
        rows.append(_row(zeros + along.entries()))
        left = flint.arb_mat(left.nrows() - 1, left.ncols(), entries[left.ncols() :])
    return rows


def _orthogonalised(rows: list[flint.arb_mat]) -> np.ndarray:
    """Log lengths of the rows, descending, once rotations have made them orthogonal."""
    rows = [(+row).mid() for row in rows]
    turned = True
    while turned:
        turned = False
        squares = [_dot(row, row) for row in rows]
        order = sorted(range(len(rows)), key=lambda i: -float(squares[i].log()))
        rows, squares = [rows[i] for i in order], [squares[i] for i in order]
        for i in range(len(rows)):
            for j in range(i + 1, len(rows)):
                turned |= _rotate(rows, squares, i, j)
    logs = [float(_dot(row, row).log()) / 2 for row in rows]
    return np.sort(logs)[::-1]


def _dot(a: flint.arb_mat, b: flint.arb_mat) -> flint.arb:
    return (a * b.transpose())[0, 0].mid()


def _rotate(rows: list[flint.arb_mat], squares: list[flint.arb], i: int, j: int) -> bool:
    """Make rows i and j orthogonal; whether they were not."""
    shared = _dot(rows[i], rows[j])
    if float(abs(shared) / (squares[i] * squares[j]).sqrt()) < ORTHOGONAL:
        return False
    cot = ((squares[j] - squares[i]) / (2 * shared)).mid()
    root = (1 + cot * cot).sqrt()
    tangent = (1 / (cot + root) if cot >= 0 else 1 / (cot - root)).mid()
    cosine = (1 / (1 + tangent * tangent).sqrt()).mid()
    a, b = rows[i], rows[j]
    rows[i] = ((a - b * tangent) * cosine).mid()
    rows[j] = ((b + a * tangent) * cosine).mid()
    squares[i], squares[j] = _dot(rows[i], rows[i]), _dot(rows[j], rows[j])
    return True
