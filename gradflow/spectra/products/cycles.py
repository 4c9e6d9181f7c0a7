"""Eigenvalues of a product by sweeps of orthogonal iteration around its cycle of factors.

``P Q = Q' R_n...R_1``: the frame Q' of a sweep is the first one of the next, and
``X = Q^T Q'`` becomes upper triangular in blocks, as fast as the moduli of the eigenvalues differ,
which over a long product is after two or three sweeps. The eigenvalues are those of the diagonal
blocks of ``X R_n...R_1``: sums of logs where a block is one number, the trace of the scaled
product and the determinant of the diagonals where it is a pair, so that both roots keep their
digits, and LAPACK's where moduli are nearly equal. Hessenberg form and shifts are not needed.

The factors are products of a few steps, as many as spread by 14 nats, and single steps with the
scales of their rows and columns taken out; the columns' scale of a factor is its predecessor's
rows', around the cycle.

Sources: A. Bojanczyk, G. H. Golub, P. Van Dooren, Proc. SPIE 1770 (1992) 31 (periodic Schur form);
F. L. Bauer, Z. Angew. Math. Phys. 8 (1957) 214 (orthogonal iteration).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gradflow.spectra.numerics.frames import (
    Frame,
    Reflections,
    applied,
    reflected,
    sorted_rows,
)
from gradflow.spectra.numerics.logdomain import Exponents, Floats, log_magnitude
from gradflow.spectra.numerics.scales import factors, scaled
from gradflow.spectra.numerics.triangles import LN2
from gradflow.spectra.products.rounding import EPS

_SWEEPS = 24
# Nats that a window may spread by, and steps it may have.
_SPREAD, _LONGEST = 14.0, 50
# A step that spreads so far once its scales are out has lost a rank to rounding.
_LOST = 30.0
# Couplings that are zero, and those that may count as zero once they fall no more.
_SPLIT, _NOISE = 1e-12, 1e-7
# A block whose diagonal spreads less is left to LAPACK.
_EVEN = 4.0


@dataclass(frozen=True)
class Factor:
    """``diag(2^left) matrix``; no scale where `left` is None."""

    matrix: Floats
    left: Exponents | None


@dataclass(frozen=True)
class Swept:
    """``chain Q = frame R_n...R_1``; R_k is ``2^exponents[k]`` times triangle k, upper part."""

    frame: Frame
    triangles: list[Floats]
    exponents: list[int]


def cycle_eigenvalues(steps: Sequence[Floats], seed: int) -> tuple[Floats, Floats] | None:
    """``(log |lambda|, phase)`` (n,) of ``J_T...J_1``, steps (n_t, n_{t-1}) with n_T = n_0 least.

    None if a step has lost a rank to rounding. The first frame is random, by `seed`.
    """
    n = steps[0].shape[1]
    if n == 0:
        return np.empty(0), np.empty(0)
    random = np.random.default_rng(seed).normal(size=(n, n))
    planned = _chain(steps, np.linalg.qr(random)[0])
    if planned is None:
        return None
    chain, frame = planned
    before = np.full(n - 1, np.inf)
    for sweep in range(_SWEEPS):
        start = _explicit(frame, n)
        swept = _sweep(chain, frame)
        if swept is None:
            return None
        frame = swept.frame
        x = start.T @ _explicit(frame, n)
        coupling = _couplings(x)
        # one at the level of rounding, which is exp(spread of a factor) units, falls no more
        size = np.abs([t.diagonal() for t in swept.triangles])
        floor = 100 * EPS * math.sqrt(n) * float((size.max(axis=1) / size.min(axis=1)).max())
        done = (coupling < _SPLIT) | ((coupling < min(_NOISE, floor)) & (coupling > before / 10))
        before = coupling
        logs = _diagonal_logs(swept)
        cuts = [0, *(np.flatnonzero(done) + 1).tolist(), n]
        blocks = [slice(*ends) for ends in pairwise(cuts)]
        small = all(b.stop - b.start <= 2 or np.ptp(logs[b]) < _EVEN for b in blocks)
        if small or sweep == _SWEEPS - 1:
            pairs = [_block(swept, x, logs, block) for block in blocks]
            return np.concatenate([p[0] for p in pairs]), np.concatenate([p[1] for p in pairs])
    return None


def _chain(steps: Sequence[Floats], frame: Frame) -> tuple[list[Factor], Frame] | None:
    """The factors of a sweep, by what a first one meets, and the frame that this one ends with."""
    plan: list[tuple[Exponents | None, Floats, Exponents | None]] = []
    sizes = [math.sqrt(float(np.einsum("ij,ij->", s, s)) / max(s.shape[1], 1)) for s in steps]
    done, planned, rate = 0, 1, 0.0
    while done < len(steps):
        length = min(planned, len(steps) - done)
        product = steps[done]
        for step in steps[done + 1 : done + length]:
            product = step @ product
        turned, triangle = _turned(product, frame)
        size = max(math.prod(sizes[done : done + length]), float(np.abs(triangle.diagonal()).max()))
        spread = _spread(triangle, size)
        if spread <= _SPREAD:
            plan.append((None, product, None))
            frame = turned
            rate += (spread / length - rate) * (0.2 if rate else 1.0)
        elif length > 1:
            planned = max(1, length // 2)
            continue
        else:
            row, y, column = scaled(product)
            plan.append((row, y, column))
            even = _turned(y, frame)[1]
            size = math.sqrt(float((y * y).sum()))
            swept = _sweep([Factor(np.eye(len(column)), column), Factor(y, row)], frame)
            if swept is None or not _spread(even, size) < _LOST:
                return None
            frame = swept.frame
        done += length
        planned = max(1, min(planned + 1, _LONGEST, int((_SPREAD - 1) / max(rate, 0.05))))
    return _joined(plan), frame


def _joined(
    plan: Sequence[tuple[Exponents | None, Floats, Exponents | None]],
) -> list[Factor]:
    """The columns' scale of each factor given to the rows of the one before it on the cycle."""
    chain = []
    for k, (row, y, _) in enumerate(plan):
        column = plan[(k + 1) % len(plan)][2]
        if column is None or row is None:
            chain.append(Factor(y, row))
            if column is not None:
                chain.append(Factor(np.eye(len(column)), column))
        else:
            chain.append(Factor(y, row + column))
    return chain


def _sweep(chain: Sequence[Factor], frame: Frame) -> Swept | None:
    """Carry the frame through the factors; None if one leaves an exact zero on a diagonal."""
    triangles: list[Floats] = []
    exponents: list[int] = []
    for factor in chain:
        if factor.left is None:
            frame, triangle = _turned(factor.matrix, frame)
            triangles.append(triangle)
            exponents.append(0)
        else:
            for matrix, part, top in factors(factor.matrix, factor.left):
                frame, triangle = _turned_by_rows(matrix, part, frame)
                triangles.append(triangle)
                exponents.append(top)
        if not _least(triangles[-1]) > 0:
            return None
    return Swept(frame, triangles, exponents)


def _turned(matrix: Floats, frame: Frame) -> tuple[Frame, Floats]:
    """The frame and the triangle of ``matrix @ frame``, which may hold anything below."""
    return _qr(_image(matrix, frame))


def _turned_by_rows(matrix: Floats, part: Exponents, frame: Frame) -> tuple[Frame, Floats]:
    image, order = sorted_rows(_image(matrix, frame), part)
    turned, triangle = _qr(image)
    if isinstance(turned, Reflections):
        return Reflections(turned.reflectors, turned.factor, order), triangle
    back = np.empty_like(turned)
    back[order] = turned
    return back, triangle


def _image(matrix: Floats, frame: Frame) -> Floats:
    if isinstance(frame, Reflections) and matrix.shape[0] == matrix.shape[1]:
        return applied(np.array(matrix, order="F"), frame)
    return np.asfortranarray(matrix @ _explicit(frame, matrix.shape[1]))


def _qr(image: Floats) -> tuple[Frame, Floats]:
    if image.shape[0] == image.shape[1]:
        frame = reflected(image)
        return frame, frame.reflectors
    q, r = np.linalg.qr(image)
    return np.asarray(q), np.asarray(r)


def _explicit(frame: Frame, n: int) -> Floats:
    return applied(np.eye(n, order="F"), frame) if isinstance(frame, Reflections) else frame


def _least(triangle: Floats) -> float:
    return float(np.abs(triangle.diagonal()).min())


def _spread(triangle: Floats, size: float) -> float:
    least = _least(triangle)
    if not (1e-150 < least <= size < 1e150):
        return math.inf
    return math.log(size / least)


def _couplings(x: Floats) -> Floats:
    """Per cut between two columns, the length of the longest row below left of it."""
    n = len(x)
    below = np.sqrt(np.cumsum(np.tril(x, -1) ** 2, axis=1))
    worst = np.maximum.accumulate(below[::-1], axis=0)[::-1]
    return np.asarray(worst[np.arange(1, n), np.arange(n - 1)])


def _diagonal_logs(swept: Swept) -> Floats:
    diagonals = np.array([t.diagonal() for t in swept.triangles])
    return np.asarray(log_magnitude(diagonals).sum(axis=0) + sum(swept.exponents) * LN2)


def _block(swept: Swept, x: Floats, logs: Floats, block: slice) -> tuple[Floats, Floats]:
    """``(log |lambda|, phase)`` of one diagonal block of ``x R_n...R_1``."""
    corner = x[block, block]
    signs = np.sign([t.diagonal()[block] for t in swept.triangles]).prod(axis=0)
    size = block.stop - block.start
    if size == 1:
        return logs[block].copy(), _phases(signs * corner[0])
    product, shift = np.eye(size), 0
    for triangle, exponent in zip(swept.triangles, swept.exponents, strict=True):
        product = np.triu(triangle[block, block]) @ product
        top = int(np.frexp(np.abs(product).max())[1])
        product = np.ldexp(product, -top)
        shift += top + exponent
    product = corner @ product
    if size == 2:
        sign = float(signs.prod() * np.sign(np.linalg.det(corner)))
        return _pair(float(np.trace(product)), float(logs[block].sum()), sign, shift * LN2)
    values = np.linalg.eigvals(product)
    return log_magnitude(np.abs(values)) + shift * LN2, np.asarray(np.angle(values), np.float64)


def _pair(trace: float, volume: float, sign: float, shift: float) -> tuple[Floats, Floats]:
    """Two eigenvalues from ``trace e^shift`` and the determinant ``sign e^volume``."""
    det = sign * math.exp(volume - 2 * shift)
    quarter = trace * trace / 4 - det
    if quarter < 0:
        angle = math.atan2(math.sqrt(-quarter), trace / 2)
        return np.full(2, volume / 2), np.array([angle, -angle])
    larger = trace / 2 + math.copysign(math.sqrt(quarter), trace)
    if larger == 0:
        return np.full(2, volume / 2), np.array([0.0, 0.0])
    log = math.log(abs(larger)) + shift
    return np.array([log, volume - log]), _phases(np.array([larger, sign * larger]))


def _phases(values: NDArray[np.float64]) -> Floats:
    return np.where(values >= 0, 0.0, math.pi)
