"""What is known about the values inside a cell: gates lie in [0, 1], tanh in [-1, 1], and so on.

:class:`Facts` turns a scalar expression of a cell into a polynomial. A value whose range is known
becomes a variable with hypotheses (``f >= 0``, ``1 - f >= 0``); a polynomial equation is written
out; everything else (an LSTM's ``c``, an input, a parameter, ``U h``) is unbounded and enters by
``sup|c|``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import sympy as sp

from gradflow.cells.cell import Cell
from gradflow.cells.language.functions import record_of
from gradflow.cells.language.nodes import choose
from gradflow.cells.language.program import Elementwise
from gradflow.cells.language.syntax import symbol
from gradflow.jacobians.print.expression_text import ExpressionText
from gradflow.proofs.algebra.polynomial import (
    ONE,
    Polynomial,
    Variable,
    constant,
    product,
    total,
    variable,
)


class NotPolynomialError(Exception):
    """An expression that is no polynomial in values of known range and unbounded values."""


@dataclass
class Facts:
    """The algebra of one cell under stated assumptions.

    Parameters
    ----------
    cell
        The declared cell.
    within_one
        State parts assumed to lie in [-1, 1];
        :func:`gradflow.proofs.bounding.invariants.invariants` shows which do.
    least
        Gates for which ``min f`` and ``1 - min f`` may be used in bounds.
    """

    cell: Cell
    within_one: frozenset[str] = frozenset()
    least: frozenset[str] = frozenset()
    expressions: dict[Variable, sp.Expr] = field(default_factory=dict)
    ranges: dict[Variable, tuple[Polynomial, ...]] = field(default_factory=dict)
    _points: dict[Variable, Fraction] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Look up what each name stands for."""
        self._printer = ExpressionText(self.cell)
        self.equations = {
            s.target: s.expression for s in self.cell.program if isinstance(s, Elementwise)
        }
        self._parts = {symbol(p) for p in self.within_one}

    def polynomial(self, expression: sp.Basic) -> Polynomial:
        """Return an expression as a polynomial. Raises ``NotPolynomialError``."""
        if expression.is_Rational:
            return constant(Fraction(int(expression.p), int(expression.q)))
        if isinstance(expression, sp.Add):
            return total(self.polynomial(a) for a in expression.args)
        if isinstance(expression, sp.Mul):
            return product(self.polynomial(a) for a in expression.args)
        if isinstance(expression, sp.Pow):
            base, exponent = expression.args
            if exponent.is_Integer and exponent > 0:
                return self.polynomial(base) ** int(exponent)
        if isinstance(expression, sp.Symbol):
            return self._name(expression)
        kind = self._kind(expression)
        if kind:
            return self._value(expression, kind)
        raise NotPolynomialError(self.text(expression))

    def text(self, expression: sp.Basic) -> str:
        """Return an expression as the cell prints it: ``h'`` is the new value of ``h``."""
        return str(self._printer.doprint(expression))

    def is_unbounded(self, expression: sp.Basic) -> bool:
        """Whether an expression has no value of known range in it."""
        return all(self._open(s) for s in expression.free_symbols) and not any(
            self._kind(e) for e in sp.preorder_traversal(expression)
        )

    def is_given(self, expression: sp.Basic) -> bool:
        """Whether an expression is made of parameters and constants alone."""
        given = (*self.cell.parameters, *self.cell.constant_names)
        return all(s.name in given for s in expression.free_symbols)

    def is_signed(self, name: sp.Symbol) -> bool:
        """Whether the value of an equation may be negative."""
        return self._kind(self.equations[name]) == "symmetric"

    def sup(self, expression: sp.Expr) -> Polynomial:
        """Return the variable that stands for ``sup |expression|`` over units and steps."""
        name = ("sup", self.text(expression))
        self.expressions[name] = expression
        return variable(*name)

    def smallest(self, expression: sp.Expr) -> Polynomial:
        """Return the variable that stands for the least value of an expression."""
        name = ("least", self.text(expression))
        self.expressions[name] = expression
        return variable(*name)

    def hypotheses(self, polynomials: list[Polynomial]) -> tuple[Polynomial, ...]:
        """Return what is known (``>= 0``) about the variables of some polynomials."""
        used = sorted({v for p in polynomials for v in p.variables})
        return tuple(dict.fromkeys(h for v in used for h in self.ranges.get(v, ())))

    def point(self, hypotheses: tuple[Polynomial, ...]) -> tuple[tuple[Variable, Fraction], ...]:
        """Return a rational point at which hypotheses of this cell hold."""
        used = sorted({v for h in hypotheses for v in h.variables})
        return tuple((v, self._points.get(v, Fraction(1))) for v in used)

    def known(self, name: str) -> bool:
        """Whether the value of an equation has a range that follows from its function."""
        return bool(self._kind(self.equations.get(symbol(name), sp.S.Zero)))

    def _open(self, name: sp.Symbol) -> bool:
        expression = self.equations.get(name)
        if expression is None:
            return name not in self._parts
        return not self._kind(expression) and self.is_unbounded(expression)

    def _name(self, name: sp.Symbol) -> Polynomial:
        expression = self.equations.get(name)
        if expression is None:
            return self._value(name, "symmetric" if name in self._parts else "open")
        kind = self._kind(expression)
        if kind:
            return self._value(name, kind)
        if self.is_unbounded(expression):
            return self._value(name, "open")
        return self.polynomial(expression)

    def _kind(self, expression: sp.Basic) -> str:
        """Return the range of an expression that is one call of a function, ``""`` if unknown."""
        function = record_of(expression)
        if function:
            return "" if function.range == "any" else function.range
        if isinstance(expression, choose) and {*expression.args[1:]} == {sp.S.Zero, sp.S.One}:
            return "binary"
        return ""

    def _value(self, expression: sp.Expr, kind: str) -> Polynomial:
        name = ("value", self.text(expression))
        self.expressions[name] = expression
        x = variable(*name)
        if name in self.ranges:
            return x
        if kind == "unit":
            known, point = [x, ONE - x], Fraction(1, 2)
        elif kind == "symmetric":
            known, point = [ONE + x, ONE - x], Fraction(1, 2)
        elif kind == "binary":
            known, point = [x, ONE - x, x - x * x, x * x - x], Fraction(1)
        elif kind == "positive":
            known, point = [x], Fraction(1)
        else:
            height = self.sup(expression)
            known, point = [height - x, height + x, height], Fraction(0)
        if name[1] in self.least:
            slack = variable("slack", name[1])
            known += [slack - ONE + x, slack]
            self._points[("slack", name[1])] = Fraction(1)
            self.expressions[("slack", name[1])] = expression
        self.ranges[name] = tuple(known)
        self._points[name] = point
        return x
