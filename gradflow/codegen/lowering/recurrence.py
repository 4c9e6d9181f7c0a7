"""Loops over time, split into what many steps can do at once and what each step must wait for.

Of one step of the cell, the products with the input need no earlier step; of one step of the
gradient, every factor but the covector is a function of states that are known. Those parts run
over many steps in one call, and only the rest waits for the step before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import sympy as sp
from sympy.logic.boolalg import Boolean

from gradflow.cells.cell import Cell
from gradflow.cells.language.names import Names
from gradflow.cells.language.syntax import symbol
from gradflow.codegen.lowering.calculus import lower_jvp, lower_step, lower_vjp, primal
from gradflow.codegen.lowering.routine import (
    Let,
    Matvec,
    Routine,
    Statement,
    common_space,
    live,
    reads,
    share,
)


@dataclass(frozen=True)
class Recurrence:
    """A loop over time.

    Parameters
    ----------
    before
        Routine for many steps at once; returns what ``each`` needs from it.
    each
        Routine for one step; its extra arguments are the carried symbols that are not state parts,
        then what ``before`` returns. Returns the carried symbols' next values.
    carried
        Symbols handed from step to step, in the order of the state parts.
    """

    before: Routine
    each: Routine
    carried: tuple[sp.Symbol, ...]

    @property
    def statements(self) -> list[Statement]:
        """All statements of a step."""
        return [*self.before.statements, *self.each.statements]


@dataclass(frozen=True)
class Push:
    """A loop over time that pushes states and tangent vectors forward together.

    Parameters
    ----------
    ahead
        The recurrence ``v_t = J_t v_{t-1}`` of a tangent vector; ``ahead.before`` needs states.
    states
        The recurrence of the state that also gives what ``ahead.before`` would return.
    """

    ahead: Recurrence
    states: Recurrence

    @property
    def routine(self) -> Routine:
        """One step of both: the new state, and ``J v`` for a change ``v`` of the old one."""
        new = self.states.each.returns[: len(self.states.carried)]
        spaces = {**self.ahead.each.spaces, **self.states.each.spaces}
        return Routine(
            name="push",
            summary="The new state, and the product J v of the step Jacobian with a change of the "
            "old.",
            statements=(*self.states.statements, *self.ahead.each.statements),
            returns=(*new, *self.ahead.each.returns),
            extra=tuple((s, spaces[s.name]) for s in self.ahead.carried),
            spaces=spaces,
        )


def forward(cell: Cell) -> Recurrence:
    """Return the recurrence of the state itself."""
    step = lower_step(cell)
    carried = _parts(cell)
    returns = step.returns[: len(carried)]
    statements = live(list(step.statements), set(returns))
    return _split(cell, "forward", step, statements, returns, carried, carried)


def pullback(cell: Cell) -> Recurrence:
    """Return the recurrence ``u_{t-1} = J_t^T u_t`` of a covector, last step first."""
    vjp = lower_vjp(cell)
    carried = tuple(s for s, _ in vjp.extra)
    joined = _joined(list(vjp.statements), set(carried), set(vjp.returns))
    return _split(cell, "pullback", vjp, joined, vjp.returns, carried, _parts(cell))


def push(cell: Cell) -> Push:
    """Return the recurrence of states and tangent vectors, first step first."""
    jvp = lower_jvp(cell)
    carried = tuple(s for s, _ in jvp.extra)
    joined = _joined(list(jvp.statements), set(carried), set(jvp.returns))
    ahead = _split(cell, "ahead", jvp, joined, jvp.returns, carried, _parts(cell))
    return Push(ahead, taped(cell, ahead))


def taped(cell: Cell, back: Recurrence) -> Recurrence:
    """Return the recurrence of the state that also gives what ``back.before`` would.

    ``each`` returns the new state parts, then what ``back.before`` returns. ``back`` is the
    recurrence of a covector or of a tangent vector.
    """
    carried = _parts(cell)
    step = lower_step(cell)
    new = step.returns[: len(carried)]
    statements = list(back.before.statements)
    made = {s.target for s in statements if isinstance(s, (Let, Matvec))}
    known = {s.expression: s.target for s in statements if isinstance(s, Let) and s.expression.args}
    for statement in (s for s in primal(cell) if s.target not in made):
        if isinstance(statement, Let):
            statement = replace(statement, expression=statement.expression.xreplace(known))
        statements.append(statement)
    returns = (*new, *back.before.returns)
    spaces = dict(back.before.spaces)
    names = Names([*spaces, *cell.linear_maps, *cell.parameters])
    # what a factor of the Jacobian and the new state both need is made once
    kept = share(live(statements, set(returns)), spaces, names)
    routine = replace(step, spaces=spaces)
    return _split(cell, "taped", routine, kept, returns, carried, carried)


def _parts(cell: Cell) -> tuple[sp.Symbol, ...]:
    """Return the symbols of the state parts."""
    return tuple(symbol(name) for name in cell.states)


def _joined(
    statements: list[Statement], carried: set[sp.Symbol], returns: set[sp.Symbol]
) -> list[Statement]:
    """Put a product with the covector that is read once into the statement that reads it.

    Then all its factors that do not move meet, and are multiplied for many steps at once.
    """
    moving = set(carried)
    pending: dict[sp.Symbol, Let] = {}
    result: list[Statement] = []
    readers = [s for statement in statements for s in reads(statement)]
    for statement in statements:
        if isinstance(statement, Let):
            inner = {s: pending.pop(s).expression for s in reads(statement) & pending.keys()}
            expression = statement.expression.xreplace(inner)
            statement = Let(statement.target, expression, statement.space)
        if isinstance(statement, (Let, Matvec)) and reads(statement) & moving:
            moving.add(statement.target)
            if (
                isinstance(statement, Let)
                and statement.expression.is_Mul
                and readers.count(statement.target) == 1
                and statement.target not in returns
                and _read_by_let(statements, statement)
            ):
                pending[statement.target] = statement
                continue
        result.append(statement)
    return result


def _read_by_let(statements: list[Statement], let: Let) -> bool:
    """Whether the one reader of ``let`` is elementwise in the same space, and reads it once."""
    reader = next(s for s in statements if let.target in reads(s))
    if not isinstance(reader, Let) or reader.space != let.space:
        return False
    return bool(reader.expression.count(let.target) == 1)


def _split(
    cell: Cell,
    name: str,
    routine: Routine,
    statements: list[Statement],
    returns: tuple[sp.Symbol, ...],
    carried: tuple[sp.Symbol, ...],
    states: tuple[sp.Symbol, ...],
) -> Recurrence:
    """Split the ``statements`` of a step by whether they read what is ``carried`` to it."""
    hoisting = _Hoisting(cell, routine.spaces, set(carried))
    before: list[Statement] = []
    each: list[Statement] = []
    for statement in statements:
        if not reads(statement) & hoisting.moving:
            before.append(statement)
            continue
        if isinstance(statement, Let):
            expression = hoisting.still_parts_named(statement.expression, before)
            statement = Let(statement.target, expression, statement.space)
        each.append(statement)
        hoisting.moving.add(statement.target)  # type: ignore[union-attr]
    made = {s.target for s in before}  # type: ignore[union-attr]
    wanted = {x for s in each for x in reads(s)} | set(returns)
    handed = tuple(sorted(made & wanted, key=lambda s: s.name))
    before = live(before, set(handed))
    spaces = hoisting.spaces
    extra = [*(s for s in carried if s not in states), *handed]
    return Recurrence(
        Routine(
            name=f"{name}_before",
            summary="What needs no other step.",
            statements=tuple(before),
            returns=handed,
            spaces=spaces,
        ),
        Routine(
            name=f"{name}_each",
            summary="What waits for the step before.",
            statements=tuple(each),
            returns=returns,
            extra=tuple((s, spaces[s.name]) for s in extra),
            spaces=spaces,
        ),
        carried,
    )


class _Hoisting:
    """Names for the largest subexpressions that do not move with the recurrence."""

    def __init__(self, cell: Cell, spaces: dict[str, str], moving: set[sp.Symbol]) -> None:
        self.spaces = dict(spaces)
        self._fresh = Names([*spaces, *cell.linear_maps]).numbered("k")
        self.moving = moving
        self._names: dict[tuple[sp.Expr, str], sp.Symbol] = {}

    def still_parts_named(self, expression: sp.Expr, before: list[Statement]) -> sp.Expr:
        """Return the expression with those parts replaced; append what computes them."""
        if isinstance(expression, Boolean) or expression.is_Symbol or expression.is_number:
            return expression
        if not expression.free_symbols & self.moving:
            return self._name(expression, before)
        if not isinstance(expression, (sp.Add, sp.Mul)):
            parts = [self.still_parts_named(a, before) for a in expression.args]
            return expression.func(*parts) if parts else expression
        still = [a for a in expression.args if not a.free_symbols & self.moving]
        moving = [a for a in expression.args if a.free_symbols & self.moving]
        parts = [self.still_parts_named(a, before) for a in moving]
        whole = expression.func(*still)
        return expression.func(self.still_parts_named(whole, before), *parts)

    def _name(self, expression: sp.Expr, before: list[Statement]) -> sp.Symbol:
        space = common_space(expression, self.spaces)
        if (expression, space) not in self._names:
            name = next(self._fresh)
            self.spaces[name] = space
            self._names[expression, space] = symbol(name)
            before.append(Let(symbol(name), expression, space))
        return self._names[expression, space]
