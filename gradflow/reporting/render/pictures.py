"""The drawings of a report as files that stand alone."""

from __future__ import annotations

from gradflow.prose import plain_text
from gradflow.reporting.document.blocks import Block, Drawing, Drawings, Figure, Report, flat
from gradflow.reporting.render.scene_svg import standing_alone

__all__ = ["drawn", "pictures"]


def pictures(report: Report, stem: str) -> dict[str, str]:
    """Return all drawings in order, as SVG by the name of a file."""
    found = [svg for block in flat(report.blocks) for svg in drawn(block)]
    return {f"{stem}-{number}.svg": svg for number, svg in enumerate(found, 1)}


def drawn(block: Block) -> list[str]:
    """Return the SVG of one block's own drawings."""
    match block:
        case Drawing():
            return [standing_alone(block.wide, plain_text(block.title))]
        case Drawings():
            return [standing_alone(p.wide, plain_text(p.title)) for p in block.panels]
        case Figure():
            return [block.svg]
    return []
