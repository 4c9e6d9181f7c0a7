"""Reports: a list of typed blocks, rendered as one self-contained page.

>>> from gradflow.report import Paragraph, Report, Verdict, render_html
>>> page = render_html(
...     Report(
...         title="LSTM",
...         subtitle="",
...         blocks=[Verdict("The gradient survives.", "good"), Paragraph("Its gate is $f_t$.")],
...         provenance={"gradflow": "0.1.0"},
...     )
... )
>>> page.startswith("<!DOCTYPE html>")
True
"""

from gradflow.figures.inline import Span, plain_text, split_inline
from gradflow.report.blocks import (
    Block,
    Code,
    Details,
    Equation,
    Figure,
    Heading,
    Paragraph,
    Report,
    Table,
    Tone,
    Verdict,
)
from gradflow.report.build import Written, report
from gradflow.report.html import render_html
from gradflow.report.mathml import latex_to_mathml
from gradflow.report.write import write_text_atomically

__all__ = [
    "Block",
    "Code",
    "Details",
    "Equation",
    "Figure",
    "Heading",
    "Paragraph",
    "Report",
    "Span",
    "Table",
    "Tone",
    "Verdict",
    "Written",
    "latex_to_mathml",
    "plain_text",
    "render_html",
    "report",
    "split_inline",
    "write_text_atomically",
]
