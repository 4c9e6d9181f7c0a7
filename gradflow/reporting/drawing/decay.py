"""The gradient against lag: one cell with its spread, others beside it in grey."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gradflow.reporting.document.numbers import in_steps, reach
from gradflow.reporting.drawing.frame import Frame, apart, round_steps
from gradflow.reporting.drawing.scene import Anchor, Area, Dot, Label, Line, Mark, Scene
from gradflow.studies.certified import Enclosed
from gradflow.studies.headline import TOLERANCE, Number
from gradflow.studies.seeds.decays import Decays

__all__ = ["decay_frame", "decay_range", "decay_series", "draw_decay", "draw_panel", "panel_range"]

Floats = NDArray[np.float64]
_LN10 = math.log(10)
_LEVEL = math.log10(TOLERANCE)
_DEEPEST = -8
CERTAIN = "|P|"
"""The name of a certified curve."""
_MOST_TICKS, _MOST_TICKS_OF_PANEL = 6, 5
# Letters of a name for which there is room at the right, and for which a wide drawing makes it.
_MOST, _LONG = 9, 14
_LETTER = 8.0


def draw_decay(
    found: Decays,
    beside: Mapping[str, Decays],
    horizon: Number,
    *,
    narrow: bool,
    spread: str = "in 80 % of runs",
    heights: tuple[float, float] | None = None,
    certain: Enclosed | None = None,
) -> Scene:
    """Draw the median and the band of a cell, the medians of others, and the horizon on 1 %.

    ``spread`` says what the ends of the horizon are, ``heights`` the powers of ten of the scale,
    and ``certain`` the norm of the product of one run, which no loss of it exceeds.
    """
    frame = decay_frame(found, beside=bool(beside), narrow=narrow)
    if heights is not None:
        frame = replace(frame, y=heights)
    marks = _axes(frame, found.steps, narrow)
    low, high = found.band()
    lags = range(found.steps + 1)
    band = frame.band(lags, low / _LN10, high / _LN10)
    marks.append(Area(points=band, tone="subject", share=0.18))
    ends: list[tuple[str, float]] = []
    leaving: list[tuple[str, float]] = []
    for name, other in beside.items():
        curve = other.curve() / _LN10
        marks += [
            Line(points=piece, tone="reference", width=1.1)
            for piece in frame.curve(range(other.steps + 1), curve)
        ]
        _place(name, curve, frame, ends, leaving)
    if certain is not None and len(certain.lags):
        most = certain.high / _LN10
        marks += [
            Line(points=piece, tone="subject", width=1.4, dashed=True, name="certified")
            for piece in frame.curve(certain.lags, most)
        ]
        _place(CERTAIN, most, frame, ends, leaving, certain.lags)
    middle = found.curve() / _LN10
    marks += [Line(points=piece, tone="subject", width=2.4) for piece in frame.curve(lags, middle)]
    _place(found.name, middle, frame, ends, leaving)
    marks += _threshold(frame)
    marks += _interval(frame, horizon, found.steps, "" if narrow else spread)
    marks += _names(frame, ends, leaving, found.name, _letters(found, narrow))
    ends_of_scale = (frame.left, frame.width - frame.right)
    return Scene(frame.width, frame.height, marks, ends_of_scale)


def decay_range(several: Sequence[Decays]) -> tuple[float, float]:
    """Return one scale for several decays, in powers of ten: down to 10^-8, up to 100 at least."""
    low, high = panel_range(several)
    return low, max(2.0, min(high, 8.0))


def decay_frame(found: Decays, *, beside: bool, narrow: bool) -> Frame:
    """Return the frame of a decay: as deep as 10^-8, and as high as the band goes."""
    low, high = found.band()
    top = float(high.max()) / _LN10
    bottom = float(np.min(low)) / _LN10
    lowest = max(_DEEPEST, 2 * math.floor(max(bottom, _DEEPEST) / 2))
    highest = max(1, math.ceil(top + 0.2)) if math.isfinite(top) else 1
    width, height = (358, 320) if narrow else (820, 400)
    return Frame(
        width=width,
        height=height,
        x=(0, found.steps),
        y=(min(lowest, -6 if beside else -4), highest),
        right=72 if narrow else 84 + _LETTER * (_letters(found, narrow) - _MOST),
        top=26,
    )


def _axes(frame: Frame, steps: int, narrow: bool) -> list[Mark]:
    marks = _powers(frame, _MOST_TICKS)
    marks += frame.ticks_across(
        round_steps(0, steps, 4 if narrow else 8), "steps back from the loss"
    )
    above = (6.0, 14.0)
    marks.append(Label(at=above, text="gradient left, relative to the last step", tone="quiet"))
    return marks


def _powers(frame: Frame, most: int) -> list[Mark]:
    """Return the grid: about ``most`` powers of ten, all even, and 1 %."""
    marks: list[Mark] = []
    low, high = frame.y
    every = max(2, math.ceil((high - low) / most / 2) * 2)
    for power in range(math.ceil(low), math.floor(high) + 1):
        if power % every == 0 and power != _LEVEL:
            marks += frame.grid(power, "1") if power == 0 else frame.grid(power, "10", power)
    return marks + frame.grid(_LEVEL, "1 %")


def _threshold(frame: Frame) -> list[Mark]:
    y = frame.down(_LEVEL)
    ends = (frame.left, y), (frame.width - frame.right, y)
    return [Line(points=ends, tone="ink", dashed=True)]


def _interval(frame: Frame, horizon: Number, steps: int, spread: str) -> list[Mark]:
    """Return the horizon as it is printed: a ring on the line of 1 %, with its spread as a bar."""
    y = frame.down(_LEVEL)
    marks: list[Mark] = []
    low, high = horizon.between or (horizon.value, horizon.value)
    if low <= steps and horizon.between:
        ends = (frame.across(low), y), (frame.across(min(high, steps)), y)
        marks.append(Line(points=ends, tone="subject", width=5, name="interval"))
    if horizon.value > steps:
        return marks
    x = frame.across(horizon.value)
    marks.append(Dot(at=(x, y), tone="subject", radius=6, hollow=True, name="horizon"))
    right = x > frame.left + 0.55 * (frame.width - frame.left - frame.right)
    at = (x - 8, y - 14.0) if right else (x + 4, y - 14.0)
    told = f"{in_steps(reach(horizon.value, steps))}"
    if spread and horizon.between:
        lags = [reach(low, steps), reach(high, steps)]
        both = f"all {lags[0]}" if lags[0] == lags[1] else " to ".join(lags)
        told += f" ({both} {spread})"
    anchor: Anchor = "end" if right else "start"
    marks.append(Label(at=at, text=told, tone="subject", bold=True, anchor=anchor, name="told"))
    return marks


def _place(
    name: str,
    curve: Floats,
    frame: Frame,
    ends: list[tuple[str, float]],
    leaving: list[tuple[str, float]],
    lags: Sequence[int] = (),
) -> None:
    """Note where the name of a curve stands: at its end, or where it leaves the frame."""
    low, high = frame.y
    if low <= curve[-1] <= high:
        ends.append((name, frame.down(float(curve[-1]))))
        return
    gone = np.flatnonzero((curve < low) | (curve > high))
    first = int(gone[0]) if len(gone) else 0
    x = frame.across(float(lags[first] if lags else first)) if len(gone) else frame.left
    leaving.append((name, x))


def _names(
    frame: Frame,
    ends: Sequence[tuple[str, float]],
    leaving: Sequence[tuple[str, float]],
    subject: str,
    most: int,
) -> list[Mark]:
    marks: list[Mark] = []
    places = apart([y for _, y in ends], 15, frame.top, frame.height - frame.bottom - 2)
    for (name, _), y in zip(ends, places, strict=True):
        at = (frame.width - frame.right + 6.0, y + 4)
        marks.append(_name(name, at, subject, most))
    taken: list[tuple[float, float, float]] = []
    for name, x in sorted(leaving, key=lambda one: one[1]):
        left = x < frame.left + 60
        here = x + 6 if left else x - 8
        y = frame.height - frame.bottom - 8.0
        long = _LETTER * min(len(name), most)
        start, end = (here, here + long) if left else (here - long, here)
        while any(start < b and a < end and abs(y - z) < 14 for a, b, z in taken):
            y -= 16
        taken.append((start, end, y))
        marks.append(_name(name, (here, y), subject, most, left))
    return marks


def _letters(found: Decays, narrow: bool) -> int:
    """Return how many letters of a name are shown."""
    return _MOST if narrow else min(max(_MOST, len(found.name)), _LONG)


def _name(name: str, at: tuple[float, float], subject: str, most: int, start: bool = True) -> Label:
    mine = name == subject
    shown = name if len(name) <= most else f"{name[: most - 1]}…"
    return Label(
        at=at,
        text=shown,
        tone="subject" if mine or name == CERTAIN else "reference",
        bold=mine,
        anchor="start" if start else "end",
    )


def decay_series(found: Decays) -> dict[str, list[float]]:
    """Return what is drawn of a decay in numbers, median and band at each lag, as powers of ten."""
    low, high = found.band()
    curves = {"median": found.curve(), "low": low, "high": high}
    return {f"log10_{name}": (curve / _LN10).tolist() for name, curve in curves.items()}


def panel_range(several: Sequence[Decays]) -> tuple[float, float]:
    """Return a scale for all panels, in powers of ten: down to 10^-8, up to the highest band."""
    tops = [float(found.band()[1].max()) / _LN10 for found in several]
    highest = max((math.ceil(top + 0.2) for top in tops if math.isfinite(top)), default=1)
    return float(_DEEPEST), float(max(1, highest))


def draw_panel(found: Decays, y: tuple[float, float]) -> Scene:
    """Draw one small panel of several: the median and the band on a scale that all share."""
    frame = Frame(
        width=250, height=190, x=(0, found.steps), y=y, left=42, right=10, top=8, bottom=24
    )
    marks = _powers(frame, _MOST_TICKS_OF_PANEL)
    base = frame.height - frame.bottom
    for value in (0, found.steps):
        anchor: Anchor = "end" if value else "start"
        marks.append(
            Label(
                at=(frame.across(value), base + 16.0), text=f"{value}", tone="quiet", anchor=anchor
            )
        )
    low, high = found.band()
    lags = range(found.steps + 1)
    marks.append(
        Area(points=frame.band(lags, low / _LN10, high / _LN10), tone="subject", share=0.18)
    )
    marks += [
        Line(points=piece, tone="subject", width=2)
        for piece in frame.curve(lags, found.curve() / _LN10)
    ]
    marks += _threshold(frame)
    return Scene(frame.width, frame.height, marks)
