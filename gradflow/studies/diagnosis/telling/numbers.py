"""How a diagnosis writes its numbers."""

from __future__ import annotations

import math

from gradflow.studies.diagnosis.measures.growth import Growth
from gradflow.studies.diagnosis.measures.spread import Spread, told

__all__ = ["certified", "factor", "growth_words", "horizon", "percent", "power"]


def horizon(found: Spread, steps: int) -> str:
    """Return a lag with its spread; infinity was not reached in so many steps.

    >>> horizon(Spread(6.0, 5.0, 7.0, 3), 40)
    '6 steps (5 to 7 over 3 sequences)'
    """

    def bare(value: float) -> str:
        return f"{value:.0f}" if math.isfinite(value) else f"not within {steps}"

    def whole(value: float) -> str:
        last = value if math.isfinite(value) else steps
        return f"{bare(value)} step{'s' * (round(last) != 1)}"

    return told(found, whole, bare)


def power(log10: float) -> str:
    """Return 10 to that power, in figures where they are short."""
    if log10 == -math.inf:
        return "0"
    if abs(log10) > 1e6:
        return f"10^({log10:.3g})"
    return f"{10**log10:.2g}" if -3 <= log10 <= 3 else f"10^{log10:.1f}"


def certified(log10: float, side: int) -> str:
    """Return a bound of a decimal logarithm, rounded outward: down for side -1, up for 1."""
    if not math.isfinite(log10):
        return "0" if log10 < 0 else "infinity"
    digits = 10**4
    # one unit more than the nearest, since the product is rounded too
    return f"10^{(math.floor(side * log10 * digits) + 2) * side / digits:.4f}"


def factor(value: float) -> str:
    """Return a factor in two digits."""
    return f"{value:.2g}"


def percent(share: float) -> str:
    """Return a share in percent; what is too small to matter without its digits.

    >>> percent(0.0123), percent(4.1e-7), percent(0.0)
    ('1.23 %', 'under 0.001 %', '0 %')
    """
    return "under 0.001 %" if 0 < share < 1e-5 else f"{100 * share:.3g} %"


def growth_words(found: Growth, count: int) -> str:
    """Return where a gradient explodes, as a sentence without its full stop."""
    of = f" in {found.count} of {count} sequences" if count > 1 else ""
    by = f", by the path {found.path}" if found.path else ""
    where = f" of sequence {found.sequence + 1}" if count > 1 else ""
    return (
        f"the gradient explodes{of}: at lag {found.lag}, step {found.step}{where}, it first "
        f"exceeds 100 times that at lag 0, most in unit {found.unit} of {found.part}{by}; it comes "
        f"to {power(found.largest / math.log(10))} times"
    )
