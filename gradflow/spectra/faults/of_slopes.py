"""The first fault of a run's derivatives: step Jacobians, then the parameters' gradients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from gradflow.codegen.backends import PLAIN
from gradflow.codegen.bound import Bound
from gradflow.codegen.code import code_of
from gradflow.codegen.varying import Varying
from gradflow.memory import CHUNK
from gradflow.spectra.faults.fault import Fault
from gradflow.spectra.faults.of_states import inputs_at, step_of
from gradflow.spectra.faults.slopes import slope_fault
from gradflow.spectra.faults.tracing import renamed
from gradflow.spectra.numerics.logdomain import Floats


def fault_of_slopes(
    bound: Bound | Varying, states: Floats, inputs: Mapping[str, Floats]
) -> Fault | None:
    """Return the first step at which a derivative is not finite, None where all are finite.

    ``states`` (..., T + 1, d) are finite, ``inputs`` (..., T, units). Derivatives by the state come
    before those by parameters at the same step; of those by inputs nothing is asked. NumPy computes
    them, whatever ran the states, so that nothing is compiled for it.
    """
    bound = code_of(bound.cell, PLAIN, digits=50).bind_over_time(bound.params, states)
    lead, width = states.shape[:-2], states.shape[-1]
    names = bound.cell.parameters
    entries = width * width + sum(int(np.prod(bound.at(1).params[name].shape)) for name in names)
    count = max(1, CHUNK // (8 * entries * max(1, int(np.prod(lead, dtype=int)))))
    for start in range(0, states.shape[-2] - 1, count):
        piece = slice(start, min(start + count, states.shape[-2] - 1))
        first = min(_bad(bound, states, inputs, piece), key=lambda one: one[0], default=None)
        if first is not None:
            row, batch, by, rows = first
            number = start + row + 1
            state = states[batch][number - 1]
            step = step_of(bound, state, inputs_at(inputs, lead, batch, number), number)
            parts = {f"{p}_next": units for p, units in bound.split(rows).items()}
            wanted = {name: units > 0 for name, units in parts.items()}
            return renamed(slope_fault(step, wanted, by), batch=batch)
    return None


def _bad(
    bound: Bound | Varying, states: Floats, inputs: Mapping[str, Floats], piece: slice
) -> Iterator[tuple[int, tuple[int, ...], str, Floats]]:
    """Yield row of the piece, trajectory, by what, and 1.0 at the entries of the new state (d,).

    One for the Jacobians and one a parameter, the first step of each.
    """
    before = states[..., :-1, :][..., piece, :]
    now = {name: x[..., piece, :] for name, x in inputs.items()} or None
    t = np.arange(piece.start, piece.stop) + 1
    with np.errstate(all="ignore"):
        jacobians = bound.jacobian(before, now, t)
        by_parameter = bound.parameter_vjp(before, np.ones_like(before), now, t, keep=True)
    found = _earliest(jacobians, before.ndim - 1)
    if found is not None:
        *batch, row = found
        wrong = ~np.isfinite(jacobians[found])
        column = int(np.flatnonzero(wrong.any(axis=0))[0])
        stops = np.cumsum(list(bound.part_sizes(before).values()))
        part = bound.cell.states[int(np.searchsorted(stops, column, side="right"))]
        yield row, tuple(batch), part, wrong[:, column].astype(np.float64)
    for name, gradient in by_parameter.items():
        found = _earliest(gradient, before.ndim - 1)
        if found is not None:
            *batch, row = found
            yield row, tuple(batch), name, np.ones(before.shape[-1])


def _earliest(values: Floats, lead: int) -> tuple[int, ...] | None:
    """Return where along the leading axes, of which the last are steps, something is bad first."""
    bad = np.argwhere(~np.isfinite(values).all(axis=tuple(range(lead, values.ndim))))
    return tuple(bad[np.argmin(bad[:, -1])].tolist()) if len(bad) else None
