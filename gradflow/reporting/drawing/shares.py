"""Which ways the gradient takes: shares of the paths, one colour a path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from gradflow.reporting.drawing.frame import Frame, apart, round_steps
from gradflow.reporting.drawing.scene import PATHS, Area, Label, Mark, Scene

__all__ = ["draw_shares", "grouped", "path_places"]

Floats = NDArray[np.float64]


def path_places(shares: Mapping[str, Floats]) -> dict[str, int]:
    """Return the place of each path's colour from 0, the largest first; small ones share the last.

    ``shares`` are (..., lags) by path.
    """
    order = sorted(shares, key=lambda path: -float(np.mean(shares[path])))
    return {path: min(n, PATHS - 1) for n, path in enumerate(order)}


def grouped(shares: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return the shares, the largest first; those that have one colour together, as one.

    >>> list(grouped({f"p{n}": np.full(2, 0.5**n) for n in range(20)}))[-2:]
    ['p6', '13 others']
    """
    places = path_places(shares)
    shown = {path: shares[path] for path, place in places.items() if place < PATHS - 1}
    rest = [shares[path] for path, place in places.items() if place == PATHS - 1]
    if len(rest) == 1:
        return {path: shares[path] for path in places}
    together = {f"{len(rest)} others": np.asarray(np.sum(rest, axis=0))} if rest else {}
    return shown | together


def draw_shares(shares: Mapping[str, Floats], told: Mapping[str, float], *, narrow: bool) -> Scene:
    """Draw the share of each path (lags,) on top of one another, with the mean that is printed.

    The paths are in the order of their colours, as `grouped` returns them.
    """
    tones = {path: f"path-{number + 1}" for number, path in enumerate(shares)}
    count = len(next(iter(shares.values())))
    width, height = (358, 260) if narrow else (820, 290)
    frame = Frame(
        width=width,
        height=height,
        x=(1, max(2, count)),
        y=(0, 1),
        left=36,
        right=110 if narrow else 130,
        top=24,
    )
    lags = list(range(1, count + 1)) if count > 1 else [1, 2]
    marks: list[Mark] = []
    base = np.zeros(len(lags))
    ends: list[float] = []
    for path, tone in tones.items():
        top = base + np.resize(shares[path], len(lags))
        marks.append(Area(points=frame.band(lags, list(base), list(top)), tone=tone, share=0.88))
        ends.append(frame.down(float(base[-1] + top[-1]) / 2))
        base = top
    places = _upwards(ends, frame)
    for (path, tone), y in zip(tones.items(), places, strict=True):
        name = path if len(path) <= 9 else f"{path[:8]}…"
        marks.append(
            Label(
                at=(frame.width - frame.right + 6.0, y + 4),
                text=f"{name} {100 * told[path]:.0f} %",
                tone=tone,
                bold=True,
            )
        )
    for value in (0.0, 0.5, 1.0):
        y = frame.down(value) + 4
        marks.append(
            Label(at=(frame.left - 5, y), text=f"{100 * value:.0f}", tone="quiet", anchor="end")
        )
    marks += frame.ticks_across(round_steps(1, max(2, count), 4), "steps back from the loss")
    marks.append(Label(at=(4.0, 14.0), text="share of each path, %", tone="quiet"))
    return Scene(frame.width, frame.height, marks)


def _upwards(ends: Sequence[float], frame: Frame) -> list[float]:
    return apart(ends, 16, frame.top + 4, frame.height - frame.bottom)
