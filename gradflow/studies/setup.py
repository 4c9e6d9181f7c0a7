"""What a study runs: a cell at initial weights on one input, and the loss that is told back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow.arrays import whole_number
from gradflow.cells.cell import Cell
from gradflow.codegen import compile
from gradflow.spectra import Trajectory, cross_entropy, run, squared_error
from gradflow.studies.driving import HIDDEN, Driven, driven, size_choices

__all__ = ["Loss", "Setup", "set_up"]

Floats = NDArray[np.float64]
State = ArrayLike | Mapping[str, ArrayLike] | None


@dataclass(frozen=True, eq=False)
class Loss:
    r"""A loss at the last step.

    Parameters
    ----------
    words
        What it is.
    value
        Its mean over the windows, in nats or squared units.
    gradient
        (..., d) :math:`\partial L/\partial s_T`, a row for each window where there are several.
    """

    words: str
    value: float
    gradient: Floats

    @property
    def first(self) -> Floats:
        """(d,) the gradient of the first window."""
        return self.gradient if self.gradient.ndim == 1 else self.gradient[0]


@dataclass(frozen=True, eq=False, kw_only=True)
class Setup:
    """A cell that was run.

    Parameters
    ----------
    cell, params
        What was run.
    sizes, assumed
        Number of units of every size of the cell, and the names of those that nobody stated.
    source
        Where the input came from, in words.
    windows
        Number of windows of the input.
    text
        Whether the input is text, character by character.
    runs
        All windows, ``T`` steps each.
    trajectory
        The first window alone.
    loss
        Of every window.
    """

    cell: Cell
    params: Mapping[str, Floats]
    sizes: Mapping[str, int]
    assumed: tuple[str, ...]
    source: str
    windows: int
    text: bool
    runs: Trajectory
    trajectory: Trajectory
    loss: Loss

    def told_sizes(self) -> str:
        """Return every size in words, and which of them nobody stated."""
        default = " (not stated)"
        each = [f"{s} = {n}{default * (s in self.assumed)}" for s, n in self.sizes.items()]
        return ", ".join(each) or "one unit a part"


def set_up(
    cell: Cell,
    *,
    hidden: int | None,
    steps: int,
    input: str | None,
    init: Mapping[str, Any] | None,
    seed: int,
    state: State = None,
) -> Setup:
    """Read the input, draw the weights, run the cell and take its loss; see :func:`study`."""
    whole_number(steps, "report: steps", 1)
    if hidden is not None:
        whole_number(hidden, "report: hidden", 1)
    rng = np.random.default_rng(whole_number(seed, "report: seed", 0))
    stated, choices = size_choices(cell, hidden, {} if init is None else init)
    inputs = driven(cell, input, steps, stated, hidden or HIDDEN, np.random.default_rng([seed, 1]))
    params = cell.init(rng=rng, **{**inputs.sizes, **choices})
    runs, windows = _run(cell, params, inputs, steps, state)
    return Setup(
        cell=cell,
        params=params,
        sizes=inputs.sizes,
        assumed=inputs.assumed,
        source=inputs.source,
        windows=windows,
        text=inputs.read is not None and inputs.read.symbols is not None,
        runs=runs,
        trajectory=_first(runs),
        loss=_loss(cell, runs, windows, inputs, rng),
    )


def _run(
    cell: Cell, params: Mapping[str, Floats], inputs: Driven, steps: int, state: State
) -> tuple[Trajectory, int]:
    if not inputs.values:
        if state is None:
            # From rest a cell without input would stay at rest, so it starts from ones.
            parts = compile(cell).part_sizes(params)
            state = {p: np.ones(n) for p, n in parts.items()}
        return run(cell, params, None, state, steps=steps, backend="numpy"), 1
    rows = min(len(values) for values in inputs.values.values())
    windows = max(1, (rows - 1) // steps)
    several = {
        name: values[: windows * steps].reshape(*([windows] * (windows > 1)), steps, -1)
        for name, values in inputs.values.items()
    }
    return run(cell, params, several, state, backend="numpy"), windows


def _first(runs: Trajectory) -> Trajectory:
    return runs if runs.flat_states.ndim == 2 else runs.one(0)


def _loss(
    cell: Cell,
    runs: Trajectory,
    windows: int,
    inputs: Driven,
    rng: np.random.Generator,
) -> Loss:
    part = cell.states[0]
    last = runs.states[part][..., -1, :]
    if not inputs.values:
        row = runs.covector({part: np.ones(last.shape[-1])})
        return Loss(f"the sum of {part}", float(last.sum()), row)
    sequence = inputs.read
    values = np.concatenate(list(inputs.values.values()), axis=-1)
    if sequence is not None:
        values = sequence.values
    outputs = values.shape[-1]
    readout = rng.standard_normal((outputs, last.shape[-1])) / math.sqrt(last.shape[-1])
    steps = runs.steps
    if sequence is not None and sequence.targets is not None:
        target = sequence.targets[steps - 1 : steps * windows : steps]
        loss = cross_entropy(readout, last, target if last.ndim > 1 else target[0])
        words = f"{loss.label} at the last step, read from {part} by a Gaussian matrix"
    else:
        following = values[steps : steps * windows + 1 : steps]
        if not len(following):
            following = values[-1:]
        loss = squared_error(readout, last, following if last.ndim > 1 else following[0])
        words = f"{loss.label} after the last step, read from {part} by a Gaussian matrix"
    return Loss(words, float(np.mean(loss.value)), runs.covector({part: loss.gradient}))
