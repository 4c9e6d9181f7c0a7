"""Runs of a cell in any library, arguments checked once, and its arrays as a model keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from gradflow.cells.cell import Cell
from gradflow.cells.sized import sized_as, told_sizes
from gradflow.codegen import border
from gradflow.codegen.frameworks.code import any_library
from gradflow.codegen.frameworks.loop import Steps, run_forward
from gradflow.codegen.frameworks.maps import filled_maps
from gradflow.codegen.sizes import completed, part_sizes
from gradflow.errors import UsageError

Array = Any
Params = Mapping[str, Array]


def run_states(
    cell: Cell, params: Params, x: Any, state: Any, steps: int | None, like: Array
) -> Array:
    """Return the states (..., T, d) after each step.

    Library, number type and device are those of the parameters, of ``like`` where there are none.

    Raises
    ------
    UsageError
        If shapes do not fit, an input has no time axis or the number of steps is not one number.
    """
    arrays = any_library(cell, (params,) if params else (like,))
    xp, weights = arrays.xp, border.weights(cell, arrays, params)
    known = told_sizes(params) | border.sizes(cell, weights)
    inputs = border.inputs(cell, arrays, known, x)
    widths = partial(part_sizes, cell, known, inputs=inputs)
    if state is None:
        parts = {p: xp.zeros((n,)) for p, n in widths().items()}
    else:
        parts = border.split(cell, arrays, state, widths)
    border.inputs(cell, arrays, completed(cell, known, parts), x)
    for name, array in inputs.items():
        if array.ndim < 2:
            raise UsageError(
                f"cell {cell.name!r}: input {name} has shape {tuple(array.shape)}; it needs "
                "(..., T, input), one row a step."
            )
    counts = {v.shape[-2] for v in inputs.values()} | ({steps} if steps is not None else set())
    if len(counts) != 1 or min(counts) < 1:
        found = " and ".join(map(str, sorted(counts))) or "no"
        raise UsageError(
            f"cell {cell.name!r}: {found} steps given; one number of steps, at least 1, is needed."
        )
    lead = border.leading(cell, [*parts.values(), *(v[..., 0, :] for v in inputs.values())])
    first = tuple(xp.broadcast_to(a, (*lead, a.shape[-1])) for a in parts.values())
    times = xp.index(counts.pop())[:, None] + 1
    moving = (*inputs.values(), times)
    return run_forward(cell, Steps(xp, moving, tuple(weights.values()), lead), first)


def without_masked_entries(cell: Cell, params: Params) -> dict[str, Array]:
    """Return the arrays of ``params`` with zeros where a mask allows no entry."""
    arrays = any_library(cell, (params,))
    xp, given = arrays.xp, border.weights(cell, arrays, params)
    known = told_sizes(params) | border.sizes(cell, given)
    spaces = [cell.spaces[n] for n in (*cell.states, *cell.input_names)]
    units = [xp.zeros((known.get(space, 1),)) for space in spaces]
    filled = filled_maps(cell, xp, (*units, xp.ones((1,)), *given.values()))
    return sized_as(params, {n: filled.get(n, array) for n, array in given.items()})
