"""Numbers as a sign and a natural log beside their float64, so that 10^-600 is one of them.

What float64 holds is computed in float64 as well, and is exact where that is (a clock counts so). A
sum keeps what float64 would keep of it at the scale of its largest term. The log of ``e^-1400`` is
right to rounding, which is a relative error of 1e-13 of the number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

# Logs between which a product of three float64 numbers stays within the range of float64.
_ORDINARY = 230.0
# Sums whose largest term is no smaller than e^-600 and no larger than e^600 are as good in float64.
_HELD = 600.0


@dataclass(frozen=True, eq=False)
class Logs:
    """Numbers ``sign * exp(log)``, ``value`` in float64; a zero has sign 0 and log ``-inf``."""

    sign: Floats
    log: Floats
    value: Floats

    def __getitem__(self, where: Any) -> Logs:
        """Return some of them, by the index of an array."""
        return Logs(self.sign[where], self.log[where], self.value[where])

    def over(self, shape: tuple[int, ...]) -> Logs:
        """Return them broadcast to a larger shape."""
        whole = [np.broadcast_to(a, shape) for a in (self.sign, self.log, self.value)]
        return Logs(*whole)


def joined(several: Sequence[Logs]) -> Logs:
    """Return numbers one after the other along their first axis."""
    fields = zip(*((one.sign, one.log, one.value) for one in several), strict=True)
    return Logs(*(np.concatenate(field) for field in fields))


def logs(value: ArrayLike) -> Logs:
    """Return float64 numbers as signs and logs."""
    array = np.asarray(value, dtype=np.float64)
    with np.errstate(divide="ignore"):
        return Logs(np.sign(array), np.log(np.abs(array)), array)


def signed(sign: Floats, log: ArrayLike) -> Logs:
    """Return ``sign * exp(log)``, whatever its size."""
    array = np.asarray(log, dtype=np.float64)
    sign = np.where(np.isneginf(array), 0.0, sign)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return Logs(sign, np.where(sign == 0, -np.inf, array), sign * np.exp(array))


def positive(log: ArrayLike) -> Logs:
    """Return ``exp(log)``."""
    return signed(np.ones(np.shape(log)), log)


def opposite(a: Logs) -> Logs:
    """Return ``-a``."""
    return Logs(-a.sign, a.log, -a.value)


def either(condition: NDArray[np.bool_], a: Logs, b: Logs) -> Logs:
    """Return ``a`` where a condition holds and ``b`` elsewhere."""
    pairs = ((a.sign, b.sign), (a.log, b.log), (a.value, b.value))
    return Logs(*(np.where(condition, x, y) for x, y in pairs))


def product(terms: Sequence[Logs]) -> Logs:
    """Return the product of all."""
    sign = reduce(np.multiply, [t.sign for t in terms])
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        log = reduce(np.add, [t.log for t in terms])
        value = reduce(np.multiply, [t.value for t in terms])
        # a factor without a range may be made up for by another
        far = reduce(np.add, [np.abs(t.log) for t in terms]) > _HELD
        value = np.where(far, sign * np.exp(log), value) if far.any() else value
    return Logs(sign, np.where(sign == 0, -np.inf, log), np.where(sign == 0, 0.0, value))


def power(a: Logs, exponent: float) -> Logs:
    """Return ``a**exponent``; nan for a root of a negative number."""
    whole = float(exponent).is_integer()
    sign = a.sign**2 if whole and exponent % 2 == 0 else a.sign
    if not whole:
        sign = np.where(a.sign < 0, np.nan, a.sign)
    if exponent < 0:
        sign = np.where(a.sign == 0, 1.0, sign)
    with np.errstate(all="ignore"):
        return Logs(sign, a.log * exponent + 0 * sign, a.value**exponent)


def added(terms: Sequence[Logs]) -> Logs:
    """Return the sum of all, entry by entry."""
    if len(terms) == 1:
        return terms[0]
    shape = np.broadcast_shapes(*(t.sign.shape for t in terms))
    whole = [t.over(shape) for t in terms]
    parts = ([t.sign for t in whole], [t.log for t in whole], [t.value for t in whole])
    return summed(Logs(*map(np.stack, parts)), 0)


def summed(a: Logs, axis: int) -> Logs:
    """Return the sum along an axis."""
    top = a.log.max(axis=axis, initial=-np.inf)
    inside = np.abs(top) < _HELD
    with np.errstate(over="ignore", invalid="ignore"):
        held = logs(a.value.sum(axis=axis))
    if inside.all():
        return held
    level = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(under="ignore", over="ignore", invalid="ignore"):
        total = logs((a.sign * np.exp(a.log - np.expand_dims(level, axis))).sum(axis=axis))
    return either(inside, held, signed(total.sign, total.log + level))


def applied(matrix: Logs, vector: Logs) -> Logs:
    """Return ``M v``: (n, k) or (m, n, k) times (m, k) is (m, n)."""
    if ordinary(matrix) and ordinary(vector):
        return logs(np.matmul(matrix.value, vector.value[..., None])[..., 0])
    return summed(product([matrix, vector[..., None, :]]), -1)


def multiplied(left: Logs, right: Logs) -> Logs:
    """Return ``A B``: (m, n, k) times (m, k, l) is (m, n, l), leading axes broadcast."""
    columns = [applied(left, right[..., :, j]) for j in range(right.sign.shape[-1])]
    parts = ([c.sign for c in columns], [c.log for c in columns], [c.value for c in columns])
    return Logs(*(np.stack(part, -1) for part in parts))


def ordinary(a: Logs) -> bool:
    """Whether products and sums of these are as good in float64."""
    alive = a.log[a.sign != 0]
    return bool(alive.size == 0 or (alive.min() > -_ORDINARY and alive.max() < _ORDINARY))


def log_norm(a: Logs, axis: int = -1) -> Floats:
    """Return the log of the Euclidean norm along an axis."""
    with np.errstate(under="ignore", over="ignore"):
        return summed(positive(2 * a.log), axis).log / 2


def least(a: Logs) -> Floats:
    """Return the smallest log along the last axis of what is not zero, ``inf`` where all is."""
    smallest: Floats = np.where(a.sign != 0, a.log, np.inf).min(axis=-1)
    return smallest
