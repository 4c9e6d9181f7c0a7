"""Where the gradient explodes: the first step back, and the layer, path and unit that do it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gradflow.spectra import Decay
from gradflow.spectra.numerics.logdomain import unit_rows
from gradflow.studies.diagnosis.subject import Subject

__all__ = ["Growth", "growth_of"]

GROWN = 100.0
"""So many times its size at lag 0 the gradient is called exploding."""


@dataclass(frozen=True, kw_only=True)
class Growth:
    """Where the gradient of one sequence first exceeds a hundred times its size at lag 0.

    Attributes
    ----------
    sequence, step, lag
        Which sequence, counted from 0; the step whose state has this gradient, and the lag.
    factor
        Natural log of the gradient there over that at lag 0.
    part, unit
        The state part and its unit with the largest entry there.
    path
        The path that brings the most of it in that step; empty where it was not split.
    largest
        Natural log of the largest gradient at any lag over that at lag 0.
    count
        How many of the sequences exceed it.
    """

    sequence: int
    step: int
    lag: int
    factor: float
    part: str
    unit: int
    path: str
    largest: float
    count: int


def growth_of(subject: Subject, gradient: Decay, widest: float) -> Growth | None:
    """Return where it first explodes, of the sequence that grows most; ``None`` where none does.

    Paths are split for up to ``widest`` states.
    """
    with np.errstate(invalid="ignore"):
        grown = gradient.log_norm - gradient.log_norm[:, :1]
    grown = np.where(np.isnan(grown), -np.inf, grown)
    over = (grown > math.log(GROWN)).any(axis=1)
    if not over.any():
        return None
    index = int(grown.max(axis=1).argmax())
    lag = int(np.flatnonzero(grown[index] > math.log(GROWN))[0])
    run = subject.single(index)
    step = run.steps - lag
    assert gradient.by_unit is not None
    place = int(gradient.by_unit[index, lag].argmax())
    part = next(name for name, own in run.parts.items() if own.start <= place < own.stop)
    path = ""
    if run.width <= widest and step >= 0:
        row = subject.covector(index)
        for t in range(run.steps, step + 1, -1):
            row = unit_rows(run.vjp(row, t))[0]
        norms = {name: np.linalg.norm(row @ m) for name, m in run.path_jacobians(step + 1).items()}
        path = max(norms, key=lambda name: float(norms[name]))
    return Growth(
        sequence=index,
        step=step,
        lag=lag,
        factor=float(grown[index, lag]),
        part=part,
        unit=place - run.parts[part].start,
        path=path,
        largest=float(grown[index].max()),
        count=int(over.sum()),
    )
