"""From a derivative that is not finite back to the operation whose slope made it so, in one step.

A slope is NaN or infinite because the slope of some operation on the way is (a root at 0, an
overflow that a later tanh hides), and then 0 times it is NaN; or because a product of finite slopes
is too large. Branches that are not taken have no slope here, as in what gradflow compiles.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from gradflow.cells.language.program import Product
from gradflow.codegen.operations import CHOICE, NUMBER, SYMBOL, Bools, Operation, slope_of
from gradflow.spectra.faults.fault import CHAIN_RULE, Fault, cause_of
from gradflow.spectra.faults.tracing import Step, at, fault, operation_fault, renamed


@dataclass(frozen=True, eq=False, kw_only=True)
class _Suspect:
    """An operation whose slope by operand ``place`` is not finite at ``unit``."""

    name: str
    node: Operation
    place: int
    unit: int
    slope: float


def slope_fault(step: Step, wanted: Mapping[str, Bools], by: str) -> Fault:
    """Return what made the derivative of a step by ``by`` NaN or infinite.

    ``wanted`` are the units (units,) of new state parts, by the name of their equation, whose
    derivatives by the state part or parameter ``by`` are not finite.
    """
    moved = _moved(step, by)
    found, beside = _first(step, wanted, moved, False), False
    if found is None:  # an equation of its own is computed where no branch takes it, and 0 times it
        found, beside = _first(step, wanted, moved, True), True
    if found is None:
        part = next(iter(wanted))
        return fault(
            step,
            kind="slope",
            equation=step.equations[part],
            operation=CHAIN_RULE,
            expression=f"the product of the slopes from {by} to {step.equations[part]}",
            arguments=(),
            result=np.inf,
            unit=int(np.flatnonzero(wanted[part])[0]),
            cause="overflow",
            wrt=by,
        )
    return replace(_told(step, found, by), untaken=beside)


def _told(step: Step, found: _Suspect, by: str) -> Fault:
    node, unit = found.node, found.unit
    operand = node.operands[found.place]
    left = [o for o in (operand, node) if not np.isfinite(at(o.value, unit))]
    if left:  # a value has left the numbers, and what reads it keeps the state finite
        return renamed(operation_fault(step, left[0], found.name, unit), kind="slope", wrt=by)
    arguments = tuple(at(o.value, unit) for o in node.operands)
    return fault(
        step,
        kind="slope",
        equation=step.equations[found.name],
        operation=node.word,
        expression=step.text.doprint(node.expression),
        arguments=arguments,
        result=found.slope,
        unit=unit,
        cause=_cause(node.word, found.place, arguments),
        wrt=by,
    )


def _cause(word: str, place: int, arguments: tuple[float, ...]) -> str:
    if word == "**" and place == 1 and arguments[0] <= 0:
        return "logarithm of 0" if arguments[0] == 0 else "logarithm of a negative number"
    if word in ("sqrt", "**") and arguments[0] == 0:
        root = word == "sqrt" or 0 < arguments[1] < 1
        return "slope of a root at 0" if root else "0/0"
    if word == "/" and arguments[1] == 0:
        return cause_of(word, arguments)
    return "overflow"


def _moved(step: Step, by: str) -> set[str]:
    """Return the names that depend on a state part or parameter within a step."""
    found = {by}
    for name, statement in step.statements.items():
        if isinstance(statement, Product):
            used = {statement.operand.name, statement.linear_map.name}
        else:
            used = {s.name for s in statement.expression.free_symbols}
        if used & found:
            found.add(name)
    return found


def _first(
    step: Step, wanted: Mapping[str, Bools], moved: set[str], untaken: bool
) -> _Suspect | None:
    """Return the first operation in the order of the program that the wanted units pass through."""
    masks = dict(wanted)
    last = None
    for name in reversed(step.statements):
        mask = masks.get(name)
        if mask is None or name not in moved or not mask.any():
            continue
        statement = step.statements[name]
        if isinstance(statement, Product):
            reached = np.ones(step.values[statement.operand.name].shape, dtype=bool)
            masks[statement.operand.name] = reached
            continue
        tree = step.tree(name)
        last = next(_suspects(name, tree, mask, moved, untaken), last)
        for used, units in _read(tree, mask, untaken):
            masks[used] = masks[used] | units if used in masks else units
    return last


def _suspects(
    name: str, node: Operation, mask: Bools, moved: set[str], untaken: bool
) -> Iterator[_Suspect]:
    """Yield operations with slope or value not finite at units of ``mask``, operands first."""
    if node.word in (SYMBOL, NUMBER):
        return
    for operand, units in node.branches(mask, untaken):
        yield from _suspects(name, operand, units, moved, untaken)
    if node.word == CHOICE:
        return
    for place, operand in enumerate(node.operands):
        if not any(s.name in moved for s in operand.expression.free_symbols):
            continue
        slope = slope_of(node, place)
        bad = np.flatnonzero(mask & ~(np.isfinite(slope) & np.isfinite(node.value)))
        if bad.size:
            unit = int(bad[0])
            yield _Suspect(name=name, node=node, place=place, unit=unit, slope=at(slope, unit))


def _read(node: Operation, mask: Bools, untaken: bool) -> Iterator[tuple[str, Bools]]:
    """Yield the names an expression reads with the units of them that ``mask`` reaches."""
    if node.word == SYMBOL:
        shared = len(node.value) == 1 and len(mask) > 1
        yield node.expression.name, np.array([mask.any()]) if shared else mask
        return
    for operand, units in node.branches(mask, untaken):
        yield from _read(operand, units, untaken)
