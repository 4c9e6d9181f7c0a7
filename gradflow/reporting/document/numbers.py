r"""Numbers as a reader wants them, in tables and in sentences; ``\times 10^{...}`` is made here.

`power_of_ten` is for the cells of a table, `magnitude` for a sentence: the first keeps as many
digits everywhere and says an exact zero in words, the second is always a formula and leaves out
what says nothing, such as the 1 of :math:`10^{-2000}`.
"""

from __future__ import annotations

import math

from gradflow.arrays import whole_number
from gradflow.given import real_number
from gradflow.studies.headline import Number

__all__ = ["exponent", "labelled", "magnitude", "plain", "power_of_ten", "said", "signed"]


def power_of_ten(log: float) -> str:
    r"""Return the number with natural logarithm ``log`` for a table, however small or large.

    >>> power_of_ten(math.log(0.0131)), power_of_ten(-1000 * math.log(100))
    ('0.0131', '$1.0 \\times 10^{-2000}$')
    >>> power_of_ten(-math.inf), power_of_ten(math.inf)
    ('exactly 0', '∞')
    """
    log = real_number(log, "power_of_ten: log", infinite=True)
    if math.isinf(log):
        return "exactly 0" if log < 0 else "∞"
    if _is_moderate(log):
        return f"{math.exp(log):.3g}"
    mantissa, power = _scientific(log, 2)
    return rf"${mantissa:.1f} \times 10^{{{power}}}$"


def magnitude(log: float, digits: int = 2) -> str:
    r"""Return the number with natural logarithm ``log`` for a caption, however small or large.

    >>> magnitude(math.log(0.0059), 2), magnitude(-1000 * math.log(100))
    ('$0.0059$', '$10^{-2000}$')
    >>> magnitude(math.log(3178.6), 5), magnitude(-math.inf)
    ('$3178.6$', '$0$')
    """
    log = real_number(log, "magnitude: log", infinite=True)
    digits = whole_number(digits, "magnitude: digits", 1, 17)
    if math.isinf(log):
        return "$0$" if log < 0 else r"$\infty$"
    if _is_moderate(log):
        return f"${float(f'{math.exp(log):.{digits}g}'):.10g}$"
    mantissa, power = _scientific(log, digits)
    return (
        f"$10^{{{power}}}$" if mantissa == 1 else rf"${mantissa:.{digits}g} \times 10^{{{power}}}$"
    )


def _is_moderate(log: float) -> bool:
    """Whether a number reads best without a power of ten."""
    return -3 <= log / math.log(10) < 5


def _scientific(log: float, digits: int) -> tuple[float, int]:
    """Return mantissa, rounded to ``digits``, and power of ten of ``exp(log)``."""
    decades = log / math.log(10)
    power = math.floor(decades)
    mantissa = round(10 ** (decades - power), digits - 1)
    return (mantissa, power) if mantissa < 10 else (1.0, power + 1)


def plain(value: float) -> str:
    """Return a number to three digits, infinity as its sign."""
    return "∞" if math.isinf(value) else f"{value:.3g}"


def signed(value: float, digits: int = 4) -> str:
    """Return a number with a minus sign as in print."""
    sign = "−" if math.copysign(1.0, value) < 0 else ""
    return sign + ("∞" if math.isinf(value) else f"{abs(value):.{digits}f}")


def exponent(value: float, error: float) -> str:
    """Return a Lyapunov exponent with its error bar, in nats per step."""
    finite = math.isfinite(value) and math.isfinite(error)
    return f"{signed(value)}\u00a0±\u00a0{error:.4f}" if finite else signed(value)


def said(number: Number) -> str:
    """Return a headline number as it stands in a table, or what is said where there is none.

    >>> said(Number(value=37.0, label="Horizon", unit="steps"))
    '37 steps'
    >>> said(Number(value=math.inf, label="Half-life", unit="steps", missing="no decay"))
    'no decay'
    """
    if math.isinf(number.value) and number.missing:
        return number.missing
    if number.unit == "steps":
        spread = "; {} to {}".format(*map(plain, number.between)) if number.between else ""
        return f"{plain(number.value)}{spread} steps"
    return signed(number.value) if number.error is None else exponent(number.value, number.error)


def labelled(number: Number) -> str:
    """Return the label of a number with its unit, but for steps, which `said` says."""
    return number.label if number.unit in ("", "steps") else f"{number.label}, {number.unit}"
