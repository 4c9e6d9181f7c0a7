r"""What a whole Lyapunov spectrum says at once: the dimension of its attractor, its entropy rate.

Sources: J. Kaplan, J. Yorke, Lecture Notes in Mathematics 730 (1979) 204; Ya. Pesin, Russ. Math.
Surveys 32 (1977) 55; of recurrent networks: R. Engelken, F. Wolf, L. Abbott, Phys. Rev. Research 5
(2023) 043044.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from gradflow.arrays import real_array
from gradflow.errors import UsageError
from gradflow.spectra.numerics.logdomain import Floats

__all__ = ["entropy_rate", "kaplan_yorke"]


def kaplan_yorke(exponents: ArrayLike) -> Floats:
    r"""Return the Kaplan-Yorke dimension (...) of Lyapunov spectra (..., k).

    .. math:: D = j + \frac{\lambda_1 + \ldots + \lambda_j}{|\lambda_{j+1}|}

    with j the largest number of leading exponents whose sum is not negative. It is 0 where the
    first one is negative, j where the next is ``-inf``, and k where no sum is negative: the whole
    state, or, if ``exponents`` are the leading ones only, a lower bound.

    Raises
    ------
    UsageError
        No exponent, or one that is nan or ``inf``.

    Examples
    --------
    >>> kaplan_yorke([0.4, 0.0, -0.8, -2.0]), kaplan_yorke([-1.0, -2.0])
    (np.float64(2.5), np.float64(0.0))
    """
    sorted_ = _descending("kaplan_yorke", exponents)
    sums = np.cumsum(sorted_, axis=-1)
    count = (sums >= 0).sum(axis=-1)  # sums rise, then fall: those that are not negative come first
    last = np.take_along_axis(sums, np.maximum(count - 1, 0)[..., None], -1)[..., 0]
    more = np.minimum(count, sorted_.shape[-1] - 1)[..., None]
    following = np.abs(np.take_along_axis(sorted_, more, -1)[..., 0])
    inside = (count > 0) & (count < sorted_.shape[-1])
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(inside, last / following, 0.0)
    return np.asarray(count + share, dtype=np.float64)[()]


def entropy_rate(exponents: ArrayLike) -> Floats:
    """Return the sum (...) of the positive exponents of spectra (..., k), nats per step.

    Pesin's formula: equal to the entropy rate for a smooth invariant measure along the unstable
    directions, and no less than it otherwise.

    Raises
    ------
    UsageError
        No exponent, or one that is nan or ``inf``.

    Examples
    --------
    >>> entropy_rate([0.4, 0.1, -0.8])
    np.float64(0.5)
    """
    sorted_ = _descending("entropy_rate", exponents)
    return np.asarray(np.where(sorted_ > 0, sorted_, 0.0).sum(axis=-1))[()]


def _descending(where: str, exponents: ArrayLike) -> Floats:
    given = real_array(exponents, where, "exponents", finite=False, many=True)
    if not given.ndim or not given.shape[-1]:
        raise UsageError(f"{where}: exponents has shape {given.shape}; it needs one or more.")
    if np.isnan(given).any() or np.isposinf(given).any():
        raise UsageError(f"{where}: exponents hold nan or inf; each is a finite number or -inf.")
    return -np.sort(-given, axis=-1)
