"""A name for the path each term of the step Jacobian takes."""

from __future__ import annotations

from collections.abc import Mapping

from gradflow.cells.cell import Cell
from gradflow.jacobians.blocks import Block
from gradflow.jacobians.print.expression_text import map_text
from gradflow.jacobians.print.latex import block_latex
from gradflow.jacobians.step import jacobian
from gradflow.jacobians.terms import Term


def path_labels(cell: Cell | str) -> dict[tuple[str, str, Term], str]:
    """Return the label of every term of the whole-state Jacobian, by (out, in, term).

    * ``carousel``: from a part to itself with no linear map on the way, such as ``diag(f)``;
    * ``c to h``: from one part to another with no linear map on the way but copying one value;
    * the equations passed before the first new state, joined by ``, ``: ``f``, or ``r, g``;
    * the map's own name, where no equation is passed: ``U`` of the vanilla network.
    """
    step = jacobian(cell)
    return {
        (out, wrt, term): _label(step.cell, out, wrt, term)
        for (out, wrt), block in step.blocks().items()
        for term in block.terms
    }


def _label(cell: Cell, out: str, wrt: str, term: Term) -> str:
    new = {f"{part}_next" for part in cell.states}
    gates = [name for name in term.path if name not in new]
    maps = [map_text(m) if m.summands else m.name for m in term.maps if m.kind != "spread"]
    if maps:
        return ", ".join(gates or maps)
    return "carousel" if out == wrt else f"{wrt} to {out}"


def coloured_latex(block: Block, colours: Mapping[str, str]) -> str:
    r"""Return the block as ``block.latex()`` does, each term in the colour of its path.

    ``colours`` are names that LaTeX knows, by the labels of `path_labels`; a term whose path has
    none stays as it is. A term that passes another part's new value has the label of the way to it.

    Examples
    --------
    >>> import gradflow as gf
    >>> latex = coloured_latex(gf.jacobian("lstm")["c", "c"], {"carousel": "blue"})
    >>> latex.splitlines()[1].partition("= ")[2]
    '\\textcolor{blue}{\\operatorname{diag}\\left( f_{t} \\right)}'
    """
    rows = [
        colours.get(_label(block.cell, block.out, part or block.wrt, term), "")
        for term, part in block.nested
    ]
    return block_latex(block.cell, block.out, block.wrt, block.nested, rows)
