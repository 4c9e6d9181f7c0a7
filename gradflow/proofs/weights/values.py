"""Numbers for the norms and suprema of a bound: what they are for given weights, along given runs.

Floating point: these numbers measure margins and draw figures. A certified statement about given
weights takes its norms from :mod:`gradflow.proofs.weights.singular_values`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike, NDArray

from gradflow.arrays import real_array
from gradflow.cells.cell import Cell
from gradflow.cells.language.program import Elementwise, Map, Product
from gradflow.cells.language.spaces import ONE
from gradflow.cells.language.syntax import INDEX
from gradflow.codegen.printing.expressions import ArrayPrinter, Names
from gradflow.codegen.targets.numpy.target import NAMESPACE
from gradflow.errors import UsageError
from gradflow.proofs.algebra.polynomial import Variable
from gradflow.proofs.bounding.facts import Facts
from gradflow.spectra import Trajectory

Floats = NDArray[np.float64]


def map_array(
    cell: Cell, linear_map: Map, params: Mapping[str, ArrayLike], shape: tuple[int, int] = (0, 0)
) -> Floats:
    """Return the matrix of a linear map: masked, from its rule, or given.

    ``shape`` is needed where the map has no array of its own. Raises ``UsageError`` where an array
    is missing.
    """
    if linear_map.name in params:
        name = linear_map.name
        array = real_array(params[name], f"cell {cell.name!r}", name, finite=False)
        if linear_map.mask is not None:
            array = np.where(_entries(linear_map.mask, params, array.shape), array, 0.0)
        return array
    if linear_map.entries is not None:
        return np.broadcast_to(_entries(linear_map.entries, params, shape), shape).astype(float)
    if linear_map.kind in ("mean", "sum", "spread"):
        scale = 1 / shape[1] if linear_map.kind == "mean" else 1.0
        return np.full(shape, scale)
    raise UsageError(f"cell {cell.name!r}: no array for the map {linear_map.name!r}; pass it.")


def _entries(rule: sp.Basic, params: Mapping[str, ArrayLike], shape: tuple[int, ...]) -> Floats:
    def side(axis: int, size: int) -> object:
        def take(value: object) -> Floats:
            found = np.arange(size) if value is None else np.asarray(value, dtype=np.float64)
            return np.asarray(found[:, None] if axis == 0 else found[None, :])

        return take

    names = {str(INDEX): None, **{k: np.asarray(v) for k, v in params.items()}}
    scope = {**NAMESPACE, "row": side(0, shape[0]), "column": side(1, shape[1])}
    return np.asarray(eval(ArrayPrinter({}).doprint(rule), scope, names))


class Evaluation:
    """Every named value of a cell along runs: arrays (steps, units) by name."""

    def __init__(self, run: Trajectory) -> None:
        """Evaluate the cell's program at every step of a run. Raises ``UsageError`` on a batch."""
        run.require_single("bounds")
        self.cell, self.params = run.cell, run.params
        self._names = Names([*self.cell.spaces, *self.cell.linear_maps])
        t = np.arange(1, run.steps + 1, dtype=np.float64)[:, None]
        self.values: dict[str, Floats] = {"t": t}
        self.values |= {p: s[:-1] for p, s in run.states.items()}
        self.values |= {n: np.asarray(x) for n, x in run.inputs.items()}
        self.values |= {
            n: np.asarray(run.params[n])
            for n in (*self.cell.parameters, *self.cell.constant_names)
            if n not in self.cell.linear_maps
        }
        for statement in self.cell.program:
            target = statement.target.name
            if isinstance(statement, Elementwise):
                self.values[target] = self(statement.expression)
            else:
                self.values[target] = self._product(statement)

    def _product(self, statement: Product) -> Floats:
        operand = self.values[statement.operand.name]
        linear_map = statement.linear_map
        if linear_map.kind in ("mean", "sum"):
            reduce = np.mean if linear_map.kind == "mean" else np.sum
            return np.asarray(reduce(operand, axis=-1, keepdims=True))
        units = self.values.get(linear_map.out, operand).shape[-1]
        matrix = map_array(self.cell, linear_map, self.params, (units, operand.shape[-1]))
        return np.asarray(operand @ matrix.T)

    def __call__(self, expression: sp.Basic) -> Floats:
        """Return a scalar expression of the cell at every step and unit."""
        scope = {self._names(k): v for k, v in self.values.items()}
        text = ArrayPrinter(self._names.renamed).doprint(expression)
        with np.errstate(all="ignore"):
            return np.asarray(eval(text, dict(NAMESPACE), scope), dtype=np.float64)


def measure(facts: Facts, variables: Iterable[Variable], run: Trajectory) -> dict[Variable, float]:
    """Return the numbers for the variables of a bound, for the weights and steps of a run.

    A norm is the largest singular value of the (masked) matrix, a supremum or least value is taken
    over all units and steps of the run.
    """
    evaluation = Evaluation(run)
    found: dict[Variable, float] = {}
    for kind, name in variables:
        if kind == "norm":
            found[(kind, name)] = norm_of(facts.cell, name, run)
        else:
            key = (kind, name) if kind in ("sup", "least") else ("value", name)
            value = evaluation(facts.expressions[key])
            found[(kind, name)] = {
                "sup": lambda v: float(np.abs(v).max()),
                "least": lambda v: float(v.min()),
                "most": lambda v: float(v.max()),
                "slack": lambda v: float(1 - v.min()),
            }[kind](value)
    return found


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
    if name.startswith("ones_"):
        return float(np.sqrt(_units(name.removeprefix("ones_"), run)))
    sizes = [
        _units(s.linear_map.into, run)
        for s in cell.program
        if isinstance(s, Product) and s.linear_map.kind == name
    ]
    return float(max(n**-0.5 if name == "mean" else n**0.5 for n in sizes))


def _units(space: str, run: Trajectory) -> int:
    return 1 if space == ONE else int(run.bound.sizes[space])
