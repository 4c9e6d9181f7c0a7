"""How every linear map of a cell acts on a population: random, masked, fixed, combined, a mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import sympy as sp
from scipy.sparse import csr_array, vstack

from gradflow.cells.cell import Cell
from gradflow.cells.language.program import Map, Product
from gradflow.cells.language.syntax import symbol
from gradflow.ensembles.fields import Field, Floats
from gradflow.ensembles.laws import MapLaw
from gradflow.ensembles.numeric import numeric
from gradflow.errors import UsageError

Action = Callable[..., Floats]

# A mask with more kinds of rows than this describes rows one by one.
_MOST_KINDS = 64


class Maps:
    """The maps of one random network, each known by what it has been asked."""

    def __init__(
        self,
        cell: Cell,
        laws: Mapping[str, MapLaw],
        units: Mapping[str, int],
        vectors: Mapping[str, Floats],
        rng: np.random.Generator,
        *,
        even: bool = True,
    ) -> None:
        """``units`` are the numbers of units by space, ``vectors`` what masks speak of.

        ``even`` is that of `Field`. Raises ``UsageError`` for a map that has no limit.
        """
        self._units, self._vectors, self._rng, self._even = units, vectors, rng, even
        self._fields: dict[str, list[Field]] = {}
        self._actions: dict[str, Action] = {}
        for m in cell.linear_maps.values():
            if m.stored and not m.summands:
                law = laws.get(m.name, MapLaw())
                made = _fixed(m, self) if m.entries is not None else self._random(m, law)
                self._actions[m.name] = made

    def forget(self, name: str = "") -> None:
        """Draw afresh: one map, or all."""
        for fields in [self._fields[name]] if name else self._fields.values():
            for field in fields:
                field.clear()

    def __call__(self, m: Map, vector: Floats) -> Floats:
        """Return the map's product with a vector of its operand's population."""
        if m.kind == "mean":
            return np.array([vector.mean()])
        if m.kind == "spread":
            return np.broadcast_to(vector, (self._units[m.out],))
        if m.summands:
            parts = [float(s.factor) * self._part(s, vector) for s in m.summands]
            return np.asarray(np.sum(parts, axis=0))
        return np.asarray(self._actions[m.name](vector))

    def _part(self, summand: Any, vector: Floats) -> Floats:
        return self._actions[summand.linear_map.name](vector, transposed=summand.transposed)

    def _random(self, m: Map, law: MapLaw) -> Action:
        kinds = self._kinds(m)
        rows, columns = self._units[m.out], self._units[m.into]
        self._fields[m.name] = []
        if law.sigma:
            how = {"even": self._even, "orthogonal": law.orthogonal}
            self._fields[m.name] = [Field(len(r), columns, self._rng, **how) for r, _ in kinds]
        fields = self._fields[m.name]

        def act(vector: Floats, transposed: bool = False) -> Floats:
            out = np.zeros(columns if transposed else rows)
            for k, (mine, seen) in enumerate(kinds):
                if transposed and fields:
                    out += law.sigma * seen * fields[k](vector[mine], True)
                elif fields:
                    out[mine] = law.sigma * fields[k](vector * seen)
                if law.shift:
                    out[mine] += law.shift * vector[mine] * seen[mine]
            return out

        return act

    def _kinds(self, m: Map) -> list[tuple[Any, Floats]]:
        """Return the rows of each kind, and which columns they see."""
        rows, columns = self._units[m.out], self._units[m.into]
        if m.mask is None:
            return [(np.arange(rows), np.ones(columns))]
        names = sorted({f.args[0].name for f in _places(m.mask) if type(f).__name__ == "row"})
        values = np.array([self._value(n, rows) for n in names] or [np.zeros(rows)])
        _, first, kind = np.unique(values, axis=1, return_index=True, return_inverse=True)
        if len(first) > _MOST_KINDS:
            raise UsageError(
                f"mean_field: map {m.name!r} has a mask by which every row is a kind of its own, "
                "so it has no limit of many units; masks by a vector of few values have one."
            )
        kinds = []
        for k, row in enumerate(first):
            seen = self._entries(m.mask, np.array([row]), np.arange(columns), m)[0]
            kinds.append((np.flatnonzero(kind.ravel() == k), seen))
        return kinds

    def _value(self, name: str, size: int) -> Floats:
        if name == "index":
            return np.arange(size, dtype=float)
        return np.broadcast_to(self._vectors[name], (size,))

    def _entries(self, rule: sp.Basic, rows: Any, columns: Any, m: Map) -> Floats:
        """Return a rule in row and column at some rows and columns."""
        names, values = {}, []
        for place in _places(rule):
            side, name = type(place).__name__, place.args[0].name
            names[place] = symbol(f"{side}_{name}")
            size = self._units[m.out if side == "row" else m.into]
            all_values = self._value(name, size)
            shown = all_values[rows][:, None] if side == "row" else all_values[columns][None, :]
            values.append(shown)
        found = numeric(rule.xreplace(names), tuple(names.values()))(*values)
        return np.broadcast_to(np.asarray(found, float), (len(rows), len(columns)))


def refuse_without_limit(cell: Cell) -> None:
    """Raise ``UsageError``, by name, where a step sums over units or takes the largest."""
    for statement in cell.program:
        if isinstance(statement, Product) and statement.linear_map.kind in ("sum", "largest"):
            of = statement.operand.name
            raise UsageError(
                f"mean_field: cell {cell.name!r} has {statement.linear_map.kind}({of}), which "
                "grows with the number of units and has no limit; write a mean over units, "
                f"mean({of}), if that is meant."
            )


def _places(rule: sp.Basic) -> list[sp.Function]:
    found = [f for f in rule.atoms(sp.Function) if type(f).__name__ in ("row", "column")]
    return sorted(found, key=str)


def _fixed(m: Map, maps: Maps) -> Action:
    """Return the action of a map whose entries follow from a rule, as a sparse matrix."""
    rows, columns = maps._units[m.out], maps._units[m.into]
    blocks = [
        csr_array(maps._entries(m.entries, np.arange(a, min(a + 256, rows)), np.arange(columns), m))
        for a in range(0, rows, 256)
    ]
    matrix = csr_array(vstack(blocks))
    half = abs(matrix[: rows // 2, : columns // 2]).sum(axis=1).max(initial=0.0)
    whole = abs(matrix).sum(axis=1).max(initial=0.0)
    if whole > 1.5 * half and whole > 8:
        raise UsageError(
            f"mean_field: the fixed map {m.name!r} has rows whose sum grows with the number of "
            "units, so it has no limit; divide its entries by that number."
        )
    return lambda v, transposed=False: (matrix.T if transposed else matrix) @ v
