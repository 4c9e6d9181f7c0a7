"""TELL: a report as a list of typed blocks, rendered as one self-contained page.

>>> from gradflow.reporting import Answer, Paragraph, Report, render_html
>>> page = render_html(
...     Report(
...         title="LSTM",
...         subtitle="",
...         blocks=[Answer("The gradient survives.", "good"), Paragraph("Its gate is $f_t$.")],
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
        ),
        "document.blocks",
    ),
    "ComparisonWritten": "comparing",
    "DiagnosisWritten": "diagnosed",
    "Page": "publish.page",
    "SECTIONS": "sections",
    "Section": "document.section",
    "Written": "build",
    "compare": "comparing",
    "draw_svg": "publish.svg",
    "figure_svg": "publish.svg",
    "magnitude": "document.numbers",
    "page": "publish.page",
    "power_of_ten": "document.numbers",
    "render_html": "render.html",
    "report": "build",
    "report_diagnosis": "diagnosed",
}

__all__ = sorted(_HOME)
__getattr__, __dir__ = lazily(__name__, _HOME)
