"""A printed summand with its sign apart, so that a negative one follows a minus and not ``+ -``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Signed:
    """What a summand prints as: ``body`` without its sign, and whether that is a minus."""

    negative: bool
    body: str

    def __str__(self) -> str:
        """Return the summand as it stands alone or first."""
        return f"-{self.body}" if self.negative else self.body

    def times(self, factors: Iterable[str], sign: str) -> Signed:
        """Return the product with further factors on the right, ``sign`` between them."""
        return Signed(self.negative, sign.join([self.body, *factors]))


def in_sum(summands: Iterable[Signed]) -> list[str]:
    """Return the summands as they stand in a sum, each with its sign; the first shows no plus."""
    first, *rest = summands
    return [str(first), *(f"{'-' if s.negative else '+'} {s.body}" for s in rest)]
