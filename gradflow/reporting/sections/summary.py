"""Every headline number with its spread, its unit and what would be good."""

from __future__ import annotations

from gradflow.reporting.document.blocks import Block, Details, Numbers, Paragraph
from gradflow.reporting.document.section import Section
from gradflow.reporting.sections import all_numbers
from gradflow.studies.headline import Number
from gradflow.studies.one_cell import Study

__all__ = ["SECTION"]


def _blocks(study: Study) -> list[Block]:
    numbers = all_numbers(study)
    main = {name: number for name, number in numbers.items() if number.unit != "share"}
    shares = {name: number for name, number in numbers.items() if number.unit == "share"}
    blocks: list[Block] = [Numbers(main), Paragraph(f"Loss: {study.setup.loss.words}.")]
    if shares:
        blocks.append(Details("Shares of the paths", [Numbers(shares)]))
    told = f"{len(main)} numbers with their spread"
    return [Details("Summary", blocks, told, open=True)]


def _numbers(study: Study) -> dict[str, Number]:
    return study.headline()


SECTION = Section(name="summary", blocks=_blocks, numbers=_numbers)
