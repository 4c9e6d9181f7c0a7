"""What a study takes of the run of the first seed, one entry each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.spectra import LyapunovSpectrum, SingularValues
from gradflow.studies.setup import Setup

__all__ = ["MEASURES", "Measure"]


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One measurement: its name in words, and what takes it.

    ``spoilt`` says that rounding may leave no number to give; the reason is then kept instead.
    """

    words: str
    of: Callable[[Setup], Any]
    spoilt: bool = False


def _singular_values(ran: Setup) -> SingularValues:
    lags = np.unique(np.linspace(1, ran.trajectory.steps, 13).round())
    return ran.trajectory.singular_values([int(n) for n in lags])


def _eigenvalues(ran: Setup) -> dict[str, NDArray[np.complex128]]:
    run = ran.trajectory
    return {"first step": run.eigenvalues(1), "last step": run.eigenvalues(run.steps)}


def _part_only(ran: Setup) -> LyapunovSpectrum | None:
    first, *others = ran.cell.states
    return ran.trajectory.lyapunov(part=first) if others else None


# A parameter's gradient is told lag by lag so far; what lies further back is in its sum.
_LAGS_TOLD = 101

MEASURES: Mapping[str, Measure] = {
    "gradient": Measure(
        words="gradient against lag", of=lambda ran: ran.runs.gradient_decay(ran.loss.gradient)
    ),
    "product": Measure(words="product against lag", of=lambda ran: ran.trajectory.decay()),
    "paths": Measure(words="paths", of=lambda ran: ran.trajectory.paths(ran.loss.first)),
    "by_parameter": Measure(
        words="parameter gradient by lag",
        of=lambda ran: ran.trajectory.parameter_gradient(
            ran.loss.first, min(_LAGS_TOLD, ran.trajectory.steps)
        ),
    ),
    "singular_values": Measure(words="singular values", of=_singular_values, spoilt=True),
    "eigenvalues": Measure(words="eigenvalues", of=_eigenvalues),
    "lyapunov": Measure(
        words="Lyapunov spectrum", of=lambda ran: ran.trajectory.lyapunov(), spoilt=True
    ),
    "part_only": Measure(words="Lyapunov spectrum of one part", of=_part_only, spoilt=True),
}
"""What is measured of what was run, by the field of `Study` that holds it."""
