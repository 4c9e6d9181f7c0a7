"""Filling a stack of Jacobians block by block, a few steps at a time so that memory is met once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# a term: diagonal, matrix, diagonal, matrix, ..., the last diagonal left out or None where it is 1
Term = tuple[Any, ...]
# rows, columns, diagonal of the block (or None), its terms with matrices
Block = tuple[slice, slice, Any, Sequence[Term]]

# Steps filled together stay in the last cache between being zeroed, written and corrected.
_CHUNK_BYTES = 2**22
_CHUNK_STEPS = 4


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
    count = len(steps)
    whole = len(blocks) == 1 and blocks[0][3] and blocks[0][:2] == (slice(None), slice(None))
    ready = [_Ready(block, lead, out) for block in blocks]
    zero = 0.0 if out.dtype != object else 0 * np.ravel(out)[:1]
    size = max(_CHUNK_STEPS, _CHUNK_BYTES // max(1, out.itemsize * rows * columns))
    for start in range(0, count, size):
        chunk = steps[start : start + size]
        if not whole:
            chunk[...] = zero
        for block in ready:
            block.write(chunk, slice(start, start + size))
    if dense is not out:
        out[...] = dense
    return out


class _Ready:
    """One block with its diagonals broadcast over all steps."""

    def __init__(self, block: Block, lead: tuple[int, ...], out: Array) -> None:
        self.rows, self.columns, diagonal, terms = block
        self.height = len(range(*self.rows.indices(out.shape[-2])))
        self.lead = lead
        self.diagonal = None if diagonal is None else self._over_steps(diagonal, self.height)
        scaled = [t for t in terms if len(t) == 2]
        self.chains = [self._chain(t) for t in terms if len(t) > 2]
        self.left: Array | None = None
        if scaled:
            # an inner dimension of 1 takes a slow way through matmul, 2 does not
            width = max(2, len(scaled))
            count = int(np.prod(lead, dtype=int))
            self.left = np.zeros((self.height, count, width), dtype=out.dtype)
            for k, (left, _) in enumerate(scaled):
                value = 1 if left is None else self._over_steps(left, self.height).T
                self.left[..., k] = value
            matrices = [matrix for _, matrix in scaled]
            self.matrices = np.stack(matrices + matrices[:1] * (width - len(scaled)), axis=1)

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

    def write(self, chunk: Array, where: slice) -> None:
        """Write the block for the steps of ``chunk``, which is ``where`` of all."""
        block = chunk[:, self.rows, self.columns]
        if self.left is not None:
            np.matmul(self.left[:, where], self.matrices, out=block.transpose(1, 0, 2))
        for place, chain in enumerate(self.chains):
            value = multiplied(chain, where)
            if place or self.left is not None:
                block += value
            else:
                block[...] = value
        if self.diagonal is not None:
            entries = np.einsum("...ii->...i", block)
            entries += self.diagonal[where]


def multiplied(chain: Sequence[Any], where: slice) -> Array:
    """Return ``diag(d0) U0 diag(d1) U1 ...`` of the steps ``where``, cheaper direction first."""
    factors = []
    for place in range(1, len(chain), 2):
        factor, left, right = chain[place], chain[place - 1], chain[place + 1]
        if place == 1 and left is not None:
            factor = left[where][:, :, None] * factor
        if right is not None:
            factor = factor * right[where][:, None, :]
        factors.append(factor)
    heights = [f.shape[-2] for f in factors]
    widths = [f.shape[-1] for f in factors]
    from_left = sum(heights[0] * h * w for h, w in zip(heights[1:], widths[1:], strict=True))
    from_right = sum(h * w * widths[-1] for h, w in zip(heights[:-1], widths[:-1], strict=True))
    if from_left <= from_right:
        result = factors[0]
        for factor in factors[1:]:
            result = result @ factor
    else:
        result = factors[-1]
        for factor in reversed(factors[:-1]):
            result = factor @ result
    return np.asarray(result)
