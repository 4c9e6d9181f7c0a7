"""The GRU: a state that stays in [-1, 1], and a carousel whose gate may close."""

from __future__ import annotations

from gradflow.cells.cell import Cell
from gradflow.proofs.bounding.invariants import unit_invariants
from gradflow.proofs.bounding.step import bounds, facts_of
from gradflow.proofs.claims import evidence
from gradflow.proofs.claims.claim import Claim
from gradflow.proofs.coq.files import end, start, theorem_text
from gradflow.proofs.coq.lemmas import Bounds
from gradflow.proofs.coq.rows import rows
from gradflow.proofs.coq.section import section
from gradflow.proofs.coq.terms import CoqTerms


def invariant_file(cell: Cell) -> str:
    """Return the file that shows that the state stays in [-1, 1]."""
    terms = CoqTerms(cell)
    found = Bounds(terms, facts_of(cell))
    rows(found)
    return (
        start(terms, "the state stays in its box")
        + section(found)
        + theorem_text("gru_invariant")
        + end()
    )


def claims(cell: Cell) -> list[Claim]:
    """Return the theorems about the gated recurrent unit."""
    (box,) = unit_invariants(cell).values()
    return [
        Claim(
            "gru.invariant",
            "gru",
            "a state that starts in [-1, 1] stays there, whatever the weights and inputs",
            r"\|h_0\|_\infty \le 1 \;\Rightarrow\; \|h_t\|_\infty \le 1 \text{ for all } t",
            ("|h_0| <= 1 in every unit",),
            f"{box.upper.proof()}\n{box.lower.proof()}\nand induction over the steps",
            (evidence.invariant(box), evidence.step(bounds(cell))),
            invariant_file(cell),
            "invariant",
            witness="h_0 = 0",
            scope="convention: h' = z h + (1 - z) g, as Cho et al. and PyTorch write it; where z "
            "and "
            "1 - z are exchanged (Chung et al.), read 1 - z for z in gru.upper and gru.lower",
        )
    ]
