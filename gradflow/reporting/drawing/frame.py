"""A frame with two scales: from numbers to points on the sheet, with axes and grid."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gradflow.reporting.drawing.scene import Area, Label, Line, Mark, Point

__all__ = ["Frame", "apart", "round_steps"]


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Scales of a drawing: ``x`` and ``y`` are the ranges, the rest are margins in pixels."""

    width: int
    height: int
    x: tuple[float, float]
    y: tuple[float, float]
    left: float = 46
    right: float = 16
    top: float = 12
    bottom: float = 42

    def across(self, value: float) -> float:
        """Return the pixel of a number on the horizontal scale."""
        low, high = self.x
        inside = self.width - self.left - self.right
        return round(self.left + (value - low) / (high - low or 1.0) * inside, 1)

    def down(self, value: float) -> float:
        """Return the pixel of a number on the vertical scale, which begins at the top."""
        low, high = self.y
        inside = self.height - self.top - self.bottom
        return round(self.top + (high - value) / (high - low or 1.0) * inside, 1)

    def curve(self, xs: Iterable[float], ys: Iterable[float]) -> list[tuple[Point, ...]]:
        """Return the pieces of a curve that lie inside the frame, cut where it leaves it."""
        low, high = self.y
        pieces: list[list[Point]] = [[]]
        before: tuple[float, float] | None = None
        for x, y in zip(xs, ys, strict=True):
            now = (float(x), max(low - 1e6, min(high + 1e6, float(y))))
            if before is not None:
                pieces[-1] += self._crossing(before, now)
            if low <= now[1] <= high:
                pieces[-1].append((self.across(now[0]), self.down(now[1])))
            elif pieces[-1]:
                pieces.append([])
            before = now
        return [tuple(piece) for piece in pieces if len(piece) > 1]

    def _crossing(self, one: tuple[float, float], two: tuple[float, float]) -> list[Point]:
        """Return where a line enters or leaves the frame, if it does so once."""
        low, high = self.y
        if (low <= one[1] <= high) == (low <= two[1] <= high):
            return []
        edge = high if max(one[1], two[1]) > high else low
        share = (edge - one[1]) / (two[1] - one[1])
        return [(self.across(one[0] + share * (two[0] - one[0])), self.down(edge))]

    def band(
        self, xs: Sequence[float], low: Iterable[float], high: Iterable[float]
    ) -> tuple[Point, ...]:
        """Return the outline between two curves, both held inside the frame."""
        up = [(self.across(x), self.down(self._held(y))) for x, y in zip(xs, high, strict=True)]
        down = [(self.across(x), self.down(self._held(y))) for x, y in zip(xs, low, strict=True)]
        return (*up, *reversed(down))

    def _held(self, value: float) -> float:
        return max(self.y[0], min(self.y[1], float(value)))

    def ticks_across(self, values: Iterable[float], label: str) -> list[Mark]:
        """Return the horizontal axis with its ticks, and its label below."""
        base = self.height - self.bottom
        ends = (self.left, base), (self.width - self.right, base)
        marks: list[Mark] = [Line(points=ends, tone="axis")]
        for value in values:
            x = self.across(value)
            marks.append(Line(points=((x, base), (x, base + 4)), tone="axis"))
            marks.append(Label(at=(x, base + 18), text=f"{value:g}", tone="quiet", anchor="middle"))
        middle = (self.left + self.width - self.right) / 2
        below = (middle, self.height - 6.0)
        marks.append(Label(at=below, text=label, tone="quiet", anchor="middle"))
        return marks

    def grid(self, value: float, text: str, power: int | None = None) -> list[Mark]:
        """Return a line of the grid across, with its number at the left."""
        y = self.down(value)
        ends = (self.left, y), (self.width - self.right, y)
        at = (self.left - 6, y + 4)
        return [
            Line(points=ends, tone="grid"),
            Label(at=at, text=text, tone="quiet", anchor="end", power=power),
        ]

    def filled(self, low: float, high: float, tone: str, share: float) -> Area:
        """Return a strip across the whole frame."""
        left, right = self.left, self.width - self.right
        top, bottom = self.down(self._held(high)), self.down(self._held(low))
        corners = (left, top), (right, top), (right, bottom), (left, bottom)
        return Area(points=corners, tone=tone, share=share)


def round_steps(low: float, high: float, count: int) -> list[float]:
    """Return about ``count`` round numbers from low to high, ends included where they are round.

    >>> round_steps(0, 200, 4)
    [0.0, 50.0, 100.0, 150.0, 200.0]
    """
    if not high > low:
        return [low]
    rough = (high - low) / count
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * f for f in (1, 2, 2.5, 5, 10) if unit * f >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(step * k, 12) + 0.0 for k in range(first, last + 1)]


def apart(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Return heights at least ``gap`` apart in the order given, as near as they fit.

    >>> apart([10.0, 12.0, 50.0], 15.0, 0.0, 100.0)
    [10.0, 25.0, 50.0]
    """
    order = sorted(range(len(places)), key=lambda i: places[i])
    moved = [0.0] * len(places)
    last = low - gap
    for i in order:
        last = moved[i] = max(places[i], last + gap)
    last = high + gap
    for i in reversed(order):
        last = moved[i] = min(moved[i], last - gap)
    return moved
