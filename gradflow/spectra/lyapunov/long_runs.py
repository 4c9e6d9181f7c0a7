"""Leading exponents while a cell runs, nothing stored: for long runs and grids of parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gradflow.cells.cell import Cell
from gradflow.codegen.over_time import can_push, push_forward
from gradflow.spectra.lyapunov.leading import Compiled, Span, Stepwise, leading_spectrum, spans
from gradflow.spectra.lyapunov.of_trajectory import flattened
from gradflow.spectra.lyapunov.spectrum import LyapunovSpectrum
from gradflow.spectra.numerics.logdomain import Floats
from gradflow.spectra.pushing import RunningMaps
from gradflow.spectra.running import Start, prepared


def leading_exponents(
    cell: Cell,
    params: Mapping[str, ArrayLike],
    x: Mapping[str, ArrayLike] | ArrayLike | None = None,
    state: Mapping[str, ArrayLike] | ArrayLike | None = None,
    *,
    steps: int | None = None,
    k: int = 1,
    backend: str = "auto",
    **options: Any,
) -> LyapunovSpectrum:
    """The k leading Lyapunov exponents of a cell, its state and tangent vectors run together.

    All leading axes of inputs and state go forward together, and share every product with a weight
    matrix. So a grid of parameters is best declared as inputs of the cell: with the equation
    ``i = sigmoid(gain * (U_i @ h) + W_i @ x + b_i)`` and ``inputs="x gain[one]"``, a gain of shape
    (20, 1, T, 1) is twenty values of it. Memory is that of the inputs, those that are not the same
    for all spread over all leading axes, and of some steps.

    Parameters
    ----------
    cell, params, x, state, steps
        As :func:`gradflow.run`.
    k
        Number of exponents.
    backend
        What pushes states and tangent vectors, as for :func:`gradflow.run`.
    options
        ``transient``, ``interval``, ``blocks``, ``initial`` and ``label`` of
        :func:`gradflow.spectra.lyapunov_spectrum`; the transient is a tenth of all steps by
        default.

    Returns
    -------
    LyapunovSpectrum
        With exponents (..., k), the leading axes those of inputs and state.

    Raises
    ------
    UsageError
        As :func:`gradflow.run` and :func:`gradflow.spectra.lyapunov_spectrum`.
    """
    start = prepared(cell, params, x, state, steps, backend, ("push",), 1 + k)
    bound = start.bound
    *lead, width = start.first.shape
    first = start.first.reshape(-1, width)
    inputs = {name: flattened(value, tuple(lead)) for name, value in start.inputs.items()}

    def maps(states: Floats, held: Mapping[str, Floats]) -> Iterator[RunningMaps]:
        for span in spans(start.count, states.size):
            t = np.arange(span.start + 1, span.stop + 1)
            part = {name: value[:, span] for name, value in held.items()}
            running = RunningMaps(bound, states, part, t)
            yield running
            start.require_finite(running.states.swapaxes(0, 1), span.start)
            states = running.states[-1]

    if can_push(bound.code):
        along: Iterator[Span] = _compiled(start, first, inputs)
    else:
        along = map(Stepwise, maps(first, inputs))

    def chunks(b: int) -> Iterator[Floats]:
        held = {name: x[b : b + 1] if len(x) > 1 else x for name, x in inputs.items()}
        still = np.zeros((width, 1, 1))
        done = 0
        for running in maps(first[b : b + 1], held):
            for step in range(running.steps):
                running.push(step, still)
            span = slice(done, done + running.steps)
            done = span.stop
            now = {name: value[:, span] for name, value in held.items()} or None
            t = np.arange(span.start + 1, span.stop + 1)
            before = running.states[:-1].swapaxes(0, 1)
            yield np.asarray(bound.jacobian(before, now, t))[0]

    return leading_spectrum(
        bound,
        along,
        chunks,
        tuple(lead),
        start.count,
        leading=k,
        **options,
    )


def _compiled(start: Start, first: Floats, inputs: Mapping[str, Floats]) -> Iterator[Span]:
    """The spans of a run from ``first`` (batch, d), its states in one place for all spans."""
    batch, width = first.shape
    states = np.empty((batch, 0, width))
    for span in spans(start.count, first.size, compiled=True):
        if states.shape[1] != span.stop - span.start + 1:
            states = np.empty((batch, span.stop - span.start + 1, width))
        states[:, 0] = first
        held = {name: value[:, span] for name, value in inputs.items()}
        through = push_forward(start.bound, states, held, first_step=span.start + 1)
        yield Compiled(span.stop - span.start, through)
        start.require_finite(states, span.start)
        first = states[:, -1]
