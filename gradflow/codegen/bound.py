"""Compiled code with its parameters bound: checked, converted and measured once, then only used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from gradflow.cells.cell import Cell
from gradflow.codegen import border
from gradflow.codegen.targets.arrays import Arrays
from gradflow.codegen.targets.target import Compiled
from gradflow.errors import UsageError

Array = Any
Params = Mapping[str, Array]


class Call(NamedTuple):
    """The checked arguments of one call: ``arguments`` by position, leading axes, part sizes."""

    arrays: Arrays
    arguments: list[Array]
    lead: tuple[int, ...]
    widths: Mapping[str, int]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Bound:
    """Code of a cell with its parameters, which every method takes as checked.

    States, inputs and step numbers are as in :class:`gradflow.codegen.Code`. Contiguous float64 is
    not copied, so leave such arrays as they are while they are bound.

    Parameters
    ----------
    code
        The compiled cell.
    params
        Parameters and constants in declared order, as arrays of the target; scalars (1,).
    sizes
        Number of units of each space that the parameters show, or the state given with them.
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

    def __repr__(self) -> str:
        """Return one line: cell, backend, sizes, and how many numbers are bound."""
        count = sum(int(np.prod(a.shape)) for a in self.params.values())
        sizes = ", ".join(f"{space}={n}" for space, n in self.sizes.items() if space != "one")
        return f"Bound({self.cell.name!r}, {self.code.backend!r}, {sizes}: {count} parameters)"

    @property
    def cell(self) -> Cell:
        """The declared cell."""
        return self.code.cell

    def with_state(self, state: Array) -> Bound:
        """Return this with the sizes of all state parts known, from a state where need be.

        Raises ``UsageError`` where they do not follow from a flat state.
        """
        if self._widths is not None:
            return self
        spaces = self.cell.spaces
        shown = {spaces[part]: n for part, n in self.part_sizes(state).items()}
        return replace(self, sizes={**shown, **self.sizes})

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
        return border.part_sizes(self.cell, self.sizes, state)

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
        plain = isinstance(t, int | float) or (type(t) is np.ndarray and t.dtype.kind in "if")
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

    def step(self, state: Array, x: Array = None, t: Array = 1) -> Array:
        """Return the new state (..., d)."""
        arrays, arguments, lead, widths = self._call(state, x, t)
        new = arrays.call(self.code.functions["step"], arguments)[: len(widths)]
        return arrays.flat(new, list(widths.values()), lead)

    def outputs(self, state: Array, x: Array = None, t: Array = 1) -> dict[str, Array]:
        """Return the outputs that are not state, by name, each (..., units)."""
        arrays, arguments, lead, widths = self._call(state, x, t)
        values = arrays.call(self.code.functions["step"], arguments)[len(widths) :]
        named = zip(self.cell.output_names, values, strict=True)
        return {name: arrays.flat([v], [v.shape[-1]], lead) for name, v in named}

    def jvp(self, state: Array, v: Array, x: Array = None, t: Array = 1) -> Array:
        """Return ``J_t v`` (..., d) for a change ``v`` (..., d) of the previous state."""
        return self._directional("jvp", state, v, x, t)

    def vjp(self, state: Array, u: Array, x: Array = None, t: Array = 1) -> Array:
        """Return ``J_t^T u`` (..., d) for a covector ``u`` (..., d) on the new state."""
        return self._directional("vjp", state, u, x, t)

    def _directional(self, name: str, state: Array, vector: Array, x: Array, t: Array) -> Array:
        call = self._call(state, x, t, vector)
        directions, lead = self._directions(call, vector)
        found = call.arrays.call(self.code.functions[name], [*call.arguments, *directions])
        return call.arrays.flat(found, list(call.widths.values()), lead)

    def jacobian(
        self, state: Array, x: Array = None, t: Array = 1, out: Array | None = None
    ) -> Array:
        """Return ``J_t`` (..., d, d), rows new state, columns previous state; filled into ``out``.

        With states (T, d), inputs (T, input) and ``t = 1..T`` this is every Jacobian at once.
        """
        call = self._call(state, x, t)
        return self._matrices(self.code.functions["jacobian"], call, out)

    def input_jacobian(
        self, state: Array, x: Array, t: Array = 1, out: Array | None = None
    ) -> Array:
        """Return ``d s_t / d x_t`` (..., d, input), inputs side by side in declared order."""
        call = self._call(state, x, t)
        inputs = call.arguments[len(call.widths) :][: len(self.cell.input_names)]
        width = sum(a.shape[-1] for a in inputs)
        return self._matrices(self.code.functions["input_jacobian"], call, out, width)

    def path_jacobians(self, state: Array, x: Array = None, t: Array = 1) -> dict[str, Array]:
        """Return the Jacobian split by path: label to (..., d, d); their sum is ``jacobian``."""
        call = self._call(state, x, t)
        return {path: self._matrices(f, call) for path, f in self.code.path_functions.items()}

    def _matrices(
        self,
        function: Callable[..., Any],
        call: Call,
        out: Array | None = None,
        width: int | None = None,
    ) -> Array:
        height = sum(call.widths.values())
        shape = (*call.lead, height, height if width is None else width)
        where = border.place(self.cell)
        return call.arrays.matrices(function, call.arguments, shape, out, where)

    def parameter_vjp(
        self, state: Array, u: Array, x: Array = None, t: Array = 1, keep: bool = False
    ) -> dict[str, Array]:
        r"""Return ``u d+s_t/dtheta`` by parameter, earlier states held.

        Shapes are those of the parameters, summed over leading axes, so one call over a whole
        trajectory with ``u_k = dL/ds_k`` is the BPTT gradient. With ``keep`` the leading axes stay.
        """
        call = self._call(state, x, t, u)
        arrays = call.arrays
        directions, lead = self._directions(call, u)
        full = [arrays.broadcast_to(d, (*lead, d.shape[-1])) for d in directions]
        found = arrays.call(self.code.functions["parameter_vjp"], [*call.arguments, *full, keep])
        before = lead if keep else ()
        return {
            name: arrays.whole(found.get(name), (*before, *self.params[name].shape))
            for name in self.cell.parameters
        }

    def pullback(self, states: Array, u: Array, x: Array = None) -> Array:
        r"""Return :math:`dL/ds_0, \dots, dL/ds_T`, (..., T + 1, d), by backpropagation.

        ``states`` (..., T, d) are those before each step and ``u`` (..., T, d) the gradients by
        each new state with the others held. ``parameter_vjp`` of rows 1 to T is the gradient by the
        parameters. Raises ``UsageError`` where the backend has no such function: 'array-api' has.
        """
        pull = self.code.target.pullback
        if pull is None:
            raise UsageError(
                f"backend {self.code.backend!r} has no pullback with a gradient at every step; use "
                "'array-api', or gf.run and its gradient_decay."
            )
        shape = tuple(np.shape(states))
        if len(shape) < 2:
            raise UsageError(
                f"{border.place(self.cell)}: the states have shape {shape}; pullback needs "
                "(..., T, d), one row a step."
            )
        call = self._call(states, x, np.arange(1, shape[-2] + 1), u)
        directions, lead = self._directions(call, u)
        return pull(self.cell, call.arrays, call.arguments, directions, lead)


def bind(code: Compiled, params: Params, state: Array = None) -> Bound:
    """Return ``code`` with its parameters bound; sizes they leave open are those of ``state``.

    Raises ``UsageError`` for a missing, unknown or wrongly shaped parameter.
    """
    cell, floats = code.cell, code.target.floats
    arrays = code.target.arrays(cell, (params,))
    plain = border.plain(code.layout, params) if floats else None
    if plain is None:
        taken = border.weights(cell, arrays, params)
        if floats:
            taken = {name: np.asarray(array, order="C") for name, array in taken.items()}
        plain = taken, border.sizes(cell, taken)
    bound = Bound(code=code, params=plain[0], sizes=plain[1], given=params, arrays=arrays)
    return bound if state is None else bound.with_state(state)
