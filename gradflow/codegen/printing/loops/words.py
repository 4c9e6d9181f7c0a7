"""Every word that printed loops use for themselves, declared once; a symbol called so is renamed.

A test reads the loops of many cells and compares: nothing else is printed, and all of this is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gradflow.cells.cell import Cell
from gradflow.cells.language.names import Names
from gradflow.cells.language.spaces import ONE
from gradflow.codegen.printing.expressions import runtime_names

ROW_HELPERS = frozenset(
    {"empty_rows", "largest", "log_length", "row_largest", "row_sums", "rows_times", "scaled"}
    | {"spread_out", "square_sum", "times", "unit_row"}
)
"""Functions of arrays that loops call."""

HELPERS = frozenset({"exponent_of", "jit", "log_hypot"})
"""Other functions that loops call beside those of expressions."""

BUILTINS = frozenset({"max", "min", "range"})

ARGUMENTS = frozenset(
    {"begin", "end", "exponent", "first_step", "frame", "log_norm", "log_part", "log_size"}
    | {"rows", "states", "tape", "u"}
)

LOCALS = frozenset(
    {"B", "N", "T", "a", "b", "g", "k", "s"}
    | {"base", "columns", "count", "high", "length", "low", "peak", "power", "shift", "square"}
    | {"start", "step", "stop", "whole"}
)

ENDINGS = ("_", "_row", "_T", "_in")
"""What is hung on a symbol's name: its value at one unit, along one row, transposed, as given."""

NUMBERED = frozenset("flmopw")
"""Letters that are numbered: ``m0``, ``l0_1``."""

_WORDS = HELPERS | ROW_HELPERS | BUILTINS | ARGUMENTS | LOCALS


def size_name(space: str) -> str:
    """Return the name of the argument that holds the number of units of a space."""
    return f"n_{space}"


def spaces_of(cell: Cell) -> list[str]:
    """Return every space but ``one``, in a fixed order: a kernel takes the size of each."""
    found = {s for s in cell.spaces.values() if s != ONE}
    for linear_map in cell.linear_maps.values():
        found |= {linear_map.out, linear_map.into} - {ONE}
    return sorted(found)


def is_numbered(name: str) -> bool:
    """Whether a name is a letter of ``NUMBERED`` with its numbers."""
    return name[0] in NUMBERED and all(part.isdigit() for part in name[1:].split("_"))


def loop_names(cell: Cell, used: Iterable[str]) -> Names:
    """Return Python names for symbols and maps that are none of the words loops use."""
    words = _WORDS | runtime_names() | {size_name(space) for space in spaces_of(cell)}

    def refused(name: str) -> bool:
        hung = any(name + ending in words for ending in ENDINGS)
        return name in words or hung or name.endswith(ENDINGS) or is_numbered(name)

    return Names(used, refused=refused, mark="v")


def offsets(parts: Sequence[str], cell: Cell) -> dict[str, str]:
    """Return the text of where each part begins in the flat vector of ``parts``."""
    return dict(zip(parts, starts([cell.spaces[part] for part in parts]), strict=True))


def starts(spaces: Sequence[str]) -> list[str]:
    """Return the text of where each of several vectors, side by side, begins."""
    sizes = ["1" if space == ONE else size_name(space) for space in spaces]
    return [" + ".join(sizes[:i]) or "0" for i in range(len(sizes))]
