r"""One step of an infinitely wide random network, on a sample of its units.

In the limit the units of one kind are independent copies of one random process: their fields
:math:`W h_t` are Gaussian with covariances that are means over units, which the sample itself
gives. So N sampled units are run through the cell's own program, tangents as dual numbers beside
the values, and every map answers as `gradflow.ensembles.fields` says. N sets the sampling error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp

from gradflow.cells.cell import Cell
from gradflow.cells.language.program import Product
from gradflow.cells.language.spaces import ONE
from gradflow.cells.language.syntax import symbol
from gradflow.ensembles.acting import Maps, refuse_without_limit
from gradflow.ensembles.fields import Floats
from gradflow.ensembles.laws import Laws, VectorLaw
from gradflow.ensembles.numeric import numeric, symbols_of
from gradflow.errors import UsageError
from gradflow.jacobians.partials import partial

_SPREAD = 0.5  # standard deviation of the first state


@dataclass(frozen=True, kw_only=True)
class Line:
    """An elementwise statement as functions of arrays: its value, its slope by each name."""

    target: str
    names: tuple[str, ...]
    value: Callable[..., Any]
    arguments: tuple[str, ...]
    slopes: tuple[tuple[str, Callable[..., Any]], ...]


@lru_cache(maxsize=64)
def lines_of(cell: Cell) -> tuple[Product | Line, ...]:
    """Return the program of a cell as products and functions of arrays."""
    made: list[Product | Line] = []
    for statement in cell.program:
        if isinstance(statement, Product):
            made.append(statement)
            continue
        names = symbols_of([statement.expression])
        arguments = symbols_of([statement.expression, statement.target])
        by = [v for v in names if v != symbol("t")]
        slopes = [(v.name, partial(statement, v)) for v in by]
        made.append(
            Line(
                target=statement.target.name,
                names=tuple(v.name for v in names),
                value=numeric(statement.expression, names),
                arguments=tuple(v.name for v in arguments),
                slopes=tuple((n, numeric(sp.sympify(d), arguments)) for n, d in slopes if d != 0),
            )
        )
    return tuple(made)


class Population:
    """N sampled units of each kind; arrays are (N,), those of size one (1,).

    ``states`` are several trajectories of the same network, ``tangents`` belong to the first. Where
    noise is not ``even`` and weights are not ``tied``, the sample is itself a network of N units.
    """

    def __init__(
        self,
        laws: Laws,
        rng: np.random.Generator,
        *,
        size: int,
        tied: bool,
        tangents: int = 1,
        trajectories: int = 1,
        even: bool = True,
    ) -> None:
        """Draw the first states and tangents. Raises ``UsageError`` where there is no limit."""
        cell = laws.cell
        refuse_without_limit(cell)
        self.laws, self.tied, self.time = laws, tied, 0
        self._rng = rng
        self.units = dict.fromkeys(cell.spaces.values(), size) | {ONE: 1}
        for m in cell.linear_maps.values():
            self.units |= {m.out: self.units.get(m.out, size), m.into: self.units.get(m.into, size)}
        for name, law in laws.inputs.items():
            space = cell.spaces[name]
            if law.symbols:
                if space in {cell.spaces[s] for s in cell.states} or space == ONE:
                    raise UsageError(
                        f"mean_field: input {name!r} is one-hot and has the size {space!r} of a "
                        "state part; an input that a map reads has a size of its own."
                    )
                self.units[space] = law.symbols
        self._always = {n: self._drawn(n) for n in cell.constant_names if n in laws.vectors}
        self._held: dict[str, Floats] = {}
        self._redraw()
        self._maps = Maps(cell, laws.maps, self.units, self._held, rng, even=even)
        self._white = _read_of_white(cell, laws)
        self._inputs: dict[str, Floats] = {}
        self.states = [
            {p: self._normal(p) * _SPREAD for p in cell.states} for _ in range(trajectories)
        ]
        self.tangents = [{p: self._normal(p) for p in cell.states} for _ in range(tangents)]
        self.values: dict[str, Floats] = {}

    def step(self) -> list[float]:
        """Advance every trajectory and tangent; return ln of each tangent's growth."""
        self.time += 1
        if not self.tied:
            self._maps.forget()
            self._redraw()
        for name in self._white:
            self._maps.forget(name)
        shared = {**self._held, **self._next_inputs(), "t": np.array([float(self.time)])}
        with np.errstate(all="ignore"):
            ends = []
            for k, state in enumerate(self.states):
                ends.append(self._through({**shared, **state}, self.tangents if k == 0 else []))
        self.values, moved = ends[0]
        parts = self.laws.cell.states
        self.states = [{p: values[f"{p}_next"] for p in parts} for values, _ in ends]
        return [self._advance(k, delta) for k, delta in enumerate(moved)]

    def moments(self) -> dict[str, float]:
        """Return the mean square of every state part."""
        return {p: float(np.mean(v * v)) for p, v in self.states[0].items()}

    def align(self) -> None:
        """Turn every tangent half way towards the state, where an outlier direction has a share."""
        for tangent in self.tangents:
            for part, value in self.states[0].items():
                scale = np.sqrt(np.mean(value * value))
                if scale:  # by half, so that a state of one number cannot cancel it
                    tangent[part] = tangent[part] + value / (2 * scale)

    def flip(self, k: int) -> None:
        """Give the k-th tangent a random sign at each unit: its second moments alone are left."""
        spaces = self.laws.cell.spaces
        signs = {s: self._rng.choice([-1.0, 1.0], n) for s, n in self.units.items()}
        self.tangents[k] = {p: v * signs[spaces[p]] for p, v in self.tangents[k].items()}

    def _through(
        self, env: dict[str, Floats], tangents: list[dict[str, Floats]]
    ) -> tuple[dict[str, Floats], list[dict[str, Floats]]]:
        moved = [dict(t) for t in tangents]
        for line in lines_of(self.laws.cell):
            if isinstance(line, Product):
                name, operand = line.target.name, line.operand.name
                env[name] = self._maps(line.linear_map, env[operand])
                for delta in moved:
                    if operand in delta:
                        delta[name] = self._maps(line.linear_map, delta[operand])
                continue
            size = self.units[self.laws.cell.spaces[line.target]]
            value = line.value(*(env[n] for n in line.names))
            env[line.target] = np.broadcast_to(np.asarray(value, float), (size,))
            if not any(n in delta for n, _ in line.slopes for delta in moved):
                continue
            at = [env[n] for n in line.arguments]
            slopes = {n: f(*at) for n, f in line.slopes if any(n in delta for delta in moved)}
            for delta in moved:
                parts = [s * delta[n] for n, s in slopes.items() if n in delta]
                if parts:
                    delta[line.target] = np.broadcast_to(sum(parts), (size,))
        return env, moved

    def _advance(self, k: int, delta: dict[str, Floats]) -> float:
        parts = {p: delta.get(f"{p}_next") for p in self.laws.cell.states}
        new = {p: np.zeros(self._size(p)) if v is None else v for p, v in parts.items()}
        length = float(np.sqrt(sum(np.mean(v * v) for v in new.values())))
        before = float(np.sqrt(sum(np.mean(v * v) for v in self.tangents[k].values())))
        self.tangents[k] = {p: v / length for p, v in new.items()} if length else new
        return float(np.log(length / before)) if length and before else -np.inf

    def _size(self, name: str) -> int:
        return self.units[self.laws.cell.spaces[name]]

    def _normal(self, name: str) -> Floats:
        return self._rng.standard_normal(self._size(name))

    def _drawn(self, name: str) -> Floats:
        law: VectorLaw = self.laws.vectors[name]
        if law.rule is not None:
            return law.rule.draw(self._rng, (self._size(name),))
        noise = np.sqrt(law.variance) * self._normal(name) if law.variance else 0.0
        return np.broadcast_to(law.mean + noise, (self._size(name),))

    def _redraw(self) -> None:
        names = [n for n in self.laws.vectors if n not in self._always]
        self._held.update({**self._always, **{n: self._drawn(n) for n in names}})

    def _next_inputs(self) -> dict[str, Floats]:
        for name, law in self.laws.inputs.items():
            if law.symbols:
                value = np.zeros(law.symbols)
                value[self._rng.integers(law.symbols)] = 1.0
            else:
                value = np.sqrt(law.variance) * self._normal(name)
                if law.memory and name in self._inputs:
                    old, new = law.memory, np.sqrt(1 - law.memory**2)
                    value = old * self._inputs[name] + new * value
            self._inputs[name] = value
        return dict(self._inputs)


def _read_of_white(cell: Cell, laws: Laws) -> tuple[str, ...]:
    """Return the maps that only ever act on inputs that are new at every step.

    Each of their operands is orthogonal to all earlier ones, so nothing is lost by forgetting them.
    """
    fresh = {n for n, law in laws.inputs.items() if not (law.memory or law.symbols)}
    read: dict[str, set[str]] = {}
    for statement in cell.program:
        if isinstance(statement, Product):
            for base in statement.linear_map.bases:
                read.setdefault(base.name, set()).add(statement.operand.name)
    return tuple(n for n in laws.maps if n in read and read[n] <= fresh)
