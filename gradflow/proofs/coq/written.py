"""Expressions in the functions of the Coq library: branches, extremes and remainders written out.

A branch is a sum: ``a if c else b`` is ``b + [c] (a - b)``, and the indicator ``[c]`` of a
comparison is made of ``step``, which is 1 above 0 and 0 elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp

from gradflow.cells.language.functions import floor, record_of, relu, step
from gradflow.cells.language.nodes import choose

_WRITTEN: dict[str, Callable[..., sp.Expr]] = {
    "Max": lambda a, b: b + relu(a - b),
    "Min": lambda a, b: b - relu(b - a),
    "Abs": lambda a: relu(a) + relu(-a),
    "sign": lambda a: step(a) - step(-a),
    "modulo": lambda a, b: a - b * floor(a / b),
}


def written(expression: sp.Basic) -> sp.Basic:
    """Return an expression in functions that the Coq library has.

    A defined function becomes its definition; what is left is refused where it is printed.
    """
    if isinstance(expression, choose):
        condition, a, b = expression.args
        yes, no = written(a), written(b)
        return no + indicator(condition) * (yes - no)
    if not expression.args:
        return expression
    args = [written(a) for a in expression.args]
    function = record_of(expression)
    if function is None or function.coq:
        return expression.func(*args) if args != list(expression.args) else expression
    if function.name in _WRITTEN:
        return sp.sympify(_WRITTEN[function.name](*args))
    if function.definition is None:
        return expression
    return written(sp.sympify(function.definition(*args)))


def indicator(condition: sp.Basic) -> sp.Expr:
    """Return 1 where a condition holds and 0 elsewhere, in ``step``."""
    if isinstance(condition, sp.Not):
        return 1 - indicator(condition.args[0])
    if isinstance(condition, sp.And):
        return sp.Mul(*map(indicator, condition.args))
    if isinstance(condition, sp.Or):
        return 1 - sp.Mul(*(1 - indicator(c) for c in condition.args))
    a, b = map(written, condition.args)
    return _COMPARED[type(condition)](a, b)


_COMPARED: dict[type[sp.Basic], Callable[[sp.Expr, sp.Expr], sp.Expr]] = {
    sp.StrictGreaterThan: lambda a, b: step(a - b),
    sp.StrictLessThan: lambda a, b: step(b - a),
    sp.GreaterThan: lambda a, b: 1 - step(b - a),
    sp.LessThan: lambda a, b: 1 - step(a - b),
    sp.Equality: lambda a, b: (1 - step(a - b)) * (1 - step(b - a)),
    sp.Unequality: lambda a, b: 1 - (1 - step(a - b)) * (1 - step(b - a)),
}
