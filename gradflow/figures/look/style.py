"""How the figures look: Times-like text at 7 to 9 pt, colours and line styles that survive grey.

Nothing here changes matplotlib's global settings; `paper_style` does so for a ``with`` block.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl

from gradflow.figures.look.venues import Venue
from gradflow.given import instance

__all__ = ["INK", "QUIET", "Stroke", "math_text", "paper_style", "stroke"]

INK = "#1b1b1a"
QUIET = "#6f6f6a"

# How a proven bound is drawn in every figure.
BOUND: dict[str, Any] = {"color": QUIET, "linestyle": (0, (1, 1.4)), "zorder": 1.5}

# Both fonts ship with matplotlib, so no machine falls back to another.
_SETTINGS: dict[Any, Any] = {
    "font.family": "STIXGeneral",
    "mathtext.fontset": "stix",
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.titlesize": 9,
    "xtick.labelsize": 8.6,
    "ytick.labelsize": 8.6,
    "legend.fontsize": 8.6,
    "legend.frameon": False,
    "legend.handlelength": 2.4,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": QUIET,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.3,
    "lines.markersize": 4.0,
    "figure.facecolor": "white",
}

# Okabe and Ito's colours without the yellow, which white paper swallows.
_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", INK)
_DASHES: tuple[Any, ...] = (
    "solid",
    (0, (5, 1.6)),
    (0, (6, 1.5, 1, 1.5)),
    (0, (1.2, 1.2)),
    (0, (9, 2)),
    (0, (4, 1.2, 1, 1.2, 1, 1.2)),
)
_MARKERS = ("o", "^", "s", "D", "v")


@dataclass(frozen=True)
class Stroke:
    """The colour, line style and marker of one series."""

    color: str
    linestyle: Any
    marker: str


def stroke(index: int, dashes: int | None = None) -> Stroke:
    """Return the stroke of series ``index``, unlike its neighbours in colour and in line style.

    ``dashes`` gives it the line style of another index.
    """
    return Stroke(
        _COLORS[index % len(_COLORS)],
        _DASHES[(index if dashes is None else dashes) % len(_DASHES)],
        _MARKERS[index % len(_MARKERS)],
    )


def paper_style(at: Venue | None = None) -> AbstractContextManager[None]:
    """Return a context in which axes are made, plotted and saved in this package's style.

    Parameters
    ----------
    at : Venue, optional
        Where the figure is printed, which sets the sizes of letters and lines.

    >>> from matplotlib.figure import Figure
    >>> with paper_style():
    ...     ax = Figure(figsize=(3.3, 2.2), layout="constrained").subplots()
    """
    if at is not None:
        instance(at, "paper_style: at", Venue)
    return mpl.rc_context(_SETTINGS | (at.settings() if at is not None else {}))


def math_text(latex: str) -> str:
    r"""Return LaTeX as the text of a label, in the words that matplotlib's own parser knows.

    >>> math_text(r"\lVert P(t,k) \rVert_2")
    '$\\Vert P(t,k) \\Vert_2$'
    """
    for word, known in (
        (r"\lVert", r"\Vert"),
        (r"\rVert", r"\Vert"),
        (r"\lvert", r"\vert"),
        (r"\rvert", r"\vert"),
        (r"\tfrac", r"\frac"),
    ):
        latex = latex.replace(word, known)
    return f"${latex}$"
