"""Everything that is measured of one cell on one input, computed once and kept together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow.cells import get
from gradflow.cells.cell import Cell
from gradflow.errors import PrecisionError
from gradflow.given import function
from gradflow.memory import FLOAT, require
from gradflow.spectra import Decay, LyapunovSpectrum, ParameterGradient, PathDecay, SingularValues
from gradflow.studies.headline import (
    TOLERANCE,
    Number,
    exponent_numbers,
    gradient_numbers,
    plain_numbers,
)
from gradflow.studies.setup import Setup, set_up

__all__ = ["MEASURES", "STAGES", "Measure", "Progress", "Study", "study"]

Progress = Callable[[str], None]


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Study:
    r"""Measurements of a cell's gradient on one input.

    Parameters
    ----------
    setup
        What was run.
    gradient
        :math:`\partial L/\partial s_k` against lag, over all windows.
    product
        :math:`\|P(T, T-\ell)\|_2` against lag.
    paths, by_parameter, singular_values
        Of the first window.
    eigenvalues
        Eigenvalues of the first and the last step Jacobian.
    lyapunov
        Spectrum of the whole state.
    part_only
        Spectrum of ``dh'/dh`` alone, where the state has other parts too.
    refused
        Field to the reason why rounding leaves no number for it; the field is then ``None``.
    """

    setup: Setup
    gradient: Decay
    product: Decay
    paths: PathDecay
    by_parameter: ParameterGradient
    singular_values: SingularValues | None
    eigenvalues: Mapping[str, NDArray[np.complex128]]
    lyapunov: LyapunovSpectrum | None
    part_only: LyapunovSpectrum | None
    refused: Mapping[str, str]

    @property
    def horizon(self) -> int | None:
        """Lag from which on the gradient stays under 1 % of its value at lag 0, if reached."""
        return self.gradient.horizon(TOLERANCE)

    def headline(self) -> dict[str, Number]:
        """Return the headline numbers by name, in the order in which they are told."""
        ran = self.setup
        loss = Number(value=ran.loss.value, label=f"Loss: {ran.loss.words}")
        return {
            **gradient_numbers(self.gradient, ran.trajectory.steps),
            **exponent_numbers(self.lyapunov, self.part_only, ran.cell.states[0]),
            "loss": loss,
        }

    def numbers(self) -> dict[str, float]:
        """Return the values of the headline numbers by name: nats, steps, nats per step."""
        return plain_numbers(self.headline())

    def __repr__(self) -> str:
        """Return one line with cell, steps, horizon and asymptotic rate."""
        ran = self.setup
        reached = "not reached" if self.horizon is None else f"{self.horizon} steps"
        rate = self.gradient.rate()
        told = "no line" if rate is None else f"{rate:.4g} nats per step"
        return (
            f"Study({ran.cell.name}, {ran.trajectory.steps} steps: horizon {reached}, asymptotic "
            f"rate {told})"
        )


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


MEASURES: Mapping[str, Measure] = {
    "gradient": Measure(
        words="gradient against lag", of=lambda ran: ran.runs.gradient_decay(ran.loss.gradient)
    ),
    "product": Measure(words="product against lag", of=lambda ran: ran.trajectory.decay()),
    "paths": Measure(words="paths", of=lambda ran: ran.trajectory.paths(ran.loss.first)),
    "by_parameter": Measure(
        words="parameter gradient by lag",
        of=lambda ran: ran.trajectory.parameter_gradient(ran.loss.first),
    ),
    "singular_values": Measure(words="singular values", of=_singular_values, spoilt=True),
    "eigenvalues": Measure(words="eigenvalues", of=_eigenvalues),
    "lyapunov": Measure(
        words="Lyapunov spectrum", of=lambda ran: ran.trajectory.lyapunov(), spoilt=True
    ),
    "part_only": Measure(words="Lyapunov spectrum of one part", of=_part_only, spoilt=True),
}
"""What is measured of what was run, by the field of `Study` that holds it."""


def _require_room(ran: Setup) -> None:
    """Raise ``UsageError`` at once if what is measured last would take too much memory."""
    run = ran.trajectory
    numbers = max(2 * run.width**2, sum(p.size for p in run.params.values()))
    require(
        FLOAT * run.steps * numbers,
        "report",
        f"what is measured of {run.steps} steps of {run.width} entries of state",
        "give fewer units or fewer steps",
    )


_FIRST = "running the cell"
STAGES = (_FIRST, *(measure.words for measure in MEASURES.values()))
"""What a study announces, in order."""


def study(
    cell: Cell | str,
    *,
    hidden: int | None = None,
    steps: int = 200,
    input: str | None = None,
    init: Mapping[str, Any] | None = None,
    seed: int = 0,
    state: ArrayLike | Mapping[str, ArrayLike] | None = None,
    progress: Progress = lambda stage: None,
) -> Study:
    """Run a cell and measure its gradient.

    Parameters
    ----------
    cell
        The declared cell, or its name.
    hidden
        Number of units of the size `hidden`, and of every other size that neither ``init`` nor the
        input states; 32 by default.
    steps
        Number of steps ``T``.
    input
        File of the input; by default English text found on any Python. Numbers are the columns of
        all inputs side by side; text is the input of size ``input``, and what no file holds is
        standard normal.
    init
        Choices for ``cell.init``, sizes among them: ``{"context": 8}``.
    seed
        Seed of the parameters and of the readout.
    state
        Initial state of every window, flat (d,) or by part; zeros by default, and ones for a cell
        without input, which would stay at rest.
    progress
        Called with each of `STAGES` before it starts.

    Raises
    ------
    UsageError, InputError
        For arguments out of range and for an input that cannot be read.
    """
    cell = get(cell)
    function(progress, "report: progress")
    progress(_FIRST)
    ran = set_up(cell, hidden=hidden, steps=steps, input=input, init=init, seed=seed, state=state)
    _require_room(ran)
    found: dict[str, Any] = {}
    refused: dict[str, str] = {}
    for field, measure in MEASURES.items():
        progress(measure.words)
        try:
            found[field] = measure.of(ran)
        except PrecisionError as error:
            if not measure.spoilt:
                raise
            found[field], refused[field] = None, str(error)
    return Study(setup=ran, refused=refused, **found)
