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
    Reflections,
    SquareFrame,
    applied,
    eliminated,
    formed,
    reflected,
)
from gradflow.spectra.numerics.logdomain import Floats, log_magnitude, normalized
from gradflow.spectra.numerics.triangles import LN2

# 18 nats cost a factor 7e7 of the rounding unit 1.1e-16, which leaves an accuracy of 1e-8.
SPREAD = 18.0
# e^-570 is 1e-248; an entry of R below it may owe its digits to a subnormal number.
LEAST = -570.0
# From this size on an LU and its L are cheaper than a QR and its reflections.
_COMPACT = 24
# Nats of spread from which on the volume is known better from the steps: e^16 rounding units in the
# smallest growths are 1e-12 of a sum over some hundred parts, and of a small sum somewhat more.
_FAR, _FAR_SMALL = 16.0, 15.0
# So it is where squared lengths of a step's columns have this ratio, 3 nats, or those of its rows,
# 4 nats, if these are not eliminated but reflected.
_COLUMNS_APART, _ROWS_APART = 400.0, 3e3


def advanced(
    chunk: Floats, span: slice, length: int, frame: SquareFrame, ends: Sequence[bool], where: str
) -> tuple[Sequence[SquareFrame], Floats, Floats]:
    """The frame after each part of `length` steps of ``chunk[span]``, growth (w, s), spread (w,).

    Where `ends` says so, a window ends with the part and the frame is orthonormal. The spread is
    that of `Window`, infinite where digits are lost. Raises ``UsageError`` for entries of the chunk
    that are not finite.
    """
    steps, exponent, columns = _modest(chunk, span, where)
    d = steps.shape[-1]
    scale = log_magnitude(columns @ np.full(d, 1 / d)).reshape(-1, length).sum(axis=1) / 2
    frames: Sequence[SquareFrame]
    if isinstance(frame, np.ndarray) and frame.shape[0] > frame.shape[1]:
        frames, growth = _thin_parts(steps, length, frame)
        spread = _spread(growth, scale)
    else:
        frames, growth = _square_parts(steps, length, frame, ends)
        spread = _spread(growth, scale)
        uneven = _uneven(columns, _COLUMNS_APART)
        far = spread > (_FAR if d >= _COMPACT else _FAR_SMALL)
        if d < _COMPACT:
            uneven = uneven | _uneven(_squares(steps.swapaxes(1, 2)), _ROWS_APART)
        far |= uneven.reshape(-1, length).any(axis=1)
        if far.any():
            far &= spread <= SPREAD
            each = steps.reshape(-1, length, d, d)[far]
            growth[far] = with_volume(growth[far], np.linalg.slogdet(each)[1].sum(axis=1))
    if exponent:
        growth += length * exponent * LN2
    return frames, growth, spread


def made_orthonormal(frame: SquareFrame) -> tuple[Frame, Floats | float]:
    """A frame made orthonormal, and the log growth of its columns by that."""
    if not isinstance(frame, Eliminated):
        return frame, 0.0
    turned = reflected(formed(frame, len(frame.order)))
    return turned, log_magnitude(np.diagonal(turned.reflectors))


def _modest(chunk: Floats, span: slice, where: str) -> tuple[Floats, int, Floats]:
    """``(steps, exponent, columns)`` with ``chunk[span] = 2^exponent steps``, no entry huge.

    The squared lengths of the steps' columns are (m, d). Steps of ordinary size are left as they
    are.
    """
    steps = chunk[span]
    columns = _squares(steps)
    if 1e-20 < columns.max() < 1e20:
        return steps, 0, columns
    finite = real_array(chunk, where, "step Jacobians", many=True)
    modest, exponent = normalized(finite[span], axis=(0, 1, 2))
    return modest, int(exponent[0, 0, 0]), _squares(modest)


def _squares(steps: Floats) -> Floats:
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(np.einsum("tij,tij->tj", steps, steps))


def _uneven(squares: Floats, ratio: float) -> NDArray[np.bool_]:
    """Which rows of squares (m, d) have entries further apart than the ratio."""
    if squares.max() <= ratio * squares.min():
        return np.zeros(len(squares), dtype=bool)
    return np.asarray(squares.max(axis=1) > ratio * squares.min(axis=1))


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
    LAPACK works in their memory, which ends up holding the frame after every part.
    """
    flipped = steps.swapaxes(1, 2)
    products = flipped.copy() if length == 1 else flipped[::length] @ flipped[1::length]
    for k in range(2, length):
        products = products @ flipped[k::length]
    frames: list[SquareFrame] = []
    if steps.shape[-1] < _COMPACT:
        for product in products:
            frame = reflected(_image(product, frame))
            frames.append(frame)
        return frames, log_magnitude(np.diagonal(products, axis1=1, axis2=2))
    more = np.zeros(products.shape[:2])
    for k, (product, end) in enumerate(zip(products, ends, strict=True)):
        frame = eliminated(_image(product, frame))
        if end:
            frame, more[k] = made_orthonormal(frame)
        frames.append(frame)
    return frames, log_magnitude(np.diagonal(products, axis1=1, axis2=2)) + more


def _image(product: Floats, frame: SquareFrame) -> Floats:
    """``product.T @ frame``, in the product's memory."""
    image = applied(product.T, frame)
    if isinstance(frame, Reflections) and frame.order is not None:
        product.T[...] = image
        return product.T
    return image


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
