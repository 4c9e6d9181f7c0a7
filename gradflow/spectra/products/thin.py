"""Singular values of products in which some coordinates are exactly dead at some steps.

A ReLU unit at rest is a row of zeros, and a frame of d columns cannot pass it. Coordinates through
which nothing passes are left out, step by step, and frames (n, r) go through what is left, from one
end and from the other, whose rounding errors are others.
"""

from __future__ import annotations

import numpy as np

from gradflow.spectra.numerics.frames import sorted_rows
from gradflow.spectra.numerics.logdomain import (
    ZERO_EXPONENT,
    Exponents,
    Floats,
    binary_exponent,
    shifted,
)
from gradflow.spectra.numerics.scales import factors as even_factors
from gradflow.spectra.numerics.scales import scaled
from gradflow.spectra.numerics.triangles import LN2, graded_logs
from gradflow.spectra.products.structure import live_coordinates

# The two ends are this part of their error apart, or more.
_SAFETY = 10.0


def from_both_ends(factors: Floats, rank: int) -> tuple[Floats, Floats] | None:
    """``(log sigma (d,), error (d,))`` of ``M_K ... M_1`` of known rank; None if one end differs.

    The error is ten times the distance of the two ends; values beyond the rank are exactly zero.
    """
    alive = live_coordinates(factors)
    blocks = [m[np.ix_(alive[k + 1], alive[k])] for k, m in enumerate(factors)]
    one = _from_one_end(blocks)
    two = _from_one_end([block.T for block in blocks[::-1]])
    if not len(one) == len(two) == rank:
        return None
    logs, error = np.full(factors.shape[-1], -np.inf), np.zeros(factors.shape[-1])
    logs[:rank] = one
    error[:rank] = _SAFETY * np.abs(one - two) + 4e-12 + 3e-14 * np.abs(one)
    return logs, error


def _from_one_end(blocks: list[Floats]) -> Floats:
    """Log sigma (r,), descending, of the product of blocks (n_k, n_{k-1}), the first one first."""
    n = blocks[0].shape[1]
    frame, rows, exponent, shift = np.eye(n), np.eye(n), np.zeros(n, dtype=np.int64), 0
    if any(block.size == 0 for block in blocks):
        return np.empty(0)
    split = [scaled(block) for block in blocks]
    chain = [(np.eye(n), split[0][2])]
    for k, (row, y, _) in enumerate(split):
        chain.append((y, row + split[k + 1][2] if k + 1 < len(split) else row))
    for y, left in chain:
        for matrix, part, top in even_factors(y, left):
            frame, rows, exponent = _through(matrix, part, frame, rows, exponent)
            shift += top
            if frame.shape[1] == 0:
                return np.empty(0)
    return graded_logs(exponent, rows)[0] + shift * LN2


def _through(
    matrix: Floats, part: Exponents, frame: Floats, rows: Floats, exponent: Exponents
) -> tuple[Floats, Floats, Exponents]:
    """``diag(2^part) matrix frame diag(2^exponent) rows`` the same way, without zero columns."""
    image, order = sorted_rows(matrix @ frame, part)
    norm = np.linalg.norm(image, axis=0)
    with np.errstate(divide="ignore"):
        grown = np.argsort(-(exponent + np.log2(norm)), kind="stable")
    q, r = np.linalg.qr(image[:, grown])
    turned = np.empty_like(q)
    turned[order] = q
    rows, exponent = rows[grown], exponent[grown]
    top = (binary_exponent(r) + exponent).max(axis=1)
    rows = shifted(r, exponent - top[:, None]) @ rows
    sizes = np.abs(rows).max(axis=1)
    kept = (sizes > 0) & (top > ZERO_EXPONENT // 2)
    own = binary_exponent(sizes[kept])
    return turned[:, kept], shifted(rows[kept], -own[:, None]), top[kept] + own
