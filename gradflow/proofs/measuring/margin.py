"""What a theorem says on a run: whether its condition holds there, and its bound beside the truth.

All of it is floating point: it shows how much a theorem says, and certifies nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING, Literal

from gradflow.prose import number_text

if TYPE_CHECKING:
    from gradflow.spectra import Trajectory

Need = Literal["under", "at most", "at least", "above", "exactly"]

VACUOUS = 1000.0
"""A bound from above that allows growth and exceeds the truth by this factor says nothing."""
_WIDTH = 20


@dataclass(frozen=True, kw_only=True)
class Condition:
    """What a theorem needs of a network, and the value there.

    Parameters
    ----------
    quantity
        What has to lie on one side of a limit, in words, formulas between dollars.
    value
        What it is at the weights at hand.
    need, limit
        ``"under"``, ``"at most"``, ``"at least"``, ``"above"`` or ``"exactly"`` which number.

    Examples
    --------
    >>> print(Condition(quantity="the rate", value=179.0, need="under", limit=1.0))
    its condition needs 179 to be under 1 (the rate)
    """

    quantity: str
    value: float
    need: Need
    limit: float

    @property
    def holds(self) -> bool:
        """Whether the value is on the side that the theorem needs."""
        if self.need == "under":
            return self.value < self.limit
        if self.need == "above":
            return self.value > self.limit
        if self.need == "at most":
            return self.value <= self.limit
        if self.need == "at least":
            return self.value >= self.limit
        return self.value == self.limit

    def numbers(self) -> str:
        """Return the value and where it should be, such as ``179 to be under 1``."""
        value, limit = number_text(self.value, ".3g"), number_text(self.limit, ".3g")
        if value == limit and self.value != self.limit:
            value = number_text(self.value, ".17g")
        return f"{value} to be {self.need} {limit}"

    def __str__(self) -> str:
        """Return what is needed and what is there."""
        return f"its condition needs {self.numbers()} ({self.quantity})"


@dataclass(frozen=True, kw_only=True)
class Margin:
    """A bound beside what was measured on a real run, in floating point.

    Parameters
    ----------
    measured
        What the theorem bounds, on this run.
    bound
        Its bound there; ``None`` where its condition does not hold, so that it says nothing.
    side
        ``"above"`` for an upper bound and ``"below"`` for a lower one.
    condition
        What the theorem needs to say something, with its value.
    note
        What else the theorem says of this run: a recovery time, the units that it counts.
    """

    measured: float
    bound: float | None
    side: Literal["above", "below"]
    condition: Condition | None = None
    note: str = ""

    @property
    def holds(self) -> bool:
        """Whether the measurement respects the bound, up to rounding."""
        if self.bound is None:
            return True
        slack = 1e-9 * max(abs(self.bound), abs(self.measured))
        gap = self.bound - self.measured if self.side == "above" else self.measured - self.bound
        return gap >= -slack

    @property
    def informs(self) -> bool:
        """Whether the bound says something: its condition holds, and it is not beyond all use."""
        if self.bound is None:
            return False
        if self.side == "below":
            return self.bound > 0
        return self.bound <= 1 or self.bound <= VACUOUS * self.measured

    @property
    def tightness(self) -> float | None:
        """Smaller of the two over the larger: 1 where the bound is attained."""
        if self.bound is None:
            return None
        low, high = sorted((self.measured, self.bound))
        return low / high if high > 0 else 1.0

    def said(self) -> str:
        """Return in words what the theorem says on this run, formulas between dollars."""
        if not self.informs:
            why = f": {self.condition}" if self.condition else ", whose bound is beyond all use"
            return f"this theorem says nothing at these weights{why}"
        word = "at most" if self.side == "above" else "at least"
        note = f"; {self.note}" if self.note else ""
        return f"{word} {self.bound:.4g}{note}"

    @property
    def share(self) -> float | None:
        """How much of what was measured the bound accounts for, 1 for all of it.

        Of the logarithm where both are under 1, as most gradients are; ``None`` where the theorem
        says nothing.
        """
        if not self.informs or self.bound is None:
            return None
        if not 0 < min(self.measured, self.bound) < max(self.measured, self.bound) < 1:
            return self.tightness
        low, high = sorted((log(self.measured), log(self.bound)))
        return high / low

    def bar(self) -> str:
        """Return the share as a bar, ``""`` where the theorem says nothing."""
        if self.share is None:
            return ""
        full = round(_WIDTH * self.share)
        return f"[{'#' * full}{'.' * (_WIDTH - full)}] the bound accounts for {self.share:.0%}"

    def __str__(self) -> str:
        """Return both numbers in words."""
        return f"measured {self.measured:.4g}{', ' if self.informs else '; '}{self.said()}"


Measure = Callable[["Trajectory"], Margin]
