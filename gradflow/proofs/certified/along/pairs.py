r"""Matrices of about 100 bits: sums of two float matrices, and products that BLAS does exactly.

A pair ``(high, low)`` stands for ``high + low`` with ``|low| <= u |high|``, ``u = 2^-53``. A sum of
two floats is a float and its error, exactly (Knuth), and so is a product (Dekker; Higham, Accuracy
and Stability of Numerical Algorithms, 2nd ed., 4.3 and 27.10), but for overflow and for errors
under 2^-1022, of which at most a few 2^-1074 are lost. So, entry by entry,

* :func:`added` is off by at most ``u^2`` (of ``low + low``) and ``2 u^2`` (of adding the error of
  ``high + high``) of ``|a| + |b|``: half of ``ROUNDING``;
* :func:`multiplied` drops ``low low``, at most ``u^2``, and rounds two products (``2 u^2``) and two
  sums (``5 u^2``): half of ``ROUNDING``, of ``|a b|``.

:func:`product` follows Ozaki, Ogita, Oishi and Rump (Error-free transformations of matrix
multiplication, Numerical Algorithms 59, 2012). Rows of ``A`` and columns of ``B`` are scaled by
powers of two to entries of at most 1 and cut into ``S`` slices: the i-th holds whole numbers of at
most ``2^b`` times ``2^-bi``, and at most ``2^-bS`` is left. For ``K`` inner entries a sum of
``S K`` products of two slices is a whole number of at most ``2^53`` times its grid, where
``S K 2^2b <= 2^53``: no order of summation rounds it. Lost are

* slices ``i`` and ``j`` with ``i + j > S + 1``: at most ``S K 2^-bS``;
* what is left of either factor: at most ``3 K 2^-bS``, underflow of the scaling included;
* ``S`` additions of pairs of sizes of at most ``3 K``: ``2 S K ROUNDING``,

each times the powers of two, which are at most twice the largest entry of the row and the column.
"""

from __future__ import annotations

from math import ceil, log2

import numpy as np

from gradflow.proofs.certified.program.steps import Floats

Pair = tuple[Floats, Floats]

ROUNDING = 2.0**-102
SLICES = 4
SMALL = 2.0**-1000
"""Rows and columns whose largest entry is smaller count as if it were so large."""
_SPLIT = 2.0**27 + 1


def two_sum(a: Floats, b: Floats) -> Pair:
    """Return ``fl(a + b)`` and what rounding took from it, exactly."""
    whole = a + b
    other = whole - a
    return whole, (a - (whole - other)) + (b - other)


def two_product(a: Floats, b: Floats) -> Pair:
    """Return ``fl(a b)`` and what rounding took from it, for sizes between 2^-450 and 2^450."""
    whole = a * b
    (a1, a2), (b1, b2) = _halves(a), _halves(b)
    return whole, a2 * b2 - (((whole - a1 * b1) - a2 * b1) - a1 * b2)


def _halves(a: Floats) -> Pair:
    scaled = _SPLIT * a
    high = scaled - (scaled - a)
    return high, a - high


def added(a: Pair, b: Pair) -> Pair:
    """Return the sum, entry by entry."""
    whole, rest = two_sum(a[0], b[0])
    return two_sum(whole, rest + (a[1] + b[1]))


def multiplied(a: Pair, b: Pair) -> Pair:
    """Return the product, entry by entry."""
    whole, rest = two_product(a[0], b[0])
    return two_sum(whole, rest + (a[0] * b[1] + a[1] * b[0]))


def product(a: Pair, b: Pair) -> Pair:
    """Return ``A B``, within :func:`lost` of the truth."""
    bits = slice_bits(a[0].shape[-1])
    left, rows = _slices(a, -1, bits)
    right, columns = _slices(b, -2, bits)
    sums = [
        np.concatenate(left[:last], axis=-1) @ np.concatenate(right[last - 1 :: -1], axis=-2)
        for last in range(SLICES, 0, -1)
    ]
    nothing = np.zeros_like(sums[0])
    whole = (nothing, nothing)
    for exact in sums:
        whole = added(whole, (exact, nothing))
    scale = rows * columns
    return whole[0] * scale, whole[1] * scale


def lost(a: Floats, b: Floats) -> Floats:
    """Return bounds of the error of every entry of :func:`product`, of factors' high parts."""
    rows = np.abs(a).max(-1, keepdims=True, initial=SMALL)
    columns = np.abs(b).max(-2, keepdims=True, initial=SMALL)
    found: Floats = lost_share(a.shape[-1]) * (rows * columns)  # a share of SMALL is no float
    return found


def lost_share(inner: int) -> float:
    """Return what an entry loses, over the largest entries of its row and its column.

    The Euclidean norm of the largest entries of rows is at most the Frobenius norm, so that the
    error of the whole is at most as large a share of ``|A|_F |B|_F``, but for 2^-900.
    """
    share = (SLICES + 3) * 2.0 ** (-slice_bits(inner) * SLICES) + 2 * SLICES * ROUNDING
    return 4 * share * inner


def slice_bits(inner: int) -> int:
    """Return the bits of a slice for which sums of products of slices are exact."""
    return (53 - ceil(log2(SLICES * inner))) // 2


def _slices(a: Pair, axis: int, bits: int) -> tuple[list[Floats], Floats]:
    """Return the slices of a scaled matrix, and the powers of two by which to multiply it."""
    largest = np.abs(a[0]).max(axis, keepdims=True, initial=SMALL)
    exponents = np.frexp(largest)[1]
    high, low = (part * np.ldexp(1.0, -exponents) for part in a)
    found = []
    for i in range(1, SLICES + 1):
        grid = 2.0 ** (bits * i)
        found.append(np.rint(high * grid) / grid)
        high, low = two_sum(high - found[-1], low)
    return found, np.ldexp(1.0, exponents)
