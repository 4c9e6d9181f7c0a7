"""The GRU: a state that stays in [-1, 1], and when its weights alone make it contract."""

from __future__ import annotations

from gradflow.cells.cell import Cell
from gradflow.cells.library.gru import gru
from gradflow.proofs.bounding.invariants import unit_invariants
from gradflow.proofs.bounding.step import bounds
from gradflow.proofs.claims import evidence
from gradflow.proofs.claims.claim import Claim
from gradflow.proofs.claims.stating import stated
from gradflow.proofs.claims.typeset import both_sides
from gradflow.proofs.coq.files import after_boxes
from gradflow.proofs.measuring import gru as measured
from gradflow.proofs.theorems import TheoremSet


def claims(cell: Cell) -> list[Claim]:
    """Return the theorems about the gated recurrent unit."""
    (box,) = unit_invariants(cell).values()
    found = [evidence.invariant(box), evidence.step(bounds(cell))]
    sides = both_sides(cell, box)
    return [
        stated(cell, "gru_invariant", found, after_boxes, measured.invariant, **sides),
        stated(cell, "gru_contracting", found, after_boxes, measured.contracting),
    ]


THEOREMS = TheoremSet(gru, claims)
