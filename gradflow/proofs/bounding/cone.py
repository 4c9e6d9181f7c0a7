r"""The cone: how much of a gradient a carousel keeps, whatever the other paths do.

Let ``p`` be the part with the carousel (the LSTM's ``c``) and ``q`` the rest of the state. If every
step satisfies ``|p'| >= a |p| - b |q|`` and ``|q'| <= g |p| + d |q|``, and some ``kappa >= 0`` has

    g + d kappa <= kappa (a - b kappa)    and    a >= b kappa,

then the cone ``|q| <= kappa |p|`` is kept and ``|p_T| >= (a - b kappa)^T |p_0|`` in it. Such a
kappa exists if and only if ``a >= d + 2 sqrt(b g)`` (for ``b > 0``); the least one gives the best
rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import isqrt

_DIGITS = 10**15


@dataclass(frozen=True, kw_only=True, repr=False)
class Cone:
    """Numbers of one cone; ``fault`` checks them exactly."""

    a: Fraction
    b: Fraction
    g: Fraction
    d: Fraction
    kappa: Fraction

    def __repr__(self) -> str:
        """Return one line."""
        return f"<Cone: rate {float(self.rate):.4g}, kappa {float(self.kappa):.4g}>"

    @property
    def rate(self) -> Fraction:
        """What a step keeps of the carousel's norm, at least: ``a - b kappa``."""
        return self.a - self.b * self.kappa

    def fault(self) -> str:
        """Return which condition fails, ``""`` if none does."""
        if min(self.b, self.g, self.d, self.kappa) < 0:
            return "b, g, d and kappa must be at least 0"
        if self.rate < 0:
            return f"a - b kappa = {float(self.rate):.4g} is negative"
        if self.g + self.d * self.kappa > self.kappa * self.rate:
            return (
                f"g + d kappa = {float(self.g + self.d * self.kappa):.4g} is above "
                f"kappa (a - b kappa) = {float(self.kappa * self.rate):.4g}"
            )
        return ""


def best_cone(a: Fraction, b: Fraction, g: Fraction, d: Fraction) -> Cone | None:
    """Return the cone with the best rate, ``None`` where ``a < d + 2 sqrt(b g)``.

    ``kappa`` is the smaller root of ``b kappa^2 - (a - d) kappa + g``, rounded up to a rational at
    which the condition holds exactly.
    """
    room = a - d
    if min(b, g, d) < 0 or room < 0 or room * room < 4 * b * g:
        return None

    def cone(kappa: Fraction) -> Cone:
        return Cone(a=a, b=b, g=g, d=d, kappa=kappa)

    if g == 0:
        return cone(Fraction(0))
    if b == 0:
        return cone(g / room) if room > 0 else None
    # the stable form of the smaller root: 2 g / (room + sqrt(room^2 - 4 b g))
    root = _root_below(room * room - 4 * b * g)
    least = 2 * g / (room + root)
    middle = room / (2 * b)  # where kappa (a - b kappa) - d kappa is largest
    found = cone(min(least, middle))
    return found if not found.fault() else cone(middle)


def _root_below(value: Fraction) -> Fraction:
    """Return a rational just below a square root, with small numerator and denominator."""
    scaled = value.numerator * _DIGITS**2 // value.denominator
    return Fraction(isqrt(scaled), _DIGITS)
