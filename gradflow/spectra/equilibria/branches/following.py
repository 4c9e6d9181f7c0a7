r"""A curve of zeros of ``F(s; u) - s`` by pseudo-arclength steps, and where it turns back.

H. B. Keller, in Applications of Bifurcation Theory (ed. Rabinowitz, 1977) 359; W. Govaerts,
Numerical Methods for Bifurcations of Dynamical Equilibria (2000), chapters 3 and 4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.optimize import brentq, minimize_scalar

from gradflow.errors import PrecisionError
from gradflow.spectra.equilibria.branches.family import Family
from gradflow.spectra.equilibria.zeros import norm
from gradflow.spectra.numerics.graded import EPS
from gradflow.spectra.numerics.logdomain import Floats

_FIRST, _LONGEST, _SHORTEST = 0.01, 0.05, 1e-9
_MOST_STEPS = 1000
_FARTHEST = 1e4
# Directions of two points in a row have at least this cosine.
_STRAIGHT = 0.98
# Where the curve is this steep, two folds may lie between two points.
_STEEP = 0.3
# So near to the ends of an arc, and falling from both, the rise has a least value between.
_ASIDE = 0.02
_HALVINGS = 22


@dataclass(frozen=True, eq=False)
class Arc:
    """A stretch of the curve from the point z (d + 1,), direction `along`, of a given length."""

    family: Family
    z: Floats
    along: Floats
    length: float

    def point(self, length: float) -> Floats | None:
        """The point of the curve over `length` along the direction; None where Newton fails."""
        first = self.z + length * self.along
        z: Floats = first
        last = np.inf
        for _ in range(12):
            matrix = np.vstack([self.family.slope(z), self.along])
            gap = np.append(self.family.shift(z), (z - first) @ self.along)
            if not (np.isfinite(matrix).all() and np.isfinite(gap).all()):
                return None
            try:
                move = np.linalg.solve(matrix, gap)
            except np.linalg.LinAlgError:
                return None
            size = float(np.linalg.norm(move))
            if size >= last:
                break
            z, last = z - move, size
        return z if last <= 1e-10 * (1 + norm(z)) else None

    def direction(self, z: Floats) -> Floats:
        """The unit tangent at z, onwards."""
        tangent = np.linalg.svd(self.family.slope(z))[2][-1]
        return np.asarray(tangent * (1.0 if tangent @ self.along >= 0 else -1.0))

    def rise(self, length: float) -> float:
        """The part of the tangent along u; zero at a fold."""
        z = self.point(length)
        return np.nan if z is None else float(self.direction(z)[-1])

    def side(self, length: float) -> float:
        """Sign of the determinant of slope and tangent, which changes where a branch crosses."""
        z = self.point(length)
        if z is None:
            return np.nan
        matrix = np.vstack([self.family.slope(z), self.direction(z)])
        return float(np.linalg.slogdet(matrix)[0])


def follow(family: Family, state: Floats) -> tuple[list[Arc], Floats, str]:
    """Follow the curve from `state` at u = 0 towards u = 1 until it leaves [0, 1].

    Returns the arcs in a row, the last point, and what ended it, a word of ``branch.ENDS``.
    """
    z = np.append(state, 0.0)
    along = np.linalg.svd(family.slope(z))[2][-1]
    along = along * (1.0 if along[-1] >= 0 else -1.0)
    arcs: list[Arc] = []
    length = _FIRST
    while len(arcs) < _MOST_STEPS:
        arc = Arc(family, z, along, length)
        found = arc.point(length)
        turned = None if found is None else arc.direction(found)
        if found is None or turned is None or turned @ along < _STRAIGHT:
            length /= 2
            if length < _SHORTEST:
                return arcs, z, "turn"
            continue
        if found[-1] < 0 and not arcs:  # the span starts at a fold that opens away from it
            return arcs, z, "start"
        if not 0 <= found[-1] <= 1:
            edge = 1.0 if found[-1] > 1 else 0.0
            last = Arc(family, z, along, _root(partial(_over, arc, edge), length))
            return [*arcs, last], _on_edge(last, edge), "stop" if edge else "start"
        arcs.append(arc)
        z, along = found, turned
        if norm(z[:-1]) > _FARTHEST:
            return arcs, z, "far"
        longest = _LONGEST * (1 + float(norm(z[:-1])))
        length = min(longest, 1.5 * length if turned @ arc.along > (1 + _STRAIGHT) / 2 else length)
    return arcs, z, "steps"


def _over(arc: Arc, edge: float, length: float) -> float:
    z = arc.point(length)
    return np.nan if z is None else float(z[-1]) - edge


def _root(function: Callable[[float], float], length: float, low: float = 0.0) -> float:
    try:
        return float(brentq(function, low, length, xtol=1e-16, rtol=4 * EPS))
    except ValueError as error:  # NaN: Newton failed
        raise PrecisionError(
            "continue_fixed_points: the curve cannot be resolved where it turns back or leaves the"
            " span, since F is not smooth or hardly depends on the parameter; change the span."
        ) from error


def _on_edge(arc: Arc, edge: float) -> Floats:
    z = arc.point(arc.length)
    z = arc.z + arc.length * arc.along if z is None else z
    return np.append(z[:-1], edge)


def folds(arc: Arc) -> list[float]:
    """Lengths along the arc at which the curve turns back, two between its ends included."""
    low, high = float(arc.along[-1]), arc.rise(arc.length)
    if low * high < 0:
        return [_root(arc.rise, arc.length)]
    if not low or min(abs(low), abs(high)) >= _STEEP:
        return []

    def size(length: float) -> float:
        return float(np.sign(low) * arc.rise(length))

    if size(_ASIDE * arc.length) >= abs(low) or size((1 - _ASIDE) * arc.length) >= abs(high):
        return []
    least = minimize_scalar(size, bounds=(0.0, arc.length), method="bounded")
    if least.fun >= 0:
        return []
    middle = float(least.x)
    return [_root(arc.rise, middle), _root(arc.rise, arc.length, middle)]


def crossing(arc: Arc) -> Floats | None:
    """The point z (d + 1,) of the arc at which another branch crosses, if one does."""
    low, high = 0.0, arc.length
    before = arc.side(low)
    if not before * arc.side(high) < 0:
        return None
    for _ in range(_HALVINGS):
        # At the crossing itself Newton fails.
        tried = ((low + share * (high - low)) for share in (0.5, 0.4, 0.6))
        sides = ((length, arc.side(length)) for length in tried)
        middle, side = next((pair for pair in sides if np.isfinite(pair[1])), (low, np.nan))
        if np.isnan(side):
            break
        low, high = (middle, high) if side == before else (low, middle)
    ends = [z for z in (arc.point(low), arc.point(high)) if z is not None]
    return np.asarray(np.mean(ends, axis=0))


def off_curve(family: Family, z: Floats) -> float:
    """How far from z the curve may pass: residual and rounding over the least singular value."""
    f, state = family.at(float(z[-1])), z[:-1]
    noise = float(norm(f.shift(state)) + 4 * f.rounding(state))
    least = np.linalg.svd(family.slope(z), compute_uv=False)[-1]
    return 2 * noise / float(least) if least > 0 else np.inf


def fold_errors(arc: Arc, length: float, z: Floats) -> tuple[float, float]:
    """How far the fold may lie from z along u, and as a state.

    The rise is known to the rounding of the tangent and to the turning of the curve over the
    distance off it; over the rise's own slope that is the error along the curve, which moves u by
    its square only.
    """
    off = off_curve(arc.family, z)
    step = 1e-4 * arc.length
    near = [arc.point(length - step), arc.point(length + step)]
    if near[0] is None or near[1] is None:
        return np.inf, np.inf
    turn = (arc.direction(near[1]) - arc.direction(near[0])) / (2 * step)
    values = np.linalg.svd(arc.family.slope(z), compute_uv=False)
    noise = len(z) * EPS * float(values[0] / values[-1])
    slope = abs(float(turn[-1]))
    sideways = (noise + float(norm(turn)) * off) / slope if slope else np.inf
    return off + float(norm(turn)) * sideways**2, off + 2 * sideways
