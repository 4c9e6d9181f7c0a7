"""Eigenvalues of a long product of step Jacobians, as log-magnitude and phase.

The eigenvalues of ``P = J_T...J_1`` are the multipliers of a trajectory that closes after T
steps, or of one period of a periodic cell. P is never formed.

1. Coordinates fall into sets within which each reaches each (strongly connected components of the
   zero pattern). All steps are block triangular in an order of these sets, so the eigenvalues are
   those of the diagonal blocks; for triangular steps, sums of ``log |J_t[i, i]|``. Coordinates
   through which nothing passes around the cycle leave exact zeros.
2. Each block goes through sweeps of orthogonal iteration around the cycle, see `cycles`.
3. The same is done for the transposed product from another first frame, whose rounding errors are
   others. `error` is ten times the distance of the two, and what the sum misses of
   ``sum log |det J_t|``, and the rounding of the logs.
4. Where that exceeds 1e-9 of a log, the block is judged by longer arithmetic: the certified roots
   of the characteristic polynomial of the exact product, while its predicted time allows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from gradflow.codegen.over_time import one_thread
from gradflow.errors import PrecisionError
from gradflow.spectra.numerics.exact import (
    characteristic_roots,
    exact_products,
    nonzero_eigenvalues,
    whole_bits,
)
from gradflow.spectra.numerics.logdomain import Floats, as_steps, log_magnitude, normalized
from gradflow.spectra.products.cycles import cycle_eigenvalues
from gradflow.spectra.products.direct import LONGEST, eigenvalues_formed
from gradflow.spectra.products.judge import SECONDS, affordable
from gradflow.spectra.products.rounding import EPS
from gradflow.spectra.products.structure import cycled, part_of, strong_parts

_WHERE = "product_eigenvalues"
# An error of a log, as a part of it (of 1 if it is smaller), beyond which it is judged.
_TARGET = 1e-9
# An error in nats beyond which a value may be what rounding has left of an exact zero.
_RANK = 1e-3
# Predicted seconds of longer arithmetic under which it is quicker than any sweep.
_AT_ONCE = 1e-4
# Two runs that round otherwise are this part of their error apart, or more.
_SAFETY = 10.0


@dataclass(frozen=True, eq=False)
class ProductEigenvalues:
    """Eigenvalues ``exp(log_abs + 1j * phase)`` of P(T, 0), by log_abs descending, then phase.

    Attributes
    ----------
    log_abs : (..., d)
        Natural log of the modulus; ``-inf`` for an eigenvalue that is exactly zero.
    phase : (..., d)
        Argument in (-pi, pi]; 0 for an eigenvalue that is exactly zero. The two members of a
        conjugate pair have equal `log_abs` and opposite `phase`, exactly.
    error : (..., d)
        What each log may be off by, in nats, and each phase, in radians: certified where it comes
        from longer arithmetic, else estimated from two runs that round otherwise. 0 for an
        eigenvalue that is exactly zero.

    Examples
    --------
    >>> import gradflow as gf, numpy as np
    >>> run = gf.run("scalar", {"w": np.array([0.9])}, state=np.ones(1), steps=1000)
    >>> run.product_eigenvalues().log_abs.round(2)  # 1000 log 0.9
    array([-105.36])
    """

    log_abs: Floats
    phase: Floats
    error: Floats

    def __repr__(self) -> str:
        if not self.log_abs.size:
            return f"<ProductEigenvalues of no product: shape {self.log_abs.shape}>"
        first = (0,) * (self.log_abs.ndim - 1)
        count, (largest, smallest) = self.log_abs.shape[-1], self.log_abs[first][[0, -1]]
        return (
            f"<ProductEigenvalues {count}: log |lambda| from {largest:.4g} down to {smallest:.4g}>"
        )

    def _repr_html_(self) -> str:
        if not self.log_abs.size:
            return "<b>eigenvalues of the product</b> of no trajectory"
        first = (0,) * (self.log_abs.ndim - 1)
        largest, smallest = self.log_abs[first][[0, -1]]
        return (
            f"<b>eigenvalues of the product</b>: log |lambda| from {largest:.4g} down to "
            f"{smallest:.4g}, each good to {self.error[first].max():.1g} nats"
        )


def product_eigenvalues(jacobians: ArrayLike) -> ProductEigenvalues:
    """Eigenvalues of ``P(T, 0) = J_T...J_1``: (..., T, d, d) -> log_abs (..., d) and phase.

    Leading axes are products of their own. For T = 0 the product is the identity. Logs are to 1e-9
    of themselves, or judged by longer arithmetic, or come with the error that says otherwise; see
    the module. k eigenvalues that meet in one Jordan block of a float64 product are as sensitive as
    the k-th root, and are those of the very numbers given.

    The work is of order ``T d^3``. Longer arithmetic is used while its predicted time is at most
    10 s, and up to d = 16 while it is at most 100 s.

    Raises
    ------
    UsageError
        If the shape is not (..., T, d, d) with d >= 1, or an entry is not finite.
    PrecisionError
        If a step loses a rank to rounding and longer arithmetic would take too long.

    Examples
    --------
    >>> import numpy as np
    >>> found = product_eigenvalues(np.array([[[0.5, 1.0], [0.0, -0.25]]] * 3))
    >>> np.exp(found.log_abs).round(6), found.phase.round(4)
    (array([0.125   , 0.015625]), array([0.    , 3.1416]))
    """
    steps = as_steps(jacobians, _WHERE, batched=True)
    *lead, count, d, _ = steps.shape
    found = np.zeros((3, math.prod(lead), d))
    if count:
        flat = steps.reshape(-1, count, d, d)
        with one_thread(), np.errstate(all="ignore"):
            todo = np.arange(len(flat))
            if count <= LONGEST:
                good, *found[:] = eigenvalues_formed(flat, 10 * _TARGET)
                found = np.take_along_axis(found, _order(found[0], found[1])[None], axis=-1)
                todo = np.flatnonzero(~good)
            for n in todo:
                found[:, n] = _of_one(flat[n])
    logs, phases, errors = found.reshape(3, *lead, d)
    return ProductEigenvalues(log_abs=logs, phase=phases, error=errors)


def _order(logs: Floats, phases: Floats) -> NDArray[np.intp]:
    """By log descending, those that agree to 1e-9 by phase: conjugates stand together."""
    return np.lexsort((phases, -np.round(logs, 9)), axis=-1)


def _of_one(given: Floats) -> Floats:
    """``(log |lambda|, phase, error)`` (3, d) of one product of at least one step."""
    steps, exponent = normalized(given, axis=(1, 2))
    parts = [_of_part(part_of(steps, part)) for part in strong_parts(steps)]
    found = np.concatenate(parts, axis=1)
    shift = int(exponent.sum()) * np.log(2)
    found[0] += shift
    # the sum may cancel: its error is that of the summands
    found[2] += 2 * EPS * np.where(np.isfinite(found[0]), np.abs(found[0]) + abs(shift), 0.0)
    return found[:, _order(found[0], found[1])]


def _of_part(steps: Floats) -> Floats:
    """The same of coordinates (T, n, n) that all reach each other."""
    count, n = steps.shape[:2]
    if n == 1:
        return _of_numbers(steps[:, 0, 0])
    around = cycled(steps)
    alive = around[0].shape[1]
    found = np.zeros((3, n))
    found[0] = -np.inf
    if alive == 0:
        return found
    seconds = _judge_seconds(steps)
    if seconds <= _AT_ONCE:
        return _judged(steps)
    one = cycle_eigenvalues(around, 0)
    two = cycle_eigenvalues([step.T for step in around[::-1]], 1)
    certain = False
    if one is not None and two is not None:
        found[:, :alive] = _compared(*one, *two)
        if alive == n:
            volume = float(np.linalg.slogdet(steps)[1].sum())
            found[2] += abs(float(found[0].sum()) - volume)
        found[2, :alive] += 10 * EPS * (count + np.abs(found[0, :alive]))
        certain = bool((found[2] <= _TARGET * np.maximum(1, np.abs(found[0])))[:alive].all())
    if certain:
        return found
    if affordable(n, seconds):
        return _judged(steps)
    known = one is not None and two is not None and bool(np.isfinite(found[:, :alive]).all())
    if known and found[2].max() > _RANK:
        known = nonzero_eigenvalues(steps) == alive
    if not known:
        raise PrecisionError(
            f"{_WHERE}: a step is singular to rounding in {n} entries of the state that reach each"
            f" other, and longer arithmetic may take {SECONDS:.0f} s and would take {seconds:.0f};"
            " give fewer steps"
        )
    return found


def _of_numbers(values: Floats) -> Floats:
    """The product of numbers (T,): a column (3, 1)."""
    logs = log_magnitude(values)
    log = float(logs.sum())
    if log == -math.inf:
        return np.array([[-math.inf], [0.0], [0.0]])
    error = 4 * EPS * (len(values) + float(np.abs(logs).sum()))
    return np.array([[log], [0.0 if np.sign(values).prod() > 0 else math.pi], [error]])


def _compared(log: Floats, phase: Floats, other_log: Floats, other_phase: Floats) -> Floats:
    """One run's logs and phases, by log, and an error from how far the other's nearest ones are.

    Neighbours share the larger one, since two runs may agree by luck in one value, not in all.
    """
    turn = np.abs(np.angle(np.exp(1j * (phase[:, None] - other_phase[None, :]))))
    apart = np.maximum(np.abs(log[:, None] - other_log[None, :]), turn)
    mine, its = linear_sum_assignment(np.nan_to_num(apart, nan=1e300))
    order = np.argsort(-log[mine], kind="stable")
    error = _SAFETY * apart[mine, its][order]
    beside = np.maximum(np.append(error[1:], 0.0), np.append(0.0, error[:-1]))
    return np.array([log[order], phase[order], np.maximum(error, beside)])


def _judged(steps: Floats) -> Floats:
    """Certified, from the exact product."""
    ((entries, shift),) = exact_products(steps, [len(steps)])
    return np.array(characteristic_roots(entries, shift))


def _judge_seconds(steps: Floats) -> float:
    """About how long `_judged` takes, measured on one machine."""
    return float(2.0 * (steps.shape[-1] / 16) ** 3.5 * (whole_bits(steps) / 28_000) ** 1.7)
