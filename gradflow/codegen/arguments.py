"""The arguments of compiled code: parameters checked once, and states and inputs at each call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Self

import numpy as np

from gradflow.cells.cell import Cell
from gradflow.cells.sized import Sized
from gradflow.codegen import border
from gradflow.codegen import sizes as resolve
from gradflow.codegen.targets.arrays import Arrays
from gradflow.codegen.targets.target import Compiled

Array = Any
Params = Mapping[str, Array]


class Call(NamedTuple):
    """The checked arguments of one call: ``arguments`` by position, leading axes, part sizes."""

    arrays: Arrays
    arguments: list[Array]
    lead: tuple[int, ...]
    widths: Mapping[str, int]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Arguments:
    """Parameters of a cell, checked, with what checks the other arguments of a call.

    Parameters
    ----------
    code
        The compiled cell.
    params
        Parameters and constants in declared order, as arrays of the target; scalars (1,).
    sizes
        Number of units of each space that the parameters show or remember, or the state given with
        them.
    given
        The parameters as they came.
    arrays
        The kind of arrays of ``params``.
    """

    code: Compiled
    params: Params
    sizes: Mapping[str, int]
    given: Params
    arrays: Arrays
    _once: dict[Any, Any] = field(init=False)
    _widths: dict[str, int] | None = field(init=False)
    _slices: list[slice] = field(init=False)
    _weights: list[Array] = field(init=False)

    def __post_init__(self) -> None:
        """Lay the parts of the state out, where the sizes of all are known."""
        spaces, sizes = self.code.cell.spaces, self.sizes
        parts = self.code.cell.states
        widths = {part: sizes[spaces[part]] for part in parts if spaces[part] in sizes}
        slices, stop = [], 0
        for width in widths.values():
            slices.append(slice(stop, stop + width))
            stop += width
        known = widths if len(widths) == len(parts) else None
        derived = {"_once": {}, "_widths": known, "_slices": slices}
        self.__dict__.update(derived, _weights=list(self.params.values()))

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what was made once: it is kept by compiled functions, which stay here."""
        return {**self.__dict__, "_once": {}}

    def __repr__(self) -> str:
        """Return one line: cell, backend, sizes, and how many numbers are bound."""
        count = sum(int(np.prod(a.shape)) for a in self.params.values())
        sizes = ", ".join(f"{space}={n}" for space, n in self.sizes.items() if space != "one")
        name = f"{type(self).__name__}({self.cell.name!r}, {self.code.backend!r}, {sizes}"
        return f"{name}: {count} parameters)"

    @property
    def cell(self) -> Cell:
        """The declared cell."""
        return self.code.cell

    def with_state(self, state: Array = None, inputs: Params | None = None) -> Self:
        """Return this with all sizes known, from a state and inputs (..., units) where need be.

        Raises ``UsageError`` where they do not follow from these.
        """
        if self._widths is not None and all(s in self.sizes for s in self.cell.sizes):
            return self
        resolve.part_sizes(self.cell, self.sizes, state, inputs)
        sizes = resolve.completed(self.cell, self.sizes, state, inputs)
        return replace(self, sizes=sizes, params=Sized(self.params, sizes))

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        """Return what ``make`` makes of parameters and sizes, made when first asked for by key."""
        if key not in self._once:
            self._once[key] = make()
        return self._once[key]

    def part_sizes(self, state: Array = None) -> dict[str, int]:
        """Return the number of units of each state part, in flattening order.

        Raises ``UsageError`` where neither parameters nor state tell them.
        """
        if self._widths is not None:
            return dict(self._widths)
        return resolve.part_sizes(self.cell, self.sizes, state)

    def split(self, state: Array) -> dict[str, Array]:
        """Return the parts of a flat state (..., d) as views, by name."""
        return border.split(self.cell, self._kind(state)[0], state, self.part_sizes)

    def join(self, parts: Mapping[str, Array]) -> Array:
        """Return the flat state (..., d) of a mapping of parts."""
        return border.join(self.cell, self._kind(parts)[0], parts)

    def _kind(self, *values: Array) -> tuple[Arrays, list[Array]]:
        """Return the kind of arrays of a call with these values, and the weights of that kind."""
        arrays = self.code.target.arrays(self.cell, (self.given, *values))
        if arrays == self.arrays:
            return arrays, self._weights
        return arrays, list(border.weights(self.cell, arrays, self.given).values())

    def _call(self, state: Array, x: Array, t: Array, *vectors: Array) -> Call:
        """Check and convert the arguments of every routine; ``vectors`` count for the kind."""
        quick = self._quick(state, x, t) if self.code.target.floats else None
        if quick is not None:
            return quick
        cell, where = self.cell, border.place(self.cell)
        arrays, weights = self._kind(state, x, *vectors)
        parts = border.split(cell, arrays, state, self.part_sizes)
        widths = {p: a.shape[-1] for p, a in parts.items()}
        known = {**{cell.spaces[p]: n for p, n in widths.items()}, **self.sizes}
        inputs = border.inputs(cell, arrays, known, x)
        time = arrays.take(t, where, "the step number t")[..., None]
        timed = [*parts.values(), *inputs.values(), time]
        return Call(arrays, timed + weights, border.leading(cell, timed), widths)

    def _quick(self, state: Array, x: Array, t: Array) -> Call | None:
        """Return the arguments where all is plainly right, else ``None``, so that it is quick.

        That is: float64 NumPy arrays whose shapes fit, one flat state, one input at most.
        """
        names = self.cell.input_names
        if self._widths is None or len(names) > 1 or (not names and x is not None):
            return None
        given = [state, x] if names else [state]
        for array in given:
            if type(array) is not np.ndarray or array.dtype is not border.FLOAT or array.ndim == 0:
                return None
        lead = state.shape[:-1]
        if state.shape[-1] != self._slices[-1].stop:
            return None
        if names and x.shape != (*lead, self.sizes.get(self.cell.spaces[names[0]], -1)):
            return None
        small = isinstance(t, int) and -(2**53) <= t <= 2**53
        plain = small or isinstance(t, float) or (type(t) is np.ndarray and t.dtype.kind in "if")
        if not plain:
            return None
        time = np.asarray(t, dtype=border.FLOAT)[..., None]
        if time.shape[:-1] not in ((), lead):
            return None
        parts = [state[..., part] for part in self._slices]
        return Call(self.arrays, [*parts, *given[1:], time, *self._weights], lead, self._widths)

    def _directions(self, call: Call, vector: Array) -> tuple[list[Array], tuple[int, ...]]:
        """Return the parts of a direction or covector, and the leading axes with theirs."""
        parts = border.split(self.cell, call.arrays, vector, lambda _: call.widths)
        timed = len(call.widths) + len(self.cell.input_names) + 1
        lead = border.leading(self.cell, [*call.arguments[:timed], *parts.values()])
        return list(parts.values()), lead
