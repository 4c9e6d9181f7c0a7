"""The one place that calls Typst."""

from __future__ import annotations

from gradflow.errors import UsageError
from gradflow.reporting.document.blocks import Report
from gradflow.reporting.render.pdf.markup import typst_source

__all__ = ["render_pdf"]


def render_pdf(report: Report) -> bytes:
    """Return the report as PDF: equal reports give equal bytes.

    Raises ``UsageError`` where Typst is not installed.
    """
    try:
        import typst
    except ModuleNotFoundError:
        raise UsageError(
            "report: a PDF needs the package typst; install it by pip install 'gradflow[pdf]', or "
            "write html and print it."
        ) from None
    source = typst_source(report).encode("utf-8")
    # no fonts of this machine and no date: the same bytes everywhere
    made = typst.compile(source, format="pdf", ignore_system_fonts=True, timestamp=0)
    return bytes(made)
