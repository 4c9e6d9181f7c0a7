"""Slots and operations as they are found, equal ones only once."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from gradflow.cells.language.elementwise import Formula
from gradflow.proofs.certified.program.steps import Operation


class Slots:
    """Leaves, which get numbers below 0 until all are known, and operations, from 0 on."""

    def __init__(self, what: str, written: Mapping[str, Formula] | None = None) -> None:
        """Begin with nothing; ``what`` was asked for, and begins error messages.

        ``written`` are functions that become their definition, by name.
        """
        self.what = what
        self.written = written or {}
        self.leaves: list[tuple[str, int]] = []
        self.named: dict[str, int] = {}
        self.made: dict[Operation, int] = {}
        self.size: dict[int, int] = {}
        self.slopes: dict[int, tuple[int, ...]] = {}
        self.clock: int | None = None

    def leaf(self, name: str, size: int) -> int:
        """Return the slot of something given."""
        if name not in self.named:
            slot = -len(self.leaves) - 1
            self.leaves.append((name, size))
            self.named[name], self.size[slot] = slot, size
        return self.named[name]

    def add(self, operation: Operation, size: int) -> int:
        """Return the slot of an operation, a new one only if there is no equal one."""
        if operation not in self.made:
            self.made[operation] = len(self.made)
            self.size[self.made[operation]] = size
        return self.made[operation]

    def spread(self, slot: int, size: int) -> int:
        """Return a slot of so many entries."""
        if self.size[slot] == size:
            return slot
        return self.add(Operation("spread", (slot,)), size)

    def scale(self, slot: int, a: Fraction, b: Fraction) -> int:
        """Return ``a v + b``."""
        if a == 1 and b == 0:
            return slot
        return self.add(Operation("scale", (slot,), numbers=(a, b)), self.size[slot])

    def pair(self, kind: str, a: int, b: int, size: int) -> int:
        """Return the sum or product of two slots."""
        return self.add(Operation(kind, (self.spread(a, size), self.spread(b, size))), size)

    def function(self, name: str, arguments: tuple[int, ...], size: int) -> int:
        """Return an elementwise function of slots; its slopes are added at the end."""
        return self.add(Operation("function", arguments, name), size)
