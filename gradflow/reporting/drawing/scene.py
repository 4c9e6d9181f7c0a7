"""A drawing as a list of marks in pixels; what a mark means is its tone.

How a tone looks is not said here. It is a name: ``subject`` (what the page is about),
``reference``, ``quiet``, ``grid``, ``axis``, ``ink``, ``good``, ``bad``, ``path-1`` to ``path-8``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gradflow.errors import UsageError

__all__ = [
    "PATHS",
    "PATH_COLOURS",
    "TONES",
    "Anchor",
    "Area",
    "Dot",
    "Label",
    "Line",
    "Mark",
    "Point",
    "Scene",
]

PATH_COLOURS = ("blue", "orange", "teal", "magenta", "red", "cyan", "olive", "violet")
"""What the colours of the paths are called in LaTeX, in ``\\textcolor{...}``, in order."""

PATHS = len(PATH_COLOURS)
"""So many paths have a colour of their own."""

TONES = (
    "subject",
    "reference",
    "quiet",
    "grid",
    "axis",
    "ink",
    "good",
    "bad",
    *(f"path-{n}" for n in range(1, PATHS + 1)),
)
"""What a mark may mean."""

Point = tuple[float, float]
Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line through points, ``width`` pixels wide; ``name`` says what it stands for."""

    points: tuple[Point, ...]
    tone: str
    width: float = 1.0
    dashed: bool = False
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Area:
    """A filled outline; ``share`` of its colour covers what lies below."""

    points: tuple[Point, ...]
    tone: str
    share: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Dot:
    """A disc, or a ring where it is ``hollow``."""

    at: Point
    tone: str
    radius: float = 3.5
    hollow: bool = False
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Label:
    """Text at a point; ``power`` stands raised behind it, as in 10 to the -4."""

    at: Point
    text: str
    tone: str = "ink"
    anchor: Anchor = "start"
    power: int | None = None
    bold: bool = False
    name: str = ""


Mark = Line | Area | Dot | Label


@dataclass(frozen=True)
class Scene:
    """Marks on a sheet of ``width`` by ``height`` pixels, what lies below first.

    ``across`` are the left and the right pixel of a horizontal scale in whole steps, from 0 to the
    last, where a reader may point at one.
    """

    width: int
    height: int
    marks: Sequence[Mark]
    across: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        """Refuse a tone that no renderer knows."""
        object.__setattr__(self, "marks", tuple(self.marks))
        for mark in self.marks:
            if mark.tone not in TONES:
                raise UsageError(
                    f"Scene: the tone {mark.tone!r} is unknown; tones are {', '.join(TONES)}."
                )
