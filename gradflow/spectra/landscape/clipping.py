r"""Norm clipping, and gradient descent with it.

.. math:: \hat g = g \min\left(1, \frac{\theta}{\lVert g \rVert}\right)

R. Pascanu, T. Mikolov, Y. Bengio, ICML 2013, Algorithm 1. The factor is one number for the whole
gradient: its direction stays, and so does the share of every lag in it. What is short stays short.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gradflow.arrays import real_array, whole_number
from gradflow.errors import PrecisionError, UsageError, shown
from gradflow.given import function, real_number
from gradflow.spectra.numerics.logdomain import Floats, unit_rows

__all__ = ["Descent", "descend", "log_clip_factor"]


@dataclass(frozen=True, eq=False)
class Descent:
    """Paths of gradient descent.

    Parameters
    ----------
    path
        (updates + 1, ..., k) points, the start first.
    error
        (updates + 1, ...) errors there.
    log_gradient
        (updates + 1, ...) natural logs of the norms of the gradients there, before clipping.
    """

    path: Floats
    error: Floats
    log_gradient: Floats

    def __repr__(self) -> str:
        updates, ends = len(self.error) - 1, self.error[-1]
        from_many = f", the least of {ends.size}" if ends.ndim else ""
        return f"<Descent of {updates} updates: error {ends.min():.4g} at the end{from_many}>"


def log_clip_factor(log_norm: ArrayLike, threshold: ArrayLike) -> Floats:
    r"""Return :math:`\log\min(1, \theta / \lVert g \rVert)`, the factor that clips a gradient.

    Parameters
    ----------
    log_norm : array_like
        Natural logs of norms of whole gradients, all parameters together; ``-inf`` for zero.
    threshold : array_like
        :math:`\theta`, which broadcasts against them; ``inf`` clips nothing.

    Raises
    ------
    UsageError
        A norm that is NaN or infinite, or a threshold that is not positive.

    Examples
    --------
    >>> log_clip_factor([-1.0, 3.0], threshold=1.0)
    array([ 0., -3.])
    """
    norms = real_array(log_norm, "log_clip_factor", "log_norm", finite=False)
    limits = real_array(threshold, "log_clip_factor", "the threshold", finite=False)
    if np.isnan(norms).any() or np.isposinf(norms).any():
        raise UsageError(
            "log_clip_factor: log_norm is not finite; give the logarithm of the norm, which is"
        )
    if not (limits > 0).all():
        raise UsageError(
            f"log_clip_factor: the threshold is {threshold!r}; it must be positive, or inf"
        )
    factor: Floats = np.minimum(np.log(limits) - norms, 0.0)
    return factor


# More updates than these are days of work.
_MOST_UPDATES = 10**8


def descend(
    error: Callable[[Floats], tuple[ArrayLike, ArrayLike]],
    start: ArrayLike,
    rate: float,
    updates: int,
    threshold: ArrayLike = np.inf,
) -> Descent:
    r"""Descend by :math:`\theta \leftarrow \theta - \eta\,\hat g` from one or several points.

    Parameters
    ----------
    error : callable
        From points (..., k) to errors (...) and their gradients (..., k).
    start : array_like
        (..., k).
    rate : float
        :math:`\eta`, positive.
    updates : int
        How many, 0 or more.
    threshold : array_like
        Norm to clip to, one or one a point (...); none by default.

    Raises
    ------
    UsageError
        A start, rate, number or threshold that is not allowed, or shapes that do not fit.
    PrecisionError
        An error or gradient that is not finite.

    Examples
    --------
    >>> found = descend(lambda p: ((p**2).sum(-1) / 2, p), [8.0], rate=0.5, updates=3)
    >>> found
    <Descent of 3 updates: error 0.5 at the end>
    >>> found.path.ravel()
    array([8., 4., 2., 1.])
    """
    at = real_array(start, "descend", "start's entries", many=True)
    if not at.ndim:
        raise UsageError("descend: start is one number; it needs an axis or more.")
    rate = real_number(rate, "descend: rate", 0.0, above=True)
    updates = whole_number(updates, "descend: updates", 0, _MOST_UPDATES)
    function(error, "descend: error")
    highest = real_array(threshold, "descend", "the threshold", finite=False)
    points, limits = at.shape[:-1], highest.shape
    if len(limits) > len(points) or any(
        n not in (1, m) for n, m in zip(limits[::-1], points[::-1], strict=False)
    ):
        raise UsageError(
            f"descend: the threshold has shape {limits} and the points {points}; give one number, "
            "or one a point"
        )
    paths, errors, norms = [], [], []
    for step in range(updates + 1):
        found = error(at)
        if not isinstance(found, tuple) or len(found) != 2:
            raise UsageError(
                f"descend: error returns {shown(found)}; it must return errors and gradients, "
                "a pair."
            )
        value, slope = (
            real_array(v, "descend", what, finite=False)
            for v, what in zip(found, ("the error", "the gradient"), strict=True)
        )
        if value.shape != at.shape[:-1] or slope.shape != at.shape:
            raise UsageError(
                f"descend: from a start of shape {at.shape} come errors of {value.shape} and "
                f"gradients of {slope.shape}; they must be {at.shape[:-1]} and {at.shape}"
            )
        if not (np.isfinite(value).all() and np.isfinite(slope).all()):
            raise PrecisionError(
                f"descend: after {step} updates an error or gradient is not finite; lower the rate "
                "or clip"
            )
        unit, log_norm = unit_rows(slope)
        paths.append(at)
        errors.append(value)
        norms.append(log_norm)
        length = rate * np.exp(log_norm + log_clip_factor(log_norm, threshold))
        at = at - length[..., None] * unit
    return Descent(np.stack(paths), np.stack(errors), np.stack(norms))
