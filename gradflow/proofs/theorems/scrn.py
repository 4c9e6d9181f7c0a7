"""The SCRN: the context units keep their gradient at exactly the rate alpha."""

from __future__ import annotations

from gradflow.cells.cell import Cell
from gradflow.cells.library.scrn import scrn
from gradflow.proofs.bounding.step import bounds
from gradflow.proofs.claims import evidence
from gradflow.proofs.claims.claim import Claim
from gradflow.proofs.claims.stating import stated
from gradflow.proofs.coq.files import after_recurrence
from gradflow.proofs.measuring import scrn as measured
from gradflow.proofs.theorems import TheoremSet


def claims(cell: Cell) -> list[Claim]:
    """Return the theorems about the structurally constrained network."""
    step = [evidence.step(bounds(cell))]
    return [
        stated(cell, "scrn_context", step, after_recurrence, measured.context),
        stated(cell, "scrn_eigenvalue", step, after_recurrence, measured.eigenvalue),
    ]


THEOREMS = TheoremSet(scrn, claims)
