"""A program evaluated in balls (Arb, from python-flint), one step at a time.

What is given is exact; what comes out encloses the true values, every rounding included.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import flint
import numpy as np

from gradflow.cells.language.functions import FUNCTIONS
from gradflow.errors import UsageError
from gradflow.proofs.certified.along.pairs import two_sum
from gradflow.proofs.certified.program.steps import Floats, Given, Operation
from gradflow.proofs.weights.balls import UndecidedError, _function, hull

Ball = Any
Vector = list[Any]


def _sigmoid_slope(x: Ball) -> Ball:
    """Return ``e^-|x| / (1 + e^-|x|)^2``, which falls with ``|x|``, by its ends.

    It keeps the digits that ``s (1 - s)`` loses where a unit is saturated.
    """
    ends = (x.abs_lower(), x.abs_upper())
    falling = [(-end).exp() for end in ends]
    return hull(*(e / (1 + e) ** 2 for e in falling))


_BASIC: dict[str, Callable[[Ball], Ball]] = {
    "inverse": lambda x: 1 / x,
    "sqrt": lambda x: x.sqrt(),
    "log": lambda x: x.log(),
    "exp": lambda x: x.exp(),
    "sigmoid slope": _sigmoid_slope,
}
_JUMPS = ("floor", "sign", "modulo")
"""Functions whose derivative says nothing across a jump."""


class BallProgram:
    """The program of a network over balls."""

    def __init__(self, given: Given) -> None:
        self.given, self.program = given, given.program
        self.matrices = {n: exact_matrix(a) for n, a in given.matrices.items()}
        program = self.program
        states = tuple(slot for slot, _ in program.states.values())
        clock = () if program.clock < 0 else (program.clock,)
        self.moving = program.varying((*states, *clock))
        self.forward = frozenset(program.forward)
        self._still: dict[bytes, list[Vector]] = {}
        self._apart: dict[str, Any] = {}

    def start(self) -> list[Vector]:
        """Return the initial state, part by part, as exact balls."""
        return [exact(self.given.start[p]) for p in self.program.states]

    def step(self, state: Sequence[Vector], t: int, slopes: bool = True) -> list[Vector]:
        """Return every slot of step ``t``, counted from 1, or only those that the state needs."""
        program = self.program
        slots = list(self._fixed(t))
        for vector, (slot, _) in zip(state, program.states.values(), strict=True):
            slots[slot] = vector
        if program.clock >= 0:
            slots[program.clock] = [flint.arb(t)]
        for k, operation in enumerate(program.operations, len(program.leaves)):
            if k in self.moving and (slopes or k in self.forward):
                slots[k] = self._value(operation, slots, program.sizes[k])
        return slots

    def around(
        self, state: Sequence[Vector], radii: Floats, radius: float, t: int, apart: float = 0.0
    ) -> list[Vector]:
        """Return every slot of step ``t`` over a box: radii of the state, one of the inputs.

        Every weight may be off by a share ``apart`` of its size.
        """
        given, program = self.given, self.program
        slots: list[Vector] = [[] for _ in program.sizes]
        wide = [flint.arb(0, float(r)) for r in radii]
        for part, vector in zip(program.states, state, strict=True):
            own = wide[program.slices[part]]
            slots[program.states[part][0]] = [v + w for v, w in zip(vector, own, strict=True)]
        for name, slot in program.inputs.items():
            slots[slot] = widened(exact(given.inputs[name][t - 1]), flint.arb(float(radius)))
        for name, slot in program.arrays.items():
            off = 0.0 if name in given.constants else apart
            slots[slot] = shared(exact(given.arrays[name]), off)
        if program.clock >= 0:
            slots[program.clock] = [flint.arb(t)]
        for k, operation in enumerate(program.operations, len(program.leaves)):
            if apart and operation.kind == "map" and operation.name not in given.constants:
                wide = self._wide(operation.name, apart)
                slots[k] = times(wide, slots[operation.operands[0]])
            else:
                slots[k] = self._value(operation, slots, program.sizes[k])
        return slots

    def _wide(self, name: str, apart: float) -> Any:
        """Return a matrix whose entries may be off by a share of their size."""
        if name not in self._apart:
            array = self.given.matrices[name]
            entries = shared(exact(array), apart)
            self._apart[name] = flint.arb_mat(array.shape[0], array.shape[1], entries)
        return self._apart[name]

    def after(self, slots: Sequence[Vector]) -> list[Vector]:
        """Return the new state, part by part."""
        return [slots[after] for _, after in self.program.states.values()]

    def _fixed(self, t: int) -> list[Vector]:
        """Return the slots that depend on the input alone, computed once for equal inputs."""
        given, program = self.given, self.program
        rows = {n: given.inputs[n][t - 1] for n in program.inputs}
        key = b"".join(row.tobytes() for row in rows.values())
        key += flint.ctx.prec.to_bytes(8, "little")
        if key not in self._still:
            slots: list[Vector] = [[] for _ in program.sizes]
            for name, slot in program.inputs.items():
                slots[slot] = exact(rows[name])
            for name, slot in program.arrays.items():
                slots[slot] = exact(given.arrays[name])
            for k, operation in enumerate(program.operations, len(program.leaves)):
                if k not in self.moving:
                    slots[k] = self._value(operation, slots, program.sizes[k])
            self._still[key] = slots
        return self._still[key]

    def _value(self, o: Operation, slots: Sequence[Vector], size: int) -> Vector:
        values = [slots[k] for k in o.operands]
        match o.kind:
            case "map":
                return times(self.matrices[o.name], values[0])
            case "add":
                return [a + b for a, b in zip(*values, strict=True)]
            case "mul":
                return [a * b for a, b in zip(*values, strict=True)]
            case "scale":
                a, b = (rational(x) for x in o.numbers)
                return [a * v + b for v in values[0]]
            case "sum":
                return [sum(values[0][1:], values[0][0])]
            case "spread":
                return values[0] * size
            case "constant":
                number = flint.arb.pi() if o.name == "pi" else flint.arb.const_e()
                return [rational(o.numbers[0]) if o.numbers else number] * size
            case "choose":
                rows = zip(*values, strict=True)
                return [c if holds(o.name, a, b) else d for a, b, c, d in rows]
        function = _BASIC.get(o.name) or _function(FUNCTIONS.get(o.name))
        try:
            found = [function(*row) for row in zip(*values, strict=True)]
        except (NotImplementedError, AttributeError):
            raise UsageError(
                f"certify: the function {o.name!r} cannot be enclosed; use another one."
            ) from None
        if o.name in _JUMPS and not all(v.is_exact() for v in found):
            raise UndecidedError(o.name)
        return found


def holds(relation: str, a: Ball, b: Ball) -> bool:
    """Whether a relation holds; raises ``UndecidedError`` where the balls do not tell."""
    gap = a - b
    if gap.contains(0) and not gap.is_zero():
        raise UndecidedError(f"{a} {relation} {b}")
    sign = 0 if gap.is_zero() else 1 if gap > 0 else -1
    found = {"==": sign == 0, "!=": sign != 0, "<": sign < 0, "<=": sign <= 0}
    return {**found, ">": sign > 0, ">=": sign >= 0}[relation]


def rational(number: Fraction) -> Ball:
    """Return a ball that holds a fraction."""
    return flint.arb(number.numerator) / number.denominator


def exact(array: Floats) -> Vector:
    """Return the entries of an array as exact balls."""
    return [flint.arb(float(x)) for x in np.ravel(array)]


def exact_matrix(array: Floats) -> Any:
    """Return a matrix of exact balls."""
    return flint.arb_mat(array.shape[0], array.shape[1], exact(array))


def times(matrix: Any, vector: Vector) -> Vector:
    """Return a matrix times a vector."""
    product = matrix * flint.arb_mat(len(vector), 1, vector)
    return [product[i, 0] for i in range(product.nrows())]


def shared(vector: Vector, apart: float) -> Vector:
    """Return balls that may be off by a share of their size."""
    return [v * flint.arb(1, apart) for v in vector] if apart else vector


def centres(vector: Vector) -> Vector:
    """Return the midpoints of balls, as exact balls."""
    return [v.mid() for v in vector]


def widened(vector: Vector, radius: Ball) -> Vector:
    """Return every ball made wider by a radius."""
    around = flint.arb(0, radius)
    return [v + around for v in vector]


def pairs(vector: Vector) -> tuple[Floats, Floats, Floats]:
    """Return midpoints as sums of two floats, and radii that hold what the sums lack.

    A float is within one unit in its last place of the midpoint, 2^-52 of it, or 2^-1074, and the
    second one that of the exact difference, so within 2^-104 of the midpoint. The radius of a ball
    has 30 bits and is no float's trouble. 2^-102 and 2^-1000 leave room for rounding this sum.
    """
    middles = [v.mid() for v in vector]
    high = np.array([float(m) for m in middles])
    radius = np.array([float(v.rad()) for v in vector])
    if not (np.isfinite(high).all() and np.isfinite(radius).all()):
        raise UndecidedError("a ball that is not finite")
    with flint.ctx.workprec(4096):
        low = np.array([float(m - x) for m, x in zip(middles, high.tolist(), strict=True)])
    high, low = two_sum(high, low)
    return high, low, radius * (1 + 2.0**-40) + np.abs(high) * 2.0**-102 + 2.0**-1000


def at_precision(bits: int) -> Any:
    """Return a context in which balls have so many bits."""
    return flint.ctx.workprec(bits)


def power_of_two(exponent: int) -> Ball:
    """Return 2^exponent, exactly."""
    return flint.arb(2) ** exponent
