"""The matrices of a loop, made before it: masked and fixed maps, those that act alike as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeGuard

import numpy as np

from gradflow.cells.cell import Cell
from gradflow.codegen.frameworks.operations import Operations
from gradflow.codegen.lowering.calculus import lower_step
from gradflow.codegen.lowering.recurrence import Recurrence
from gradflow.codegen.lowering.routine import Matvec, Routine
from gradflow.codegen.printing.dialect import FUNCTIONAL
from gradflow.codegen.printing.vectorised import maps_lines
from gradflow.codegen.targets.target import run_text

Array = Any


@dataclass(frozen=True)
class Stack:
    """Maps from one state part to one space, whose products are one product a step.

    Parameters
    ----------
    part
        Which state part they act on.
    maps
        Their names.
    """

    part: int
    maps: tuple[str, ...]


def stacked(loop: Recurrence) -> tuple[Routine, tuple[Stack, ...]]:
    """Return a step without the products of state parts, and those products.

    The routine takes them as extra arguments, in the order of the stacks. One product with the four
    matrices of an LSTM costs a third of four products, and so does its derivative.
    """
    found: dict[tuple[int, str], list[Matvec]] = {}
    for statement in loop.each.statements:
        if _acts_on_a_state(statement, loop):
            part = loop.carried.index(statement.operand)
            found.setdefault((part, statement.linear_map.out), []).append(statement)
    taken = [s for group in found.values() for s in group]
    routine = replace(
        loop.each,
        statements=tuple(s for s in loop.each.statements if s not in taken),
        extra=(*loop.each.extra, *((s.target, s.linear_map.out) for s in taken)),
    )
    stacks = (Stack(p, tuple(s.linear_map.name for s in g)) for (p, _), g in found.items())
    return routine, tuple(stacks)


def _acts_on_a_state(statement: object, loop: Recurrence) -> TypeGuard[Matvec]:
    return (
        isinstance(statement, Matvec)
        and statement.linear_map.stored
        and not statement.transposed
        and statement.operand in loop.carried
    )


def products(
    xp: Operations, stacks: Sequence[Stack], maps: Mapping[str, Array]
) -> Callable[[Sequence[Array]], list[Array]]:
    """Return the function from the state parts to the products that ``stacked`` took out."""
    matrices = [(s, xp.library.concat([maps[n].T for n in s.maps], axis=1)) for s in stacks]

    def multiply(parts: Sequence[Array]) -> list[Array]:
        values: list[Array] = []
        for stack, matrix in matrices:
            rows, count = parts[stack.part] @ matrix, len(stack.maps)
            shape = (*rows.shape[:-1], count, rows.shape[-1] // count)
            values += xp.apart(xp.library.reshape(rows, shape))
        return values

    return multiply


def filled_maps(cell: Cell, xp: Operations, arguments: Sequence[Array]) -> dict[str, Array]:
    """Return masked, fixed and combined maps by name, zero where a mask allows no entry.

    ``arguments`` are those of a step: states, inputs, the step's number, parameters, constants.
    """
    function = _filling(cell)
    return {} if function is None else function(xp, *arguments)


@lru_cache(maxsize=64)
def _filling(cell: Cell) -> Callable[..., dict[str, Array]] | None:
    lines = maps_lines(cell, lower_step(cell), FUNCTIONAL)
    return run_text("\n".join(lines), {"np": np}, cell.name)["maps"] if lines else None
