"""The expressions of a cell during some steps, in logarithms, from the states of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray
from sympy.logic.boolalg import Boolean

from gradflow.cells.cell import Cell
from gradflow.cells.language.functions import record_of
from gradflow.cells.language.nodes import choose
from gradflow.cells.language.program import Elementwise, Map, Product, Slope, Statement
from gradflow.cells.language.syntax import TIME, symbol
from gradflow.codegen.bound import Bound
from gradflow.codegen.logarithms.functions import FUNCTIONS
from gradflow.codegen.logarithms.numbers import (
    Floats,
    Logs,
    added,
    applied,
    either,
    logs,
    opposite,
    power,
    product,
)
from gradflow.codegen.lowering.calculus import primal
from gradflow.codegen.lowering.routine import Routine
from gradflow.codegen.lowering.slopes import kept
from gradflow.codegen.targets.numpy.maps import maps_function
from gradflow.codegen.targets.numpy.target import runtime
from gradflow.jacobians.slopes import slopes_of


@lru_cache(maxsize=64)
def program(cell: Cell) -> tuple[Statement, ...]:
    """Return the statements of a step, and what derivatives of calls that mix units need."""
    extra = slopes_of(cell).statements
    known = {s.target: s.expression for s in (*cell.program, *extra) if isinstance(s, Elementwise)}
    slopes = (
        Elementwise(s.target, kept(s.expression, known)) if isinstance(s, Elementwise) else s
        for s in extra
    )
    return (*cell.program, *slopes)


@lru_cache(maxsize=64)
def _filling(cell: Cell) -> Callable[..., dict[str, Floats]] | None:
    """A function of all arguments that gives masked and fixed maps by name, if there are any."""
    statements = tuple(primal(cell))
    return maps_function(
        cell, Routine(name="maps", summary="", statements=statements, spaces=dict(cell.spaces))
    )


def filled_maps(bound: Bound, states: Floats, inputs: Mapping[str, Floats]) -> Mapping[str, Floats]:
    """Return masked and fixed maps, and sums of maps, by name; states and inputs tell sizes."""
    function = _filling(bound.cell)
    if function is None:
        return {}
    rows = [*bound.split(states).values(), *(inputs[n] for n in bound.cell.input_names)]
    arguments = [*(a[0] for a in rows), None, *bound.params.values()]
    found: Mapping[str, Floats] = bound.once("filled maps", lambda: function(*arguments))
    return found


class Evaluation:
    """Values inside ``m`` steps of a cell, (m, units) each, made when first asked for.

    ``states`` (m, d) are those before the steps, ``inputs`` by name (m, units), ``t`` (m,) the
    numbers of the steps.
    """

    def __init__(
        self, bound: Bound, states: Floats, inputs: Mapping[str, Floats], t: NDArray[Any]
    ) -> None:
        cell = bound.cell
        parts = bound.split(states)
        given: dict[str, Any] = {**parts, **inputs}
        self._bound = bound
        self._filled = filled_maps(bound, states, inputs)
        given |= {n: bound.params[n] for n in bound.params if n not in cell.linear_maps}
        self._known: dict[sp.Basic, Logs] = {symbol(n): logs(v) for n, v in given.items()}
        self._known[TIME] = logs(np.asarray(t, dtype=np.float64)[:, None])
        self._meanings = {s.target: s for s in program(cell)}
        self._sizes = {**bound.with_state(states).sizes, "one": 1}
        self._sizes |= {cell.spaces[n]: np.shape(v)[-1] for n, v in inputs.items()}

    def matrix(self, linear_map: Map) -> Logs:
        """Return the entries (n, k) of a linear map; (m, n, k) where they move with the state."""
        if linear_map.slope is not None:
            return self._slope(linear_map.slope)
        if linear_map.stored:
            found = self._filled.get(linear_map.name)
            return logs(self._bound.params[linear_map.name] if found is None else found)
        shape = self._sizes[linear_map.out], self._sizes[linear_map.into]
        share = 1 / shape[1] if linear_map.kind == "mean" else 1.0
        return logs(np.full(shape, share))

    def _slope(self, slope: Slope) -> Logs:
        units = self._sizes[self._bound.cell.spaces[slope.argument.name]]
        diagonal = self.value(slope.diagonal)
        terms = [product([diagonal[..., :, None], logs(np.eye(units))])]
        for u, (e, reduction) in zip(slope.columns, slope.rows, strict=True):
            share = logs(1 / units if reduction.kind == "mean" else 1.0)
            row = self.value(e)[..., None, :]
            terms.append(product([self.value(u)[..., :, None], row, share]))
        wide = (*np.broadcast_shapes(*(t.sign.shape for t in terms))[:-2], units, units)
        return added([t.over(wide) for t in terms])

    def value(self, expression: sp.Basic) -> Logs:
        """Return an expression in the names of the cell."""
        if expression not in self._known:
            with np.errstate(all="ignore"):
                self._known[expression] = self._computed(expression)
        return self._known[expression]

    def _computed(self, e: sp.Basic) -> Logs:
        if e.is_Symbol:
            statement = self._meanings[e]
            if not isinstance(statement, Product):
                return self.value(statement.expression)
            operand = self.value(statement.operand)
            wide = operand.over((*operand.sign.shape[:-1], self._sizes[statement.linear_map.into]))
            return applied(self.matrix(statement.linear_map), wide)
        if e.is_Number or e.is_NumberSymbol:
            return logs([float(e)])
        if e.is_Add:
            return added([self.value(a) for a in e.args])
        if e.is_Mul:
            return product([self.value(a) for a in e.args])
        if isinstance(e, choose):
            return either(self._holds(e.args[0]), self.value(e.args[1]), self.value(e.args[2]))
        if e.is_Pow and e.exp.is_number:
            return power(self.value(e.base), float(e.exp))
        if e.is_Pow:
            log = FUNCTIONS["log"](self.value(e.base))
            return FUNCTIONS["exp"](product([self.value(e.exp), log]))
        return self._called(e)

    def _called(self, e: sp.Basic) -> Logs:
        record = record_of(e)
        assert record is not None, f"no function of the language: {e}"
        arguments = [self.value(a) for a in e.args]
        if record.name in FUNCTIONS:
            return FUNCTIONS[record.name](*arguments)
        if record.definition is not None and not record.numpy:
            return self.value(sp.sympify(record.definition(*e.args)))
        return logs(runtime()[record.code](*(a.value for a in arguments)))

    def _holds(self, condition: sp.Basic) -> Any:
        if isinstance(condition, sp.And | sp.Or):
            parts = [self._holds(a) for a in condition.args]
            combine = np.logical_and if isinstance(condition, sp.And) else np.logical_or
            held = parts[0]
            for part in parts[1:]:
                held = combine(held, part)
            return held
        if isinstance(condition, sp.Not):
            return np.logical_not(self._holds(condition.args[0]))
        if isinstance(condition, sp.core.relational.Relational):
            left, right = (self.value(a) for a in condition.args)
            difference = added([left, opposite(right)]).sign
            return _COMPARED[condition.rel_op](difference)
        assert isinstance(condition, Boolean)
        return bool(condition)


_COMPARED: Mapping[str, Any] = {
    "<": lambda d: d < 0,
    "<=": lambda d: d <= 0,
    ">": lambda d: d > 0,
    ">=": lambda d: d >= 0,
    "==": lambda d: d == 0,
    "!=": lambda d: d != 0,
}
