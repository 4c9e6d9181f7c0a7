"""Running a cell over an input, with everything checked before the first step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from gradflow.arrays import real_array, whole_number
from gradflow.cells import get
from gradflow.cells.cell import Cell
from gradflow.codegen import Bound
from gradflow.codegen.backends import PLAIN, chosen, estimated_seconds, left_open
from gradflow.codegen.border import leading, place
from gradflow.codegen.code import code_of
from gradflow.codegen.over_time import fill_states, require_loops
from gradflow.codegen.varying import Varying
from gradflow.errors import NotFiniteError, UsageError
from gradflow.memory import FLOAT, require
from gradflow.spectra.faults.of_states import fault_of_states
from gradflow.spectra.numerics.logdomain import Floats
from gradflow.spectra.trajectory import Trajectory

Inputs = Mapping[str, ArrayLike] | ArrayLike | None

# what a run and its analyses ask of a backend that compiles
KERNELS = ("forward", "pullback", "jacobian")


def run(
    cell: Cell | str,
    params: Mapping[str, ArrayLike],
    x: Inputs = None,
    state: Mapping[str, ArrayLike] | ArrayLike | None = None,
    *,
    steps: int | None = None,
    backend: str = "auto",
) -> Trajectory:
    """Run a cell over an input sequence.

    Parameters
    ----------
    cell
        The declared cell.
    params
        Its arrays, as ``cell.init`` makes them; a number will do for a scalar. One with an axis of
        steps before its own changes at every step: a map (T, out, in), a vector (T, units), a
        scalar (T, 1). Its gradient has that axis too. The same weights hold for all trajectories
        of a batch.
    x
        (..., T, input), or a mapping for several inputs, or ``None`` for a cell without input.
    state
        Initial state, flat (..., d) or by part; zeros by default.
    steps
        Number of steps, needed only where there is no input.
    backend
        What runs the loops over time and the Jacobians: ``"numpy"``, ``"numba"``, or ``"auto"``,
        which takes numba where it is installed and has compiled this cell before, or where NumPy
        would take longer for the run than the compilation does (10 s, by
        :func:`gradflow.codegen.backends.estimated_seconds`), and NumPy otherwise. What was taken is
        kept in ``backend`` of the result.

    Raises
    ------
    UsageError
        If shapes do not fit, there is no step, an array is no array of real numbers or holds a
        value that is not finite, the backend has no loops over time, or the state stops being
        finite: at which step, by which operation of which equation, and what to do;
        :func:`gradflow.locate` returns that as data.

    Examples
    --------
    >>> run("scalar", {"w": 0.5}, state=[8.0], steps=3).flat_states.ravel()
    array([8., 4., 2., 1.])
    """
    start = prepared(cell, params, x, state, steps, backend)
    require(
        FLOAT * (start.count + 1) * start.first.size,
        place(start.bound.cell),
        f"the states of {start.count} steps",
        "give fewer steps, or use gf.stream_gradient_decay or gf.leading_exponents instead",
    )
    states = np.empty((*start.first.shape[:-1], start.count + 1, start.first.shape[-1]))
    states[..., 0, :] = start.first
    fill_states(start.bound, states, start.inputs)
    start.require_finite(states, 0)
    return start.trajectory(states, start.inputs)


@dataclass(frozen=True, eq=False, kw_only=True)
class Start:
    """What a run begins from, checked: inputs (..., T, units), first state (..., d)."""

    bound: Bound | Varying
    inputs: dict[str, Floats]
    first: Floats
    count: int

    def trajectory(self, states: Floats, inputs: Mapping[str, Floats]) -> Trajectory:
        """Return states (..., T + 1, d) that were run from here, as a trajectory."""
        return Trajectory(bound=self.bound, flat_states=states, inputs=inputs)

    def require_finite(self, states: Floats, before: int) -> None:
        """Raise ``UsageError`` if ``states`` (..., m, d), of step ``before`` on, are not finite."""
        if np.isfinite(states).all():
            return
        # streamed analyses run with all batch axes as one
        shaped = states.reshape(*self.first.shape[:-1], *states.shape[-2:])
        found = fault_of_states(self.bound, shaped, self.inputs, before)
        assert found is not None
        which = f", trajectory {found.batch}" if found.batch else ""
        raise UsageError(
            f"{place(self.bound.cell)}: the state stops being finite at step {found.step} of "
            f"{self.count}{which}: {found.told}; {found.advice}."
        )


def prepared(
    cell: Cell | str,
    params: Mapping[str, ArrayLike],
    x: Inputs,
    state: Mapping[str, ArrayLike] | ArrayLike | None,
    steps: int | None,
    backend: str,
    kernels: Sequence[str] = KERNELS,
    repeats: int = 1,
    finite: bool = True,
) -> Start:
    """Return what a run begins from. Parameters and errors as those of :func:`run`.

    ``kernels`` are the functions it needs of a backend that compiles, and it is made so many times.
    Unless ``finite``, what is not finite may go in.
    """
    cell = get(cell)
    code = partial(code_of, cell, digits=50)
    plain = code(PLAIN if left_open(backend) else chosen(backend, code))
    require_loops(plain)
    bound = plain.bind_over_time(params)
    for name, array in bound.params.items():
        real_array(array, place(cell), name, finite=finite)
    inputs = _sequences(cell, x, finite)
    bound = bound.with_state(state, inputs)
    count = _count(cell, inputs, steps, bound.steps if isinstance(bound, Varying) else None)
    if state is None:
        first = np.zeros(sum(bound.part_sizes().values()))
    else:
        first = bound.join(bound.split(state))
        real_array(first, place(cell), "state", finite=finite)
    lead = leading(cell, [first, *(v[..., 0, :] for v in inputs.values())])
    first = np.broadcast_to(first, (*lead, first.shape[-1]))
    if isinstance(bound, Bound) and left_open(backend):
        trajectories = int(np.prod(lead, dtype=int))
        seconds = repeats * estimated_seconds(count, trajectories, first.shape[-1])
        taken = chosen(backend, code, kernels, seconds)
        bound = bound if taken == PLAIN else code(taken).bind(bound.params, state)
    return Start(bound=bound, inputs=inputs, first=first, count=count)


def _sequences(cell: Cell, x: Inputs, finite: bool) -> dict[str, Floats]:
    if x is None:
        if cell.input_names:
            raise UsageError(f"{place(cell)}: needs its input {', '.join(cell.input_names)}.")
        return {}
    given = x if isinstance(x, Mapping) else dict.fromkeys(cell.input_names[:1], x)
    if not given or set(given) != set(cell.input_names):
        wanted = ", ".join(cell.input_names) or "none"
        raise UsageError(f"{place(cell)}: inputs given do not match; it needs {wanted}.")
    arrays = {
        name: real_array(value, place(cell), f"input {name}", finite=False)
        for name, value in given.items()
    }
    for name, array in arrays.items():
        if array.ndim < 2:
            raise UsageError(
                f"{place(cell)}: input {name} has shape {array.shape}; it needs "
                "(..., T, input), one row a step."
            )
        if finite and not np.isfinite(array).all():
            index = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
            raise NotFiniteError(
                f"{place(cell)}: input {name} holds {array[index]} at index {index}, which is step "
                f"{index[-2] + 1}; every entry must be finite, so clean the input."
            )
    return arrays


def _count(cell: Cell, inputs: dict[str, Floats], steps: int | None, of_params: int | None) -> int:
    lengths = {v.shape[-2] for v in inputs.values()}
    if of_params is not None:
        lengths.add(of_params)
    if steps is not None:
        lengths.add(whole_number(steps, f"{place(cell)}: steps", 1))
    if len(lengths) != 1:
        found = " and ".join(str(n) for n in sorted(lengths)) or "no"
        raise UsageError(f"{place(cell)}: {found} steps given; one number of steps is needed.")
    count = lengths.pop()
    if count < 1:
        raise UsageError(f"{place(cell)}: {count} steps; a run has at least one.")
    return int(count)
