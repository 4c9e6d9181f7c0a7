r"""A cell under one constant input as one of a family, along a line of one parameter's values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradflow.cells.sized import sized_as
from gradflow.codegen.bound import Bound, bind
from gradflow.errors import UsageError, shown
from gradflow.spectra.equilibria.period_map import PeriodMap
from gradflow.spectra.numerics.logdomain import Floats

# An entry of an array: an index or one an axis.
Entry = int | tuple[int, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Family:
    r"""Maps ``F(s; u)`` for u from 0 to 1, the parameter being ``rest + value(u) direction``.

    A point z (d + 1,) is a state and u.
    """

    bound: Bound
    inputs: Mapping[str, Floats] | None
    name: str
    rest: Floats
    direction: Floats
    start: float
    stop: float

    def value(self, u: Floats | float) -> Floats:
        """Return the parameter's value at u."""
        return np.asarray(self.start + (self.stop - self.start) * np.asarray(u))

    def parameters(self, u: float) -> dict[str, Floats]:
        """Return the arrays of the cell at u."""
        changed = self.rest + self.value(u) * self.direction
        return sized_as(self.bound.params, {**self.bound.params, self.name: changed})

    def at(self, u: float) -> PeriodMap:
        """Return the map at u."""
        return PeriodMap(bind(self.bound.code, self.parameters(u)), self.inputs, 1)

    def shift(self, z: Floats) -> Floats:
        """Return ``F(s; u) - s`` (d,)."""
        return self.at(float(z[-1])).shift(z[:-1])

    def slope(self, z: Floats) -> Floats:
        """Return ``[J - I, dF/du]`` (d, d + 1)."""
        f, d = self.at(float(z[-1])), len(z) - 1
        rows = np.eye(d)
        with np.errstate(all="ignore"):
            states = np.broadcast_to(z[:-1], (d, d))
            found = f.bound.parameter_vjp(states, rows, self.inputs, 1, keep=True)[self.name]
        along = (found * self.direction).reshape(d, -1).sum(axis=-1) * (self.stop - self.start)
        return np.column_stack([f.jacobian(z[:-1]) - rows, along])


def family(
    bound: Bound,
    inputs: Mapping[str, Floats] | None,
    name: str,
    span: tuple[float, float],
    entry: Entry | None,
    where: str,
) -> Family:
    """The family along an entry of parameter `name`, or along the multiples of all of it."""
    if not isinstance(name, str) or name not in bound.cell.parameters:
        known = ", ".join(bound.cell.parameters)
        raise UsageError(
            f"{where}: cell {bound.cell.name!r} has no parameter named {shown(name)}; it has "
            f"{known}."
        )
    given = np.asarray(bound.params[name], dtype=np.float64)
    direction = given if given.size > 1 else np.ones_like(given)
    if entry is not None:
        direction = _unit(given, entry, name, where)
    if not direction.any():
        raise UsageError(
            f"{where}: {name} is zero, and so is every multiple of it; name an entry=, or pass the"
            f" direction as {name}."
        )
    rest = np.where(direction != 0, 0.0, given)
    return Family(
        bound=bound,
        inputs=inputs,
        name=name,
        rest=rest,
        direction=direction,
        start=span[0],
        stop=span[1],
    )


def _unit(given: Floats, entry: Any, name: str, where: str) -> Floats:
    index = entry if isinstance(entry, tuple) else (entry,)
    whole = all(isinstance(i, (int, np.integer)) for i in index)
    fits = whole and len(index) == given.ndim
    if not fits or any(not -n <= i < n for i, n in zip(index, given.shape, strict=True)):
        raise UsageError(
            f"{where}: entry={shown(entry)}, and {name} has shape {given.shape}; give one index "
            "an axis."
        )
    direction = np.zeros_like(given)
    direction[index] = 1.0
    return direction
