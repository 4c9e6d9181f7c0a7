r"""Bounds of the singular values of a concrete matrix by whole numbers alone.

Floats are dyadic, so ``W`` times a power of two is an integer matrix and everything below is exact.
``sigma_max(W) <= k`` holds if ``k^2 I - W^T W - R^T R`` is diagonally dominant with a diagonal of
at least 0: then it is positive semidefinite by Gershgorin, and so is ``k^2 I - W^T W``. ``R`` is an
approximate Cholesky factor, which need not be trusted. ``sigma_min(W) >= m`` likewise. With weights
``Q = diag(q)``, ``k^2 Q^2 - (Q W)^T (Q W) - R^T R`` in place of it shows ``|Q W v| <= k |Q v|``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from gradflow.proofs.algebra.polynomial import exact

Integers = list[list[int]]
_DEEPEST, _WIDEST = 4096, 4096


def singular_fault(data: Mapping[str, Any]) -> str:
    """Return what is wrong with a certificate of a singular value bound, ``""`` if it holds.

    ``data`` holds the matrix as integers over ``2^shift``, the side (``"max"`` or ``"min"``), the
    bound as a fraction and the factor ``R`` as integers over ``2^factor_shift``; where there are
    ``weights``, these are whole numbers above 0 over ``2^weight_shift``.
    """
    rows: Integers = data["matrix"]
    factor: Integers = data["factor"]
    shift, factor_shift, side = data["shift"], data["factor_shift"], data["side"]
    bound = exact(data["bound"])
    if not all(type(x) is int for line in [*rows, *factor, [shift, factor_shift]] for x in line):
        return "the matrix and its factor are not whole numbers"
    allowed = bound >= 0 and min(shift, factor_shift) >= 0 and max(shift, factor_shift) <= _DEEPEST
    if side not in ("max", "min") or not allowed:
        return "the side, the bound or a shift is not allowed"
    width = len(rows[0]) if rows else 0
    if not 0 < width <= _WIDEST or len(rows) > _WIDEST:
        return f"the matrix is empty, or larger than {_WIDEST}"
    if any(len(line) != width for line in rows) or len(factor) > width:
        return "the matrix is ragged"
    if any(len(line) != width for line in factor):
        return "the factor does not fit the matrix"
    if side == "min" and bound == 0:
        return ""
    weights, weight_shift = data.get("weights"), data.get("weight_shift", 0)
    if weights is not None:
        if odd := _weights_fault(weights, weight_shift, len(rows), width):
            return odd
        rows = [[q * x for x in line] for q, line in zip(weights, rows, strict=True)]
        shift += weight_shift
    gram = _gram(rows)
    square = _gram(factor) if factor else [[0] * width for _ in range(width)]
    # everything over the common denominator 4^(shift + factor_shift) * q^2 of the bound
    q2 = bound.denominator**2
    p2 = bound.numerator**2 * 4 ** (shift - weight_shift + factor_shift)
    sign = 1 if side == "max" else -1
    for i in range(width):
        line = [
            -sign * gram[i][j] * 4**factor_shift * q2 - square[i][j] * 4**shift * q2
            for j in range(width)
        ]
        line[i] += sign * p2 * (weights[i] ** 2 if weights is not None else 1)
        if line[i] < sum(abs(x) for j, x in enumerate(line) if j != i):
            return f"row {i} is not diagonally dominant: the bound does not follow"
    return ""


def _weights_fault(weights: Any, shift: Any, rows: int, width: int) -> str:
    """Return what is wrong with the weights of a norm, ``""`` if nothing is."""
    if rows != width or not isinstance(weights, list) or len(weights) != width:
        return "there is not one weight for every row and column of a square matrix"
    if any(type(q) is not int or q <= 0 for q in weights):
        return "a weight is no whole number above 0"
    if type(shift) is not int or not 0 <= shift <= _DEEPEST:
        return "the shift of the weights is not allowed"
    return ""


def _gram(rows: Integers) -> Integers:
    """Return ``A^T A``."""
    columns = list(zip(*rows, strict=True)) if rows else []
    result = [[0] * len(columns) for _ in columns]
    for i, a in enumerate(columns):
        for j in range(i + 1):
            result[i][j] = result[j][i] = sum(map(int.__mul__, a, columns[j]))
    return result


def dyadic(values: Sequence[Sequence[float]]) -> tuple[Integers, int]:
    """Return floats as integers over the least common power of two ``2^shift``, exactly."""
    exact = [[Fraction(float(x)) for x in row] for row in values]
    shift = max((x.denominator.bit_length() - 1 for row in exact for x in row), default=0)
    return [[int(x * 2**shift) for x in row] for row in exact], shift
