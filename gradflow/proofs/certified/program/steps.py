"""One step of a network as a list of operations on vectors, derived from what was declared.

Everything certified about a given network evaluates this one list: in balls, in whole numbers, as
tangents, backwards, and in Coq. It is plain data and needs no SymPy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Operation:
    """One vector from earlier ones, entry by entry unless said otherwise.

    ``kind`` is ``map`` (the matrix called ``name`` times the operand), ``sum`` (of all entries),
    ``spread`` (one value to every entry), ``add``, ``mul``, ``scale`` (``a v + b`` for the two
    ``numbers``), ``constant`` (one number in every entry), ``choose`` (the third operand where the
    first stands in the relation ``name`` to the second, the fourth elsewhere), or ``function``, the
    elementwise function ``name``.
    """

    kind: str
    operands: tuple[int, ...] = ()
    name: str = ""
    numbers: tuple[Fraction, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Program:
    """One step: slots 0, 1, ... are the leaves, then one for each operation.

    Parameters
    ----------
    leaves
        Names of what is given: state parts, inputs, arrays of parameters, and ``t``.
    operations
        In an order in which every operand comes first.
    slopes
        Of every function that the new state needs, the slots of its derivatives by each operand.
    sizes
        Entries of every slot.
    states
        For each state part, in flattening order, its slot before and after the step.
    inputs
        The slot of each input.
    arrays
        The slot of each vector or scalar of parameters.
    clock
        The slot of the time step, -1 where the step does not depend on it.
    names
        The slot of each name that an equation defines.
    """

    leaves: tuple[str, ...]
    operations: tuple[Operation, ...]
    slopes: Mapping[int, tuple[int, ...]]
    sizes: tuple[int, ...]
    states: Mapping[str, tuple[int, int]]
    inputs: Mapping[str, int]
    arrays: Mapping[str, int]
    clock: int = -1
    names: Mapping[str, int] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Return one line."""
        return f"<Program of {len(self.operations)} operations, states {', '.join(self.states)}>"

    @cached_property
    def slices(self) -> dict[str, slice]:
        """Where each state part stands in the whole state."""
        found, stop = {}, 0
        for name, (slot, _) in self.states.items():
            found[name] = slice(stop, stop + self.sizes[slot])
            stop += self.sizes[slot]
        return found

    @property
    def width(self) -> int:
        """Entries of the whole state."""
        return sum(self.sizes[slot] for slot, _ in self.states.values())

    def dependent(self, slots: tuple[int, ...]) -> frozenset[int]:
        """Return the slots whose derivative by given leaves need not be zero."""
        return self._reached(slots, tuple(moving(o) for o in self.operations))

    def varying(self, slots: tuple[int, ...]) -> frozenset[int]:
        """Return the slots whose value may depend on given leaves."""
        return self._reached(slots, tuple(o.operands for o in self.operations))

    def _reached(
        self, slots: tuple[int, ...], sources: tuple[tuple[int, ...], ...]
    ) -> frozenset[int]:
        found = set(slots)
        for k, operands in enumerate(sources, len(self.leaves)):
            if found & set(operands):
                found.add(k)
        return frozenset(found)

    @cached_property
    def forward(self) -> tuple[int, ...]:
        """The operations that the new state needs, as slots; the others are slopes."""
        needed, first = set(), len(self.leaves)
        waiting = [after for _, after in self.states.values()]
        while waiting:
            slot = waiting.pop()
            if slot >= first and slot not in needed:
                needed.add(slot)
                waiting += self.operations[slot - first].operands
        return tuple(sorted(needed))


def moving(operation: Operation) -> tuple[int, ...]:
    """Return the operands by which an operation has a derivative."""
    return operation.operands[2:] if operation.kind == "choose" else operation.operands


@dataclass(frozen=True, kw_only=True)
class Given:
    """A network with its numbers and its data, all taken as exact.

    Parameters
    ----------
    name
        What was run, for labels.
    program
        One step.
    matrices
        The matrices by name, (rows, columns) float64.
    arrays
        Vectors of parameters by name.
    start
        The initial state by part.
    inputs
        (T, entries) by name.
    steps
        T.
    constants
        The names of matrices and arrays that are no parameters.
    """

    name: str
    program: Program
    matrices: Mapping[str, Floats]
    arrays: Mapping[str, Floats]
    start: Mapping[str, Floats]
    inputs: Mapping[str, Floats]
    steps: int
    constants: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        """Return one line."""
        return f"<Given {self.name}: {self.steps} steps, {self.program.width} entries of state>"
