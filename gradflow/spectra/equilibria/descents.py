r"""From many starts to the zeros and the minima of the speed ``|F(s) - s|``.

Levenberg-Marquardt (Marquardt, J. SIAM 11 (1963) 431) on :math:`q(s) = \tfrac12 |F(s) - s|^2`
brings every start to a minimum of q; plain Newton then takes the zeros to rounding level.
"""

from __future__ import annotations

import numpy as np

from gradflow.spectra.equilibria.period_map import PeriodMap
from gradflow.spectra.equilibria.zeros import Flags, is_zero, least_squares, norm
from gradflow.spectra.numerics.graded import EPS
from gradflow.spectra.numerics.logdomain import Floats

# |grad q| / |F(s) - s| below which a minimum of q is as good as found; Newton does the rest.
_LEVEL = 1e-6
_MOST_STEPS = 500
_MOST_NEWTON_STEPS = 100


def search(f: PeriodMap, first: Floats) -> tuple[Floats, Flags]:
    """Where starts (m, d) end, and whether the gradient of q vanishes there.

    Starts that leave the range of float64 are left out. One that ends at no minimum of q is tried
    again by damped Newton.
    """
    ends, finite, level = downhill(f, first)
    first, ends, level = first[finite], newton(f, ends[finite]), level[finite]
    again = np.flatnonzero(~_resolved(f, ends) & ~level)
    others = newton(f, damped_newton(f, first[again]))
    found = _resolved(f, others)
    ends[again[found]] = others[found]
    return ends, level


def _resolved(f: PeriodMap, states: Floats) -> Flags:
    return is_zero(f, states) & ~f.stuck(states).any(axis=-1)


def downhill(f: PeriodMap, states: Floats) -> tuple[Floats, Flags, Flags]:
    """Follow q downhill from states (m, d), all at once.

    Returns
    -------
    states : (m, d)
        Where each start ends.
    finite : (m,)
        False where ``F`` or its Jacobian leaves the range of float64.
    level : (m,)
        True where the gradient of q vanishes; False where the descent stops short of that.
    """
    states = states.copy()
    count, width = states.shape
    shift = f.shift(states)
    damping = np.full(count, 0.1)
    finite = np.isfinite(norm(shift))
    level = np.zeros(count, dtype=bool)
    going = finite.copy()
    for _ in range(_MOST_STEPS):
        here = np.flatnonzero(going)
        slope = f.jacobian(states[here]) - np.eye(width)
        bad = ~np.isfinite(slope).all(axis=(-1, -2))
        finite[here[bad]] = going[here[bad]] = False
        here, slope = here[~bad], slope[~bad]
        if len(here) == 0:
            break
        gradient = (shift[here, None] @ slope)[:, 0]
        normal = slope.swapaxes(-1, -2) @ slope
        size = np.trace(normal, axis1=-2, axis2=-1)
        found = norm(gradient) <= _LEVEL * norm(shift[here]) * (1 + np.sqrt(size))
        level[here[found]] = True
        damped = normal + (damping[here] * (1 + size))[:, None, None] * np.eye(width)
        trial = states[here] - np.linalg.solve(damped, gradient[..., None])[..., 0]
        moved = f.shift(trial)
        better = norm(moved) < norm(shift[here])
        kept = here[better & ~found]
        states[kept], shift[kept] = trial[better & ~found], moved[better & ~found]
        damping[here] = np.where(better, damping[here] / 5, damping[here] * 10).clip(1e-12)
        going[here[found | (damping[here] > 1e10)]] = False
    return states, finite, level


def newton(f: PeriodMap, states: Floats) -> Floats:
    """Plain Newton from states (m, d) for as long as it lowers ``|F(s) - s|``.

    Steps longer than a tenth of ``1 + |s|`` are not taken: they leave for another zero.
    """
    states = states.copy()
    shift = f.shift(states)
    going = np.arange(len(states))
    for _ in range(_MOST_NEWTON_STEPS):
        slope = f.jacobian(states[going]) - np.eye(states.shape[-1])
        finite = np.isfinite(slope).all(axis=(-1, -2))
        going, slope = going[finite], slope[finite]
        if len(going) == 0:
            break
        move = least_squares(slope, shift[going], states.shape[-1] * EPS)
        trial = states[going] - move
        moved = f.shift(trial)
        near = norm(move) <= 0.1 * (1 + norm(states[going]))
        better = near & (norm(moved) < norm(shift[going]))
        going = going[better]
        states[going], shift[going] = trial[better], moved[better]
    return states


def damped_newton(f: PeriodMap, states: Floats) -> Floats:
    """Newton from states (m, d) with a damping that no linear change of ``F(s) - s`` alters.

    Where gates saturate, ``F(s) - s`` has small rows, and q falls towards saturation rather than
    towards a zero. Here a step is taken if it shortens the next one, measured with the same
    Jacobian (P. Deuflhard, Newton Methods for Nonlinear Problems, 2004, algorithm NLEQ-ERR).
    """
    states = states.copy()
    share = np.ones(len(states))
    going = np.arange(len(states))
    for _ in range(_MOST_NEWTON_STEPS):
        slope = f.jacobian(states[going]) - np.eye(states.shape[-1])
        finite = np.isfinite(slope).all(axis=(-1, -2))
        going, slope = going[finite], slope[finite]
        if len(going) == 0:
            break
        inverse = np.linalg.pinv(slope, rcond=states.shape[-1] * EPS)
        with np.errstate(all="ignore"):
            move = (inverse @ f.shift(states[going])[..., None])[..., 0]
            trial = states[going] - share[going, None] * move
            following = norm((inverse @ f.shift(trial)[..., None])[..., 0])
            better = following <= (1 - share[going] / 4) * norm(move)
        states[going[better]] = trial[better]
        share[going] = np.where(better, np.minimum(1, 2 * share[going]), share[going] / 4)
        near = norm(move) <= np.sqrt(EPS) * (1 + norm(states[going]))
        going = going[~near & (share[going] > 1e-6)]
    return states
