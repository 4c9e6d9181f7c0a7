"""Shapes at the border of compiled code: every array is checked once, in words, before it runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from gradflow.cells.cell import Cell
from gradflow.codegen.targets.arrays import Arrays
from gradflow.errors import UsageError, shown

Array = Any
Params = Mapping[str, Array]

FLOAT = np.dtype(np.float64)


def place(cell: Cell) -> str:
    """Return what a message about the cell begins with."""
    return f"cell {cell.name!r}"


def weights(cell: Cell, arrays: Arrays, params: Params) -> dict[str, Array]:
    """Return parameters and constants as arrays, in declared order; a scalar's number is (1,).

    Raises ``UsageError`` for a missing or unknown parameter, or one that is no real numbers.
    """
    names = (*cell.parameters, *cell.constant_names)
    if not isinstance(params, Mapping):
        raise UsageError(
            f"{place(cell)}: params is a {type(params).__name__}; it needs a mapping from "
            f"{', '.join(names)} to arrays, as cell.init(...) makes it."
        )
    for name in params:
        if name not in names:
            raise UsageError(
                f"{place(cell)}: unknown parameter {name!r}; it has {', '.join(names)}."
            )
    found = {}
    for name in names:
        if name not in params:
            raise UsageError(
                f"{place(cell)}: parameter {name!r} is missing; it has {', '.join(names)}."
            )
        array = arrays.take(params[name], place(cell), name)
        if not array.shape and cell.shape_of(name) == ("one",):
            array = array[None]
        found[name] = array
    return found


Layout = tuple[tuple[str, tuple[str, ...]], ...]


def layout(cell: Cell) -> Layout:
    """Return each parameter and constant, and the spaces of its axes."""
    return tuple((n, tuple(cell.shape_of(n))) for n in (*cell.parameters, *cell.constant_names))


def plain(layout: Layout, params: Params) -> tuple[dict[str, Array], Mapping[str, int]] | None:
    """Return what :func:`weights` and :func:`sizes` do where all is plainly right, else ``None``.

    That is: contiguous float64 NumPy arrays whose shapes fit. It says no words, so small cells are
    not slowed by the checks that find them.
    """
    if not isinstance(params, Mapping) or len(params) != len(layout):
        return None
    taken, shapes = {}, []
    for name, _ in layout:
        array = params.get(name)
        if type(array) is not np.ndarray or array.dtype is not FLOAT:
            return None
        if not array.flags.c_contiguous:
            return None
        taken[name] = array
        shapes.append(array.shape)
    found = _fitting(layout, tuple(shapes))
    return None if found is None else (taken, found)


@lru_cache(maxsize=256)
def _fitting(layout: Layout, shapes: tuple[tuple[int, ...], ...]) -> Mapping[str, int] | None:
    """Return the sizes of spaces that arrays of these shapes show, ``None`` if they do not fit."""
    found = {"one": 1}
    for (_, spaces), shape in zip(layout, shapes, strict=True):
        if len(shape) != len(spaces):
            return None
        for space, size in zip(spaces, shape, strict=True):
            if found.setdefault(space, size) != size or size == 0:
                return None
    return found


def sizes(cell: Cell, params: Params) -> dict[str, int]:
    """Return the number of units of each space that parameters and constants, as arrays, show.

    Raises ``UsageError`` for a wrong shape, and says which axis or transposition it suspects.
    """
    found: dict[str, int] = {"one": 1}
    for name in (*cell.parameters, *cell.constant_names):
        shape, spaces = tuple(params[name].shape), cell.shape_of(name)
        if len(shape) != len(spaces):
            more = len(shape) == len(spaces) + 1
            raise UsageError(
                f"{place(cell)}: {name} has shape {shape}; it needs ({', '.join(spaces)})"
                f"{'. An axis of steps before is for gf.run' if more else ''}."
            )
        for space, size in zip(spaces, shape, strict=True):
            if found.setdefault(space, size) != size or size < 1:
                raise _misfit(cell, params)
    return found


def _misfit(cell: Cell, params: Params) -> UsageError:
    """Return the complaint about the array that most of the others speak against.

    Where two contradict each other alone, it is the one that fits transposed, else the later.
    """
    shapes = {n: tuple(params[n].shape) for n in (*cell.parameters, *cell.constant_names)}
    shown = {n: set(zip(cell.shape_of(n), s, strict=False)) for n, s in shapes.items()}
    best, told = (0, False, 0), ""
    for order, (name, shape) in enumerate(shapes.items()):
        spaces = cell.shape_of(name)
        votes = Counter(pair for n, pairs in shown.items() if n != name for pair in pairs)
        votes["one", 1] = len(shapes)
        known, against = {}, 0
        for space, size in zip(spaces, shape, strict=False):
            said = [(count, n) for (s, n), count in votes.items() if s == space and n > 0]
            most = max(said, default=(0, size))
            known[space] = most[1] if said else 0
            against = max(against, most[0] - votes[space, size], size < 1)
        fits = len(set(spaces)) == 2 and all(
            n > 0 and known[s] in (0, n) for s, n in zip(spaces, shape[::-1], strict=False)
        )
        if against and len(shape) == len(spaces):
            score = against, fits, order
            if score > best:
                best, told = score, _complaint(name, shape, spaces, known, fits)
    return UsageError(f"{place(cell)}: {told}")


def _complaint(
    name: str,
    shape: tuple[int, ...],
    spaces: Sequence[str],
    known: Mapping[str, int],
    transposed: bool,
) -> str:
    sides = " and ".join(f"{s} = {n}" for s, n in known.items() if n) or "one unit or more"
    rule = f"it needs ({', '.join(spaces)}) with {sides} as in the other parameters."
    seen = f", which is ({', '.join(spaces[::-1])}): transposed?" if transposed else ";"
    return f"{name} has shape {shape}{seen} {rule}"


def split(
    cell: Cell, arrays: Arrays, state: Array, widths: Callable[[Array], Mapping[str, int]]
) -> dict[str, Array]:
    """Return the parts of a flat state (..., d), or of a mapping, by name, as views.

    ``widths`` gives the number of units of each part, from the converted state if need be.
    """
    if not isinstance(state, Mapping):
        return _slices(cell, arrays.take(state, place(cell), "the state"), widths)
    if set(state) != set(cell.states):
        raise UsageError(
            f"{place(cell)}: the state given has parts {', '.join(map(str, state))}; it "
            f"needs {', '.join(cell.states)}."
        )
    given = {p: arrays.take(state[p], place(cell), f"state part {p}") for p in cell.states}
    parts = {p: a if a.ndim else a[None] for p, a in given.items()}
    for part, width in widths(parts).items():
        shape = tuple(parts[part].shape)
        if shape[-1] != width:
            raise UsageError(
                f"{place(cell)}: state part {part} has shape {shape}; its last axis needs {width} "
                f"entries{turned(shape, width)}."
            )
    lead = leading(cell, parts.values())
    return {p: arrays.broadcast_to(a, (*lead, a.shape[-1])) for p, a in parts.items()}


def _slices(
    cell: Cell, flat: Array, widths: Callable[[Array], Mapping[str, int]]
) -> dict[str, Array]:
    sizes = widths(flat)
    width, shape = sum(sizes.values()), tuple(flat.shape)
    if not shape or shape[-1] != width:
        parts = ", ".join(f"{p}: {n}" for p, n in sizes.items())
        raise UsageError(
            f"{place(cell)}: the state has shape {shape}; its last axis needs {width} entries "
            f"({parts}){turned(shape, width)}."
        )
    stops = np.cumsum([0, *sizes.values()]).tolist()
    return {p: flat[..., stops[i] : stops[i + 1]] for i, p in enumerate(sizes)}


def turned(shape: tuple[int, ...], width: int) -> str:
    """Return the hint that the axis before the last has the entries which the last one needs."""
    return ", as its axis before that has: transposed?" if shape[-2:-1] == (width,) else ""


def leading(cell: Cell, arrays: Iterable[Array]) -> tuple[int, ...]:
    """Return the common leading axes of arrays whose last axis counts units."""
    shapes = [tuple(a.shape[:-1]) for a in arrays]
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        listed = ", ".join(str(s) for s in dict.fromkeys(shapes))
        raise UsageError(
            f"{place(cell)}: leading axes {listed} do not go together; state, input, time "
            "and directions need equal leading axes, or none."
        ) from None


def join(cell: Cell, arrays: Arrays, parts: Mapping[str, Array]) -> Array:
    """Return the flat state (..., d) of a mapping of parts."""
    if not isinstance(parts, Mapping) or set(parts) != set(cell.states):
        raise UsageError(
            f"{place(cell)}: the parts given are {shown(parts)}; a mapping from "
            f"{', '.join(cell.states)} to arrays is needed."
        )
    given = [arrays.take(parts[p], place(cell), f"state part {p}") for p in cell.states]
    taken = [a if a.ndim else a[None] for a in given]
    return arrays.flat(taken, [a.shape[-1] for a in taken], leading(cell, taken))


def inputs(cell: Cell, arrays: Arrays, known: Mapping[str, int], x: Array) -> dict[str, Array]:
    """Return the inputs (..., input) by name, from one array, a mapping, or ``None``.

    ``known`` are the sizes that parameters and state have settled.
    """
    names = cell.input_names
    if not names:
        if x is not None:
            raise UsageError(f"{place(cell)}: has no input, but x was given.")
        return {}
    if x is None:
        raise UsageError(f"{place(cell)}: needs its input {', '.join(names)}.")
    given = x if isinstance(x, Mapping) else dict.fromkeys(names[:1], x)
    if set(given) != set(names):
        raise UsageError(
            f"{place(cell)}: got inputs {', '.join(map(str, given))}; it needs {', '.join(names)}, "
            "as a mapping."
        )
    taken = {n: arrays.take(given[n], place(cell), f"input {n}") for n in names}
    known = dict(known)
    for name, array in taken.items():
        space, shape = cell.spaces[name], tuple(array.shape)
        size = shape[-1] if shape else 0
        if size != known.setdefault(space, size) or not shape:
            raise UsageError(
                f"{place(cell)}: input {name} has shape {shape}; its last axis needs "
                f"{known[space] or 'the'} entries of {space}{turned(shape, known[space])}."
            )
    return taken
