"""Some steps at once: products that share one triangular factor, and what their columns grow by.

``J_m ... J_1 F = F' R``. A square frame is carried on by LU, which costs half of a QR and whose L
is cheaper to apply than reflections are, and is made orthonormal where a window ends: the first k
columns of F' span the same either way, and the growth is ``log |R[i, i]|`` of both factors.

The sum of the growths of a square frame is ``log |det|``. Rows of very different size cost an LU no
digits of it, columns and long products do; there the sum is that of ``log |det J_t|`` by an LU of
each step, and the difference is given to the columns by the squares of what rounding may have cost.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gradflow.arrays import real_array
from gradflow.spectra.numerics.frames import (
    Eliminated,
    Frame,
    SquareFrame,
    applied,
    eliminated,
    formed,
    lowered,
    reflected,
)
from gradflow.spectra.numerics.logdomain import Floats, log_magnitude, normalized
from gradflow.spectra.numerics.triangles import LN2

# 18 nats cost a factor 7e7 of the rounding unit 1.1e-16, which leaves an accuracy of 1e-8.
SPREAD = 18.0
# e^-570 is 1e-248; an entry of R below it may owe its digits to a subnormal number.
LEAST = -570.0
# From this size on an LU and its L are cheaper than a QR and its reflections.
_COMPACT = 8
# Nats of spread beyond which the volume is known better from the steps, so that a sum of growths
# keeps twelve digits: if squared lengths of a step's columns have the ratio below, 3 nats, or those
# of its rows, 4 nats, where these are not eliminated but reflected; and in any case.
_UNEVEN, _FAR, _FAR_WIDE, _WIDE = 12.0, 14.0, 15.0, 64
_COLUMNS_APART, _ROWS_APART = 400.0, 3e3
# The smallest frames have it from fewer on: their sums are small, and so is the price.
_FAR_SMALL = 10.0


def advanced(
    chunk: Floats, span: slice, length: int, frame: SquareFrame, ends: Sequence[bool], where: str
) -> tuple[Sequence[SquareFrame], Floats, Floats]:
    """The frame after each part of `length` steps of ``chunk[span]``, growth (w, s), spread (w,).

    Where `ends` says so, a window ends with the part and the frame is orthonormal; in a small
    square one all of them must. The spread is that of `Window`, infinite where
    digits are lost. Raises ``UsageError`` for entries of the chunk that are not finite.
    """
    steps, exponent, squares = _modest(chunk, span, where)
    d = steps.shape[-1]
    scale = log_magnitude(squares / d).reshape(-1, length).sum(axis=1) / 2
    frames: Sequence[SquareFrame]
    if isinstance(frame, np.ndarray) and frame.shape[0] > frame.shape[1]:
        frames, growth = _thin_parts(steps, length, frame)
        spread = _spread(growth, scale)
    else:
        frames, growth = _square_parts(steps, length, frame, ends)
        spread = _spread(growth, scale)
        far = _far(steps, length, spread, ends)
        if far.any():
            each = steps.reshape(-1, length, d, d)[far]
            growth[far] = with_volume(growth[far], np.linalg.slogdet(each)[1].sum(axis=1))
    if exponent:
        growth += length * exponent * LN2
    return frames, growth, spread


def aim(frame: Floats) -> float:
    """What parts are to spread by, so that few square ones need an LU of each step."""
    d, columns = frame.shape
    return SPREAD if columns < d else sum(_doubted(d)) / 2


def _doubted(d: int) -> tuple[float, float]:
    if d < _COMPACT:
        return _FAR_SMALL, _FAR_SMALL
    return _UNEVEN, _FAR if d < _WIDE else _FAR_WIDE


def eliminates(frame: Floats) -> bool:
    """Whether an LU is cheaper than a QR between frames (d, k) like this one."""
    d, columns = frame.shape
    return bool(columns == d >= _COMPACT)


def made_orthonormal(frame: SquareFrame) -> tuple[Frame, Floats | float]:
    """A frame made orthonormal, and the log growth of its columns by that."""
    if not isinstance(frame, Eliminated):
        return frame, 0.0
    turned = reflected(formed(frame, len(frame.order)))
    return turned, log_magnitude(turned.reflectors.diagonal())


def _modest(chunk: Floats, span: slice, where: str) -> tuple[Floats, int, Floats]:
    """``(steps, exponent, squares)`` with ``chunk[span] = 2^exponent steps``, no entry huge.

    The squares (m,) are ``|J_t|_F^2`` of the steps. Steps of ordinary size are left as they are.
    """
    steps = chunk[span]
    squares = _squares(steps)
    if 1e-20 < squares.max() < 1e20:
        return steps, 0, squares
    finite = real_array(chunk, where, "step Jacobians", many=True)
    modest, exponent = normalized(finite[span], axis=(0, 1, 2))
    return modest, int(exponent[0, 0, 0]), _squares(modest)


def _squares(steps: Floats) -> Floats:
    flat = steps.reshape(len(steps), -1)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(np.vecdot(flat, flat))


def _far(steps: Floats, length: int, spread: Floats, ends: Sequence[bool]) -> NDArray[np.bool_]:
    """Which parts (w,) of known digits are to have their volume from their steps."""
    d = steps.shape[-1]
    uneven, always = _doubted(d)
    known = spread <= SPREAD
    near, far = known & (spread > uneven), known & (spread > always)
    for k in np.flatnonzero(near & ~far).tolist():
        part = steps[k * length : (k + 1) * length]
        far[k] = _apart(np.einsum("tij,tij->tj", part, part), _COLUMNS_APART) or (
            ends[k] and _apart(np.einsum("tij,tij->ti", part, part), _ROWS_APART)
        )
    return far


def _apart(squares: Floats, ratio: float) -> bool:
    """Whether the squares (m, d) of a step are further apart."""
    return bool((squares.max(axis=1) > ratio * squares.min(axis=1)).any())


def _thin_parts(steps: Floats, length: int, frame: Floats) -> tuple[Sequence[Floats], Floats]:
    """Frames (d, s) with s < d after each part, orthonormal, and growth (w, s)."""
    frames, growth = [], []
    for start in range(0, len(steps), length):
        for step in steps[start : start + length]:
            frame = step @ frame
        frame, triangle = np.linalg.qr(frame)
        frames.append(frame)
        growth.append(log_magnitude(np.diag(triangle)))
    return frames, np.array(growth)


def _square_parts(
    steps: Floats, length: int, frame: SquareFrame, ends: Sequence[bool]
) -> tuple[Sequence[SquareFrame], Floats]:
    """Frames (d, d) after each part, and growth (w, d).

    The products of the parts are made together and transposed, so that each is in Fortran's order;
    LAPACK works in their memory, or in as much more, which ends up holding the frame after every
    part.
    """
    flipped = steps.swapaxes(1, 2)
    products = flipped.copy() if length == 1 else flipped[::length] @ flipped[1::length]
    for k in range(2, length):
        products = products @ flipped[k::length]
    frames: list[SquareFrame] = []
    images = np.empty_like(products)
    for product, into, end in zip(products, images, ends, strict=True):
        image = _image(product, frame, into)
        frame = reflected(image) if end else eliminated(image)
        frames.append(frame)
    return frames, log_magnitude(np.diagonal(images, axis1=1, axis2=2))


def _image(product: Floats, frame: SquareFrame, into: Floats) -> Floats:
    """``product.T @ frame``, the transpose of `into`."""
    if isinstance(frame, Eliminated):
        return lowered(product, frame, into)
    into.T[...] = applied(product.T, frame)
    return into.T


def _spread(growth: Floats, scale: Floats) -> Floats:
    """The spread (w,) of parts with growth (w, s) and scale (w,); inf where digits are lost."""
    if growth.shape[1] == 0:
        return np.zeros(len(growth))
    least = growth.min(axis=1)
    with np.errstate(invalid="ignore"):
        spread = np.maximum(growth.max(axis=1), scale) - least
    return np.where((least > LEAST) & (spread < np.inf), spread, np.inf)


def with_volume(growth: Floats, volume: Floats) -> Floats:
    """Growth (w, d) of square frames, its sums made the volumes (w,)."""
    weight = np.exp(2 * (growth.min(axis=1, keepdims=True) - growth))
    gap = volume - growth.sum(axis=1)
    return np.asarray(growth + weight * (gap / weight.sum(axis=1))[:, None])
