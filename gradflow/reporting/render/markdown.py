"""A report as Markdown, with formulas as GitHub takes them, or as notebooks do.

A drawing is a file beside the text; in a notebook it is part of a cell instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from gradflow.prose import split_inline
from gradflow.reporting.document.blocks import (
    Answer,
    Block,
    Card,
    Cards,
    Code,
    Details,
    Drawing,
    Drawings,
    Equation,
    Figure,
    Heading,
    Numbers,
    Paragraph,
    Report,
    Table,
)
from gradflow.reporting.render.pictures import pictures

__all__ = ["GITHUB", "NOTEBOOK", "Dialect", "block_markdown", "render_markdown"]

# What Markdown or HTML would take for its own.
_ESCAPES = str.maketrans({c: f"\\{c}" for c in "\\`*_{}[]<>#|~"})


@dataclass(frozen=True)
class Dialect:
    """How a formula is written in a line and on a line of its own."""

    inline: Callable[[str], str]
    display: Callable[[str], str]


# GitHub would read a backslash or an underscore of a formula as its own but for these fences.
GITHUB = Dialect(lambda latex: f"$`{latex}`$", lambda latex: f"```math\n{latex}\n```")
NOTEBOOK = Dialect(lambda latex: f"${latex}$", lambda latex: f"$$\n{latex}\n$$")


def render_markdown(report: Report, stem: str) -> dict[str, str]:
    """Return the files by name: the text as ``stem.md``, and the drawings as SVG."""
    drawn = pictures(report, stem)
    write = _Writer(GITHUB, iter(drawn))
    parts = [f"# {write.prose(report.title)}"]
    if report.subtitle:
        parts.append(write.prose(report.subtitle))
    for block in report.blocks:
        parts += write.parts(block, 2)
    if report.provenance:
        parts += ["## What made this", write.table(report.made_by())]
    return {f"{stem}.md": "\n\n".join(parts) + "\n", **drawn}


def block_markdown(block: Block, level: int, dialect: Dialect) -> list[str]:
    """Return the paragraphs of one block that has no drawing of its own."""
    return _Writer(dialect, iter(())).parts(block, level)


@dataclass(frozen=True)
class _Writer:
    """Writes blocks; ``names`` are the files of the drawings, in order."""

    dialect: Dialect
    names: Iterator[str]

    def parts(self, block: Block, level: int) -> list[str]:
        match block:
            case Heading():
                return [f"{'#' * block.level} {self.prose(block.text)}"]
            case Paragraph():
                return [self.prose(block.text)]
            case Equation():
                return [self.dialect.display(block.latex), *self.told(block.caption)]
            case Table():
                caption = self.told(block.caption, "**")
                return [*caption, self.table(block), *self.told(block.note, "*")]
            case Numbers():
                return [self.table(block.table())]
            case Figure():
                return [self.picture(block.alt), *self.told(block.caption, "*")]
            case Drawing():
                title, picture = self.told(block.title, "**"), self.picture(block.title)
                return [*title, picture, *self.told(block.caption, "*")]
            case Drawings():
                panels = [
                    part
                    for panel in block.panels
                    for part in (self.prose(panel.title), self.picture(panel.title))
                ]
                return [*self.told(block.title, "**"), *panels, *self.told(block.caption, "*")]
            case Answer():
                return self.answer(block)
            case Cards():
                return [self.card(card) for card in block.cards]
            case Code():
                fence = "`" * 4
                code = f"{fence}{block.language}\n{block.source}\n{fence}"
                return [*self.told(block.title, "*"), code]
            case Details():
                inside = [part for one in block.blocks for part in self.parts(one, level + 1)]
                heading = f"{'#' * min(level, 6)} {self.prose(block.title)}"
                return [heading, *self.told(block.answer, "*"), *inside]

    def answer(self, block: Answer) -> list[str]:
        lines = [self.prose(block.text)]
        beside: list[str] = []
        if block.judged is not None:
            judged = block.judged
            lines.append(f"**{self.prose(judged.word)}** {self.prose(judged.note)}")
            lines += [f"{self.prose(over)} **{self.prose(told)}**" for over, told in judged.spread]
            beside = [*self.told(judged.remedy), ", ".join(map(self.prose, judged.chips))]
        return ["\n>\n".join(f"> {line}" for line in lines), *filter(None, beside)]

    def card(self, card: Card) -> str:
        said = f"**{self.prose(card.badge)}** {self.prose(card.where)}: "
        note = f" *{self.prose(card.note)}*" if card.note else ""
        return f"{said}**{self.prose(card.title)}.** {self.prose(card.text)}{note}"

    def told(self, text: str, mark: str = "") -> list[str]:
        return [f"{mark}{self.prose(text)}{mark}"] if text else []

    def picture(self, alt: str) -> str:
        return f"![{self.prose(alt)}]({next(self.names)})"

    def table(self, block: Table) -> str:
        def row(cells: Sequence[str]) -> str:
            # a bar would end the cell, in a formula too
            texts = [
                self.prose(c.replace(r"\|", r"\Vert ").replace("|", r"\vert "))
                if "$" in c
                else self.prose(c)
                for c in cells
            ]
            return f"| {' | '.join(texts)} |"

        rule = ["---:" if numeric else "---" for numeric in block.numeric]
        return "\n".join([row(block.header), f"| {' | '.join(rule)} |", *map(row, block.rows)])

    def prose(self, text: str) -> str:
        return "".join(
            self.dialect.inline(s.content) if s.math else s.content.translate(_ESCAPES)
            for s in split_inline(text)
        )
