r"""Mean-field theory of the large random network :math:`h_{t+1} = \tanh(g W h_t)` without input.

The entries of W are independent with variance 1/n. As n grows, the inputs :math:`a_i` of the units
become independent Gaussians whose variance settles at a fixed point of

.. math:: \Delta = g^2\,E \tanh^2(\sqrt\Delta\, z), \qquad z \sim N(0, 1),

which is 0 up to g = 1 and positive beyond; a small difference between two states then grows by
:math:`g^2 E \tanh'^2(\sqrt\Delta\, z)` in its square at every step. So g = 1 is where order ends.

Sources: H. Sompolinsky, A. Crisanti, H.-J. Sommers, Phys. Rev. Lett. 61 (1988) 259 (continuous
time); L. Molgedey, J. Schuchhardt, H. G. Schuster, Phys. Rev. Lett. 69 (1992) 3717 (discrete time);
R. Engelken, F. Wolf, L. Abbott, Phys. Rev. Research 5 (2023) 043044.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq

from gradflow.given import real_number
from gradflow.spectra.numerics.logdomain import Floats

# The trapezoidal rule for an analytic function errs by exp(-2 pi a / h), a the distance of the
# nearest pole from the real axis: pi / (2 sqrt(Delta)) of tanh, so a / h > 2 pi with this h.
_STEP = 0.25
_REACH = 10.0
_LARGEST = 1e3


def mean_field_variance(gain: float) -> float:
    r"""Return the variance :math:`\Delta` of the inputs of the units; 0 for a gain up to 1.

    Raises
    ------
    UsageError
        A gain that is not between 0 and 1000.

    Examples
    --------
    >>> mean_field_variance(0.9), round(mean_field_variance(2.0), 4)
    (0.0, 2.1215)
    """
    gain = _checked("mean_field_variance", gain)
    if gain <= 1:
        return 0.0

    def surplus(variance: float) -> float:
        return gain**2 * _mean(lambda a: np.tanh(a) ** 2, variance, gain) / variance - 1

    # The surplus falls from g^2 - 1 at variance 0 to below 0 at g^2, the most there can be.
    low = 1e-12 * (gain - 1)
    if surplus(low) <= 0:
        return 0.0
    root: float = brentq(surplus, low, gain**2, xtol=1e-15, rtol=1e-14)
    return root


def mean_field_exponent(gain: float) -> float:
    r"""Return the leading Lyapunov exponent, in nats per step.

    .. math:: \lambda = \tfrac12 \log\left(g^2\,E \tanh'^2(\sqrt\Delta\, z)\right)

    which is :math:`\log g` up to g = 1; at g = 2 it is 0.1547.

    Raises
    ------
    UsageError
        A gain that is not between 0 and 1000.

    Examples
    --------
    >>> round(mean_field_exponent(2.0), 4)
    0.1547
    """
    variance = mean_field_variance(gain)
    if variance == 0:
        return math.log(gain)
    slope = _mean(lambda a: np.cosh(np.minimum(np.abs(a), 300.0)) ** -4.0, variance, gain)
    return math.log(gain) + 0.5 * math.log(slope)


def _checked(where: str, gain: float) -> float:
    return real_number(gain, f"{where}: gain", 0.0, _LARGEST, above=True)


def _mean(function: Callable[[Floats], Floats], variance: float, gain: float) -> float:
    r"""Return :math:`E f(\sqrt\Delta z)` over a standard normal z."""
    step = _STEP / max(gain, 1.0)
    count = math.ceil(_REACH / step)
    z: Floats = step * np.arange(-count, count + 1, dtype=np.float64)
    weight: Floats = np.exp(-(z**2) / 2) * step / math.sqrt(2 * math.pi)
    return float(weight @ function(math.sqrt(variance) * z))
