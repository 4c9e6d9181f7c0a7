"""Step Jacobians in logarithms, and the steps whose Jacobians float64 does not hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from gradflow.cells.cell import Cell
from gradflow.cells.language.program import Map
from gradflow.codegen.bound import Bound
from gradflow.codegen.code import code_of
from gradflow.codegen.logarithms.evaluation import Evaluation
from gradflow.codegen.logarithms.magnitudes import magnitudes
from gradflow.codegen.logarithms.numbers import (
    Floats,
    Logs,
    added,
    least,
    logs,
    multiplied,
    product,
)
from gradflow.codegen.logarithms.terms import Jacobian, LogTerm, jacobian_terms

# Entries from e^-690 on are as good in float64, which has all digits down to e^-708.
LEAST = -690.0
# Where all entries of many steps are larger, no step is looked at by itself.
_ORDINARY = -400.0
# So many steps are looked at together.
_TOGETHER = 256


@lru_cache(maxsize=64)
def _function(cell: Cell, of: tuple[sp.Expr, ...]) -> Any:
    return code_of(cell, "numpy", 50).function_of(of)


def log_least(
    bound: Bound,
    states: Floats,
    inputs: Mapping[str, Floats],
    t: NDArray[Any],
    *,
    by_inputs: bool = False,
    closely: bool = False,
) -> Floats:
    """Return for each step (m,) a log below which no entry of its Jacobian lies but zeros.

    ``states`` (m, d) are those before the steps, ``inputs`` (m, units) by name, ``t`` (m,). An
    entry is ``d0 w1 d1 ...``, so it is bounded below by the least of each factor that is not zero.
    Where float64 shows zeros they are looked at in logarithms: those of a ReLU that is off are no
    underflow. Under `LEAST` an entry may be lost. Where the magnitudes of the arrays alone say that
    none can be, so does this, unless ``closely``; ``inf`` for a Jacobian of zeros.
    """
    whole = jacobian_terms(bound.cell, by_inputs)
    wanted = (*whole.outer, *whole.inner)
    known = None if closely else magnitudes(bound, states, inputs, t, wanted)
    if known is not None:
        least = {e: known[e].least for e in wanted} | _least_of_maps(
            bound, states, inputs, t, whole
        )
        found = float(_bound(whole, least))
        if found > _ORDINARY:
            return np.full(len(states), found)
    return _by_step(bound, states, inputs, t, whole)


def _by_step(
    bound: Bound,
    states: Floats,
    inputs: Mapping[str, Floats],
    t: NDArray[Any],
    whole: Jacobian,
) -> Floats:
    """`log_least` from the values at every step."""
    cell = bound.cell
    given = [*bound.split(states).values(), *(inputs[n] for n in cell.input_names)]
    arguments = [*given, np.asarray(t, dtype=np.float64)[:, None], *bound.params.values()]
    maps = _least_of_maps(bound, states, inputs, t, whole)
    function = _function(cell, whole.outer)
    with np.errstate(all="ignore"):
        size = [np.log(np.abs(v).min(axis=-1)) for v in function(*arguments)]
    found = np.full(len(states), -np.inf)
    if not whole.inner:
        found[:] = _bound(whole, dict(zip(whole.outer, size, strict=True)) | maps)
    where = np.flatnonzero(~(found >= LEAST) & ~np.isnan(found))
    for some in np.array_split(where, -(-len(where) // _TOGETHER)) if len(where) else ():
        chosen = {n: x[some] for n, x in inputs.items()}
        here = Evaluation(bound, states[some], chosen, t[some])
        exact = {e: least(here.value(e)) for e in (*whole.outer, *whole.inner)}
        found[some] = _bound(whole, exact | maps)
    return found


def _bound(whole: Jacobian, size: Mapping[Any, Any]) -> Any:
    """The log of the least entry there can be, ``inf`` where all are zero."""

    def log(factor: sp.Expr | Map) -> Any:
        if isinstance(factor, Map) or not factor.is_Number:
            return size[factor]
        return float(np.log(abs(float(factor)))) if factor != 0 else np.inf

    found: Any = np.inf
    with np.errstate(invalid="ignore"):
        for entry in whole.entries:
            # a factor of zeros makes zeros, whatever else there is
            found = np.fmin(found, sum(log(factor) for factor in entry))
    return found


def _least_of_maps(
    bound: Bound,
    states: Floats,
    inputs: Mapping[str, Floats],
    t: NDArray[Any],
    whole: Jacobian,
) -> dict[Map, float]:
    def made() -> dict[Map, float]:
        here = Evaluation(bound, states[:1], {n: x[:1] for n, x in inputs.items()}, t[:1])
        maps = {f for entry in whole.entries for f in entry if isinstance(f, Map)}
        return {m: float(least(here.matrix(m)).min()) for m in maps}

    found: dict[Map, float] = bound.once(("least entries", whole.columns), made)
    return found


def log_jacobians(
    bound: Bound, states: Floats, inputs: Mapping[str, Floats], t: NDArray[Any]
) -> dict[str, Logs]:
    """Return by path its share (m, d, d) of the Jacobians of steps; arguments of `log_least`."""
    widths = {part: bound.part_sizes(states)[part] for part in bound.cell.states}
    return _assembled(bound, states, inputs, t, widths, widths, jacobian_terms(bound.cell, False))


def log_input_jacobians(
    bound: Bound, states: Floats, inputs: Mapping[str, Floats], t: NDArray[Any]
) -> Logs:
    """Return the derivatives (m, d, units) by the inputs side by side; arguments of `log_least`."""
    widths = {part: bound.part_sizes(states)[part] for part in bound.cell.states}
    columns = {name: inputs[name].shape[-1] for name in bound.cell.input_names}
    whole = jacobian_terms(bound.cell, True)
    found = _assembled(bound, states, inputs, t, widths, columns, whole)
    shape = (len(states), sum(widths.values()), sum(columns.values()))
    return next(iter(found.values()), logs(np.zeros(shape)))


def _assembled(
    bound: Bound,
    states: Floats,
    inputs: Mapping[str, Floats],
    t: NDArray[Any],
    rows: Mapping[str, int],
    columns: Mapping[str, int],
    jacobian: Jacobian,
) -> dict[str, Logs]:
    """The terms of a Jacobian added up in their places, by path."""
    here = Evaluation(bound, states, inputs, t)
    down, across = _places(rows), _places(columns)
    shares: dict[str, dict[tuple[str, str], list[Logs]]] = {}
    for term in jacobian.terms:
        block = (len(states), rows[term.out], columns[term.wrt])
        found = _entries(here, term, block)
        shares.setdefault(term.path, {}).setdefault((term.out, term.wrt), []).append(found)
    whole = {}
    for path, blocks in shares.items():
        shape = (len(states), sum(rows.values()), sum(columns.values()))
        entries = logs(np.zeros(shape))
        for (out, wrt), terms in blocks.items():
            value = added(terms)
            entries.sign[:, down[out], across[wrt]] = value.sign
            entries.log[:, down[out], across[wrt]] = value.log
            entries.value[:, down[out], across[wrt]] = value.value
        whole[path] = entries
    return whole


def _places(widths: Mapping[str, int]) -> dict[str, slice]:
    stops = np.cumsum([0, *widths.values()])
    return {p: slice(int(stops[i]), int(stops[i + 1])) for i, p in enumerate(widths)}


def _entries(here: Evaluation, term: LogTerm, shape: tuple[int, int, int]) -> Logs:
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
