"""A figure as the bytes of a file: the same bytes every time, in every format."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import matplotlib as mpl

from gradflow.errors import UsageError, shown
from gradflow.given import several

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FORMATS", "check_formats", "encoded"]

FORMATS = ("pdf", "svg", "png")
"""What every installation writes; ``"pgf"`` needs a TeX besides."""

_TEX = ("xelatex", "lualatex", "pdflatex")
# No dates; type 42 keeps letters as letters, as venues ask; outlines in SVG, which finds no fonts.
_SETTINGS: dict[Any, Any] = {
    "svg.hashsalt": "gradflow",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
    "savefig.dpi": 300,
    "pgf.rcfonts": False,
}
_METADATA: dict[str, dict[str, Any]] = {
    "pdf": {"CreationDate": None},
    "svg": {"Date": None},
    "png": {},
    "pgf": {},
}


def check_formats(formats: Sequence[str]) -> tuple[str, ...]:
    """Return ``formats``, each once. Raises ``UsageError`` for what cannot be written here."""
    allowed = (*FORMATS, "pgf")
    given = [formats] if isinstance(formats, str) else several(formats, "formats", "words")
    for kind in given:
        if not isinstance(kind, str) or kind not in allowed:
            raise UsageError(
                f"formats: {shown(kind)} is not known; choose of {', '.join(allowed)}."
            )
    kinds = tuple(dict.fromkeys(given))
    if not kinds:
        raise UsageError(f"formats: none is named; choose of {', '.join(allowed)}.")
    if "pgf" in kinds and _tex() is None:
        raise UsageError(
            f"format 'pgf' measures its text with TeX, and none of {', '.join(_TEX)} is installed; "
            "install one or choose pdf."
        )
    return kinds


def encoded(figure: Figure, name: str, kind: str) -> dict[str, bytes]:
    """Return the files of ``figure`` in format ``kind``: PGF may have images beside it."""
    settings = _SETTINGS | ({"pgf.texsystem": _tex()} if kind == "pgf" else {})
    with mpl.rc_context(settings):
        if kind != "pgf":
            stream = BytesIO()
            figure.savefig(stream, format=kind, metadata=_METADATA[kind])
            return {f"{name}.{kind}": stream.getvalue()}
        with TemporaryDirectory() as folder:
            figure.savefig(Path(folder) / f"{name}.pgf")
            return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


def _tex() -> str | None:
    return next((system for system in _TEX if shutil.which(system)), None)
