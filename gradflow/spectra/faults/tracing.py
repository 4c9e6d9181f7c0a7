"""From a value that is not finite back to the operation that made it so, within one step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from gradflow.cells.cell import Cell
from gradflow.cells.language.program import Elementwise, Product, Statement
from gradflow.codegen.operations import CHOICE, NUMBER, SYMBOL, Operation, evaluated
from gradflow.jacobians.print.expression_text import ExpressionText
from gradflow.spectra.faults.fault import Fault, cause_of
from gradflow.spectra.numerics.logdomain import Floats

_GIVEN = {"state": "the initial state", "input": "the input", "parameter": "a parameter"}


@dataclass(frozen=True, eq=False)
class Step:
    """One step of one trajectory, every name of the program with its value (units,).

    ``number`` counts from 1; ``values`` holds state parts, inputs, vectors, scalars, ``t`` and
    what the program defines, ``maps`` the matrices that are given.
    """

    cell: Cell
    number: int
    values: Mapping[str, Floats]
    maps: Mapping[str, Floats]

    @cached_property
    def statements(self) -> dict[str, Statement]:
        """Each statement of the program by the name it defines, in its order."""
        return {s.target.name: s for s in self.cell.program}

    @cached_property
    def equations(self) -> dict[str, str]:
        """The equation to which each statement belongs, by the name it defines."""
        lines = {line.target for line in self.cell.lines}
        found: dict[str, str] = {}
        now = ""
        for name in reversed(self.statements):
            now = name if name in lines else now
            found[name] = now.removesuffix("_next")
        return found

    @cached_property
    def text(self) -> ExpressionText:
        """Prints expressions as the equations are written."""
        return ExpressionText(self.cell)

    def tree(self, name: str) -> Operation:
        """Return the expression of an elementwise statement, operation by operation."""
        statement = self.statements[name]
        assert isinstance(statement, Elementwise)
        return evaluated(statement.expression, self.values)


def value_fault(step: Step, name: str, unit: int, user: str = "") -> Fault:
    """Return what made entry ``unit`` of ``name`` NaN or infinite; ``user`` is who reads it."""
    statement = step.statements.get(name)
    if statement is None:
        return _given(step, name, unit, user)
    if isinstance(statement, Product):
        return _of_product(step, statement, unit)
    return operation_fault(step, step.tree(name), name, unit)


def _given(step: Step, name: str, unit: int, user: str) -> Fault:
    """Return the fault of a state part, an input or a parameter that is not finite itself."""
    cell = step.cell
    role = "state" if name in cell.states else "input" if name in cell.input_names else "parameter"
    array = step.values[name] if name in step.values else step.maps[name][unit]
    result = at(array, unit) if name in step.values else float(array[~np.isfinite(array)][0])
    word = "NaN" if np.isnan(result) else "infinity"
    return fault(
        step,
        equation=step.equations.get(user, name),
        operation=name,
        expression=name,
        arguments=(),
        result=result,
        unit=unit,
        cause=f"{word} in {_GIVEN[role]}",
    )


def operation_fault(step: Step, node: Operation, name: str, unit: int) -> Fault:
    """Return what made an operation of the statement ``name`` NaN or infinite at a unit."""
    if node.word == SYMBOL:
        return value_fault(step, node.expression.name, _within(node.value, unit), name)
    if node.word == CHOICE:
        assert node.taken is not None
        taken = bool(node.taken[_within(node.taken, unit)])
        return operation_fault(step, node.operands[0 if taken else 1], name, unit)
    arguments = tuple(at(o.value, unit) for o in node.operands)
    result = at(node.value, unit)
    not_numbers = [o for o, a in zip(node.operands, arguments, strict=True) if np.isnan(a)]
    infinite = [o for o, a in zip(node.operands, arguments, strict=True) if np.isinf(a)]
    if not_numbers:
        return operation_fault(step, not_numbers[0], name, unit)
    if infinite and np.isinf(result):
        return operation_fault(step, infinite[0], name, unit)
    origins = [o for o in infinite if o.word != NUMBER]
    return fault(
        step,
        equation=step.equations[name],
        operation=node.word,
        expression=step.text.doprint(node.expression),
        arguments=arguments,
        result=result,
        unit=unit,
        cause=cause_of(node.word, arguments),
        origin=operation_fault(step, origins[0], name, unit) if origins else None,
    )


def _of_product(step: Step, statement: Product, unit: int) -> Fault:
    """Return the fault of ``M v``: an entry of v, or of M, or the sum is too large."""
    name = statement.target.name
    operand = step.values[statement.operand.name]
    result = at(step.values[name], unit)
    weights = step.maps.get(statement.linear_map.name)
    if weights is not None and not np.isfinite(weights[unit]).all():
        return _given(step, statement.linear_map.name, unit, name)
    bad = np.flatnonzero(~np.isfinite(operand))
    if bad.size:
        nans = bad[np.isnan(operand[bad])]
        first = int(nans[0] if nans.size else bad[0])
        origin = value_fault(step, statement.operand.name, first, name)
        if nans.size or np.isinf(result):
            return origin
        lone = len(bad) == 1 if weights is None else bool((weights[unit, bad] == 0).any())
        cause = "0*inf" if lone else "inf - inf"
    else:
        origin, cause = None, "overflow"
    text = step.text.doprint(statement.target)
    return fault(
        step,
        equation=step.equations[name],
        operation=text,
        expression=text,
        arguments=(float(np.abs(operand).max()),),
        result=result,
        unit=unit,
        cause=cause,
        origin=origin,
    )


def fault(step: Step, *, kind: Literal["value", "slope"] = "value", **known: object) -> Fault:
    """Return a fault of this step of this cell."""
    return Fault(cell=step.cell.name, kind=kind, step=step.number, **known)  # type: ignore[arg-type]


def renamed(found: Fault, **changes: object) -> Fault:
    """Return a fault with fields changed, in those it comes from as well."""
    origin = None if found.origin is None else renamed(found.origin, **changes)
    return replace(found, origin=origin, **changes)  # type: ignore[arg-type]


def at(value: Floats, unit: int) -> float:
    """Return the entry of a unit of (units,), or of (1,) that all units share."""
    return float(value[_within(value, unit)])


def _within(value: np.ndarray[tuple[int], np.dtype[np.generic]], unit: int) -> int:
    return unit if len(value) > 1 else 0
