"""The Clockwork RNN: idle rows are identity rows, and few factors act on a slow module."""

from __future__ import annotations

from gradflow.cells.cell import Cell
from gradflow.cells.library.clockwork import clockwork
from gradflow.proofs.bounding.step import bounds
from gradflow.proofs.claims import evidence
from gradflow.proofs.claims.claim import Claim
from gradflow.proofs.claims.stating import stated
from gradflow.proofs.coq.files import after_recurrence, after_upper
from gradflow.proofs.measuring import clockwork as measured
from gradflow.proofs.theorems import TheoremSet


def claims(cell: Cell) -> list[Claim]:
    """Return the theorems about the Clockwork RNN."""
    step = [evidence.step(bounds(cell))]
    return [
        stated(cell, "clockwork_idle", step, after_recurrence, measured.idle),
        stated(cell, "clockwork_few", step, after_upper, measured.few),
        stated(cell, "clockwork_modules", step, after_recurrence, measured.modules),
    ]


THEOREMS = TheoremSet(clockwork, claims)
