"""A report in the words of Typst, drawings as SVG inside."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gradflow.prose import split_inline
from gradflow.reporting.document.blocks import (
    Answer,
    Block,
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
from gradflow.reporting.render.pdf.formulas import latex_to_typst, string
from gradflow.reporting.render.pictures import drawn
from gradflow.reporting.render.scene_svg import path_colours

__all__ = ["typst_source"]

_LONG = re.compile(r"\S{41,}")
_START = """#set page(paper: "a4", margin: 20mm, numbering: "1")
#set text(font: "New Computer Modern", size: 10pt)
#set par(justify: false)
#show heading: set block(above: 1.4em, below: 0.8em)
#let fit(body) = layout(size => {
  let wide = measure(body).width
  if wide > size.width { scale(size.width / wide * 100%, origin: left, reflow: true, body) }
  else { body }
})
#let small(body) = text(size: 8.5pt, fill: luma(90), body)
"""


def typst_source(report: Report) -> str:
    """Return the whole source; equal reports give equal text."""
    colours = "".join(
        f"#let path{n} = rgb({string(colour)})\n" for n, colour in enumerate(path_colours(), 1)
    )
    parts = [f"#heading(level: 1)[{_prose(report.title)}]"]
    if report.subtitle:
        parts.append(_prose(report.subtitle))
    parts += [part for block in report.blocks for part in _parts(block, 2)]
    if report.provenance:
        parts += ["#heading(level: 2)[What made this]", _table(report.made_by())]
    title = f"#set document(title: {string(report.title)}, date: none)\n"
    return f"{title}{_START}{colours}\n" + "\n\n".join(parts) + "\n"


def _parts(block: Block, level: int) -> list[str]:
    match block:
        case Heading():
            return [f"#heading(level: {block.level})[{_prose(block.text)}]"]
        case Paragraph():
            return [_prose(block.text)]
        case Equation():
            formula = latex_to_typst(block.coloured or block.latex, display=True)
            return [f"#fit[{formula}]", *_small(block.caption)]
        case Table():
            return [*_small(block.caption), _table(block), *_small(block.note)]
        case Numbers():
            return [_table(block.table())]
        case Figure():
            return [_picture(drawn(block)[0]), *_small(block.caption)]
        case Drawing():
            title, (svg,) = f"*{_prose(block.title)}*", drawn(block)
            return [f"#block(breakable: false)[{title}\n\n{_picture(svg)}]", *_small(block.caption)]
        case Drawings():
            cells = ", ".join(
                f"[#small[{_prose(panel.title)}]\n\n{_picture(svg)}]"
                for panel, svg in zip(block.panels, drawn(block), strict=True)
            )
            grid = f"#grid(columns: (1fr, 1fr), gutter: 10pt, {cells})"
            return [f"*{_prose(block.title)}*", grid, *_small(block.caption)]
        case Answer():
            return _answer(block)
        case Cards():
            return [
                f"*{_prose(card.badge)}* {_prose(card.where)}: *{_prose(card.title)}.* "
                f"{_prose(card.text)} #small[{_prose(card.note)}]"
                for card in block.cards
            ]
        case Code():
            return []  # the generated code belongs on the page, not on paper
        case Details():
            inside = [part for one in block.blocks for part in _parts(one, level + 1)]
            head = f"#heading(level: {level})[{_prose(block.title)}]"
            answer = [f"#block(sticky: true)[{part}]" for part in _small(block.answer)]
            return [head, *answer, *inside] if inside else []


def _answer(block: Answer) -> list[str]:
    lines = [f"#text(size: 12pt)[{_prose(block.text)}]"]
    if block.judged is not None:
        judged = block.judged
        lines.append(f"*{_prose(judged.word)}* {_prose(judged.note)}")
        lines += [f"{_prose(over)} *{_prose(told)}*" for over, told in judged.spread]
        lines += [_prose(judged.remedy)] if judged.remedy else []
        lines.append(f"#small[{_prose(', '.join(judged.chips))}]")
    inside = "\n\n".join(lines)
    return [f"#block(fill: luma(245), inset: 10pt, width: 100%, radius: 3pt)[{inside}]"]


def _small(text: str) -> list[str]:
    return [f"#small[{_prose(text)}]"] if text else []


def _picture(svg: str) -> str:
    return f'#image(bytes({string(svg)}), format: "svg", width: 100%)'


def _table(block: Table) -> str:
    def row(cells: Sequence[str]) -> str:
        return ", ".join(f"[{_prose(cell)}]" for cell in cells)

    count = len(block.header)
    body = ",\n  ".join([f"table.header({row(block.header)})", *map(row, block.rows)])
    look = "stroke: (x, y) => if y == 0 { (bottom: 0.7pt) } else { (bottom: 0.2pt) }, inset: 4pt"
    return f"#text(size: 8pt, table(columns: {count}, {look},\n  {body}))"


def _prose(text: str) -> str:
    return "".join(
        latex_to_typst(s.content, display=False) if s.math else f"#{string(_broken(s.content))};"
        for s in split_inline(text)
    )


def _broken(text: str) -> str:
    """Return text whose longest words, which no line holds, may break at every letter."""
    return _LONG.sub(lambda word: "\u200b".join(word[0]), text)
