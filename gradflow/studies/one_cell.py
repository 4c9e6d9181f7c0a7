"""Everything that is measured of one cell on one input, computed once and kept together.

What has a spread is measured for every draw of the weights; what fills a figure of its own, for the
first draw alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow.arrays import whole_number
from gradflow.cells import get
from gradflow.cells.cell import Cell
from gradflow.errors import PrecisionError
from gradflow.given import function
from gradflow.memory import FLOAT, require
from gradflow.spectra import Decay, LyapunovSpectrum, ParameterGradient, PathDecay, SingularValues
from gradflow.studies.certified import Enclosed, certified_number, certified_of, first_run
from gradflow.studies.headline import Number, plain_numbers
from gradflow.studies.measures import MEASURES
from gradflow.studies.seeds.decays import Decays
from gradflow.studies.seeds.dials import dials
from gradflow.studies.seeds.drawing import Question, changed, references
from gradflow.studies.seeds.numbers import Verdict, seed_numbers, verdict
from gradflow.studies.seeds.seeds import Seeds, measure_seeds
from gradflow.studies.setup import Setup

__all__ = ["NEED", "SEEDS", "STAGES", "Progress", "Study", "study"]

SEEDS = 8
"""So many draws of the weights are measured."""

NEED = 100
"""The lag that is asked about where nobody says which, in a run that is long enough."""

Progress = Callable[[str], None]


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Study:
    r"""Measurements of a cell's gradient on one input.

    Parameters
    ----------
    setup
        What was run with the first seed.
    seeds
        What was measured for every seed.
    references
        Cells of the library beside it, by name.
    changes
        The same cell with other initial weights, by what ``--init`` says; empty where what is left
        at the lag needed is enough.
    certified
        The norm of the product of the first window of the first seed, between two ends.
    gradient
        :math:`\partial L/\partial s_k` against lag, over all windows of the first seed.
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
    seeds: Seeds
    references: Mapping[str, Decays]
    changes: Mapping[str, Decays]
    dials: Mapping[str, Mapping[float, Decays]]
    certified: Enclosed
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
    def need(self) -> int:
        """The lag that is asked about."""
        return self.seeds.need

    @property
    def verdict(self) -> Verdict:
        """Whether what is left at the lag needed is enough."""
        return verdict(self.seeds)

    def headline(self) -> dict[str, Number]:
        """Return the headline numbers by name, in the order in which they are told."""
        told = seed_numbers(self.seeds, self.setup.cell.states[0])
        run = first_run(self.seeds.decays)
        return told | certified_number(self.certified, self.need, run)

    def numbers(self) -> dict[str, float]:
        """Return the values of the headline numbers by name, and the ends of their spreads."""
        return plain_numbers(self.headline())

    def __repr__(self) -> str:
        """Return one line with cell, steps, seeds, verdict and horizon."""
        ran, reach = self.setup, self.headline()["horizon"]
        lag = f"{reach.value:g} step{'s' * (reach.value != 1)}"
        told = lag if math.isfinite(reach.value) else "not reached"
        return (
            f"Study({ran.cell.name}, {ran.trajectory.steps} steps, "
            f"{len(self.seeds.decays.seeds)} seeds: {self.verdict.word.lower()} for a need of "
            f"{self.need} step{'s' * (self.need != 1)}, horizon {told})"
        )


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


_FIRST, _CERTIFIED, _SEEDS, _BESIDE, _CHANGED, _TURNED = (
    "running the cell",
    "certified product",
    "every draw of the weights",
    "other cells beside it",
    "other initial weights",
    "other biases and gains",
)
STAGES = (
    _FIRST,
    *(measure.words for measure in MEASURES.values()),
    _CERTIFIED,
    _SEEDS,
    _BESIDE,
    _CHANGED,
    _TURNED,
)
"""What a study announces, in order."""


def study(
    cell: Cell | str,
    *,
    hidden: int | None = None,
    steps: int = 200,
    input: str | None = None,
    init: Mapping[str, Any] | None = None,
    seed: int = 0,
    seeds: int = SEEDS,
    need: int | None = None,
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
        The first seed of the parameters and of the readout.
    seeds
        Number of seeds, one after the other: so many draws of the weights.
    need
        The lag that the task needs; 100 by default, or all steps of a shorter run.
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
    steps = whole_number(steps, "report: steps", 1)
    first, count = whole_number(seed, "report: seed", 0), whole_number(seeds, "report: seeds", 1)
    lag = min(NEED, steps) if need is None else whole_number(need, "report: need", 1, steps)
    asked = Question(
        cell=cell,
        hidden=hidden,
        steps=steps,
        input=input,
        init={} if init is None else init,
        state=state,
        seeds=tuple(range(first, first + count)),
    )
    ran = asked.one(first)
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
    progress(_CERTIFIED)
    certain = certified_of(ran.trajectory, lag)
    progress(_SEEDS)
    drawn = [ran, *(asked.one(other) for other in asked.seeds[1:])]
    several = measure_seeds(cell.name, drawn, asked.seeds, need=lag, drawn=asked.drawn(drawn))
    progress(_BESIDE)
    beside = references(asked, ran.sizes)
    progress(_CHANGED)
    enough = verdict(several).word == "Enough"
    others = {} if enough else changed(asked, several.decays)
    progress(_TURNED)
    return Study(
        setup=ran,
        seeds=several,
        references=beside,
        changes=others,
        dials=dials(asked) if several.decays.drawn else {},
        certified=certain,
        refused=refused,
        **found,
    )
