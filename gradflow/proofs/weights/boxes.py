r"""A bound of ``|P(T, 0)|`` for every input in a box, and every initial state in a ball.

Interval trajectories explode: each step wraps its box into a larger one. Here one centre run is
computed in balls and the distance to it is one Euclidean radius, ``rho``. Over that neighbourhood
the Jacobian is the centre's, ``J``, plus some ``D``; by the mean value theorem ``rho' <= (|J| +
|D|) rho + |J_x| r``, and ``|prod (J + D)| <= |prod J| + prod (|J| + |D|) - prod |J|``. Where the
weights alone bound the step, that bound is used if it is less. The result is honest and may be
useless: then it says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import isqrt
from typing import Any

import numpy as np

from gradflow.given import instance, real_number
from gradflow.proofs.bounding.invariants import unit_invariants
from gradflow.proofs.weights.balls import (
    BallCell,
    UndecidedError,
    Vector,
    at_precision,
    ball,
    magnitude,
    upper,
)
from gradflow.proofs.weights.concrete import concrete
from gradflow.proofs.weights.enclosing import at, identity, norm, outward, start, step_matrix
from gradflow.spectra import Trajectory

_BITS = 256
_USELESS = 10**9
"""A bound, or a radius of the state, that says nothing any more."""


@dataclass(frozen=True, repr=False)
class BoxBound:
    """``|P(T, 0)| <= high`` for every input within ``radius`` of the run's, entry by entry.

    ``high`` is ``None`` where the neighbourhood grew beyond any use. ``reached`` is the Euclidean
    radius of the final state around the centre run's.
    """

    high: Fraction | None
    radius: Fraction
    steps: int
    reached: Fraction

    def __repr__(self) -> str:
        """Return one line."""
        return f"<BoxBound {self}>"

    def __str__(self) -> str:
        """Return the bound in words."""
        near = f"for every input within {float(self.radius):g} of the run's"
        if self.high is None:
            return f"no useful bound of |P({self.steps}, 0)| {near}: the neighbourhood grew too far"
        return f"|P({self.steps}, 0)| <= {outward(self.high, self.high)[1]!r} {near}"


def box_bound(run: Trajectory, radius: float, state_radius: float = 0.0) -> BoxBound:
    """Bound the product of a run's step Jacobians for every input near the run's.

    Parameters
    ----------
    run
        The centre: parameters, inputs and initial state, taken as exact.
    radius
        How far each entry of each input may be from the run's.
    state_radius
        How far the initial state may be, in the Euclidean norm.

    Raises
    ------
    UsageError
        For a batch, a negative radius, or a function that cannot be enclosed.
    """
    instance(run, "box_bound: run", Trajectory, "gradflow.run").require_single("box_bound")
    radius = real_number(radius, "box_bound: radius", 0.0)
    state_radius = real_number(state_radius, "box_bound: state_radius", 0.0)
    exact = Fraction(float(radius))
    try:
        with at_precision(_BITS):
            return _propagate(run, exact, Fraction(float(state_radius)))
    except UndecidedError:
        return BoxBound(None, exact, run.steps, Fraction(_USELESS))


def _propagate(run: Trajectory, radius: Fraction, start_radius: Fraction) -> BoxBound:
    cell = BallCell(run)
    rate = _rate(run, start_radius)
    columns = _columns(run)
    far = _root_above(max((s.stop for s in columns.values()), default=0)) * radius
    rho, centre, whole = start_radius, start(run), identity(run.width)
    apart = together = plain = Fraction(1)
    for k in range(run.steps):
        x = at(run, k)
        exact = cell.values(centre, x, k + 1)
        wide = cell.values(
            {p: _widened(v, rho) for p, v in centre.items()},
            {n: _widened(v, radius) for n, v in x.items()},
            k + 1,
        )
        middle = step_matrix(cell, exact, k + 1, run.parts)
        around = step_matrix(cell, wide, k + 1, run.parts)
        size = _short(norm(middle)[1])
        drift = _frobenius(around - middle)
        reach = size + drift if rate is None else min(size + drift, rate)
        by_input = step_matrix(cell, wide, k + 1, columns) if columns else None
        moved = _frobenius(by_input) * far if by_input is not None else Fraction(0)
        rho = _short(reach * rho + moved)
        apart, together = _short(apart * size), _short(together * (size + drift))
        plain = _short(plain * reach)
        whole = middle * whole
        centre = {p: exact[f"{p}_next"] for p in run.cell.states}
        if max(rho, plain) > _USELESS:
            return BoxBound(None, radius, run.steps, rho)
    # |prod (J + D)| <= |prod J| + prod (|J| + |D|) - prod |J|
    high = min(plain, norm(whole)[1] + together - apart)
    return BoxBound(high, radius, run.steps, rho)


def _rate(run: Trajectory, start_radius: Fraction) -> Fraction | None:
    """Return the step's bound by the weights alone, if it has one and its assumptions hold."""
    reach = max(float(np.abs(run.states[p][0]).max()) for p in run.cell.states)
    boxed = Fraction(reach) + start_radius <= 1 or not unit_invariants(run.cell)
    found = concrete(run.cell, run.params) if boxed and len(run.cell.states) == 1 else None
    return Fraction(found.evidence[0]["rate"]) if found else None


def _columns(run: Trajectory) -> dict[str, slice]:
    """Return where each input stands among the columns of the Jacobian by inputs."""
    stops = [0]
    for array in run.inputs.values():
        stops.append(stops[-1] + int(array.shape[-1]))
    return {n: slice(stops[k], stops[k + 1]) for k, n in enumerate(run.inputs)}


def _widened(vector: Vector, radius: Fraction) -> Vector:
    if not radius:
        return vector
    wide = ball(0, ball(float(np.nextafter(float(radius), np.inf))))
    return [v + wide for v in vector]


def _frobenius(matrix: Any) -> Fraction:
    """Return an upper bound of the norm of every matrix in a matrix of balls."""
    entries = (
        magnitude(matrix[i, j]) for i in range(matrix.nrows()) for j in range(matrix.ncols())
    )
    return upper(sum((e * e for e in entries), ball(0)).sqrt())


def _short(value: Fraction) -> Fraction:
    """Round up to 40 significant digits or so, which keeps long products of fractions short."""
    digits = 10**40
    while value and value * digits < 10**40:
        digits *= 10**40
    return Fraction(-(-value.numerator * digits // value.denominator), digits)


def _root_above(n: int) -> Fraction:
    return Fraction(isqrt(n * 10**18) + 1, 10**9) if n else Fraction(0)
