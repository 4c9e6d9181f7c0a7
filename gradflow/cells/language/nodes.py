"""The two nodes of a cell's expressions that are no function of one unit's values."""

from __future__ import annotations

import sympy as sp
from sympy.core.symbol import Str


class Apply(sp.Expr):
    """Entry *i* of ``W v``: the only node of an expression that mixes units.

    ``args`` are the symbol of the linear map, the expression it acts on, and the size of that
    expression as its author wrote it (``sum(1 + 0 * h)`` counts the units of ``h``).
    """

    is_commutative = True
    is_real = True

    def __new__(cls, linear_map: sp.Symbol, operand: sp.Expr, size: Str) -> Apply:
        """Make the node without evaluating anything."""
        node: Apply = sp.Expr.__new__(cls, linear_map, sp.sympify(operand), size)
        return node

    @property
    def linear_map(self) -> sp.Symbol:
        """Symbol of the linear map."""
        return self.args[0]

    @property
    def operand(self) -> sp.Expr:
        """Expression the map acts on."""
        return self.args[1]

    @property
    def size(self) -> str:
        """Name of the space the operand lives in."""
        return str(self.args[2].name)


class choose(sp.Expr):
    """``a`` where a condition holds and ``b`` elsewhere; derivatives are taken in each branch.

    SymPy's ``Piecewise`` would rewrite the conditions, and solve them where it can.
    """

    is_commutative = True
    is_real = True

    def __new__(cls, condition: sp.Basic, a: sp.Expr, b: sp.Expr) -> sp.Expr:
        """Choose at once where the condition is known or the branches are equal."""
        condition, a, b = sp.sympify(condition), sp.sympify(a), sp.sympify(b)
        if condition == sp.true or a == b:
            return a
        return b if condition == sp.false else sp.Expr.__new__(cls, condition, a, b)

    def _eval_derivative(self, symbol: sp.Symbol) -> sp.Expr:
        condition, a, b = self.args
        return choose(condition, sp.diff(a, symbol), sp.diff(b, symbol))
