"""Diagonals, columns and rows in LaTeX; one too wide for a line as a product of narrower ones."""

from __future__ import annotations

import sympy as sp

from gradflow.cells.breaking import INDENT, TEXT_WIDTH, estimated_width
from gradflow.jacobians.print.expression_latex import ExpressionLatex, split_fraction
from gradflow.jacobians.print.factors import Column, Diagonal, Row

__all__ = ["pieces", "vector_latex"]


def vector_latex(printer: ExpressionLatex, factor: Diagonal | Column | Row) -> list[str]:
    """Return the LaTeX of a factor: one, or several where it is too wide for a line.

    A column becomes diagonals before a column, a row a row before diagonals.
    """
    found = pieces(printer, factor.vector)
    if isinstance(factor, Diagonal):
        return [_diagonal(printer, piece) for piece in found]
    if isinstance(factor, Column):
        *before, last = found
        return [*(_diagonal(printer, piece) for piece in before), _column(printer, last)]
    first, *after = found
    text = str(printer.doprint(first))
    text = text if printer.is_name(first) else rf"\left( {text} \right)"
    row = (r"\tfrac{1}{n} " if factor.mean else "") + rf"{text}^{{\top}}"
    return [row, *(_diagonal(printer, piece) for piece in after)]


def _diagonal(printer: ExpressionLatex, vector: sp.Expr) -> str:
    return rf"\operatorname{{diag}}\left( {printer.doprint(vector)} \right)"


def _column(printer: ExpressionLatex, vector: sp.Expr) -> str:
    text = str(printer.doprint(vector))
    return rf"\left( {text} \right)" if vector.is_Add else text


def pieces(printer: ExpressionLatex, vector: sp.Expr) -> list[sp.Expr]:
    """Return elementwise factors that each fit into a line, or the vector itself where it does.

    ``diag(u * v)`` is ``diag(u) diag(v)``. What stands below a bar keeps the widest factor
    above it where both fit.
    """

    def width(part: sp.Expr) -> float:
        return estimated_width(_diagonal(printer, part))

    room = TEXT_WIDTH - 2 * INDENT
    if not vector.is_Mul or width(vector) <= room:
        return [vector]
    above, below = split_fraction(vector)
    loose = list(sp.Mul.make_args(above))
    widest = max(range(len(loose)), key=lambda place: width(loose[place]))
    if width(loose[widest] / below) <= TEXT_WIDTH:
        loose[widest] /= below
    else:
        loose += [1 / part for part in sp.Mul.make_args(below)]
    found = [loose[0]]
    for part in loose[1:]:
        joined = found[-1] * part
        found[-1:] = [joined] if width(joined) <= room else [found[-1], part]
    return found
