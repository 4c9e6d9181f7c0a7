"""The leading Lyapunov exponents of many trajectories at once, no Jacobian formed.

The frames of all trajectories go forward together, so that each product with a weight matrix is one
for all of them; they are orthonormalised together, when the first of them needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow.codegen import Code
from gradflow.codegen.over_time import Pushed, one_thread
from gradflow.spectra.lyapunov.spectrum import (
    LyapunovSpectrum,
    initial_frame,
    longest_window,
    lyapunov_spectrum,
    stacked,
    summary,
)
from gradflow.spectra.numerics.logdomain import Floats, log_magnitude
from gradflow.spectra.numerics.orthonormal import LEAST, SPREAD, Plan, Window

# The diagonals of the steps handled together hold about so many numbers each, and a window ends
# with them, so that they are never very few.
_SPAN, _LEAST_SPAN = 2**15, 4
# A compiled loop holds the states alone.
_COMPILED_SPAN = 2**20


class Maps(Protocol):
    """A span of steps through which tangent vectors are pushed one by one."""

    steps: int

    def push(self, step: int, frame: Floats) -> Floats:
        """Return ``J_step`` times tangent vectors (d, k, batch)."""


class Span(Protocol):
    """A span of steps through which tangent vectors are pushed a few at a time."""

    @property
    def steps(self) -> int:
        """Number of steps in the span."""

    @property
    def through(self) -> Callable[[int, int, Floats], Pushed]:
        """Function of 0-based steps ``start, stop`` and tangent vectors (batch, k, d)."""


@dataclass(frozen=True)
class Stepwise:
    """A span of maps that know one step at a time."""

    maps: Maps

    @property
    def steps(self) -> int:
        """Number of steps in the span."""
        return self.maps.steps

    def through(self, start: int, stop: int, frame: Floats) -> Pushed:
        """Push tangent vectors (batch, k, d) through the 0-based steps ``start`` to ``stop``."""
        image, sizes = np.ascontiguousarray(frame.transpose(2, 1, 0)), []
        for step in range(start, stop):
            image = self.maps.push(step, image)
            sizes.append(log_magnitude(np.einsum("dkb,dkb->b", image, image)) / 2)
        return Pushed(image.transpose(2, 1, 0), np.array(sizes), np.zeros(len(frame)))


@dataclass(frozen=True)
class Compiled:
    """A span of so many steps of a compiled loop."""

    steps: int
    through: Callable[[int, int, Floats], Pushed]


def spans(steps: int, numbers: int, *, compiled: bool = False) -> Iterator[slice]:
    """Slices of the 0-based steps of states with so many numbers a step."""
    room, most = (_COMPILED_SPAN, 1024) if compiled else (_SPAN, 256)
    size = max(_LEAST_SPAN, min(most, room // numbers))
    for start in range(0, steps, size):
        yield slice(start, min(start + size, steps))


def leading_spectrum(
    code: Code,
    params: Mapping[str, Floats],
    maps: Iterable[Span],
    chunks: Callable[[int], Iterable[Floats]],
    lead: tuple[int, ...],
    steps: int,
    *,
    leading: int,
    transient: int | None = None,
    interval: int | None = None,
    blocks: int = 20,
    initial: ArrayLike | None = None,
    label: str = "whole state",
) -> LyapunovSpectrum:
    """The spectrum (*lead, k) of the trajectories whose steps are in `maps`, flattened.

    One that meets a step in which a growth rate loses its digits, as at a singular Jacobian, is
    done again with formed Jacobians: ``chunks(b)`` yields those of trajectory b. The options are
    those of `lyapunov_spectrum`, the transient a tenth of all steps by default.
    """
    discard = steps // 10 if transient is None else transient
    longest = longest_window(steps, discard, interval, blocks)
    start = initial_frame(sum(code.part_sizes(params).values()), leading, initial)
    batch = int(np.prod(lead, dtype=int))
    doubt = np.zeros(batch, dtype=bool)
    frame = np.repeat(start.T[None], batch, axis=0)
    with one_thread(), np.errstate(all="ignore"):
        found = list(_windows(maps, frame, doubt, discard, longest))
    result = summary(found, leading, discard, blocks, label)
    each = [_one(result, b) for b in range(batch)]
    for b in np.flatnonzero(doubt):
        each[b] = lyapunov_spectrum(
            chunks(int(b)),
            transient=discard,
            interval=longest,
            leading=leading,
            blocks=blocks,
            initial=start,
            label=label,
        )
    return stacked(each, lead)


def _one(result: LyapunovSpectrum, b: int) -> LyapunovSpectrum:
    """Trajectory b of a batch with one leading axis."""
    return LyapunovSpectrum(
        exponents=result.exponents[b],
        stderr=result.stderr[b],
        interval=result.interval,
        transient=result.transient,
        steps=result.steps,
        history=result.history[b],
        label=result.label,
        spread=result.spread,
    )


def _windows(
    maps: Iterable[Span],
    frame: Floats,
    doubt: NDArray[np.bool_],
    transient: int,
    longest: int,
) -> Iterator[Window]:
    """The windows in order, of growth (batch, k); marks the trajectories in `doubt`."""
    plan, planned, taken = Plan(), 1, 0
    first = np.log(frame.shape[1]) / 2  # of the norm sqrt(k) of an orthonormal frame
    # what a step has stretched the frame by: one that does so by far less has lost it to rounding
    best = np.full(len(doubt), -np.inf)
    for span in maps:
        start = 0
        while start < span.steps:
            room = span.steps - start
            room = min(room, transient - taken) if taken < transient else room
            length = min(planned, room)
            image, sizes, scale = span.through(start, start + length, frame)
            rates = np.empty((length + 1, len(doubt)))
            rates[0], rates[1:] = best, sizes
            rates[1] -= first
            rates[2:] -= sizes[:-1]
            most = np.maximum.accumulate(rates)
            lost, stretch = (most - rates)[1:].max(axis=0), most[-1]
            size = sizes[-1] - scale
            turned, growth = _orthonormalised(image, size)
            spread = np.maximum(lost, growth.max(axis=1) - growth.min(axis=1))
            spread[~((size > LEAST) & (spread < np.inf))] = np.inf
            growth += scale[:, None]
            if length == 1:
                doubt |= spread > SPREAD
            spread[doubt] = 0.0
            worst = float(spread.max())
            failed = worst > SPREAD
            plan = plan.after([worst], length)
            planned = min(plan.length, longest, max(1, length // 2) if failed else longest)
            if not failed:
                yield Window(length, growth, worst)
                turned[doubt] = frame[doubt]
                frame, best = turned, stretch
                start += length
                taken += length


def _orthonormalised(image: Floats, size: Floats) -> tuple[Floats, Floats]:
    """(batch, k, d) of the given `size` to orthonormal rows, and their growth (batch, k)."""
    if image.shape[1] == 1:
        return image / np.exp(size)[:, None, None], size[:, None]
    turned, triangle = np.linalg.qr(image.transpose(0, 2, 1))
    growth = log_magnitude(np.diagonal(triangle, axis1=1, axis2=2))
    return np.ascontiguousarray(turned.transpose(0, 2, 1)), growth
