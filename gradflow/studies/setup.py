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
from gradflow.errors import InputError, UsageError
from gradflow.networks import InputSequence, read_sequence
from gradflow.spectra import Trajectory, cross_entropy, run, squared_error

__all__ = ["Loss", "Setup", "set_up"]

Floats = NDArray[np.float64]
State = ArrayLike | Mapping[str, ArrayLike] | None

_WINDOWS = 8


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
    source
        Where the input came from, in words.
    windows
        Number of windows of the input.
    runs
        All windows, ``T`` steps each.
    trajectory
        The first window alone.
    loss
        Of every window.
    """

    cell: Cell
    params: Mapping[str, Floats]
    source: str
    windows: int
    runs: Trajectory
    trajectory: Trajectory
    loss: Loss


def set_up(
    cell: Cell,
    *,
    hidden: int,
    steps: int,
    input: str | None,
    init: Mapping[str, Any] | None,
    seed: int,
    state: State = None,
) -> Setup:
    """Read the input, draw the weights, run the cell and take its loss; see :func:`study`."""
    for name, value in (("hidden", hidden), ("steps", steps)):
        whole_number(value, f"report: {name}", 1)
    rng = np.random.default_rng(seed)
    sequence = _read(cell, input, steps)
    sizes: dict[str, int] = {space: hidden for space in cell.sizes if space != "input"}
    if sequence is not None:
        sizes["inputs"] = sequence.values.shape[-1]
    params = cell.init(rng=rng, **{**sizes, **(init or {})})
    runs, windows = _run(cell, params, sequence, steps, state)
    return Setup(
        cell=cell,
        params=params,
        source=sequence.source if sequence is not None else "none: the cell has no input",
        windows=windows,
        runs=runs,
        trajectory=_first(runs),
        loss=_loss(cell, runs, windows, sequence, rng),
    )


def _read(cell: Cell, path: str | None, steps: int) -> InputSequence | None:
    """Read several windows where the input is long enough, else the steps asked for."""
    if not cell.input_names:
        if path is not None:
            raise UsageError(f"cell {cell.name!r}: has no input, so --input means nothing here.")
        return None
    if len(cell.input_names) > 1:
        raise UsageError(
            f"cell {cell.name!r}: has the inputs {', '.join(cell.input_names)}; a report reads "
            "one, so call gradflow.run with a mapping."
        )
    try:
        return read_sequence(path, _WINDOWS * steps + 1)
    except InputError:
        pass
    try:
        return read_sequence(path, steps + 1)
    except InputError:
        return read_sequence(path, steps)


def _run(
    cell: Cell,
    params: Mapping[str, Floats],
    sequence: InputSequence | None,
    steps: int,
    state: State,
) -> tuple[Trajectory, int]:
    if sequence is None:
        if state is None:
            sizes = compile(cell).sizes(params)
            # From rest a cell without input would stay at rest, so it starts from ones.
            state = {p: np.ones(sizes[cell.spaces[p]]) for p in cell.states}
        return run(cell, params, None, state, steps=steps, backend="numpy"), 1
    values = sequence.values
    windows = max(1, (len(values) - 1) // steps)
    if windows == 1:
        return run(cell, params, values[:steps], state, backend="numpy"), 1
    several = values[: windows * steps].reshape(windows, steps, -1)
    return run(cell, params, several, state, backend="numpy"), windows


def _first(runs: Trajectory) -> Trajectory:
    return runs if runs.flat_states.ndim == 2 else runs.one(0)


def _loss(
    cell: Cell,
    runs: Trajectory,
    windows: int,
    sequence: InputSequence | None,
    rng: np.random.Generator,
) -> Loss:
    part = cell.states[0]
    last = runs.states[part][..., -1, :]
    if sequence is None:
        row = runs.covector({part: np.ones(last.shape[-1])})
        return Loss(f"the sum of {part}", float(last.sum()), row)
    outputs = sequence.values.shape[-1]
    readout = rng.standard_normal((outputs, last.shape[-1])) / math.sqrt(last.shape[-1])
    steps = runs.steps
    if sequence.targets is not None:
        target = sequence.targets[steps - 1 : steps * windows : steps]
        loss = cross_entropy(readout, last, target if last.ndim > 1 else target[0])
        words = f"{loss.label} at the last step, read from {part} by a Gaussian matrix"
    else:
        following = sequence.values[steps : steps * windows + 1 : steps]
        if not len(following):
            following = sequence.values[-1:]
        loss = squared_error(readout, last, following if last.ndim > 1 else following[0])
        words = f"{loss.label} after the last step, read from {part} by a Gaussian matrix"
    return Loss(words, float(np.mean(loss.value)), runs.covector({part: loss.gradient}))
