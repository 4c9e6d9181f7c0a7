"""SymPy expressions of a cell's equations as functions of arrays, by the language's records."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from gradflow.cells.language.functions import records
from gradflow.cells.language.nodes import choose
from gradflow.codegen.targets.numpy.target import runtime

Floats = NDArray[np.float64]


class where_(sp.Function):
    """``choose`` in a form that SymPy's printer writes out."""


@lru_cache(maxsize=1024)
def numeric(expression: sp.Expr, names: tuple[sp.Symbol, ...]) -> Callable[..., Any]:
    """Return a function of arrays, one for each name in turn, that computes ``expression``.

    Slopes keep their digits where a unit is saturated: ``1 - tanh(a)**2`` is computed from a.
    """
    written = kept_digits(expression).replace(choose, lambda *args: where_(*args))
    function: Callable[..., Any] = sp.lambdify(names, written, [_functions(), "numpy"])
    return function


def symbols_of(expressions: Iterable[sp.Expr]) -> tuple[sp.Symbol, ...]:
    """Return the free symbols of expressions in order of their names."""
    found: set[sp.Symbol] = set().union(*(e.free_symbols for e in expressions))
    return tuple(sorted(found, key=str))


def kept_digits(expression: sp.Expr) -> sp.Expr:
    """Write ``1 - f(a)**p`` as a function of a, for every record that knows how."""
    for record in records():
        for power, rest in record.rest:
            inside = sp.Wild("inside")
            pattern = 1 - record.sympy(inside) ** power
            if expression.has(type(record.sympy(sp.Symbol("x", real=True)))):
                expression = expression.replace(pattern, lambda inside, rest=rest: rest(inside))
    return expression


@lru_cache(maxsize=1)
def _functions() -> dict[str, Any]:
    names = runtime()
    known = {r.name: names[r.code] for r in records() if r.code in names}
    return {**known, "where_": np.where}
