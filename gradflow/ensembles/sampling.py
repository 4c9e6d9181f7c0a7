r"""Exponents and moments of an infinitely wide network by sampled populations, with their error.

Each population is an independent network in the limit of many units, so the spread between them is
the sampling error, and the only honest one: in a phase where the state rests, a population is one
frozen sample, and its steps say nothing of how it differs from another.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from gradflow.codegen.over_time import one_thread
from gradflow.ensembles.fields import Floats
from gradflow.ensembles.laws import Laws
from gradflow.ensembles.population import Population
from gradflow.memory import FLOAT, require

# Steps after which the first state is forgotten, and after which tangents are where they go.
_BURN, _SETTLE = 128, 32
# What one number of a population costs in all, beside the memory of its maps.
_COPIES = 200
_LEVEL = 0.975
# Times one over its size: by how much a population of tied weights lies below the limit, at most
# over LSTM, GRU, SCRN, Clockwork and plain networks, whose 1 to 5 were measured (fresh weights: 0).
_BELOW = 5.0


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How a theory is sampled: units of a population, populations, steps averaged over."""

    size: int
    populations: int
    steps: int


@dataclass(frozen=True, kw_only=True)
class Sampled:
    """Means over populations and half widths of 95 % intervals, by Student's t.

    That of tied weights has added to it what a population of this size may be off.
    """

    exponent: float
    error: float
    bulk: float
    bulk_error: float
    moments: dict[str, float]


def sample(laws: Laws, tied: bool, how: Sampling, rng: np.random.Generator) -> Sampled:
    """Run independent populations and return what they say together."""
    require(
        FLOAT * how.size * _COPIES * (1 + len(laws.maps)),
        "mean_field",
        f"populations of {how.size} units",
        "give a smaller size",
    )
    with one_thread():
        rows = [_one(laws, tied, how, one) for one in rng.spawn(how.populations)]
    exponent, error = interval(np.array([r[0] for r in rows]))
    if tied and math.isfinite(exponent):
        error += _BELOW / how.size
    bulk, bulk_error = interval(np.array([r[1] for r in rows]))
    moments = {p: float(np.mean([r[2][p] for r in rows])) for p in laws.cell.states}
    return Sampled(
        exponent=exponent, error=error, bulk=bulk, bulk_error=bulk_error, moments=moments
    )


def interval(values: Floats) -> tuple[float, float]:
    """Return the mean of independent values and the half width of its 95 % interval."""
    if not np.isfinite(values).all():
        lost = np.isneginf(values).all()
        return (-math.inf, 0.0) if lost else (math.nan, math.nan)
    if len(values) < 2:
        return float(values[0]), math.inf
    spread = values.std(ddof=1) / math.sqrt(len(values))
    return float(values.mean()), float(stdtrit(len(values) - 1, _LEVEL) * spread)


def _one(
    laws: Laws, tied: bool, how: Sampling, rng: np.random.Generator
) -> tuple[float, float, dict[str, float]]:
    """Return leading exponent, bulk exponent (nan where tied) and moments of one population."""
    people = Population(laws, rng, size=how.size, tied=tied, tangents=1 if tied else 2)
    for _ in range(_BURN):
        people.step()
    people.align()
    growth, moments = [], []
    for t in range(_SETTLE + how.steps):
        if not tied:
            people.flip(1)
        grown = people.step()
        if t >= _SETTLE:
            growth.append(grown)
            moments.append(list(people.moments().values()))
    means = np.mean(growth, axis=0)
    held = dict(zip(laws.cell.states, map(float, np.mean(moments, axis=0)), strict=True))
    return float(means[0]), math.nan if tied else float(means[1]), held
