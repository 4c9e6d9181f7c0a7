"""Several cells at their initial weights on one input, measured in the same way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gradflow.arrays import whole_number
from gradflow.cells import get
from gradflow.cells.cell import Cell
from gradflow.errors import UsageError, shown
from gradflow.given import function, mapping, several
from gradflow.networks import Network, read
from gradflow.networks.formats import names_weights
from gradflow.studies.certified import Enclosed, certified_number, certified_of, first_run
from gradflow.studies.comparison.networks import ComparedNetwork, measure_network
from gradflow.studies.headline import Number
from gradflow.studies.one_cell import NEED, SEEDS, Progress
from gradflow.studies.seeds.decays import Decays
from gradflow.studies.seeds.drawing import Question
from gradflow.studies.seeds.numbers import Verdict, seed_numbers, verdict
from gradflow.studies.seeds.quantiles import quantile
from gradflow.studies.seeds.seeds import Seeds, measure_seeds
from gradflow.studies.setup import Setup

__all__ = ["Compared", "Comparison", "comparison"]

Asked = Cell | str | Path | Network | tuple[Cell | str, Mapping[str, Any]]


@dataclass(frozen=True, eq=False, kw_only=True)
class Compared:
    """One cell of a comparison.

    Parameters
    ----------
    name
        What it is called there: the cell's name, and what is not its default.
    setup
        What was run with the first seed.
    seeds
        What was measured for every seed.
    certified
        The norm of the product of the first window of the first seed, between two ends.
    """

    name: str
    setup: Setup
    seeds: Seeds
    certified: Enclosed

    @property
    def cell(self) -> Cell:
        """The cell."""
        return self.setup.cell

    @property
    def decays(self) -> Decays:
        """The gradient against lag, run by run."""
        return self.seeds.decays

    @property
    def width(self) -> int:
        """Entries of the state."""
        return self.seeds.width

    @property
    def source(self) -> str:
        """Where the input came from, in words."""
        return self.setup.source

    @property
    def verdict(self) -> Verdict:
        """Whether what is left at the lag needed is enough."""
        return verdict(self.seeds)

    def numbers(self) -> dict[str, Number]:
        """Return its headline numbers by name."""
        told = seed_numbers(self.seeds, self.cell.states[0])
        run = first_run(self.decays)
        return told | certified_number(self.certified, self.seeds.need, run)

    @property
    def reasons(self) -> dict[str, str]:
        """Name of a number to the reason why there is none."""
        found = {"certified_product": self.certified.reason}
        if np.isnan(self.seeds.exponents).all():
            found["lyapunov"] = "rounding leaves none, whatever the seed"
        return {name: told for name, told in found.items() if told}

    def parameters(self) -> int:
        """Return the number of its trainable numbers."""
        return sum(int(np.size(self.setup.params[p])) for p in self.cell.parameters)

    def multiplications(self) -> int:
        """Return how many multiplications the maps of one step take."""
        params = self.setup.params
        return sum(int(np.size(params[p])) for p in self.cell.linear_maps if p in params)

    def __repr__(self) -> str:
        """Return one line: that of its decays."""
        return repr(self.seeds)


@dataclass(frozen=True, eq=False, kw_only=True)
class Comparison:
    """Cells beside one another, those that reach furthest first.

    Parameters
    ----------
    cells
        What was compared.
    need
        The lag that is asked about.
    steps
        Number of steps of each run.
    """

    cells: tuple[Compared | ComparedNetwork, ...]
    need: int
    steps: int

    def of(self, name: str) -> Compared | None:
        """Return the library's cell of that name at its defaults, if it is among them."""
        cells = (one for one in self.cells if isinstance(one, Compared))
        return next((one for one in cells if one.name == name == one.cell.name), None)

    def __repr__(self) -> str:
        """Return one line with the names, those that reach furthest first."""
        names = ", ".join(one.name for one in self.cells)
        return f"Comparison({names}; {self.steps} steps, need {self.need})"


def comparison(
    cells: Sequence[Asked],
    *,
    hidden: int | None = None,
    steps: int = 200,
    input: str | None = None,
    seed: int = 0,
    seeds: int = SEEDS,
    need: int | None = None,
    progress: Progress = lambda stage: None,
) -> Comparison:
    """Measure several cells with as many units, the same seeds and the same input.

    Parameters
    ----------
    cells
        Cells, names, ``"FILE.py:NAME"``, or pairs of one of these and choices for ``cell.init``;
        networks and files of weights, which are compared with the weights that they have.
    hidden, steps, input, seed, seeds, need
        As in :func:`gradflow.studies.study`.
    progress
        Called with the name of each cell before it is measured.

    Raises
    ------
    UsageError, InputError
        For an unknown cell, two that are called the same, arguments out of range, and an input that
        cannot be read.

    Examples
    --------
    >>> comparison([("scalar", {"w": 0.5}), ("scalar", {"w": 0.9})], steps=50, seeds=1)
    Comparison(scalar w=0.9, scalar w=0.5; 50 steps, need 50)
    """
    steps = whole_number(steps, "compare: steps", 1)
    first, count = whole_number(seed, "compare: seed", 0), whole_number(seeds, "compare: seeds", 1)
    lag = min(NEED, steps) if need is None else whole_number(need, "compare: need", 1, steps)
    function(progress, "compare: progress")
    asked = [_asked(one) for one in several(cells, "compare: cells", "cells or names")]
    if not asked:
        raise UsageError("compare: cells is empty; name at least one cell.")
    names = [one[0] for one in asked]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"compare: two cells are called {name!r}; leave one out.")
    found: list[Compared | ComparedNetwork] = []
    for name, cell, init in asked:
        progress(name)
        if isinstance(cell, Network):
            found.append(measure_network(name, cell, input, steps=steps, seed=first, need=lag))
            continue
        question = Question(
            cell=cell,
            hidden=hidden,
            steps=steps,
            input=input if cell.input_names else None,
            init=init,
            state=None,
            seeds=tuple(range(first, first + count)),
        )
        ran = question.set_up()
        measured = measure_seeds(name, ran, question.seeds, need=lag, drawn=question.drawn(ran))
        certain = certified_of(ran[0].trajectory, lag)
        found.append(Compared(name=name, setup=ran[0], seeds=measured, certified=certain))
    ordered = sorted(found, key=_reach, reverse=True)
    return Comparison(cells=tuple(ordered), need=lag, steps=steps)


def _reach(one: Compared | ComparedNetwork) -> tuple[float, float]:
    """Return what cells are ordered by: the median horizon, then what is left at the end."""
    decays = one.decays
    return float(quantile(decays.horizons().ravel(), 0.5)), float(decays.curve()[-1])


def _asked(one: Any) -> tuple[str, Cell | Network, Mapping[str, Any]]:
    init: Mapping[str, Any] = {}
    if isinstance(one, Path) or (isinstance(one, str) and names_weights(one)):
        one = read(one)
    if isinstance(one, Network):
        return one.source, one, init
    if isinstance(one, tuple):
        if len(one) != 2:
            raise UsageError(
                f"compare: cells has {shown(one)}; a cell with choices is a pair (cell, choices)."
            )
        one, init = one[0], mapping(one[1], "compare: the choices of a cell", "initial values")
    try:
        cell = get(one)
    except UsageError as error:
        told = f"compare: cells: {error}"
        raise UsageError(told) from None
    told = ", ".join(f"{name}={value}" for name, value in init.items())
    return f"{cell.name} {told}".strip(), cell, init
