"""Scalar expressions and polynomials of a cell as Coq terms.

Every name gets a prefix by its role (``v_f`` an equation, ``p_U_f`` a parameter, ``x_x`` an input),
so no name of a cell meets another one or a word of Coq.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import sympy as sp

from gradflow.cells.cell import Cell
from gradflow.cells.language.functions import record_of, relu, step
from gradflow.cells.language.program import Elementwise, Map, Product, Statement
from gradflow.cells.language.spaces import ONE
from gradflow.cells.language.syntax import TIME, symbol
from gradflow.jacobians.print.expression_text import map_text
from gradflow.jacobians.terms import Term
from gradflow.proofs.algebra.polynomial import Polynomial, Variable


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

    def _expressible(self, statement: Statement) -> bool:
        try:
            if isinstance(statement, Elementwise):
                self.scalar(statement.expression, "s", self.cell.spaces[statement.target.name])
            else:
                self.map(statement.linear_map)
        except NotExportedError:
            return False
        return not _reads(statement) & {TIME}

    def size(self, space: str) -> str:
        """Return the Coq name of a size; a space of one unit has size 1."""
        return "1%nat" if space == ONE else f"n_{space}"

    def map(self, linear_map: Map) -> str:
        """Return a linear map's matrix; one that follows from a rule may be any matrix.

        Raises ``NotExportedError`` for a map that the library has no form for.
        """
        if linear_map.kind in ("learned", "constant", "fixed"):
            return f"p_{linear_map.name}"
        if linear_map.kind not in ("mean", "sum", "spread"):
            raise NotExportedError(f"the map {map_text(linear_map)} ({linear_map.kind})")
        entry = f"/ INR {self.size(linear_map.into)}" if linear_map.kind == "mean" else "1"
        return f"(fun _ _ => {entry})"

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
            if isinstance(e, sp.Symbol) and e != TIME:
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
            inner = f"mat {self.size(linear_map.into)} {self.map(linear_map)} {operand} i"
        if diagonal == 1:
            return inner
        return f"{self.scalar(diagonal, state, spaces[level])} * {inner}"


def written(expression: sp.Basic) -> sp.Basic:
    """Return an expression in functions that the Coq library has.

    ``Max``, ``Abs`` and their like become sums of ``relu`` and ``step``, a defined function its
    definition; what is left is refused where it is printed.
    """
    if not expression.args:
        return expression
    args = [written(a) for a in expression.args]
    function = record_of(expression)
    if function is None or function.coq:
        return expression.func(*args) if args != list(expression.args) else expression
    if function.name in _BY_RELU:
        return sp.sympify(_BY_RELU[function.name](*args))
    if function.definition is None or function.name in _PLAIN:
        return expression
    return written(sp.sympify(function.definition(*args)))


_BY_RELU: dict[str, Callable[..., sp.Expr]] = {
    "Max": lambda a, b: b + relu(a - b),
    "Min": lambda a, b: b - relu(b - a),
    "Abs": lambda a: relu(a) + relu(-a),
    "sign": lambda a: step(a) - step(-a),
}
_PLAIN = frozenset({"modulo"})


def _reads(statement: Statement) -> set[sp.Symbol]:
    if isinstance(statement, Product):
        return {statement.operand}
    return set(statement.expression.free_symbols)


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
