"""LaTeX of derived objects: blocks in gate form, long sums aligned, one term a line."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

import sympy as sp

from gradflow.cells.breaking import (
    INDENT,
    TEXT_WIDTH,
    aligned_rows,
    broken,
    estimated_width,
    factors_apart,
)
from gradflow.cells.cell import Cell
from gradflow.cells.language.program import Map
from gradflow.cells.language.spaces import ONE
from gradflow.cells.language.syntax import names_in, symbol
from gradflow.cells.typeset import name_latex, time_index
from gradflow.jacobians.derive import reads
from gradflow.jacobians.print.expression_latex import ExpressionLatex, generated, map_latex
from gradflow.jacobians.print.factors import Factor, factors
from gradflow.jacobians.print.signed import Signed, in_sum
from gradflow.jacobians.print.wide import vector_latex
from gradflow.jacobians.terms import Term

_WHERE = 40.0
"""Points of the word before the equations of names."""


def part_latex(cell: Cell, name: str, new: bool) -> str:
    """Return ``h_t`` for the new value of a part (or an output, input), ``h_{t-1}`` for the old."""
    key = f"{name}_next" if new and name in cell.states else name
    return name_latex(*time_index(key, cell.states, cell.moving))


def term_latex(cell: Cell, term: Term, space: str, step: str = "t") -> Signed:
    """Return a term at a step, for instance ``(1 - alpha) diag(d0) W1``.

    ``space`` is where the derivative's numerator lives: a multiple of the identity prints as ``I``
    unless that is ``one``.
    """
    printer = ExpressionLatex(cell, step)
    scalar, found = factors(cell, term)
    parts = [part for f in found for part in _factor_latex(printer, f)]
    if not parts and space != ONE:
        parts = ["I"]
    if parts and scalar in (1, -1):
        return Signed(scalar == -1, r" \, ".join(parts))
    front = printer.signed(scalar)
    if scalar.is_Add and parts:
        front = Signed(False, rf"\left( {front} \right)")
    return front.times(parts, r" \, ")


def _factor_latex(printer: ExpressionLatex, factor: Factor) -> list[str]:
    if isinstance(factor, Map):
        return [map_latex(factor) if factor.slope is None else printer.slope(factor.slope)]
    return vector_latex(printer, factor)


def _derivative(above: str, below: str, sign: str = r"\partial") -> str:
    return rf"\frac{{{sign} {above}}}{{\partial {below}}}"


def _aligned(left: str, rows: list[Signed], colours: Sequence[str] = ()) -> str:
    """Return ``left`` as the sum of rows, each of a colour; long ones go on in lines of their own.

    Where a factor has no room beside ``left``, the sum begins below it.
    """
    rows = rows or [Signed(False, "0")]
    beside = TEXT_WIDTH - estimated_width(f"{left} = ") - INDENT
    widest = max(estimated_width(f) for row in rows for f in factors_apart(row.body))
    room = beside if widest <= beside else TEXT_WIDTH - INDENT
    parts = [broken(row.body, room) for row in rows]
    painted = [
        [rf"\textcolor{{{colour}}}{{{line}}}" if colour else line for line in lines]
        for lines, colour in zip(parts, colours or [""] * len(parts), strict=True)
    ]
    heads = [Signed(row.negative, first) for row, (first, *_) in zip(rows, painted, strict=True)]
    longest = max((estimated_width(line) for _, *more in parts for line in more), default=0.0)
    indent = r"\qquad" if longest <= TEXT_WIDTH - 2 * INDENT else r"\quad"
    tails = ["".join(f" \\\\\n&{indent} {line}" for line in lines[1:]) for lines in painted]
    body = " \\\\\n&\\quad ".join(
        head + tail for head, tail in zip(in_sum(heads), tails, strict=True)
    )
    start = f"{left} &= " if room == beside else f"& {left} = \\\\\n&\\quad "
    return f"\\begin{{aligned}}\n{start}{body}\n\\end{{aligned}}"


def _by_part(cell: Cell, out: str, wrt: str) -> str:
    new = wrt not in cell.states
    return _derivative(part_latex(cell, out, new=True), part_latex(cell, wrt, new=new))


def block_latex(
    cell: Cell,
    out: str,
    wrt: str,
    nested: Sequence[tuple[Term, str]],
    colours: Sequence[str] = (),
) -> str:
    """Return one block as an aligned equation, through other parts' new values where it passes.

    ``nested`` are pairs of a term and the part whose own block it multiplies, or ``""``. A term has
    the colour of that place in ``colours``, if there is one.
    """
    rows = []
    for term, part in nested:
        row = term_latex(cell, term, cell.spaces[out])
        if part:
            inner = _by_part(cell, part, wrt)
            whole = term.is_identity
            row = Signed(False, inner) if whole else row.times([inner], r" \, ")
        rows.append(row)
    return _aligned(_by_part(cell, out, wrt), rows, colours)


def parameter_latex(
    cell: Cell,
    out: str,
    parameter: str,
    terms: Iterable[tuple[Term, sp.Symbol | None]],
    turned: Iterable[tuple[Term, sp.Symbol]] = (),
) -> str:
    r"""Return one immediate parameter derivative as an aligned equation.

    ``A \\otimes v^T`` has entries ``A[a, i] v[j]`` at output ``a`` and weight ``(i, j)``, and
    ``v \\otimes A`` of the ``turned`` ones entries ``v[i] A[a, j]``.
    """
    printer = ExpressionLatex(cell)
    above, below = part_latex(cell, out, new=True), name_latex(parameter)
    rows = []
    for term, operand in terms:
        row = term_latex(cell, term, cell.spaces[out])
        if operand is not None:
            vector = str(printer.doprint(operand))
            if not printer.is_name(operand):
                vector = rf"\left( {vector} \right)"
            row = row.times([rf"{vector}^{{\top}}"], r" \otimes ")
        rows.append(row)
    for term, operand in turned:
        row, vector = term_latex(cell, term, cell.spaces[out]), str(printer.doprint(operand))
        if not printer.is_name(operand):
            vector = rf"\left( {vector} \right)"
        rows.append(Signed(row.negative, rf"{vector} \otimes {row.body}"))
    return _aligned(_derivative(above, below, r"\partial^{+}"), rows)


def matrix_latex(cell: Cell, blocks: Container[tuple[str, str]]) -> str:
    """Return the block matrix ``J_t = ...``, 0 for each (out, in) that is not among ``blocks``."""
    rows = [
        [_by_part(cell, a, b) if (a, b) in blocks else "0" for b in cell.states]
        for a in cell.states
    ]
    matrix = " \\\\\n".join(" & ".join(row) for row in rows)
    if len(rows) > 1:
        matrix = f"\\begin{{pmatrix}}\n{matrix}\n\\end{{pmatrix}}"
    return f"J_{{t}} = {matrix}"


def where_latex(cell: Cell, terms: Iterable[Term]) -> str:
    """Return the equations of the names that stand in terms, such as the gates; or ``""``.

    Functions that the cell defines follow below.
    """
    terms = list(terms)
    used = {s.name for term in terms for d in term.diagonals for s in d.free_symbols}
    slopes = [m.slope for term in terms for m in term.maps if m.slope is not None]
    inner, functions = behind(cell, used | {slope.argument.name for slope in slopes})
    used |= inner
    functions |= {slope.function for slope in slopes}
    rows = list(reversed(cell.definition_rows(functions)))
    for line, (left, right) in reversed(list(zip(cell.lines, cell.equation_rows(), strict=True))):
        if line.target in used:
            used |= set(names_in(line.tree))
            rows.append((left, right))
    if not rows:
        return ""
    body = aligned_rows(rows[::-1], before=_WHERE)
    return f"\\text{{where}} \\quad\n{body}"


def behind(cell: Cell, names: set[str]) -> tuple[set[str], set[str]]:
    """Return the names of equations, and the functions, that print in place of other names."""
    if not cell.calls:
        return set(), set()
    inside, calls = generated(cell), {call.value: call for call in cell.calls}
    found, functions = set(), set()
    waiting = [*names]
    while waiting:
        name = waiting.pop()
        if name in calls:
            functions.add(calls[name].name)
            waiting += calls[name].arguments
        elif symbol(name) in inside:
            waiting += [s.name for s in reads(inside[symbol(name)])]
        else:
            found.add(name)
    return found, functions


def stacked(equations: Iterable[str]) -> str:
    """Return displays as one, each on a line of its own."""
    body = " \\\\\n".join(f"& {equation}" for equation in equations)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"
