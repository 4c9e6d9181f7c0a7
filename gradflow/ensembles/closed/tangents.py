r"""How a small difference of states grows: in the bulk, and in the one direction outside it.

The bulk: second moments of tangents, :math:`E[F(s)\,\delta_a \delta_b]`, are multiplied at each
step by a matrix; its largest eigenvalue is :math:`\chi`, and :math:`\tfrac12\ln\chi` the exponent
of nearly every direction. The outlier: a difference that changes the state's moments themselves
grows by the largest multiplier of the moment equations. The leading exponent is the larger.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import partial

import numpy as np
import sympy as sp

from gradflow.ensembles.closed.equations import Chain, Equations
from gradflow.ensembles.closed.moments import FixedPoint, Scene, fixed_point, scene
from gradflow.ensembles.closed.notclosed import NotClosedError
from gradflow.ensembles.fields import Floats

_MOST = 60
# Steps over which means over units of the same step are settled, when the moments are changed.
_SETTLE = 4

Key = tuple[sp.Expr, sp.Symbol, sp.Symbol]


def chi(equations: Equations, at: FixedPoint, start: float) -> tuple[float, FixedPoint]:
    """Return the growth of second moments of tangents, and the fixed point with what that needs.

    Raises ``NotClosedError``.
    """
    for _ in range(_MOST):
        try:
            matrix = _matrix(equations, at.scene)
        except _MissingError as missing:
            at = fixed_point(equations, start, [*at.rules, missing.expression])
            continue
        return _radius(matrix), at
    raise NotClosedError("the tangents' moments do not close")


def outlier(equations: Equations, at: FixedPoint) -> float:
    """Return the largest multiplier of the moment equations at their fixed point, 0 for none."""
    names = list(at.rules)
    if not names or max(at.squares.values()) < 1e-12:
        # at the zero state a change of moments is of second order: no direction of its own
        return 0.0
    x = np.array([at.scene.moments[k] for k in names])

    def update(x: Floats) -> Floats:
        means = at.scene.means
        for _ in range(_SETTLE if means else 1):
            here = scene(equations, at.scene.algebra, dict(zip(names, x, strict=True)), means)
            means = here.means
        return np.array([here.mean(at.rules[k]) for k in names])

    columns = []
    for i, value in enumerate(x):
        step = np.zeros(len(x))
        step[i] = 1e-5 * max(abs(value), 1e-3)
        columns.append((update(x + step) - update(x - step)) / (2 * step[i]))
    return _radius(np.array(columns).T)


def log(value: float) -> float:
    """Return the natural logarithm, ``-inf`` of 0."""
    return math.log(value) if value > 0 else -math.inf


class _MissingError(Exception):
    def __init__(self, expression: sp.Expr) -> None:
        self.expression = expression


def _radius(matrix: Floats) -> float:
    return float(np.abs(np.linalg.eigvals(matrix)).max()) if matrix.size else 0.0


def _matrix(equations: Equations, here: Scene) -> Floats:
    """Return what multiplies the second moments of tangents at each step."""
    keys: dict[Key, int] = {}
    waiting: list[Key] = []

    def index(of: sp.Expr, a: sp.Symbol, b: sp.Symbol) -> int:
        first, second = sorted((a, b), key=str)
        key = (of, first, second)
        if key not in keys:
            if len(keys) >= _MOST:
                raise NotClosedError("the tangents' moments do not close")
            keys[key] = len(keys)
            waiting.append(key)
        return keys[key]

    for a in equations.states:
        index(sp.S.One, a, a)
    rows: dict[int, dict[int, float]] = {}
    while waiting:
        of, a, b = waiting.pop()
        ahead = of.xreplace(equations.next) if of != 1 else of
        row: dict[int, float] = {}
        for i, j in itertools.product(equations.states, equations.states):
            for p, q in itertools.product(equations.terms[a, i], equations.terms[b, j]):
                (d, *ds), m = p[0], p[1]
                (e, *es), n = q[0], q[1]
                _pair(
                    equations,
                    here,
                    ahead * d * e,
                    (tuple(ds), m),
                    (tuple(es), n),
                    partial(_add, here, index, (i, j), row),
                )
        rows[keys[of, a, b]] = row
    matrix = np.zeros((len(keys), len(keys)))
    for k, row in rows.items():
        for j, value in row.items():
            matrix[k, j] += value
    return matrix


def _pair(
    equations: Equations,
    here: Scene,
    factor: sp.Expr,
    p: Chain,
    q: Chain,
    add: Callable[[sp.Expr, float], None],
    weight: float = 1.0,
) -> None:
    """Add ``E[factor * (p delta) (q delta)]`` of what is left of two chains of maps."""
    if not p[1] and not q[1]:
        add(factor, weight)
    elif p[1] and q[1] and p[1][0] == q[1][0]:
        # the fields of one map have the covariance of its operands
        sigma = equations.sigmas[p[1][0]]
        passed = weight * sigma**2 * _mean(here, factor)
        (d, *ds), (e, *es) = p[0], q[0]
        _pair(equations, here, d * e, (tuple(ds), p[1][1:]), (tuple(es), q[1][1:]), add, passed)


def _add(
    here: Scene,
    index: Callable[[sp.Expr, sp.Symbol, sp.Symbol], int],
    by: tuple[sp.Symbol, sp.Symbol],
    row: dict[int, float],
    factor: sp.Expr,
    weight: float,
) -> None:
    """Add ``weight * E[factor * delta_a delta_b]`` to the row."""
    for number, state, groups in here.algebra.factor(factor):
        value = weight * here.mean(sp.Mul(number, *(g for _, g in groups)))
        if value:
            k = index(state, *by)
            row[k] = row.get(k, 0.0) + value


def _mean(here: Scene, expression: sp.Expr) -> float:
    for _, state, _ in here.algebra.factor(expression):
        if state != 1 and state not in here.moments:
            raise _MissingError(expression)
    return here.mean(expression)
