r"""Slow points: minima of :math:`q(s) = \tfrac12 |F(s) - s|^2` that are no zeros.

There :math:`(J - I)^\top (F(s) - s) = 0`, so that ``J - I`` is singular. Newton on this gradient
needs the Hessian, ``(J - I)^T (J - I)`` and the second derivatives of F against ``F(s) - s``; those
are central differences of the derived ``r^T J`` with r held, whose error is small against ``|r|``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gradflow.spectra.equilibria.period_map import PeriodMap
from gradflow.spectra.equilibria.zeros import distinct, norm
from gradflow.spectra.numerics.graded import EPS
from gradflow.spectra.numerics.logdomain import Floats

# Ends of descents closer than this share of 1 + |s| are one before Newton parts them.
_ROUGHLY = 1e-4
_MOST_STEPS = 30
# Curvature of q below this share of speed times 1 + |J| is none: the speed is level there.
_LEVEL = 1e-6


def minima(f: PeriodMap, states: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Minima of the speed near states (m, d) where descents ended.

    Returns
    -------
    states : (k, d)
        The minima, each once, the slowest first.
    error : (k,)
        Distance within which the true minimum lies.
    isolated : (m,)
        Whether a start ended at one of them; False where the speed is level along a line.
    """
    if len(states) == 0:
        return states, np.empty(0), np.empty(0, dtype=bool)
    # Each start's own group, so that all of them can be counted.
    near = _ROUGHLY * (1 + norm(states)) / 2
    kept, _ = distinct(states, near)
    ends = [_minimum(f, states[i]) for i in kept]
    which = np.argmin(np.linalg.norm(states[:, None] - states[kept], axis=-1), axis=1)
    isolated = np.array([end is not None for end in ends])[which]
    found = [end for end in ends if end is not None]
    points = np.array([p for p, _ in found]).reshape(-1, states.shape[-1])
    errors = np.array([e for _, e in found])
    best, covering = distinct(points, errors)
    order = np.argsort(norm(f.shift(points[best])), kind="stable")
    return points[best][order], covering[order], isolated


def _minimum(f: PeriodMap, state: Floats) -> tuple[Floats, float] | None:
    """The minimum and its error by Newton from `state`; None if the speed is level there."""
    gradient, hessian, noise = _derivatives(f, state)
    for _ in range(_MOST_STEPS):
        curvature, axes = np.linalg.eigh(hessian)
        if curvature[0] <= noise[1]:
            return None
        move = axes @ (axes.T @ gradient / curvature)
        trial = _derivatives(f, state - move)
        if not norm(trial[0]) < norm(gradient):
            break
        state = state - move
        gradient, hessian, noise = trial
    error = 2 * (float(norm(gradient)) + noise[0]) / curvature[0]
    return state, max(error, EPS * float(norm(state)))


def _derivatives(f: PeriodMap, state: Floats) -> tuple[Floats, Floats, tuple[float, float]]:
    """Gradient (d,) and Hessian (d, d) of q, and below which size each of them is none."""
    shift = f.shift(state)
    slope = f.jacobian(state) - np.eye(len(state))
    step = EPS ** (1 / 3) * (1 + norm(state)) * np.eye(len(state))
    turned = f.vjp(state + step, shift) - f.vjp(state - step, shift)
    second = turned / (2 * step[0, 0])
    hessian = slope.T @ slope + (second + second.T) / 2
    speed, size = float(norm(shift)), float(np.linalg.norm(slope, 2))
    rounding = size * float(f.rounding(state)) + len(state) * EPS * (1 + size) * speed
    level = _LEVEL * speed * (1 + size) + len(state) * EPS * size**2
    return shift @ slope, hessian, (rounding, level)
