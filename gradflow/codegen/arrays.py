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
