"""The record of one place where a value or a slope stops being a finite number, and its words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

GROWTH, CHAIN_RULE = "growth", "the chain rule"
_ADVICE: Mapping[str, str] = {
    GROWTH: "use smaller weights or fewer steps",
    "overflow": "keep what goes in smaller, or bound it by a tanh or a Min",
    "0/0": "keep the divisor away from 0, or choose another branch there",
    "division by 0": "keep the divisor away from 0, or choose another branch there",
    "remainder by 0": "keep the divisor away from 0, or choose another branch there",
    "root of a negative number": "keep what is under the root at 0 or above, as by a relu",
    "slope of a root at 0": "add a small number under the root, or choose another branch there",
    "logarithm of 0": "add a small number inside the logarithm",
    "logarithm of a negative number": "keep what is inside the logarithm above 0",
    "NaN in the input": "clean the input",
    "infinity in the input": "clean the input",
    "NaN in a parameter": "clean the parameter",
    "infinity in a parameter": "clean the parameter",
    "NaN in the initial state": "clean the state",
    "infinity in the initial state": "clean the state",
}
_ELSE = "keep its arguments within the numbers it is made for"


@dataclass(frozen=True, kw_only=True, repr=False)
class Fault:
    """One operation whose value or slope is NaN or infinite, the first of a run.

    ``str`` of it is the sentence that :func:`gradflow.run` says.

    Parameters
    ----------
    cell
        Name of the cell.
    kind
        ``"value"``, or ``"slope"`` where the state stays finite and a derivative does not.
    step
        Counted from 1; 0 for the initial state.
    equation
        The name an equation defines (``h`` for ``h_next``); of the initial state, the part.
    operation
        ``"sqrt"``, ``"log"``, ``"/"``, ``"+"``, ``"U @ h"``; of what is given, its name.
    expression
        The operation with what it acts on, as the equations are written.
    arguments
        Its operands at the unit; none of what is given. Of a product with a map, the largest entry
        it acts on.
    result
        What it gave: ``nan``, ``inf`` or ``-inf``; of a slope, the slope itself.
    unit
        Counted from 0, as in the arrays and by ``index``.
    batch
        Which trajectory: its index along each batch axis.
    cause
        ``"0/0"``, ``"inf - inf"``, ``"0*inf"``, ``"inf/inf"``, ``"division by 0"``,
        ``"root of a negative number"``, ``"logarithm of 0"``, ``"overflow"``, ``"growth"``,
        ``"slope of a root at 0"``, ``"NaN in the input"`` and the like.
    wrt
        Of a slope, the state part or parameter by which it is.
    growth, since
        Where the state has grown: the mean factor a step, and the step since which it has.
    untaken
        Whether a branch reads it that is not taken, so that it is 0 times this in the derivative.
    origin
        Where an infinity that is among the arguments came from.

    Examples
    --------
    >>> import gradflow as gf
    >>> cell = gf.Cell(name="drain", state="h", scalars="a", equations="h_next = sqrt(h) - a")
    >>> gf.locate(cell, {"a": 0.5}, state=[1.0, 0.01], steps=9)
    <Fault value at step 2, equation h, unit 1: sqrt, root of a negative number>
    """

    cell: str
    kind: Literal["value", "slope"]
    step: int
    equation: str
    operation: str
    expression: str
    arguments: tuple[float, ...]
    result: float = field(compare=False)
    unit: int
    batch: tuple[int, ...] = ()
    cause: str
    wrt: str | None = None
    growth: float | None = None
    since: int | None = None
    untaken: bool = False
    origin: Fault | None = None

    def __repr__(self) -> str:
        """Return one line: kind, step, equation, operation, unit and cause."""
        where = f"step {self.step}, equation {self.equation}, unit {self.unit}"
        batch = f", trajectory {self.batch}" if self.batch else ""
        return f"<Fault {self.kind} at {where}{batch}: {self.operation}, {self.cause}>"

    def __str__(self) -> str:
        """Return one sentence: where, what was found, what to do."""
        of = f" of trajectory {self.batch}" if self.batch else ""
        return f"cell {self.cell!r}: step {self.step}{of}, {self.told}; {self.advice}."

    def of_layer(self, level: int) -> Fault:
        """Return this as a fault of a layer of a stack, whose names are ``2.h``."""
        return replace(
            self,
            equation=f"{level}.{self.equation}",
            wrt=None if self.wrt is None else f"{level}.{self.wrt}",
            origin=None if self.origin is None else self.origin.of_layer(level),
        )

    @property
    def advice(self) -> str:
        """What to do about it, in words."""
        if self.untaken:
            return "write it inside the branch, which is then not computed, and not as an equation"
        root = self
        while root.origin is not None:
            root = root.origin
        return _ADVICE.get(root.cause, _ELSE)

    @property
    def told(self) -> str:
        """What was found in which equation, in words."""
        return f"equation {self.equation}: {self._found()}"

    def _found(self) -> str:
        said = self._said() + f" in unit {self.unit}"
        if self.operation == CHAIN_RULE:
            said = f"{self.expression} overflows in unit {self.unit}"
        elif self.kind == "slope":
            said = f"the slope of {said} is {_number(self.result)}, and so the derivative by "
            said += f"{self.wrt} is not finite"
            said += ", though no unit takes that branch" if self.untaken else ""
        elif not _given(self.cause):
            said += f" is {_number(self.result)} ({self.cause})"
        if self.origin is not None:
            origin = self.origin
            at = "" if origin.equation == self.equation else f" of equation {origin.equation}"
            place = "" if origin.unit == self.unit else f" in unit {origin.unit}"
            said += f", where {_number(origin.result)} comes from {origin._said()}{at}{place}"
            said += f" ({origin.cause})"
        if self.growth is not None:
            said += (
                f", after the state has grown by a factor {self.growth:.3g} a step since step "
                f"{self.since}"
            )
        return said

    def _said(self) -> str:
        """Return the operation with its arguments: ``sqrt of -0.3``."""
        if _given(self.cause):
            return f"{self.cause}, {self.operation},"
        numbers = [_number(a) for a in self.arguments]
        if self.operation in ("+", "*", "/", "**", "%") and len(numbers) > 1:
            return f" {self.operation} ".join(numbers)
        if not numbers:
            return self.expression
        return f"{self.operation} of {' and '.join(numbers)}"


def _given(cause: str) -> bool:
    return " in " in cause


def _number(value: float) -> str:
    return f"{value:.6g}" if math.isfinite(value) else str(float(value))


def cause_of(word: str, arguments: tuple[float, ...]) -> str:
    """Return in words why an operation on these arguments gave NaN or an infinity."""
    infinite = any(np.isinf(a) for a in arguments)
    if word == "/":
        above, below = arguments
        if below == 0:
            return "0/0" if above == 0 else "division by 0"
        return "inf/inf" if np.isinf(above) and np.isinf(below) else "overflow"
    if word == "%":
        return "remainder by 0" if arguments[1] == 0 else "% of an infinity"
    if word == "sqrt":
        return "root of a negative number"
    if word == "**":
        return _power_cause(*arguments)
    if word == "log":
        return "logarithm of 0" if arguments[0] == 0 else "logarithm of a negative number"
    if word == "+" and infinite:
        return "inf - inf"
    if word == "*" and infinite:
        return "0*inf" if 0 in arguments else "overflow"
    if infinite:
        return f"{word} of an infinity"
    return "overflow"


def _power_cause(base: float, exponent: float) -> str:
    if base == 0 and exponent < 0:
        return "division by 0"
    if base < 0 and exponent != int(exponent):
        return "root of a negative number"
    return "overflow"
