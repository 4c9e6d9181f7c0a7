"""Eigenvalues of a long product of step Jacobians, as log-magnitude and phase.

The eigenvalues of ``P = J_T ... J_1`` are the multipliers of a trajectory that closes after T
steps, or of one period of a periodic cell. P is never formed: the periodic Schur form turns every
factor into an upper triangle by unitary changes of basis between the steps,
``Z_t^* J_t Z_{t-1}`` with ``Z_T = Z_0``, and an eigenvalue is the product of T diagonal entries,
whose logs and phases add up. This is backward stable factor by factor.

Sources: A. Bojanczyk, G. H. Golub, P. Van Dooren, Proc. SPIE 1770 (1992) 31 (the periodic Schur
form); D. Kressner, BIT 41 (2001) 763 (its implicit shifts). Here the complex form with one shift.
"""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow.codegen.over_time import one_thread
from gradflow.errors import PrecisionError
from gradflow.spectra.numerics.graded import (
    EPS,
    TOO_GRADED,
    check_volume,
    equilibrated,
    orthonormal_image,
)
from gradflow.spectra.numerics.logdomain import Floats, as_steps, log_magnitude, normalized, shifted

Complexes = NDArray[np.complex128]

_WHERE = "product_eigenvalues"
# Sweeps of plain QR before the shifted ones: eigenvalues of well separated moduli part in them.
_PLAIN_SWEEPS = 3
_SWEEPS_PER_BLOCK = 60
# Every tenth fruitless sweep takes a shift off the usual one, which a permutation matrix defeats.
_PATIENCE = 10


@dataclass(frozen=True, eq=False)
class ProductEigenvalues:
    """Eigenvalues ``exp(log_abs + 1j * phase)`` of P(T, 0), by log_abs descending, then phase.

    Attributes
    ----------
    log_abs : (d,)
        Natural log of the modulus; ``-inf`` for an eigenvalue that is exactly zero.
    phase : (d,)
        Argument in (-pi, pi]; 0 for an eigenvalue that is exactly zero. The two members of a
        conjugate pair have equal `log_abs` and opposite `phase`, exactly.
    error : float
        What rounding has cost all logs together, in nats: the sum of `log_abs` against
        ``sum log |det J_t|``, which is known to far more digits. 0.0 for a singular product.
    """

    log_abs: Floats
    phase: Floats
    error: float = 0.0

    def __repr__(self) -> str:
        largest, smallest = self.log_abs[[0, -1]]
        return (
            f"<ProductEigenvalues {self.log_abs.size}: log |lambda| from {largest:.4g} down to "
            f"{smallest:.4g}>"
        )

    def _repr_html_(self) -> str:
        largest, smallest = self.log_abs[[0, -1]]
        return (
            f"<b>eigenvalues of the product</b>: log |lambda| from {largest:.4g} down to "
            f"{smallest:.4g}, sum good to {self.error:.1g} nats"
        )


def product_eigenvalues(jacobians: ArrayLike) -> ProductEigenvalues:
    """Eigenvalues of ``P(T, 0) = J_T ... J_1``: (T, d, d) -> log_abs (d,) and phase (d,).

    For T = 0 the product is the identity. Each computed eigenvalue is one of factors that differ
    from the given ones by a few rounding units of their norm, so that the error of a log is about
    ``T d eps`` times the condition number of the eigenvalue and of the factors; k eigenvalues that
    meet in one Jordan block are good to the k-th root of that. Eigenvalues that are zero because
    the product is singular (ranks judged as in `product_svd`) are found exactly.

    The work is of order ``T d^3``; where moduli are equal, some three sweeps an eigenvalue.

    Raises
    ------
    UsageError
        If the shape is not (T, d, d) with d >= 1, or an entry is not finite.
    PrecisionError
        If rounding spoils a QR, the iteration or the identity
        ``sum log |lambda| = sum log |det J_t|``.

    Examples
    --------
    >>> import numpy as np
    >>> found = product_eigenvalues(np.array([[[0.5, 1.0], [0.0, -0.25]]] * 3))
    >>> np.exp(found.log_abs).round(6), found.phase.round(4)
    (array([0.125   , 0.015625]), array([0.    , 3.1416]))
    """
    steps = as_steps(jacobians, _WHERE)
    d = steps.shape[-1]
    if len(steps) == 0:
        return ProductEigenvalues(np.zeros(d), np.zeros(d))
    log_abs, phase = np.full(d, -np.inf), np.zeros(d)
    with one_thread():
        row, balanced, column = equilibrated(steps)
        # Around the cycle, the columns' scale of a factor may as well be its predecessor's rows'.
        scale = row + np.roll(column, -1, axis=0)
        factors, exponent = normalized(shifted(balanced, scale[:, :, None]), axis=(1, 2))
        moduli, phases = _periodic_schur(factors)
        rank = len(moduli)
        log_abs[:rank] = moduli + int(exponent.sum()) * np.log(2)
        phase[:rank] = phases
        error = check_volume(_WHERE, log_abs, balanced, int(scale.sum()))
    return ProductEigenvalues(*_paired(log_abs, phase), error)


def _periodic_schur(steps: Floats) -> tuple[Floats, Floats]:
    """(log modulus, phase) of the nonzero eigenvalues of the product of the factors (T, d, d)."""
    factors = _periodic_hessenberg(steps)
    d = factors.shape[1]
    high, block, sweeps = d - 1, (-1, -1), 0
    while high > 0:
        low = _start_of_block(factors, high)
        sweeps = sweeps + 1 if block == (low, high) else 0
        block = low, high
        if low == high:
            high -= 1
            continue
        if sweeps == _SWEEPS_PER_BLOCK:
            raise PrecisionError(
                f"{_WHERE}: {sweeps} sweeps did not split the block of eigenvalues"
                f" {low + 1} to {high + 1} of {d}, and no more are allowed; {TOO_GRADED}"
            )
        _shifted_sweep(factors, low, high, exceptional=sweeps % _PATIENCE == _PATIENCE - 1)
    diagonal = np.diagonal(factors, axis1=1, axis2=2)
    log_abs = log_magnitude(diagonal).sum(axis=0)
    return log_abs, np.angle(np.prod(np.exp(1j * np.angle(diagonal)), axis=0))


def _periodic_hessenberg(steps: Floats) -> Complexes:
    """Unitarily equivalent factors (T, r, r): the last one Hessenberg, those before triangular.

    Plain QR sweeps come first, on the given factors, so that no error builds up. They go on until
    the frame spans the range of every power of the product, which leaves out r < d zeros.
    """
    frame = np.eye(steps.shape[1])
    for sweep in count(1):
        start, triangles = frame, []
        for step in steps:
            before = frame
            frame, triangle, _ = orthonormal_image(step, before, _WHERE)
            triangles.append(triangle)
        if frame.shape == start.shape and sweep >= _PLAIN_SWEEPS:
            break
    triangles[-1] = start.T @ steps[-1] @ before
    factors = np.array(triangles, dtype=np.complex128)
    d = factors.shape[1]
    hessenberg = factors[-1]
    noise = EPS * np.linalg.norm(hessenberg, axis=1, keepdims=True)
    hessenberg[np.tril(np.abs(hessenberg) <= noise, -1)] = 0
    for column in range(d - 2):
        for k in range(d - 2, column, -1):
            if hessenberg[k + 1, column] != 0:
                _rotate(factors, 0, d - 1, k, *hessenberg[k : k + 2, column].tolist())
                hessenberg[k + 1, column] = 0
    return factors


def _rotate(factors: Complexes, low: int, high: int, k: int, x: complex, y: complex) -> None:
    """Change Z_0 by the rotation of axes k, k + 1 that turns (x, y) to (r, 0), and all Z_t to fit.

    In place, within rows and columns low..high. Each triangle is restored by the rotation that
    the vector it is handed turns into, so one pass of 2 x 2 blocks gives every rotation.
    """
    columns = np.empty((len(factors), 2), dtype=np.complex128)
    block = factors[:-1, k : k + 2, k : k + 2]
    upper = np.stack([block[:, 0, 0], block[:, 0, 1], block[:, 1, 1]], axis=1)
    for t, (a, b, d) in enumerate([(1.0, 0.0, 1.0), *upper.tolist()]):
        x, y = a * x + b * y, d * y
        norm = math.hypot(abs(x), abs(y))
        x, y = (x / norm, y / norm) if norm else (1.0, 0.0)
        columns[t] = x, y
    rotation = np.empty((len(factors), 2, 2), dtype=np.complex128)
    rotation[:, :, 0] = columns
    rotation[:, 0, 1], rotation[:, 1, 1] = -columns[:, 1].conj(), columns[:, 0].conj()
    inverse = rotation.conj().swapaxes(1, 2)
    triangles, hessenberg = factors[:-1], factors[-1]
    pair, active = slice(k, k + 2), slice(low, high + 1)
    triangles[:, low : k + 2, pair] = triangles[:, low : k + 2, pair] @ rotation[:-1]
    triangles[:, pair, k : high + 1] = inverse[1:] @ triangles[:, pair, k : high + 1]
    triangles[:, k + 1, k] = 0
    hessenberg[active, pair] = hessenberg[active, pair] @ rotation[-1]
    hessenberg[pair, active] = inverse[0] @ hessenberg[pair, active]


def _start_of_block(factors: Complexes, high: int) -> int:
    """First row of the unreduced Hessenberg block that ends in row `high`."""
    hessenberg = factors[-1]
    for k in range(high, 0, -1):
        size = abs(hessenberg[k - 1, k - 1]) + abs(hessenberg[k, k])
        if abs(hessenberg[k, k - 1]) <= EPS * (size or np.linalg.norm(hessenberg)):
            hessenberg[k, k - 1] = 0
            return k
    return 0


def _shifted_sweep(factors: Complexes, low: int, high: int, exceptional: bool) -> None:
    """One implicit QR step with a single shift on rows and columns low..high, in place."""
    hessenberg = factors[-1]
    shift = _shift(factors, low, high, exceptional)
    x, y = complex(hessenberg[low, low]) - shift, complex(hessenberg[low + 1, low])
    _rotate(factors, low, high, low, x, y)
    for k in range(low + 1, high):
        _rotate(factors, low, high, k, *hessenberg[k : k + 2, k - 1].tolist())
        hessenberg[k + 1, k - 1] = 0


def _shift(factors: Complexes, low: int, high: int, exceptional: bool) -> complex:
    """Shift over ``prod_t R_t[low, low]``: the last corner's nearest eigenvalue of its 2 x 2 block.

    The block is that of ``R_{T-1} ... R_1 H``, which is similar to the product.
    """
    pair = slice(high - 1, high + 1)
    corner, exponent = np.eye(2, dtype=np.complex128), 0
    for block in factors[:-1, pair, pair]:
        corner = block @ corner
        scale = math.frexp(np.abs(corner).max())[1]
        corner, exponent = corner * 2.0**-scale, exponent + scale
    corner = corner @ factors[-1, pair, pair]
    if exceptional:
        shift = complex(np.linalg.norm(corner)) * (0.8 + 0.6j)
    else:
        both = np.linalg.eigvals(corner)
        shift = complex(both[np.argmin(np.abs(both - corner[1, 1]))])
    first = factors[:-1, low, low]
    if shift == 0 or not first.all():
        return 0.0
    turn = cmath.phase(shift) - float(np.angle(first).sum())
    size = math.log(abs(shift)) + exponent * math.log(2) - float(log_magnitude(first).sum())
    # Any first rotation is a similarity; one within the range of float64 is as good a shift.
    return cmath.rect(math.exp(min(size, 600.0)), turn)


def _paired(log_abs: Floats, phase: Floats) -> tuple[Floats, Floats]:
    """Eigenvalues of a real product: conjugates made exact, real ones given phase 0 or pi, sorted.

    An eigenvalue is real if it is nearer to the real axis than to the mirror image of any other.
    """
    log_abs, phase = log_abs.copy(), phase.copy()
    free = log_abs > -np.inf
    for i in np.argsort(-np.abs(np.sin(phase)), kind="stable"):
        if not free[i]:
            continue
        free[i] = False
        nearest = 0.0 if abs(phase[i]) < np.pi / 2 else np.pi
        others = np.flatnonzero(free & (phase * phase[i] < 0))
        mirrored = np.abs(np.angle(np.exp(1j * (phase[others] + phase[i]))))
        distance = np.abs(log_abs[others] - log_abs[i]) + mirrored
        if len(others) and distance.min() < 2 * abs(abs(phase[i]) - nearest):
            j = others[np.argmin(distance)]
            free[j] = False
            log_abs[[i, j]] = (log_abs[i] + log_abs[j]) / 2
            half = (phase[i] - phase[j]) / 2
            phase[i], phase[j] = half, -half
        else:
            phase[i] = nearest
    order = np.lexsort((phase, -np.round(log_abs, 9)))
    return log_abs[order], phase[order]
