"""The ReLU network started at the identity: exact products, and what a perturbation can do."""

from __future__ import annotations

from gradflow.cells.cell import Cell
from gradflow.cells.library.irnn import irnn
from gradflow.proofs.bounding.step import bounds
from gradflow.proofs.claims import evidence
from gradflow.proofs.claims.claim import Claim
from gradflow.proofs.claims.stating import stated
from gradflow.proofs.coq.files import after_recurrence
from gradflow.proofs.measuring import irnn as measured
from gradflow.proofs.theorems import TheoremSet


def claims(cell: Cell) -> list[Claim]:
    """Return the theorems about the identity-initialized ReLU network."""
    step = [evidence.step(bounds(cell))]
    return [
        stated(cell, "irnn_identity", step, after_recurrence, measured.identity),
        stated(cell, "irnn_scaled", step, after_recurrence, measured.scaled),
        stated(cell, "irnn_near", step, after_recurrence, measured.near),
        stated(cell, "irnn_survivors", step, after_recurrence, measured.survivors),
        stated(cell, "irnn_orthogonal", step, after_recurrence, measured.orthogonal),
    ]


THEOREMS = TheoremSet(irnn, claims)
