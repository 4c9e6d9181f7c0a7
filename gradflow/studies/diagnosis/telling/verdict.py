"""The verdict: one sentence with its number, its spread and what it speaks of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from gradflow.networks import Network
from gradflow.studies.diagnosis.measures.reach import Reach
from gradflow.studies.diagnosis.measures.spread import told
from gradflow.studies.diagnosis.record import Diagnosis
from gradflow.studies.diagnosis.subject import Subject
from gradflow.studies.diagnosis.telling.numbers import horizon, power

__all__ = ["together", "verdict_of"]


def verdict_of(subject: Subject, reach: Reach, need: int, good: bool) -> str:
    """Return the verdict: what is left at the lag needed, with its spread and its file."""
    drawn = ", random weights" if subject.network.drawn else ""
    found = _found(subject, reach, need, good)
    return f"{subject.network.source}{drawn}: {found}, on {subject.data}"


def _found(subject: Subject, reach: Reach, need: int, good: bool) -> str:
    left = told(reach.log10_left, power)
    steps = subject.losses.longest
    falls = f"falls under 1 % for good after {horizon(reach.loss_horizon, steps)}"
    if math.isinf(reach.loss_horizon.median):
        falls = f"is not under 1 % for good within {steps} steps"
    growing = reach.log10_left.median > 2
    what = "grows to" if growing else "is" if good else "is only"
    return f"at lag {need} the gradient of the loss {what} {left} times that at lag 0; it {falls}"


def together(network: Network, ways: Sequence[Diagnosis]) -> Diagnosis:
    """Return the diagnosis of a network of both directions from those of its layers, last first.

    Its verdict tells the directions of the last layer, its numbers are those of the worst of them.
    """
    top = max(layer.level for layer in network.layers)
    last = ways[: sum(layer.level == top for layer in network.layers)]
    worst = min(last, key=lambda way: way.reach.log10_left.median)
    told_apart = "; ".join(
        f"{way.network.source.removeprefix(network.source).lstrip(', ')}: "
        f"{_found(way.subject, way.reach, way.need, way.good)}"
        for way in last
    )
    return replace(
        worst,
        verdict=f"{network.source}: {told_apart}, on {worst.subject.data}",
        good=all(way.good for way in last),
        ways=tuple(ways),
    )
