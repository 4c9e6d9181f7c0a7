"""The formats of a report by name; each module loads when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from gradflow.errors import UsageError, shown
from gradflow.files import write_atomically
from gradflow.given import choice
from gradflow.reporting.document.blocks import Report

__all__ = ["FORMATS", "format_of", "rendered", "write_report"]

Files = Mapping[str, str | bytes]


def _html(report: Report, stem: str, call: str) -> Files:
    from gradflow.reporting.render.html import render_html

    return {f"{stem}.html": render_html(report)}


def _markdown(report: Report, stem: str, call: str) -> Files:
    from gradflow.reporting.render.markdown import render_markdown

    return render_markdown(report, stem)


def _json(report: Report, stem: str, call: str) -> Files:
    from gradflow.reporting.render.data import render_json

    return {f"{stem}.json": render_json(report)}


def _latex(report: Report, stem: str, call: str) -> Files:
    from gradflow.reporting.render.latex import render_latex

    return {f"{stem}.tex": render_latex(report)}


def _notebook(report: Report, stem: str, call: str) -> Files:
    from gradflow.reporting.render.notebook import render_notebook

    return {f"{stem}.ipynb": render_notebook(report, call)}


def _pdf(report: Report, stem: str, call: str) -> Files:
    from gradflow.reporting.render.pdf.compiled import render_pdf

    return {f"{stem}.pdf": render_pdf(report)}


FORMATS: Mapping[str, Callable[[Report, str, str], Files]] = {
    "html": _html,
    "pdf": _pdf,
    "tex": _latex,
    "md": _markdown,
    "json": _json,
    "ipynb": _notebook,
}
"""What a report can be written as."""


def format_of(path: Path, format: str | None) -> str:
    """Return the format that the name of a file or ``format`` says. Raises ``UsageError``."""
    known = ", ".join(FORMATS)
    if format is not None:
        return choice(format, "report: format", FORMATS)
    ending = path.suffix.removeprefix(".").lower()
    if ending not in FORMATS:
        raise UsageError(
            f"report: out is {shown(str(path))}, and its ending says no format; end it with one of "
            f"{known}, or name the format (--format; in Python format=)."
        )
    return ending


def rendered(report: Report, path: Path, format: str, call: str) -> dict[Path, str | bytes]:
    """Return what to write, by path: the file asked for first, and what it needs beside it."""
    files = FORMATS[format](report, path.stem, call)
    (_, first), *beside = files.items()
    return {path: first, **{path.with_name(name): text for name, text in beside}}


def write_report(report: Report, path: Path, format: str, call: str) -> None:
    """Write a report and what it needs beside it, once all of it is rendered."""
    for place, content in rendered(report, path, format, call).items():
        write_atomically(place, content)
