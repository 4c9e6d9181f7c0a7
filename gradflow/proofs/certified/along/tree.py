r"""A binary tree of certified products: every window of steps is a product of O(log T) nodes.

A node is a float matrix ``A``, a power of two, and an error: the true product is ``2^x (A + E)``
with ``|E|_2 <= e``. Where 53 bits are too few, nodes are pairs of float matrices, ``A + L`` in
place of ``A`` (:mod:`.pairs`). Let ``u = 2^-53``, ``gamma_k = k u / (1 - k u)``, and ``|.|_F`` the
Frobenius norm. Every constant, with its reason (Higham, Accuracy and Stability of Numerical
Algorithms):

* scaling by powers of two is exact, but for entries below 2^-1022, which lose at most 2^-1074;
* ``A B`` by BLAS, in any order of summation, with or without fused operations, differs from the
  true product by at most ``gamma_k |A| |B|`` entry by entry (3.13), so by ``gamma_k |A|_F |B|_F``
  in norm; with the errors of the factors, ``e = |A| e_B + e_A (|B| + e_B) + gamma_k |A|_F |B|_F``;
* of pairs, ``product`` loses at most ``lost_share`` of ``|A|_F |B|_F``; the norm
  of ``A + L`` is at most ``|A| + |L|_F``, and its singular values are within ``|L|_F`` of ``A``'s;
* ``|A|_F`` in floats is a sum of ``m`` squares and a root, off by a factor of ``1 +- (m + 4) u``:
  ``GUARD`` covers ``m`` up to 8 million entries, and with it the dozen roundings of each formula
  of this module, which adds, multiplies and takes roots of numbers that are not negative;
* ``|A|_2^2 = |A^T A|_2 <= |fl(A^T A)|_2 + gamma_k |A|_F^2``, three times, then ``|.|_2 <= |.|_F``;
* singular values: with ``U S V^T`` from LAPACK, which is not trusted, ``R = A - U S V^T`` computed
  with an error of at most ``3 gamma_k |U|_F s_1 |V|_F`` (a product, a scaling, a difference), and
  ``d_U >= |U^T U - I|``: the i-th singular value of ``A`` lies within ``|R|`` of
  ``s_i (1 +- d_U)(1 +- d_V)``, by Weyl and Ostrowski (Horn & Johnson, Topics in Matrix Analysis,
  3.3.16), since singular values of ``U`` lie in ``[1 - d_U, 1 + d_U]``.

``k`` is at most a few thousand, so ``gamma_k <= 1.01 k u``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from math import log2

import numpy as np

from gradflow.proofs.certified.along.pairs import lost_share, product
from gradflow.proofs.certified.program.steps import Floats

U = 2.0**-53
GUARD = 1 + 2.0**-29
TINY = 2.0**-900


def gamma(k: int) -> float:
    """Return a bound of ``k u / (1 - k u)``."""
    return 1.01 * k * U


def frobenius(matrix: Floats) -> float:
    """Return an upper bound of the Frobenius norm of a float matrix with entries up to 1 or so."""
    return float(np.sqrt((matrix * matrix).sum())) * GUARD + TINY


def norm_above(matrix: Floats, squarings: int = 3) -> float:
    """Return an upper bound of the spectral norm of a float matrix."""
    whole = frobenius(matrix)
    if not squarings:
        return whole
    gram = matrix.T @ matrix
    square = norm_above(gram, squarings - 1) + gamma(matrix.shape[0]) * whole * whole
    return min(whole, float(np.sqrt(square)) * GUARD + TINY)


@dataclass(frozen=True, eq=False)
class Node:
    """A product of steps: ``2^exponent (matrix + low + E)`` with ``|E| <= error``."""

    matrix: Floats
    error: float
    exponent: int = 0
    low: Floats | None = None

    @cached_property
    def norm(self) -> float:
        """An upper bound of the norm of ``matrix + low``."""
        return norm_above(self.matrix) + self.rest

    @cached_property
    def rest(self) -> float:
        """An upper bound of the norm of ``low``."""
        return 0.0 if self.low is None else frobenius(self.low)

    def columns(self, chosen: slice) -> Node:
        """Return some columns of the product."""
        low = None if self.low is None else self.low[:, chosen]
        return scaled(self.matrix[:, chosen], self.error, self.exponent, low)

    @cached_property
    def log2_norm(self) -> float:
        """An upper bound of the binary log of the norm of the true product."""
        return log2((self.norm + self.error) * GUARD) + self.exponent + 2.0**-20

    def after(self, first: Node) -> Node:
        """Return the product of this node, which comes later, and an earlier one."""
        a, b = self, first
        sizes = frobenius(a.matrix) * frobenius(b.matrix)
        low: Floats | None = None
        if a.low is None or b.low is None:
            matrix, share = a.matrix @ b.matrix, gamma(a.matrix.shape[1])
        else:
            matrix, low = product((a.matrix, a.low), (b.matrix, b.low))
            share = lost_share(a.matrix.shape[1])
        error = a.norm * b.error + a.error * (b.norm + b.error) + share * sizes + TINY
        return scaled(matrix, error * GUARD, a.exponent + b.exponent, low)


def scaled(matrix: Floats, error: float, exponent: int = 0, low: Floats | None = None) -> Node:
    """Return a node whose largest entry lies in [1/2, 1), or a matrix of zeros."""
    largest = float(np.abs(matrix).max(initial=0.0))
    shift = int(np.frexp(largest)[1]) if largest > 0 else 0
    with np.errstate(over="ignore"):  # an error without end is what it is then
        error = float(np.ldexp(error, -shift))
    low = None if low is None else np.ldexp(low, -shift)
    return Node(np.ldexp(matrix, -shift), error + TINY, exponent + shift, low)


@dataclass(frozen=True, eq=False)
class Tree:
    """Levels of nodes: the steps, then products of two neighbours each."""

    levels: tuple[tuple[Node, ...], ...]

    @property
    def steps(self) -> int:
        """How many steps there are."""
        return len(self.levels[0])

    def window(self, t: int, k: int) -> Node:
        """Return ``P(t, k)``, the product of the steps k + 1 to t, for ``k < t``."""
        found: Node | None = None
        for level, place in _cover(t, k, len(self.levels)):
            node = self.levels[level][place]
            found = node if found is None else node.after(found)
        assert found is not None
        return found

    def ending(self, lags: Iterable[int]) -> Iterator[tuple[int, Node]]:
        """Yield a lag and ``P(T, T - lag)``, by one product a lag and no more."""
        starts = frozenset(self.steps - lag for lag in lags)
        yield from self._ending(len(self.levels) - 1, 0, None, starts)

    def _ending(
        self, level: int, place: int, later: Node | None, starts: frozenset[int]
    ) -> Iterator[tuple[int, Node]]:
        first, stop = place << level, min((place + 1) << level, self.steps)
        inside = frozenset(k for k in starts if first <= k < stop)
        if not inside:
            return
        node = self.levels[level][place]
        if first in inside:
            yield self.steps - first, node if later is None else later.after(node)
            inside = inside - {first}
        if not inside:
            return
        right = 2 * place + 1
        if right >= len(self.levels[level - 1]):
            yield from self._ending(level - 1, 2 * place, later, inside)
            return
        yield from self._ending(level - 1, right, later, inside)
        middle = right << (level - 1)
        if any(k < middle for k in inside):
            other = self.levels[level - 1][right]
            joined = other if later is None else later.after(other)
            yield from self._ending(level - 1, 2 * place, joined, inside)

    @cached_property
    def log2_growth(self) -> float:
        """A bound of the binary log of ``|P(t, k)|`` over all windows, the empty one included."""
        # of each node: the whole, windows from its first step, windows to its last, any window
        row = [(n.log2_norm, *(max(0.0, n.log2_norm),) * 3) for n in self.levels[0]]
        for nodes in self.levels[1:]:
            joined = []
            for i, node in enumerate(nodes):
                if 2 * i + 1 == len(row):
                    joined.append(row[2 * i])
                    continue
                (a, head_a, tail_a, any_a), (b, head_b, tail_b, any_b) = row[2 * i : 2 * i + 2]
                joined.append(
                    (
                        node.log2_norm,
                        max(head_a, head_b + a),
                        max(tail_b, tail_a + b),
                        max(any_a, any_b, tail_a + head_b),
                    )
                )
            row = joined
        return row[0][3]


def tree(leaves: Iterable[Node]) -> Tree:
    """Return the tree over the steps, earliest first."""
    levels = [tuple(leaves)]
    while len(levels[-1]) > 1:
        row = levels[-1]
        levels.append(
            tuple(
                row[i + 1].after(row[i]) if i + 1 < len(row) else row[i]
                for i in range(0, len(row), 2)
            )
        )
    return Tree(tuple(levels))


def _cover(t: int, k: int, levels: int) -> list[tuple[int, int]]:
    """Return the largest nodes that lie side by side from step k + 1 to t."""
    found = []
    while k < t:
        level = levels - 1
        while k & ((1 << level) - 1) or k + (1 << level) > t:
            level -= 1
        found.append((level, k >> level))
        k += 1 << level
    return found


def singular_values(node: Node) -> tuple[Floats, Floats]:
    """Return lower and upper bounds of all singular values, over ``2^exponent``, largest first."""
    a = node.matrix
    u, s, vt = np.linalg.svd(a, full_matrices=False)
    k = max(a.shape)
    defects = []
    for q in (u, vt.T):
        size = frobenius(q)
        defects.append((frobenius(q.T @ q - np.eye(q.shape[1])) + gamma(k) * size**2) * GUARD)
    rest = frobenius(a - (u * s) @ vt)
    rest += 3 * gamma(k) * frobenius(u) * float(s.max(initial=0.0)) * frobenius(vt)
    off = (rest + node.rest + node.error) * GUARD + TINY
    low, high = 1.0, 1.0
    for d in defects:
        low, high = low * max(0.0, 1 - d), high * (1 + d)
    lower = np.maximum(0.0, s * low / GUARD - off)
    return np.minimum.accumulate(lower), s * high * GUARD + off
