"""Numbers for the norms and suprema of a bound: what they are for given weights, along given runs.

Floating point: these numbers measure margins and draw figures. A certified statement about given
weights takes its norms from :mod:`gradflow.proofs.weights.singular_values`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike, NDArray

from gradflow.arrays import real_array
from gradflow.cells.cell import Cell
from gradflow.cells.language.program import Map, Slope
from gradflow.cells.language.spaces import ONE
from gradflow.codegen import compile
from gradflow.codegen.targets.numpy.maps import filled_maps
from gradflow.errors import UsageError
from gradflow.jacobians import jacobian
from gradflow.proofs.algebra.polynomial import Variable
from gradflow.spectra import Trajectory

Floats = NDArray[np.float64]

_OVER: dict[str, Callable[[Floats], float]] = {
    "sup": lambda v: float(np.abs(v).max()),
    "least": lambda v: float(v.min()),
    "most": lambda v: float(v.max()),
    "slack": lambda v: float(1 - v.min()),
}


def map_array(
    cell: Cell, linear_map: Map, params: Mapping[str, ArrayLike], shape: tuple[int, int] = (0, 0)
) -> Floats:
    """Return the matrix of a linear map: masked, from its rule, or given.

    ``shape`` is needed where the map has no array of its own. Raises ``UsageError`` where an array
    is missing.
    """
    filled = filled_maps(cell, params)
    if linear_map.name in filled:
        return filled[linear_map.name]
    if linear_map.name in params:
        name = linear_map.name
        return real_array(params[name], f"cell {cell.name!r}", name, finite=False)
    if linear_map.kind in ("mean", "sum", "spread"):
        return np.full(shape, 1 / shape[1] if linear_map.kind == "mean" else 1.0)
    raise UsageError(f"cell {cell.name!r}: no array for the map {linear_map.name!r}; pass it.")


def values_along(run: Trajectory, of: Mapping[str, sp.Expr] | None = None) -> dict[str, Floats]:
    """Return named values of a cell at every step of a run, (steps, units) by name.

    Of scalar expressions in these names with ``of``. Raises ``UsageError`` for a
    run with batch axes.
    """
    run.require_single("values_along")
    run.require_constant("values_along")
    t = np.arange(1, run.steps + 1, dtype=np.float64)
    code = compile(run.cell, "numpy")
    return code.values(run.params, run.flat_states[:-1], dict(run.inputs) or None, t, of)


def measure(
    variables: Iterable[Variable], expressions: Mapping[str, sp.Expr], run: Trajectory
) -> dict[Variable, float]:
    """Return the numbers for the variables of a bound, for the weights and steps of a run.

    A norm is the largest singular value of the (masked) matrix, a supremum or least value is taken
    over all units and steps of the run. ``expressions`` are those of the bound. Raises
    ``UsageError`` for a run with batch axes.
    """
    wanted = list(variables)
    values = values_along(run, {name: expressions[name] for kind, name in wanted if kind != "norm"})
    return {
        (kind, name): norm_of(run.cell, name, run) if kind == "norm" else _OVER[kind](values[name])
        for kind, name in wanted
    }


def norm_of(cell: Cell, name: str, run: Trajectory) -> float:
    """Return the spectral norm of a cell's map for the weights of a run."""
    if name not in cell.linear_maps:
        return _fixed_norm(cell, name, run)
    linear_map = cell.linear_maps[name]
    shape = (_units(linear_map.out, run), _units(linear_map.into, run))
    matrix = map_array(cell, linear_map, run.params, shape)
    return float(np.linalg.norm(matrix, 2))


def _fixed_norm(cell: Cell, name: str, run: Trajectory) -> float:
    """Return the norm of a column of ones, a mean or a sum over the units of a space."""
    blocks = jacobian(cell).blocks().values()
    maps = {m for b in blocks for term in b.terms for m in term.maps if m.name == name}
    slopes = [m.slope for m in maps if m.slope is not None]
    if slopes:
        return max(_slope_norm(slope, run) for slope in slopes)
    if all(m.kind == "spread" for m in maps):
        return float(max(_units(m.out, run) ** 0.5 for m in maps))
    sizes = [_units(m.into, run) for m in maps]
    return float(max(n**-0.5 if name == "mean" else n**0.5 for n in sizes))


def _slope_norm(slope: Slope, run: Trajectory) -> float:
    """Return the largest norm of the derivative of a call over the steps of a run."""
    parts = [slope.diagonal, *slope.columns, *(e for e, _ in slope.rows)]
    values = values_along(run, {str(k): part for k, part in enumerate(parts)})
    size = _units(slope.rows[0][1].into, run)
    full = [np.broadcast_to(v, (run.steps, size)) for v in values.values()]
    whole = full[0][:, :, None] * np.eye(size)
    count = len(slope.columns)
    for k, (_, reduction) in enumerate(slope.rows, 1):
        share = 1 / size if reduction.kind == "mean" else 1.0
        whole = whole + share * full[k][:, :, None] * full[count + k][:, None, :]
    return float(np.linalg.norm(whole, 2, axis=(1, 2)).max(initial=0.0))


def _units(space: str, run: Trajectory) -> int:
    return 1 if space == ONE else int(run.bound.sizes[space])
