"""An orthonormal frame carried through step Jacobians, and how much each of its columns grows.

Several steps share one QR: ``J_m ... J_1 Q = Q' R``. The digits that costs are the spread of
``log |R[i, i]|``, so the number of steps m follows the spread met, and every window is looked at
afterwards. A square frame is never formed: Q stays a product of Householder reflections
``I - V T V^T``, which LAPACK applies to the next window from the right.

Sources: R. Schreiber, C. Van Loan, SIAM J. Sci. Stat. Comput. 10 (1989) 53 (compact WY); R.
Engelken, F. Wolf, L. Abbott, Phys. Rev. Research 5 (2023) 043044, appendix (the interval).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gradflow.arrays import real_array
from gradflow.errors import PrecisionError
from gradflow.spectra.numerics.frames import Frame, Reflections, applied, reflected
from gradflow.spectra.numerics.graded import (
    NEARLY_SINGULAR,
    TOO_GRADED,
    equilibrated,
    orthonormal_image,
)
from gradflow.spectra.numerics.logdomain import Floats, log_magnitude, normalized

# 18 nats cost a factor 7e7 of the rounding unit 1.1e-16, which leaves an accuracy of 1e-8.
SPREAD = 18.0
# How much the newest window counts in what is known of the spread a step.
_NEWEST = 0.3
# e^-570 is 1e-248; an entry of R below it may owe its digits to a subnormal number.
LEAST = -570.0
# Windows made in one go, so that their products fit in the cache.
_MOST_WINDOWS, _WINDOW_BYTES = 64, 2**19


@dataclass(frozen=True)
class Window:
    """Some steps that share one QR.

    Attributes
    ----------
    length : int
        Number of steps.
    growth : (s,)
        ``log |R[i, i]|`` of the columns that are left.
    spread : float
        Nats from the largest growth to the smallest, or from that of the root mean square
        ``prod_t |J_t|_F / sqrt(d)`` if it is larger; 0 for a step done row by row.
    """

    length: int
    growth: Floats
    spread: float


@dataclass(frozen=True)
class Plan:
    """The spread a step met of late, in nats, and how far that of a window is off it."""

    rate: float = math.inf
    scatter: float = 0.0

    @property
    def length(self) -> int:
        """Steps after which a window will have spread by less than `SPREAD`, in all likelihood."""
        return max(1, int((SPREAD - 2 * self.scatter) / max(self.rate, 1e-3)))

    def after(self, spread: Sequence[float], length: int) -> Plan:
        """The plan after windows of `length` steps with these spreads; the last may have failed."""
        # beyond twice the limit a spread is not known, for all digits are lost
        met = [min(each, 2 * SPREAD) / length for each in spread]
        if met[-1] * length > SPREAD or self.rate == math.inf:
            return Plan(met[-1], self.scatter)
        weight = 1 - (1 - _NEWEST) ** len(met)
        rate = self.rate + weight * (sum(met) / len(met) - self.rate)
        off = length * sum(abs(each - rate) for each in met) / len(met)
        return Plan(rate, self.scatter + weight * (off - self.scatter))


def windows(
    chunks: Iterable[Floats], frame: Floats, transient: int, longest: int, where: str
) -> Iterator[Window]:
    """Carry `frame` (d, k), orthonormal, through chunks (m, d, d) of steps; the windows in order.

    A window ends with the transient and with its chunk, and has at most `longest` steps. One that
    has spread by more than 18 nats is done again with fewer steps; a single step that does so goes
    through `orthonormal_image`, which sees to rows of unlike size and to exact zeros.

    Raises
    ------
    PrecisionError
        As `lyapunov_spectrum`, whose name is `where`.
    """
    state: Frame = frame
    plan, planned, together, taken = Plan(), 1, 1, 0
    most = max(1, min(_MOST_WINDOWS, _WINDOW_BYTES // (8 * len(frame) ** 2)))
    for chunk in chunks:
        start = 0
        while start < len(chunk):
            room = len(chunk) - start
            room = min(room, transient - taken) if taken < transient else room
            length = min(planned, room)
            stop = start + length * min(together, room // length)
            steps, exponent, scale = _modest(chunk, slice(start, stop), where)
            turned, growth = _advanced(steps, length, state)
            spread = _spread(growth, scale.reshape(-1, length).sum(axis=1))
            failed = bool(spread.max() > SPREAD)
            done = int(np.argmax(spread > SPREAD)) if failed else len(growth)
            for k in range(done):
                row = growth[k] + length * exponent * np.log(2)
                yield Window(length, row, float(spread[k]))
            state = turned[done - 1] if done else state
            plan = plan.after(spread[: done + 1].tolist(), length)
            planned = min(plan.length, longest, max(1, length // 2) if failed else longest)
            together = max(1, together // 4) if failed else min(2 * together, most)
            start += done * length
            taken += done * length
            if failed and length == 1:
                state, row = _careful(chunk[start], state, taken, where)
                yield Window(1, row, 0.0)
                start += 1
                taken += 1


def _modest(chunk: Floats, span: slice, where: str) -> tuple[Floats, int, Floats]:
    """``(steps, exponent, scale)`` with ``chunk[span] = 2^exponent steps``, no entry huge.

    The scale (m,) of a step is the log of ``|J_t|_F / sqrt(d)``. Steps of ordinary size are left
    as they are. Raises ``UsageError`` for entries of the chunk that are not finite.
    """
    squares = _mean_squares(chunk[span])
    if 1e-20 < squares.max() < 1e20:
        return chunk[span], 0, log_magnitude(squares) / 2
    finite = real_array(chunk, where, "step Jacobians", many=True)
    modest, exponent = normalized(finite[span], axis=(0, 1, 2))
    return modest, int(exponent[0, 0, 0]), log_magnitude(_mean_squares(modest)) / 2


def _mean_squares(steps: Floats) -> Floats:
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(np.einsum("tij,tij->t", steps, steps) / steps.shape[-1])


def _advanced(steps: Floats, length: int, frame: Frame) -> tuple[Sequence[Frame], Floats]:
    """The frame after each window of `length` steps, and the windows' growth (w, s)."""
    if isinstance(frame, Reflections) or frame.shape[0] == frame.shape[1]:
        return _square_windows(steps, length, frame)
    columns, frames, growth = frame, [], []
    for start in range(0, len(steps), length):
        for step in steps[start : start + length]:
            columns = step @ columns
        columns, triangle = np.linalg.qr(columns)
        frames.append(columns)
        growth.append(log_magnitude(np.diag(triangle)))
    return frames, np.array(growth)


def _square_windows(steps: Floats, length: int, frame: Frame) -> tuple[Sequence[Frame], Floats]:
    """`_advanced` for a square frame.

    The products of the windows are made together and transposed, so that each is in Fortran's
    order; LAPACK works in their memory, which ends up holding the frame after every window.
    """
    flipped = steps.swapaxes(1, 2)
    products = flipped.copy() if length == 1 else flipped[::length] @ flipped[1::length]
    for k in range(2, length):
        products = products @ flipped[k::length]
    frames = []
    for product in products:
        frame = reflected(applied(product.T, frame))
        frames.append(frame)
    return frames, log_magnitude(np.diagonal(products, axis1=1, axis2=2))


def _spread(growth: Floats, scale: Floats) -> Floats:
    """The spread (w,) of windows with growth (w, s) and scale (w,); inf where digits are lost."""
    if growth.shape[1] == 0:
        return np.zeros(len(growth))
    least = growth.min(axis=1)
    with np.errstate(invalid="ignore"):
        spread = np.maximum(growth.max(axis=1), scale) - least
    return np.where((least > LEAST) & (spread < np.inf), spread, np.inf)


def _careful(step: Floats, frame: Frame, index: int, where: str) -> tuple[Floats, Floats]:
    """The frame after one step, row by row, and the log growth (s,); s < r if a column is lost.

    A column may be lost only to a Jacobian that is singular with rows and columns scaled.
    """
    columns = frame
    if isinstance(columns, Reflections):
        columns = applied(np.eye(len(step), order="F"), columns)
    modest, exponent = normalized(step, axis=(0, 1))
    turned, triangle, kept = orthonormal_image(modest, columns, where)
    if len(kept) < columns.shape[1]:
        condition = float(np.linalg.cond(equilibrated(step[None])[1])[0])
        if condition < NEARLY_SINGULAR:
            raise PrecisionError(
                f"{where}: the Jacobian of step {index + 1} loses a direction to rounding"
                f" though its condition number, rows and columns scaled, is {condition:.1e}, and"
                f" only a singular one may; {TOO_GRADED}"
            )
    growth = log_magnitude(np.diag(triangle[:, kept])) + float(exponent[0, 0]) * np.log(2)
    return turned, growth
