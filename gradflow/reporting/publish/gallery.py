"""The gallery: every figure drawn, and a page that shows each with its question and its answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradflow.errors import UsageError
from gradflow.files import write_atomically
from gradflow.reporting.publish.formats import FORMATS
from gradflow.reporting.publish.scripts import Script
from gradflow.reporting.render.html import style, template

__all__ = ["Entry", "write_gallery"]

# What a browser shows, best first.
_SHOWN = ("png", "svg")


@dataclass(frozen=True)
class Entry:
    """One figure of the gallery: its script, and what it recorded when it was drawn."""

    script: Script
    record: dict[str, Any]

    @property
    def thumbnail(self) -> str:
        """Name of the file that the page shows."""
        formats = self.record["formats"]
        return f"{self.script.name}.{next(kind for kind in _SHOWN if kind in formats)}"

    @property
    def files(self) -> tuple[str, ...]:
        """Names of all files of this figure."""
        stems, kinds = self.record["pictures"], self.record["formats"]
        pictures = [f"{stem}.{kind}" for stem in stems for kind in kinds]
        return (*pictures, f"{self.script.name}.tex")


def write_gallery(
    chosen: Sequence[Script],
    out: str | Path,
    *,
    venue: str = "neurips",
    formats: Sequence[str] = FORMATS,
    quick: bool = False,
    steps: bool = False,
    progress: Callable[[str], None] = lambda name: None,
) -> Path:
    """Draw every script's figure into ``out`` and write ``index.html`` there; return its path.

    Parameters
    ----------
    chosen
        The scripts, in the order of the page.
    out
        A folder.
    venue, formats, quick, steps
        As in :func:`gradflow.reporting.publish.page`; one format must be one that a browser shows.
    progress
        Called with the name of each figure before it is drawn.

    Raises
    ------
    UsageError
        An unknown venue or format, none that a browser shows, or a folder that cannot be written.
    """
    if not any(kind in formats for kind in _SHOWN):
        raise UsageError("a gallery shows its figures; let one format be png or svg.")
    folder = Path(out)
    entries = []
    for script in chosen:
        progress(script.name)
        script.run(folder, quick=quick, venue=venue, formats=formats, steps=steps)
        record = json.loads((folder / f"{script.name}.json").read_text("utf-8"))
        entries.append(Entry(script, record))
    progress("index.html")
    path = folder / "index.html"
    write_atomically(path, _page(entries, quick))
    return path


def _page(entries: Sequence[Entry], quick: bool) -> str:
    """Return the page; it loads nothing but the figures beside it."""
    versions = entries[0].record["versions"] if entries else {}
    return template("gallery.html").render(
        entries=entries, quick=quick, versions=versions, style=style()
    )
