"""What is known about the values inside a cell: gates lie in [0, 1], tanh in [-1, 1], and so on.

:class:`Facts` turns a scalar expression of a cell into a polynomial. A value whose range is known
becomes a variable with hypotheses (``f >= 0``, ``1 - f >= 0``), which :class:`Values` holds; a
polynomial equation is written out; everything else (an LSTM's ``c``, an input, a parameter,
``U h``) is unbounded and enters by ``sup|c|``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

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


@dataclass(frozen=True)
class Values:
    """What is known about the values that some expressions are made of.

    Parameters
    ----------
    expressions
        What the name of each value stands for.
    ranges
        Polynomials that are at least 0, by value.
    points
        A number at which they are, by value.
    """

    expressions: Mapping[str, sp.Expr]
    ranges: Mapping[Variable, tuple[Polynomial, ...]]
    points: Mapping[Variable, Fraction]

    def hypotheses(self, polynomials: list[Polynomial]) -> tuple[Polynomial, ...]:
        """Return what is known (``>= 0``) about the variables of some polynomials."""
        used = sorted({v for p in polynomials for v in p.variables})
        return tuple(dict.fromkeys(h for v in used for h in self.ranges.get(v, ())))

    def point(self, hypotheses: tuple[Polynomial, ...]) -> tuple[tuple[Variable, Fraction], ...]:
        """Return a rational point at which hypotheses of this cell hold."""
        used = sorted({v for h in hypotheses for v in h.variables})
        return tuple((v, self.points.get(v, Fraction(1))) for v in used)

    def is_open(self, name: Variable) -> bool:
        """Whether a value is bounded by its supremum alone."""
        return any(v[0] == "sup" for h in self.ranges.get(name, ()) for v in h.variables)


@dataclass(frozen=True, repr=False)
class Facts:
    """The algebra of one cell under stated assumptions.

    Parameters
    ----------
    cell
        The declared cell.
    within_one
        State parts assumed to lie in [-1, 1];
        :func:`gradflow.proofs.bounding.invariants.unit_invariants` shows which do.
    least
        Gates for which ``min f`` and ``1 - min f`` may be used in bounds.
    """

    cell: Cell
    within_one: frozenset[str] = frozenset()
    least: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        """Return one line."""
        held = [*(f"|{p}| <= 1" for p in sorted(self.within_one)), *sorted(self.least)]
        return f"<Facts {', '.join([self.cell.name, *held])}>"

    @cached_property
    def equations(self) -> Mapping[sp.Symbol, sp.Expr]:
        """What each named value is, where it is no product with a map."""
        return {s.target: s.expression for s in self.cell.program if isinstance(s, Elementwise)}

    @cached_property
    def _printer(self) -> ExpressionText:
        return ExpressionText(self.cell)

    def polynomial(self, expression: sp.Basic) -> Polynomial:
        """Return an expression as a polynomial. Raises ``NotPolynomialError``."""
        return self._read(expression, {})

    def values(self, *expressions: sp.Basic) -> Values:
        """Return what is known of the values in expressions. Raises ``NotPolynomialError``."""
        seen: dict[sp.Basic, str] = {}
        for expression in expressions:
            self._read(expression, seen)
        ranges: dict[Variable, tuple[Polynomial, ...]] = {}
        points: dict[Variable, Fraction] = {}
        for expression, kind in seen.items():
            name = self.text(expression)
            ranges[("value", name)], points[("value", name)] = self._range(name, kind)
            points |= {("slack", name): Fraction(1)} if name in self.least else {}
        return Values({self.text(e): e for e in seen}, ranges, points)

    def _read(self, expression: sp.Basic, seen: dict[sp.Basic, str]) -> Polynomial:
        """Return a polynomial, and put the kind of each of its values into ``seen``."""
        if expression.is_Rational:
            return constant(Fraction(int(expression.p), int(expression.q)))
        if isinstance(expression, sp.Add):
            return total(self._read(a, seen) for a in expression.args)
        if isinstance(expression, sp.Mul):
            return product(self._read(a, seen) for a in expression.args)
        if isinstance(expression, sp.Pow):
            base, exponent = expression.args
            if exponent.is_Integer and exponent > 0:
                return self._read(base, seen) ** int(exponent)
        meant = self.equations.get(expression)
        kind = self.kind(expression)
        if meant is not None and not kind:
            return self._read(meant, seen)
        if not kind:
            raise NotPolynomialError(self.text(expression))
        seen[expression] = kind
        return variable("value", self.text(expression))

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
        return variable("sup", self.text(expression))

    def smallest(self, expression: sp.Expr) -> Polynomial:
        """Return the variable that stands for the least value of an expression."""
        return variable("least", self.text(expression))

    def known(self, name: str) -> bool:
        """Whether the value of an equation has a range that follows from its function."""
        return bool(self._kind(self.equations.get(symbol(name), sp.S.Zero)))

    def kind(self, expression: sp.Basic) -> str:
        """Return the range of a value, ``open`` if only its supremum bounds it, ``""`` if none."""
        meant = self.equations.get(expression, expression)
        kind = self._kind(meant)
        if kind or not expression.is_Symbol:
            return kind
        if meant is expression:
            return "symmetric" if expression.name in self.within_one else "open"
        return "open" if self.is_unbounded(meant) else ""

    def _open(self, name: sp.Symbol) -> bool:
        expression = self.equations.get(name)
        if expression is None:
            return name.name not in self.within_one
        return not self._kind(expression) and self.is_unbounded(expression)

    def _kind(self, expression: sp.Basic) -> str:
        """Return the range of an expression that is one call of a function, ``""`` if unknown."""
        function = record_of(expression)
        if function:
            return "" if function.range == "any" else function.range
        if isinstance(expression, choose) and {*expression.args[1:]} == {sp.S.Zero, sp.S.One}:
            return "binary"
        return ""

    def _range(self, name: str, kind: str) -> tuple[tuple[Polynomial, ...], Fraction]:
        """Return what is at least 0 for a value of some kind, and a number where it is."""
        x = variable("value", name)
        if kind == "unit":
            known, point = [x, ONE - x], Fraction(1, 2)
        elif kind == "symmetric":
            known, point = [ONE + x, ONE - x], Fraction(1, 2)
        elif kind == "binary":
            known, point = [x, ONE - x, x - x * x, x * x - x], Fraction(1)
        elif kind == "positive":
            known, point = [x], Fraction(1)
        else:
            height = variable("sup", name)
            known, point = [height - x, height + x, height], Fraction(0)
        if name in self.least:
            slack = variable("slack", name)
            known += [slack - ONE + x, slack]
        return tuple(known), point
