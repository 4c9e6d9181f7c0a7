"""Plain text and JSON of derived objects."""

from __future__ import annotations

from typing import Any

from gradflow.cells.cell import Cell
from gradflow.cells.language.program import Map
from gradflow.cells.language.spaces import ONE
from gradflow.jacobians.print.expression_text import ExpressionText
from gradflow.jacobians.print.factors import Column, Diagonal, Factor, factors
from gradflow.jacobians.step import Block, ParameterBlock, StepJacobian
from gradflow.jacobians.terms import Term


def _map_text(linear_map: Map) -> str:
    return {"spread": "1", "mean": "(1/n) 1^T", "sum": "1^T"}.get(linear_map.kind, linear_map.name)


def term_text(cell: Cell, term: Term, space: str) -> str:
    """Return a term on one line, for instance ``(1 - alpha) diag(d0) W1``.

    ``space`` is where the derivative's numerator lives: ``I`` prints unless that is ``one``.
    """
    printer = ExpressionText(cell)
    scalar, found = factors(cell, term)
    parts = [_factor_text(printer, f) for f in found]
    if not parts and space != ONE:
        parts = ["I"]
    if scalar == -1 and parts:
        return "-" + " ".join(parts)
    if scalar != 1 or not parts:
        text = printer.doprint(scalar)
        parts.insert(0, f"({text})" if scalar.is_Add and parts else text)
    return " ".join(parts)


def _factor_text(printer: ExpressionText, factor: Factor) -> str:
    if isinstance(factor, Map):
        return _map_text(factor)
    text = printer.doprint(factor.vector)
    if isinstance(factor, Diagonal):
        return f"diag({text})"
    text = text if factor.vector.is_Symbol else f"({text})"
    if isinstance(factor, Column):
        return text
    return ("(1/n) " if factor.mean else "") + f"{text}^T"


def _joined(rows: list[str]) -> str:
    """Join rows by plus, or by minus where one starts with it."""
    text = rows[0] if rows else "0"
    for row in rows[1:]:
        text += f" - {row[1:]}" if row.startswith("-") else f" + {row}"
    return text


def _new(cell: Cell, name: str) -> str:
    return f"{name}'" if name in cell.states else name


def block_text(block: Block) -> str:
    """Return ``dc'/dh = ...`` on one line."""
    cell = block.cell
    rows = []
    for term, part in block.nested:
        text = term_text(cell, term, cell.spaces[block.out])
        inner = f"d{part}'/d{block.wrt}" if part else ""
        rows.append(inner if part and text in ("I", "1") else f"{text} {inner}".strip())
    return f"d{_new(cell, block.out)}/d{block.wrt} = {_joined(rows)}"


def parameter_text(block: ParameterBlock) -> str:
    """Return ``d+c'/dU_f = ... (x) h^T`` on one line."""
    printer = ExpressionText(block.cell)
    cell = block.cell
    rows = [
        term_text(cell, term, cell.spaces[block.out])
        + (f" (x) {printer.operand(v)}^T" if v is not None else "")
        for term, v in block.terms
    ]
    return f"d+{_new(cell, block.out)}/d{block.parameter} = {_joined(rows)}"


def step_text(jacobian: StepJacobian) -> str:
    """Return all state and input blocks and the immediate parameter derivatives, a line each."""
    cell = jacobian.cell
    rows = [b.text() for b in jacobian.blocks().values()]
    rows += [jacobian[a, x].text() for a in cell.states for x in cell.input_names]
    immediate = [jacobian[a, p] for p in cell.parameters for a in cell.states]
    return "\n".join(rows + [b.text() for b in immediate if not b.is_zero])


def _term_json(cell: Cell, term: Term) -> dict[str, Any]:
    printer = ExpressionText(cell)
    return {
        "diagonals": [printer.doprint(d) for d in term.diagonals],
        "maps": [_map_text(m) for m in term.maps],
        "path": list(term.path),
    }


def step_json(jacobian: StepJacobian) -> dict[str, Any]:
    """Return the declaration and every derivative as plain data."""
    cell = jacobian.cell
    blocks = [jacobian[a, b] for a in jacobian.outs for b in (*cell.states, *cell.input_names)]
    parameters = [jacobian[a, p] for a in jacobian.outs for p in cell.parameters]
    printer = ExpressionText(cell)
    return {
        "cell": cell.name,
        "title": cell.title,
        "reference": cell.reference,
        "state": list(cell.states),
        "inputs": list(cell.input_names),
        "parameters": {p: list(cell.shape_of(p)) for p in cell.parameters},
        "constants": {p: list(cell.shape_of(p)) for p in cell.constant_names},
        "equations": [{"left": left, "right": right} for left, right in cell.equation_rows()],
        "blocks": [
            {
                "out": block.out,
                "wrt": block.wrt,
                "latex": block.latex(),
                "text": block.text(),
                "terms": [_term_json(cell, t) for t in block.terms],
            }
            for block in blocks
        ],
        "parameter_blocks": [
            {
                "out": block.out,
                "parameter": block.parameter,
                "latex": block.latex(),
                "terms": [
                    {
                        **_term_json(cell, t),
                        "operand": None if v is None else printer.doprint(v),
                    }
                    for t, v in block.terms
                ],
            }
            for block in parameters
            if not block.is_zero
        ],
    }
