"""Everything a report says about one cell on one input, computed once and kept together."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from gradflow.cells.cell import Cell
from gradflow.codegen import compile
from gradflow.errors import InputError, PrecisionError, UsageError
from gradflow.networks.sequence import Sequence, read_sequence
from gradflow.spectra import (
    Decay,
    LyapunovSpectrum,
    ParameterGradient,
    PathDecay,
    SingularValues,
    Trajectory,
    cross_entropy,
    run,
    squared_error,
)

Floats = NDArray[np.float64]
Progress = Callable[[str], None]
Found = TypeVar("Found")

TOLERANCE = 0.01
_WINDOWS = 8


@dataclass(frozen=True, eq=False)
class Study:
    r"""Measurements of a cell's gradient on one input.

    Parameters
    ----------
    cell, params
        What was run.
    source
        Where the input came from, in words.
    trajectory
        One run of ``T`` steps (the first window of the input).
    loss
        What the loss is, in words, with its value in nats (or squared units) on that run.
    loss_value
        Its value.
    gradient
        :math:`\partial L/\partial s_k` against lag, over all windows.
    windows
        Number of windows of the input.
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
        Quantity to the reason why rounding leaves no number for it; the field is then ``None``.
    """

    cell: Cell
    params: Mapping[str, Floats]
    source: str
    trajectory: Trajectory
    loss: str
    loss_value: float
    gradient: Decay
    windows: int
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

    def numbers(self) -> dict[str, float]:
        """Return the headline numbers by name: nats, steps, nats per step."""
        found = {
            "loss": self.loss_value,
            "horizon": math.inf if self.horizon is None else float(self.horizon),
            "half_life": self.gradient.half_life(),
            "rate": self.gradient.rate(),
        }
        if self.lyapunov is not None:
            found["lyapunov"] = float(self.lyapunov.exponents[0])
            found["lyapunov_stderr"] = float(self.lyapunov.stderr[0])
        if self.part_only is not None:
            found["lyapunov_part_only"] = float(self.part_only.exponents[0])
        return found


def study(
    cell: Cell,
    *,
    hidden: int = 32,
    steps: int = 200,
    input: str | None = None,
    init: Mapping[str, Any] | None = None,
    seed: int = 0,
    progress: Progress = lambda stage: None,
) -> Study:
    """Run a cell and measure its gradient.

    Parameters
    ----------
    cell
        The declared cell.
    hidden
        Number of units of every size other than the input's.
    steps
        Number of steps ``T``.
    input
        File of the input; by default English text found on any Python.
    init
        Choices for ``cell.init``.
    seed
        Seed of the parameters and of the readout.
    progress
        Called with the name of each stage before it starts.

    Raises
    ------
    UsageError, InputError
        For arguments out of range and for an input that cannot be read.
    """
    for name, value in (("hidden", hidden), ("steps", steps)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise UsageError(
                f"report: {name} is {value!r}; it must be a whole number of at least 1"
            )
    progress("reading the input")
    rng = np.random.default_rng(seed)
    sequence = _read(cell, input, steps)
    sizes: dict[str, int] = {space: hidden for space in cell.sizes if space != "input"}
    if sequence is not None:
        sizes["inputs"] = sequence.values.shape[-1]
    params = cell.init(rng=rng, **{**sizes, **(init or {})})
    progress("running the cell")
    runs, windows = _run(cell, params, sequence, steps)
    single = _first(runs)
    loss, loss_value, gradients = _loss(cell, runs, windows, sequence, rng)
    first = gradients if gradients.ndim == 1 else gradients[0]
    progress("gradient against lag")
    gradient = runs.gradient_decay(gradients)
    product = single.decay()
    progress("paths")
    paths = single.paths(first)
    progress("parameter gradient by lag")
    by_parameter = single.parameter_gradient(first)
    progress("singular values")
    lags = [int(n) for n in np.unique(np.linspace(1, steps, 13).round())]
    refused: dict[str, str] = {}
    singular_values = _unless_refused(
        "singular values", refused, lambda: single.singular_values(lags)
    )
    progress("eigenvalues")
    eigenvalues = {"first step": single.eigenvalues(1), "last step": single.eigenvalues(steps)}
    progress("Lyapunov spectrum")
    lyapunov = _unless_refused("Lyapunov exponents", refused, single.lyapunov)
    part_only, part = None, cell.states[0]
    if len(cell.states) > 1:
        name = f"exponents of {part} alone"
        part_only = _unless_refused(name, refused, lambda: single.lyapunov(part=part))
    return Study(
        cell,
        params,
        sequence.source if sequence is not None else "none: the cell has no input",
        single,
        loss,
        loss_value,
        gradient,
        windows,
        product,
        paths,
        by_parameter,
        singular_values,
        eigenvalues,
        lyapunov,
        part_only,
        refused,
    )


def _unless_refused(
    name: str, refused: dict[str, str], compute: Callable[[], Found]
) -> Found | None:
    """Return what ``compute`` gives, or note why rounding leaves nothing to give."""
    try:
        return compute()
    except PrecisionError as error:
        refused[name] = str(error)
        return None


def _read(cell: Cell, path: str | None, steps: int) -> Sequence | None:
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
    cell: Cell, params: Mapping[str, Floats], sequence: Sequence | None, steps: int
) -> tuple[Trajectory, int]:
    if sequence is None:
        sizes = compile(cell).sizes(params)
        # From rest a cell without input would stay at rest, so it starts from ones.
        state = {p: np.ones(sizes[cell.spaces[p]]) for p in cell.states}
        return run(cell, params, None, state, steps=steps, backend="numpy"), 1
    values = sequence.values
    windows = max(1, (len(values) - 1) // steps)
    if windows == 1:
        return run(cell, params, values[:steps], backend="numpy"), 1
    several = values[: windows * steps].reshape(windows, steps, -1)
    return run(cell, params, several, backend="numpy"), windows


def _first(runs: Trajectory) -> Trajectory:
    if runs.flat_states.ndim == 2:
        return runs
    inputs = {name: x[0] for name, x in runs.inputs.items()}
    return Trajectory(runs.cell, runs.params, runs.flat_states[0], inputs)


def _loss(
    cell: Cell,
    runs: Trajectory,
    windows: int,
    sequence: Sequence | None,
    rng: np.random.Generator,
) -> tuple[str, float, Floats]:
    """Return the loss in words, its mean value, and its gradient by the last state (..., d)."""
    part = cell.states[0]
    last = runs.states[part][..., -1, :]
    if sequence is None:
        row = runs.covector({part: np.ones(last.shape[-1])})
        return f"the sum of {part}", float(last.sum()), row
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
    return words, float(np.mean(loss.value)), runs.covector({part: loss.gradient})
