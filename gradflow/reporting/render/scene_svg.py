"""A drawing as an ``<svg>`` element with real text; how its tones look is said by a style sheet."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from html import escape

from gradflow.reporting.drawing.scene import PATHS, TONES, Area, Dot, Label, Line, Point, Scene

__all__ = ["COLOURS", "path_colours", "scene_svg", "standing_alone"]

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_XMLNS = ' xmlns="http://www.w3.org/2000/svg"'

COLOURS = {
    "subject": "#0072b2",
    "reference": "#6d6c66",
    "quiet": "#5d5c57",
    "grid": "#e9e7e0",
    "axis": "#6d6c66",
    "ink": "#1c1c1a",
    "good": "#00704f",
    "bad": "#ab3f00",
    "path-1": "#0072b2",
    "path-2": "#e69f00",
    "path-3": "#009e73",
    "path-4": "#cc79a7",
    "path-5": "#d55e00",
    "path-6": "#56b4e9",
    "path-7": "#b8a800",
    "path-8": "#8c8c86",
}
"""The light palette of the page by tone, for a drawing where there is no style sheet."""


def path_colours() -> list[str]:
    """Return the colours of the paths in order, where there is no style sheet."""
    return [COLOURS[f"path-{number}"] for number in range(1, PATHS + 1)]


def scene_svg(scene: Scene, kind: str, title: str) -> str:
    """Return the element for a page; ``kind`` is its class, ``title`` its message in plain text."""
    ends = "" if scene.across is None else ' data-across="{:g} {:g}"'.format(*scene.across)
    return _element(scene, title, f' class="{kind}"{ends}', "")


def standing_alone(scene: Scene, title: str) -> str:
    """Return the element with its own colours and size, for a file or a notebook."""
    size = f' width="{scene.width}" height="{scene.height}"'
    return _element(scene, title, _XMLNS + size, _style())


@cache
def _style() -> str:
    rules = ["text { font: 13px Arial, 'Liberation Sans', sans-serif; }"]
    for tone in TONES:
        colour = COLOURS[tone]
        rules.append(
            f".f-{tone}, .t-{tone} {{ fill: {colour}; }} .s-{tone} {{ stroke: {colour}; }}"
        )
    rules.append(".hollow { fill: #ffffff; }")
    rules.append(".halo { paint-order: stroke; stroke: #ffffff; stroke-width: 4px; }")
    return f"<style>{' '.join(rules)}</style>"


def _element(scene: Scene, title: str, attributes: str, style: str) -> str:
    name = escape(title, quote=True)
    marks = "".join(_mark(mark) for mark in scene.marks)
    return (
        f'<svg{attributes} viewBox="0 0 {scene.width} {scene.height}" role="img" '
        f'aria-label="{name}"><title>{escape(title)}</title>{style}{marks}</svg>'
    )


def _mark(mark: Line | Area | Dot | Label) -> str:
    match mark:
        case Line():
            dashes = ' stroke-dasharray="2 3"' if mark.dashed else ""
            return (
                f'<path class="s-{mark.tone}" fill="none" stroke-width="{mark.width:g}" '
                f'stroke-linejoin="round"{dashes}{_round(mark.width)} d="M{_path(mark.points)}"/>'
            )
        case Area():
            share = f' fill-opacity="{mark.share:g}"' if mark.share < 1 else ""
            return f'<path class="f-{mark.tone}"{share} d="M{_path(mark.points)}Z"/>'
        case Dot():
            x, y = mark.at
            look = (
                f'class="s-{mark.tone} hollow" stroke-width="2.5"'
                if mark.hollow
                else (f'class="f-{mark.tone}"')
            )
            return f'<circle {look} cx="{x:g}" cy="{y:g}" r="{mark.radius:g}"/>'
        case Label():
            x, y = mark.at
            anchor = "" if mark.anchor == "start" else f' text-anchor="{mark.anchor}"'
            weight = ' font-weight="600"' if mark.bold else ""
            raised = "" if mark.power is None else str(mark.power).translate(_RAISED)
            return (
                f'<text class="t-{mark.tone} halo" x="{x:g}" y="{y:g}"{anchor}{weight}>'
                f"{escape(mark.text)}{raised}</text>"
            )


def _round(width: float) -> str:
    return ' stroke-linecap="round" stroke-opacity=".55"' if width >= 5 else ""


def _path(points: Iterable[Point]) -> str:
    return "L".join(f"{x:g} {y:g}" for x, y in points)
