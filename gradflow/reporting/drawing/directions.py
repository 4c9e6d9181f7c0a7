"""Which directions survive: singular values of the product a step, beside the exponents."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gradflow.reporting.document.numbers import in_steps
from gradflow.reporting.drawing.frame import Frame, round_steps
from gradflow.reporting.drawing.scene import Dot, Label, Line, Mark, Scene
from gradflow.studies.headline import TOLERANCE
from gradflow.studies.seeds.quantiles import quantile

__all__ = ["SHOWN", "draw_directions"]

Floats = NDArray[np.float64]

SHOWN = 32
"""So many directions are drawn; the others are counted."""


def draw_directions(
    log_sigma: Floats, exponents: Floats | None, lag: int, *, narrow: bool
) -> Scene:
    """Draw log sigma (seeds, d) over the lag, the largest first, and the exponents (d,).

    A dot is the median over seeds, the line through it goes from the least to the greatest; what
    is exactly zero stands on a line of its own below all others. Nats a step.
    """
    several = np.asarray(log_sigma)[:, :SHOWN] / lag
    rates = quantile(several, 0.5)
    zero = np.isneginf(rates)
    shown = [float(v) for v in (exponents[:SHOWN] if exponents is not None else ())]
    finite = [float(v) for v in (*several.ravel(), *shown, 0.0) if math.isfinite(v)]
    kept = math.log(TOLERANCE) / lag
    low, high = min(*finite, kept), max(finite)
    pad = 0.06 * (high - low) or 0.1
    nothing = low - 2.5 * pad  # where what is exactly zero stands
    width, height = (358, 290) if narrow else (820, 290)
    frame = Frame(
        width=width,
        height=height,
        x=(0.5, len(rates) + 0.5),
        y=((nothing if zero.any() else low) - pad, high + pad),
        left=52,
        right=14 if narrow else 150,
        top=26,
    )
    marks: list[Mark] = [frame.filled(kept, frame.y[1], "good", 0.14)]
    for value in round_steps(low - pad, frame.y[1], 5):
        marks += frame.grid(value, f"{value:g}".replace("-", "\N{MINUS SIGN}"))
    if narrow:
        at, told = (width - 16.0, frame.top - 10), f"shaded: 1 % over {in_steps(lag)}"
        marks.append(Label(at=at, text=told, tone="good", anchor="end"))
    else:
        y = frame.down((max(kept, frame.y[0]) + frame.y[1]) / 2)
        x = width - 142.0
        marks.append(Label(at=(x, y), text="keeps 1 % or more", tone="good"))
        marks.append(Label(at=(x, y + 16), text=f"over {in_steps(lag)}", tone="good"))
    for number, rate in enumerate(shown, 1):
        if math.isfinite(rate):
            x, y = frame.across(number), frame.down(rate)
            marks.append(Line(points=((x - 6, y), (x + 6, y)), tone="ink", width=1.4))
    for number, (rate, column) in enumerate(zip(rates, several.T, strict=True), 1):
        x = frame.across(number)
        ends = [frame.down(max(float(end), nothing)) for end in (column.min(), column.max())]
        if ends[0] != ends[1]:
            marks.append(Line(points=((x, ends[0]), (x, ends[1])), tone="subject", width=1.2))
        y = frame.down(max(float(rate), nothing))
        marks.append(Dot(at=(x, y), tone="subject", hollow=bool(np.isneginf(rate))))
    if zero.any():
        marks.append(_zeros(frame, int(zero.sum()), frame.down(nothing), narrow))
    count = len(rates)
    ticks = sorted({1, *(n for n in (8, 16, 24, 32) if n <= count), count})
    marks += frame.ticks_across(ticks, "direction, best first")
    marks.append(Label(at=(4.0, 14.0), text="nats a step", tone="quiet"))
    return Scene(frame.width, frame.height, marks)


def _zeros(frame: Frame, count: int, y: float, narrow: bool) -> Label:
    """Return how many are exactly zero, beside their line, or over it where that has no room."""
    text = f"exactly 0: {count}"
    if narrow:
        at = (frame.width - 16.0, y - 10.0)
        return Label(at=at, text=text, tone="subject", anchor="end")
    return Label(at=(frame.width - 142.0, y + 4), text=text, tone="subject")
