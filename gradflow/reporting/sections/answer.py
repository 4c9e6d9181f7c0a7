"""The answer in one sentence, and the headline numbers."""

from __future__ import annotations

import math

from gradflow.reporting.document.blocks import Answer, Block, Table
from gradflow.reporting.document.numbers import labelled, said
from gradflow.reporting.document.section import Section
from gradflow.reporting.sections import all_numbers
from gradflow.studies.headline import Number
from gradflow.studies.one_cell import Study

__all__ = ["SECTION", "answer", "headline_rows"]


def answer(study: Study) -> Answer:
    """Return the answer in one sentence and its tone."""
    ran, gradient = study.setup, study.gradient
    count = ran.trajectory.steps
    name = ran.cell.title or ran.cell.name
    rate, horizon = gradient.rate(), study.horizon
    zero = gradient.zero_lag()
    if zero is not None and horizon == zero:
        return Answer(
            f"{name}: the gradient keeps its size and then stops: from lag {zero} on it is exactly "
            "zero, because no active path is left.",
            "bad",
        )
    if horizon is not None:
        return Answer(
            f"{name}: the gradient falls below 1\u00a0% of its size after {horizon} steps, losing "
            f"{100 * (1 - math.exp(rate)):.3g}\u00a0% a step; what lies further back is not "
            "learned from this loss.",
            "bad" if horizon < count / 4 else "neutral",
        )
    if rate > 1e-3:
        return Answer(
            f"{name}: the gradient grows by {100 * (math.exp(rate) - 1):.3g}\u00a0% a step over "
            f"{count} steps; it explodes rather than vanishes, so clip it or lower the gain.",
            "bad",
        )
    return Answer(
        f"{name}: the gradient survives {count} steps: it stays above 1\u00a0% of its size "
        f"({'no decay' if rate > -1e-12 else f'{-rate:.2g} nats lost a step'}).",
        "good",
    )


def headline_rows(study: Study) -> list[list[str]]:
    """Return label and value of every headline number, as every table shows them."""
    return [[labelled(number), said(number)] for number in all_numbers(study).values()]


def _blocks(study: Study) -> list[Block]:
    ran = study.setup
    sizes = ", ".join(f"{p}: {s.stop - s.start}" for p, s in ran.trajectory.parts.items())
    note = (
        f"{ran.trajectory.steps} steps, {ran.windows} window{'s' if ran.windows > 1 else ''} of "
        f"the input; units {sizes}. Input: {ran.source}."
    )
    return [answer(study), Table(["Quantity", "Value"], headline_rows(study), note=note)]


def _numbers(study: Study) -> dict[str, Number]:
    return study.headline()


SECTION = Section(name="answer", blocks=_blocks, numbers=_numbers)
