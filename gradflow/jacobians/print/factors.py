"""A term as the factors a person writes: one scalar in front, then diagonals, maps and vectors."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from gradflow.cells.cell import Cell
from gradflow.cells.language.program import Map
from gradflow.cells.language.spaces import ONE
from gradflow.jacobians.terms import Term


@dataclass(frozen=True)
class Diagonal:
    """``diag(v)``."""

    vector: sp.Expr


@dataclass(frozen=True)
class Column:
    """``diag(v) 1``: the vector ``v`` itself."""

    vector: sp.Expr


@dataclass(frozen=True)
class Row:
    """``1^T diag(v)`` for a sum, ``(1/n) 1^T diag(v)`` for a mean: a transposed vector."""

    vector: sp.Expr
    mean: bool


Factor = Diagonal | Column | Row | Map


def is_scalar(cell: Cell, expression: sp.Basic) -> bool:
    """Whether an expression is one value for all units."""
    return all(cell.spaces.get(s.name, ONE) == ONE for s in expression.free_symbols)


def factors(cell: Cell, term: Term) -> tuple[sp.Expr, list[Factor]]:
    """Return the scalar factor of a term and its other factors from left to right."""
    scalar: sp.Expr = sp.S.One
    found: list[Factor] = []
    for position, diagonal in enumerate(term.diagonals):
        if is_scalar(cell, diagonal):
            scalar, vector = scalar * diagonal, sp.S.One
        else:
            content, vector = diagonal.primitive() if diagonal.is_Add else diagonal.as_coeff_Mul()
            if diagonal.is_Add and not content.is_Integer:
                content, vector = sp.S.One, diagonal
            scalar *= content
        before = found[-1] if found else None
        if vector != 1 and isinstance(before, Map) and before.kind in ("mean", "sum"):
            found[-1] = Row(vector, before.kind == "mean")
        elif vector != 1:
            found.append(Diagonal(vector))
        if position < len(term.maps):
            linear_map = term.maps[position]
            if linear_map.kind == "spread" and found and isinstance(found[-1], Diagonal):
                found[-1] = Column(found[-1].vector)
            else:
                found.append(linear_map)
    return scalar, found
