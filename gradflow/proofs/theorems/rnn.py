"""The vanilla RNN: vanishing by the singular value, what explosion needs, why not the radius."""

from __future__ import annotations

from fractions import Fraction as Q

from gradflow.cells.cell import Cell
from gradflow.cells.library.rnn import rnn
from gradflow.proofs.bounding.step import bounds
from gradflow.proofs.claims import evidence
from gradflow.proofs.claims.claim import Claim
from gradflow.proofs.claims.stating import stated
from gradflow.proofs.coq.files import after_recurrence, after_upper
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
    names = ("rnn_vanishing", "rnn_exploding", "rnn_attained")
    return [
        *(stated(cell, name, step, after_upper) for name in names),
        stated(cell, "rnn_radius", nilpotent, after_recurrence),
    ]


THEOREMS = TheoremSet(rnn, claims)
