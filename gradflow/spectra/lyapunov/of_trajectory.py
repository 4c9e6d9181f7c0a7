"""Lyapunov exponents of trajectories that are stored: of each in a batch, by the cheaper way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gradflow.codegen.over_time import can_push, push_forward
from gradflow.spectra.lyapunov.leading import (
    Compiled,
    Span,
    Stepwise,
    leading_spectrum,
    spans,
)
from gradflow.spectra.lyapunov.spectrum import (
    LyapunovSpectrum,
    longest_window,
    lyapunov_spectrum,
    stacked,
)
from gradflow.spectra.numerics.logdomain import Floats
from gradflow.spectra.tangents import TangentMaps, cheaper_unformed

if TYPE_CHECKING:
    from gradflow.spectra.trajectory import Trajectory


def trajectory_spectrum(
    trajectory: Trajectory, part: str | None, options: dict[str, Any]
) -> LyapunovSpectrum:
    """The spectrum (..., k) of the whole state or of one part; see `Trajectory.lyapunov`."""
    if options.get("transient") is None:
        options = {**options, "transient": trajectory.steps // 10}
    leading = options.get("leading")
    if part is None and leading is not None and _unformed(trajectory, leading):
        return _without_jacobians(trajectory, options)
    # known for all of the run and not from its first chunk, so that all have as many blocks
    longest = longest_window(
        trajectory.steps, options["transient"], options.get("interval"), options.get("blocks", 20)
    )
    options = {**options, "interval": longest}
    lead = trajectory.flat_states.shape[:-2]
    return stacked(
        [
            lyapunov_spectrum(_jacobians(_one(trajectory, index), part), **options)
            for index in np.ndindex(*lead)
        ],
        lead,
    )


def _unformed(trajectory: Trajectory, columns: int) -> bool:
    cell, parts = trajectory.cell, trajectory.parts
    sizes = {cell.spaces[name]: part.stop - part.start for name, part in parts.items()}
    sizes |= trajectory.code.sizes(trajectory.params)
    return columns >= 1 and cheaper_unformed(cell, sizes, columns)


def _without_jacobians(trajectory: Trajectory, options: dict[str, Any]) -> LyapunovSpectrum:
    lead, steps = trajectory.flat_states.shape[:-2], trajectory.steps
    states = trajectory.flat_states.reshape(-1, steps + 1, trajectory.width)
    inputs = {name: flattened(x, lead) for name, x in trajectory.inputs.items()}
    code, params = trajectory.code, trajectory.params
    compiled = can_push(code)

    def span_maps(span: slice) -> Span:
        held = {name: x[:, span] for name, x in inputs.items()}
        if compiled:
            along = np.ascontiguousarray(states[:, span.start : span.stop + 1])
            first = span.start + 1
            through = push_forward(code, params, along, held, known=True, first_step=first)
            return Compiled(span.stop - span.start, through)
        t = np.arange(span.start + 1, span.stop + 1)
        return Stepwise(TangentMaps(code.cell, params, states[:, span], held or None, t))

    each = list(np.ndindex(*lead))
    return leading_spectrum(
        code,
        params,
        map(span_maps, spans(steps, states[:, 0].size, compiled=compiled)),
        lambda b: _one(trajectory, each[b]).chunks(),
        lead,
        steps,
        **options,
    )


def flattened(value: Floats, lead: tuple[int, ...]) -> Floats:
    """An input (..., T, input) as (batch, T, input), or (1, T, input) where all share it."""
    tail = value.shape[-2:]
    if value.size == int(np.prod(tail)):
        return value.reshape(1, *tail)
    return np.broadcast_to(value, (*lead, *tail)).reshape(-1, *tail)


def _one(trajectory: Trajectory, index: tuple[int, ...]) -> Trajectory:
    """One trajectory of a batch."""
    lead = trajectory.flat_states.shape[:-2]
    inputs = {
        name: np.broadcast_to(x, (*lead, *x.shape[-2:]))[index]
        for name, x in trajectory.inputs.items()
    }
    return replace(trajectory, flat_states=trajectory.flat_states[index], inputs=inputs)


def _jacobians(trajectory: Trajectory, part: str | None) -> Iterator[Floats]:
    """The step Jacobians in chunks, or those of one part."""
    block = slice(None) if part is None else trajectory.parts[part]
    return (chunk[:, block, block] for chunk in trajectory.chunks(overwrite=True))
