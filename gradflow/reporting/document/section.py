"""What a section of a report is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gradflow.reporting.document.blocks import Block
from gradflow.studies.headline import Number
from gradflow.studies.one_cell import Study

__all__ = ["Section"]


@dataclass(frozen=True, kw_only=True)
class Section:
    """One section of the report on a study; all formats are made from it.

    Parameters
    ----------
    name
        Under which it is registered.
    blocks
        What stands on the page.
    numbers
        Its headline numbers by name; the tables of the page and of the command line show them.
    """

    name: str
    blocks: Callable[[Study], Sequence[Block]]
    numbers: Callable[[Study], dict[str, Number]] = lambda study: {}
