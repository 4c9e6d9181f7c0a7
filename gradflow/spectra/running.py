"""Running a cell over an input, with everything checked before the first step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from gradflow.cells.cell import Cell
from gradflow.codegen import compile
from gradflow.codegen.border import leading
from gradflow.errors import UsageError
from gradflow.spectra.logdomain import Floats
from gradflow.spectra.trajectory import Trajectory

if TYPE_CHECKING:
    Inputs = Mapping[str, ArrayLike] | ArrayLike | None


def run(
    cell: Cell,
    params: Mapping[str, ArrayLike],
    x: Inputs = None,
    state: Mapping[str, ArrayLike] | ArrayLike | None = None,
    *,
    steps: int | None = None,
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

    Raises
    ------
    UsageError
        If shapes do not fit, there is no step, an array holds a value that is not finite, or the
        state stops being finite: at which step, and what to do.
    """
    code = compile(cell)
    arrays = {name: _finite(cell, name, value) for name, value in params.items()}
    inputs = _sequences(cell, x)
    count = _count(cell, inputs, steps)
    if state is None:
        first = np.zeros(sum(code.part_sizes(arrays).values()))
    else:
        first = code.join(code.split(arrays, state))
        _finite(cell, "state", first)
    lead = leading(cell, [first, *(v[..., 0, :] for v in inputs.values())])
    states = np.empty((*lead, count + 1, first.shape[-1]))
    states[..., 0, :] = first
    with np.errstate(over="ignore", invalid="ignore"):
        for k in range(count):
            now = {n: v[..., k, :] for n, v in inputs.items()} or None
            states[..., k + 1, :] = code.step(arrays, states[..., k, :], now, k + 1)
    if not np.isfinite(states).all():
        bad = np.argwhere(~np.isfinite(states))
        step = int(bad[:, -2].min())
        raise UsageError(
            f"cell {cell.name!r}: the state stops being finite at step {step} of {count}, it grows "
            "without bound; use smaller weights or fewer steps."
        )
    return Trajectory(cell, arrays, states, inputs)


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
