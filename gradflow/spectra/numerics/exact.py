"""Products of float64 matrices in whole numbers: exact, or cut to the bits that matter.

A double is a whole number times a power of two, so a product of matrices is one of whole numbers
(FLINT's, by python-flint), and its rank and its characteristic polynomial are exact.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import flint
import numpy as np

from gradflow.spectra.numerics.logdomain import Exponents, Floats

# A whole matrix (rows of whole numbers), and the power of two it is to be multiplied by.
Whole = tuple[list[list[int]], int]
# Two primes under 2^31, so that products of two residues fit 64 bits.
_PRIMES = (2147483629, 2147483587)
# The product is cut to its leading bits after so many steps.
_EVERY = 8


def whole(matrix: Floats, power: Exponents | int = 0) -> tuple[list[int], int]:
    """``(entries, e)`` with ``2^power matrix = 2^e entries`` exactly, row by row."""
    mantissa, exponent = np.frexp(matrix)
    exponent = exponent + power
    alive = matrix != 0
    if not alive.any():
        return [0] * matrix.size, 0
    low = int(exponent[alive].min())
    digits = np.ldexp(mantissa, 53).astype(np.int64).ravel().tolist()
    shift = np.where(alive, exponent - low, 0).ravel().tolist()
    return [v << k for v, k in zip(digits, shift, strict=True)], low - 53


def exact_products(
    factors: Floats, counts: Sequence[int], bits: int | None = None
) -> Iterator[Whole]:
    """``M_k ... M_1`` for ascending counts k >= 1 of factors (K, d, d).

    With `bits` the entries are cut to so many below the largest. A cut is wrong by one unit an
    entry, which the later factors enlarge by their norms at most; see `bits_needed`.
    """
    d = factors.shape[-1]
    product, shift, done = flint.fmpz_mat(d, d, np.eye(d, dtype=int).ravel().tolist()), 0, 0
    for count in counts:
        while done < count:
            entries, low = whole(factors[done])
            product = flint.fmpz_mat(d, d, entries) * product
            shift += low
            done += 1
            if bits is not None and done % _EVERY == 0:
                flat = product.entries()
                over = max(int(abs(x)).bit_length() for x in flat) - bits
                if over > 0:
                    product = flint.fmpz_mat(d, d, [x >> over for x in flat])
                    shift += over
        yield [[int(x) for x in row] for row in product.tolist()], shift


def entries_product(
    a: tuple[list[int], int], b: tuple[list[int], int], shape: tuple[int, int]
) -> tuple[list[int], int]:
    """Two whole matrices, as `whole` gives them, multiplied; the product has a shape (n, m)."""
    n, m = shape
    inner = len(b[0]) // m
    product = flint.fmpz_mat(n, inner, a[0]) * flint.fmpz_mat(inner, m, b[0])
    return [int(x) for x in product.entries()], a[1] + b[1]


def rounded_rows(entries: list[int], shape: tuple[int, int]) -> tuple[Floats, Exponents]:
    """``(near, row)``: a whole matrix (n, m) is ``diag(2^row) near``, near rounded, at most 1."""
    n, m = shape
    rows = [entries[m * i : m * (i + 1)] for i in range(n)]
    bits = [max(abs(x).bit_length() for x in row) for row in rows]
    # Python divides whole numbers of any size with one rounding
    near = [[x / (1 << size) for x in row] for row, size in zip(rows, bits, strict=True)]
    return np.array(near), np.array(bits, dtype=np.int64)


def bits_needed(factors: Floats, least: float) -> int:
    """Bits below the largest entry that keep a singular value ``e^least`` to 1e-16 of itself.

    A unit cut at step k is enlarged by the norms of the factors after it; the product of all norms
    over the singular value bounds what that comes to, whatever the signs of the errors.
    """
    with np.errstate(divide="ignore"):
        total = float(np.log(np.linalg.norm(factors, axis=(1, 2))).sum())
    spare = 65 + int(math.log2(len(factors) * factors.shape[-1]))
    return int((total - least) / math.log(2)) + spare


def whole_bits(factors: Floats) -> float:
    """About how many bits an entry of the exact product has."""
    exponent = np.frexp(factors)[1]
    alive = factors != 0
    high = np.where(alive, exponent, -5000).max(axis=(1, 2))
    low = np.where(alive, exponent, 5000).min(axis=(1, 2))
    return float(np.maximum(high - low + 53, 0).sum())


def exact_rank(entries: list[list[int]]) -> int:
    """The rank of a whole matrix."""
    return int(flint.fmpz_mat(entries).rank())


def ranks_modulo(factors: Floats, counts: Sequence[int]) -> list[int]:
    """The rank of ``M_k ... M_1`` for ascending counts k >= 1, from products modulo two primes.

    One is never more than the rank, and less only if both primes divide the same minors by chance,
    some 1e-18 for entries that know nothing of these primes. The time is that of the products.
    """
    each = [_residues(factors, counts, prime) for prime in _PRIMES]
    return [max(int(p.rank()) for p in pair) for pair in zip(*each, strict=True)]


def nonzero_eigenvalues(factors: Floats) -> int:
    """How many eigenvalues of ``M_K ... M_1`` are not zero: the rank of its d-th power, modulo."""
    count, d = factors.shape[:2]
    products = [p for prime in _PRIMES for p in _residues(factors, [count], prime)]
    return max(int((p**d).rank()) for p in products)


def _residues(factors: Floats, counts: Sequence[int], prime: int) -> Iterator[flint.nmod_mat]:
    d = factors.shape[-1]
    mantissa, exponent = np.frexp(factors)
    digits = np.ldexp(mantissa, 53).astype(np.int64) % prime
    low = int(exponent.min())
    twos = np.empty(int(exponent.max()) - low + 1, dtype=np.int64)
    two = 1
    for k in range(len(twos)):
        twos[k] = two
        two = 2 * two % prime
    # a common power of two is invertible, and so is left out
    residues = (digits * twos[exponent - low] % prime).reshape(len(factors), -1)
    product = flint.nmod_mat(d, d, np.eye(d, dtype=int).ravel().tolist(), prime)
    done = 0
    for count in counts:
        for matrix in residues[done:count]:
            product = flint.nmod_mat(d, d, matrix.tolist(), prime) * product
        done = count
        yield product


def characteristic_roots(entries: list[list[int]], shift: int = 0) -> tuple[Floats, Floats, Floats]:
    """``(log |root|, phase, radius)`` (d,) of ``2^shift entries``, by log descending.

    The radius is the certified error of the log, rounding to float64 apart; a root that is zero has
    ``-inf``, 0 and 0. The shift joins the balls, since in float64 it may cancel all digits.
    """
    poly = flint.fmpz_mat(entries).charpoly()
    d = len(entries)
    zeros = next(k for k in range(d + 1) if poly[k] != 0)
    reduced = flint.fmpz_poly([poly[k] for k in range(zeros, d + 1)])
    found: list[tuple[float, float, float]] = []
    roots: Any = reduced.complex_roots
    with flint.ctx.workprec(128):
        for root, times in roots():
            log = abs(root).log() + shift * flint.arb.const_log2()
            real = root.imag.is_zero()
            phase = (0.0 if root.real > 0 else math.pi) if real else float(root.arg().mid())
            found += [(float(log.mid()), phase, float(log.rad()))] * times
    found.sort(key=lambda each: -each[0])
    found += [(-math.inf, 0.0, 0.0)] * zeros
    logs, phases, radii = np.array(found).reshape(d, 3).T
    return logs, phases, radii
