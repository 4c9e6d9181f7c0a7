"""Slopes that keep their digits: ``1 - tanh(a)^2`` and ``1 - sigmoid(a)`` without subtraction.

A derivative is printed in the names of the equations, ``1 - g**2`` for ``g = tanh(a)``. Computed
so, a saturated unit's slope loses its digits and then is 0, where the truth is ``4 exp(-2|a|)``.
Before a routine is printed, such differences become calls that take ``a`` itself; which functions
have one is in their records (``rest``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import sympy as sp
from sympy.logic.boolalg import Boolean

from gradflow.cells.language.functions import record_of
from gradflow.codegen.lowering.routine import Fill, Let, Statement

Meanings = Mapping[sp.Basic, sp.Expr]


def with_slopes(statements: Iterable[Statement]) -> list[Statement]:
    """Return statements with each ``1 - value**p`` as the function of the value's argument."""
    statements = list(statements)
    meanings = {s.target: s.expression for s in statements if isinstance(s, Let)}
    found: dict[sp.Basic, sp.Basic] = {}

    def whole(expression: sp.Expr) -> sp.Expr:
        return _kept(expression, meanings, found)

    def rewritten(statement: Statement) -> Statement:
        match statement:
            case Let():
                return replace(statement, expression=whole(statement.expression))
            case Fill():
                terms = (
                    replace(t, diagonals=tuple(map(whole, t.diagonals))) for t in statement.terms
                )
                return replace(statement, terms=tuple(terms))
        return statement

    return [rewritten(s) for s in statements]


def kept(expression: sp.Expr, meanings: Meanings) -> sp.Expr:
    """Return an expression with each such difference as the function; names are ``meanings``."""
    return _kept(expression, meanings, {})


def _kept(expression: sp.Expr, meanings: Meanings, found: dict[sp.Basic, sp.Basic]) -> sp.Expr:
    if not expression.args or isinstance(expression, Boolean):
        return expression
    if expression not in found:
        parts = [_kept(part, meanings, found) for part in expression.args]
        whole = expression.func(*parts) if tuple(parts) != expression.args else expression
        whole = _rests(whole, meanings) if whole.is_Add else whole
        found[expression] = _log(whole, meanings) if isinstance(whole, sp.log) else whole
    return found[expression]


def _rests(whole: sp.Expr, meanings: Meanings) -> sp.Expr:
    """Return ``c - c v + ...`` as ``c (1 - v) + ...``, where that has a function of its own.

    SymPy multiplies numbers into a sum of its own accord and joins sums, so ``c`` may be any number
    and may belong to several ``v``. Unless all of it is used up, nothing cancels.
    """
    constant, terms = whole.as_coeff_add()
    left, others, rests = constant, [], []
    for term in terms:
        factor, value = term.as_coeff_Mul()
        rest = _rest(value, meanings, -factor / left) if left != 0 else None
        if rest is None or abs(factor) > abs(left):
            others.append(term)
        else:
            left -= abs(factor) * sp.sign(left)
            rests.append(abs(factor) * sp.sign(constant) * rest)
    return sp.Add(*rests, *others) if rests and left == 0 else whole


def _rest(value: sp.Expr, meanings: Meanings, sign: sp.Expr) -> sp.Expr | None:
    """Return ``1 - value`` as a function of what ``value`` was computed from, if there is one.

    With a negative sign, ``1 + value``, where the value is of a function that is odd.
    """
    value = _meant(value, meanings)
    base, power = value.as_base_exp() if value.is_Pow else (value, sp.S.One)
    call = _meant(base, meanings)
    record = record_of(call)
    if record is None or (sign < 0 and not (record.odd and power % 2)):
        return None
    for p, made in record.rest:
        if p == power:
            return sp.sympify(made(*(a if sign > 0 else -a for a in call.args)))
    return None


def _log(whole: sp.Expr, meanings: Meanings) -> sp.Expr:
    """Return the log of a value as a function of the value's argument, if there is one."""
    call = _meant(whole.args[0], meanings)
    record = record_of(call)
    return whole if record is None or record.log is None else sp.sympify(record.log(*call.args))


def _meant(value: sp.Expr, meanings: Meanings) -> sp.Expr:
    """Return what the equations say a name stands for."""
    while value in meanings:
        value = meanings[value]
    return value
