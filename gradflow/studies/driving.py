"""What drives a studied cell: its inputs, from a file, from text, or normal numbers; its sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.arrays import whole_number
from gradflow.cells.cell import Cell
from gradflow.cells.language.spaces import ONE
from gradflow.errors import InputError, UsageError
from gradflow.given import mapping
from gradflow.networks import InputSequence, read_sequence

__all__ = ["HIDDEN", "WINDOWS", "Driven", "driven", "size_choices"]

Floats = NDArray[np.float64]

HIDDEN = 32
"""Units of every size that nobody states."""

WINDOWS = 8
"""So many windows of an input are run, where it is long enough."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Driven:
    """Inputs by name, and the sizes that go with them.

    Parameters
    ----------
    values
        (steps, units) by name.
    sizes
        Number of units of every size of the cell.
    assumed
        Those sizes that nobody stated.
    read
        What was read; ``None`` for normal numbers alone.
    source
        Where the inputs came from, in words.
    """

    values: Mapping[str, Floats]
    sizes: Mapping[str, int]
    assumed: tuple[str, ...]
    read: InputSequence | None
    source: str


def size_choices(
    cell: Cell, hidden: int | None, init: Mapping[str, Any]
) -> tuple[dict[str, int], dict[str, Any]]:
    """Return the sizes that are stated, by name, and the choices of ``init`` that are no size.

    Raises ``UsageError`` for a size below 1, or one that is given twice.
    """
    sizes = {}
    choices = dict(mapping(init, "report: init", "sizes, numbers, arrays or initializers"))
    for space in cell.sizes:
        words = ["inputs", "input"] if space == "input" else [space]
        for word in words:
            if word in choices:
                if space in sizes or (space == "hidden" and hidden is not None):
                    raise UsageError(
                        f"report: the size {space!r} is given twice, and init has {word}="
                        f"{choices[word]!r}; keep one."
                    )
                sizes[space] = whole_number(choices.pop(word), f"report: {word}", 1)
    if hidden is not None and "hidden" in cell.sizes:
        sizes["hidden"] = hidden
    return sizes, choices


def driven(
    cell: Cell,
    path: str | None,
    steps: int,
    stated: Mapping[str, int],
    hidden: int,
    rng: np.random.Generator,
) -> Driven:
    """Read the inputs of a cell.

    A file of numbers has the columns of all inputs side by side, in the order of declaration. Text,
    one-hot, is the first input of size ``input``, or the only one there is; without a file that is
    English text. All other inputs are standard normal numbers.

    Parameters
    ----------
    cell
        The declared cell.
    path
        File of the input.
    steps
        Number of steps of a window.
    stated
        The sizes that were stated.
    hidden
        Number of units of every other size that the file does not show.
    rng
        Draws the normal numbers.

    Raises
    ------
    UsageError, InputError
        For a file that cannot be read, or whose columns do not fit.
    """
    names = cell.input_names
    if not names and path is not None:
        raise UsageError(f"cell {cell.name!r}: has no input, so --input means nothing here.")
    texts = path is not None or "input" not in stated
    by_size = [n for n in names if cell.spaces[n] == "input"][: int(texts)]
    first = by_size or (list(names) if path is not None and len(names) == 1 else [])
    read = _read(path, steps) if path is not None or first else None
    sizes = {ONE: 1, **stated}
    if read is not None and read.symbols is None:
        driving = list(names)
        _share(cell, driving, read, sizes)
    else:
        driving = first
        if read is not None and not driving:
            raise UsageError(
                f"cell {cell.name!r}: the text of {path} is for one input of size 'input', and "
                f"there is none among {', '.join(names)}; give a file of numbers."
            )
        if read is not None:
            _share(cell, driving, read, sizes)
    assumed = tuple(space for space in cell.sizes if space not in sizes)
    sizes |= dict.fromkeys(assumed, hidden)
    values: dict[str, Floats] = {}
    start, rows = 0, WINDOWS * steps + 1
    if read is not None:
        rows = len(read.values)
        for name in driving:
            stop = start + sizes[cell.spaces[name]]
            values[name], start = read.values[:, start:stop], stop
    drawn = [name for name in names if name not in values]
    for name in drawn:
        values[name] = rng.standard_normal((rows, sizes[cell.spaces[name]]))
    told = [] if read is None else [read.source]
    told += [f"{', '.join(drawn)}: standard normal numbers by the seed"] if drawn else []
    return Driven(
        values=values,
        sizes={space: sizes[space] for space in cell.sizes},
        assumed=assumed,
        read=read,
        source="; ".join(told) or "none: the cell has no input",
    )


def _share(cell: Cell, names: list[str], read: InputSequence, sizes: dict[str, int]) -> None:
    """Set the size that the columns of an input show. Raises ``UsageError`` where they misfit."""
    columns = read.values.shape[1]
    spaces = [cell.spaces[name] for name in names]
    unknown = [space for space in spaces if space not in sizes]
    known = sum(sizes[space] for space in spaces if space in sizes)
    if len(set(unknown)) == 1 and columns > known and not (columns - known) % len(unknown):
        sizes[unknown[0]] = (columns - known) // len(unknown)
    elif len(set(unknown)) > 1:
        raise UsageError(
            f"cell {cell.name!r}: {columns} columns of input are for {', '.join(names)}, and the "
            f"sizes {', '.join(dict.fromkeys(unknown))} are not known; state all but one of them "
            "in init."
        )
    elif unknown or columns != known:
        wanted = " and ".join(
            f"{n} ({s}: {sizes.get(s, '?')})" for n, s in zip(names, spaces, strict=True)
        )
        raise UsageError(
            f"cell {cell.name!r}: the input has {columns} columns, and {wanted} need others; give "
            "as many columns as the inputs have units, side by side."
        )


def _read(path: str | None, steps: int) -> InputSequence:
    """Read several windows where the input is long enough, else the steps asked for."""
    try:
        return read_sequence(path, WINDOWS * steps + 1)
    except InputError:
        pass
    try:
        return read_sequence(path, steps + 1)
    except InputError:
        return read_sequence(path, steps)
