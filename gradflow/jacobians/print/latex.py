"""LaTeX of derived objects: blocks in gate form, long sums aligned, one term a line."""

from __future__ import annotations

from gradflow.cells.cell import Cell
from gradflow.cells.language.program import Map
from gradflow.cells.language.spaces import ONE
from gradflow.cells.language.syntax import names_in
from gradflow.cells.typeset import name_latex, time_index
from gradflow.jacobians.print.expression_latex import ExpressionLatex, generated
from gradflow.jacobians.print.factors import Column, Diagonal, Factor, factors
from gradflow.jacobians.step import Block, ParameterBlock, StepJacobian
from gradflow.jacobians.terms import Term


def part_latex(cell: Cell, name: str, new: bool) -> str:
    """Return ``h_t`` for the new value of a part (or an output, input), ``h_{t-1}`` for the old."""
    key = f"{name}_next" if new and name in cell.states else name
    return name_latex(*time_index(key, cell.states, cell.moving))


def map_latex(linear_map: Map) -> str:
    """Return the symbol of a linear map; a mean is a row of ``1/n``, a spread a column of ones."""
    if linear_map.kind == "spread":
        return r"\mathbf{1}"
    if linear_map.kind == "mean":
        return r"\tfrac{1}{n} \mathbf{1}^{\top}"
    if linear_map.kind == "sum":
        return r"\mathbf{1}^{\top}"
    return name_latex(linear_map.name)


def term_latex(cell: Cell, term: Term, space: str, step: str = "t") -> str:
    """Return a term at a step, for instance ``(1 - alpha) diag(d0) W1``.

    ``space`` is where the derivative's numerator lives: a multiple of the identity prints as ``I``
    unless that is ``one``.
    """
    printer = ExpressionLatex(cell, step)
    scalar, found = factors(cell, term)
    parts = [_factor_latex(printer, f) for f in found]
    if not parts and space != ONE:
        parts = ["I"]
    if scalar == -1 and parts:
        return "-" + r" \, ".join(parts)
    if scalar != 1 or not parts:
        text = str(printer.doprint(scalar))
        parts.insert(0, rf"\left( {text} \right)" if scalar.is_Add and parts else text)
    return r" \, ".join(parts)


def _factor_latex(printer: ExpressionLatex, factor: Factor) -> str:
    if isinstance(factor, Map):
        return map_latex(factor)
    text = str(printer.doprint(factor.vector))
    if isinstance(factor, Diagonal):
        return rf"\operatorname{{diag}}\left( {text} \right)"
    if isinstance(factor, Column):
        return rf"\left( {text} \right)" if factor.vector.is_Add else text
    text = text if factor.vector.is_Symbol and "^" not in text else rf"\left( {text} \right)"
    return (r"\tfrac{1}{n} " if factor.mean else "") + rf"{text}^{{\top}}"


def _derivative(above: str, below: str, sign: str = r"\partial") -> str:
    return rf"\frac{{{sign} {above}}}{{\partial {below}}}"


def signed(rows: list[str]) -> list[str]:
    """Give each row its sign, so that a negative term follows a minus and not ``+ -``."""
    result = []
    for position, row in enumerate(rows):
        negative = row.startswith("-")
        body = row[1:].lstrip() if negative else row
        sign = "-" if negative else "+" if position else ""
        result.append(f"{sign} {body}" if position else f"{sign}{body}")
    return result


def _aligned(left: str, rows: list[str]) -> str:
    body = " \\\\\n&\\quad ".join(signed(rows))
    return f"\\begin{{aligned}}\n{left} &= {body}\n\\end{{aligned}}"


def block_rows(block: Block) -> list[str]:
    """Return the terms of a block, through the new values of other parts where it passes them."""
    cell = block.cell
    rows = []
    for term, part in block.nested:
        text = term_latex(cell, term, cell.spaces[block.out])
        if part:
            inner = _derivative(
                part_latex(cell, part, new=True),
                part_latex(cell, block.wrt, new=block.wrt not in cell.states),
            )
            text = inner if text in ("I", "1") else rf"{text} \, {inner}"
        rows.append(text)
    return rows or ["0"]


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
        text = term_latex(cell, term, cell.spaces[block.out])
        if operand is not None:
            vector = printer.doprint(operand)
            if operand in generated(cell) or "^" in vector:
                vector = rf"\left( {vector} \right)"
            text = rf"{text} \otimes {vector}^{{\top}}"
        rows.append(text)
    return _aligned(left, rows or ["0"])


def step_equations(jacobian: StepJacobian) -> list[str]:
    """Return the block matrix of the step Jacobian, its blocks that are not zero, and ``where``."""
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
    if len(cell.states) > 1:
        matrix = f"\\begin{{pmatrix}}\n{matrix}\n\\end{{pmatrix}}"
    blocks = [b.latex() for b in jacobian.blocks().values() if not b.is_zero]
    where = where_latex(jacobian)
    return [f"J_{{t}} = {matrix}", *blocks, *([where] if where else [])]


def where_latex(jacobian: StepJacobian) -> str:
    """Return the equations of the names that stand in the blocks, such as the gates; or ``""``."""
    cell = jacobian.cell
    used: set[str] = set()
    for block in jacobian.blocks().values():
        for term in block.terms:
            used |= {s.name for d in term.diagonals for s in d.free_symbols}
    rows = []
    for line, (left, right) in reversed(list(zip(cell.lines, cell.equation_rows(), strict=True))):
        if line.target in used:
            used |= set(names_in(line.tree))
            rows.append(f"{left} &= {right}")
    if not rows:
        return ""
    body = " \\\\\n".join(reversed(rows))
    return f"\\text{{where}} \\quad\n\\begin{{aligned}}\n{body}\n\\end{{aligned}}"
