"""The masked and the fixed maps of a cell as arrays, by the compiled code that a step uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow.cells.cell import Cell
from gradflow.cells.sized import told_sizes
from gradflow.codegen import border
from gradflow.codegen.lowering.calculus import primal
from gradflow.codegen.lowering.routine import Routine
from gradflow.codegen.printing.vectorised import maps_lines
from gradflow.codegen.targets.numpy.target import runtime
from gradflow.codegen.targets.target import run_text

Floats = NDArray[np.float64]


def filled_maps(cell: Cell, params: Mapping[str, ArrayLike]) -> dict[str, Floats]:
    """Return the maps with a mask or a rule by name, zero where a mask allows no entry.

    Raises ``UsageError`` where an array is missing or has another shape.
    """
    function = _function(cell)
    if function is None:
        return {}
    known = told_sizes(params) | border.sizes(cell, params)
    spaces = [cell.spaces[n] for n in (*cell.states, *cell.input_names)]
    sized = [np.empty(known.get(space, 1)) for space in spaces]
    names = (*cell.parameters, *cell.constant_names)
    weights = [np.asarray(params[n], dtype=np.float64) for n in names]
    return function(*sized, None, *weights)


@lru_cache(maxsize=64)
def _function(cell: Cell) -> Callable[..., dict[str, Floats]] | None:
    routine = Routine(
        name="maps", summary="", statements=tuple(primal(cell)), spaces=dict(cell.spaces)
    )
    return maps_function(cell, routine)


def maps_function(cell: Cell, routine: Routine) -> Callable[..., dict[str, Floats]] | None:
    """Return a function of all arguments that gives masked and fixed maps as arrays, if any."""
    lines = maps_lines(cell, routine)
    if not lines:
        return None
    found = run_text("\n".join([*lines, ""]), runtime(), cell.name)
    function: Callable[..., dict[str, Floats]] = found["maps"]
    return function
