"""A published figure: drawn at the width of a venue, written in every format with its claims.

A script of `analyses/` draws on one page::

    with page("toy_power", out, quick, shape=(1, 2), **look) as sheet:
        left, right = sheet.axes
        ...
        return sheet.publish(answer=..., caption=..., numbers=numbers)

which writes ``toy_power.pdf``, ``.svg`` and ``.png``, the caption as ``toy_power.tex`` and what it
claims as ``toy_power.json``. The same figure gives the same bytes. On slides a figure of more than
two panels is several pictures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from gradflow.errors import UsageError
from gradflow.figures.look.style import paper_style
from gradflow.figures.look.venues import Venue, find_venue
from gradflow.files import json_text, require_folder, write_atomically
from gradflow.given import choice, flag, mapping, real_number, several, text
from gradflow.provenance import command, versions
from gradflow.reporting.publish.arrangement import arrangement, slide_places, slides
from gradflow.reporting.publish.caption import check_caption, latex_caption
from gradflow.reporting.publish.formats import FORMATS, check_formats, encoded
from gradflow.reporting.publish.slides import pictures, write_question

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Page", "page"]

_GOLDEN = 0.62


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Page:
    """A figure under work: its ``axes``, row by row, and where it will be written."""

    name: str
    out: Path
    quick: bool
    venue: Venue
    formats: tuple[str, ...]
    figure: Figure
    axes: tuple[Any, ...]
    groups: tuple[tuple[int, ...], ...]
    steps: bool

    @property
    def ax(self) -> Axes:
        """The axes of a figure with one panel."""
        (only,) = self.axes
        return only  # type: ignore[no-any-return]

    def publish(
        self, *, answer: str, caption: str, numbers: Mapping[str, float]
    ) -> dict[str, float]:
        """Write the figure, its caption and its claims; return the numbers as floats.

        Parameters
        ----------
        answer
            The answer to the script's question in one sentence, with its number.
        caption
            What is drawn, with the numbers; LaTeX between dollar signs.
        numbers
            What the figure claims, by name.

        Raises
        ------
        UsageError
            A number that is not finite, a text with an unclosed formula, or a folder that cannot
            be written to.
        """
        where = f"figure {self.name}: numbers"
        claimed = {
            key: real_number(value, f"{where}: the claim {key!r}")
            for key, value in mapping(numbers, where, "finite numbers").items()
        }
        for what, said in (("answer", answer), ("caption", caption)):
            check_caption(f"figure {self.name}: its {what}", said)
        files: dict[str, bytes] = {}
        stems = []
        groups = [[self.axes[i] for i in group] for group in self.groups]
        for stem in pictures(self.figure, self.name, groups, steps=self.steps):
            stems.append(stem)
            for kind in self.formats:
                files |= encoded(self.figure, stem, kind)
        files[f"{self.name}.tex"] = latex_caption(self.name, caption).encode()
        record = {
            "name": self.name,
            "answer": answer,
            "caption": caption,
            "numbers": claimed,
            "quick": self.quick,
            "venue": self.venue.name,
            "formats": self.formats,
            "pictures": stems,
            "command": self._command(),
            "versions": versions(),
        }
        files[f"{self.name}.json"] = f"{json_text(record)}\n".encode()
        for file, content in files.items():
            write_atomically(self.out / file, content)
        return claimed

    def __repr__(self) -> str:
        """Return one line with name, panels, venue and folder."""
        panels = f"{len(self.axes)} panel{'s' if len(self.axes) > 1 else ''}"
        return f"Page({self.name!r}, {panels}, {self.venue.name}, in {str(self.out)!r})"

    def _command(self) -> str:
        formats = [w for kind in self.formats for w in ("--format", kind)]
        words = ["gradflow", "figure", self.name, "--venue", self.venue.name, *formats]
        return command(*words, self.quick and "--quick", self.steps and "--steps")


@contextmanager
def page(
    name: str,
    out: str | Path,
    quick: bool = False,
    *,
    shape: tuple[int, int] | Sequence[str] = (1, 1),
    aspect: float | None = None,
    widths: Sequence[float] | None = None,
    projections: Sequence[str | None] = (),
    venue: str = "neurips",
    formats: Sequence[str] = FORMATS,
    question: str = "",
    steps: bool = False,
) -> Iterator[Page]:
    """Open a figure in the style of a venue.

    Parameters
    ----------
    name : str
        Of the files, without suffix.
    out : path-like
        Folder to write into.
    quick : bool
        Whether the numbers come from a smaller computation; recorded beside them.
    shape : tuple of int, or sequence of str
        Rows and columns of panels, or rows of letters that show where each panel stands: in
        ``("AAB", "AAC")`` the first is large. A figure of one panel takes one column of the venue,
        any other the whole width of its text.
    aspect : float, optional
        Height over width of one panel; golden by default. Slides are 16:9 whatever the panels.
    widths : sequence of float, optional
        Relative widths of the columns.
    projections : sequence, optional
        ``"3d"`` or ``None`` for each panel, row by row.
    venue : str
        One of ``gradflow.figures.VENUES``.
    formats : sequence of str
        Of ``"pdf"``, ``"svg"``, ``"png"``, and ``"pgf"`` where a TeX is installed.
    question : str
        What the figure answers: the title of every slide, and left out elsewhere.
    steps : bool
        Whether the pictures ``NAME-step-01``, ``-02``, ... are written besides, in each of which
        one thing more is drawn, for a talk.

    Raises
    ------
    UsageError
        An unknown venue or format, or a folder that cannot be written to.
    """
    at = find_venue(venue)
    kinds = check_formats(formats)
    folder = require_folder(out)
    text(name, "page: name")
    quick = flag(quick, "page: quick")
    steps = flag(steps, "page: steps")
    if text(question, "page: question"):
        check_caption("page: question", question)
    rows, columns, boxes = arrangement(shape)
    if aspect is not None:
        aspect = real_number(aspect, "page: aspect", 0.01, 100.0)
    if widths is not None:
        widths = [
            real_number(w, "page: an item of widths", 0.0, above=True)
            for w in several(widths, "page: widths", "numbers")
        ]
        if len(widths) != columns:
            raise UsageError(f"page: widths has {len(widths)} items; it needs {columns}.")
    projections = several(projections, "page: projections", "'3d' or None")
    for kind in projections:
        if kind is not None:
            choice(kind, "page: an item of projections", ("3d", "polar"))
    width = at.column if len(boxes) == 1 else at.text
    ratio = aspect if aspect is not None else _GOLDEN if columns == 1 else 0.85
    height = at.height or rows * width / columns * ratio
    groups = (tuple(range(len(boxes))),) if at.height is None else slides(boxes)
    with paper_style(at):
        figure = Figure(figsize=(width, height), layout="constrained")
        if at.height is None:
            grid = figure.add_gridspec(rows, columns, width_ratios=widths)
            places = [grid[box.rows, box.columns] for box in boxes]
        else:
            places = slide_places(figure, boxes, groups, widths)
            if question:
                write_question(figure, question)
        kind_of = [*projections, *[None] * len(places)]
        axes = tuple(
            figure.add_subplot(place, projection=kind)
            for place, kind in zip(places, kind_of, strict=False)
        )
        yield Page(
            name=name,
            out=folder,
            quick=quick,
            venue=at,
            formats=kinds,
            figure=figure,
            axes=axes,
            groups=groups,
            steps=steps,
        )
