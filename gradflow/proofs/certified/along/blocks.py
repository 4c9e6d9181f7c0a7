r"""Matrices and diagonals in floats with an entry by entry error, many steps at once.

``Block(middle, radius)`` stands for every matrix ``M`` with ``|M - middle| <= radius`` in every
entry. Let ``u = 2^-53``. Rounding is accounted for as follows, by the standard model of IEEE
arithmetic, ``fl(a op b) = (a op b)(1 + d)`` with ``|d| <= u`` (Higham, Accuracy and Stability of
Numerical Algorithms, 2nd ed., 2.2), and for inner products of length k in any order, with or
without fused operations, ``|fl(x.y) - x.y| <= gamma_k |x|.|y|`` with ``gamma_k = k u / (1 - k u)``
(ibid., 3.1):

* rows scaled by ``d +- e``: ``|d| r + e (|m| + r) + u |d m|``;
* a sum: ``r1 + r2 + u |m1 + m2|``;
* a fixed matrix ``W`` times a block: ``|W| r + gamma_k |W| |m|``, and where its entries may be off
  by a share ``a`` of their size, ``a |W| (|m| + r)`` more.

A radius is itself a sum of non-negative products of at most k + 8 roundings, so the factor
``GUARD = 1 + 2^-40`` after each formula covers its own rounding for ``k < 8000``. Underflow loses
at most 2^-1074 an operation, and ``TINY`` is added to every radius instead.

Where a block has a ``low`` part, ``middle + low`` is a pair of about 100 bits (:mod:`.pairs`), and
the share ``ROUNDING`` of the sizes, or what ``product`` loses, stands in the place of ``u`` and
``gamma``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradflow.proofs.certified.along.pairs import ROUNDING, added, lost, multiplied, product
from gradflow.proofs.certified.program.steps import Floats

U = 2.0**-53
GUARD = 1 + 2.0**-40
TINY = 2.0**-900


@dataclass(frozen=True, eq=False)
class Block:
    """Matrices (..., m, n), or their diagonals (..., n), with their errors."""

    middle: Floats
    radius: Floats
    diagonal: bool = False
    low: Floats | None = None

    def __add__(self, other: Block) -> Block:
        """Return the sum."""
        a, b = self, other
        if a.diagonal != b.diagonal:
            a, b = a.full(), b.full()
        if a.low is None or b.low is None:
            middle, low = a.middle + b.middle, None
            rounding = U * np.abs(middle)
        else:
            middle, low = added((a.middle, a.low), (b.middle, b.low))
            rounding = ROUNDING * (np.abs(a.middle) + np.abs(b.middle))
        return _block(middle, a.radius + b.radius + rounding, a.diagonal, low)

    def rows_by(self, d: Floats, e: Floats, f: Floats | None = None) -> Block:
        """Return ``diag(d +- e)`` times the block; ``f`` is the low part of ``d`` for pairs."""
        if not self.diagonal:
            d, e = d[..., None], e[..., None]
        if self.low is None or f is None:
            middle, low = d * self.middle, None
            rounding = U * np.abs(middle)
        else:
            f = f if self.diagonal else f[..., None]
            middle, low = multiplied((d, f), (self.middle, self.low))
            rounding = ROUNDING * np.abs(middle)
        size = np.abs(self.middle) + self.radius
        radius = np.abs(d) * self.radius + e * size + rounding
        return _block(middle, radius, self.diagonal, low)

    def mapped(self, matrix: Floats, apart: float = 0.0) -> Block:
        """Return a fixed matrix times the block, exact or within ``apart |matrix|`` of it."""
        size = np.abs(matrix)
        whole = np.abs(self.middle) + self.radius
        low: Floats | None
        if self.diagonal:
            if self.low is None:
                middle, low = matrix * self.middle[..., None, :], None
                rounding = U * np.abs(middle)
            else:
                diagonal = (self.middle[..., None, :], self.low[..., None, :])
                middle, low = multiplied((matrix, np.zeros_like(matrix)), diagonal)
                rounding = ROUNDING * np.abs(middle)
            radius = size * (self.radius + apart * whole)[..., None, :] + rounding
            return _block(middle, radius, low=low)
        radius = size @ (self.radius + apart * whole)
        if self.low is None:
            gamma = 1.01 * matrix.shape[1] * U
            return _block(matrix @ self.middle, radius + size @ (gamma * np.abs(self.middle)))
        middle, low = product((matrix, np.zeros_like(matrix)), (self.middle, self.low))
        return _block(middle, radius + lost(matrix, self.middle), low=low)

    def full(self) -> Block:
        """Return a diagonal as a matrix."""
        if not self.diagonal:
            return self
        eye = np.eye(self.middle.shape[-1])
        middle, radius = self.middle[..., None] * eye, self.radius[..., None] * eye
        return Block(middle, radius, low=None if self.low is None else self.low[..., None] * eye)


def _block(
    middle: Floats, radius: Floats, diagonal: bool = False, low: Floats | None = None
) -> Block:
    return Block(middle, radius * GUARD + TINY, diagonal, low)


def identity(size: int, pairs: bool = False) -> Block:
    """Return the identity, exactly."""
    nothing = np.zeros((1, size))
    return Block(np.ones((1, size)), nothing, diagonal=True, low=nothing if pairs else None)
