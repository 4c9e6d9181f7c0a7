"""Scalar expressions of declared cells, and the derivatives of their functions, as slots."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from functools import reduce
from typing import Any

import sympy as sp

from gradflow.cells.cell import Cell
from gradflow.cells.language.functions import FUNCTIONS, record_of
from gradflow.cells.language.nodes import choose
from gradflow.cells.language.syntax import TIME
from gradflow.errors import UsageError
from gradflow.proofs.certified.program.slots import Slots
from gradflow.proofs.certified.program.steps import Operation

WHOLE = ("sigmoid", "relu")
"""Functions that stay one operation although they have a definition by others."""


def expression(slots: Slots, e: sp.Basic, found: Mapping[Any, int], size: int, cell: Cell) -> int:
    """Return the slot of a scalar expression in named values."""

    def show(a: sp.Basic) -> int:
        return slots.spread(expression(slots, a, found, size, cell), size)

    if e.is_Rational:
        return slots.add(Operation("constant", numbers=(Fraction(int(e.p), int(e.q)),)), 1)
    if e == TIME:
        slots.clock = slots.leaf("t", 1)
        return slots.clock
    if isinstance(e, sp.Symbol):
        return found[e] if e in found else found[e.name]
    if isinstance(e, sp.Add):
        constant = sum((a for a in e.args if a.is_Rational), sp.S.Zero)
        rest = [a for a in e.args if not a.is_Rational]
        shift = Fraction(int(constant.p), int(constant.q))
        if len(rest) == 1:
            factor, one = _factor(rest[0])
            return slots.scale(show(one), factor, shift)
        total = show(rest[0])
        for a in rest[1:]:
            total = slots.pair("add", total, show(a), size)
        return slots.scale(total, Fraction(1), shift)
    if isinstance(e, sp.Mul):
        factor, one = _factor(e)
        if factor != 1:
            return slots.scale(show(one), factor, Fraction(0))
        total = show(e.args[0])
        for a in e.args[1:]:
            total = slots.pair("mul", total, show(a), size)
        return total
    if isinstance(e, sp.Pow):
        return _power(slots, e, show, size)
    if isinstance(e, choose):
        return _choice(slots, e.args[0], e.args[1], e.args[2], show, size)
    record = record_of(e)
    if record is None and e in (sp.pi, sp.E):
        return slots.add(Operation("constant", name=str(e)), 1)
    if record is None:
        raise UsageError(
            f"{slots.what}: cell {cell.name!r} uses {e}, for which no rule is known; write it "
            "by the functions of the language."
        )
    arguments = tuple(show(a) for a in e.args)
    definition = slots.written.get(record.name, record.definition)
    whole = record.balls or record.name in WHOLE
    if definition is not None and (record.name in slots.written or not whole):
        free = [sp.Dummy(real=True) for _ in arguments]
        names = {**found, **dict(zip(free, arguments, strict=True))}
        return expression(slots, sp.sympify(definition(*free)), names, size, cell)
    return slots.function(record.name, arguments, size)


def _power(slots: Slots, e: sp.Pow, show: Callable[[sp.Basic], int], size: int) -> int:
    """Return a power: repeated products, roots, inverses, or through the logarithm."""
    base, exponent = show(e.base), e.exp
    if (2 * exponent).is_Integer:
        whole, half = divmod(abs(int(2 * exponent)), 2)
        factors = [base] * whole
        if half:
            factors.append(slots.function("sqrt", (base,), size))
        total = reduce(lambda a, b: slots.pair("mul", a, b, size), factors)
        return total if exponent > 0 else slots.function("inverse", (total,), size)
    log = slots.function("log", (base,), size)
    return slots.function("exp", (slots.pair("mul", show(exponent), log, size),), size)


def _choice(slots: Slots, condition: sp.Basic, a: Any, b: Any, show: Any, size: int) -> int:
    """Return the slot of a choice; conditions of several parts become several choices."""
    taken = a if isinstance(a, int) else show(a)
    other = b if isinstance(b, int) else show(b)
    if isinstance(condition, sp.Not):
        return _choice(slots, condition.args[0], other, taken, show, size)
    if isinstance(condition, (sp.And, sp.Or)):
        total = taken if isinstance(condition, sp.And) else other
        for one in condition.args:
            pair = (total, other) if isinstance(condition, sp.And) else (taken, total)
            total = _choice(slots, one, *pair, show, size)
        return total
    sides = (show(condition.lhs), show(condition.rhs))
    return slots.add(Operation("choose", (*sides, taken, other), condition.rel_op), size)


def differentiate(slots: Slots, new: Iterable[int], cell: Cell) -> None:
    """Add the derivatives of the functions that the slots of the new state need."""
    made = {k: o for o, k in slots.made.items()}
    waiting = list(new)
    while waiting:
        slot = waiting.pop()
        operation = made.get(slot)
        if operation is None or slot in slots.slopes:
            continue
        waiting += operation.operands
        if operation.kind == "function":
            slots.slopes[slot] = _slopes(slots, slot, operation, cell)


def _slopes(slots: Slots, slot: int, o: Operation, cell: Cell) -> tuple[int, ...]:
    size = slots.size[slot]
    if o.name == "exp":
        return (slot,)
    if o.name == "inverse":
        return (slots.scale(slots.pair("mul", slot, slot, size), Fraction(-1), Fraction(0)),)
    if o.name in ("sigmoid", "tanh"):
        times = Fraction(2 if o.name == "tanh" else 1)
        inner = slots.scale(o.operands[0], times, Fraction(0))
        slope = slots.function("sigmoid slope", (inner,), size)
        return (slots.scale(slope, times * times, Fraction(0)),)
    if o.name in ("sqrt", "log"):
        of = slot if o.name == "sqrt" else o.operands[0]
        inverse = slots.function("inverse", (of,), size)
        half = Fraction(1, 2) if o.name == "sqrt" else Fraction(1)
        return (slots.scale(inverse, half, Fraction(0)),)
    free = [sp.Dummy(real=True) for _ in o.operands]
    own = sp.Dummy(real=True)
    called = FUNCTIONS.get(o.name).sympy(*free)
    names: dict[Any, int] = {**dict(zip(free, o.operands, strict=True)), own: slot}
    return tuple(
        slots.spread(
            expression(slots, sp.diff(called, a).xreplace({called: own}), names, size, cell), size
        )
        for a in free
    )


def _factor(e: sp.Expr) -> tuple[Fraction, sp.Expr]:
    """Split a rational factor off."""
    factor, rest = e.as_coeff_Mul(rational=True)
    return Fraction(int(factor.p), int(factor.q)), rest
