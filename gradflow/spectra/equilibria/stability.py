"""Whether the eigenvalues of an uncertain matrix lie inside the unit circle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gradflow.spectra.equilibria.period_map import PeriodMap
from gradflow.spectra.equilibria.zeros import norm, probes
from gradflow.spectra.numerics.graded import EPS
from gradflow.spectra.numerics.logdomain import Floats

Complexes = NDArray[np.complex128]

# A Jacobian that changes by this share of itself within sqrt(eps) has a kink there.
_KINK = 1e-4
# So many eigenvalues, those nearest the circle, are tried; the others are farther from it.
_NEAREST = 8


def eigenvalues(jacobians: Floats) -> Complexes:
    """Eigenvalues (m, d) of matrices (m, d, d), the largest modulus first."""
    found = np.linalg.eigvals(jacobians).astype(np.complex128)
    order = np.argsort(-np.abs(found), axis=-1, kind="stable")
    return np.take_along_axis(found, order, axis=-1)


def uncertain_jacobian(f: PeriodMap, state: Floats, error: float) -> tuple[Floats, float]:
    r"""Return dF/ds (d, d) and :math:`\delta`, within which it is known in the spectral norm.

    :math:`\delta` is its change within `error` of the state, and rounding. At a kink, where it
    jumps, it is the mean of both sides and :math:`\delta` half the jump.
    """
    jacobian = f.jacobian(state)
    d = len(state)
    apart = probes(state[None])[1:, 0] - state
    sides = f.jacobian(state + apart)
    size = float(np.linalg.norm(jacobian, 2))
    delta = d * EPS * size
    kink = float(np.linalg.norm(sides[0] - sides[1], 2)) / 2
    if kink > _KINK * (1 + size):
        return np.asarray(sides.mean(axis=0)), delta + kink
    unit, least = apart[0] / norm(apart[0]), np.linalg.svd(jacobian - np.eye(d))[2][-1]
    within = max(error, EPS * float(norm(state))) * np.array([unit, -unit, least, -least])
    changes = f.jacobian(state + within) - jacobian
    return jacobian, delta + float(np.linalg.norm(changes, 2, axis=(-2, -1)).max())


def index(jacobian: Floats, delta: float) -> int:
    r"""The sign of ``det(I - J)``, or 0 where a change of J by :math:`\delta` can turn it."""
    gap = np.eye(len(jacobian)) - jacobian
    if np.linalg.svd(gap, compute_uv=False)[-1] <= delta:
        return 0
    return int(np.linalg.slogdet(gap)[0])


def stability(jacobian: Floats, delta: float) -> tuple[str, int]:
    r"""``"stable"``, ``"unstable"`` or ``"undecided"``, and the number of unstable directions.

    The Jacobian J is known to :math:`\delta`. A change of that size can put an eigenvalue at z if
    and only if the least singular value of ``J - z I`` is at most :math:`\delta` (Trefethen &
    Embree, Spectra and Pseudospectra, 2005, section 2). An eigenvalue can cross the unit circle if
    that holds on the shortest way to it, which is tried at four points for each of the eigenvalues
    nearest to the circle; one that can cross is not counted as unstable.
    """
    d = len(jacobian)
    values = eigenvalues(jacobian)
    crossing = np.zeros(d, dtype=bool)
    for i in np.argsort(np.abs(np.abs(values) - 1), kind="stable")[:_NEAREST]:
        nearest = values[i] / abs(values[i]) if values[i] else 1.0
        way = values[i] + np.array([0.25, 0.5, 0.75, 1.0]) * (nearest - values[i])
        shifted = jacobian - way[:, None, None] * np.eye(d)
        crossing[i] = (np.linalg.svd(shifted, compute_uv=False)[:, -1] <= delta).all()
    unstable = int(((np.abs(values) > 1) & ~crossing).sum())
    if unstable:
        return "unstable", unstable
    return ("undecided" if crossing.any() else "stable"), 0
