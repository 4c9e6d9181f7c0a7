"""A cell at several forget biases and gains: what a reader may turn on a page, computed before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gradflow.cells.initializers import gaussian
from gradflow.errors import GradflowError
from gradflow.studies.seeds.decays import Decays
from gradflow.studies.seeds.drawing import Question, without_bias

__all__ = ["dials"]

_BIASES = (-1.0, 0.0, 1.0, 3.0, 5.0)
_GAINS = (0.5, 1.0, 1.5, 2.0)


def dials(asked: Question) -> dict[str, dict[float, Decays]]:
    """Measure the decay at each value of a dial, by the dial's name; the seeds are the same.

    The gain is that of Gaussian recurrent maps, ``g / sqrt(n)`` an entry. A dial that changes
    nothing, or whose values the cell refuses, is left out.
    """
    found: dict[str, dict[float, Decays]] = {}
    if asked.cell.forget_bias:
        kept = without_bias(asked)
        found["forget bias"] = _turned(asked, kept, {b: {"forget_bias": b} for b in _BIASES})
    if asked.cell.recurrent_maps():
        maps = {"recurrent", *asked.cell.recurrent_maps()}
        kept = {name: value for name, value in asked.init.items() if name not in maps}
        found["gain"] = _turned(asked, kept, {g: {"recurrent": gaussian(g)} for g in _GAINS})
    return {name: curves for name, curves in found.items() if _differ(curves)}


def _turned(
    asked: Question, kept: Mapping[str, Any], values: Mapping[float, Mapping[str, Any]]
) -> dict[float, Decays]:
    try:
        return {
            value: replace(asked, init={**kept, **choices}).decays(f"{value:g}")
            for value, choices in values.items()
        }
    except GradflowError:
        return {}


def _differ(curves: Mapping[float, Decays]) -> bool:
    """Whether there are several values, and not all give the same."""
    first, *others = [one.log_relative for one in curves.values()] or [np.zeros(0)]
    return any(not np.array_equal(first, other) for other in others)
