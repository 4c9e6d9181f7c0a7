r"""The true trajectory of a network, enclosed: exact midpoints, and one radius around them.

Midpoints ``m_t`` are numbers of many bits; one step in balls from the exact ``m_(t-1)`` shows how
far ``F(m_(t-1))`` is from ``m_t``: at most ``d_t``. The difference ``e_t`` of the true state from
``m_t`` obeys ``e_t = J_t e_(t-1) + d`` with ``|d| <= d_t``, where ``J_t`` is a mean of Jacobians
between ``m_(t-1)`` and the true state. Suppose ``|e_s| <= r`` for all ``s < t``: then every such
Jacobian lies in the enclosure of the Jacobian over the ball of radius ``r``, in every entry, and

.. math:: |e_t| \le \sum_s \|J_t \cdots J_{s+1}\| d_s \le t \, \max_s \|P(t, s)\| \max_s d_s,

where the products are bounded by those of the tree of enclosures (:mod:`.tree`). If the right side
is at most ``r`` for every ``t``, induction proves the supposition. So the precision that is needed
follows the true growth of errors, not the product of the steps' norms, by which balls alone grow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from gradflow.errors import PrecisionError
from gradflow.proofs.certified.along.balls import (
    BallProgram,
    at_precision,
    centres,
    holds,
    pairs,
    power_of_two,
    widened,
)
from gradflow.proofs.certified.along.tangents import Coefficients, wanted
from gradflow.proofs.certified.program.steps import Floats, Given
from gradflow.proofs.weights.balls import UndecidedError

FIRST, LAST = 256, 2048
"""Bits of the midpoints, doubled until the radius is proved."""
_LEAST = 512
"""The radius is ``2^(-0.4 bits)``, so that slopes have 100 bits, but at least 2^-512: a float."""
_BALLS = (256, 512, 1024, 2048, 4096)
_WIDE = 80
_SHARP = 2.0**-44


@dataclass(frozen=True, eq=False, kw_only=True)
class Tube:
    """Coefficients of every step over the enclosures; how many bits; and the defects' size.

    ``sharp`` says that every slope has some digits, saturated units included.
    """

    coefficients: Coefficients
    bits: int
    defect: float
    radius: float
    sharp: bool = True


Kept = TypeVar("Kept")


def tube(given: Given, grown: Callable[[Tube], tuple[float, Kept]], what: str) -> tuple[Tube, Kept]:
    """Return the enclosures of all steps, and what ``grown`` made of them.

    ``grown(tube)`` returns a bound of ``T max |P(t, s)|`` over the enclosures and whatever is to be
    kept. Where one radius around the midpoints decides nothing, as on the kink of a unit that rests
    at 0 exactly, plain balls are tried, at up to 4096 bits.

    Raises ``PrecisionError`` where neither settles it.
    """
    program = BallProgram(given)
    bits = FIRST
    while bits <= LAST:
        exponent = min(2 * bits // 5, _LEAST)
        try:
            found = _around(program, bits, exponent)
        except UndecidedError:
            break
        if found.sharp or bits == LAST:
            growth, kept = grown(found)
            if growth * found.defect <= found.radius:
                return found, kept
        bits *= 2
    for bits in _BALLS:
        try:
            found = _plain(program, bits)
        except UndecidedError:
            continue
        return found, grown(found)[1]
    raise PrecisionError(
        f"{what}: {_BALLS[-1]} bits do not settle the {given.steps} steps; a unit may sit on a "
        "kink of relu, or the run may be too long."
    )


def _around(program: BallProgram, bits: int, exponent: int) -> Tube:
    collect = Collector(program)
    with at_precision(bits):
        state = program.start()
        radius = power_of_two(-exponent)
    defect, root = 0.0, float(np.sqrt(program.program.width))
    for t in range(1, program.given.steps + 1):
        with at_precision(max(_WIDE, exponent + 20)):
            around = [widened(v, radius) for v in state] if t > 1 else state
            collect(program.step(around, t))
        with at_precision(bits):
            after = program.after(program.step(state, t, slopes=False))
            largest = max(float(x.rad()) for v in after for x in v)
            defect = max(defect, largest * root * (1 + 2.0**-40))
            state = [centres(v) for v in after]
    defect = max(defect, 2.0**-900)  # a radius that no float holds
    return Tube(
        coefficients=collect.done(),
        bits=bits,
        defect=defect,
        radius=2.0**-exponent,
        sharp=collect.sharp,
    )


def _plain(program: BallProgram, bits: int) -> Tube:
    collect = Collector(program, least=2.0**-90)
    with at_precision(bits):
        state = program.start()
        for t in range(1, program.given.steps + 1):
            slots = program.step(state, t)
            collect(slots)
            state = program.after(slots)
    return Tube(coefficients=collect.done(), bits=bits, defect=0.0, radius=0.0)


class Collector:
    """Coefficients of one step after another, as floats."""

    def __init__(
        self, program: BallProgram, least: float | None = None, more: tuple[int, ...] = ()
    ) -> None:
        """Begin; ``least`` is a relative width that is refused, ``more`` slots to derive by."""
        self.program, self.least = program, least
        states = tuple(slot for slot, _ in program.program.states.values())
        by = (*states, *program.program.inputs.values(), *more)
        self.values, self.choices = wanted(program.program, by)
        self.slopes = {s for slots in program.program.slopes.values() for s in slots}
        self.sharp = True
        self.rows: dict[int, list[tuple[Floats, Floats, Floats]]] = {k: [] for k in self.values}
        self.taken: dict[int, list[Floats]] = {k: [] for k in self.choices}

    def __call__(self, slots: list[Any]) -> None:
        """Keep what is wanted of one step; raises ``UndecidedError`` where it is too wide."""
        for k in self.values:
            middle, low, radius = pairs(slots[k])
            if self.least is not None:
                size = np.abs(middle).max(initial=0.0) + 2.0**-200
                if (radius > self.least * size).any():
                    raise UndecidedError("balls too wide")
            if k in self.slopes:
                self.sharp &= bool((radius <= _SHARP * (np.abs(middle) + 2.0**-400)).all())
            self.rows[k].append((middle, low, radius))
        for k in self.choices:
            o = self.program.program.operations[k - len(self.program.program.leaves)]
            a, b = (slots[i] for i in o.operands[:2])
            taken = [float(holds(o.name, *pair)) for pair in zip(a, b, strict=True)]
            self.taken[k].append(np.array(taken))

    def done(self) -> Coefficients:
        """Return what was collected."""
        middle, low, radius = (
            {k: np.array([row[i] for row in rows]) for k, rows in self.rows.items()}
            for i in range(3)
        )
        taken = {k: np.array(rows) for k, rows in self.taken.items()}
        return Coefficients(middle, low, radius, taken)
