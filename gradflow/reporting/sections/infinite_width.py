"""Theory beside the first seed: the exponent of infinitely many units with weights of its laws."""

from __future__ import annotations

from functools import lru_cache

from gradflow.errors import GradflowError
from gradflow.reporting.document.blocks import Block, Details, Paragraph
from gradflow.reporting.document.numbers import signed
from gradflow.reporting.document.section import Section
from gradflow.studies.headline import Number
from gradflow.studies.infinite_width import InfiniteWidth, infinite_width
from gradflow.studies.one_cell import Study

__all__ = ["SECTION"]


@lru_cache(maxsize=1)
def _beside(study: Study) -> InfiniteWidth | GradflowError:
    """Return theory beside the first seed, or why there is none."""
    try:
        return infinite_width(study.setup.trajectory)
    except GradflowError as error:
        return error


def _blocks(study: Study) -> list[Block]:
    found = _beside(study)
    if isinstance(found, GradflowError):
        return [Details("Infinitely many units", [Paragraph(f"{found}")], "nothing to say")]
    told = (
        f"Leading exponent: {found.sentence}. With units without number it follows from the "
        "equations and the laws of the weights alone, read off those of the first seed. A network "
        f"of n units differs from the limit: {found.theory.width_words}."
    )
    answer = f"{signed(found.theory.exponent, 3)} nats a step"
    return [Details("Infinitely many units", [Paragraph(told)], answer)]


def _numbers(study: Study) -> dict[str, Number]:
    found = _beside(study)
    return {} if isinstance(found, GradflowError) else found.numbers()


SECTION = Section(name="infinite_width", blocks=_blocks, numbers=_numbers)
