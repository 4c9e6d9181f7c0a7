"""Array operations that generated source calls, the same for every element type."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def outer(adjoint: Array, operand: Array, keep: bool) -> Array:
    """Return ``adjoint operand^T``, shapes (..., n) and (..., m), summed over leading axes.

    With ``keep`` the leading axes stay: (..., n, m).
    """
    if keep:
        return adjoint[..., :, None] * operand[..., None, :]
    lead = np.broadcast_shapes(adjoint.shape[:-1], operand.shape[:-1])
    flat_adjoint = np.broadcast_to(adjoint, (*lead, adjoint.shape[-1])).reshape(
        -1, adjoint.shape[-1]
    )
    flat_operand = np.broadcast_to(operand, (*lead, operand.shape[-1])).reshape(
        -1, operand.shape[-1]
    )
    result: Array = flat_adjoint.T @ flat_operand
    return result


def total(adjoint: Array, keep: bool) -> Array:
    """Return ``adjoint`` of shape (..., n) summed over leading axes, or unchanged with ``keep``."""
    return adjoint if keep else adjoint.reshape(-1, adjoint.shape[-1]).sum(0)


def add_diagonal(block: Array, diagonal: Any) -> None:
    """Add ``diagonal`` (..., n) to the diagonals of ``block`` (..., n, n), in place."""
    view = np.einsum("...ii->...i", block)
    view += diagonal


def scaled_sum(block: Array, *terms: tuple[Any, Array]) -> None:
    """Write ``sum_k diag(d_k) U_k`` into ``block`` (..., n, m), in place.

    ``d_k`` is (..., n), or anything that broadcasts to it; ``U_k`` is (n, m). Several terms are one
    matrix product with a small inner dimension: the output is written once, and no temporary has
    its size.
    """
    if len(terms) == 1:
        diagonal, matrix = terms[0]
        column = diagonal[..., :, None] if np.ndim(diagonal) else diagonal
        np.multiply(column, matrix, out=block)
        return
    lead = block.shape[:-2] or (1,)
    rows = block.shape[-2]
    diagonals = np.empty((rows, *lead, len(terms)), dtype=block.dtype)
    for k, (diagonal, _) in enumerate(terms):
        spread = np.broadcast_to(diagonal, (*lead, rows))
        diagonals[..., k] = np.moveaxis(spread, -1, 0)
    matrices = np.stack([matrix for _, matrix in terms], axis=1)
    matrices = matrices.reshape(rows, *(1,) * (len(lead) - 1), *matrices.shape[1:])
    out = np.moveaxis(block if block.ndim > 2 else block[None], -2, 0)
    np.matmul(diagonals, matrices, out=out)
