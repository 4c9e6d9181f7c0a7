"""Step Jacobians in logarithms, and the steps whose Jacobians float64 does not hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from gradflow.cells.cell import Cell
from gradflow.cells.language.program import Elementwise, Map
from gradflow.codegen.bound import Bound
from gradflow.codegen.code import code_of
from gradflow.codegen.logarithms.evaluation import Evaluation
from gradflow.codegen.logarithms.numbers import (
    Floats,
    Logs,
    added,
    least,
    logs,
    multiplied,
    product,
)
from gradflow.codegen.lowering.slopes import kept
from gradflow.jacobians.labels import path_labels

# An entry is in doubt from e^-690 on: float64 has all digits down to e^-708.
_LEAST = -690.0
# So many steps are looked at together.
_TOGETHER = 256


@dataclass(frozen=True, kw_only=True)
class _Term:
    """A term of the normal form with the block and the path it belongs to."""

    out: str
    wrt: str
    path: str
    diagonals: tuple[sp.Expr, ...]
    maps: tuple[Map, ...]


@lru_cache(maxsize=64)
def _terms(cell: Cell) -> tuple[_Term, ...]:
    meanings = {s.target: s.expression for s in cell.program if isinstance(s, Elementwise)}
    return tuple(
        _Term(
            out=out,
            wrt=wrt,
            path=path,
            diagonals=tuple(kept(d, meanings) for d in term.diagonals),
            maps=term.maps,
        )
        for (out, wrt, term), path in path_labels(cell).items()
    )


@lru_cache(maxsize=64)
def _diagonals(cell: Cell) -> tuple[tuple[sp.Expr, ...], Any]:
    """The diagonals that are no number, and a function of arrays that gives them in float64."""
    found = dict.fromkeys(d for t in _terms(cell) for d in t.diagonals if not d.is_Number)
    return tuple(found), code_of(cell, "numpy", 50).function_of(list(found))


def in_doubt(
    bound: Bound, states: Floats, inputs: Mapping[str, Floats], t: NDArray[Any]
) -> NDArray[np.bool_]:
    """Return for each step (m,) whether some entry of its Jacobian may be lost to underflow.

    ``states`` (m, d) are those before the steps, ``inputs`` (m, units) by name, ``t`` (m,). An
    entry is ``d0 w1 d1 ...``, so it is bounded below by the least of each factor that is not zero.
    Where float64 shows zeros they are looked at in logarithms: those of a ReLU that is off are no
    underflow.
    """
    cell = bound.cell
    expressions, function = _diagonals(cell)
    given = [*bound.split(states).values(), *(inputs[n] for n in cell.input_names)]
    arguments = [*given, np.asarray(t, dtype=np.float64)[:, None], *bound.params.values()]
    with np.errstate(all="ignore"):
        values = function(*arguments)
        size = [np.log(np.abs(v).min(axis=-1)) for v in values]
    found = dict(zip(expressions, size, strict=True))
    matrices = bound.once("least entries", lambda: _least_entries(bound, states, inputs, t))
    doubt = np.zeros(len(states), dtype=bool)
    for term in _terms(cell):
        doubt |= _bound(term, found, matrices) < _LEAST
    where = np.flatnonzero(doubt)
    for some in np.array_split(where, -(-len(where) // _TOGETHER)) if len(where) else ():
        chosen = {n: x[some] for n, x in inputs.items()}
        here = Evaluation(bound, states[some], chosen, t[some])
        exact = {d: least(here.value(d)) for d in expressions}
        doubt[some] = False
        for term in _terms(cell):
            doubt[some] |= _bound(term, exact, matrices) < _LEAST
    return doubt


def _bound(term: _Term, size: Mapping[sp.Expr, Any], matrices: Mapping[str, float]) -> Any:
    """The log of the least entry a term can have; nan where a factor is zero all over."""
    found = [float(np.log(abs(float(d)))) if d.is_Number else size[d] for d in term.diagonals]
    with np.errstate(invalid="ignore"):
        return sum(found) + sum(matrices[m.name] for m in term.maps)


def _least_entries(
    bound: Bound, states: Floats, inputs: Mapping[str, Floats], t: NDArray[Any]
) -> dict[str, float]:
    here = Evaluation(bound, states[:1], {n: x[:1] for n, x in inputs.items()}, t[:1])
    maps = {m for term in _terms(bound.cell) for m in term.maps}
    return {m.name: float(least(here.matrix(m)).min()) for m in maps}


def log_jacobians(
    bound: Bound, states: Floats, inputs: Mapping[str, Floats], t: NDArray[Any]
) -> dict[str, Logs]:
    """Return by path its share (m, d, d) of the Jacobians of steps; arguments of `in_doubt`."""
    cell = bound.cell
    here = Evaluation(bound, states, inputs, t)
    widths = {part: bound.part_sizes(states)[part] for part in cell.states}
    stops = np.cumsum([0, *widths.values()])
    place = {p: slice(int(stops[i]), int(stops[i + 1])) for i, p in enumerate(widths)}
    shares: dict[str, dict[tuple[str, str], list[Logs]]] = {}
    for term in _terms(cell):
        block = (len(states), widths[term.out], widths[term.wrt])
        found = _entries(here, term, block)
        shares.setdefault(term.path, {}).setdefault((term.out, term.wrt), []).append(found)
    whole = {}
    for path, blocks in shares.items():
        entries = logs(np.zeros((len(states), stops[-1], stops[-1])))
        for (out, wrt), terms in blocks.items():
            value = added(terms)
            entries.sign[:, place[out], place[wrt]] = value.sign
            entries.log[:, place[out], place[wrt]] = value.log
            entries.value[:, place[out], place[wrt]] = value.value
        whole[path] = entries
    return whole


def _entries(here: Evaluation, term: _Term, shape: tuple[int, int, int]) -> Logs:
    """The entries of ``diag(d0) W1 diag(d1) ...``."""
    left = here.value(term.diagonals[0])
    if not term.maps:
        eye = logs(np.eye(shape[1]))
        return product([left[..., :, None], eye]).over(shape)
    chain: list[Logs] = []
    for linear_map, right in zip(term.maps, term.diagonals[1:], strict=True):
        factors: Sequence[Logs] = [here.matrix(linear_map), here.value(right)[..., None, :]]
        chain.append(product(factors))
    whole = chain[-1]
    for factor in reversed(chain[:-1]):
        whole = multiplied(factor, whole.over((shape[0], *whole.sign.shape[-2:])))
    return product([left[..., :, None], whole]).over(shape)
