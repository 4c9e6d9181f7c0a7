"""Factors ``diag(d) + sum of u_k row_k`` multiplied out: plain terms and products of two vectors.

Each such factor of a term adds its ranks and no more terms than that: what stands left of ``u_k``
is applied to it, what stands right of a row is pulled back through, and the result is one column
times one row.
"""

from __future__ import annotations

from typing import Protocol

import sympy as sp

from gradflow.cells.language.program import Map, Slope, spread
from gradflow.cells.language.spaces import ONE
from gradflow.codegen.lowering.routine import Let, Matvec, Statement
from gradflow.jacobians.terms import Term


class Fresh(Protocol):
    """What makes names, and knows the space of each."""

    spaces: dict[str, str]

    def numbered(self, stem: str, space: str) -> sp.Symbol:
        """Return a new symbol of a space, its name a stem and a number."""


class WithoutSlopes:
    """Rewrites terms, and appends to ``statements`` what their columns and rows need."""

    def __init__(self, names: Fresh, statements: list[Statement]) -> None:
        self._names, self._statements = names, statements
        self._lets: dict[tuple[sp.Expr, str], sp.Symbol] = {}
        self._products: dict[tuple[Map, sp.Symbol, bool], sp.Symbol] = {}

    def terms(self, term: Term, out: str, into: str) -> list[Term]:
        """Return terms without slopes that add up to ``term``, from space ``into`` to ``out``."""
        place = next((i for i, m in enumerate(term.maps) if m.slope is not None), None)
        if place is None:
            return [term]
        slope = term.maps[place].slope
        assert slope is not None
        left, right = term.diagonals[: place + 1], term.diagonals[place + 1 :]
        before, after = term.maps[:place], term.maps[place + 1 :]
        found: list[Term] = []
        joint = left[-1] * slope.diagonal * right[0]
        if joint != 0:
            whole = Term((*left[:-1], joint, *right[1:]), before + after)
            found += self.terms(whole, out, into)
        for u, (e, reduction) in zip(slope.columns, slope.rows, strict=True):
            column = left[-1] * u
            for d, linear_map in zip(left[-2::-1], before[::-1], strict=True):
                column = d * self._product(linear_map, column, False)
            row = self._row(e, reduction) * right[0]
            for linear_map, d in zip(after, right[1:], strict=True):
                row = self._back(linear_map, row) * d
            found.append(_outer(column, self._named(row, into), out, into))
        return found

    def _row(self, e: sp.Expr, reduction: Map) -> sp.Expr:
        """Return ``M diag(e)`` as a vector."""
        if reduction.kind == "sum":
            return e
        return e * self._product(reduction, sp.S.One, True)

    def _back(self, linear_map: Map, row: sp.Expr) -> sp.Expr:
        """Return a row times a map, as a vector."""
        slope: Slope | None = linear_map.slope
        if slope is None:
            return self._product(linear_map, row, True)
        row = self._named(row, linear_map.out)
        result = slope.diagonal * row
        total = Map(name="sum", out=ONE, into=linear_map.out, kind="sum")
        for u, (e, reduction) in zip(slope.columns, slope.rows, strict=True):
            result += self._product(total, u * row, False) * self._row(e, reduction)
        return result

    def _product(self, linear_map: Map, operand: sp.Expr, transposed: bool) -> sp.Symbol:
        source, target = linear_map.into, linear_map.out
        if transposed:
            source, target = target, source
        given = self._named(operand, source)
        key = linear_map, given, transposed
        if key not in self._products:
            self._products[key] = self._names.numbered("p", target)
            self._statements.append(Matvec(self._products[key], linear_map, given, transposed))
        return self._products[key]

    def _named(self, value: sp.Expr, space: str) -> sp.Symbol:
        if value.is_Symbol and self._names.spaces[value.name] == space:
            return value
        if (value, space) not in self._lets:
            self._lets[value, space] = self._names.numbered("q", space)
            self._statements.append(Let(self._lets[value, space], value, space))
        return self._lets[value, space]


def _outer(column: sp.Expr, row: sp.Symbol, out: str, into: str) -> Term:
    """Return the matrix ``column row^T`` as a term."""
    total = Map(name="sum", out=ONE, into=into, kind="sum")
    if out == into == ONE:
        return Term((column * row,))
    if out == ONE:
        return Term((column, row), (total,))
    if into == ONE:
        return Term((column * row, sp.S.One), (spread(out),))
    return Term((column, sp.S.One, row), (spread(out), total))
