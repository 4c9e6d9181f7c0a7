"""Means of functions of up to three correlated normal variables, to rounding where smooth."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import sympy as sp

from gradflow.cells.language import functions
from gradflow.cells.language.nodes import choose
from gradflow.ensembles.closed.notclosed import NotClosedError
from gradflow.ensembles.fields import Floats
from gradflow.ensembles.numeric import numeric

# Nodes in each direction and how far they reach, in standard deviations. The trapezoidal rule is
# exact to rounding for what is analytic around the real line; a kink at 0 lies between two nodes.
_NODES = {1: 4000, 2: 400, 3: 64}
_REACH = {1: 10.0, 2: 10.0, 3: 7.0}
_KINKS = (functions.step, functions.relu, functions.sign, functions.Abs, functions.floor)
_PANEL = np.polynomial.legendre.leggauss(200)


def has_kink(expression: sp.Expr) -> bool:
    """Whether a function with a corner or a jump is in it."""
    return bool(expression.has(*_KINKS, functions.Max, functions.Min, choose))


def mean(
    expression: sp.Expr,
    names: Sequence[sp.Symbol],
    covariance: Floats,
    values: Mapping[sp.Symbol, float],
) -> float:
    """Return ``E f(names)`` for centred normal ``names`` of a covariance; other symbols by value.

    Raises ``NotClosedError`` for more than three names.
    """
    count = len(names)
    if count > 3:
        raise NotClosedError(f"{count} dependent normal variables are in {expression}")
    if count == 1 and has_kink(expression):
        return _in_panels(expression, names[0], float(covariance[0, 0]), values)
    others = tuple(sorted(expression.free_symbols - set(names), key=str))
    function = numeric(expression, (*names, *others))
    given = [values[s] for s in others]
    points, weights = _rule(_NODES[count], _REACH[count])
    root = _root(covariance)
    grids = np.meshgrid(*[points] * count, indexing="ij", sparse=True)
    weight = np.ones(())
    for w in np.meshgrid(*[weights] * count, indexing="ij", sparse=True):
        weight = weight * w
    at = [sum(root[i, j] * grids[j] for j in range(i + 1)) for i in range(count)]
    with np.errstate(all="ignore"):
        return float(np.sum(weight * function(*at, *given)))


def _rule(count: int, reach: float) -> tuple[Floats, Floats]:
    step = 2 * reach / count
    points = step * (np.arange(count) - (count - 1) / 2)
    return np.asarray(points), np.asarray(np.exp(-(points**2) / 2) * step / np.sqrt(2 * np.pi))


def _root(covariance: Floats) -> Floats:
    """Return a lower triangular root, also of a singular covariance."""
    n = len(covariance)
    low = np.zeros((n, n))
    for i in range(n):
        for j in range(i):
            if low[j, j] > 0:
                low[i, j] = (covariance[i, j] - low[i, :j] @ low[j, :j]) / low[j, j]
        left = covariance[i, i] - low[i, :i] @ low[i, :i]
        low[i, i] = np.sqrt(left) if left > 1e-14 * covariance[i, i] else 0.0
    return low


def _in_panels(
    expression: sp.Expr, name: sp.Symbol, variance: float, values: Mapping[sp.Symbol, float]
) -> float:
    """Integrate between the kinks: where the argument of a kinked function is 0, if linear."""
    sd = np.sqrt(variance)
    known = {s: v for s, v in values.items() if s in expression.free_symbols}
    placed = expression.xreplace({s: sp.Float(v, 17) for s, v in known.items()})
    cuts = {-_REACH[1], _REACH[1]}
    for call in placed.atoms(*_KINKS):
        slope = sp.diff(call.args[0], name)
        if slope.is_number and slope != 0 and sd:
            cuts.add(float(-call.args[0].subs(name, 0) / slope) / sd)
    function = numeric(placed, (name,))
    edges = sorted(c for c in cuts if abs(c) <= _REACH[1])
    # thin panels: what lies between kinks is smooth, but may be steep
    every = np.unique(np.concatenate([np.linspace(a, b, 9) for a, b in itertools.pairwise(edges)]))
    nodes, weights = _PANEL
    half, middle = np.diff(every)[:, None] / 2, (every[1:] + every[:-1])[:, None] / 2
    z = middle + half * nodes
    with np.errstate(all="ignore"):
        found = np.broadcast_to(function(sd * z), z.shape)
    return float(np.sum(half * weights * found * np.exp(-(z**2) / 2)) / np.sqrt(2 * np.pi))
