"""Which directions survive: singular values of the product a step, beside the exponents."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gradflow.reporting.document.numbers import in_steps
from gradflow.reporting.drawing.frame import Frame, round_steps
from gradflow.reporting.drawing.scene import Dot, Label, Line, Mark, Scene
from gradflow.studies.headline import TOLERANCE

__all__ = ["SHOWN", "draw_directions"]

Floats = NDArray[np.float64]

SHOWN = 32
"""So many directions are drawn; the others are counted."""


def draw_directions(
    log_sigma: Floats, exponents: Floats | None, lag: int, *, narrow: bool
) -> Scene:
    """Draw log sigma over the lag, the largest first, and the exponents (d,), nats a step."""
    rates = np.asarray(log_sigma[:SHOWN]) / lag
    finite = rates[np.isfinite(rates)]
    shown = [float(v) for v in (exponents[:SHOWN] if exponents is not None else ())]
    values = [*finite.tolist(), *(v for v in shown if math.isfinite(v)), 0.0]
    kept = math.log(TOLERANCE) / lag
    low, high = min(*values, kept), max(values)
    pad = 0.06 * (high - low) or 0.1
    width, height = (358, 290) if narrow else (820, 290)
    frame = Frame(
        width=width,
        height=height,
        x=(0.5, len(rates) + 0.5),
        y=(low - pad, high + pad),
        left=52,
        right=14 if narrow else 150,
        top=26,
    )
    marks: list[Mark] = [frame.filled(kept, frame.y[1], "good", 0.14)]
    for value in round_steps(*frame.y, 5):
        marks += frame.grid(value, f"{value:g}".replace("-", "−"))
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
    for number, rate in enumerate(rates, 1):
        if math.isfinite(rate):
            marks.append(Dot(at=(frame.across(number), frame.down(float(rate))), tone="subject"))
    count = len(rates)
    ticks = sorted({1, *(n for n in (8, 16, 24, 32) if n <= count), count})
    marks += frame.ticks_across(ticks, "direction, best first")
    marks.append(Label(at=(4.0, 14.0), text="nats a step", tone="quiet"))
    return Scene(frame.width, frame.height, marks)
