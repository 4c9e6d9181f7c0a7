"""A report as one HTML page that loads nothing and runs nothing.

Formulas are MathML and figures SVG, both inside the page, and the one font is embedded: the page
looks the same on every machine, can be sent by mail, and needs no network. Equal reports give equal
bytes.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

from jinja2 import Environment, StrictUndefined, Template

from gradflow.prose import plain_text, split_inline
from gradflow.reporting.document.blocks import Heading, Report
from gradflow.reporting.render.mathml import latex_to_mathml

__all__ = ["render_gallery", "render_html"]

if TYPE_CHECKING:
    from gradflow.reporting.publish.gallery import Entry

_FONT = "fonts/stix-two-math-subset.woff2"


def render_html(report: Report) -> str:
    """Return the page of ``report``, from ``<!DOCTYPE html>`` to ``</html>``.

    Parameters
    ----------
    report : Report
        Title, blocks and provenance. Headings of the report itself (not those inside `Details`)
        make its table of contents; figures, and tables with a caption, are numbered in order.

    Raises
    ------
    UsageError
        A formula cannot be converted (see `gradflow.reporting.render.mathml`).
    """
    headings = [block for block in report.blocks if isinstance(block, Heading)]
    # The contents stand under the verdict and whatever else comes before the first heading.
    lead = next((n for n, b in enumerate(report.blocks) if isinstance(b, Heading)), 0)
    return _template("template.html").render(
        report=report, headings=headings, lead=lead, style=_style()
    )


def _prose(text: str) -> str:
    return "".join(
        latex_to_mathml(span.content, display=False) if span.math else escape(span.content)
        for span in split_inline(text)
    )


def render_gallery(entries: Sequence[Entry], quick: bool) -> str:
    """Return the page of a gallery; it loads nothing but the figures beside it.

    ``quick`` says on the page that the figures come from smaller computations.
    """
    versions = entries[0].record["versions"] if entries else {}
    return _template("gallery.html").render(
        entries=entries, quick=quick, versions=versions, style=_style()
    )


@cache
def _template(name: str) -> Template:
    environment = Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    environment.filters |= {
        "prose": _prose,
        "display": lambda latex: latex_to_mathml(latex, display=True),
        "plain": plain_text,
        "kind": lambda block: type(block).__name__,
    }
    return environment.from_string(_part(name))


@cache
def _style() -> str:
    font = files("gradflow.reporting.render").joinpath(_FONT).read_bytes()
    return _part("style.css").replace("FONT_IN_BASE64", b64encode(font).decode("ascii"))


def _part(name: str) -> str:
    return files("gradflow.reporting.render").joinpath(name).read_text(encoding="utf-8")
