"""The vanilla RNN: vanishing by the singular value, what explosion needs, why not the radius."""

from __future__ import annotations

from fractions import Fraction as Q

from gradflow.cells.cell import Cell
from gradflow.proofs.bounding.step import bounds
from gradflow.proofs.claims import evidence
from gradflow.proofs.claims.claim import Claim
from gradflow.proofs.coq.files import extended_upper, theorem_text


def claims(cell: Cell) -> list[Claim]:
    """Return the theorems about the vanilla RNN with tanh."""
    step = evidence.step(bounds(cell))
    w = [[2, -2], [2, -2]]
    j = [[Q(2), Q(-2)], [Q(1, 2), Q(-1, 2)]]
    return [
        Claim(
            "rnn.vanishing",
            "rnn",
            "if the largest singular value of U is below 1, the gradient vanishes: for every eps "
            "there is a lag from which |P(t, k)| <= eps, whatever the inputs and the initial state",
            r"\|U\|_2 < 1 \;\Rightarrow\; \|P(t, k)\|_2 \le \|U\|_2^{t-k} \to 0",
            ("|U| < 1, the largest singular value (1 bounds tanh')",),
            "|P(t, k)| <= |U|^(t-k) by rnn.upper, and powers of a number below 1 go to 0",
            (step,),
            extended_upper(cell, "rnn_vanishing"),
            "vanishing",
            witness="U = I / 2",
            false="the spectral radius in place of the singular value: see rnn.radius",
        ),
        Claim(
            "rnn.exploding",
            "rnn",
            "if any product of Jacobians enlarges any vector, then the largest singular value of U "
            "is above 1: that is necessary for explosion, and not sufficient",
            r"\exists v: \|P(t, k) v\| > \|v\| \;\Rightarrow\; \|U\|_2 > 1",
            (),
            "otherwise |P(t, k)| <= |U|^(t-k) <= 1 by rnn.upper",
            (step,),
            extended_upper(cell, "rnn_exploding"),
            "exploding",
            witness="U = 2 I at the state 0",
            false="|U| > 1 suffices: with U = 2 I and saturated units, tanh' < 1/4, every step "
            "halves",
        ),
        Claim(
            "rnn.attained",
            "rnn",
            "the bound is attained: with U = a I, no bias and no input, P(t, k) = a^(t-k) I at the "
            "state 0, where every tanh' is 1",
            r"U = a I,\; h_0 = 0,\; x = 0 \;\Rightarrow\; P(t, k) = a^{t-k} I",
            ("U = a I", "W x_t = 0, b = 0 and h_0 = 0"),
            "the state stays 0, tanh'(0) = 1, so each step's Jacobian is U",
            (step,),
            extended_upper(cell, "rnn_attained"),
            "attained",
            witness="a = 1/2",
        ),
        Claim(
            "rnn.radius",
            "rnn",
            "the spectral radius decides nothing: W = [[2, -2], [2, -2]] has W^2 = 0, so radius 0, "
            "and with tanh' = (1, 1/4) the product of T steps grows like (3/2)^T",
            r"W = \begin{pmatrix} 2 & -2 \\ 2 & -2 \end{pmatrix},\; W^2 = 0,\quad"
            r"(\operatorname{diag}(1, \tfrac14) W)^T \tbinom41 = (\tfrac32)^T \tbinom41",
            ("tanh' takes every value in (0, 1], so an input with these derivatives exists",),
            "diag(1, 1/4) W (4, 1) = (6, 3/2) = 3/2 (4, 1)",
            (
                evidence.matrix(w, nilpotent=2),
                evidence.matrix(j, eigenvector=([4, 1], Q(3, 2)), rows=([1, Q(1, 4)], w)),
            ),
            theorem_text("rnn_radius"),
            "radius",
            witness="this matrix",
            false="'the gradient vanishes if the spectral radius of the recurrent matrix is "
            "below 1'",
        ),
    ]
