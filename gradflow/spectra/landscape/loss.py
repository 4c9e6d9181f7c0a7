"""Two losses with their gradients by the state: next-symbol cross-entropy and squared error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp, softmax

from gradflow.arrays import real_array, real_numbers
from gradflow.errors import UsageError, shown
from gradflow.spectra.numerics.logdomain import Floats


@dataclass(frozen=True, eq=False)
class Loss:
    r"""A loss of the state at one step, and its gradient.

    Parameters
    ----------
    value
        (...,) in nats for a cross-entropy.
    gradient
        (..., n) :math:`\partial L/\partial v` by the vector ``v`` the readout acts on.
    label
        What it is, for tables and captions.
    """

    value: Floats
    gradient: Floats
    label: str

    def __repr__(self) -> str:
        value = np.asarray(self.value)
        mean_of = f" (mean of {value.size})" if value.ndim else ""
        return f"<Loss {self.label}: {value.mean():.4g}{mean_of}>"


def cross_entropy(readout: ArrayLike, vector: ArrayLike, target: ArrayLike) -> Loss:
    r"""Return :math:`L = -\log \mathrm{softmax}(V v)_y` in nats.

    Parameters
    ----------
    readout
        (symbols, n) matrix ``V``.
    vector
        (..., n) state part ``v`` that is read.
    target
        (...,) index ``y`` of the right symbol.

    Examples
    --------
    >>> loss = cross_entropy([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0], 1)
    >>> loss
    <Loss cross-entropy of the next symbol: 0.6931>
    >>> loss.gradient
    array([ 0.5, -0.5])
    """
    v, score = _scores("cross_entropy", readout, vector)
    y = real_numbers(target, "cross_entropy", "the target")
    whole = y.dtype.kind in "iu" and y.size > 0
    if not whole or y.min() < 0 or y.max() >= len(v) or y.shape != score.shape[:-1]:
        raise UsageError(
            f"cross_entropy: the target is {shown(target)} and the readout has {len(v)} rows; it "
            f"must be whole numbers from 0 to {len(v) - 1} of shape {score.shape[:-1]}."
        )
    picked = np.take_along_axis(score, y[..., None], axis=-1)[..., 0]
    error = softmax(score, axis=-1)
    np.put_along_axis(error, y[..., None], np.take_along_axis(error, y[..., None], -1) - 1, -1)
    value = np.asarray(logsumexp(score, axis=-1) - picked)
    return Loss(value, error @ v, "cross-entropy of the next symbol")


def squared_error(readout: ArrayLike, vector: ArrayLike, target: ArrayLike) -> Loss:
    r"""Return :math:`L = \tfrac12 \lVert V v - y \rVert^2` for targets ``y`` (..., outputs).

    Examples
    --------
    >>> squared_error([[1.0, 0.0], [0.0, 1.0]], [1.0, 0.0], [0.0, 3.0])
    <Loss squared error of the next value: 5>
    """
    v, read = _scores("squared_error", readout, vector)
    wanted = real_array(target, "squared_error", "the target")
    if wanted.shape != read.shape:
        raise UsageError(
            f"squared_error: the target has shape {wanted.shape}; it needs {read.shape}, that of "
            "what is read."
        )
    error = read - wanted
    return Loss(0.5 * (error**2).sum(axis=-1), error @ v, "squared error of the next value")


def _scores(where: str, readout: ArrayLike, vector: ArrayLike) -> tuple[Floats, Floats]:
    """Return the matrix (outputs, n) and what it reads (..., outputs) of vectors (..., n)."""
    matrix = real_array(readout, where, "the readout")
    read = real_array(vector, where, "the vector")
    if matrix.ndim != 2 or not matrix.size:
        raise UsageError(
            f"{where}: the readout has shape {matrix.shape}; it needs (outputs, units)."
        )
    if not read.ndim or read.shape[-1] != matrix.shape[1]:
        raise UsageError(
            f"{where}: the vector has shape {read.shape}; its last axis needs {matrix.shape[1]} "
            "entries, the columns of the readout."
        )
    return matrix, read @ matrix.T
