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
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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

    def __add__(self, other: Block) -> Block:
        """Return the sum."""
        a, b = self, other
        if a.diagonal != b.diagonal:
            a, b = a.full(), b.full()
        middle = a.middle + b.middle
        return _block(middle, a.radius + b.radius + U * np.abs(middle), a.diagonal)

    def rows_by(self, d: Floats, e: Floats) -> Block:
        """Return ``diag(d +- e)`` times the block."""
        if not self.diagonal:
            d, e = d[..., None], e[..., None]
        middle = d * self.middle
        size = np.abs(self.middle) + self.radius
        return _block(
            middle, np.abs(d) * self.radius + e * size + U * np.abs(middle), self.diagonal
        )

    def mapped(self, matrix: Floats, apart: float = 0.0) -> Block:
        """Return a fixed matrix times the block, exact or within ``apart |matrix|`` of it."""
        size = np.abs(matrix)
        whole = np.abs(self.middle) + self.radius
        if self.diagonal:
            middle = matrix * self.middle[..., None, :]
            radius = size * (self.radius + apart * whole)[..., None, :] + U * np.abs(middle)
            return _block(middle, radius)
        gamma = 1.01 * matrix.shape[1] * U
        radius = size @ (self.radius + apart * whole + gamma * np.abs(self.middle))
        return _block(matrix @ self.middle, radius)

    def full(self) -> Block:
        """Return a diagonal as a matrix."""
        if not self.diagonal:
            return self
        eye = np.eye(self.middle.shape[-1])
        middle, radius = self.middle[..., None] * eye, self.radius[..., None] * eye
        return Block(middle, radius)


def _block(middle: Floats, radius: Floats, diagonal: bool = False) -> Block:
    return Block(middle, radius * GUARD + TINY, diagonal)


def identity(size: int) -> Block:
    """Return the identity, exactly."""
    return Block(np.ones((1, size)), np.zeros((1, size)), diagonal=True)
