"""Second, the k leading exponents of many trajectories at once: frames pushed, no Jacobian formed.

The frames of all trajectories go forward together, so that each product with a weight matrix is one
for all of them; they are orthonormalised together, when the first of them needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import ArrayLike

from gradflow.codegen.over_time import one_thread
from gradflow.spectra.lyapunov.exponents import LyapunovSpectrum, patched, summary
from gradflow.spectra.lyapunov.spectrum import (
    initial_frame,
    longest_window,
    lyapunov_spectrum,
)
from gradflow.spectra.numerics.logdomain import Floats
from gradflow.spectra.numerics.together import Span, windows_together

# The states of the steps handled together hold about so many numbers, and a window ends with them.
_NUMBERS, _LEAST_STEPS, _MOST_STEPS = 2**20, 4, 1024


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
        found = list(windows_together(along, frame, doubt, discard, longest))
    result = summary(found, leading, discard, blocks, label)
    own = {
        int(b): lyapunov_spectrum(
            chunks(int(b)),
            transient=discard,
            interval=longest,
            leading=leading,
            blocks=blocks,
            initial=start,
            label=label,
        )
        for b in np.flatnonzero(doubt)
    }
    return patched(result, own, lead)


def flattened(value: Floats, lead: tuple[int, ...]) -> Floats:
    """An input (..., T, input) as (batch, T, input), or (1, T, input) where all share it."""
    tail = value.shape[-2:]
    if value.size == int(np.prod(tail)):
        return value.reshape(1, *tail)
    return np.broadcast_to(value, (*lead, *tail)).reshape(-1, *tail)
