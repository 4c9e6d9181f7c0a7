"""One step that spreads too far for a window: its scales taken out, QR with the rows sorted.

``J = diag(2^r) Y diag(2^c)``; c is joined to the r of the step before, since what is graded on both
sides of a frame loses its digits to it. A singular Y goes through `orthonormal_image`, which finds
exact zeros; one that only float64 cannot tell from singular goes through `long_step`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gradflow.errors import PrecisionError
from gradflow.spectra.numerics.frames import (
    Frame,
    Reflections,
    applied,
    formed,
    inverse_norm,
    reflected,
    sorted_rows,
)
from gradflow.spectra.numerics.graded import NEARLY_SINGULAR, TOO_GRADED, orthonormal_image
from gradflow.spectra.numerics.logdomain import (
    Exponents,
    Floats,
    log_magnitude,
    normalized,
    shifted,
)
from gradflow.spectra.numerics.long_steps import long_step, regular
from gradflow.spectra.numerics.scales import Scaled, factors, scaled, wild
from gradflow.spectra.numerics.triangles import LN2

# A step with a condition number above this, its scales taken out, costs a log more than 1e-8.
_DOUBTFUL = 1e8


def to_join(step: Floats) -> Scaled | None:
    """A step's scales, if those of its columns must be joined to the rows of the step before."""
    split = scaled(step)
    return split if wild(split) else None


def scaled_step(
    step: Floats,
    split: Scaled | None,
    following: Scaled | None,
    frame: Frame,
    index: int,
    where: str,
) -> tuple[Frame, Floats]:
    """The frame after one step, its scales taken out, and the log growth (s,).

    With `split`, the step's columns' scale was taken with the step before; that of the `following`
    step is taken with this one.
    """
    row, y, column = split or scaled(step)
    before, growth = frame, np.zeros(frame_width(frame))
    if split is None and column.any():
        before, growth, _ = _by_rows(np.eye(len(y)), column, frame)
    left = row if following is None else row + following[2]
    after, more, condition = _by_rows(y, left, before)
    if not condition < _DOUBTFUL:
        right = column if split is None else np.zeros_like(column)
        longer = long_step(y, left, right, _columns(frame)) if regular(y) else None
        if longer is not None:
            return longer
        even = shifted(y, (row - row.max())[:, None])
        turned: Frame
        turned, last, kept = _careful(even, before, index, where)
        growth = growth[kept] + last + int(row.max()) * LN2
        if following is not None:
            turned, more, _ = _by_rows(np.eye(len(y)), following[2], turned)
            growth = growth + more
        return turned, growth
    growth = growth + more
    if len(growth) == len(y):
        exponents = int(left.sum()) + (int(column.sum()) if split is None else 0)
        volume = float(np.linalg.slogdet(y)[1]) + exponents * LN2
        growth += (volume - growth.sum()) / len(growth)
    return after, growth


def frame_width(frame: Frame) -> int:
    """How many columns a frame has."""
    return len(frame.reflectors) if isinstance(frame, Reflections) else frame.shape[1]


def _by_rows(y: Floats, left: Exponents, frame: Frame) -> tuple[Frame, Floats, float]:
    """``diag(2^left) y frame = frame' R``: the frame, the log growth, and the condition of y."""
    growth, condition = np.zeros(frame_width(frame)), 0.0
    if not len(growth):  # a step before has taken every direction
        return frame, growth, condition
    for matrix, part, top in factors(y, left):
        if len(growth) == len(y):
            image = applied(np.array(matrix, order="F"), frame)
            size = math.sqrt(float(np.einsum("ij,ij->", image, image)))
            image, order = sorted_rows(image, part)
            turned = reflected(image)
            diagonal = turned.reflectors.diagonal()
            if not diagonal.all():
                return frame, growth, math.inf
            condition = condition or size * inverse_norm(turned, part, order)
            frame = Reflections(turned.reflectors, turned.factor, order)
        else:
            image = matrix @ _columns(frame)
            least = float(np.linalg.svd(image, compute_uv=False)[-1])
            condition = condition or float(np.linalg.norm(matrix)) / max(least, 1e-300)
            image, order = sorted_rows(image, part)
            q, r = np.linalg.qr(image)
            diagonal = r.diagonal()
            back = np.empty_like(q)
            back[order] = q
            frame = back
        growth = growth + log_magnitude(diagonal) + top * LN2
    return frame, growth, condition


def _columns(frame: Frame) -> Floats:
    return formed(frame, len(frame.reflectors)) if isinstance(frame, Reflections) else frame


def _careful(
    step: Floats, frame: Frame, index: int, where: str
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """The frame after one step, row by row, the log growth (s,), and which columns are left (s,).

    A column may be lost only to a Jacobian that is singular with rows and columns scaled.
    """
    columns = _columns(frame)
    modest, exponent = normalized(step, axis=(0, 1))
    turned, triangle, kept = orthonormal_image(modest, columns, where)
    if len(kept) < columns.shape[1]:
        condition = float(np.linalg.cond(scaled(step)[1]))
        if condition < NEARLY_SINGULAR:
            raise PrecisionError(
                f"{where}: the Jacobian of step {index + 1} loses a direction to rounding"
                f" though its condition number, rows and columns scaled, is {condition:.1e}, and"
                f" only a singular one may; {TOO_GRADED}"
            )
    growth = log_magnitude(np.diag(triangle[:, kept])) + float(exponent[0, 0]) * np.log(2)
    return turned, growth, kept
