"""The compiled cell: its source, and its functions over flat states."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import sympy as sp

from gradflow.cells.cell import Cell
from gradflow.cells.language.syntax import TIME, symbol
from gradflow.codegen import border
from gradflow.codegen.backends import BACKENDS
from gradflow.codegen.bound import Bound, bind
from gradflow.codegen.lowering.calculus import (
    lower_full_vjp,
    lower_jacobian,
    lower_jvp,
    lower_parameter_vjp,
    lower_step,
    lower_values,
    lower_vjp,
)
from gradflow.codegen.lowering.routine import Routine
from gradflow.codegen.targets.target import Functions, Loops, Target
from gradflow.codegen.varying import Varying, bind_over_time
from gradflow.errors import UsageError, shown
from gradflow.given import several
from gradflow.jacobians.labels import path_labels

Array = Any
Params = Mapping[str, Array]


@dataclass(frozen=True, repr=False)
class Code:
    """Numeric code of a cell.

    A state is one array (..., d), the parts side by side in declared order; ``split`` and ``join``
    convert. ``params`` holds the arrays of ``cell.init``; a number will do for a scalar. ``x`` is
    one array (..., input), a mapping if the cell has several inputs, ``None`` if it has none. ``t``
    counts steps from 1 and may be an array over the leading axes, so a whole trajectory is one
    call. Leading axes of state, input and ``t`` broadcast. Arrays that do not fit raise
    ``UsageError``.

    Every numeric method binds the parameters and calls the method of that name of
    :class:`gradflow.codegen.bound.Bound`; for many calls bind them once.

    >>> import gradflow as gf
    >>> code = gf.compile(gf.cells.scalar, "numpy")
    >>> bound = code.bind({"w": 0.5})
    >>> bound.step([8.0]), code.step({"w": 0.5}, [8.0])
    (array([4.]), array([4.]))
    """

    cell: Cell
    target: Target

    def __repr__(self) -> str:
        """Return one line: cell, backend, number of parameters."""
        count = len(self.cell.parameters)
        return f"Code({self.cell.name!r}, {self.backend!r}: {count} parameters)"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the cell and the target's name; the code is compiled again on loading."""
        return code_of, (self.cell, self.target.name, self.target.digits)

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
    def text(self) -> str:
        """The functions of one step as the target prints them, without the source's header."""
        return self._text(list(self._routines.values()))

    @cached_property
    def source(self) -> str:
        """The generated module, readable, with the shapes of all arguments."""
        return f"{self.target.header(self.cell.name)}\n\n{self.text}"

    @cached_property
    def functions(self) -> Functions:
        """The functions of one step by name, over arrays in the order the source tells."""
        routines = list(self._routines.values())
        return self.target.build(self.cell, self.text, routines)

    @cached_property
    def loops(self) -> Loops:
        """The target's loops over time; see :mod:`gradflow.codegen.over_time`."""
        assert self.target.loops is not None
        return self.target.loops(self.cell)

    @cached_property
    def path_functions(self) -> Functions:
        """The Jacobian's function of each path, by label."""
        labels = path_labels(self.cell)
        routines = {}
        for i, label in enumerate(dict.fromkeys(labels.values())):
            kept = {key for key, its in labels.items() if its == label}
            routines[label] = lower_jacobian(self.cell, keep=kept, name=f"path_{i}")
        chosen = list(routines.values())
        built = self.target.build(self.cell, self._text(chosen), chosen)
        return {label: built[routine.name] for label, routine in routines.items()}

    @cached_property
    def full_vjp(self) -> Callable[..., Any]:
        """The function that gives the gradients by the old state and by the inputs together."""
        routine = lower_full_vjp(self.cell)
        return self.target.build(self.cell, self._text([routine]), [routine])[routine.name]

    def function_of(self, expressions: Iterable[sp.Expr]) -> Callable[..., Any]:
        """Return a function of one step that gives scalar expressions in the cell's names."""
        given = several(expressions, "of", "SymPy expressions")
        known = {symbol(name) for name in (*self.cell.spaces, TIME.name)}
        for item in given:
            if not isinstance(item, sp.Expr) or not item.free_symbols <= known:
                raise UsageError(
                    f"cell {self.cell.name!r}: of holds {shown(item)} among the expressions; it "
                    "must be a SymPy expression in the names of the cell."
                )
        routine = lower_values(self.cell, given)
        return self.target.build(self.cell, self._text([routine]), [routine])[routine.name]

    @cached_property
    def layout(self) -> border.Layout:
        """Each parameter and constant, and the spaces of its axes."""
        return border.layout(self.cell)

    def bind(self, params: Params, state: Array = None) -> Bound:
        """Return this code with its parameters checked, converted and measured once.

        Sizes that the parameters leave open are those of ``state``, flat or by part.

        Raises
        ------
        UsageError
            If a parameter is missing, unknown, wrongly shaped, or no array of real numbers.
        """
        return bind(self, params, state)

    def bind_over_time(self, params: Params, state: Array = None) -> Bound | Varying:
        """Return this code with its parameters bound, of which some have a row for every step.

        See :func:`gradflow.codegen.varying.bind_over_time`.
        """
        return bind_over_time(self, params, state)

    def sizes(self, params: Params) -> dict[str, int]:
        """Return the number of units of each space, after checking every array's shape."""
        return dict(self.bind(params).sizes)

    def part_sizes(self, params: Params, state: Array = None) -> dict[str, int]:
        """Return the number of units of each state part, in flattening order."""
        return self.bind(params).part_sizes(state)

    def split(self, params: Params, state: Array) -> dict[str, Array]:
        """Return the parts of a flat state (..., d) as views, by name."""
        return self.bind(params).split(state)

    def join(self, parts: Mapping[str, Array]) -> Array:
        """Return the flat state (..., d) of a mapping of parts."""
        return border.join(self.cell, self.target.arrays(self.cell, (parts,)), parts)

    def step(self, params: Params, state: Array, x: Array = None, t: Array = 1) -> Array:
        """Return the new state (..., d)."""
        return self.bind(params).step(state, x, t)

    def outputs(
        self, params: Params, state: Array, x: Array = None, t: Array = 1
    ) -> dict[str, Array]:
        """Return the outputs that are not state, by name, each (..., units)."""
        return self.bind(params).outputs(state, x, t)

    def values(
        self,
        params: Params,
        state: Array,
        x: Array = None,
        t: Array = 1,
        of: Mapping[str, Any] | None = None,
    ) -> dict[str, Array]:
        """Return named values of a step; see :meth:`gradflow.codegen.bound.Bound.values`."""
        return self.bind(params).values(state, x, t, of)

    def jvp(self, params: Params, state: Array, v: Array, x: Array = None, t: Array = 1) -> Array:
        """Return ``J_t v`` (..., d) for a change ``v`` (..., d) of the previous state."""
        return self.bind(params).jvp(state, v, x, t)

    def vjp(self, params: Params, state: Array, u: Array, x: Array = None, t: Array = 1) -> Array:
        """Return ``J_t^T u`` (..., d) for a covector ``u`` (..., d) on the new state."""
        return self.bind(params).vjp(state, u, x, t)

    def jacobian(
        self,
        params: Params,
        state: Array,
        x: Array = None,
        t: Array = 1,
        out: Array | None = None,
    ) -> Array:
        """Return ``J_t`` (..., d, d); see :meth:`gradflow.codegen.bound.Bound.jacobian`."""
        return self.bind(params).jacobian(state, x, t, out)

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
        return self.bind(params).input_jacobian(state, x, t, out)

    def path_jacobians(
        self, params: Params, state: Array, x: Array = None, t: Array = 1
    ) -> dict[str, Array]:
        """Return the Jacobian split by path: label to (..., d, d); their sum is ``jacobian``."""
        return self.bind(params).path_jacobians(state, x, t)

    def parameter_vjp(
        self,
        params: Params,
        state: Array,
        u: Array,
        x: Array = None,
        t: Array = 1,
        keep: bool = False,
    ) -> dict[str, Array]:
        """Return ``u d+s_t/dtheta``; see :meth:`gradflow.codegen.bound.Bound.parameter_vjp`."""
        return self.bind(params).parameter_vjp(state, u, x, t, keep)

    def pullback(self, params: Params, states: Array, u: Array, x: Array = None) -> Array:
        """Return ``dL/ds_0 .. dL/ds_T``; see :meth:`gradflow.codegen.bound.Bound.pullback`."""
        return self.bind(params).pullback(states, u, x)


@lru_cache(maxsize=64)
def code_of(cell: Cell, backend: str, digits: int) -> Code:
    """Return the code of a cell in a backend of the registry, the same for the same arguments."""
    return Code(cell, BACKENDS.get(backend).target(digits))
