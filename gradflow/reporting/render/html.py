"""A report as one HTML page that loads nothing.

Formulas are MathML and figures SVG, both inside the page, and the one font is embedded: the page
looks the same on every machine, can be sent by mail, and needs no network. A few lines of script
copy formulas and read curves where one points; the page is complete without them. Equal reports
give equal bytes.
"""

from __future__ import annotations

import json
import math
import re
from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined, Template

from gradflow.given import instance
from gradflow.prose import plain_text, split_inline
from gradflow.reporting.document.blocks import Answer, Block, Drawing, Equation, Report, flat
from gradflow.reporting.drawing.scene import TONES
from gradflow.reporting.render.mathml import latex_to_mathml
from gradflow.reporting.render.scene_svg import scene_svg

__all__ = ["card_html", "render_html", "style", "template"]

_FONT = "fonts/stix-two-math-subset.woff2"
_SHOWN = 6
_RAISED = re.compile(r"([_^])(−?\w+)")
_TAGS = {"_": "sub", "^": "sup"}


def render_html(report: Report) -> str:
    """Return the page of ``report``, from ``<!DOCTYPE html>`` to ``</html>``.

    Parameters
    ----------
    report : Report
        Title, blocks and provenance. An open `Details` is a section that folds to a line.

    Raises
    ------
    UsageError
        A formula cannot be converted (see `gradflow.reporting.render.mathml`).
    """
    instance(report, "render_html: report", Report)
    script = any(isinstance(block, Equation) or _readable(block) for block in flat(report.blocks))
    return template("template.html").render(
        report=report, style=style(), script=_part("page.js") if script else ""
    )


def _readable(block: Block) -> bool:
    """Whether a drawing has a median that can be read where one points."""
    return isinstance(block, Drawing) and bool(block.wide.across) and "log10_median" in block.series


def _series(block: Drawing) -> str:
    """Return the median and the band to three digits behind the point, null where it is 0."""
    names = ("log10_median", "log10_low", "log10_high")
    rows = [
        [round(v, 3) if math.isfinite(v) else None for v in block.series[name]] for name in names
    ]
    return json.dumps(rows, separators=(",", ":"))


def _prose(text: str) -> str:
    """Set a text; a formula stays on one line with the brackets and commas that touch it."""
    words: list[list[str]] = [[]]
    for span in split_inline(text):
        if span.math:
            words[-1].append(latex_to_mathml(span.content, display=False))
            continue
        first, *rest = (escape(word) for word in span.content.split(" "))
        words[-1] += [first] if first else []
        words += [[word] if word else [] for word in rest]
    return " ".join(_word(parts) for parts in words)


def _word(parts: Sequence[str]) -> str:
    word = "".join(parts)
    return f'<span class="joined">{word}</span>' if len(parts) > 1 else word


def card_html(answer: Answer, rows: Sequence[Sequence[str]], path: Path) -> str:
    """Return what a notebook shows of a page that was written: answer, numbers, and where it lies.

    A row is a name, a value and its spread; those after the sixth are folded. Notebooks take style
    sheets and MathML out of what others ran, so colours stand at their elements, none of them for
    text or ground, which are the notebook's own, and formulas are plain signs.
    """
    return template("card.html").render(answer=answer, rows=rows, path=path, shown=_SHOWN)


def _notebook(text: str) -> str:
    return "".join(
        _RAISED.sub(
            lambda m: f"<{_TAGS[m[1]]}>{m[2]}</{_TAGS[m[1]]}>",
            escape(plain_text(f"${span.content}$")).replace("-", "−"),
        )
        if span.math
        else escape(span.content)
        for span in split_inline(text)
    )


@cache
def template(name: str) -> Template:
    """Return the template ``name`` of this folder.

    Its filters are ``prose`` and ``display``, which set formulas and escape the rest, ``notebook``,
    which does so without MathML, ``plain`` for text without formulas, ``scene`` for drawings,
    ``readable`` and ``series`` for what one can point at, and ``kind``, the name of a block's
    class.
    """
    environment = Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    environment.filters |= {
        "prose": _prose,
        "notebook": _notebook,
        "display": lambda latex: latex_to_mathml(latex, display=True),
        "plain": plain_text,
        "readable": _readable,
        "series": _series,
        "kind": lambda block: type(block).__name__,
        "scene": lambda scene, kind, title: scene_svg(scene, kind, plain_text(title)),
    }
    return environment.from_string(_part(name))


@cache
def style() -> str:
    """Return the style sheet of every page, its font included."""
    font = files("gradflow.reporting.render").joinpath(_FONT).read_bytes()
    return template("style.css").render(font=b64encode(font).decode("ascii"), tones=TONES)


def _part(name: str) -> str:
    return files("gradflow.reporting.render").joinpath(name).read_text(encoding="utf-8")
