"""Scalar expressions and polynomials of a cell as Coq terms.

Every name gets a prefix by its role (``v_f`` an equation, ``p_U_f`` a parameter, ``x_x`` an input),
so no name of a cell meets another one or a word of Coq.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cached_property

import sympy as sp

from gradflow.cells.cell import Cell
from gradflow.cells.language.functions import record_of
from gradflow.cells.language.nodes import choose
from gradflow.cells.language.program import Elementwise, Map, Product, Statement, Summand
from gradflow.cells.language.spaces import ONE
from gradflow.cells.language.syntax import TIME, symbol
from gradflow.jacobians.derive import Calls, Derivatives, accumulate
from gradflow.jacobians.print.expression_text import map_text
from gradflow.jacobians.sites import Site, sites_of
from gradflow.jacobians.terms import Term
from gradflow.proofs.algebra.polynomial import Polynomial, Variable
from gradflow.proofs.coq.written import written


class NotExportedError(Exception):
    """A cell that uses something the Coq library has no rule for."""


class CoqTerms:
    """Prints the expressions of one cell."""

    def __init__(self, cell: Cell) -> None:
        """Find out which names depend on the state, and which the file takes as given."""
        self.cell = cell
        self.parts = {symbol(p): k for k, p in enumerate(cell.states)}
        self.moving: set[sp.Symbol] = set(self.parts)
        self.given: dict[sp.Symbol, Statement] = {}
        self.statements: list[Statement] = []
        for statement in cell.program:
            if _reads(statement) & self.moving:
                self.moving.add(statement.target)
                self.statements.append(statement)
            elif self._expressible(statement):
                self.statements.append(statement)
            else:
                self.given[statement.target] = statement

    @cached_property
    def _calls(self) -> tuple[tuple[Site, ...], Calls]:
        return sites_of(self.cell, self.moving)

    @property
    def sites(self) -> tuple[Site, ...]:
        """The calls whose derivative is one map."""
        return self._calls[0]

    @property
    def inside(self) -> frozenset[sp.Symbol]:
        """The names inside such calls, which have no tangent of their own."""
        return self._calls[1].hidden

    @cached_property
    def slopes(self) -> dict[Map, str]:
        """The Coq names of the derivatives of calls."""
        return {
            m: slope_name(site, site.arguments.index(argument))
            for site in self.sites
            for argument, m in site.maps.items()
        }

    @cached_property
    def tangents(self) -> Derivatives:
        """The normal form of every name's derivative with respect to the state parts."""
        return accumulate(self.cell, self.parts, (), self._calls[1])

    def _expressible(self, statement: Statement) -> bool:
        try:
            if isinstance(statement, Elementwise):
                self.scalar(statement.expression, "s", self.cell.spaces[statement.target.name])
            else:
                self.map(statement.linear_map)
        except NotExportedError:
            return False
        return not _is_clock(statement)

    def size(self, space: str) -> str:
        """Return the Coq name of a size; a space of one unit has size 1."""
        return "1%nat" if space == ONE else f"n_{space}"

    def map(self, linear_map: Map) -> str:
        """Return a linear map's matrix; one that follows from a rule may be any matrix.

        The largest unit is left out of what does not depend on it. Raises ``NotExportedError`` for
        a map that the library has no form for.
        """
        if linear_map.kind in ("learned", "constant", "fixed"):
            return f"p_{linear_map.name}"
        if linear_map.summands:
            return f"(fun i j => {' + '.join(map(self.summand, linear_map.summands))})"
        if linear_map.kind not in _ALIKE:
            raise NotExportedError(f"the map {map_text(linear_map)} ({linear_map.kind})")
        entry = f"/ INR {self.size(linear_map.into)}"
        return f"(fun _ _ => {_ALIKE[linear_map.kind] or entry})"

    def summand(self, summand: Summand) -> str:
        """Return entry ``i``, ``j`` of a summand of a sum of maps."""
        places = "j i" if summand.transposed else "i j"
        factor = number(Fraction(int(summand.factor.p), int(summand.factor.q)))
        return f"{factor} * {self.map(summand.linear_map)} {places}"

    def product(self, linear_map: Map, vector: str, state: str) -> str:
        """Return a map applied to a vector; the derivative of a call has a name of its own."""
        if linear_map in self.slopes:
            return f"{self.slopes[linear_map]} t {state} {vector}"
        return f"mat {self.size(linear_map.into)} {self.map(linear_map)} {vector}"

    def vector(self, name: sp.Symbol, state: str) -> str:
        """Return a named vector at step ``t`` and state ``state``."""
        if name in self.parts:
            return f"({state} {self.parts[name]}%nat)"
        if name in self.given:
            return f"(u_{name} t)"
        if name.name in self.cell.input_names:
            return f"(x_{name} t)"
        if name.name in (*self.cell.parameters, *self.cell.constant_names):
            return f"p_{name}"
        return f"(v_{name} t {state})" if name in self.moving else f"(v_{name} t)"

    def entry(self, name: sp.Symbol, state: str, space: str) -> str:
        """Return entry ``i`` of a named vector inside an equation of a space."""
        own = self.cell.spaces[name.name]
        known = (*self.cell.parameters, *self.cell.constant_names)
        if own == ONE and name.name in known:
            return f"p_{name}"
        index = "0%nat" if own == ONE and space != ONE else "i"
        return f"{self.vector(name, state)} {index}"

    def scalar(self, expression: sp.Basic, state: str, space: str) -> str:
        """Return a scalar expression for unit ``i``. Raises ``NotExportedError``."""
        expression = written(expression)

        def show(e: sp.Basic) -> str:
            if e.is_Rational:
                return number(Fraction(int(e.p), int(e.q)))
            if e in _NUMBERS:
                return _NUMBERS[e]
            if isinstance(e, sp.Symbol):
                return f"({self.entry(e, state, space)})"
            if isinstance(e, (sp.Add, sp.Mul)):
                sign = " + " if isinstance(e, sp.Add) else " * "
                return f"({sign.join(show(a) for a in e.args)})"
            if isinstance(e, sp.Pow) and (2 * e.exp).is_Integer:
                whole, half = divmod(abs(int(2 * e.exp)), 2)
                powers = [f"{show(e.base)} ^ {whole}"] if whole else []
                text = " * ".join([*powers, *([f"sqrt {show(e.base)}"] if half else [])])
                return f"({text})" if e.exp > 0 else f"(/ ({text}))"
            function = record_of(e)
            if function and function.coq:
                return f"({function.coq} {show(e.args[0])})"
            raise NotExportedError(str(e))

        return show(expression)

    def term(self, term: Term, tangent: str, state: str, space: str) -> str:
        """Return unit ``i`` of a Jacobian term applied to the vector ``tangent``."""
        spaces = [space, *(m.into for m in term.maps)]
        return self._apply(term, tangent, state, spaces, 0)

    def _apply(self, term: Term, tangent: str, state: str, spaces: list[str], level: int) -> str:
        diagonal = term.diagonals[level]
        if level == len(term.maps):
            inner = f"{tangent} i"
        else:
            linear_map = term.maps[level]
            last = level + 1 == len(term.maps) and term.diagonals[level + 1] == 1
            operand = (
                tangent
                if last
                else f"(fun i => {self._apply(term, tangent, state, spaces, level + 1)})"
            )
            inner = f"{self.product(linear_map, operand, state)} i"
        if diagonal == 1:
            return inner
        return f"{self.scalar(diagonal, state, spaces[level])} * {inner}"


_ALIKE = {"mean": "", "sum": "1", "spread": "1", "largest": "0"}
"""Maps whose entries are all alike; those of a mean depend on its size."""

_NUMBERS: dict[sp.Basic, str] = {sp.pi: "PI", TIME: "INR (S t)"}
"""What stands for itself in every unit; a file counts steps from 0, equations from 1."""


def _reads(statement: Statement) -> set[sp.Symbol]:
    if isinstance(statement, Product):
        return {statement.operand}
    return set(statement.expression.free_symbols)


def slope_name(site: Site, place: int) -> str:
    """Return the Coq name of the derivative of a call by an argument."""
    return f"s_{site.value}_{place}"


def _is_clock(statement: Statement) -> bool:
    """Whether a value is 0 or 1 by a condition that looks at the time."""
    return (
        isinstance(statement, Elementwise)
        and isinstance(statement.expression, choose)
        and {*statement.expression.args[1:]} == {sp.S.Zero, sp.S.One}
        and TIME in statement.expression.free_symbols
    )


def number(value: Fraction) -> str:
    """Return a rational number as a real of Coq."""
    if value.denominator == 1:
        return str(value) if value >= 0 else f"({value})"
    return f"({value.numerator} / {value.denominator})"


def polynomial(poly: Polynomial, name: Callable[[Variable], str]) -> str:
    """Return a polynomial, its variables by ``name``."""
    parts = []
    for monomial, coefficient in poly.terms:
        factors = [name(v) + (f" ^ {p}" if p > 1 else "") for v, p in monomial]
        if coefficient != 1 or not factors:
            factors.insert(0, number(coefficient))
        parts.append(" * ".join(factors))
    return f"({' + '.join(parts)})" if parts else "0"
