"""The number of units of every space of a cell: the one place where it is found out.

Arrays show most; ``cell.init`` keeps those that they do not, and a state or an input shows its own.
Where nothing does, no map acts on a space and no input has it, each of its units is by itself: then
it has one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gradflow.cells.cell import Cell
from gradflow.cells.language.program import Product
from gradflow.errors import UsageError

__all__ = ["completed", "part_sizes"]

Array = Any


def part_sizes(
    cell: Cell,
    known: Mapping[str, int],
    state: Array = None,
    inputs: Mapping[str, Array] | None = None,
) -> dict[str, int]:
    """Return the number of units of each state part, in flattening order.

    Parameters
    ----------
    cell
        The declared cell.
    known
        Sizes of spaces so far, which a state or an input does not overrule.
    state
        Flat (..., d) or by part.
    inputs
        (..., units) by name.

    Raises
    ------
    UsageError
        Where a size follows from none of them.
    """
    sizes = completed(cell, known, state, inputs)
    for part in cell.states:
        if cell.spaces[part] not in sizes:
            raise UsageError(
                f"cell {cell.name!r}: the size of {part!r} does not follow from its parameters; "
                "pass the state as a mapping of parts, or the parameters as cell.init makes them."
            )
    return {part: sizes[cell.spaces[part]] for part in cell.states}


def completed(
    cell: Cell,
    known: Mapping[str, int],
    state: Array = None,
    inputs: Mapping[str, Array] | None = None,
) -> dict[str, int]:
    """Return all sizes that can be known, ``known`` among them; arguments of `part_sizes`."""
    shown = _shown(cell, inputs or {}, cell.input_names)
    by_part = isinstance(state, Mapping)
    if by_part:
        shown |= _shown(cell, state, cell.states)
    sizes = {"one": 1, **shown, **known}
    missing = [part for part in cell.states if cell.spaces[part] not in sizes]
    if missing and not by_part and np.ndim(state) and len({cell.spaces[p] for p in missing}) == 1:
        rest = sum(sizes[cell.spaces[p]] for p in cell.states if p not in missing)
        sizes[cell.spaces[missing[0]]] = (np.shape(state)[-1] - rest) // len(missing)
    if missing and state is not None:
        return sizes
    mixed = {
        space
        for statement in cell.program
        if isinstance(statement, Product)
        for space in (statement.linear_map.out, statement.linear_map.into)
    } | {cell.spaces[name] for name in cell.input_names}
    return {space: 1 for space in cell.sizes if space not in mixed} | sizes


def _shown(cell: Cell, arrays: Mapping[str, Array], names: tuple[str, ...]) -> dict[str, int]:
    shapes = {name: np.shape(arrays[name]) for name in names if name in arrays}
    return {cell.spaces[name]: shape[-1] if shape else 1 for name, shape in shapes.items()}
