"""What a report is made of: a list of blocks, each of which says what it is and not how it looks.

Text may carry formulas between dollar signs (`gradflow.prose`). Every block checks itself
when it is made, so that a wrong one is found where it was written and not where it is rendered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from gradflow.errors import UsageError
from gradflow.prose import split_inline
from gradflow.reporting.document.cards import Answer, Card, Cards, Judged, Tone
from gradflow.reporting.document.checks import check_prose, check_string, check_text
from gradflow.reporting.document.figures import Drawing, Drawings, Figure
from gradflow.reporting.document.numbers import number_row
from gradflow.studies.headline import Number

__all__ = [
    "Answer",
    "Block",
    "Card",
    "Cards",
    "Code",
    "Details",
    "Drawing",
    "Drawings",
    "Equation",
    "Figure",
    "Heading",
    "Judged",
    "Numbers",
    "Paragraph",
    "Report",
    "Table",
    "Tone",
    "flat",
]

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9.'\-]*")
_NUMBER = re.compile(
    r"""(exactly\s)?\$?\s*[<>≤≥~≈]?\s*[+\-−]?\s*(\d[\d,]*(\.\d+)?|\.\d+|\\?infty|∞|inf|nan)
        ([eE][+\-]?\d+|\s*(\\times|\\cdot|×|·)\s*10\^\{?[+\-−]?\d+\}?|\^\{?[+\-−]?\d+\}?)?
        (\s*(±|\\pm)\s*[\d.]+([eE][+\-]?\d+)?)?\s*\\?%?\s*\$?""",
    re.VERBOSE,
)
_MISSING = {"", "-", "–", "—"}


@dataclass(frozen=True)
class Heading:
    """A section's title; ``level`` 2 is a section (the report's own title is level 1), to 4."""

    text: str
    level: int = 2

    def __post_init__(self) -> None:
        """Refuse an empty title and a level that is not 2, 3 or 4."""
        check_prose(self, "text")
        if self.level not in (2, 3, 4):
            raise UsageError(f"Heading: level is {self.level!r}; it must be 2, 3 or 4.")


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    text: str

    def __post_init__(self) -> None:
        """Refuse empty text and unclosed formulas."""
        check_prose(self, "text")


@dataclass(frozen=True)
class Equation:
    r"""A formula on a line of its own, with an optional ``label`` such as ``3`` and a caption.

    ``coloured`` is the same formula with ``\textcolor{...}`` around what has a colour in a figure
    too; it is shown where colours can be, and ``latex`` is what is copied.
    """

    latex: str
    label: str = ""
    caption: str = ""
    coloured: str = ""

    def __post_init__(self) -> None:
        """Refuse an empty formula, dollar signs in it, and a label with other than plain signs."""
        check_text(self, "latex")
        check_text(self, "coloured", empty=True)
        for formula in (self.latex, self.coloured):
            if re.search(r"(?<!\\)\$", formula):
                raise UsageError(f"Equation: {formula!r} has a $; latex is written without them.")
        if self.label and not _LABEL.fullmatch(self.label):
            raise UsageError(
                f"Equation: label is {self.label!r}; it may have letters, digits, '.', \"'\" and "
                "'-', as in '3' or 'A.1'."
            )
        check_prose(self, "caption", empty=True)


@dataclass(frozen=True)
class Table:
    """Rows of ready-made text; ``note`` is printed small underneath.

    The cells are text because only their author knows how many digits are meant.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        """Refuse rows that are not as long as the header, and cells that are not text."""
        for field, value in (("header", self.header), ("rows", self.rows)):
            if isinstance(value, str) or not isinstance(value, Sequence):
                raise UsageError(f"Table: {field} is {value!r}; it must be a list.")
        object.__setattr__(self, "header", tuple(self.header))
        object.__setattr__(self, "rows", tuple(tuple(row) for row in self.rows))
        if not self.header:
            raise UsageError("Table: header is empty; name at least one column.")
        for number, row in enumerate((self.header, *self.rows)):
            where = f"row {number}" if number else "the header"
            if len(row) != len(self.header):
                raise UsageError(
                    f"Table: {where} has {len(row)} cells and the header {len(self.header)}; "
                    "write '' for a cell with nothing in it."
                )
            for cell in row:
                check_string(f"Table: a cell of {where}", cell)
                split_inline(cell)
        check_prose(self, "caption", empty=True)
        check_prose(self, "note", empty=True)

    @property
    def numeric(self) -> tuple[bool, ...]:
        """For each column, whether all its cells are numbers (or missing), as read by eye."""
        columns = zip(*self.rows, strict=True) if self.rows else [()] * len(self.header)
        return tuple(
            any(cell.strip() not in _MISSING for cell in column)
            and all(c.strip() in _MISSING or _NUMBER.fullmatch(c.strip()) for c in column)
            for column in columns
        )


@dataclass(frozen=True)
class Numbers:
    """Numbers by name, each with its unit and its spread; a table wherever text is."""

    numbers: Mapping[str, Number]

    def __post_init__(self) -> None:
        """Refuse what is no number, and none at all."""
        object.__setattr__(self, "numbers", dict(self.numbers))
        if not self.numbers or not all(isinstance(n, Number) for n in self.numbers.values()):
            raise UsageError("Numbers: it holds something that is no Number, or none; make one.")

    def table(self) -> Table:
        """Return label, value, spread, unit, what is good, and what the spread is over."""
        header = ("Quantity", "Value", "Spread", "Unit", "Good is", "Spread over")
        return Table(header, [number_row(number) for number in self.numbers.values()])


@dataclass(frozen=True)
class Code:
    """Source code under a ``title``, closed until asked for; ``language`` as in ``python``."""

    source: str
    language: str
    title: str

    def __post_init__(self) -> None:
        """Refuse empty fields."""
        check_text(self, "source")
        check_text(self, "language")
        check_prose(self, "title")


@dataclass(frozen=True)
class Details:
    """Blocks under a ``title``, which fold to that line and its ``answer``.

    Closed until asked for, but for an ``open`` one, which is a section of the report.
    """

    title: str
    blocks: Sequence[Block]
    answer: str = ""
    open: bool = False

    def __post_init__(self) -> None:
        """Refuse an empty list and anything in it that is not a block."""
        check_prose(self, "title")
        check_prose(self, "answer", empty=True)
        _freeze_blocks(self)


Block = (
    Heading
    | Paragraph
    | Equation
    | Table
    | Numbers
    | Figure
    | Drawing
    | Drawings
    | Answer
    | Cards
    | Code
    | Details
)


@dataclass(frozen=True, repr=False)
class Report:
    """A whole report.

    ``provenance`` says what it takes to make it again, in the order given.
    """

    title: str
    subtitle: str
    blocks: Sequence[Block]
    provenance: Mapping[str, str]

    def __post_init__(self) -> None:
        """Refuse what is not a block, and two equations with one label."""
        check_prose(self, "title")
        check_prose(self, "subtitle", empty=True)
        _freeze_blocks(self)
        object.__setattr__(self, "provenance", dict(self.provenance))
        for name, value in self.provenance.items():
            check_string("Report: a name in provenance", name)
            check_string(f"Report: provenance of {name!r}", value)
        seen: set[str] = set()
        for block in flat(self.blocks):
            if isinstance(block, Equation) and block.label:
                if block.label in seen:
                    raise UsageError(
                        f"Report: two equations have the label {block.label!r}; a label names "
                        "one equation, so change one."
                    )
                seen.add(block.label)

    def made_by(self) -> Table:
        """Return the provenance as a table, in which no dollar begins a formula."""
        rows = [[name, value.replace("$", r"\$")] for name, value in self.provenance.items()]
        return Table(["What", "Value"], rows)

    def __repr__(self) -> str:
        """Return one line with the title and the number of blocks."""
        return f"Report({self.title!r}, {len(self.blocks)} blocks)"


def flat(blocks: Sequence[Block]) -> Iterator[Block]:
    """Yield the blocks in order, those that stand inside others behind these."""
    for block in blocks:
        yield block
        if isinstance(block, Details):
            yield from flat(block.blocks)


def _freeze_blocks(owner: Details | Report) -> None:
    name = type(owner).__name__
    if isinstance(owner.blocks, str) or not isinstance(owner.blocks, Sequence) or not owner.blocks:
        raise UsageError(f"{name}: blocks is {owner.blocks!r}; it must be a list of blocks.")
    for block in owner.blocks:
        if not isinstance(block, Block):
            allowed = ", ".join(kind.__name__ for kind in get_args(Block))
            raise UsageError(f"{name}: {block!r} is not a block; blocks are {allowed}.")
    object.__setattr__(owner, "blocks", tuple(owner.blocks))
