"""The first fault of states that were run: the step at which they stop being finite, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from gradflow.codegen.backends import PLAIN
from gradflow.codegen.bound import Bound
from gradflow.codegen.code import code_of
from gradflow.codegen.varying import Varying
from gradflow.spectra.faults.fault import Fault
from gradflow.spectra.faults.growth import with_growth
from gradflow.spectra.faults.tracing import Step, fault, renamed, value_fault
from gradflow.spectra.numerics.logdomain import Floats


def fault_of_states(
    bound: Bound | Varying, states: Floats, inputs: Mapping[str, Floats], before: int = 0
) -> Fault | None:
    """Return the first fault of states (..., m, d) from step ``before`` on, None if all are finite.

    ``inputs`` (..., T, units) are those of all steps, from step 1 on.
    """
    bad = np.argwhere(~np.isfinite(states).all(axis=-1))
    if not len(bad):
        return None
    *index, row = bad[np.argmin(bad[:, -1])].tolist()
    batch = tuple(index)
    own = states[batch]
    if row == 0:
        return renamed(_at_the_start(bound, own[0], before), batch=batch)
    now = inputs_at(inputs, states.shape[:-2], batch, before + row)
    step = step_of(bound, own[row - 1], now, before + row)
    found = renamed(_within(step, bound.split(own[row])), batch=batch)
    found = with_growth(found, own[:row])
    return found if found.since is None else replace(found, since=found.since + before)


def inputs_at(
    inputs: Mapping[str, Floats], lead: tuple[int, ...], batch: tuple[int, ...], number: int
) -> dict[str, Floats]:
    """Return the inputs (units,) of one trajectory at a step counted from 1."""
    return {
        name: np.broadcast_to(x, (*lead, *x.shape[-2:]))[batch][number - 1]
        for name, x in inputs.items()
    }


def step_of(
    bound: Bound | Varying, state: Floats, inputs: Mapping[str, Floats], number: int
) -> Step:
    """Return one step from ``state`` (d,) with inputs (units,), computed by NumPy."""
    cell = bound.cell
    plain = code_of(cell, PLAIN, digits=50).bind(bound.at(number).params, state)
    with np.errstate(all="ignore"):
        named = plain.values(state, dict(inputs) or None, number)
    maps = {name: array for name, array in plain.params.items() if name in cell.linear_maps}
    vectors = {name: array for name, array in plain.params.items() if name not in maps}
    time = np.array([float(number)])
    return Step(cell, number, {**vectors, **plain.split(state), **inputs, "t": time, **named}, maps)


def _at_the_start(bound: Bound | Varying, state: Floats, number: int) -> Fault:
    part, values = next((p, v) for p, v in bound.split(state).items() if not np.isfinite(v).all())
    unit = int(np.flatnonzero(~np.isfinite(values))[0])
    word = "NaN" if np.isnan(values[unit]) else "infinity"
    return Fault(
        cell=bound.cell.name,
        kind="value",
        step=number,
        equation=part,
        operation=part,
        expression=part,
        arguments=(),
        result=float(values[unit]),
        unit=unit,
        cause=f"{word} in the initial state",
    )


def _within(step: Step, new: Mapping[str, Floats]) -> Fault:
    """Return the fault of the first part in the order of the program that is not finite."""
    order = [n for n in step.statements if n.endswith("_next") and n.removesuffix("_next") in new]
    for name in order:
        bad = np.flatnonzero(~np.isfinite(step.values[name]))
        if bad.size:
            return value_fault(step, name, int(bad[0]))
    # another backend rounds otherwise, and left the numbers by a rounding unit where NumPy has not
    part = next(p for p, value in new.items() if not np.isfinite(value).all())
    unit = int(np.flatnonzero(~np.isfinite(new[part]))[0])
    return fault(
        step,
        equation=part,
        operation=part,
        expression=part,
        arguments=(),
        result=float(new[part][unit]),
        unit=unit,
        cause="overflow",
    )
