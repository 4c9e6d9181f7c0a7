"""The ReLU network started at the identity: exact products, and what a perturbation can do."""

from __future__ import annotations

from gradflow.cells.cell import Cell
from gradflow.cells.library.irnn import irnn
from gradflow.proofs.bounding.step import bounds
from gradflow.proofs.claims import evidence
from gradflow.proofs.claims.claim import Claim
from gradflow.proofs.claims.stating import stated
from gradflow.proofs.coq.files import after_recurrence
from gradflow.proofs.theorems import TheoremSet


def claims(cell: Cell) -> list[Claim]:
    """Return the theorems about the identity-initialized ReLU network."""
    step = [evidence.step(bounds(cell))]
    names = ("irnn_identity", "irnn_scaled", "irnn_near")
    return [stated(cell, name, step, after_recurrence) for name in names]


THEOREMS = TheoremSet(irnn, claims)
