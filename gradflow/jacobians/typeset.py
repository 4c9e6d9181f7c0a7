"""LaTeX of derived objects: blocks in gate form, long sums aligned, one term a line."""

from __future__ import annotations

import sympy as sp

from gradflow.cells.cell import Cell
from gradflow.cells.program import Map
from gradflow.cells.spaces import ONE
from gradflow.cells.typeset import name_latex, time_index
from gradflow.jacobians.expression_latex import ExpressionLatex, moving_names
from gradflow.jacobians.step import Block, ParameterBlock, StepJacobian
from gradflow.jacobians.terms import Term


def part_latex(cell: Cell, name: str, new: bool) -> str:
    """Return ``h_t`` for the new value of a part (or an output, input), ``h_{t-1}`` for the old."""
    key = f"{name}_next" if new and name in cell.states else name
    return name_latex(*time_index(key, cell.states, moving_names(cell)))


def map_latex(linear_map: Map) -> str:
    """Return the symbol of a linear map; a mean is a row of ``1/n``, a spread a column of ones."""
    if linear_map.kind == "spread":
        return r"\mathbf{1}"
    if linear_map.kind == "mean":
        return r"\tfrac{1}{n} \mathbf{1}^{\top}"
    if linear_map.kind == "sum":
        return r"\mathbf{1}^{\top}"
    return name_latex(linear_map.name)


def term_latex(cell: Cell, term: Term, step: str = "t") -> str:
    """Return ``diag(d0) W1 diag(d1) ...`` at a step, with factors of one left out."""
    printer = ExpressionLatex(cell, step)
    spaces = [m.out for m in term.maps] + [term.maps[-1].into if term.maps else ""]
    parts: list[str] = []
    for position, diagonal in enumerate(term.diagonals):
        if diagonal != 1:
            parts.append(_diagonal(cell, printer, diagonal, spaces[position]))
        if position < len(term.maps):
            parts.append(map_latex(term.maps[position]))
    return r" \, ".join(parts)


def _diagonal(cell: Cell, printer: ExpressionLatex, d: sp.Expr, space: str) -> str:
    scalar = all(cell.spaces.get(s.name, ONE) == ONE for s in d.free_symbols)
    text = printer.doprint(d)
    if scalar:
        return rf"\left( {text} \right)" if d.is_Add else str(text)
    return rf"\operatorname{{diag}}\left( {text} \right)"


def _derivative(above: str, below: str, sign: str = r"\partial") -> str:
    return rf"\frac{{{sign} {above}}}{{\partial {below}}}"


def _joined(rows: list[str]) -> list[str]:
    """Give each row its sign, so that a negative term follows a minus and not ``+ -``."""
    signed = []
    for position, row in enumerate(rows):
        negative = row.startswith("-")
        body = row[1:].lstrip() if negative else row
        sign = "-" if negative else "+" if position else ""
        signed.append(f"{sign} {body}" if position else f"{sign}{body}")
    return signed


def _aligned(left: str, rows: list[str]) -> str:
    rows = _joined(rows)
    body = " \\\\\n&\\quad ".join(rows)
    return f"\\begin{{aligned}}\n{left} &= {body}\n\\end{{aligned}}"


def block_rows(block: Block) -> list[str]:
    """Return the terms of a block, through the new values of other parts where it passes them."""
    cell = block.cell
    rows = []
    for term, part in block.nested:
        text = term_latex(cell, term)
        if part:
            inner = _derivative(
                part_latex(cell, part, new=True),
                part_latex(cell, block.wrt, new=block.wrt not in cell.states),
            )
            text = rf"{text} \, {inner}" if text else inner
        rows.append(text or _identity(cell, block.out))
    return rows or ["0"]


def _identity(cell: Cell, part: str) -> str:
    return "1" if cell.spaces.get(part, ONE) == ONE else "I"


def block_latex(block: Block) -> str:
    """Return one block as an aligned equation."""
    cell = block.cell
    left = _derivative(
        part_latex(cell, block.out, new=True),
        part_latex(cell, block.wrt, new=block.wrt not in cell.states),
    )
    return _aligned(left, block_rows(block))


def parameter_latex(block: ParameterBlock) -> str:
    r"""Return one immediate parameter derivative as an aligned equation.

    ``A \\otimes v^T`` has entries ``A[a, i] v[j]`` at output ``a`` and weight ``(i, j)``.
    """
    cell = block.cell
    printer = ExpressionLatex(cell)
    left = _derivative(
        part_latex(cell, block.out, new=True), name_latex(block.parameter), r"\partial^{+}"
    )
    rows = []
    for term, operand in block.terms:
        text = term_latex(cell, term) or _identity(cell, block.out)
        if operand is not None:
            vector = printer.doprint(operand)
            simple = r"\left(" not in vector and r"\odot" not in vector and "+" not in vector
            vector = vector if simple else rf"\left( {vector} \right)"
            text = rf"{text} \otimes {vector}^{{\top}}"
        rows.append(text)
    return _aligned(left, rows or ["0"])


def step_latex(jacobian: StepJacobian) -> str:
    """Return the block matrix of the step Jacobian, then its blocks that are not zero."""
    cell = jacobian.cell
    matrix = " \\\\\n".join(
        " & ".join(
            "0"
            if jacobian[a, b].is_zero
            else _derivative(part_latex(cell, a, new=True), part_latex(cell, b, new=False))
            for b in cell.states
        )
        for a in cell.states
    )
    whole = f"J_{{t}} = \\begin{{pmatrix}}\n{matrix}\n\\end{{pmatrix}}"
    blocks = [b.latex() for b in jacobian.blocks().values() if not b.is_zero]
    return "\n\n".join([whole, *blocks])
