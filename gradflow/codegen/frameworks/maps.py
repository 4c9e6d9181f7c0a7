"""The matrices of a loop, made before it: masked and fixed maps, those that act alike as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeGuard

import numpy as np
import sympy as sp

from gradflow.cells.cell import Cell
from gradflow.cells.language.spaces import ONE
from gradflow.codegen.frameworks.operations import Operations
from gradflow.codegen.lowering.calculus import lower_step
from gradflow.codegen.lowering.recurrence import Recurrence
from gradflow.codegen.lowering.routine import Let, Matvec, Routine, common_space, reads
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
    added
        What is added to each product and known before the loop, by its place among what a step is
        handed; empty where not every product has such a summand.
    operand
        The input whose products are added too; empty where there is none that all have.
    outside
        The maps of that input.
    """

    part: int
    maps: tuple[str, ...]
    added: tuple[int, ...] = ()
    operand: str = ""
    outside: tuple[str, ...] = ()


def stacked(cell: Cell, loop: Recurrence) -> tuple[Recurrence, tuple[Stack, ...]]:
    """Return a loop without the products of state parts, and those products.

    A step takes them as extra arguments, in the order of the stacks, and no more what is added to
    them; what is added leaves out the products of an input. One product with the four matrices of
    an LSTM costs a third of four products, and so does its derivative.
    """
    found: dict[tuple[int, str], list[Matvec]] = {}
    for statement in loop.each.statements:
        if _acts_on_a_state(statement, loop):
            part = loop.carried.index(statement.operand)
            found.setdefault((part, statement.linear_map.out), []).append(statement)
    taken = [s for group in found.values() for s in group]
    statements = [s for s in loop.each.statements if s not in taken]
    before = loop.before
    stacks: list[Stack] = []
    gone: set[sp.Symbol] = set()
    for (part, _), group in found.items():
        sums = [_summand(s, loop) for s in group]
        partners = {one[1] for one in sums if one is not None}
        added: tuple[int, ...] = ()
        if len(partners) == len(group) and not partners & gone:
            gone |= partners
            added = tuple(loop.before.returns.index(one[1]) for one in sums if one is not None)
            without = {one[0]: sp.Add(*set(one[0].args) - {one[1]}) for one in sums if one}
            statements = [
                replace(s, expression=s.expression.xreplace(without)) if isinstance(s, Let) else s
                for s in statements
            ]
        outside = _products_of_an_input(cell, before, [loop.before.returns[k] for k in added])
        before = _without(before, outside)
        operand = str(outside[0].operand) if outside else ""
        maps, others = (tuple(s.linear_map.name for s in of) for of in (group, outside))
        stacks.append(Stack(part, maps, added, operand, others))
    kept = (one for one in loop.each.extra if one[0] not in gone)
    extra = (*kept, *((s.target, s.linear_map.out) for s in taken))
    each = replace(loop.each, statements=tuple(statements), extra=extra)
    return replace(loop, before=before, each=each), tuple(stacks)


def _products_of_an_input(cell: Cell, before: Routine, sums: Sequence[sp.Symbol]) -> list[Matvec]:
    """Return the product with one and the same input that each sum has, if every one has."""
    made = {s.target: s for s in before.statements if isinstance(s, Let)}
    read = [s for statement in before.statements for s in reads(statement)] + list(before.returns)
    found: list[Matvec] = []
    for total in sums:
        expression = made[total].expression if total in made else sp.S.Zero
        found += [
            s
            for s in before.statements
            if isinstance(s, Matvec)
            and s.linear_map.stored
            and not s.transposed
            and str(s.operand) in cell.input_names
            and expression.is_Add
            and s.target in expression.args
            and read.count(s.target) == expression.count(s.target) == 1
            # the rest has to have as many units, as a scalar bias has not
            and common_space(expression - s.target, before.spaces) == s.linear_map.out != ONE
        ][:1]
    same = len({s.operand for s in found}) == 1
    return found if same and len(found) == len(sums) else []


def _without(before: Routine, gone: Sequence[Matvec]) -> Routine:
    """Return a routine without products, nor them in the sums that had them."""
    statements = []
    for statement in before.statements:
        if statement in gone:
            continue
        if isinstance(statement, Let) and statement.expression.is_Add:
            left = [a for a in statement.expression.args if a not in {s.target for s in gone}]
            statement = replace(statement, expression=sp.Add(*left))
        statements.append(statement)
    return replace(before, statements=tuple(statements))


def _summand(product: Matvec, loop: Recurrence) -> tuple[sp.Add, sp.Symbol] | None:
    """Return the one sum that reads a product, and what of it is known before the loop."""
    each, spaces = loop.each, loop.each.spaces
    read = [s for statement in each.statements for s in reads(statement)] + list(each.returns)
    readers = [s for s in each.statements if product.target in reads(s)]
    if read.count(product.target) != 1 or not isinstance(readers[0], Let):
        return None
    expression = readers[0].expression
    for total in expression.atoms(sp.Add):
        for one in sorted(set(total.args) & set(loop.before.returns), key=str):
            alone = read.count(one) == 1 and expression.count(one) == 1
            same = spaces[one.name] == spaces[product.target.name] != ONE
            if product.target in total.args and alone and same:
                return total, one
    return None


def _acts_on_a_state(statement: object, loop: Recurrence) -> TypeGuard[Matvec]:
    return (
        isinstance(statement, Matvec)
        and statement.linear_map.stored
        and not statement.transposed
        and statement.operand in loop.carried
    )


def products(
    xp: Operations, stacks: Sequence[Stack], maps: Mapping[str, Array]
) -> Callable[[Sequence[Array], Sequence[Array]], list[Array]]:
    """Return the function from state parts, and what is added, to what ``stacked`` took out.

    What is added is one array a stack that has it; see ``together``.
    """
    matrices = [(s, _side_by_side(xp, maps, s.maps)) for s in stacks]

    def multiply(parts: Sequence[Array], added: Sequence[Array]) -> list[Array]:
        values: list[Array] = []
        sums = iter(added)
        for stack, matrix in matrices:
            rows = parts[stack.part] @ matrix
            rows = rows + next(sums) if stack.added else rows
            values += xp.pieces(rows, len(stack.maps))
        return values

    return multiply


def _side_by_side(xp: Operations, maps: Mapping[str, Array], names: Sequence[str]) -> Array:
    """Return the transposes of maps as one matrix."""
    return xp.library.concat([maps[name].T for name in names], axis=1)


def together(
    xp: Operations,
    stacks: Sequence[Stack],
    handed: Sequence[Array],
    maps: Mapping[str, Array],
    inputs: Mapping[str, Array],
) -> tuple[list[Array], list[Array]]:
    """Return what a step is still handed, and what is added to its products, side by side."""
    taken = {place for stack in stacks for place in stack.added}
    added = []
    for stack in stacks:
        if stack.added:
            values = [handed[place] for place in stack.added]
            lead = np.broadcast_shapes(*(v.shape[:-1] for v in values))
            full = [xp.broadcast_to(v, (*lead, v.shape[-1])) for v in values]
            total = xp.library.concat(full, axis=-1)
            if stack.outside:
                total = inputs[stack.operand] @ _side_by_side(xp, maps, stack.outside) + total
            added.append(total)
    return [value for place, value in enumerate(handed) if place not in taken], added


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
