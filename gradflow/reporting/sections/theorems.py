"""What can be proved, with the margins on the run of the page."""

from __future__ import annotations

import math

from gradflow.proofs.claims.claim import CERTIFIED, OBSERVED, REFUTED, Claim
from gradflow.proofs.measuring.margin import Margin
from gradflow.proofs.theorems import theorems
from gradflow.provenance import command
from gradflow.reporting.document.blocks import Block, Details, Equation, Heading, Paragraph, Table
from gradflow.reporting.document.numbers import power_of_ten
from gradflow.reporting.document.section import Section
from gradflow.studies.one_cell import Study

__all__ = ["SECTION"]


def _blocks(study: Study) -> list[Block]:
    cell, run = study.setup.cell, study.setup.trajectory
    claims = theorems(cell)
    rows = []
    for claim in claims:
        margin = claim.measure(run) if claim.measure is not None else None
        rows.append([claim.name, _level(claim), *_measured(margin)])
    return [
        Heading("What can be proved"),
        Paragraph(
            "Bounds of the product of step Jacobians, in terms of the norms of the maps and of "
            "what the gates do. They hold for every input and initial state that satisfies their "
            "hypotheses."
        ),
        Table(
            ["Theorem", "Level", f"Measured over {run.steps} steps", "Bound"],
            rows,
            note=(
                "Levels as far as exact arithmetic goes; "
                f"{command('gradflow', 'prove', cell.name)} checks the Coq files as well. Measured "
                "in floating point; a bound that says 'no' does not apply to this run."
            ),
        ),
        *(_details(claim) for claim in claims),
    ]


def _level(claim: Claim) -> str:
    if claim.fault():
        return REFUTED
    return CERTIFIED if claim.evidence else OBSERVED


def _measured(margin: Margin | None) -> tuple[str, str]:
    if margin is None:
        return "", ""
    if margin.bound is None:
        return _magnitude(margin.measured), "no"
    sign = "≤" if margin.side == "above" else "≥"
    return _magnitude(margin.measured), f"{sign} {_magnitude(margin.bound)}"


def _magnitude(value: float) -> str:
    return power_of_ten(math.log(value)) if 0 < value < math.inf else f"{value:.3g}"


def _details(claim: Claim) -> Details:
    blocks: list[Block] = [Paragraph(f"{claim.words}."), Equation(claim.formula)]
    if claim.hypotheses:
        blocks.append(Paragraph("Assumes: " + "; ".join(claim.hypotheses) + "."))
    blocks.append(Paragraph("Proof: " + "; ".join(claim.proof) + "."))
    if claim.false:
        blocks.append(Paragraph(f"Not true: {claim.false}."))
    if claim.scope:
        blocks.append(Paragraph(f"Left out: {claim.scope}."))
    return Details(claim.name, blocks)


SECTION = Section(name="theorems", blocks=_blocks)
