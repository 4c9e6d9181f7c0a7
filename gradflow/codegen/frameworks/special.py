"""Functions the array API standard lacks, written in those it has; accurate to 1e-15."""

from __future__ import annotations

import math
from typing import Any

Array = Any

# below 2 the power series has 50 terms that matter, above it the continued fraction 80
_SPLIT, _TERMS, _LEVELS = 2.0, 50, 80


def two_sided_sigmoid(xp: Any, a: Array) -> Array:
    """Return ``1 / (1 + exp(-a))``; the exponential never overflows and no digits cancel."""
    small = xp.exp(-xp.abs(a))
    return xp.where(a >= 0, 1 / (1 + small), small / (1 + small))


def one_over_cosh(xp: Any, a: Array) -> Array:
    """Return ``1 / cosh(a)``; the exponential never overflows and no digits cancel."""
    small = xp.exp(-xp.abs(a))
    return 2 * small / (1 + small * small)


def series_erf(xp: Any, a: Array) -> Array:
    r"""Return the error function.

    Below 2, :math:`\frac{2}{\sqrt\pi} e^{-a^2} \sum_n \frac{2^n a^{2n+1}}{(2n+1)!!}`, whose terms
    all have one sign; above, one less the continued fraction of erfc (Abramowitz & Stegun, 7.1.6
    and 7.1.14).
    """
    return xp.where(xp.abs(a) <= _SPLIT, _inside(xp, a), xp.sign(a) * (1 - _outside(xp, a)))


def series_erf_rest(xp: Any, a: Array) -> Array:
    """Return ``1 - erf(a)``, above 2 by the continued fraction alone."""
    outside = xp.where(a > 0, _outside(xp, a), 2 - _outside(xp, a))
    return xp.where(xp.abs(a) <= _SPLIT, 1 - _inside(xp, a), outside)


def _inside(xp: Any, a: Array) -> Array:
    near = xp.clip(a, -_SPLIT, _SPLIT)
    square = near * near
    term = total = near
    for n in range(1, _TERMS):
        term = term * square * (2 / (2 * n + 1))
        total = total + term
    return total * xp.exp(-square) * (2 / math.sqrt(math.pi))


def _outside(xp: Any, a: Array) -> Array:
    """Return ``1 - erf(|a|)``."""
    far = xp.clip(xp.abs(a), _SPLIT, 30.0)
    fraction = far
    for n in range(_LEVELS, 0, -1):
        fraction = far + n / 2 / fraction
    return xp.exp(-far * far) / fraction / math.sqrt(math.pi)
