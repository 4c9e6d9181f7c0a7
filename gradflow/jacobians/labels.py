"""A name for the path each term of the step Jacobian takes."""

from __future__ import annotations

from gradflow.cells.cell import Cell
from gradflow.jacobians.print.expression_text import map_text
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
    new = {f"{part}_next" for part in step.cell.states}
    labels: dict[tuple[str, str, Term], str] = {}
    for (out, wrt), block in step.blocks().items():
        for term in block.terms:
            gates = [name for name in term.path if name not in new]
            maps = [map_text(m) if m.summands else m.name for m in term.maps if m.kind != "spread"]
            direct = "carousel" if out == wrt else f"{wrt} to {out}"
            label = ", ".join(gates or maps) if maps else direct
            labels[out, wrt, term] = label
    return labels
