"""The SCRN: the context units keep their gradient at exactly the rate alpha."""

from __future__ import annotations

from gradflow.cells.cell import Cell
from gradflow.proofs.bounding.step import bounds
from gradflow.proofs.claims import evidence
from gradflow.proofs.claims.claim import Claim
from gradflow.proofs.coq.files import own_file


def claims(cell: Cell) -> list[Claim]:
    """Return the theorems about the structurally constrained network."""
    step = evidence.step(bounds(cell))
    return [
        Claim(
            "scrn.context",
            "scrn",
            "the gradient between context units decays at exactly alpha a step: ds_t/ds_k = "
            "alpha^(t-k) I, whatever the weights, the inputs and the hidden units do",
            r"\frac{\partial s_t}{\partial s_k} = \alpha^{t-k} I, \qquad "
            r"\frac{\partial s_t}{\partial h_k} = 0",
            (),
            "ds'/ds = alpha I and ds'/dh = 0, so the second row of the product is (0, alpha^T I)",
            (step,),
            own_file(cell, "scrn_context", "context units"),
            "context",
            witness="alpha = 95/100 and all maps 0",
        ),
        Claim(
            "scrn.eigenvalue",
            "scrn",
            "alpha is an eigenvalue of every step Jacobian, once for each context unit, with the "
            "same left eigenvectors at every step; the other eigenvalues are those of dh'/dh",
            r"J_t = \begin{pmatrix} \partial h'/\partial h & \partial h'/\partial s \\ 0 & "
            r"\alpha I "
            r"\end{pmatrix}, \qquad (0, e_i)^{\top} J_t = \alpha \, (0, e_i)^{\top}",
            (),
            "block triangular: the row of a context unit is alpha times that unit's row of I",
            (step,),
            own_file(cell, "scrn_eigenvalue", "eigenvalue of the context"),
            "eigenvalue",
            witness="alpha = 95/100 and all maps 0",
            scope="the Coq file has the left eigenvectors; that the remaining eigenvalues are "
            "those "
            "of dh'/dh is the determinant of a block triangular matrix and is not in it",
        ),
    ]
