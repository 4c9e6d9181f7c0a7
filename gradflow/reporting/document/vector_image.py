"""What an SVG drawing must be to stand inside a page that runs nothing and loads nothing."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from gradflow.errors import UsageError

__all__ = ["check_svg"]

_SVG = "{http://www.w3.org/2000/svg}"
_ACTIVE = ("script", "foreignObject", "iframe")
_OUTSIDE = re.compile(r"url\(\s*['\"]?(?!#|data:)|@import")


def check_svg(svg: str) -> None:
    """Refuse text that is not exactly one inert, self-contained ``<svg>`` element.

    Parameters
    ----------
    svg : str
        The element, without an XML prolog.

    Raises
    ------
    UsageError
        It is not well-formed, has a prolog, is not SVG, has a script or refers to another file.
    """
    if not svg.lstrip().startswith("<svg"):
        raise UsageError(
            f"Figure: svg starts with {svg.lstrip()[:20]!r}; it must start with <svg, without an "
            "XML prolog, as gradflow.reporting.figure_svg returns it."
        )
    try:
        root = ElementTree.fromstring(svg)
    except ElementTree.ParseError as error:
        raise UsageError(f"Figure: svg is not well-formed ({error}); mend the drawing.") from error
    if root.tag != f"{_SVG}svg":
        raise UsageError(
            f'Figure: the svg element is {root.tag!r}; it needs xmlns="http://www.w3.org/2000/svg".'
        )
    for element in root.iter():
        name = element.tag.rpartition("}")[2]
        if name in _ACTIVE:
            raise UsageError(f"Figure: svg has a <{name}>; a drawing must not run anything.")
        if element.text and _OUTSIDE.search(element.text) and name == "style":
            raise UsageError("Figure: a style of svg refers to another file; embed it.")
        for attribute, value in element.attrib.items():
            plain = attribute.rpartition("}")[2]
            link = plain in ("href", "src") and not value.startswith(("#", "data:"))
            if plain.startswith("on") or link or _OUTSIDE.search(value):
                raise UsageError(
                    f"Figure: svg has {plain}={value[:60]!r}; a drawing must not run anything or "
                    "refer to another file, so embed it."
                )
