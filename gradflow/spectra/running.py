"""Running a cell over an input, with everything checked before the first step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gradflow.cells.cell import Cell
from gradflow.codegen import Code, compile
from gradflow.codegen.border import leading
from gradflow.codegen.over_time import fill_states
from gradflow.errors import UsageError
from gradflow.spectra.numerics.logdomain import Floats
from gradflow.spectra.trajectory import Trajectory

Inputs = Mapping[str, ArrayLike] | ArrayLike | None


def run(
    cell: Cell,
    params: Mapping[str, ArrayLike],
    x: Inputs = None,
    state: Mapping[str, ArrayLike] | ArrayLike | None = None,
    *,
    steps: int | None = None,
    backend: str = "numpy",
) -> Trajectory:
    """Run a cell over an input sequence.

    Parameters
    ----------
    cell
        The declared cell.
    params
        Its arrays, as ``cell.init`` makes them.
    x
        (..., T, input), or a mapping for several inputs, or ``None`` for a cell without input.
    state
        Initial state, flat (..., d) or by part; zeros by default.
    steps
        Number of steps, needed only where there is no input.
    backend
        What runs the loops over time and the Jacobians, ``"numpy"``, ``"numba"`` or ``"auto"``.

    Raises
    ------
    UsageError
        If shapes do not fit, there is no step, an array holds a value that is not finite, or the
        state stops being finite: at which step, and what to do.
    """
    start = prepared(cell, params, x, state, steps, backend)
    states = np.empty((*start.first.shape[:-1], start.count + 1, start.first.shape[-1]))
    states[..., 0, :] = start.first
    fill_states(start.code, start.params, states, start.inputs)
    start.require_finite(states, 0)
    return Trajectory(code=start.code, params=start.params, flat_states=states, inputs=start.inputs)


@dataclass(frozen=True, eq=False)
class Start:
    """What a run begins from, checked: inputs (..., T, units), first state (..., d)."""

    code: Code
    params: dict[str, Floats]
    inputs: dict[str, Floats]
    first: Floats
    count: int

    def require_finite(self, states: Floats, before: int) -> None:
        """Raise ``UsageError`` if ``states`` (..., m, d), of step ``before`` on, are not finite."""
        if np.isfinite(states).all():
            return
        bad = np.argwhere(~np.isfinite(states))
        raise UsageError(
            f"cell {self.code.cell.name!r}: the state stops being finite at step "
            f"{before + int(bad[:, -2].min())} of {self.count}, it grows without bound; use "
            "smaller weights or fewer steps."
        )


def prepared(
    cell: Cell,
    params: Mapping[str, ArrayLike],
    x: Inputs,
    state: Mapping[str, ArrayLike] | ArrayLike | None,
    steps: int | None,
    backend: str,
) -> Start:
    """Return what a run begins from. Parameters and errors as those of :func:`run`."""
    code = compile(cell, backend)
    arrays = {name: _finite(cell, name, value) for name, value in params.items()}
    inputs = _sequences(cell, x)
    count = _count(cell, inputs, steps)
    if state is None:
        first = np.zeros(sum(code.part_sizes(arrays).values()))
    else:
        first = code.join(code.split(arrays, state))
        _finite(cell, "state", first)
    lead = leading(cell, [first, *(v[..., 0, :] for v in inputs.values())])
    first = np.broadcast_to(first, (*lead, first.shape[-1]))
    return Start(code, arrays, inputs, first, count)


def _finite(cell: Cell, name: str, value: ArrayLike) -> Floats:
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise UsageError(
            f"cell {cell.name!r}: {name} is not an array of real numbers but "
            f"{type(value).__name__}; give float64."
        ) from None
    if not np.isfinite(array).all():
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise UsageError(
            f"cell {cell.name!r}: {name} holds {array[index]} at index {index}; every entry must "
            "be finite, so clean the array."
        )
    return array


def _sequences(cell: Cell, x: Inputs) -> dict[str, Floats]:
    if x is None:
        if cell.input_names:
            raise UsageError(f"cell {cell.name!r}: needs its input {', '.join(cell.input_names)}.")
        return {}
    given = x if isinstance(x, Mapping) else dict.fromkeys(cell.input_names[:1], x)
    if not given or set(given) != set(cell.input_names):
        wanted = ", ".join(cell.input_names) or "none"
        raise UsageError(f"cell {cell.name!r}: inputs given do not match; it needs {wanted}.")
    arrays = {name: _finite(cell, name, value) for name, value in given.items()}
    for name, array in arrays.items():
        if array.ndim < 2:
            raise UsageError(
                f"cell {cell.name!r}: input {name} has shape {array.shape}; it needs "
                "(..., T, input), one row a step."
            )
    return arrays


def _count(cell: Cell, inputs: dict[str, Floats], steps: int | None) -> int:
    lengths = {v.shape[-2] for v in inputs.values()} | ({steps} if steps is not None else set())
    if len(lengths) != 1:
        found = " and ".join(str(n) for n in sorted(lengths)) or "no"
        raise UsageError(f"cell {cell.name!r}: {found} steps given; one number of steps is needed.")
    count = lengths.pop()
    if count < 1:
        raise UsageError(f"cell {cell.name!r}: {count} steps; a run has at least one.")
    return int(count)
