"""A figure as an SVG element for a page: the same bytes every time, and at home among others."""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import sha256
from io import StringIO
from typing import Any
from xml.dom import minidom

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gradflow.figures.look.axes import pair
from gradflow.figures.look.style import paper_style
from gradflow.given import function, instance, real_number

__all__ = ["draw_svg", "figure_svg"]

# Letters as outlines: a page cannot rely on the reader's fonts.
_SETTINGS: dict[Any, Any] = {"svg.hashsalt": "gradflow", "svg.fonttype": "path"}
_LARGEST = 1.4
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_REFERENCE = re.compile(r"(?<=url\(#)[^)]+|(?<=^#).+")


def figure_svg(figure: Figure) -> str:
    """Return ``figure`` as one ``<svg>`` element, without prolog, date or any other metadata.

    It is as wide as what it stands in, at its own proportions, but never so wide that its letters
    are much larger than the text around it. Its ids are its own: they begin with
    a digest of the drawing, so that several on a page do not collide. Equal figures give
    equal text.

    Parameters
    ----------
    figure : Figure
        A matplotlib figure; no pyplot is involved.
    """
    instance(figure, "figure_svg: figure", Figure)
    text = StringIO()
    with mpl.rc_context(_SETTINGS):
        figure.savefig(text, format="svg", metadata=_NO_METADATA)
    digest = sha256(text.getvalue().encode()).hexdigest()[:8]
    svg = minidom.parseString(text.getvalue()).documentElement
    assert svg is not None
    _own_ids(svg, f"g{digest}-")
    svg.removeAttribute("height")
    svg.setAttribute("width", "100%")
    svg.setAttribute("style", f"max-width: {_LARGEST * 72 * figure.get_figwidth():.0f}pt")
    return str(svg.toxml())


# A figure is no poster.
_MOST_INCHES = 200.0


def draw_svg(
    plot: Callable[..., Axes], *results: Any, size: tuple[float, float] = (5.2, 3.1), **options: Any
) -> str:
    """Return the SVG of ``plot(ax, *results, **options)`` on new axes in this package's style.

    Parameters
    ----------
    plot : callable
        One of this package's functions, or any that takes axes first.
    *results, **options
        Its other arguments.
    size : tuple of float
        Width and height in inches.
    """
    function(plot, "draw_svg: plot")
    width, height = pair(size, "draw_svg: size")
    for name, inches in (("width", width), ("height", height)):
        real_number(inches, f"draw_svg: the {name} of size", 0.1, _MOST_INCHES)
    with paper_style():
        figure = Figure(figsize=(width, height), layout="constrained")
        plot(figure.subplots(), *results, **options)
        return figure_svg(figure)


def _own_ids(svg: minidom.Element, prefix: str) -> None:
    """Prefix the ids that something refers to, and drop the others."""
    elements = [svg, *svg.getElementsByTagName("*")]
    used: set[str] = set()
    for element in elements:
        for name, value in list(element.attributes.items()):
            if found := _REFERENCE.findall(value):
                used.update(found)
                element.setAttribute(name, _REFERENCE.sub(lambda m: prefix + m[0], value))
    for element in elements:
        identity = element.getAttribute("id")
        if identity in used:
            element.setAttribute("id", prefix + identity)
        elif identity:
            element.removeAttribute("id")
