"""The vanilla RNN: vanishing in a diagonal norm, what explosion needs, why not the radius."""

from __future__ import annotations

from fractions import Fraction as Q

from gradflow.cells.cell import Cell
from gradflow.cells.library.rnn import rnn
from gradflow.proofs.bounding.step import bounds
from gradflow.proofs.claims import evidence
from gradflow.proofs.claims.claim import Claim
from gradflow.proofs.claims.stating import stated
from gradflow.proofs.coq.files import after_recurrence, after_upper
from gradflow.proofs.measuring import rnn as measured
from gradflow.proofs.theorems import TheoremSet


def claims(cell: Cell) -> list[Claim]:
    """Return the theorems about the vanilla RNN with tanh."""
    step = [evidence.step(bounds(cell))]
    w = [[2, -2], [2, -2]]
    j = [[Q(2), Q(-2)], [Q(1, 2), Q(-1, 2)]]
    nilpotent = [
        evidence.matrix(w, nilpotent=2),
        evidence.matrix(j, eigenvector=([4, 1], Q(3, 2)), rows=([1, Q(1, 4)], w)),
    ]
    return [
        stated(cell, "rnn_vanishing", step, after_recurrence, measured.vanishing),
        stated(cell, "rnn_exploding", step, after_upper, measured.exploding),
        stated(cell, "rnn_attained", step, after_upper, measured.attained),
        stated(cell, "rnn_orthogonal", step, after_recurrence, measured.orthogonal),
        stated(cell, "rnn_radius", nilpotent, after_recurrence, measured.radius),
    ]


THEOREMS = TheoremSet(rnn, claims)
