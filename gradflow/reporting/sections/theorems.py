"""What can be proved, with the margins on the run of the page."""

from __future__ import annotations

import math
from dataclasses import replace

from gradflow.proofs.cards.card import Card, card
from gradflow.proofs.cards.environment import sentence
from gradflow.proofs.measuring.margin import Margin
from gradflow.proofs.theorems import theorems
from gradflow.provenance import command
from gradflow.reporting.document.blocks import Block, Details, Equation, Heading, Paragraph, Table
from gradflow.reporting.document.numbers import in_steps, power_of_ten
from gradflow.reporting.document.section import Section
from gradflow.studies.one_cell import Study

__all__ = ["SECTION"]


def _blocks(study: Study) -> list[Block]:
    cell, run = study.setup.cell, study.setup.trajectory
    cards = [
        card(replace(c, margin=c.measure(run)) if c.measure else c, coq=False)
        for c in theorems(cell)
    ]
    rows = [[c.claim.name, c.level, *_measured(c.claim.margin)] for c in cards]
    return [
        Heading("What can be proved"),
        Paragraph(
            "Bounds of the product of step Jacobians, in terms of the norms of the maps and of "
            "what the gates do. They hold for every input and initial state that satisfies their "
            "hypotheses."
        ),
        Table(
            ["Theorem", "Level", f"Measured over {in_steps(run.steps)}", "Bound"],
            rows,
            note=(
                "Levels as far as exact arithmetic goes; "
                f"{command('gradflow', 'prove', cell.name)} checks the Coq files as well. Measured "
                "in floating point. Where a theorem says nothing at these weights, what its "
                "condition needs stands in place of a bound."
            ),
        ),
        *map(_details, cards),
    ]


def _measured(margin: Margin | None) -> tuple[str, str]:
    if margin is None:
        return "", ""
    if not margin.informs or margin.bound is None:
        needs = f": needs {margin.condition.numbers()}" if margin.condition else ""
        return _magnitude(margin.measured), f"says nothing{needs}"
    sign = "≤" if margin.side == "above" else "≥"
    return _magnitude(margin.measured), f"{sign} {_magnitude(margin.bound)}"


def _magnitude(value: float) -> str:
    return power_of_ten(math.log(value)) if 0 < value < math.inf else f"{value:.3g}"


def _details(shown: Card) -> Details:
    claim = shown.claim
    blocks: list[Block] = [
        Paragraph(f"{sentence(shown.title)}: {claim.words}."),
        Equation(claim.formula),
    ]
    if claim.hypotheses:
        blocks.append(Paragraph("Assumes: " + "; ".join(claim.hypotheses) + "."))
    if shown.on_this_run:
        share = claim.margin.share if claim.margin else None
        part = "" if share is None else f" The bound accounts for {share:.0%} of what was measured."
        blocks.append(Paragraph(f"On this run it {shown.on_this_run}.{part}"))
    steps = (" ".join(step.split()) for step in claim.proof)  # on a terminal they are columns
    blocks.append(Paragraph("Proof: " + "; ".join(steps) + "."))
    if claim.false:
        blocks.append(Paragraph(f"Not true: {claim.false}."))
    if claim.scope:
        blocks.append(Paragraph(f"Left out: {claim.scope}."))
    return Details(claim.name, blocks)


SECTION = Section(name="theorems", blocks=_blocks)
