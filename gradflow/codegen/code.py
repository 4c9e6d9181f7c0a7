"""The compiled cell: its functions over flat states, with the shapes checked at the border."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from gradflow.cells.cell import Cell
from gradflow.codegen import border
from gradflow.codegen.lowering.calculus import (
    lower_jacobian,
    lower_jvp,
    lower_parameter_vjp,
    lower_step,
    lower_vjp,
)
from gradflow.codegen.lowering.routine import Routine
from gradflow.codegen.targets.target import Loops, Target
from gradflow.errors import UsageError
from gradflow.jacobians.labels import path_labels

Array = Any
Params = Mapping[str, Array]


@dataclass(frozen=True)
class Code:
    """Numeric code of a cell.

    A state is one array (..., d), the parts side by side in declared order; ``split`` and ``join``
    convert. ``params`` holds the arrays of ``cell.init``. ``x`` is one array (..., input), a
    mapping if the cell has several inputs, ``None`` if it has none. ``t`` counts steps from 1 and
    may be an array over the leading axes, so a whole trajectory is one call. Leading axes of
    state, input and ``t`` broadcast. Shapes that do not fit raise ``UsageError``.
    """

    cell: Cell
    target: Target

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the cell and the target; the code is compiled again on loading."""
        from gradflow.codegen import compile

        return partial(compile, digits=self.target.digits), (self.cell, self.target.name)

    @property
    def backend(self) -> str:
        """Name of the target."""
        return self.target.name

    @cached_property
    def _routines(self) -> dict[str, Routine]:
        cell = self.cell
        routines = [lower_step(cell), lower_jacobian(cell), lower_jvp(cell), lower_vjp(cell)]
        routines.append(lower_parameter_vjp(cell))
        if cell.input_names:
            routines.append(lower_jacobian(cell, cell.input_names, name="input_jacobian"))
        return {r.name: r for r in routines}

    def _text(self, routines: Sequence[Routine]) -> str:
        return "\n\n".join(self.target.text(self.cell, r) for r in routines)

    @cached_property
    def source(self) -> str:
        """The generated module, readable, with the shapes of all arguments."""
        return (
            f"{self.target.header(self.cell.name)}\n\n{self._text(list(self._routines.values()))}"
        )

    @cached_property
    def _functions(self) -> Mapping[str, Callable[..., Any]]:
        return self._build(list(self._routines.values()))

    @cached_property
    def loops(self) -> Loops:
        """The target's loops over time; see :mod:`gradflow.codegen.over_time`."""
        assert self.target.loops is not None
        return self.target.loops(self.cell)

    @cached_property
    def _path_functions(self) -> dict[str, Callable[..., Any]]:
        labels = path_labels(self.cell)
        routines = {}
        for i, label in enumerate(dict.fromkeys(labels.values())):
            kept = {key for key, its in labels.items() if its == label}
            routines[label] = lower_jacobian(self.cell, keep=kept, name=f"path_{i}")
        built = self._build(list(routines.values()))
        return {label: built[routine.name] for label, routine in routines.items()}

    def _build(self, routines: Sequence[Routine]) -> Mapping[str, Callable[..., Any]]:
        return self.target.build(self.cell, self._text(routines), routines)

    @cached_property
    def _layout(self) -> border.Layout:
        return border.layout(self.cell)

    def sizes(self, params: Params) -> dict[str, int]:
        """Return the number of units of each space; see :func:`gradflow.codegen.border.sizes`."""
        return border.sizes(self.cell, params)

    def all_sizes(self, params: Params, state: Array) -> dict[str, int]:
        """Return ``sizes`` and the number of units of spaces that the state alone shows."""
        parts = self.part_sizes(params, state).items()
        return self.sizes(params) | {self.cell.spaces[part]: n for part, n in parts}

    def part_sizes(self, params: Params, state: Array = None) -> dict[str, int]:
        """Return the number of units of each state part, in flattening order."""
        return border.part_sizes(self.cell, params, state)

    def split(self, params: Params, state: Array) -> dict[str, Array]:
        """Return the parts of a flat state (..., d) as views, by name."""
        cell = self.cell
        return border.split(
            cell, self.target.asarray, state, lambda s: border.part_sizes(cell, params, s)
        )

    def _directions(self, vector: Array, widths: dict[str, int]) -> dict[str, Array]:
        return border.split(self.cell, self.target.asarray, vector, lambda _: widths)

    def join(self, parts: Mapping[str, Array]) -> Array:
        """Return the flat state (..., d) of a mapping of parts."""
        return border.join(self.cell, self.target.asarray, parts)

    def _bind(
        self, params: Params, state: Array, x: Array, t: Array
    ) -> tuple[list[Array], tuple[int, ...], dict[str, int]]:
        """Return positional arguments, leading axes and part sizes."""
        quick = border.quick(self._layout, params, state, x, t) if self.target.floats else None
        if quick is not None:
            return quick
        cell, asarray = self.cell, self.target.asarray
        parts = self.split(params, state)
        widths = {p: a.shape[-1] for p, a in parts.items()}
        known = {cell.spaces[p]: n for p, n in widths.items()} | self.sizes(params)
        inputs = border.inputs(cell, asarray, known, x)
        time = border.numbers(cell, asarray, t, "the step number t")[..., None]
        arrays = [*parts.values(), *inputs.values(), time]
        lead = border.leading(cell, arrays)
        names = (*cell.parameters, *cell.constant_names)
        weights = [border.numbers(cell, asarray, params[n], n) for n in names]
        return arrays + weights, lead, widths

    def _leading(self, args: list[Array], directions: dict[str, Array]) -> tuple[int, ...]:
        timed = len(directions) + len(self.cell.input_names) + 1
        return border.leading(self.cell, [*args[:timed], *directions.values()])

    def _gather(self, parts: tuple[Array, ...], lead: tuple[int, ...], sizes: list[int]) -> Array:
        out = self.target.empty((*lead, sum(sizes)))
        start = 0
        for part, size in zip(parts, sizes, strict=True):
            out[..., start : start + size] = part
            start += size
        return out

    def step(self, params: Params, state: Array, x: Array = None, t: Array = 1) -> Array:
        """Return the new state (..., d)."""
        args, lead, sizes = self._bind(params, state, x, t)
        new = self._functions["step"](*args)[: len(sizes)]
        return self._gather(new, lead, list(sizes.values()))

    def outputs(
        self, params: Params, state: Array, x: Array = None, t: Array = 1
    ) -> dict[str, Array]:
        """Return the outputs that are not state, by name, each (..., units)."""
        args, lead, sizes = self._bind(params, state, x, t)
        values = self._functions["step"](*args)[len(sizes) :]
        named = zip(self.cell.output_names, values, strict=True)
        return {name: self._gather((v,), lead, [v.shape[-1]]) for name, v in named}

    def jvp(self, params: Params, state: Array, v: Array, x: Array = None, t: Array = 1) -> Array:
        """Return ``J_t v`` (..., d) for a change ``v`` (..., d) of the previous state."""
        return self._directional("jvp", params, state, v, x, t)

    def vjp(self, params: Params, state: Array, u: Array, x: Array = None, t: Array = 1) -> Array:
        """Return ``J_t^T u`` (..., d) for a covector ``u`` (..., d) on the new state."""
        return self._directional("vjp", params, state, u, x, t)

    def _directional(
        self, name: str, params: Params, state: Array, vector: Array, x: Array, t: Array
    ) -> Array:
        args, lead, sizes = self._bind(params, state, x, t)
        directions = self._directions(vector, sizes)
        result = self._functions[name](*args, *directions.values())
        lead = self._leading(args, directions)
        return self._gather(result, lead, list(sizes.values()))

    def jacobian(
        self,
        params: Params,
        state: Array,
        x: Array = None,
        t: Array = 1,
        out: Array | None = None,
    ) -> Array:
        """Return ``J_t`` (..., d, d), rows new state, columns previous state; filled into ``out``.

        With states (T, d), inputs (T, input) and ``t = 1..T`` this is every Jacobian at once.
        """
        args, lead, sizes = self._bind(params, state, x, t)
        width = sum(sizes.values())
        return self._functions["jacobian"](*args, self._out(out, (*lead, width, width)))

    def input_jacobian(
        self,
        params: Params,
        state: Array,
        x: Array,
        t: Array = 1,
        out: Array | None = None,
    ) -> Array:
        """Return ``d s_t / d x_t`` (..., d, input), inputs side by side in declared order."""
        if not self.cell.input_names:
            raise UsageError(f"cell {self.cell.name!r}: has no input to differentiate by.")
        args, lead, sizes = self._bind(params, state, x, t)
        inputs = args[len(sizes) :][: len(self.cell.input_names)]
        width = sum(a.shape[-1] for a in inputs)
        shape = (*lead, sum(sizes.values()), width)
        return self._functions["input_jacobian"](*args, self._out(out, shape))

    def path_jacobians(
        self, params: Params, state: Array, x: Array = None, t: Array = 1
    ) -> dict[str, Array]:
        """Return the Jacobian split by path: label to (..., d, d); their sum is ``jacobian``."""
        args, lead, sizes = self._bind(params, state, x, t)
        shape = (*lead, sum(sizes.values()), sum(sizes.values()))
        functions = self._path_functions
        return {k: f(*args, self._out(None, shape)) for k, f in functions.items()}

    def _out(self, out: Array | None, shape: tuple[int, ...]) -> Array:
        if out is None:
            return self.target.empty(shape)
        if tuple(np.shape(out)) != shape:
            raise UsageError(
                f"cell {self.cell.name!r}: out has shape {np.shape(out)}; it needs {shape}."
            )
        return out

    def parameter_vjp(
        self,
        params: Params,
        state: Array,
        u: Array,
        x: Array = None,
        t: Array = 1,
        keep: bool = False,
    ) -> dict[str, Array]:
        r"""Return ``u d+s_t/dtheta`` by parameter, earlier states held.

        Shapes are those of the parameters, summed over leading axes, so one call over a whole
        trajectory with ``u_k = dL/ds_k`` is the BPTT gradient. With ``keep`` the leading axes stay.
        """
        args, _, sizes = self._bind(params, state, x, t)
        directions = self._directions(u, sizes)
        lead = self._leading(args, directions)
        full = [np.broadcast_to(d, (*lead, d.shape[-1])) for d in directions.values()]
        found = self._functions["parameter_vjp"](*args, *full, keep)
        gradients = {}
        for name in self.cell.parameters:
            shape = (*(lead if keep else ()), *np.shape(params[name]))
            zero = self.target.asarray(np.zeros(shape))
            gradients[name] = found[name] + zero if name in found else zero
        return gradients

    def to_torch(
        self, params: Mapping[str, Any] | None = None, *, dtype: Any = None, **choices: Any
    ) -> Any:
        """Return the cell as a trainable ``torch.nn.Module``; ``choices`` are those of ``init``.

        Details: :func:`gradflow.codegen.frameworks.torch.torch_module`.
        """
        from gradflow.codegen.frameworks.torch import torch_module

        return torch_module(self.cell, params, dtype, choices)

    def to_jax(self) -> Callable[..., Array]:
        """Return the run as a pure JAX function ``run(params, x, state) -> states``.

        Details: :func:`gradflow.codegen.frameworks.jax.jax_function`.
        """
        from gradflow.codegen.frameworks.jax import jax_function

        return jax_function(self.cell)
