"""Compiled code with its parameters bound: checked, converted and measured once, then only used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from gradflow.cells.sized import sized_as, told_sizes
from gradflow.codegen import border
from gradflow.codegen.arguments import Arguments, Call
from gradflow.codegen.targets.target import Compiled, Loops
from gradflow.errors import UsageError
from gradflow.given import flag, mapping

Array = Any
Params = Mapping[str, Array]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Bound(Arguments):
    """Code of a cell with its parameters, which every method takes as checked.

    States, inputs and step numbers are as in :class:`gradflow.codegen.Code`. Contiguous float64 is
    not copied, so leave such arrays as they are while they are bound.

    Its fields are those of :class:`gradflow.codegen.arguments.Arguments`; `gf.compile(cell).bind`
    makes one.
    """

    @property
    def loops(self) -> Loops:
        """The target's loops over time."""
        return self.code.loops

    def at(self, t: int) -> Self:
        """Return this: the parameters are those of every step ``t``."""
        return self

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

    def values(
        self, state: Array, x: Array = None, t: Array = 1, of: Mapping[str, Any] | None = None
    ) -> dict[str, Array]:
        """Return named values inside a step, each (..., units).

        All that the program names, or the SymPy expressions ``of`` by name.
        """
        cell = self.cell
        if of is not None:
            mapping(of, "values: of", "SymPy expressions")
        wanted = {s.target.name: s.target for s in cell.program} if of is None else of
        arrays, arguments, lead, _ = self._call(state, x, t)
        found = arrays.call(self.code.function_of(wanted.values()), arguments)
        named = zip(wanted, found, strict=True)
        return {name: arrays.flat([v], [v.shape[-1]], lead) for name, v in named}

    def jvp(self, state: Array, v: Array, x: Array = None, t: Array = 1) -> Array:
        """Return ``J_t v`` (..., d) for a change ``v`` (..., d) of the previous state."""
        return self._directional("jvp", state, v, x, t)

    def vjp(self, state: Array, u: Array, x: Array = None, t: Array = 1) -> Array:
        """Return ``J_t^T u`` (..., d) for a covector ``u`` (..., d) on the new state."""
        return self._directional("vjp", state, u, x, t)

    def full_vjp(self, state: Array, u: Array, x: Array, t: Array = 1) -> tuple[Array, Array]:
        """Return ``J_t^T u`` (..., d) and ``(ds_t/dx_t)^T u`` (..., input), inputs side by side."""
        call = self._call(state, x, t, u)
        directions, lead = self._directions(call, u)
        found = call.arrays.call(self.code.full_vjp, [*call.arguments, *directions])
        inputs = call.arguments[len(call.widths) :][: len(self.cell.input_names)]
        own, widths = len(call.widths), [a.shape[-1] for a in inputs]
        return (
            call.arrays.flat(found[:own], list(call.widths.values()), lead),
            call.arrays.flat(found[own:], widths, lead),
        )

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
        keep = flag(keep, "parameter_vjp: keep")
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
        states = self._kind(states, u, x)[0].take(states, border.place(self.cell), "states")
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
    taken, sizes = sized_as(params, plain[0]), {**told_sizes(params), **plain[1]}
    bound = Bound(code=code, params=taken, sizes=sizes, given=params, arrays=arrays)
    return bound if state is None else bound.with_state(state)
