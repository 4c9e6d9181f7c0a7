r"""Bounds of ``|P(T, 0)|`` for every input in a box, and every initial state in a ball.

Interval trajectories explode: each step wraps its box into a larger one. Here the distance from one
centre run is carried by variation of constants (:mod:`gradflow.proofs.certified.along.box`), unit
by unit. Where the weights alone bound the step, that bound is used if it is less. The result is
honest and may be useless: then it says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from gradflow.given import instance, real_number
from gradflow.proofs.bounding.invariants import unit_invariants
from gradflow.proofs.certified.along.box import box
from gradflow.proofs.certified.along.tree import singular_values
from gradflow.proofs.certified.program.deriving import given
from gradflow.proofs.weights.concrete import concrete
from gradflow.proofs.weights.enclosing import outward
from gradflow.spectra import Trajectory

_USELESS = 10**9
"""A bound by the weights alone that says nothing any more."""


@dataclass(frozen=True, kw_only=True, repr=False)
class BoxBound:
    """``low <= |P(T, 0)| <= high`` for every input within ``radius`` of the run's, entry by entry.

    ``high`` is ``None`` where the neighbourhood grew beyond any use; ``low`` is then 0. ``reached``
    is the Euclidean radius of the final state around the centre run's, ``None`` where it is not
    known.
    """

    low: Fraction
    high: Fraction | None
    radius: Fraction
    steps: int
    reached: Fraction | None
    weight_share: Fraction = Fraction(0)

    def __repr__(self) -> str:
        """Return one line."""
        return f"<BoxBound {self}>"

    def __str__(self) -> str:
        """Return the bounds in words."""
        near = f"for every input within {float(self.radius):g} of the run's"
        if self.weight_share:
            near += f" and weights off by at most {float(self.weight_share):g} of their size"
        if self.high is None:
            return f"no useful bound of |P({self.steps}, 0)| {near}: the neighbourhood grew too far"
        low, high = outward(self.low, self.high)
        product = f"|P({self.steps}, 0)|"
        if not self.low:
            return f"{product} <= {high!r} {near}"
        return f"{product} lies in [{low!r}, {high!r}] {near}"


def box_bound(
    run: Trajectory, radius: float, state_radius: float = 0.0, weight_share: float = 0.0
) -> BoxBound:
    """Bound the product of a run's step Jacobians for every input near the run's.

    Parameters
    ----------
    run
        The centre: parameters, inputs and initial state, taken as exact.
    radius
        How far each entry of each input may be from the run's.
    state_radius
        How far the initial state may be, in the Euclidean norm.
    weight_share
        How far each weight may be, as a share of its size; ``2**-24`` holds the weights of which
        the run's are the rounding to float32, or the other way round.

    Raises
    ------
    UsageError
        For a batch, a negative radius, or a function that cannot be enclosed.

    Examples
    --------
    >>> import gradflow as gf
    >>> params = gf.cells.lstm.init(hidden=4, inputs=2, rng=0)
    >>> run = gf.run("lstm", params, [[1.0, 0.0]] * 20)
    >>> print(gf.proofs.box_bound(run, 0.0, weight_share=2.0**-24))
    |P(20, 0)| lies in [0.2519..., 0.2519...] for every input within 0 of the run's and weights ...
    """
    instance(run, "box_bound: run", Trajectory, "gradflow.run").require_single("box_bound")
    radius = real_number(radius, "box_bound: radius", 0.0)
    state_radius = real_number(state_radius, "box_bound: state_radius", 0.0)
    share = real_number(weight_share, "box_bound: weight_share", 0.0)
    found = box(given(run, "box_bound"), radius, state_radius, share)
    low, high, reached = Fraction(0), None, None
    if found is not None:
        ends = singular_values(found.product)
        scale = Fraction(2) ** found.product.exponent
        low, high = (Fraction(float(end[0])) * scale for end in ends)
        # a root of a sum of squares is off by its number of terms in units of 2^-53
        reached = Fraction(float(np.linalg.norm(found.reached)) * (1 + 2.0**-30))
    rate = None if share else _rate(run, Fraction(state_radius))
    if rate is not None and (high is not None or rate**run.steps <= _USELESS):
        high = min(rate**run.steps, rate**run.steps if high is None else high)
    return BoxBound(
        low=low,
        high=high,
        radius=Fraction(radius),
        steps=run.steps,
        reached=reached,
        weight_share=Fraction(share),
    )


def _rate(run: Trajectory, start_radius: Fraction) -> Fraction | None:
    """Return the step's bound by the weights alone, if it has one and its assumptions hold."""
    reach = max(float(np.abs(run.states[p][0]).max()) for p in run.cell.states)
    boxed = Fraction(reach) + start_radius <= 1 or not unit_invariants(run.cell)
    found = concrete(run.cell, run.params) if boxed and len(run.cell.states) == 1 else None
    return Fraction(found.evidence[0]["rate"]) if found else None
