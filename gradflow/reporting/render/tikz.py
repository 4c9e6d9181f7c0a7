"""A drawing as a TikZ picture: the same marks as on the page."""

from __future__ import annotations

from collections.abc import Iterable

from gradflow.reporting.drawing.scene import TONES, Area, Dot, Label, Line, Mark, Point, Scene
from gradflow.reporting.render.scene_svg import COLOURS

__all__ = ["colours", "scene_tikz"]

_ANCHORS = {"start": "base west", "middle": "base", "end": "base east"}
_SIGNS = {
    "−": "$-$",
    "\u00a0": "~",
    "…": r"\dots",
    "%": r"\%",
    "&": r"\&",
    "_": r"\_",
    "#": r"\#",
    "$": r"\$",
}


def colours() -> str:
    """Return the definitions of the tones, for the preamble."""
    return "".join(
        f"\\definecolor{{gf-{tone}}}{{HTML}}{{{COLOURS[tone].lstrip('#').upper()}}}\n"
        for tone in TONES
    )


def scene_tikz(scene: Scene, width: str) -> str:
    r"""Return the picture, scaled to a width such as ``\linewidth``."""
    marks = "\n".join(_mark(mark, scene.height) for mark in scene.marks)
    return (
        f"\\resizebox{{{width}}}{{!}}{{\\begin{{tikzpicture}}[x=0.6pt,y=0.6pt]\n"
        f"\\path[use as bounding box] (0,0) rectangle ({scene.width},{scene.height});\n"
        f"{marks}\n\\end{{tikzpicture}}}}"
    )


def _mark(mark: Mark, height: int) -> str:
    tone = f"gf-{mark.tone}"
    match mark:
        case Line():
            dashes = ",dash pattern=on 1pt off 2pt" if mark.dashed else ""
            faint = ",opacity=.55,line cap=round" if mark.width >= 5 else ""
            look = f"color={tone},line width={0.6 * mark.width:.2g}pt{dashes}{faint}"
            return f"\\draw[{look}] {_path(mark.points, height)};"
        case Area():
            return f"\\fill[{tone},opacity={mark.share:g}] {_path(mark.points, height)} -- cycle;"
        case Dot():
            x, y = mark.at
            if mark.hollow:
                look = f"\\filldraw[draw={tone},fill=white,line width=1.4pt]"
            else:
                look = f"\\fill[{tone}]"
            return f"{look} ({x:g},{height - y:g}) circle[radius={0.6 * mark.radius:.3g}pt];"
        case Label():
            x, y = mark.at
            power = "" if mark.power is None else f"$^{{{mark.power}}}$"
            text = "".join(_SIGNS.get(sign, sign) for sign in mark.text)
            weight = r"\bfseries " if mark.bold else ""
            look = f"text={tone},anchor={_ANCHORS[mark.anchor]},inner sep=0pt"
            return (
                f"\\node[{look},font=\\sffamily\\fontsize{{7.8}}{{9}}\\selectfont] at "
                f"({x:g},{height - y:g}) {{{weight}{text}{power}}};"
            )


def _path(points: Iterable[Point], height: int) -> str:
    return " -- ".join(f"({x:g},{height - y:g})" for x, y in points)
