"""Headline numbers: each with its unit, its label in words and its spread, told in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["TOLERANCE", "Number", "plain_numbers"]

TOLERANCE = 0.01
"""The share of its size that the gradient falls under at the horizon."""


@dataclass(frozen=True, kw_only=True)
class Number:
    """One number of a table, a file or a comparison, with what it takes to say it.

    Parameters
    ----------
    value
        The number; ``inf`` where a count of steps has no end.
    label
        What it is, in words that stand alone, without the unit.
    unit
        ``"steps"``, ``"nats per step"``, ``"log10"`` for a size that is told as a power of ten,
        ``"share"``; empty where the label says it.
    missing
        What is said instead of an infinite value; empty where infinity is the answer.
    error
        Its standard error, where it is an estimate.
    between
        The least and the greatest value, or where the middle 80 % lie; ``over`` says which.
    over
        What the spread is over, in words: ``"8 seeds"``.
    good
        What would be good, in words.
    level
        ``"CERTIFIED"`` where ``between`` encloses what real arithmetic gives; else empty.
    """

    value: float
    label: str
    unit: str = ""
    missing: str = ""
    error: float | None = None
    between: tuple[float, float] | None = None
    over: str = ""
    good: str = ""
    level: str = ""


def plain_numbers(numbers: Mapping[str, Number]) -> dict[str, float]:
    """Return the values by name, and each standard error under its name with ``_stderr``.

    The two ends of a spread stand under the name with ``_low`` and ``_high``.

    >>> plain_numbers({"horizon": Number(value=62.0, label="Horizon", between=(38.0, 124.0))})
    {'horizon': 62.0, 'horizon_low': 38.0, 'horizon_high': 124.0}
    """
    found: dict[str, float] = {}
    for name, number in numbers.items():
        found[name] = number.value
        if number.error is not None:
            found[f"{name}_stderr"] = number.error
        if number.between is not None:
            found[f"{name}_low"], found[f"{name}_high"] = number.between
    return found
