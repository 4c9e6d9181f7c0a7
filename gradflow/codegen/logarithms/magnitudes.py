"""Between which magnitudes the values inside the steps of a run lie, from those of its arrays.

Of every value ``v`` of the program two numbers are told: no entry that is not zero is below
``exp(least)``, none is above ``exp(most)``. Those of weights, states and inputs are measured, all
others follow, so that thousands of steps cost what one does. A sum of floats is a multiple of the
last place of its smallest term, so that even where terms cancel it is zero or no smaller than that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from gradflow.cells.cell import Cell
from gradflow.cells.language.functions import record_of
from gradflow.cells.language.nodes import choose
from gradflow.cells.language.program import Map, Product
from gradflow.cells.language.syntax import TIME, symbol
from gradflow.codegen.bound import Bound
from gradflow.codegen.logarithms.evaluation import filled_maps, program
from gradflow.codegen.logarithms.numbers import Floats

# Beyond it in size float64 may have lost a value, and nothing is told.
_RANGE = 650.0
# The last place of a float against the float, and that of a product of two.
_LAST, _LAST_OF_TWO = 53 * math.log(2), 106 * math.log(2)
# Rounding, of which a value goes through thousands at most.
_ROUNDED = 1e-6


class Magnitude(NamedTuple):
    """Logs of the least entry that is not zero and of the largest; ``inf, -inf`` for zeros."""

    least: float
    most: float


Rule = Callable[..., Magnitude]


class _Unknown(Exception):
    """A value of which nothing is told."""


def of_array(array: Floats) -> Magnitude:
    """Return the magnitude of an array's entries."""
    size = np.abs(array)
    least, most = float(size.min(initial=np.inf)), float(size.max(initial=0.0))
    if least == 0.0:
        least = float(size[size > 0].min(initial=np.inf))
    return Magnitude(_log(least), _log(most))


def magnitudes(
    bound: Bound,
    states: Floats,
    inputs: Mapping[str, Floats],
    t: NDArray[Any],
    of: tuple[sp.Expr, ...],
) -> dict[Any, Magnitude] | None:
    """Return the magnitudes of expressions ``of`` and of maps over steps, if they are known.

    ``states`` (m, d), ``inputs`` (m, units) by name, ``t`` (m,) as `log_least` takes them.
    """
    cell = bound.cell
    plan = _plan(cell, of)
    if plan is None or not len(states):
        return None
    known: dict[Any, Magnitude] = dict(
        bound.once("magnitudes", lambda: _of_weights(bound, states, inputs))
    )
    given = {**bound.split(states), **inputs}
    known |= {symbol(name): of_array(value) for name, value in given.items()}
    known[TIME] = of_array(np.asarray(t, dtype=np.float64))
    for target, rule, operands in plan:
        here = rule(*(known[o] for o in operands))
        zero = here == (math.inf, -math.inf)
        if not zero and not (here.least > -_RANGE and here.most < _RANGE):
            return None
        known[target] = here
    return known


def _of_weights(bound: Bound, states: Floats, inputs: Mapping[str, Floats]) -> dict[Any, Magnitude]:
    """Of parameters by symbol, and of maps: the least entry, the largest sum of a row."""
    cell = bound.cell
    filled = filled_maps(bound, states, inputs)
    found: dict[Any, Magnitude] = {
        symbol(n): of_array(v) for n, v in bound.params.items() if n not in cell.linear_maps
    }
    for statement in program(cell):
        if isinstance(statement, Product) and statement.linear_map not in found:
            found[statement.linear_map] = _of_map(bound, statement.linear_map, filled)
    return found


def _of_map(bound: Bound, linear_map: Map, filled: Mapping[str, Floats]) -> Magnitude:
    if linear_map.stored:
        name = linear_map.name
        array = bound.params[name] if name not in filled else filled[name]
        rows = np.abs(array).sum(axis=-1).max(initial=0.0)
        return Magnitude(of_array(array).least, _log(float(rows)))
    units = math.log(bound.sizes.get(linear_map.into, 1))
    return Magnitude(-units, 0.0) if linear_map.kind == "mean" else Magnitude(0.0, units)


@lru_cache(maxsize=64)
def _plan(cell: Cell, of: tuple[sp.Expr, ...]) -> list[tuple[Any, Rule, tuple[Any, ...]]] | None:
    """What to work out in order, each from what is known before; ``None`` where a rule is missing.

    Known from the start are the names that no statement defines, and the maps of the program.
    """
    meanings = {s.target: s for s in program(cell)}
    found: dict[Any, tuple[Rule, tuple[Any, ...]]] = {}

    def visit(e: sp.Basic) -> None:
        if e in found or (e.is_Symbol and e not in meanings):
            return
        rule, operands = _rule(e, meanings)
        for operand in operands:
            if not isinstance(operand, Map):
                visit(operand)
        found[e] = rule, operands

    try:
        for e in of:
            visit(e)
    except _Unknown:
        return None
    return [(e, rule, operands) for e, (rule, operands) in found.items()]


def _rule(e: sp.Basic, meanings: Mapping[sp.Basic, Any]) -> tuple[Rule, tuple[Any, ...]]:
    if e.is_Symbol:
        statement = meanings[e]
        if isinstance(statement, Product):
            linear_map = statement.linear_map
            if not (linear_map.stored or linear_map.kind in ("mean", "sum", "spread")):
                raise _Unknown
            return _mixed, (linear_map, statement.operand)
        return (lambda v: v), (statement.expression,)
    if e.is_Number or e.is_NumberSymbol:
        value = of_array(np.asarray(float(e)))
        return (lambda: value), ()
    if e.is_Add:
        return _sum, e.args
    if e.is_Mul:
        return _product, e.args
    if isinstance(e, choose):
        return _either, e.args[1:]
    if e.is_Pow and e.exp.is_number:
        return _power(float(e.exp)), (e.base,)
    record = record_of(e)
    if record is not None and record.name in _RULES:
        return _RULES[record.name], e.args
    if record is not None and record.definition is not None and not record.numpy:
        return (lambda v: v), (sp.sympify(record.definition(*e.args)),)
    raise _Unknown


def _log(value: float) -> float:
    return math.log(value) if value > 0 else (-math.inf if value == 0 else math.nan)


def _exp(log: float) -> float:
    return math.exp(log) if log < _RANGE else math.inf


def _mixed(linear_map: Magnitude, v: Magnitude) -> Magnitude:
    return Magnitude(linear_map.least + v.least - _LAST_OF_TWO, linear_map.most + v.most + _ROUNDED)


def _sum(*terms: Magnitude) -> Magnitude:
    largest = max(t.most for t in terms)
    return Magnitude(min(t.least for t in terms) - _LAST, largest + math.log(len(terms)) + _ROUNDED)


def _product(*terms: Magnitude) -> Magnitude:
    if any(t.least == math.inf for t in terms):
        return Magnitude(math.inf, -math.inf)
    least, most = (sum(ends) for ends in zip(*terms, strict=True))
    return Magnitude(least - _ROUNDED, most + _ROUNDED)


def _either(a: Magnitude, b: Magnitude) -> Magnitude:
    return Magnitude(min(a.least, b.least), max(a.most, b.most))


def _power(exponent: float) -> Rule:
    def rule(a: Magnitude) -> Magnitude:
        if exponent < 0 and a.least == math.inf:
            return Magnitude(math.nan, math.nan)
        ends = sorted((exponent * a.least, exponent * a.most))
        return Magnitude(ends[0] - _ROUNDED, ends[1] + _ROUNDED) if a.least < math.inf else a

    return rule


def _bounded(a: Magnitude) -> Magnitude:
    # |f(a)| >= min(|a|, 1) / 2 and <= 1: tanh and erf
    return Magnitude(min(a.least, 0.0) - 1.0, 0.0)


def _falling(speed: float) -> Rule:
    # e^(-speed |a|) / 2 <= f(a) <= 1: sigmoid and its rest, the slope of tanh
    return lambda a: Magnitude(-speed * _exp(a.most) - 1.0, 0.0)


def _erf_rest(a: Magnitude) -> Magnitude:
    size = _exp(a.most)
    return Magnitude(-size * size - math.log(2 * size + 2) - 1.0, math.log(2))


def _softplus(a: Magnitude) -> Magnitude:
    return Magnitude(-_exp(a.most) - 1.0, max(a.most, 0.0) + 1.0)


def _same(a: Magnitude) -> Magnitude:
    return a


def _one(a: Magnitude) -> Magnitude:
    return Magnitude(0.0, 0.0)


_RULES: Mapping[str, Rule] = {
    "sigmoid": _falling(1.0),
    "sigmoid_rest": _falling(1.0),
    "tanh_slope": _falling(2.0),
    "tanh": _bounded,
    "erf": _bounded,
    "erf_rest": _erf_rest,
    "softplus": _softplus,
    "exp": lambda a: Magnitude(-_exp(a.most) - _ROUNDED, _exp(a.most) + _ROUNDED),
    "cosh": lambda a: Magnitude(0.0, _exp(a.most) + _ROUNDED),
    "sqrt": _power(0.5),
    "relu": _same,
    "Abs": _same,
    "Max": _either,
    "Min": _either,
    "step": _one,
    "sign": _one,
}
"""By the name of the record; of other functions nothing is told."""
