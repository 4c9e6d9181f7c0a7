"""A gradient of one path: what the slopes leave, what the map multiplies by, and both together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from gradflow.reporting.drawing.frame import Frame, apart, round_steps
from gradflow.reporting.drawing.scene import Label, Line, Mark, Scene

__all__ = ["draw_factors"]

Floats = NDArray[np.float64]

_DEEPEST, _HIGHEST = -30.0, 30.0
_FEW = 2.0  # decades under which the scale has other numbers than powers of ten


def draw_factors(curves: Mapping[str, Floats], *, narrow: bool) -> Scene:
    """Draw three curves (lags,) in decades by name: slopes, map, and both together."""
    count = len(next(iter(curves.values())))
    finite = np.concatenate([curve[np.isfinite(curve)] for curve in curves.values()])
    low, high = max(float(finite.min()), _DEEPEST), min(float(finite.max()), _HIGHEST)
    low, high = min(low, -0.3), max(high, 0.1)
    pad = 0.05 * (high - low)
    width, height = (358, 260) if narrow else (820, 300)
    frame = Frame(
        width=width,
        height=height,
        x=(0, max(1, count - 1)),
        y=(low - pad, high + pad),
        left=52,
        right=76 if narrow else 130,
        top=26,
    )
    marks = _scale(frame)
    marks += frame.ticks_across(
        round_steps(0, max(1, count - 1), 4 if narrow else 8), "steps back from the loss"
    )
    marks.append(Label(at=(6.0, 14.0), text="factor since the loss", tone="quiet"))
    tones = ["path-2", "path-3", "subject"]
    pieces = [frame.curve(range(count), curve) for curve in curves.values()]
    for tone, some in reversed(list(zip(tones, pieces, strict=True))):  # the thick one beneath
        thick = 4.0 if tone == "subject" else 1.8
        marks += [Line(points=piece, tone=tone, width=thick) for piece in some]
    ends = [some[-1][-1][1] if some else float(height - frame.bottom) for some in pieces]
    return Scene(width, height, [*marks, *_names(frame, list(curves), tones, ends)])


def _names(
    frame: Frame, names: Sequence[str], tones: Sequence[str], ends: Sequence[float]
) -> list[Mark]:
    places = apart(ends, 16, frame.top, frame.height - frame.bottom - 2)
    x = frame.width - frame.right + 6.0
    return [
        Label(at=(x, y + 4), text=name, tone=tone, bold=True)
        for name, tone, y in zip(names, tones, places, strict=True)
    ]


def _scale(frame: Frame) -> list[Mark]:
    """Return the grid: powers of ten, or over less than two decades 1, 2 and 5 times them."""
    low, high = frame.y
    marks: list[Mark] = []
    if high - low < _FEW:
        for power in range(math.floor(low), math.ceil(high) + 1):
            for lead in (1, 2, 5):
                value = power + math.log10(lead)
                if low <= value <= high:
                    marks += frame.grid(value, f"{lead * 10.0**power:g}")
        return marks
    every = max(1, math.ceil((high - low) / 6))
    for power in range(math.ceil(low), math.floor(high) + 1):
        if power % every == 0:
            marks += frame.grid(power, "1") if power == 0 else frame.grid(power, "10", power)
    return marks
