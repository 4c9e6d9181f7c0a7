"""Headline numbers: each with its unit, its label in words and its spread, told in one place."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gradflow.spectra import Decay, LyapunovSpectrum

__all__ = ["TOLERANCE", "Number", "exponent_numbers", "gradient_numbers", "plain_numbers"]

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
        ``"steps"``, ``"nats per step"``; empty where the label says it.
    missing
        What is said instead of an infinite value; empty where infinity is the answer.
    error
        Its standard error, where it is an estimate.
    between
        Where the middle 80 % lie, when ``value`` is the median of many.
    """

    value: float
    label: str
    unit: str = ""
    missing: str = ""
    error: float | None = None
    between: tuple[float, float] | None = None


def gradient_numbers(gradient: Decay, steps: int) -> dict[str, Number]:
    """Return what the gradient's decay over a run of ``steps`` says: how far, and how fast.

    No ``rate`` is among it where the curve is no line.
    """
    horizon = gradient.horizon(TOLERANCE)
    lives = np.sort(gradient.unit_half_lives())
    low, middle, high = (float(lives[round(q * (len(lives) - 1))]) for q in (0.1, 0.5, 0.9))
    return {
        "horizon": Number(
            value=math.inf if horizon is None else float(horizon),
            label=f"Horizon: lag beyond which the gradient stays under {100 * TOLERANCE:g} %",
            unit="steps",
            missing=f"not within {steps} steps",
        ),
        "half_life": Number(
            value=gradient.half_life(),
            label="Half-life: lag from which on the gradient stays under one half",
            unit="steps",
            missing=f"not within {steps} steps",
        ),
        "unit_half_life": Number(
            value=middle,
            label="Half-life by unit: median, and from 10 to 90 % of the units",
            unit="steps",
            between=(low, high),
        ),
        **_rate(gradient),
    }


def _rate(gradient: Decay) -> dict[str, Number]:
    """Return the asymptotic rate with the lags it was fitted on, or nothing: no line, no rate."""
    end = gradient.asymptote()
    if end.rate is None:
        return {}
    where = end.reason or f"fitted on lags {end.first} to {end.last}"
    label = f"Asymptotic rate ({where})"
    return {"rate": Number(value=end.rate, label=label, unit="nats per step")}


def exponent_numbers(
    whole: LyapunovSpectrum | None, part: LyapunovSpectrum | None, name: str
) -> dict[str, Number]:
    """Return the leading exponent of the whole state and of its part ``name``, where known."""
    found = {
        "lyapunov": (whole, "Leading Lyapunov exponent, whole state"),
        "lyapunov_part_only": (part, f"Lyapunov exponent, {name} only (what others print)"),
    }
    return {
        key: Number(
            value=float(spectrum.exponents[0]),
            label=label,
            unit="nats per step",
            error=float(spectrum.stderr[0]),
        )
        for key, (spectrum, label) in found.items()
        if spectrum is not None
    }


def plain_numbers(numbers: Mapping[str, Number]) -> dict[str, float]:
    """Return the values by name, and each standard error under its name with ``_stderr``."""
    values = {name: number.value for name, number in numbers.items()}
    errors = {f"{name}_stderr": n.error for name, n in numbers.items() if n.error is not None}
    return values | errors
