"""TELL: a report as a list of typed blocks, rendered as one self-contained page.

>>> from gradflow.reporting import Paragraph, Report, Verdict, render_html
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

from gradflow.lazy import lazily

_HOME = {
    **dict.fromkeys(
        (
            "Block",
            "Code",
            "Details",
            "Equation",
            "Figure",
            "Heading",
            "Paragraph",
            "Report",
            "Table",
            "Tone",
            "Verdict",
        ),
        "document.blocks",
    ),
    "FORMATS": "publish.formats",
    "Page": "publish.page",
    "Written": "build",
    "check_formats": "publish.formats",
    "draw_svg": "publish.svg",
    "figure_svg": "publish.svg",
    "latex_to_mathml": "render.mathml",
    "magnitude": "publish.caption",
    "page": "publish.page",
    "render_html": "render.html",
    "report": "build",
}

__all__ = sorted(_HOME)
__getattr__, __dir__ = lazily(__name__, _HOME)
