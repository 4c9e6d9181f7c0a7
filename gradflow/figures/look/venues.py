"""Where a figure is printed: widths of the venue's columns and the sizes of letters there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tueplots import bundles

from gradflow.errors import UsageError, shown

__all__ = ["VENUES", "Venue", "find_venue"]

# Sub- and superscripts are 0.7 of their line, so 8.6 pt keeps them above 6 pt.
_SMALLEST = 8.6


@dataclass(frozen=True, kw_only=True)
class Venue:
    """A place of publication.

    Parameters
    ----------
    name
        As on the command line.
    column, text
        Width in inches of one column, and of the whole text; equal where there is one column.
    font
        Size of labels in points; ``small`` is that of ticks and legends.
    height
        Height in inches of every figure, or ``None`` where figures choose their own.
    weight
        Factor of all line widths and markers.
    """

    name: str
    column: float
    text: float
    font: float
    small: float = _SMALLEST
    height: float | None = None
    weight: float = 1.0

    def settings(self) -> dict[str, Any]:
        """Return matplotlib settings that go over those of the package's style."""
        big, small, w = self.font, self.small, self.weight
        return {
            "font.size": big,
            "axes.labelsize": big,
            "axes.titlesize": big,
            "xtick.labelsize": small,
            "ytick.labelsize": small,
            "legend.fontsize": small,
            "axes.linewidth": 0.6 * w,
            "xtick.major.width": 0.6 * w,
            "ytick.major.width": 0.6 * w,
            "xtick.major.size": 3.0 * w,
            "ytick.major.size": 3.0 * w,
            "lines.linewidth": 1.3 * w,
            "lines.markersize": 4.0 * w,
        }


def _paper(name: str, column: dict[str, Any], text: dict[str, Any]) -> Venue:
    return Venue(
        name=name,
        column=float(column["figure.figsize"][0]),
        text=float(text["figure.figsize"][0]),
        font=max(_SMALLEST, float(text["font.size"])),
    )


def _known() -> dict[str, Venue]:
    neurips = bundles.neurips2024(usetex=False)
    iclr = bundles.iclr2024(usetex=False)
    jmlr = bundles.jmlr2001()
    half, full = (bundles.icml2024(column=c, usetex=False) for c in ("half", "full"))
    papers = [
        _paper("neurips", neurips, neurips),
        _paper("icml", half, full),
        _paper("iclr", iclr, iclr),
        _paper("jmlr", jmlr, jmlr),
    ]
    # 16:9; 16 pt on 8 inches is 27 pt on a projector's 13.3
    slides = Venue(
        name="slides", column=8.0, text=8.0, font=16.0, small=14.0, height=4.5, weight=1.7
    )
    return {v.name: v for v in (*papers, slides)}


VENUES = _known()


def find_venue(name: str) -> Venue:
    """Return the venue ``name``. Raises ``UsageError`` for an unknown one."""
    if not isinstance(name, str) or name not in VENUES:
        raise UsageError(f"venue {shown(name)} is not known; choose one of {', '.join(VENUES)}.")
    return VENUES[name]
