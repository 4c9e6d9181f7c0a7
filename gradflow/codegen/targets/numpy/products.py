"""Array operations that generated source calls, the same for every element type."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import pairwise
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


def multiplied(factors: Sequence[Any]) -> Any:
    """Return the product of matrices, from the left or from the right, whichever is cheaper.

    They are (..., n, m) of any library that has ``@``.
    """
    sizes = [factors[0].shape[-2], *(f.shape[-1] for f in factors)]
    from_left = sum(sizes[0] * m * n for m, n in pairwise(sizes[1:]))
    from_right = sum(m * n * sizes[-1] for m, n in pairwise(sizes[:-1]))
    if from_left <= from_right:
        return reduce(lambda done, factor: done @ factor, factors)
    return reduce(lambda done, factor: factor @ done, reversed(factors))
