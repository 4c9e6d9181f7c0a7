"""The ReLU network started at the identity: exact products, and what a perturbation can do."""

from __future__ import annotations

from gradflow.cells.cell import Cell
from gradflow.proofs.bounding.step import bounds
from gradflow.proofs.claims import evidence
from gradflow.proofs.claims.claim import Claim
from gradflow.proofs.coq.files import own_file


def claims(cell: Cell) -> list[Claim]:
    """Return the theorems about the identity-initialized ReLU network."""
    step = evidence.step(bounds(cell))
    kinks = "no pre-activation is exactly 0 (there ReLU has no derivative)"
    active = "every unit is active at every step: its pre-activation is above 0"
    return [
        Claim(
            "irnn.identity",
            "irnn",
            "with U = I every product of Jacobians is a diagonal of zeros and ones: 1 for a unit "
            "that was active at every step, so each singular value is exactly 0 or 1",
            r"U = I \;\Rightarrow\; P(t, k) = \operatorname{diag}(m),\; m_i \in \{0, 1\}",
            ("U = I", kinks),
            "each step's Jacobian is diag(1[h' > 0]) I; products of zeros and ones are zeros and "
            "ones",
            (step,),
            own_file(cell, "irnn_identity", "identity recurrence"),
            "identity",
            witness="U = I, b = 1, x = 0, h_0 = 1: every unit is active",
            false="no gradient vanishes: a unit that is inactive once has m_i = 0 for ever",
        ),
        Claim(
            "irnn.scaled",
            "irnn",
            "with U = a I and every unit active, P(t, k) = a^(t-k) I exactly",
            r"U = a I \;\Rightarrow\; P(t, k) = a^{t-k} I \text{ on the active set}",
            ("U = a I", active),
            "each step's Jacobian is a I on the active set",
            (step,),
            own_file(cell, "irnn_scaled", "scaled identity"),
            "scaled",
            witness="a = 1/2, b = 1, x = 0, h_0 = 1",
        ),
        Claim(
            "irnn.near",
            "irnn",
            "with U = I + E, |E| <= e <= 1, and every unit active, (1 - e)^(t-k) |v| <= |P(t, k) "
            "v| "
            "<= (1 + e)^(t-k) |v| for every v",
            r"(1 - e)^{t-k} \|v\| \le \|P(t, k) v\| \le (1 + e)^{t-k} \|v\|, \quad e = \|U - I\|_2",
            ("|U - I| <= e <= 1", active),
            "triangle inequality both ways at each step (Weyl), induction over the steps",
            (step,),
            own_file(cell, "irnn_near", "near the identity"),
            "near",
            witness="U = I, b = 1, x = 0, h_0 = 1, e = 0",
            false="the lower bound without the active set: with one inactive unit P has a zero row",
        ),
    ]
