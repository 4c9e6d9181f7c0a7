"""Frames of many trajectories that go forward together: one QR for all, when the first needs it.

So each product is one for all of them, and small frames in great number cost no Python each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gradflow.codegen.over_time import Pushed
from gradflow.spectra.numerics.advance import LEAST, SPREAD, with_volume
from gradflow.spectra.numerics.logdomain import Floats, log_magnitude
from gradflow.spectra.numerics.orthonormal import Plan, Window
from gradflow.spectra.numerics.triangles import LN2


@dataclass(frozen=True)
class Span:
    """Steps through which tangent vectors are pushed a few at a time.

    Attributes
    ----------
    steps : int
        Number of steps in the span.
    through : callable
        Of 0-based steps ``start, stop`` and tangent vectors (batch, k, d); see
        :func:`gradflow.codegen.over_time.push_forward`.
    """

    steps: int
    through: Callable[[int, int, Floats], Pushed]


def through_arrays(jacobians: Floats) -> Span:
    """The span of given step Jacobians (batch, T, d, d), by which tangent vectors are pushed."""
    flipped = jacobians.swapaxes(-1, -2)

    def through(start: int, stop: int, frame: Floats) -> Pushed:
        sizes, exponent = np.empty((stop - start, len(frame))), np.zeros(len(frame))
        for k in range(start, stop):
            frame = frame @ flipped[:, k]
            # as powers of two, which round nothing
            power = np.frexp(np.abs(frame).max(axis=(1, 2)))[1]
            frame = np.ldexp(frame, -power[:, None, None])
            exponent += power
            size = np.sqrt(np.einsum("bij,bij->b", frame, frame))
            sizes[k - start] = log_magnitude(size) + exponent * LN2
        return Pushed(frame, sizes, exponent * LN2)

    return Span(jacobians.shape[1], through)


def with_volumes(found: Sequence[Window], jacobians: Floats) -> list[Window]:
    """Windows of growth (batch, d) through (batch, T, d, d), their sums made ``log |det|``."""
    mended, start = [], 0
    for window in found:
        stop = start + window.length
        volume = np.linalg.slogdet(jacobians[:, start:stop])[1].sum(axis=1)
        mended.append(replace(window, growth=with_volume(window.growth, volume)))
        start = stop
    return mended


def windows_together(
    along: Iterable[Span],
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
    for span in along:
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
