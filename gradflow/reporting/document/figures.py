"""Blocks that show: a drawing in marks that every renderer prints, or a figure as ready SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gradflow.errors import UsageError
from gradflow.reporting.document.checks import check_prose, check_string, check_text
from gradflow.reporting.document.vector_image import check_svg
from gradflow.reporting.drawing.scene import Scene

__all__ = ["Choice", "Drawing", "Drawings", "Figure"]


@dataclass(frozen=True)
class Figure:
    """A drawing as one ``<svg>`` element, as `gradflow.reporting.figure_svg` returns it.

    ``alt`` says in plain text what the drawing shows, for those who cannot see it.
    """

    svg: str
    caption: str
    alt: str

    def __post_init__(self) -> None:
        """Refuse what is not an ``<svg>`` element standing alone, and one that runs or loads."""
        check_text(self, "svg")
        check_svg(self.svg)
        check_prose(self, "caption")
        check_text(self, "alt")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A drawing at one value of a dial, for a wide and a narrow page, and what is said of it."""

    wide: Scene
    narrow: Scene
    said: str


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A drawing for a wide and for a narrow page, with its message.

    Parameters
    ----------
    wide, narrow
        The drawing twice: letters do not shrink with the page.
    title
        The message, in a sentence.
    caption
        What is drawn; empty for a panel of several.
    series
        What is drawn in numbers, name to values, for those who want to draw it again.
    key
        What the colours mean: pairs of a tone and words, where the drawing does not say it itself.
    dial, choices, chosen
        What a reader may turn on a page, the drawing at each of its values, and which of them this
        is; where nothing can be turned, this one stands.
    """

    wide: Scene
    narrow: Scene
    title: str
    caption: str = ""
    series: Mapping[str, Sequence[float]] = field(default_factory=dict)
    key: Sequence[tuple[str, str]] = ()
    dial: str = ""
    choices: Sequence[Choice] = ()
    chosen: int = 0

    def __post_init__(self) -> None:
        """Refuse what is no scene, and an empty message."""
        for name in ("wide", "narrow"):
            if not isinstance(getattr(self, name), Scene):
                raise UsageError(f"Drawing: {name} is no Scene; draw one.")
        check_prose(self, "title")
        check_prose(self, "caption", empty=True)
        object.__setattr__(self, "series", {k: tuple(v) for k, v in self.series.items()})
        object.__setattr__(self, "key", tuple((tone, words) for tone, words in self.key))
        object.__setattr__(self, "choices", tuple(self.choices))
        if self.choices:
            check_text(self, "dial")
            if not 0 <= self.chosen < len(self.choices):
                raise UsageError(
                    f"Drawing: chosen is {self.chosen} and there are {len(self.choices)} choices; "
                    "name one of them, from 0."
                )
        for _, words in self.key:
            check_string("Drawing: a word of key", words)


@dataclass(frozen=True)
class Drawings:
    """Small drawings side by side, on one scale, under one title."""

    panels: Sequence[Drawing]
    title: str
    caption: str

    def __post_init__(self) -> None:
        """Refuse an empty list and what is no drawing."""
        if not isinstance(self.panels, Sequence) or not self.panels:
            raise UsageError(f"Drawings: panels is {self.panels!r}; it must be a list of drawings.")
        if not all(isinstance(panel, Drawing) for panel in self.panels):
            raise UsageError("Drawings: panels has something that is no Drawing; make it one.")
        object.__setattr__(self, "panels", tuple(self.panels))
        check_prose(self, "title")
        check_prose(self, "caption")
