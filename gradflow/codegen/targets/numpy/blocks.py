"""Filling a stack of Jacobians block by block, a few steps at a time so that memory is met once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.codegen.targets.numpy.products import multiplied

Array = NDArray[Any]

# a term: diagonal, matrix, diagonal, matrix, ..., the last diagonal left out or None where it is 1
Term = tuple[Any, ...]
# rows, columns, diagonal of the block (or None), its terms with matrices
Block = tuple[slice, slice, Any, Sequence[Term]]

# Steps and rows filled together stay in cache between being zeroed, written and corrected.
_CHUNK_BYTES = 2**22
_CHUNK_STEPS = 4
# For fewer steps than this a product with their diagonals is slower than scaling rows.
_FEW_STEPS = 3


def fill_blocks(out: Array, *blocks: Block) -> Array:
    """Write ``sum diag(d0) U0 diag(d1) U1 ... + diag(e)`` into each block of ``out``; return it.

    ``out`` is (..., d, d'), diagonals are (..., n) or broadcast to that, matrices (n, m). Blocks
    not named are zero. The terms ``diag(d_k) U_k`` of a block are one matrix product with a small
    inner dimension over k, so that the block is written once and no temporary has its size; a
    chain of matrices is multiplied in the cheaper of the two directions.
    """
    lead, rows, columns = out.shape[:-2], *out.shape[-2:]
    dense = out if out.flags.c_contiguous else np.empty_like(out, order="C")
    steps = dense.reshape(-1, rows, columns)
    zero = 0.0 if out.dtype != object else 0 * np.ravel(out)[:1]
    ready = [_Ready(block, lead, out) for block in blocks]
    step = max(1, out.itemsize * rows * columns)
    size = max(_CHUNK_STEPS, _CHUNK_BYTES // step)
    band = max(1, _CHUNK_BYTES * rows // (min(size, max(1, len(steps))) * step))
    whole = len(blocks) == 1 and blocks[0][3] and blocks[0][:2] == (slice(None), slice(None))
    for start in range(0, len(steps), size):
        where = slice(start, start + size)
        for block in ready:
            block.multiply_chains(where)
        for low in range(0, rows, band):
            piece = steps[where, low : low + band]
            if not whole:
                piece[...] = zero
            for block in ready:
                block.write(piece, where, low)
    if dense is not out:
        out[...] = dense
    return out


class _Ready:
    """One block with its diagonals broadcast over all steps."""

    def __init__(self, block: Block, lead: tuple[int, ...], out: Array) -> None:
        rows, self.columns, diagonal, terms = block
        self.first, last, _ = rows.indices(out.shape[-2])
        self.height = last - self.first
        self.lead = lead
        self.diagonal = None if diagonal is None else self._over_steps(diagonal, self.height)
        scaled = [t for t in terms if len(t) == 2]
        self.chains = [self._chain(t) for t in terms if len(t) > 2]
        self.products: list[Array] = []
        self.matrices = [matrix for _, matrix in scaled]
        count = int(np.prod(lead, dtype=int))
        # an inner dimension of 1 takes a slow way through matmul, 2 does not
        self.left = np.zeros((self.height, count, max(2, len(scaled))), dtype=out.dtype)
        for k, (left, _) in enumerate(scaled):
            self.left[..., k] = 1 if left is None else self._over_steps(left, self.height).T
        self.few = count < _FEW_STEPS
        if scaled and not self.few:
            padding = self.matrices[:1] * (self.left.shape[2] - len(scaled))
            self.stacked = np.stack(self.matrices + padding, axis=1)

    def _over_steps(self, value: Any, size: int) -> Array:
        """Return a diagonal as (steps, size)."""
        return np.broadcast_to(value, (*self.lead, size)).reshape(-1, size)

    def _chain(self, term: Term) -> list[Any]:
        sizes = [size for matrix in term[1::2] for size in matrix.shape][::2]
        sizes.append(term[1::2][-1].shape[1])
        full = [*term, None][: 2 * len(term[1::2]) + 1]
        for place in range(0, len(full), 2):
            if full[place] is not None:
                full[place] = self._over_steps(full[place], sizes[place // 2])
        return full

    def multiply_chains(self, where: slice) -> None:
        """Multiply the chains of the steps ``where``."""
        self.products = [_at_steps(chain, where) for chain in self.chains]

    def write(self, piece: Array, where: slice, low: int) -> None:
        """Write the block into ``piece``: the steps ``where``, the rows from ``low`` on."""
        start = max(low, self.first)
        stop = min(low + piece.shape[1], self.first + self.height)
        if start >= stop:
            return
        block = piece[:, start - low : stop - low, self.columns]
        own = slice(start - self.first, stop - self.first)
        written = bool(self.matrices)
        if written and self.few:
            for k, matrix in enumerate(self.matrices):
                factor = self.left[own, where, k].T[:, :, None]
                if k == 0:
                    np.multiply(factor, matrix[own], out=block)
                else:
                    block += factor * matrix[own]
        elif written:
            np.matmul(self.left[own, where], self.stacked[own], out=block.transpose(1, 0, 2))
        for product in self.products:
            if written:
                block += product[..., own, :]
            else:
                block[...] = product[..., own, :]
                written = True
        if self.diagonal is not None:
            place = np.arange(own.start, own.stop)
            block[:, place - own.start, place] += self.diagonal[where, own]


def _at_steps(chain: Sequence[Any], where: slice) -> Array:
    """Return ``diag(d0) U0 diag(d1) U1 ...`` of the steps ``where``."""
    factors = []
    for place in range(1, len(chain), 2):
        factor, left, right = chain[place], chain[place - 1], chain[place + 1]
        if place == 1 and left is not None:
            factor = left[where][:, :, None] * factor
        if right is not None:
            factor = factor * right[where][:, None, :]
        factors.append(factor)
    return np.asarray(multiplied(factors))
