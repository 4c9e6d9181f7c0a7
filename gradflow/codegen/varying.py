"""Compiled code whose parameters change from step to step: hypernetworks, fresh weights, dropout.

A parameter with one axis more than the cell declares has its value at step ``t`` in row ``t - 1``.
Generated code knows weights that stay, so every step has parameters bound of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from gradflow.cells.cell import Cell
from gradflow.codegen import border
from gradflow.codegen.bound import Bound, bind
from gradflow.codegen.stepwise import loops
from gradflow.codegen.targets.arrays import Arrays
from gradflow.codegen.targets.target import Compiled, Loops
from gradflow.errors import UsageError

Array = Any
Params = Mapping[str, Array]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Varying:
    """Code of a cell with parameters of which some change from step to step.

    Its methods are those of :class:`gradflow.codegen.bound.Bound`. Where ``t`` is an array (m,) of
    step numbers, states and inputs have an axis of them: (..., m, d).

    Parameters
    ----------
    first
        The code with the parameters of step 1.
    moving
        Parameter to its values at all steps, (T, *shape).
    """

    first: Bound
    moving: Params

    def __repr__(self) -> str:
        """Return one line: what is bound, and what changes."""
        return f"Varying({self.first!r}, {', '.join(self.moving)} over {self.steps} steps)"

    @property
    def steps(self) -> int:
        """For how many steps there are parameters."""
        return min(len(array) for array in self.moving.values())

    @property
    def code(self) -> Compiled:
        """The compiled cell."""
        return self.first.code

    @property
    def cell(self) -> Cell:
        """The declared cell."""
        return self.first.cell

    @property
    def params(self) -> Params:
        """Parameters and constants; those that change are (T, *shape)."""
        return {**self.first.params, **self.moving}

    @property
    def sizes(self) -> Mapping[str, int]:
        """Number of units of each space."""
        return self.first.sizes

    @property
    def arrays(self) -> Arrays:
        """The kind of arrays of the parameters."""
        return self.first.arrays

    @property
    def loops(self) -> Loops:
        """Loops over time that bind the parameters of each step."""
        return loops(self.cell, self.at)

    def at(self, t: int) -> Bound:
        """Return the code with the parameters of step ``t``, counted from 1."""
        if not 1 <= t <= self.steps:
            raise UsageError(
                f"{border.place(self.cell)}: step {t} has no parameters; there are some for the "
                f"steps 1 to {self.steps}."
            )
        now = {name: array[t - 1] for name, array in self.moving.items()}
        first = self.first
        return Bound(
            code=first.code,
            params={**first.params, **now},
            sizes=first.sizes,
            given={**first.given, **now},
            arrays=first.arrays,
        )

    def with_state(self, state: Array = None, x: Array = None) -> Self:
        """Return this with the sizes of all state parts known."""
        return replace(self, first=self.first.with_state(state, x))

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        """Return what ``make`` makes; nothing is kept, since parameters change."""
        return make()

    def part_sizes(self, state: Array = None) -> dict[str, int]:
        """Return the number of units of each state part, in flattening order."""
        return self.first.part_sizes(state)

    def split(self, state: Array) -> dict[str, Array]:
        """Return the parts of a flat state (..., d) as views, by name."""
        return self.first.split(state)

    def join(self, parts: Mapping[str, Array]) -> Array:
        """Return the flat state (..., d) of a mapping of parts."""
        return self.first.join(parts)

    def step(self, state: Array, x: Array = None, t: Array = 1) -> Array:
        """Return the new state (..., d)."""
        return self._joined(self._each(Bound.step, t, x, state), t, -2)

    def values(
        self, state: Array, x: Array = None, t: Array = 1, of: Mapping[str, Any] | None = None
    ) -> dict[str, Array]:
        """Return named values inside a step, each (..., units)."""

        def one(bound: Bound, s: Array, x: Array, t: int) -> dict[str, Array]:
            return bound.values(s, x, t, of)

        return self._by_name(self._each(one, t, x, state), t, -2)

    def outputs(self, state: Array, x: Array = None, t: Array = 1) -> dict[str, Array]:
        """Return the outputs that are not state, by name, each (..., units)."""
        return self._by_name(self._each(Bound.outputs, t, x, state), t, -2)

    def jvp(self, state: Array, v: Array, x: Array = None, t: Array = 1) -> Array:
        """Return ``J_t v`` (..., d) for a change ``v`` (..., d) of the previous state."""
        return self._joined(self._each(Bound.jvp, t, x, state, v), t, -2)

    def vjp(self, state: Array, u: Array, x: Array = None, t: Array = 1) -> Array:
        """Return ``J_t^T u`` (..., d) for a covector ``u`` (..., d) on the new state."""
        return self._joined(self._each(Bound.vjp, t, x, state, u), t, -2)

    def full_vjp(self, state: Array, u: Array, x: Array, t: Array = 1) -> tuple[Array, Array]:
        """Return ``J_t^T u`` (..., d) and ``(ds_t/dx_t)^T u`` (..., input), inputs side by side."""
        found = self._each(Bound.full_vjp, t, x, state, u)
        own, inputs = (self._joined([one[k] for one in found], t, -2) for k in (0, 1))
        return own, inputs

    def jacobian(
        self, state: Array, x: Array = None, t: Array = 1, out: Array | None = None
    ) -> Array:
        """Return ``J_t`` (..., d, d), rows new state, columns old; filled into ``out``."""
        found = self._joined(self._each(Bound.jacobian, t, x, state), t, -3)
        if out is None:
            return found
        out[...] = found
        return out

    def input_jacobian(self, state: Array, x: Array, t: Array = 1) -> Array:
        """Return ``d s_t / d x_t`` (..., d, input), inputs side by side in declared order."""
        return self._joined(self._each(Bound.input_jacobian, t, x, state), t, -3)

    def path_jacobians(self, state: Array, x: Array = None, t: Array = 1) -> dict[str, Array]:
        """Return the Jacobian split by path: label to (..., d, d); their sum is ``jacobian``."""
        return self._by_name(self._each(Bound.path_jacobians, t, x, state), t, -3)

    def parameter_vjp(
        self, state: Array, u: Array, x: Array = None, t: Array = 1, keep: bool = False
    ) -> dict[str, Array]:
        r"""Return ``u d+s_t/dtheta`` by parameter, earlier states held, summed over leading axes.

        That of a parameter which changes is (T, *shape), zero at steps that are not among ``t``.
        With ``keep`` the leading axes stay, and with them what belongs to each step.
        """

        def one(bound: Bound, s: Array, u: Array, x: Array, t: int) -> dict[str, Array]:
            return bound.parameter_vjp(s, u, x, t, keep)

        found = self._each(one, t, x, state, u)
        if keep:
            ranks = {n: -1 - self.first.params[n].ndim for n in self.cell.parameters}
            return {n: self._joined([f[n] for f in found], t, rank) for n, rank in ranks.items()}
        steps = np.atleast_1d(np.asarray(t)).tolist()
        result = {}
        for name in self.cell.parameters:
            terms = [f[name] for f in found]
            if name not in self.moving:
                result[name] = sum(terms[1:], start=terms[0])
                continue
            shape = tuple(terms[0].shape)
            rows = [self._kind(terms).whole(None, shape)] * len(self.moving[name])
            for k, term in zip(steps, terms, strict=True):
                rows[int(k) - 1] = rows[int(k) - 1] + term
            result[name] = self._kind(rows).stack(rows, 0)
        return result

    def pullback(self, states: Array, u: Array, x: Array = None) -> Array:
        r"""Return :math:`dL/ds_0, \dots, dL/ds_T`, (..., T + 1, d), by backpropagation.

        ``states`` (..., T, d) are those before each step, ``u`` (..., T, d) the direct gradients.
        """
        rows, count = [], np.shape(u)[-2]
        arriving: Array = 0.0
        for k in range(count - 1, -1, -1):
            arriving = arriving + u[..., k, :]
            rows.append(arriving)
            now = _row(x, k)
            arriving = self.at(k + 1).vjp(states[..., k, :], arriving, now, k + 1)
        rows.append(arriving)
        return self._kind(rows).stack(rows[::-1], -2)

    def _each(self, call: Callable[..., Any], t: Array, x: Array, *states: Array) -> list[Any]:
        """Return what ``call`` gives at every step of ``t``."""
        numbers = np.asarray(t)
        if numbers.ndim == 0:
            return [call(self.at(int(numbers)), *states, x, int(numbers))]
        if numbers.ndim > 1 or any(np.shape(s)[-2:-1] != numbers.shape for s in states):
            raise UsageError(
                f"{border.place(self.cell)}: steps {numbers.shape} and states "
                f"{', '.join(str(np.shape(s)) for s in states)}; with parameters that change, give "
                "steps (m,) and states (..., m, d)."
            )
        return [
            call(self.at(int(n)), *(s[..., k, :] for s in states), _row(x, k), int(n))
            for k, n in enumerate(numbers)
        ]

    def _kind(self, values: list[Array]) -> Arrays:
        return self.code.target.arrays(self.cell, (self.first.given, *values))

    def _joined(self, values: list[Array], t: Array, axis: int) -> Array:
        """Return what belongs to each step as one array; without an axis of steps for a number."""
        if np.ndim(t) == 0:
            return values[0]
        return self._kind(values).stack(values, axis)

    def _by_name(self, values: list[dict[str, Array]], t: Array, axis: int) -> dict[str, Array]:
        return {name: self._joined([v[name] for v in values], t, axis) for name in values[0]}


def _row(x: Array, k: int) -> Array:
    if x is None:
        return None
    if isinstance(x, Mapping):
        now = {name: value[..., k, :] for name, value in x.items()}
        return next(iter(now.values())) if len(now) == 1 else now
    return x[..., k, :]


def bind_over_time(code: Compiled, params: Params, state: Array = None) -> Bound | Varying:
    """Return ``code`` with its parameters bound, where some may have a row for every step.

    A parameter or constant with one axis more than the cell declares is one that changes: a map
    (T, out, in), a vector (T, units), a scalar (T, 1). All that change have the same T.

    Raises
    ------
    UsageError
        As :func:`bind`; for two axes too many, and for parameters of different T.
    """
    if not isinstance(params, Mapping):
        return bind(code, params, state)
    cell, where = code.cell, border.place(code.cell)
    names = (*cell.parameters, *cell.constant_names)
    ranks = {n: _rank(params[n]) - len(cell.shape_of(n)) for n in names if n in params}
    for name, more in ranks.items():
        if more > 1:
            raise UsageError(
                f"{where}: {name} has {_rank(params[name])} axes; it needs ("
                f"{', '.join(cell.shape_of(name))}), or an axis of steps before. Parameters have "
                "no batch axes: run the sequences of each by themselves."
            )
    arrays = code.target.arrays(cell, (params,))
    moving = {n: arrays.take(params[n], where, n) for n, more in ranks.items() if more == 1}
    if code.target.floats:
        moving = {n: np.asarray(array, order="C") for n, array in moving.items()}
    lengths = {n: len(array) for n, array in moving.items()}
    if not moving:
        return bind(code, params, state)
    if len(set(lengths.values())) > 1 or 0 in lengths.values():
        found = ", ".join(f"{n}: {length}" for n, length in lengths.items())
        raise UsageError(
            f"{where}: parameters have rows for different numbers of steps ({found}); give all "
            "that change one row for each step."
        )
    first = bind(code, {**params, **{n: array[0] for n, array in moving.items()}}, state)
    return Varying(first=first, moving=moving)


def _rank(value: Array) -> int:
    try:
        return int(getattr(value, "ndim", None) or np.ndim(value))
    except (TypeError, ValueError):
        return 0  # no array at all, which the check of parameters says
