"""Sums over the steps of a run whose terms and result may lie outside float64.

A covector is a row of modest entries and a whole power of two, and so is a sum; only terms of
nearly the same scale are ever added by a compiled function, so none is lost and none overflows.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gradflow.errors import PrecisionError
from gradflow.memory import rows_together
from gradflow.spectra.linearised import Linearised
from gradflow.spectra.numerics.logdomain import (
    ZERO_EXPONENT,
    Exponents,
    Floats,
    normalized,
    shifted,
    unit_rows,
)

# Rows within so many powers of two go into one call, as large as the first of these that holds.
_TOGETHER = 64
_LIFTS = (256, 0, -256)


class Covectors(NamedTuple):
    """Rows (..., n, d) times ``2**exponent`` (..., n); that of a zero row is `ZERO_EXPONENT`."""

    rows: Floats
    exponent: Exponents

    def at(self, which: Any) -> Covectors:
        """Return some of them, by an index of the first axis."""
        return Covectors(self.rows[which], self.exponent[which])


class Scaled(NamedTuple):
    """An array times ``2**exponent``, its largest entry in [1/2, 1) or zero."""

    value: Floats
    exponent: int

    def log_norm(self) -> float:
        """Return the natural log of its Frobenius norm."""
        return float(unit_rows(self.value.ravel())[1]) + self.exponent * math.log(2)

    def plus(self, other: Scaled) -> Scaled:
        """Return the sum."""
        one, two = (s if s.value.any() else Scaled(s.value, ZERO_EXPONENT) for s in (self, other))
        top = max(one.exponent, two.exponent)
        if top == ZERO_EXPONENT:
            return Scaled(self.value, 0)
        parts = [shifted(s.value, np.asarray(s.exponent - top)) for s in (one, two)]
        return scaled(parts[0] + parts[1], top)


def scaled(value: Floats, exponent: int = 0) -> Scaled:
    """Return ``value * 2**exponent`` with its scale apart."""
    axes = tuple(range(value.ndim))
    modest, shift = normalized(value, axis=axes)
    return Scaled(modest, exponent + int(shift.ravel()[0]))


def covectors(rows: Floats, exponent: Exponents | int = 0) -> Covectors:
    """Return rows (..., n, d) times ``2**exponent`` with the scale of each apart."""
    modest, shift = normalized(rows, axis=-1)
    total = shift[..., 0] + exponent
    return Covectors(modest, np.where(modest.any(axis=-1), total, ZERO_EXPONENT))


def pulled(run: Linearised, given: Covectors, steps: NDArray[np.int64]) -> Covectors:
    """Return row i times the Jacobian of ``steps[i]``; leading axes are the run's batch axes."""
    if not len(steps):
        return given
    rows = np.empty_like(given.rows)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for piece in _pieces(run, len(steps)):
            rows[..., piece, :] = run.vjp(given.rows[..., piece, :], _run_of(steps[piece]))
    return covectors(_finite(rows, "a step Jacobian"), given.exponent)


def _pieces(run: Linearised, count: int) -> list[slice]:
    """Slices of so many rows, each short enough for one call."""
    size = rows_together(run.width)
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def _run_of(steps: NDArray[np.int64]) -> range | NDArray[np.int64]:
    """Return steps as a range where they are one, which takes a view of the states."""
    first, last = int(steps[0]), int(steps[-1])
    return range(first, last + 1) if last - first + 1 == len(steps) else steps


def swept(run: Linearised, direct: Covectors) -> Covectors:
    """Return what arrives at each step of what is put in at it and later, (..., T, d) both.

    ``a_t = direct_t + a_{t+1} J_{t+1}``, one backward sweep. The leading axes of ``direct`` go with
    the batch axes of the run.
    """
    rows, exponent = direct.rows.copy(), direct.exponent.copy()
    for k in range(run.steps - 1, 0, -1):
        arriving, before = exponent[..., k], exponent[..., k - 1]
        if (arriving == ZERO_EXPONENT).all():
            continue
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            row = _finite(run.vjp(rows[..., k, :], k + 1), "a step Jacobian")
        top = np.maximum(arriving, before)
        row = _shift(row, arriving - top) + _shift(rows[..., k - 1, :], before - top)
        largest = np.abs(row).max(axis=-1, initial=0.0)
        power = np.frexp(largest)[1]
        rows[..., k - 1, :] = np.ldexp(row, -power[..., None])
        exponent[..., k - 1] = np.where(largest > 0.0, top + power, ZERO_EXPONENT)
    return Covectors(rows, exponent)


def _shift(row: Floats, power: Any) -> Floats:
    shifted_by = np.maximum(power, -2200)[..., None]
    return np.asarray(np.ldexp(row, shifted_by))


def parameter_sums(
    run: Linearised, given: Covectors, steps: NDArray[np.int64]
) -> dict[str, Scaled]:
    r"""Return :math:`\sum_i u_i \partial^+ s_t/\partial\theta`, ``t = steps[i]`` ascending."""
    alive = given.exponent != ZERO_EXPONENT
    if not alive.any():
        nothing = run.parameter_vjp(np.zeros((1, run.width)), range(1, 2))
        return {name: Scaled(np.zeros_like(value), 0) for name, value in nothing.items()}
    group = (given.exponent[alive].max() - given.exponent) // _TOGETHER
    found: dict[str, Scaled] = {}
    for which in np.unique(group[alive]):
        chosen = np.flatnonzero(alive & (group == which))
        for piece in _pieces(run, len(chosen)):
            terms = _together(run, given.at(chosen[piece]), steps[chosen[piece]])
            found = {n: found[n].plus(v) for n, v in terms.items()} if found else terms
    return found


def _together(run: Linearised, given: Covectors, steps: NDArray[np.int64]) -> dict[str, Scaled]:
    """Sum rows of nearly one scale in one call, as large as its results allow."""
    top = int(given.exponent.max())
    for lift in _LIFTS:
        rows = shifted(given.rows, given.exponent[:, None] - top + lift)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            found = run.parameter_vjp(rows, _run_of(steps))
        if all(np.isfinite(value).all() for value in found.values()):
            return {name: scaled(value, top - lift) for name, value in found.items()}
    bad = next(name for name, value in found.items() if not np.isfinite(value).all())
    raise _not_finite(f"the derivative of a step by {bad}")


def _finite(rows: Floats, what: str) -> Floats:
    if not np.isfinite(rows).all():
        raise _not_finite(what)
    return rows


def _not_finite(what: str) -> PrecisionError:
    return PrecisionError(
        f"parameter_gradient: {what} is not finite in float64; run.fault() tells where it is not."
    )
