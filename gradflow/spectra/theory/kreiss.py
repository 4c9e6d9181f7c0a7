r"""Transients: how far the powers of a matrix grow before its spectral radius is felt.

A matrix :math:`A` whose eigenvalues lie inside the unit circle may still have large powers where
its eigenvectors are far from orthogonal. What tells is not the spectrum but the resolvent
:math:`(zI - A)^{-1}` outside the circle, through the Kreiss constant

.. math:: K(A) = \sup_{|z| > 1} (|z| - 1)\, \|(zI - A)^{-1}\|_2, \qquad
          K(A) \le \sup_k \|A^k\|_2 \le e\, n\, K(A).

Sources: H.-O. Kreiss, BIT 2 (1962) 153; M. N. Spijker, BIT 31 (1991) 551 (the factor e n); L. N.
Trefethen, M. Embree, Spectra and Pseudospectra, Princeton 2005, sections 2 and 18.
"""

from __future__ import annotations

import heapq
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigvals
from scipy.optimize import minimize

from gradflow.arrays import real_array, real_numbers, whole_number
from gradflow.errors import PrecisionError, UsageError, shown
from gradflow.given import real_number
from gradflow.spectra.numerics.logdomain import (
    Floats,
    log_magnitude,
    log_norms_of_products,
)

__all__ = ["KreissConstant", "kreiss_constant", "log_power_norms", "log_resolvent_norms"]

_MOST_CIRCLES = 1000
_ON_THE_CIRCLE = 1e-9
# By how much a level lies under the least value found, and which eigenvalues count as on the circle
# (too many only cost time).
_LEVEL = 1e-7
_UNIMODULAR = 1e-5
_CLIMBS = 5

# A circle: |zeta| and the logarithm of the largest resolvent on it.
Node = tuple[float, float]


@dataclass(frozen=True)
class KreissConstant:
    """The Kreiss constant of a matrix.

    Parameters
    ----------
    value
        ``K(A)``: 1 for a contraction, ``inf`` where the spectral radius is above 1.
    at
        The point z outside the unit circle where it is attained, in the upper half plane;
        ``inf`` where it is approached as z grows, an eigenvalue where the value is infinite.
    bound
        What no other point exceeds, so that ``value <= K(A) <= bound``.
    """

    value: float
    at: complex
    bound: float

    def __repr__(self) -> str:
        return f"<KreissConstant {self.value:.4g} at z = {self.at:.4g}, at most {self.bound:.4g}>"


# The bound is within a factor of 1 + this; more would say nothing.
_COARSEST = 1 - 2.0**-53


def kreiss_constant(matrix: ArrayLike, tolerance: float = 1e-6) -> KreissConstant:
    r"""Return ``K(A) = sup over |z| > 1 of (|z| - 1) |(zI - A)^{-1}|_2``.

    With :math:`\zeta = 1/z` it is the maximum over the unit disc of
    :math:`(1 - |\zeta|) / \sigma_{\min}(I - \zeta A)`. On one circle the least
    :math:`\sigma_{\min}` is found for certain by level sets (Boyd & Balakrishnan, Syst. Control
    Lett. 15 (1990) 1). Between two circles the logarithm of the largest resolvent lies below its
    chord, since it is convex in :math:`\log|\zeta|` (Hadamard's three circles); so the ring that
    may be highest is split until none is higher than the best point by the tolerance. That point
    is then refined by its gradient to rounding.

    Parameters
    ----------
    matrix : (n, n) array_like
        Real.
    tolerance : float
        No other point is higher by more than this fraction.

    Raises
    ------
    UsageError
        Not a square matrix of finite real numbers, or a tolerance not between 0 and 1.
    PrecisionError
        A matrix that is no contraction and has its spectral radius at 1 to nine digits, so that
        rounding decides whether the supremum is finite; or one so far from normal that the search
        does not end.

    Examples
    --------
    >>> kreiss_constant([[0.5, 8.0], [0.0, 0.5]])  # its powers grow to 8 before they shrink
    <KreissConstant 4.06... at z = 1.516+0j, at most 4.06...>
    """
    where = "kreiss_constant"
    a = _square(matrix, where)
    tolerance = real_number(tolerance, f"{where}: tolerance", 0.0, _COARSEST, above=True)
    norm = float(np.linalg.norm(a, 2))
    if norm <= 1 + 4 * len(a) * np.finfo(float).eps:
        return KreissConstant(1.0, complex(np.inf), 1.0)
    eigenvalues = np.linalg.eigvals(a)
    largest = eigenvalues[np.argmax(np.abs(eigenvalues))]
    radius = float(np.abs(largest))
    if radius > 1 + _ON_THE_CIRCLE:
        return KreissConstant(np.inf, complex(largest), np.inf)
    if radius > 1 - _ON_THE_CIRCLE:
        raise PrecisionError(
            f"{where}: the spectral radius is 1 to nine digits, and rounding would decide whether "
            "the constant is finite; scale the matrix down a little"
        )
    zeta, best, bound = _search(a, norm, tolerance)
    return KreissConstant(best, 1 / zeta.conjugate() if zeta else complex(np.inf), bound)


def log_resolvent_norms(matrix: ArrayLike, points: ArrayLike) -> Floats:
    r"""Return ``log |(zI - A)^{-1}|_2`` at complex ``points`` (...), natural logs (...).

    It is ``inf`` at an eigenvalue. The :math:`\epsilon`-pseudospectrum, all eigenvalues that a
    perturbation of norm below :math:`\epsilon` can give, is where it exceeds
    :math:`-\log\epsilon` (Trefethen & Embree 2005, section 2).

    Raises
    ------
    UsageError
        Not a square matrix of finite real numbers, or a point that is not finite.

    Examples
    --------
    >>> log_resolvent_norms([[0.5, 8.0], [0.0, 0.5]], [1.0, 2.0j]).round(3)
    array([3.47 , 0.693])
    """
    where = "log_resolvent_norms"
    a = _square(matrix, where)
    z = _complex(points, f"{where}: points")
    if not np.isfinite(z).all():
        raise UsageError(
            f"{where}: points hold one that is not finite; the resolvent there is 0, leave it out."
        )
    shifted = z[..., None, None] * np.eye(len(a)) - a
    return -log_magnitude(np.linalg.svd(shifted, compute_uv=False)[..., -1])


def log_power_norms(matrix: ArrayLike, steps: int) -> Floats:
    """Return ``log |A^k|_2`` for k = 0..steps: natural logs (steps + 1,), ``-inf`` for zero.

    Raises
    ------
    UsageError
        Not a square matrix of finite real numbers, or a negative number of steps.

    Examples
    --------
    >>> log_power_norms([[0.5, 8.0], [0.0, 0.5]], 4).round(3)
    array([0.   , 2.083, 2.08 , 1.792, 1.387])
    """
    a = _square(matrix, "log_power_norms")
    steps = whole_number(steps, "log_power_norms: steps", 0)
    return log_norms_of_products(np.broadcast_to(a, (steps, *a.shape)))


def _complex(points: ArrayLike, name: str) -> NDArray[np.complex128]:
    array = np.asarray(None, dtype=object)
    if not isinstance(points, np.ma.MaskedArray):
        with suppress(TypeError, ValueError, OverflowError):
            array = np.asarray(points)
    if array.dtype.kind not in "biufc":
        raise UsageError(f"{name} are {shown(points)}; they must be numbers, real or complex.")
    return array.astype(np.complex128)


def _square(matrix: ArrayLike, where: str) -> Floats:
    given = real_numbers(matrix, where, "matrix's entries", many=True)
    if given.ndim != 2 or given.shape[0] != given.shape[1] or not given.size:
        raise UsageError(
            f"{where}: the matrix has shape {given.shape}; it must be square, with an entry or more"
        )
    return real_array(given, where, "matrix's entries", many=True)


def _search(a: Floats, norm: float, tolerance: float) -> tuple[complex, float, float]:
    """Return the best point of the unit disc, its value, and what no point exceeds."""
    at, best = 0j, 1.0

    def node(size: float) -> tuple[float, float]:
        """Return |zeta| and the log of the largest resolvent there; remember the best value."""
        nonlocal at, best
        angle, least, below = _least_on_circle(size * a)
        if (1 - size) / least > best:
            at, best = size * complex(np.cos(angle), np.sin(angle)), (1 - size) / least
        return size, -np.log(below)

    # inside this circle a Neumann series bounds the value by 1 + tolerance
    spans = [_span(node(tolerance / (1 + tolerance) / norm), node(1.0))]
    for _ in range(_MOST_CIRCLES):
        high, middle, left, right = heapq.heappop(spans)
        if -high <= np.log(best) + np.log1p(tolerance):
            if at:
                at, best = _refined(a, at, best)
            return at, best, best * (1 + tolerance)
        here = node(middle)
        heapq.heappush(spans, _span(left, here))
        heapq.heappush(spans, _span(here, right))
    raise PrecisionError(
        f"kreiss_constant: no end after {_MOST_CIRCLES} circles; the matrix is too far from normal "
        f"for a tolerance of {tolerance:g}, so raise that or scale the matrix down"
    )


def _span(left: Node, right: Node) -> tuple[float, float, Node, Node]:
    """Return minus the log of what no value between two circles exceeds, where, and the circles.

    The log of the largest resolvent is convex in the log of the radius, so it lies below its chord.
    """
    (w, log_left), (v, log_right) = left, right
    slope = max((log_right - log_left) / np.log(v / w), 0.0)
    top = min(max(slope / (1 + slope), w), v)
    bound = np.log1p(-top) + log_left + slope * np.log(top / w) if top < 1 else -np.inf
    # a split close to an end would leave nearly all of the span as it was
    inner = (0.9 * w + 0.1 * v, 0.1 * w + 0.9 * v)
    return -float(bound), float(min(max(top, inner[0]), inner[1])), left, right


def _least_on_circle(b: Floats) -> tuple[float, float, float]:
    """Return where ``sigma_min(I - e^{i phi} B)`` is least, its value, and what it never falls to.

    A level is met where a pencil of order 2n has an eigenvalue on the unit circle, so between two
    neighbouring meetings the curve lies on one side of it (Boyd & Balakrishnan 1990). ``B`` is
    real, so phi from 0 to pi is all.
    """
    eye, zero = np.eye(len(b)), np.zeros(b.shape)
    tries = np.abs(np.angle(np.linalg.eigvals(b)))
    tries = np.concatenate([tries, np.linspace(0, np.pi, 17)])
    angle, least = 0.0, np.inf
    while True:
        factors = np.exp(1j * tries)[:, None, None]
        values = np.linalg.svd(eye - factors * b, compute_uv=False)[:, -1]
        first, level = int(values.argmin()), least * (1 - _LEVEL)
        if values[first] >= level:
            break
        angle, least = float(tries[first]), float(values[first])
        level = least * (1 - _LEVEL)
        # (I - mu B) v = s u and (I - B^T / mu) u = s v
        pencil = np.block([[-level * eye, eye], [-b.T, zero]])
        met = eigvals(pencil, np.block([[zero, b], [-eye, level * eye]]))
        crossings = np.abs(np.angle(met[np.abs(np.abs(met) - 1) < _UNIMODULAR]))
        if not crossings.size:
            break
        edges = np.unique(np.concatenate([[0.0, np.pi], crossings]))
        tries = (edges[1:] + edges[:-1]) / 2
    return angle, least, level


def _refined(a: Floats, zeta: complex, value: float) -> tuple[complex, float]:
    """Climb from a point of the disc to the maximum nearby; return the point and its value."""

    def falling(step: Floats, start: complex) -> tuple[float, Floats]:
        # in steps of the distance to the unit circle, over which the value changes by its own size
        scale = 1 - abs(start)
        point = start + scale * complex(*step)
        size = abs(point)
        if not 0 < size < 1:
            return np.inf, np.zeros(2)
        left, sigma, right = np.linalg.svd(np.eye(len(a)) - point * a)
        # sigma changes by Re(slope dzeta)
        slope = -(left[:, -1].conj() @ a @ right[-1].conj()) / sigma[-1]
        away = point / (size * (1 - size))
        downhill = scale * np.array([slope.real + away.real, away.imag - slope.imag])
        return float(np.log(sigma[-1]) - np.log1p(-size)), downhill

    for _ in range(_CLIMBS):
        found = minimize(falling, np.zeros(2), (zeta,), jac=True, method="BFGS", tol=1e-10)
        height = float(np.exp(-found.fun))
        if height <= value:
            break
        zeta, value = zeta + (1 - abs(zeta)) * complex(*found.x), height
    return complex(zeta.real, abs(zeta.imag)), value
