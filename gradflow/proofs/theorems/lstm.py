"""The LSTM: open gates, contraction, the forget bias, the bound of c, and what is not true."""

from __future__ import annotations

from fractions import Fraction as Q

from gradflow.cells.cell import Cell
from gradflow.cells.library.lstm import lstm
from gradflow.proofs.bounding.invariants import carousel_invariant
from gradflow.proofs.bounding.step import bounds
from gradflow.proofs.claims import evidence
from gradflow.proofs.claims.claim import Claim
from gradflow.proofs.claims.stating import stated
from gradflow.proofs.claims.typeset import both_sides
from gradflow.proofs.coq.files import after_recurrence
from gradflow.proofs.measuring import lstm as measured
from gradflow.proofs.theorems import TheoremSet


def claims(cell: Cell) -> list[Claim]:
    """Return the theorems about the long short-term memory."""
    step = evidence.step(bounds(cell))
    box = carousel_invariant(cell, "c", "f")
    assert box is not None, "the LSTM's cell state has an invariant box"
    growing = [[Q(3, 2), Q(1, 4)], [Q(3), Q(1, 2)]]
    closed = [[Q(0), Q(1, 4)], [Q(0), Q(1, 2)]]
    kept = [evidence.invariant(box)]
    doubled = [evidence.matrix(growing, eigenvector=([1, 2], Q(2)))]
    zero = [evidence.matrix(closed, zero_columns=[0])]
    sides, recurrence = both_sides(cell, box), after_recurrence
    return [
        stated(cell, "lstm_direct", [step], recurrence, measured.direct),
        stated(cell, "lstm_open", [step], recurrence, measured.opened),
        stated(cell, "lstm_contracting", [step, *kept], recurrence, measured.contracting),
        stated(cell, "lstm_forget_bias", [step], recurrence, measured.forget_bias),
        stated(cell, "lstm_cell_state", kept, recurrence, measured.cell_state, **sides),
        stated(cell, "lstm_some_vanish", zero, recurrence, measured.some_vanish),
        stated(cell, "lstm_can_explode", doubled, recurrence, measured.can_explode),
    ]


THEOREMS = TheoremSet(lstm, claims)
