"""Jacobian matrices assembled from blocks without writing into an array."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from gradflow.codegen.targets.numpy.products import multiplied

Array = Any
Blocks = Sequence[tuple[Any, ...]]
# row and column where it starts, its diagonal (or None) and its terms
Cells = dict[tuple[int, int], tuple[Any, Blocks]]
# of :mod:`gradflow.codegen.frameworks.operations`, which calls this
Operations = Any

# Below this many steps the stacked matrices of `_at_full_width` cost more than they save.
_FEW_STEPS = 8


def assemble(xp: Operations, shape: tuple[int, ...], blocks: Blocks) -> Array:
    """Return matrices of ``shape`` (..., d, d') from blocks, zero where there is none.

    A block is ``(rows, columns, diagonal or None, terms)`` as for
    :func:`gradflow.codegen.targets.numpy.blocks.fill_blocks`: the sum of its terms
    ``diag(d0) U0 diag(d1) U1 ...`` and of ``diag(diagonal)``. Where an entry is not finite, others
    of its row may be nan.
    """
    *lead, height, width = shape
    cells: Cells = {}
    rows, columns = {0, height}, {0, width}
    for down, across, diagonal, terms in blocks:
        first, last, _ = down.indices(height)
        left, right, _ = across.indices(width)
        rows |= {first, last}
        columns |= {left, right}
        cells[first, left] = (diagonal, terms)
    heights, widths = list(pairwise(sorted(rows))), list(pairwise(sorted(columns)))
    if math.prod(lead) >= _FEW_STEPS:
        chains = [t for _, terms in cells.values() for t in terms if len(t) > 2]
        scaled: Cells = {
            place: (diagonal, [t for t in terms if len(t) == 2])
            for place, (diagonal, terms) in cells.items()
        }
        count = sum(len(terms) + (diagonal is not None) for diagonal, terms in scaled.values())
        if count > 1 and (not chains or len(heights) == len(widths) == 1):
            product = _at_full_width(xp, shape, scaled, heights, widths)
            return _sum([product, *(_chain(xp, t) for t in chains)])
    bands = []
    for top, bottom in heights:
        band = []
        for left, right in widths:
            full = (*lead, bottom - top, right - left)
            band.append(
                xp.broadcast_to(_block(xp, full, *cells.get((top, left), (None, ()))), full)
            )
        bands.append(band[0] if len(band) == 1 else xp.library.concat(band, axis=-1))
    return bands[0] if len(bands) == 1 else xp.library.concat(bands, axis=-2)


def _at_full_width(
    xp: Operations,
    shape: tuple[int, ...],
    cells: Cells,
    heights: Sequence[tuple[int, int]],
    widths: Sequence[tuple[int, int]],
) -> Array:
    """Return the sum over k of ``diag(d_k) M_k`` with ``M_k`` of the full size (d, d').

    A diagonal's ``M_k`` holds the identity. So the matrices of all steps are written once, and
    nothing else has their size: by one matrix product a row with a small inner dimension over k, or
    by one fused loop where the library makes it.
    """
    library, (*lead, height, width) = xp.library, shape
    bands = []
    for top, bottom in heights:
        band = []
        for left, right in widths:
            diagonal, terms = cells.get((top, left), (None, ()))
            unit = [(diagonal, _identity(xp, bottom - top))] if diagonal is not None else []
            for scale, matrix in [*terms, *unit]:
                sides = [xp.zeros((bottom - top, left)), xp.zeros((bottom - top, width - right))]
                band.append((scale, library.concat([sides[0], matrix, sides[1]], axis=-1)))
        bands.append(band)
    inner = max(map(len, bands))
    diagonals, matrices = [], []
    for (top, bottom), band in zip(heights, bands, strict=True):
        empty = [(0.0, xp.zeros((bottom - top, width)))] * (inner - len(band))
        full = (*lead, bottom - top)
        scales = [xp.broadcast_to(1.0 if d is None else d, full) for d, _ in [*band, *empty]]
        diagonals.append(library.stack(scales, axis=-1))
        matrices.append(library.stack([m for _, m in [*band, *empty]], axis=1))
    left, right = library.concat(diagonals, axis=-2), library.concat(matrices, axis=0)
    if xp.fuses:
        return _sum([left[..., k][..., None] * right[:, k, :] for k in range(inner)])
    left = library.reshape(left, (math.prod(lead), height, inner))
    product = library.matmul(library.permute_dims(left, (1, 0, 2)), right)
    return library.reshape(library.permute_dims(product, (1, 0, 2)), shape)


def _identity(xp: Operations, size: int) -> Array:
    return xp.library.eye(size, dtype=xp.dtype, device=xp.device)


def _block(xp: Operations, shape: tuple[int, ...], diagonal: Any, terms: Blocks) -> Array:
    values = [_chain(xp, t) for t in terms]
    if diagonal is not None:
        size = shape[-1]
        spread = xp.broadcast_to(diagonal, (*np.shape(diagonal)[:-1], size))
        unit = xp.index(size)
        values.append(xp.where(unit[:, None] == unit[None, :], spread[..., :, None], 0.0))
    return _sum(values) if values else xp.zeros(shape[-2:])


def _sum(values: Sequence[Array]) -> Array:
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total


def _chain(xp: Operations, term: tuple[Any, ...]) -> Array:
    """Return ``diag(d0) U0 diag(d1) U1 ...``."""
    full = [*term, None][: len(term) | 1]
    factors = []
    for place in range(1, len(full), 2):
        factor = full[place]
        if place == 1 and full[0] is not None:
            factor = _units(xp, full[0])[..., None] * factor
        if full[place + 1] is not None:
            factor = factor * _units(xp, full[place + 1])[..., None, :]
        factors.append(factor)
    return multiplied(factors)


def _units(xp: Operations, diagonal: Any) -> Array:
    """Return a diagonal (..., units), one unit for a plain number."""
    return diagonal if np.ndim(diagonal) else xp.spread(diagonal, 1)
