"""Plain text and JSON of derived objects."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sympy as sp

from gradflow.cells.cell import Cell
from gradflow.cells.language.program import Map
from gradflow.cells.language.spaces import ONE
from gradflow.jacobians.print.expression_text import ExpressionText
from gradflow.jacobians.print.factors import Column, Diagonal, Factor, factors
from gradflow.jacobians.print.signed import Signed, in_sum
from gradflow.jacobians.terms import Term


def term_text(cell: Cell, term: Term, space: str) -> Signed:
    """Return a term on one line, for instance ``(1 - alpha) diag(d0) W1``.

    ``space`` is where the derivative's numerator lives: ``I`` prints unless that is ``one``.
    """
    printer = ExpressionText(cell)
    scalar, found = factors(cell, term)
    parts = [_factor_text(printer, f) for f in found]
    if not parts and space != ONE:
        parts = ["I"]
    if parts and scalar in (1, -1):
        return Signed(scalar == -1, " ".join(parts))
    front = printer.signed(scalar)
    if scalar.is_Add and parts:
        front = Signed(False, f"({front})")
    return front.times(parts, " ")


def _factor_text(printer: ExpressionText, factor: Factor) -> str:
    if isinstance(factor, Map):
        return printer.factor(factor)
    text = printer.doprint(factor.vector)
    if isinstance(factor, Diagonal):
        return f"diag({text})"
    named = factor.vector.is_Symbol
    if isinstance(factor, Column):
        return text if named else f"({text})"
    vector = printer.operand(factor.vector) if named else f"({text})"
    return ("(1/n) " if factor.mean else "") + f"{vector}^T"


def _new(cell: Cell, name: str) -> str:
    return f"{name}'" if name in cell.states else name


def block_sides(cell: Cell, out: str, wrt: str) -> str:
    """Return ``dc'/dh``."""
    return f"d{_new(cell, out)}/d{wrt}"


def block_text(cell: Cell, out: str, wrt: str, nested: Iterable[tuple[Term, str]]) -> str:
    """Return ``dc'/dh = ...`` on one line; ``nested`` as in ``latex.block_latex``."""
    rows = []
    for term, part in nested:
        row = term_text(cell, term, cell.spaces[out])
        if part:
            inner = block_sides(cell, part, wrt)
            row = Signed(False, inner) if term.is_identity else row.times([inner], " ")
        rows.append(row)
    return _equation(block_sides(cell, out, wrt), rows)


def parameter_sides(cell: Cell, out: str, parameter: str) -> str:
    """Return ``d+c'/dU_f``."""
    return f"d+{_new(cell, out)}/d{parameter}"


def parameter_text(
    cell: Cell,
    out: str,
    parameter: str,
    terms: Iterable[tuple[Term, sp.Symbol | None]],
    turned: Iterable[tuple[Term, sp.Symbol]] = (),
) -> str:
    """Return ``d+c'/dU_f = ... (x) h^T`` on one line, and ``h (x) ...`` for the ``turned``."""
    printer = ExpressionText(cell)
    rows = []
    for term, operand in terms:
        row = term_text(cell, term, cell.spaces[out])
        vector = [] if operand is None else [f"{printer.operand(operand)}^T"]
        rows.append(row.times(vector, " (x) "))
    for term, operand in turned:
        row = term_text(cell, term, cell.spaces[out])
        rows.append(Signed(row.negative, f"{printer.operand(operand)} (x) {row.body}"))
    return _equation(parameter_sides(cell, out, parameter), rows)


def _equation(left: str, rows: list[Signed]) -> str:
    return f"{left} = {' '.join(in_sum(rows or [Signed(False, '0')]))}"


def operand_text(cell: Cell, operand: sp.Symbol) -> str:
    """Return what a map acts on."""
    return str(ExpressionText(cell).doprint(operand))


def term_json(cell: Cell, term: Term) -> dict[str, Any]:
    """Return a term as plain data."""
    printer = ExpressionText(cell)
    return {
        "diagonals": [printer.doprint(d) for d in term.diagonals],
        "maps": [printer.factor(m) for m in term.maps],
        "path": list(term.path),
    }
