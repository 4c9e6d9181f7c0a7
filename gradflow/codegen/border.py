"""Shapes at the border of compiled code: every array is checked once, in words, before it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradflow.cells.cell import Cell
from gradflow.errors import UsageError

Array = Any
Params = Mapping[str, Array]
Convert = Callable[[Any], Array]


def sizes(cell: Cell, params: Params) -> dict[str, int]:
    """Return the number of units of each space, after checking every array's shape.

    Raises ``UsageError`` for a missing, unknown or wrongly shaped parameter.
    """
    names = (*cell.parameters, *cell.constant_names)
    for name in params:
        if name not in names:
            raise UsageError(
                f"cell {cell.name!r}: unknown parameter {name!r}; it has {', '.join(names)}."
            )
    found: dict[str, int] = {"one": 1}
    for name in names:
        if name not in params:
            raise UsageError(
                f"cell {cell.name!r}: parameter {name!r} is missing; it has {', '.join(names)}."
            )
        shape, spaces = _shape(cell, params[name], name), cell.shape_of(name)
        wanted = ", ".join(spaces)
        if len(shape) != len(spaces):
            raise UsageError(f"cell {cell.name!r}: {name} has shape {shape}; it needs ({wanted}).")
        for space, size in zip(spaces, shape, strict=True):
            if found.setdefault(space, size) != size or size < 1:
                raise UsageError(
                    f"cell {cell.name!r}: {name} has shape {shape}; it needs ({wanted}) with "
                    f"{space} = {max(found[space], 1)} as in the other parameters."
                )
    return found


def _shape(cell: Cell, value: Any, what: str) -> tuple[int, ...]:
    try:
        return tuple(np.shape(value))
    except ValueError:
        raise UsageError(
            f"cell {cell.name!r}: {what} has rows of unequal length; pass an array."
        ) from None


def part_sizes(cell: Cell, params: Params, state: Array = None) -> dict[str, int]:
    """Return the number of units of each state part, in flattening order."""
    known = sizes(cell, params)
    if isinstance(state, Mapping):
        known = {cell.spaces[p]: np.shape(state[p])[-1] for p in cell.states} | known
    missing = [p for p in cell.states if cell.spaces[p] not in known]
    if len({cell.spaces[p] for p in missing}) == 1 and np.ndim(state):
        rest = sum(known[cell.spaces[p]] for p in cell.states if p not in missing)
        known[cell.spaces[missing[0]]] = (np.shape(state)[-1] - rest) // len(missing)
    elif missing:
        raise UsageError(
            f"cell {cell.name!r}: the size of {missing[0]!r} does not follow from its "
            "parameters; pass the state as a mapping of parts."
        )
    return {p: known[cell.spaces[p]] for p in cell.states}


def numbers(cell: Cell, asarray: Convert, value: Any, what: str) -> Array:
    """Return ``value`` as an array of the target. Raises ``UsageError`` if it is no numbers."""
    try:
        return asarray(value)
    except (TypeError, ValueError):
        raise UsageError(
            f"cell {cell.name!r}: {what} is no array of real numbers but "
            f"{type(value).__name__}; pass floats."
        ) from None


def split(
    cell: Cell,
    asarray: Convert,
    state: Array,
    widths: Callable[[Array], Mapping[str, int]],
    broadcast_to: Callable[..., Array] = np.broadcast_to,
) -> dict[str, Array]:
    """Return the parts of a flat state (..., d), or of a mapping, by name, as views.

    ``widths`` gives the number of units of each part, from the converted state if need be;
    ``broadcast_to`` is that of the target's arrays.
    """
    if not isinstance(state, Mapping):
        return _slices(cell, numbers(cell, asarray, state, "the state"), widths)
    if set(state) != set(cell.states):
        raise UsageError(
            f"cell {cell.name!r}: the state given has parts {', '.join(map(str, state))}; it "
            f"needs {', '.join(cell.states)}."
        )
    given = {p: numbers(cell, asarray, state[p], f"state part {p}") for p in cell.states}
    parts = {p: a if a.ndim else a[None] for p, a in given.items()}
    for part, width in widths(parts).items():
        if parts[part].shape[-1] != width:
            raise UsageError(
                f"cell {cell.name!r}: state part {part} has shape {tuple(parts[part].shape)}; its "
                f"last axis needs {width} entries."
            )
    lead = leading(cell, parts.values())
    return {p: broadcast_to(a, (*lead, a.shape[-1])) for p, a in parts.items()}


def _slices(
    cell: Cell, flat: Array, widths: Callable[[Array], Mapping[str, int]]
) -> dict[str, Array]:
    sizes = widths(flat)
    width = sum(sizes.values())
    if flat.ndim < 1 or flat.shape[-1] != width:
        parts = ", ".join(f"{p}: {n}" for p, n in sizes.items())
        raise UsageError(
            f"cell {cell.name!r}: the state has shape {tuple(flat.shape)}; its last axis needs "
            f"{width} entries ({parts})."
        )
    stops = np.cumsum([0, *sizes.values()]).tolist()
    return {p: flat[..., stops[i] : stops[i + 1]] for i, p in enumerate(sizes)}


def leading(cell: Cell, arrays: Iterable[Array]) -> tuple[int, ...]:
    """Return the common leading axes of arrays whose last axis counts units."""
    shapes = [tuple(a.shape[:-1]) for a in arrays]
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        listed = ", ".join(str(s) for s in dict.fromkeys(shapes))
        raise UsageError(
            f"cell {cell.name!r}: leading axes {listed} do not go together; state, input, time "
            "and directions need equal leading axes, or none."
        ) from None


def join(cell: Cell, asarray: Convert, parts: Mapping[str, Array]) -> Array:
    """Return the flat state (..., d) of a mapping of parts."""
    arrays = [asarray(parts[p]) for p in cell.states]
    lead = leading(cell, arrays)
    full = [np.broadcast_to(a, (*lead, a.shape[-1])) for a in arrays]
    return np.concatenate(full, axis=-1)


def inputs(cell: Cell, asarray: Convert, known: Mapping[str, int], x: Array) -> dict[str, Array]:
    """Return the inputs (..., input) by name, from one array, a mapping, or ``None``.

    ``known`` are the sizes that parameters and state have settled.
    """
    names = cell.input_names
    if not names:
        if x is not None:
            raise UsageError(f"cell {cell.name!r}: has no input, but x was given.")
        return {}
    if x is None:
        raise UsageError(f"cell {cell.name!r}: needs its input {', '.join(names)}.")
    given = x if isinstance(x, Mapping) else dict.fromkeys(names[:1], x)
    if set(given) != set(names):
        raise UsageError(
            f"cell {cell.name!r}: got inputs {', '.join(given)}; it needs {', '.join(names)}, "
            "as a mapping."
        )
    arrays = {n: numbers(cell, asarray, given[n], f"input {n}") for n in names}
    known = dict(known)
    for name, array in arrays.items():
        size = array.shape[-1] if array.ndim else 0
        if size != known.setdefault(cell.spaces[name], size) or not array.ndim:
            raise UsageError(
                f"cell {cell.name!r}: input {name} has shape {tuple(array.shape)}; its last axis "
                f"needs {known[cell.spaces[name]] or 'the'} entries of {cell.spaces[name]}."
            )
    return arrays


@dataclass(frozen=True)
class Layout:
    """What the arrays of a cell look like: what :func:`quick` compares them with.

    Parameters
    ----------
    states
        Space of each state part.
    inputs
        Name and space of each input.
    weights
        Name and spaces of each parameter and constant.
    """

    states: Mapping[str, str]
    inputs: tuple[tuple[str, str], ...]
    weights: tuple[tuple[str, tuple[str, ...]], ...]


def layout(cell: Cell) -> Layout:
    """Return the layout of a cell."""
    return Layout(
        {part: cell.spaces[part] for part in cell.states},
        tuple((name, cell.spaces[name]) for name in cell.input_names),
        tuple((n, tuple(cell.shape_of(n))) for n in (*cell.parameters, *cell.constant_names)),
    )


_FLOAT = np.dtype(np.float64)


def quick(
    layout: Layout, params: Params, state: Array, x: Array, t: Array
) -> tuple[list[Array], tuple[int, ...], dict[str, int]] | None:
    """Return arguments, leading axes and part sizes where all is plainly right, else ``None``.

    That is: float64 NumPy arrays whose shapes fit, one flat state, one input at most. It says no
    words, so small cells are not slowed by the checks that find them.
    """
    found = {"one": 1}
    arrays = []
    if len(params) != len(layout.weights) or len(layout.inputs) > 1:
        return None
    for name, spaces in layout.weights:
        array = params.get(name)
        if type(array) is not np.ndarray or array.dtype is not _FLOAT:
            return None
        if array.ndim != len(spaces):
            return None
        for space, size in zip(spaces, array.shape, strict=True):
            if found.setdefault(space, size) != size or size == 0:
                return None
        arrays.append(array)
    given = [state, x] if layout.inputs else [state]
    for array in given:
        if type(array) is not np.ndarray or array.dtype is not _FLOAT or array.ndim == 0:
            return None
    if not layout.inputs and x is not None:
        return None
    if not all(space in found for space in layout.states.values()):
        return None
    widths = {part: found[space] for part, space in layout.states.items()}
    if state.shape[-1] != sum(widths.values()):
        return None
    lead = state.shape[:-1]
    if layout.inputs and x.shape != (*lead, found.get(layout.inputs[0][1], -1)):
        return None
    if not isinstance(t, int | float) and (type(t) is not np.ndarray or t.dtype.kind not in "if"):
        return None
    time = np.asarray(t, dtype=_FLOAT)[..., None]
    if time.shape[:-1] not in ((), lead):
        return None
    start = 0
    parts = []
    for width in widths.values():
        parts.append(state[..., start : start + width])
        start += width
    return [*parts, *given[1:], time, *arrays], lead, widths
