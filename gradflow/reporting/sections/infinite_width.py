"""Theory beside the first seed: the exponent of infinitely many units with weights of its laws."""

from __future__ import annotations

from functools import lru_cache

from gradflow.reporting.document.blocks import Block, Details, Paragraph
from gradflow.reporting.document.section import Section
from gradflow.studies.headline import Number
from gradflow.studies.infinite_width import InfiniteWidth, beside_infinite_width
from gradflow.studies.one_cell import Study

__all__ = ["SECTION"]


@lru_cache(maxsize=1)
def _beside(study: Study) -> InfiniteWidth | None:
    return beside_infinite_width(study.setup.trajectory)


def _blocks(study: Study) -> list[Block]:
    found = _beside(study)
    if found is None:
        return []
    told = (
        f"Leading exponent: {found.sentence}. With units without number it follows from the "
        "equations and the laws of the weights alone, read off those of the first seed; a network "
        "of n units differs by about 1/n to 10/n."
    )
    answer = f"{found.theory.exponent:.3f} nats a step"
    return [Details("Infinitely many units", [Paragraph(told)], answer)]


def _numbers(study: Study) -> dict[str, Number]:
    found = _beside(study)
    return found.numbers() if found else {}


SECTION = Section(name="infinite_width", blocks=_blocks, numbers=_numbers)
