r"""Covariant Lyapunov vectors: the directions that a run itself turns into one another.

An orthonormal frame tells how fast directions grow, but its later columns say little of which they
are. The covariant vectors :math:`v_j(t)` do: :math:`J_{t+1} v_j(t)` is along :math:`v_j(t+1)`, and
grows by the j-th exponent forwards and backwards in time. They are not orthogonal; where two of
them come close, a direction that grows is hardly told from one that fades.

Frames are carried forward, ``J_t Q_{t-1} = Q_t R_t``; then coefficients, upper triangular, are
carried back by ``C_{t-1} = R_t^{-1} C_t`` with columns made unit again, and ``v(t) = Q_t C_t``.
Both passes need steps to settle, at the rate of the gap between neighbouring exponents.

Sources: F. Ginelli et al., Phys. Rev. Lett. 99 (2007) 130601; F. Ginelli et al., J. Phys. A 46
(2013) 254005; the angle of subspaces: A. Bjoerck, G. Golub, Math. Comp. 27 (1973) 579.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import solve_triangular

from gradflow.arrays import whole_number
from gradflow.codegen.over_time import one_thread
from gradflow.errors import PrecisionError, UsageError
from gradflow.memory import FLOAT, require
from gradflow.spectra.beyond.refusal import require_held
from gradflow.spectra.linearised import Linearised
from gradflow.spectra.lyapunov.spectrum import initial_frame
from gradflow.spectra.numerics.advance import SPREAD
from gradflow.spectra.numerics.logdomain import Floats, as_steps

_WHERE = "covariant_vectors"


@dataclass(frozen=True, eq=False, kw_only=True)
class CovariantVectors:
    r"""Covariant Lyapunov vectors of a trajectory after each of some steps.

    Attributes
    ----------
    vectors : (m + 1, d, k)
        ``vectors[i, :, j]`` is :math:`v_j` after step ``first + i``, of length 1; the largest
        exponent first. A vector has no sign: here ``J v_j`` has that of the next.
    growth : (m, k)
        :math:`\ln |J v_j|` of each step from one to the next.
    first : int
        The step after which the first of them is; 0 is the initial state.
    unsettled : (k,)
        Sine of the angle between vectors found from two random ends, the largest over all steps
        kept. Far from 0 where two exponents agree, so that only their plane is covariant.
    """

    vectors: Floats
    growth: Floats
    first: int
    unsettled: Floats

    def __repr__(self) -> str:
        steps, _, count = self.vectors.shape
        near = f", smallest angle {self.angles().min():.3g} rad" if count > 1 else ""
        return (
            f"<CovariantVectors {count} directions after {steps} steps{near}, "
            f"unsettled by {self.unsettled.max():.1g}>"
        )

    @property
    def exponents(self) -> Floats:
        """Mean growth (k,), nats per step: the leading Lyapunov exponents over these steps."""
        return np.asarray(self.growth.mean(axis=0))

    def angles(self) -> Floats:
        """Return the angles (m + 1, pairs) between vectors i < j, from 0 to pi/2, in radians.

        Pairs are in the order of ``numpy.triu_indices(k, 1)``.
        """
        i, j = np.triu_indices(self.vectors.shape[-1], 1)
        a, b = self.vectors[..., i], self.vectors[..., j]
        # of the sum and the difference, which keeps the digits of small angles
        b = b * np.where(np.sum(a * b, axis=1) < 0, -1.0, 1.0)[:, None]
        apart, along = (np.linalg.norm(v, axis=1) for v in (a - b, a + b))
        return np.asarray(2 * np.arctan2(apart, along))

    def splitting_angle(self, count: int) -> Floats:
        """Return the least angle (m + 1,) between the first ``count`` directions and the rest.

        Between the span of the first ones and that of the other k - count: with ``count`` the
        number of positive exponents, how near expanding and contracting directions come.
        Raises ``UsageError``.
        """
        k = self.vectors.shape[-1]
        if k < 2:
            raise UsageError("splitting_angle: there is one direction; ask for two or more.")
        m = whole_number(count, "splitting_angle: count", 1, k - 1)
        ours, theirs = (np.linalg.qr(v)[0] for v in np.split(self.vectors, [m], axis=-1))
        outside = theirs - ours @ (ours.swapaxes(-1, -2) @ theirs)
        sine = np.linalg.norm(outside, -2, axis=(-2, -1))
        return np.asarray(np.arcsin(np.minimum(sine, 1.0)))


def covariant_vectors(
    jacobians: ArrayLike, *, leading: int | None = None, transient: int | None = None
) -> CovariantVectors:
    """Return the covariant Lyapunov vectors of a trajectory of step Jacobians.

    Parameters
    ----------
    jacobians : (T, d, d)
        Step Jacobians, first step first.
    leading : int, optional
        Number of vectors wanted, from the largest exponent; all d by default.
    transient : int, optional
        Steps left out at either end, where the passes settle; a quarter of all by default.

    Raises
    ------
    UsageError
        Shapes or numbers that are not as above, or no step between the transients.
    PrecisionError
        A step at which a direction is lost to float64, as at a singular Jacobian.

    Examples
    --------
    >>> import numpy as np
    >>> found = covariant_vectors(np.array([[[2.0, 1.0], [0.0, 0.5]]] * 200))
    >>> np.abs(found.vectors[0]).round(4)  # eigenvectors (1, 0) and (-2, 3), of either sign
    array([[1.    , 0.5547],
           [0.    , 0.8321]])
    >>> found  # doctest: +ELLIPSIS
    <CovariantVectors 2 directions after 101 steps, smallest angle 0.983 rad, unsettled by ...>
    """
    steps = as_steps(jacobians, _WHERE)
    return _carried(steps, len(steps), steps.shape[-1], leading, transient)


def covariant_of_run(
    run: Linearised, leading: int | None, transient: int | None
) -> CovariantVectors:
    """Return them for a run of one trajectory."""
    run.require_single(_WHERE)
    require_held(run, _WHERE)
    each = chain.from_iterable(run.chunks(overwrite=True))
    return _carried(each, run.steps, run.width, leading, transient)


def _carried(
    jacobians: Iterable[Floats], steps: int, width: int, leading: int | None, transient: int | None
) -> CovariantVectors:
    """Return them for a stream of ``steps`` Jacobians (d, d), read once."""
    given = steps // 4 if transient is None else transient
    discard = whole_number(given, f"{_WHERE}: transient", 0)
    frame = initial_frame(width, leading, None)
    k, kept = frame.shape[1], steps - 2 * discard
    if kept < 1:
        raise UsageError(
            f"{_WHERE}: {steps} steps are given and {discard} are left out at either end, so none "
            "is left; give more steps or a shorter transient."
        )
    require(
        FLOAT * ((kept + 1) * 2 * width * k + (kept + discard) * k * k),
        _WHERE,
        f"{k} directions of {width} numbers over {kept} steps",
        "ask for fewer by leading=",
    )
    frames, triangles = np.empty((kept + 1, width, k)), np.empty((kept + discard, k, k))
    with one_thread():
        for t, jacobian in enumerate(jacobians):
            if discard <= t <= discard + kept:
                frames[t - discard] = frame
            frame, triangle = _qr(jacobian @ frame, t + 1)
            if t >= discard:
                triangles[t - discard] = triangle
        if discard == 0:
            frames[kept] = frame
        (ours, growth), (others, _) = (_back(triangles, kept, seed) for seed in (0, 1))
    vectors = frames @ ours
    apart = ours - others * np.sign(np.sum(ours * others, axis=1))[:, None]
    size = np.linalg.norm(apart, axis=1).max(axis=0)  # 2 sin(angle / 2)
    unsettled = size * np.sqrt(np.maximum(1 - size**2 / 4, 0))
    return CovariantVectors(vectors=vectors, growth=growth, first=discard, unsettled=unsettled)


def _qr(image: Floats, step: int) -> tuple[Floats, Floats]:
    """Return frame and triangle with a positive diagonal. Raises ``PrecisionError``."""
    frame, triangle = np.linalg.qr(image)
    diagonal = np.diag(triangle)
    sizes = np.abs(diagonal)
    lost = np.flatnonzero(~(sizes > math.exp(-SPREAD) * sizes.max()))
    if len(lost):
        fewer = (
            f"ask for the first ones by leading={lost[0]}" if lost[0] else "no direction is left"
        )
        raise PrecisionError(
            f"{_WHERE}: step {step} shrinks direction {lost[0] + 1} so far below the others that "
            f"float64 loses it; {fewer}."
        )
    sign = np.sign(diagonal)
    return frame * sign, triangle * sign[:, None]


def _back(triangles: Floats, kept: int, seed: int) -> tuple[Floats, Floats]:
    """Return coefficients (kept + 1, k, k) and growth (kept, k), from a random end."""
    k = triangles.shape[-1]
    c = np.triu(np.random.default_rng(seed).standard_normal((k, k)), 1) + np.eye(k)
    c /= np.linalg.norm(c, axis=0)
    found, growth = np.empty((kept + 1, k, k)), np.empty((kept, k))
    for t in range(len(triangles), -1, -1):
        if t <= kept:
            found[t] = c
        if t:
            before = solve_triangular(triangles[t - 1], c)
            size = np.linalg.norm(before, axis=0)
            c = before / size
            if t <= kept:
                growth[t - 1] = -np.log(size)
    return found, growth
