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

__all__ = [
    "enclosure",
    "from_to",
    "in_steps",
    "magnitude",
    "number_row",
    "power_of_ten",
    "ranged",
    "reach",
    "signed",
    "value_of",
]


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


def from_to(low: float, high: float) -> str:
    """Return from where to where sizes with these natural logarithms go, or that all are one.

    >>> from_to(math.log(0.01), math.log(0.02)), from_to(-math.inf, -math.inf)
    ('0.01 to 0.02', 'all exactly 0')
    """
    ends = power_of_ten(low), power_of_ten(high)
    return " to ".join(ends) if ends[0] != ends[1] else f"all {ends[0]}"


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


def enclosure(low: float, high: float) -> tuple[str, str]:
    r"""Return two numbers with these natural logarithms, rounded outward, as far as they differ.

    The digits are those that tell the ends apart, at most 12, and fewer where the logarithm itself
    has no more; a unit of the last is added outward, for the exponential is rounded too.

    >>> enclosure(math.log(0.01640124), math.log(0.01640129))
    ('0.01640123', '0.01640131')
    >>> enclosure(-1000.0, -1000.0 + 1e-6)
    ('$5.0759587 \\times 10^{-435}$', '$5.0759641 \\times 10^{-435}$')
    >>> enclosure(-math.inf, -math.inf), enclosure(-math.inf, math.log(2e-9))
    (('exactly 0', 'exactly 0'), ('0', '$2.02 \\times 10^{-9}$'))
    """
    if high == -math.inf:
        return "exactly 0", "exactly 0"
    if high == math.inf:
        return ("0" if low == -math.inf else _outward(low, 3, -1)), "∞"
    if low == -math.inf:
        return "0", _outward(high, 3, 1)
    gap = max(high - low, 1e-12)
    known = 12 - math.ceil(math.log10(max(1.0, abs(low), abs(high))))
    digits = max(3, min(math.ceil(-math.log10(gap)) + 1, known))
    return _outward(low, digits, -1), _outward(high, digits, 1)


def _outward(log: float, digits: int, side: int) -> str:
    """Return ``exp(log)`` in so many digits, down for side -1 and up for side 1."""
    decades = log / math.log(10)
    power = math.floor(decades)
    scale = 10 ** (digits - 1)
    units = (math.floor(side * 10 ** (decades - power) * scale) + 2) * side
    if abs(units) >= 10 * scale:
        units, power = units // 10 + (side > 0), power + 1
    if _is_moderate(log):
        return f"{units * 10.0 ** (power - digits + 1):.{max(0, digits - 1 - power)}f}"
    whole, rest = divmod(units, scale)
    return rf"${whole}.{rest:0{digits - 1}d} \times 10^{{{power}}}$"


def _is_moderate(log: float) -> bool:
    """Whether a number reads best without a power of ten."""
    return -3 <= log / math.log(10) < 5


def _scientific(log: float, digits: int) -> tuple[float, int]:
    """Return mantissa, rounded to ``digits``, and power of ten of ``exp(log)``."""
    decades = log / math.log(10)
    power = math.floor(decades)
    mantissa = round(10 ** (decades - power), digits - 1)
    return (mantissa, power) if mantissa < 10 else (1.0, power + 1)


def signed(value: float, digits: int = 4) -> str:
    """Return a number with a minus sign as in print."""
    sign = "−" if math.copysign(1.0, value) < 0 else ""
    return sign + ("∞" if math.isinf(value) else f"{abs(value):.{digits}f}")


def reach(value: float, steps: int) -> str:
    r"""Return a horizon in steps, or that it lies beyond the run.

    >>> reach(62.0, 200), reach(math.inf, 200)
    ('62', 'over\xa0200')
    """
    return f"{value:.0f}" if value <= steps else f"over\u00a0{steps}"


def in_steps(told: str | int) -> str:
    """Return a number of steps in words.

    >>> in_steps(62), in_steps("1")
    ('62 steps', '1 step')
    """
    return f"{told} step{'s' * (str(told) != '1')}"


def value_of(number: Number, value: float | None = None) -> str:
    """Return a value as it stands in every table; of the number itself, or of its spread."""
    value = number.value if value is None else value
    if math.isnan(value):
        return "unknown"
    match number.unit:
        case "steps":
            if math.isinf(value):
                return number.missing or "∞"
            return f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.2g}"
        case "log10":
            return power_of_ten(value * math.log(10))
        case "share":
            return f"{100 * value:.0f} %"
        case "nats per step":
            return signed(value, 3)
    return f"{value:.4g}"


def ranged(number: Number) -> str:
    """Return the spread of a number: from where to where, or that all are the same."""
    if number.between is None:
        return ""
    if number.level and number.unit == "log10":
        return " to ".join(enclosure(*(end * math.log(10) for end in number.between)))
    low, high = (value_of(number, end) for end in number.between)
    return f"{low} to {high}" if low != high else f"all {low}"


def number_row(number: Number) -> tuple[str, ...]:
    """Return label, value, spread, unit, what is good, and what the spread is over."""
    units = {"log10": "", "share": "", "nats per step": "nats a step"}
    unit = units.get(number.unit, number.unit)
    if unit == "steps" and number.value == 1:
        unit = "step"
    error = f"; error of each at most {number.error:.1g}" if number.error is not None else ""
    over = f"{number.over}{error}"
    return (number.label, value_of(number), ranged(number), unit, number.good, over)
