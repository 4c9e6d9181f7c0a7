r"""Zeros of ``F(s) - s``: what counts as one, how well it is determined, which of them are one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

from gradflow.spectra.equilibria.period_map import PeriodMap
from gradflow.spectra.numerics.graded import EPS
from gradflow.spectra.numerics.logdomain import Floats

Flags = NDArray[np.bool_]

# A computed zero has |F(s) - s| within this many rounding errors.
_ROUNDINGS = 4.0
# Where the least singular value of J - I is above this, J hardly changes within the error.
_NEARLY_SINGULAR = 1e-4
# Zeros that go on for this share of 1 + |s|: even a zero of order 7 would end before.
_CONTINUUM = 1e-2
_SHRINK = 4.0
# The square of a shorter length underflows, so that no distance is known better.
_SHORTEST = 1e-150


def norm(vectors: Floats) -> Floats:
    """Euclidean length along the last axis."""
    return np.asarray(np.linalg.norm(vectors, axis=-1))


def is_zero(f: PeriodMap, states: Floats) -> Flags:
    """Whether ``F(s) = s`` to rounding, at states (m, d)."""
    return np.asarray(norm(f.shift(states)) <= _ROUNDINGS * f.rounding(states))


def least_squares(slope: Floats, shift: Floats, cut: float) -> Floats:
    """Least-squares solution (m, d) of least length, singular values below `cut` left out."""
    inverse = np.linalg.pinv(slope, rcond=cut)
    return np.asarray((inverse @ shift[..., None])[..., 0])


def probes(states: Floats) -> Floats:
    """States (3, m, d): those given, and a little to both sides of them, to look across kinks."""
    direction = np.random.default_rng(0).normal(size=states.shape[1:])
    direction /= norm(direction)
    aside = np.sqrt(EPS) * (1 + norm(states))[:, None] * direction
    return np.stack([states, states + aside, states - aside])


def determination(f: PeriodMap, states: Floats) -> tuple[Floats, NDArray[np.int64]]:
    r"""How far from each computed zero (m, d) the true one may be, and how many dimensions it has.

    Where ``J - I`` is well conditioned, the error is twice ``|(J - I)^{-1}|`` times residual and
    rounding. Where it is nearly singular, rounding smears the zero (over ``sqrt(eps)`` at a fold,
    ``eps^(1/3)`` at a cusp), so the smear itself is measured: how far one can go along each
    singular direction, corrected across it, with ``F(s) - s`` still at rounding level. A zero that
    goes on for a hundredth of ``1 + |s|`` counts as one of a continuum.

    Returns
    -------
    error : (m,)
        Distance within which the true zero lies; ``inf`` on a continuum.
    dimension : (m,)
        0 for an isolated zero, or that of the continuum: the number of singular directions.
    """
    noise = norm(f.shift(states)) + _ROUNDINGS * f.rounding(states)
    limit = _CONTINUUM * (1 + norm(states))
    error = np.zeros(len(states))
    dimension = np.zeros(len(states), dtype=np.int64)
    for side in probes(states):
        slope = f.jacobian(side) - np.eye(states.shape[-1])
        usable = np.flatnonzero(np.isfinite(slope).all(axis=(-1, -2)))
        _, values, vectors = np.linalg.svd(slope[usable])
        singular = values <= _NEARLY_SINGULAR * np.maximum(1, values[:, :1])
        plain = usable[~singular[:, -1]]
        error[plain] = np.maximum(error[plain], 2 * noise[plain] / values[~singular[:, -1], -1])
        for k in range(states.shape[-1] - 1, -1, -1):
            here = singular[:, k] & np.isfinite(error[usable])
            if not here.any():
                break
            walked = usable[here]
            reach = _reach(f, states[walked], vectors[here, k], noise[walked], limit[walked])
            endless = reach > limit[walked]
            error[walked] = np.where(endless, np.inf, np.hypot(error[walked], reach))
            flat = (values[here] <= (noise[walked] / limit[walked])[:, None]).sum(axis=-1)
            dimension[walked] = np.where(endless, np.maximum(flat, 1), 0)
    return np.maximum(error, EPS * norm(states) + _SHORTEST), dimension


def _reach(f: PeriodMap, states: Floats, along: Floats, noise: Floats, limit: Floats) -> Floats:
    """Distance (m,) along unit vectors that zeros end before; over `limit` if they go on so far."""
    reach = np.zeros(len(states))
    for sign in (1.0, -1.0):
        distance = limit.copy()
        left = np.arange(len(states))
        while len(left):
            ends = _zero_at(f, states[left], sign * along[left], distance[left], noise[left])
            # Another zero may lie at this very distance, so one between has to be there too.
            between = 0.37 * distance[left]
            ends &= _zero_at(f, states[left], sign * along[left], between, noise[left])
            farther = np.maximum(reach[left], _SHRINK * distance[left])
            reach[left] = np.where(ends, farther, reach[left])
            distance[left] /= _SHRINK
            low = EPS * (1 + norm(states[left]))
            left = left[~ends & (distance[left] > np.maximum(low, reach[left] / _SHRINK))]
    return np.maximum(reach, EPS * (1 + norm(states)))


def _zero_at(f: PeriodMap, states: Floats, along: Floats, distance: Floats, noise: Floats) -> Flags:
    """Whether ``F(s) = s`` to rounding so far along, after two Newton steps across."""
    trial = states + distance[:, None] * along
    across = np.eye(states.shape[-1]) - along[:, :, None] * along[:, None, :]
    for _ in range(2):
        slope = (f.jacobian(trial) - np.eye(states.shape[-1])) @ across
        slope = np.where(np.isfinite(slope), slope, 0.0)
        move = least_squares(slope, np.nan_to_num(f.shift(trial)), _NEARLY_SINGULAR)
        trial = trial - np.minimum(1, distance / np.maximum(norm(move), 1e-300))[:, None] * move
    return np.asarray(norm(f.shift(trial)) <= noise + _ROUNDINGS * f.rounding(trial))


def distinct(states: Floats, error: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Merge points (m, d) whose errors (m,) overlap, in chains too.

    Returns the indices of the points kept, the best determined one of each group, and errors that
    cover the group.
    """
    if len(states) == 0:
        return np.empty(0, dtype=np.int64), error
    distance = cdist(states, states)
    _, group = connected_components(distance <= error[:, None] + error, directed=False)
    kept, covering = [], []
    for label in range(group.max() + 1):
        members = np.flatnonzero(group == label)
        best = members[np.argmin(error[members])]
        kept.append(best)
        covering.append((distance[best, members] + error[members]).max())
    return np.array(kept), np.array(covering)
