r"""Means of a cell's state at the fixed point of its moment equations.

A mean of a product factors over independent normal variables; what is left of the previous state
is a moment :math:`E\,F(s)`, followed in turn as :math:`E\,F(s')` in the next state, until no new
one comes up. That they close is found out by trying.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import sympy as sp

from gradflow.ensembles.closed import quadrature
from gradflow.ensembles.closed.equations import Equations
from gradflow.ensembles.closed.notclosed import NotClosedError
from gradflow.ensembles.fields import Floats
from gradflow.ensembles.numeric import numeric

_MOST_KEYS, _MOST_EXPRESSIONS = 60, 5000
_ITERATIONS, _TOLERANCE = 600, 1e-13
# Where an iteration leaves more than this share of the distance, every fourth one looks ahead.
_SLOW, _EVERY = 0.5, 4
_SAMPLE = 4000

Factored = tuple[tuple[sp.Expr, sp.Expr, tuple[tuple[tuple[sp.Symbol, ...], sp.Expr], ...]], ...]


@dataclass(eq=False)
class Algebra:
    """Splits expressions into numbers, functions of the state and means over normal variables."""

    equations: Equations
    _known: dict[sp.Expr, Factored] = field(default_factory=dict)

    def factor(self, expression: sp.Expr) -> Factored:
        """Return (number, function of the state, groups of dependent variables) of each summand.

        Raises ``NotClosedError`` where memory and new fields are in one function.
        """
        if expression not in self._known:
            if len(self._known) > _MOST_EXPRESSIONS:
                raise NotClosedError("there are too many expressions")
            summands = sp.Add.make_args(sp.expand(expression))
            self._known[expression] = tuple(self._split(s) for s in summands)
        return self._known[expression]

    def _split(
        self, summand: sp.Expr
    ) -> tuple[sp.Expr, sp.Expr, tuple[tuple[tuple[sp.Symbol, ...], sp.Expr], ...]]:
        states, variables = set(self.equations.states), set(self.equations.variables)
        number, state = sp.S.One, sp.S.One
        groups: list[tuple[set[sp.Symbol], sp.Expr]] = []
        for factor in sp.Mul.make_args(summand):
            names = factor.free_symbols
            if names & states and names & variables:
                raise NotClosedError(f"{factor} mixes memory and new fields")
            if names & states:
                state *= factor
            elif mine := names & variables:
                hit = [g for g in groups if any(self._linked(a, b) for a in g[0] for b in mine)]
                joint = set().union(mine, *(g[0] for g in hit))
                groups = [g for g in groups if g not in hit]
                groups.append((joint, sp.Mul(factor, *(g[1] for g in hit))))
            else:
                number *= factor
        ordered = tuple((tuple(sorted(g[0], key=str)), g[1]) for g in groups)
        return number, state, ordered

    def _linked(self, a: sp.Symbol, b: sp.Symbol) -> bool:
        sources, variables = self.equations.sources, self.equations.variables
        maps = [
            {sources[g].name for g in variables[v] if sources[g].kind == "field"} for v in (a, b)
        ]
        return bool(maps[0] & maps[1]) or bool(set(variables[a]) & set(variables[b]))


@dataclass(eq=False, kw_only=True)
class Scene:
    """Numbers at one moment of time: moments, means over units, covariances of fields."""

    equations: Equations
    algebra: Algebra
    moments: Mapping[sp.Expr, float]
    means: dict[sp.Symbol, float]
    fields: dict[tuple[sp.Symbol, sp.Symbol], float] = field(default_factory=dict)
    _seen: dict[object, float] = field(default_factory=dict)

    def mean(self, expression: sp.Expr) -> float:
        """Return ``E expression``. Raises ``NotClosedError`` for a moment that is not known."""
        total = 0.0
        for number, state, groups in self.algebra.factor(expression):
            value = float(number.subs(self.means)) if number.free_symbols else float(number)
            if state != 1:
                if state not in self.moments:
                    raise NotClosedError(f"E {state} is not followed")
                value *= self.moments[state]
            for names, function in groups:
                value *= self._group(names, function) if value else 0.0
            total += value
        return total

    def covariance(self, a: sp.Symbol, b: sp.Symbol) -> float:
        """Return the covariance of two variables."""
        sources, total = self.equations.sources, 0.0
        for g, c in self.equations.variables[a].items():
            for h, d in self.equations.variables[b].items():
                one, other = sources[g], sources[h]
                if one.kind == "field" and one == other:
                    sigma = self.equations.sigmas[one.name]
                    total += float(c * d) * sigma**2 * self.fields[_pair(g, h)]
                elif g == h:
                    total += float(c * d) * one.variance
        return total

    def _group(self, names: tuple[sp.Symbol, ...], function: sp.Expr) -> float:
        covariance = np.array([[self.covariance(a, b) for b in names] for a in names])
        key = names, function, covariance.tobytes(), tuple(self.means.values())
        if key not in self._seen:
            self._seen[key] = quadrature.mean(function, names, covariance, self.means)
        return self._seen[key]


def scene(
    equations: Equations,
    algebra: Algebra,
    moments: Mapping[sp.Expr, float],
    means: Mapping[sp.Symbol, float],
) -> Scene:
    """Return the numbers of a step from the moments of the state before it."""
    made = Scene(equations=equations, algebra=algebra, moments=moments, means=dict(means))
    operands = list(equations.operands.items())
    for k, (g, v) in enumerate(operands):  # in program order: an operand sees earlier fields only
        for h, w in operands[: k + 1]:
            if equations.sources[g] == equations.sources[h]:
                made.fields[_pair(g, h)] = made.mean(v * w)
    for symbol, of in equations.means.items():
        made.means[symbol] = made.mean(of)
    return made


def _pair(g: sp.Symbol, h: sp.Symbol) -> tuple[sp.Symbol, sp.Symbol]:
    return (g, h) if str(g) <= str(h) else (h, g)


@dataclass(frozen=True, kw_only=True)
class FixedPoint:
    """Moments of the state that a step returns.

    ``rules`` give each moment one step later, ``scene`` the numbers there, and ``gap`` is how far
    they are from where the iteration goes, by the rate at which it slows.
    """

    scene: Scene
    rules: Mapping[sp.Expr, sp.Expr]
    gap: float

    @property
    def squares(self) -> dict[str, float]:
        """The mean square of every state part."""
        return {s.name: self.scene.mean(s**2) for s in self.scene.equations.states}


def fixed_point(equations: Equations, start: float, extra: Iterable[sp.Expr] = ()) -> FixedPoint:
    """Iterate the moment equations from a normal state of variance ``start``.

    Raises ``NotClosedError``, also where the iteration does not settle.
    """
    algebra = Algebra(equations)
    operands = list(equations.operands.items())
    wanted = [s**2 for s in equations.states]
    wanted += [
        v * w
        for g, v in operands
        for h, w in operands
        if equations.sources[g] == equations.sources[h]
    ]
    rules = _rules(algebra, [*wanted, *equations.means.values(), *extra])
    names = tuple(rules)
    x = _first(equations, names, start)
    means = dict.fromkeys(equations.means, 0.1)

    def update(
        x: Floats,
    ) -> Floats:
        nonlocal means
        here = scene(equations, algebra, dict(zip(names, x, strict=True)), means)
        means = here.means
        return np.array([here.mean(rules[k]) for k in names])

    step = np.zeros(len(x))
    for i in range(1, _ITERATIONS + 1):
        y = update(x)
        if not np.isfinite(y).all():
            raise NotClosedError("the moments grow without end")
        before, step, x = step, y - x, y
        if np.abs(step).max(initial=0.0) < _TOLERANCE * max(1.0, np.abs(x).max(initial=0.0)):
            break
        if i % _EVERY == 0:
            x, step = _ahead(x, step, before), np.zeros(len(x))
    gap = float(np.abs(step).max(initial=0.0))
    rate = min(gap / float(np.abs(before).max()), 1 - 1e-6) if before.any() else 0.0
    moments = dict(zip(names, map(float, x), strict=True))
    here = scene(equations, algebra, moments, means)
    return FixedPoint(scene=here, rules=rules, gap=gap / (1 - rate))


def _rules(algebra: Algebra, starts: Iterable[sp.Expr]) -> dict[sp.Expr, sp.Expr]:
    """Return the moments that these means need, each with its value one step later."""
    following = algebra.equations.next
    waiting, found = list(starts), dict[sp.Expr, sp.Expr]()
    while waiting:
        for _, state, _ in algebra.factor(waiting.pop()):
            if state == 1 or state in found:
                continue
            if len(found) >= _MOST_KEYS:
                raise NotClosedError("the moments do not close")
            found[state] = state.xreplace(following)
            waiting.append(found[state])
    return found


def _first(equations: Equations, names: tuple[sp.Expr, ...], start: float) -> Floats:
    rng = np.random.default_rng(0)
    sample = [np.sqrt(start) * rng.standard_normal(_SAMPLE) for _ in equations.states]
    with np.errstate(all="ignore"):
        first = [np.mean(numeric(k, equations.states)(*sample)) for k in names]
    return np.asarray(np.nan_to_num(np.array(first, dtype=np.float64)))


def _ahead(x: Floats, step: Floats, before: Floats) -> Floats:
    """Return where a slow approach goes, by Aitken's extrapolation along its last step.

    Near a critical point the distance shrinks by a factor near 1; at one, where it falls as 1/t,
    each extrapolation halves it.
    """
    rate = float(step @ before / (before @ before)) if before.any() else 0.0
    goal = x + step * rate / (1 - rate) if _SLOW < rate < 1 else x
    return goal if np.isfinite(goal).all() else x
