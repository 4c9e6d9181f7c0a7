"""What a compilation target brings: how a routine is printed, how its source is made to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gradflow.cells.cell import Cell
from gradflow.codegen.routine import Routine
from gradflow.codegen.source import RoutineText

Functions = Mapping[str, Callable[..., Any]]


def array_text(cell: Cell, routine: Routine) -> str:
    """Print a routine over arrays with any leading axes."""
    return RoutineText(cell, routine).text()


def run_source(namespace: Mapping[str, Any]) -> Callable[[Cell, str, Sequence[Routine]], Functions]:
    """Return a ``build`` that executes the source with ``namespace`` in place of its header."""

    def build(cell: Cell, source: str, routines: Sequence[Routine]) -> Functions:
        names = dict(namespace)
        exec(compile(source, f"<gradflow {cell.name}>", "exec"), names)
        return {routine.name: names[routine.name] for routine in routines}

    return build


@dataclass(frozen=True)
class Target:
    """An arithmetic in which generated source runs; equal where name and digits are.

    Parameters
    ----------
    name
        The word by which ``gradflow.compile(cell, backend=...)`` knows it.
    header
        First lines of the source: where its names come from.
    build
        Turns the text of routines into functions by name. They take arrays whose leading axes
        broadcast, in the order of ``RoutineText.arguments``.
    asarray
        Converts numbers and arrays to the target's own.
    empty
        Makes an array of a shape.
    digits
        Decimal digits, where the target has a choice of them.
    text
        Prints one routine.
    """

    name: str
    header: str = field(compare=False)
    build: Callable[[Cell, str, Sequence[Routine]], Functions] = field(compare=False, repr=False)
    asarray: Callable[[Any], Any] = field(compare=False, repr=False)
    empty: Callable[[tuple[int, ...]], Any] = field(compare=False, repr=False)
    digits: int = 16
    text: Callable[[Cell, Routine], str] = field(compare=False, repr=False, default=array_text)
