"""Second, the k leading exponents of many trajectories at once: frames pushed, no Jacobian formed.

The frames of all trajectories go forward together, so that each product with a weight matrix is one
for all of them; they are orthonormalised together, when the first of them needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow.codegen.over_time import Pushed, one_thread
from gradflow.spectra.lyapunov.spectrum import (
    LyapunovSpectrum,
    initial_frame,
    longest_window,
    lyapunov_spectrum,
    stacked,
    summary,
)
from gradflow.spectra.numerics.advance import LEAST, SPREAD
from gradflow.spectra.numerics.logdomain import Floats, log_magnitude
from gradflow.spectra.numerics.orthonormal import Plan, Window

# The states of the steps handled together hold about so many numbers, and a window ends with them.
_NUMBERS, _LEAST_STEPS, _MOST_STEPS = 2**20, 4, 1024


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


def spans(steps: int, numbers: int) -> Iterator[slice]:
    """Slices of the 0-based steps of states with so many numbers a step."""
    size = max(_LEAST_STEPS, min(_MOST_STEPS, _NUMBERS // numbers))
    for start in range(0, steps, size):
        yield slice(start, min(start + size, steps))


def leading_spectrum(
    along: Iterable[Span],
    chunks: Callable[[int], Iterable[Floats]],
    *,
    lead: tuple[int, ...],
    steps: int,
    width: int,
    leading: int,
    transient: int | None = None,
    interval: int | None = None,
    blocks: int = 20,
    initial: ArrayLike | None = None,
    label: str = "whole state",
) -> LyapunovSpectrum:
    """The spectrum (*lead, k) of trajectories of `width` entries, whose steps are `along`.

    One that meets a step in which a growth rate loses its digits, as at a singular Jacobian, is
    done again with formed Jacobians: ``chunks(b)`` yields those of trajectory b. The options are
    those of `lyapunov_spectrum`, the transient a tenth of all steps by default.
    """
    discard = steps // 10 if transient is None else transient
    longest = longest_window(steps, discard, interval, blocks)
    start = initial_frame(width, leading, initial)
    batch = int(np.prod(lead, dtype=int))
    doubt = np.zeros(batch, dtype=bool)
    frame = np.repeat(start.T[None], batch, axis=0)
    with one_thread(), np.errstate(all="ignore"):
        found = list(_windows(along, frame, doubt, discard, longest))
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
    return replace(
        result,
        exponents=result.exponents[b],
        stderr=result.stderr[b],
        history=result.history[b],
    )


def flattened(value: Floats, lead: tuple[int, ...]) -> Floats:
    """An input (..., T, input) as (batch, T, input), or (1, T, input) where all share it."""
    tail = value.shape[-2:]
    if value.size == int(np.prod(tail)):
        return value.reshape(1, *tail)
    return np.broadcast_to(value, (*lead, *tail)).reshape(-1, *tail)


def _windows(
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
