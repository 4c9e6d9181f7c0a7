"""A report as LaTeX: a document that stands alone, and fragments that compile as pasted.

Every formula is printed as it is, in a display of its own; drawings are TikZ pictures of the same
marks that a page shows. A fragment needs nothing but amsmath.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradflow.prose import latex_text
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
from gradflow.reporting.render.tikz import colours, scene_tikz

__all__ = ["display", "document", "render_latex", "unicode_latex"]

_PREAMBLE = r"""\documentclass[a4paper]{article}
\usepackage[utf8]{inputenc}
\usepackage{amsmath,amssymb}
\usepackage[margin=25mm]{geometry}
\usepackage{array,graphicx}
\setlength{\parindent}{0pt}\setlength{\parskip}{6pt}
\emergencystretch=3em
% a formula that is wider than the line is made to fit it
\newsavebox{\gfbox}
\newcommand{\gffit}[1]{\sbox{\gfbox}{$\displaystyle #1$}%
  \ifdim\wd\gfbox>\linewidth\resizebox{\linewidth}{!}{\usebox{\gfbox}}\else\usebox{\gfbox}\fi}
"""

_SIGNS = {
    "−": r"\ensuremath{-}",
    "×": r"\ensuremath{\times}",
    "±": r"\ensuremath{\pm}",
    "≤": r"\ensuremath{\le}",
    "≥": r"\ensuremath{\ge}",
    "∞": r"\ensuremath{\infty}",
    "‖": r"\ensuremath{\Vert}",
    "σ": r"\ensuremath{\sigma}",
    "κ": r"\ensuremath{\kappa}",
    "…": r"\dots{}",
    "→": r"\ensuremath{\to}",
    "·": r"\ensuremath{\cdot}",
    "\u00a0": "~",
}
# What LaTeX takes for its own beside what `latex_text` escapes.
_OWN = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}


def display(latex: str) -> str:
    r"""Return one formula as a display to paste into a paper: amsmath is all it needs.

    >>> print(display("a = b"))
    \[
    a = b
    \]
    """
    return f"\\[\n{latex}\n\\]"


def document(body: str, title: str = "", drawn: bool = False) -> str:
    """Return fragments as a document of their own, which loads TikZ where it is ``drawn``."""
    head = f"\\section*{{{title}}}\n" if title else ""
    drawing = f"\\usepackage{{tikz}}\n{colours()}" if drawn else ""
    return f"{_PREAMBLE}{drawing}\\begin{{document}}\n{head}{body}\n\\end{{document}}\n"


def render_latex(report: Report) -> str:
    """Return the report as a document of its own."""
    body = [part for block in report.blocks for part in _parts(block, 1)]
    if report.provenance:
        body += [_heading("What made this", 1), _table(report.made_by())]
    return document("\n\n".join(body), unicode_latex(report.title), drawn=True)


def _parts(block: Block, level: int) -> list[str]:
    match block:
        case Heading():
            return [_heading(block.text, block.level - 1)]
        case Paragraph():
            return [unicode_latex(block.text)]
        case Equation():
            return [f"\\[\n\\gffit{{{block.coloured or block.latex}}}\n\\]", *_small(block.caption)]
        case Table():
            return [*_small(block.caption), _table(block), *_small(block.note)]
        case Numbers():
            return [_table(block.table())]
        case Figure():
            return [f"\\emph{{{unicode_latex(block.alt)}: drawn on the page.}}"]
        case Drawing():
            return [
                f"\\textbf{{{unicode_latex(block.title)}}}",
                scene_tikz(block.wide, r"\linewidth"),
                *_small(block.caption),
            ]
        case Drawings():
            panels = [_panel(panel) for panel in block.panels]
            pairs = [" \\hfill\n".join(panels[i : i + 2]) for i in range(0, len(panels), 2)]
            return [f"\\textbf{{{unicode_latex(block.title)}}}", *pairs, *_small(block.caption)]
        case Answer():
            return _answer(block)
        case Cards():
            return [
                f"\\textbf{{{unicode_latex(card.badge)}}} {unicode_latex(card.where)}: "
                f"\\textbf{{{unicode_latex(card.title)}.}} {unicode_latex(card.text)} "
                f"{{\\small {unicode_latex(card.note)}}}"
                for card in block.cards
            ]
        case Code():
            return []  # the generated code belongs on the page, not into a paper
        case Details():
            inside = [part for one in block.blocks for part in _parts(one, level + 1)]
            return [_heading(block.title, level), *_small(block.answer), *inside] if inside else []


def _panel(panel: Drawing) -> str:
    picture = scene_tikz(panel.wide, r"\linewidth")
    title = unicode_latex(panel.title)
    head = "\\begin{minipage}[t]{0.48\\linewidth}\\small "
    return f"{head}{title}\\\\\n{picture}\n\\end{{minipage}}"


def _answer(block: Answer) -> list[str]:
    parts = [f"{{\\large {unicode_latex(block.text)}\\par}}"]
    if block.judged is not None:
        judged = block.judged
        spread = [
            f"{unicode_latex(over)} \\textbf{{{unicode_latex(told)}}}"
            for over, told in judged.spread
        ]
        word = f"\\textbf{{{unicode_latex(judged.word)}}} {unicode_latex(judged.note)}"
        chips = ", ".join(map(unicode_latex, judged.chips))
        parts += [word, "; ".join(spread), unicode_latex(judged.remedy), chips]
    return [part for part in parts if part]


def _heading(text: str, level: int) -> str:
    name = ("section", "subsection", "subsubsection", "paragraph")[min(level, 4) - 1]
    return f"\\{name}*{{{unicode_latex(text)}}}"


def _small(text: str) -> list[str]:
    return [f"{{\\small {unicode_latex(text)}\\par}}"] if text else []


def _table(block: Table) -> str:
    # columns of equal width leave room for the gaps between them
    count = len(block.header)
    width = f"\\dimexpr(\\linewidth-{2 * count}\\tabcolsep)/{count}\\relax"
    columns = f">{{\\raggedright\\arraybackslash}}p{{{width}}}" * count

    def row(cells: Sequence[str]) -> str:
        return " & ".join(unicode_latex(cell) for cell in cells) + r" \\"

    rows = "\n".join(map(row, block.rows))
    return (
        f"{{\\footnotesize\\begin{{tabular}}{{{columns}}}\n\\hline\n{row(block.header)}\n\\hline\n"
        f"{rows}\n\\hline\n\\end{{tabular}}\\par}}"
    )


def unicode_latex(text: str) -> str:
    """Return prose as LaTeX that pdflatex sets, signs outside its alphabet included."""
    return latex_text(text, _OWN | _SIGNS)
