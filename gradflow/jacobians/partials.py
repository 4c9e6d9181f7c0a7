"""Scalar derivatives of one elementwise statement, written with the names of the equations.

``d sigmoid(a) / d a`` of the equation ``f = sigmoid(a)`` comes out as ``f (1 - f)``: short to
print, and nothing is computed twice.
"""

from __future__ import annotations

import sympy as sp

from gradflow.cells.language.functions import relu, step
from gradflow.cells.language.program import Elementwise
from gradflow.errors import UsageError

_UNRESOLVED = (sp.Derivative, sp.Subs, sp.DiracDelta, sp.Heaviside)


def partial(statement: Elementwise, variable: sp.Symbol) -> sp.Expr:
    """Return the derivative of a statement's right-hand side with respect to one of its symbols.

    The value of the statement stands for its right-hand side, and for ``y = relu(a)`` the
    indicator ``1[a > 0]`` is written ``1[y > 0]``. Raises ``UsageError`` where SymPy has no
    derivative.
    """
    expression, target = statement.expression, statement.target
    derivative = sp.diff(expression, variable)
    if derivative.has(*_UNRESOLVED):
        raise UsageError(
            f"equation {target.name!r}: {expression} has no derivative with respect to "
            f"{variable.name!r} in closed form; use the functions listed in docs/declare.md."
        )
    if expression.is_Symbol or expression.is_number:
        return derivative
    names = {expression: target}
    if isinstance(expression, relu):
        names[step(expression.args[0])] = step(target)
    return derivative.xreplace(names)
