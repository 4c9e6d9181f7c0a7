"""Plain text and JSON of derived objects."""

from __future__ import annotations

from typing import Any

from gradflow.cells.cell import Cell
from gradflow.cells.program import Map
from gradflow.cells.spaces import ONE
from gradflow.jacobians.expression_latex import ExpressionText
from gradflow.jacobians.step import Block, ParameterBlock, StepJacobian
from gradflow.jacobians.terms import Term


def _map_text(linear_map: Map) -> str:
    return {"spread": "1", "mean": "(1/n) 1^T", "sum": "1^T"}.get(linear_map.kind, linear_map.name)


def term_text(cell: Cell, term: Term) -> str:
    """Return ``diag(d0) W1 diag(d1) ...`` with factors of one left out."""
    printer = ExpressionText(cell)
    parts = []
    for position, diagonal in enumerate(term.diagonals):
        if diagonal != 1:
            scalar = all(cell.spaces.get(s.name, ONE) == ONE for s in diagonal.free_symbols)
            parts.append(f"{'' if scalar else 'diag'}({printer.doprint(diagonal)})")
        if position < len(term.maps):
            parts.append(_map_text(term.maps[position]))
    return " ".join(parts) or "I"


def _new(cell: Cell, name: str) -> str:
    return f"{name}'" if name in cell.states else name


def block_text(block: Block) -> str:
    """Return ``dc'/dh = ...`` on one line."""
    cell = block.cell
    rows = []
    for term, part in block.nested:
        text = term_text(cell, term)
        inner = f"d{part}'/d{block.wrt}" if part else ""
        rows.append(inner if part and text == "I" else f"{text} {inner}".strip())
    return f"d{_new(cell, block.out)}/d{block.wrt} = {' + '.join(rows) or '0'}"


def parameter_text(block: ParameterBlock) -> str:
    """Return ``d+c'/dU_f = ... (x) h^T`` on one line."""
    printer = ExpressionText(block.cell)
    rows = [
        term_text(block.cell, term) + (f" (x) {printer.doprint(v)}^T" if v is not None else "")
        for term, v in block.terms
    ]
    return f"d+{_new(block.cell, block.out)}/d{block.parameter} = {' + '.join(rows) or '0'}"


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
