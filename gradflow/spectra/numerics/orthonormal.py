"""An orthonormal frame carried through step Jacobians, and how much each of its columns grows.

Several steps share one triangular factor: ``J_m ... J_1 Q = Q' R``. The digits that costs are the
spread of ``log |R[i, i]|``, so the number of steps m follows the spread met, and every part of a
window is looked at afterwards. Within a window a square frame need not be orthonormal, see
`advance`; it is never formed, see `frames`.

A step that alone spreads too far has its scales taken out, ``J = diag(2^r) Y diag(2^c)``, and goes
through QR with the rows sorted; c is joined to the r of the step before, since what is graded on
both sides of a frame loses its digits to it. So a saturated unit is as healthy in a column,
``x' = J tanh(x)``, as in a row.

Sources: R. Engelken, F. Wolf, L. Abbott, Phys. Rev. Research 5 (2023) 043044, appendix (the
interval); A. J. Cox, N. J. Higham, Proc. 17th Dundee Conf. (1998) 57 (QR, row by row).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from gradflow.arrays import real_array
from gradflow.spectra.numerics.advance import (
    SPREAD,
    advanced,
    aim,
    eliminates,
    made_orthonormal,
)
from gradflow.spectra.numerics.frames import Frame, SquareFrame
from gradflow.spectra.numerics.logdomain import Floats
from gradflow.spectra.numerics.scaled_steps import scaled_step, to_join

# How much the newest part counts in what is known of the spread a step.
_NEWEST = 0.3
# Parts made in one go, so that their products fit in the cache.
_MOST_PARTS, _PART_BYTES = 64, 2**19


@dataclass(frozen=True)
class Window:
    """Some steps from one orthonormal frame to the next.

    Attributes
    ----------
    length : int
        Number of steps.
    growth : (s,)
        ``log |R[i, i]|`` of the columns that are left.
    spread : float
        Nats from the largest growth to the smallest, or from that of the root mean square
        ``prod_t |J_t|_F / sqrt(d)`` if it is larger: the most over the parts that share one
        triangular factor each. 0 for a step done by its scales.
    """

    length: int
    growth: Floats
    spread: float


@dataclass(frozen=True)
class Plan:
    """The spread a step met of late, in nats, and how far that of a part is off it."""

    aim: float = SPREAD
    rate: float = math.inf
    scatter: float = 0.0

    @property
    def length(self) -> int:
        """Steps after which a part will have spread by `aim`, and hardly by `SPREAD`."""
        return max(1, int(min(self.aim, SPREAD - 2 * self.scatter) / max(self.rate, 1e-3)))

    def after(self, spread: Sequence[float], length: int) -> Plan:
        """The plan after parts of `length` steps with these spreads; the last may have failed."""
        # beyond twice the limit a spread is not known, for all digits are lost
        met = [min(each, 2 * SPREAD) / length for each in spread]
        if met[-1] * length > SPREAD or self.rate == math.inf:
            return replace(self, rate=met[-1])
        weight = 1 - (1 - _NEWEST) ** len(met)
        rate = self.rate + weight * (sum(met) / len(met) - self.rate)
        off = length * sum(abs(each - rate) for each in met) / len(met)
        return replace(self, rate=rate, scatter=self.scatter + weight * (off - self.scatter))


def windows(
    chunks: Iterable[Floats], frame: Floats, transient: int, longest: int, where: str
) -> Iterator[Window]:
    """Carry `frame` (d, k), orthonormal, through chunks (m, d, d) of steps; the windows in order.

    A window ends with the transient and with its chunk, and has at most `longest` steps. A part of
    it that has spread too far is done again with fewer steps; a single step that does so has its
    scales taken out, and one that is then singular to rounding goes through `orthonormal_image`,
    which finds exact zeros.

    Raises
    ------
    PrecisionError
        As `lyapunov_spectrum`, whose name is `where`.
    """
    state: SquareFrame = frame
    plan, planned, together, taken = Plan(aim(frame)), 1, 1, 0
    most = max(1, min(_MOST_PARTS, _PART_BYTES // (8 * len(frame) ** 2)))
    begun, joined = _nothing(frame.shape[1]), longest if eliminates(frame) else 1
    for chunk in chunks:
        start, split = 0, None
        while start < len(chunk):
            room = len(chunk) - start
            room = min(room, transient - taken) if taken < transient else room
            length = min(planned, room)
            if split is None:
                if begun.length + length > longest:
                    ended, state = _ended(begun, state)
                    yield ended
                    begun = _nothing(len(ended.growth))
                count = min(together, room // length)
                ends = _ends(count, length, begun.length, joined)
                ends[-1] = ends[-1] or count * length == room
                span = slice(start, start + count * length)
                frames, growth, spread = advanced(chunk, span, length, state, ends, where)
                failed = bool(spread.max() > SPREAD)
                done = int(np.argmax(spread > SPREAD)) if failed else count
                if done:
                    parts = growth[:done], spread[:done]
                    *whole, begun = _joined(begun, *parts, length, ends[:done])
                    yield from whole
                    state = frames[done - 1]
                plan = plan.after(spread[: done + 1].tolist(), length)
                planned = min(plan.length, longest, max(1, length // 2) if failed else longest)
                together = max(1, together // 4) if failed else min(4 * together, most)
                start += done * length
                taken += done * length
                if not failed or length > 1:
                    continue
                room -= done
            ended, orthonormal = _ended(begun, state)
            if ended.length:
                yield ended
            following = None
            if room > 1:
                following = to_join(
                    real_array(chunk[start + 1], where, "step Jacobians", many=True)
                )
            state, row = scaled_step(chunk[start], split, following, orthonormal, taken, where)
            yield Window(1, row, 0.0)
            begun, split = _nothing(len(row)), following
            start += 1
            taken += 1


def _nothing(width: int) -> Window:
    return Window(0, np.zeros(width), 0.0)


def _ended(begun: Window, frame: SquareFrame) -> tuple[Window, Frame]:
    """The window that ends here, and the frame after it, orthonormal."""
    turned, more = made_orthonormal(frame)
    return replace(begun, growth=begun.growth + more), turned


def _ends(count: int, length: int, since: int, longest: int) -> list[bool]:
    """Which of so many parts of a length end a window that has `since` steps already."""
    ends = []
    for _ in range(count):
        since += length
        ends.append(since + length > longest)
        since = 0 if ends[-1] else since
    return ends


def _joined(
    begun: Window, growth: Floats, spread: Floats, length: int, ends: Sequence[bool]
) -> list[Window]:
    """Parts of a length as windows, the first of them begun already; last the next one begun."""
    first = [0, *[k + 1 for k, end in enumerate(ends[:-1]) if end]]
    sums = np.add.reduceat(growth, first, axis=0)
    sums[0] += begun.growth
    most = np.maximum.reduceat(spread, first).tolist()
    most[0] = max(most[0], begun.spread)
    steps = [length * (k - j) for j, k in pairwise([*first, len(ends)])]
    steps[0] += begun.length
    found = [Window(*each) for each in zip(steps, sums, most, strict=True)]
    return [*found, _nothing(growth.shape[1])] if ends[-1] else found
