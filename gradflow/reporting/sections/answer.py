"""The answer in one sentence, with its spread and what would change it."""

from __future__ import annotations

from gradflow.prose import plain_text
from gradflow.reporting.document.answering import Measured, answer_of
from gradflow.reporting.document.blocks import Answer, Block
from gradflow.reporting.document.numbers import in_steps, power_of_ten
from gradflow.reporting.document.section import Section
from gradflow.reporting.document.words import called, origin, runs_of, seeds_of, texts_of, window_of
from gradflow.studies.one_cell import Study

__all__ = ["SECTION", "answer"]


def answer(study: Study) -> Answer:
    """Return the answer in one sentence, its spread, what would change it, and its tone."""
    found = study.seeds.decays
    measured = Measured(
        subject=_subject(study),
        decays=found,
        verdict=study.verdict,
        numbers=study.headline(),
        need=study.need,
        width=study.seeds.width,
        window=window_of(study),
    )
    return answer_of(measured, remedy=_remedy(study), chips=_chips(study, found.drawn))


def _subject(study: Study) -> str:
    ran, found = study.setup, study.seeds.decays
    own = {size: count for size, count in ran.sizes.items() if size != "input"}
    if "hidden" in own:
        size = f" {own['hidden']}"
    else:
        told = ", ".join(f"{name} {count}" for name, count in own.items())
        size = f" ({told})" if told else ""
    return f"{called(ran.cell)}{size}, {origin(found)}, {seeds_of(found)}"


def _remedy(study: Study) -> str:
    """Return which of the computed changes reaches furthest, if one does better."""
    found = study.seeds.decays
    best, words = study.verdict.reached, ""
    for name, other in study.changes.items():
        reached = other.reached(study.need)
        if reached > best:
            best, words = reached, name
    if not words:
        return ""
    other = study.changes[words]
    warning = ""
    if other.grows:
        grown = power_of_ten(float(other.band()[1][-1]))
        warning = f", though a tenth of them then grow {grown}-fold or more"
    return f"With {words}, {best} of {runs_of(found)} reach {in_steps(study.need)}{warning}."


def _chips(study: Study, drawn: bool) -> list[str]:
    ran = study.setup
    loud = "random weights, not trained" if drawn else "weights as given"
    runs = f"{seeds_of(study.seeds.decays)} × {texts_of(study)}"
    sizes = plain_text(", ".join(f"{size} {count}" for size, count in ran.sizes.items()))
    return [loud, runs, f"{in_steps(ran.trajectory.steps)} each", *([sizes] if sizes else [])]


def _blocks(study: Study) -> list[Block]:
    return [answer(study)]


SECTION = Section(name="answer", blocks=_blocks)
