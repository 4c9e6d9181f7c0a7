"""The answer in one sentence, and the headline numbers."""

from __future__ import annotations

import math

from gradflow.reporting.document.blocks import Answer, Block, Table
from gradflow.reporting.document.numbers import labelled, power_of_ten, said
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
    zero, relative = gradient.zero_lag(), gradient.relative()
    if zero is not None and horizon == zero:
        before = (
            f"; one lag before it is {power_of_ten(float(relative[zero - 1]))} of its size"
            if zero > 1
            else ""
        )
        return Answer(
            f"{name}: from lag {zero} on the gradient is exactly zero, because no active path is "
            f"left{before}.",
            "bad",
        )
    last = power_of_ten(float(relative[-1]))
    if horizon is not None:
        lost = f"; at lag {count} it is {last}"
        if rate is not None and -math.inf < rate < 0:
            lost = f", asymptotically losing {100 * (1 - math.exp(rate)):.3g}\u00a0% a step"
        return Answer(
            f"{name}: the gradient falls below 1\u00a0% of its size after {horizon} steps{lost}; "
            "what lies further back is not learned from this loss.",
            "bad" if horizon < count / 4 else "neutral",
        )
    if relative[-1] > math.log(2) if rate is None else rate > 1e-3:
        share = None if rate is None else 100 * math.expm1(rate)
        how = "" if share is None else f", asymptotically by {share:.3g}\u00a0% a step"
        return Answer(
            f"{name}: the gradient grows{how}, and is {last} of its size after {count} steps; it "
            "explodes rather than vanishes, so clip it or lower the gain.",
            "bad",
        )
    flat = rate is not None and abs(rate) <= 1e-12
    return Answer(
        f"{name}: the gradient survives {count} steps: it stays above 1\u00a0% of its size "
        f"({'no decay at the end, ' if flat else ''}{last} at lag {count}).",
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
