"""All singular values of a long product of step Jacobians, each to about nine digits of its log.

Formed as a matrix, ``P = J_T...J_1`` keeps its leading singular value only: the others drown in
its rounding errors, and after some hundred steps they are wrong by a factor e^1000. Here P is never
formed, but for a few steps whose own error bound allows it (`direct`).

1. *Structure*. Coordinates that no step couples are separate products (`structure`).
2. *Sweep*. One sweep of QR from the last step back serves all lags (`sweep`).
3. *Error*, to first order (`rounding`): each window's condition, enlarged by reversals of growth
   and by the triangles that follow it, times 20; what the sum misses of the sum of the windows'
   logs; the rounding of the logs. Neighbours share the larger one.
4. *Judge*. Where the error exceeds 1e-7 of a log, the product is made in whole numbers (`judge`),
   while the predicted time of that is at most half a second, or, where it exceeds 1e-5, 10 s (100 s
   up to d = 16).
5. Where that is too long, coordinates that are exactly dead at some steps are left out, and frames
   from both ends are compared (`thin`). Else the value stands with its estimate, however large.

A log is ``-inf``, with error 0, only where the product is exactly singular: by longer arithmetic,
or by its rank modulo two primes. Where a rank is lost to rounding and the judge would take too
long, the value is refused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow.arrays import whole_number
from gradflow.codegen.over_time import one_thread
from gradflow.drawable import Drawable
from gradflow.errors import PrecisionError
from gradflow.given import several
from gradflow.spectra.numerics.exact import ranks_modulo
from gradflow.spectra.numerics.logdomain import Floats, as_steps, log_magnitude
from gradflow.spectra.products.direct import LONGEST, singular_values_formed
from gradflow.spectra.products.judge import SECONDS, affordable, judge_seconds, judged
from gradflow.spectra.products.structure import connected_parts, part_of
from gradflow.spectra.products.sweep import swept
from gradflow.spectra.products.thin import from_both_ends

_WHERE = "singular_values"
# An error as a part of its log (of 1 if it is smaller) beyond which a value is judged: of a value
# that comes with its error, and of a bare one.
_DOUBT, _BARE_DOUBT = 1e-7, 1e-9
# One so many times larger is worth more than so many seconds of judging.
_GRAVE, _QUICK = 100.0, 0.5
# An error in nats beyond which a value may be what rounding has left of an exact zero.
_RANK = 1e-3
# A bare log, without its error, may be off by this part of itself (of 1 if it is smaller).
_WORST_ERROR = 1e-2

Found = tuple[Floats, Floats]


@dataclass(frozen=True, eq=False)
class SingularValues(Drawable):
    """Singular values of ``P(T, T - lag)``, the last `lag` steps of a trajectory.

    Attributes
    ----------
    lag : (m,)
        Number of step Jacobians in the product.
    log_sigma : (..., m, d)
        Natural log of the singular values, descending along d; ``-inf`` for an exact zero.
    error : (..., m, d)
        What each log may be off by, in nats: a bound to first order of what rounding has cost, or
        the error of longer arithmetic. 0 for an exact zero.

    Examples
    --------
    >>> import gradflow as gf, numpy as np
    >>> run = gf.run("scalar", {"w": np.array([0.9])}, state=np.ones(1), steps=1000)
    >>> run.singular_values(lags=[10, 1000]).log_sigma.round(2)
    array([[  -1.05],
           [-105.36]])
    """

    drawn_by: ClassVar[str] = "singular_values:plot_singular_values"
    lag: NDArray[np.int64]
    log_sigma: Floats
    error: Floats

    def __repr__(self) -> str:
        if not self.lag.size:
            return "<SingularValues at 0 lags>"
        if not self.log_sigma.size:
            return f"<SingularValues of no product: shape {self.log_sigma.shape}>"
        first, last = self.log_sigma[(0,) * (self.log_sigma.ndim - 2)][-1][[0, -1]]
        return (
            f"<SingularValues at {self.lag.size} lags, at lag {self.lag[-1]}: log sigma from "
            f"{first:.4g} down to {last:.4g}>"
        )

    def _repr_html_(self) -> str:
        if not self.log_sigma.size:
            return "<b>singular values</b> of no trajectory"
        first, last = self.log_sigma[(0,) * (self.log_sigma.ndim - 2)][-1][[0, -1]]
        return (
            f"<b>singular values</b> at lags {int(self.lag[0])} to {int(self.lag[-1])}; at the "
            f"last, log sigma from {first:.4g} down to {last:.4g}"
        )


def singular_values(jacobians: ArrayLike, lags: Sequence[int] | None = None) -> SingularValues:
    """Singular values of ``P(T, T - lag) = J_T...J_{T-lag+1}`` for several lags.

    Parameters
    ----------
    jacobians : (..., T, d, d)
        Step Jacobians ``J_1 .. J_T``, first step first; leading axes are trajectories.
    lags : (m,), optional
        Whole numbers from 0 to T, in any order. By default about twelve, evenly spaced on a log
        scale from 1 to T.

    Raises
    ------
    UsageError
        If a lag is not within 0..T, the shape is not (..., T, d, d) with d >= 1, or an entry is not
        finite.
    PrecisionError
        If a step loses a rank to rounding and longer arithmetic would take too long.

    Examples
    --------
    >>> import numpy as np
    >>> found = singular_values(np.array([[[0.5, 1.0], [0.0, 0.25]]] * 300), [1, 300])
    >>> found.log_sigma[0].round(4), found.log_sigma[1].round(2)
    (array([ 0.1314, -2.2108]), array([-206.53, -417.3 ]))
    """
    return _at_lags(_steps(jacobians), lags, _DOUBT)


def _at_lags(steps: Floats, lags: Sequence[int] | None, doubt: float) -> SingularValues:
    *lead, length, d, _ = steps.shape
    if lags is None:
        spaced = np.geomspace(1, length, 12) if length else np.zeros(1)
        chosen = np.unique(np.rint(spaced)).astype(np.int64)
    else:
        chosen = checked_lags(lags, length)
    ascending = sorted({int(lag) for lag in chosen if lag > 0})
    found = np.zeros((2, math.prod(lead), len(ascending), d))
    if ascending:
        last = steps.reshape(found.shape[1], length, d, d)[:, length - ascending[-1] :]
        with one_thread(), np.errstate(all="ignore"):
            for n in _not_formed(last, ascending, found, doubt):
                found[:, n] = _of_one(last[n][::-1], ascending, doubt)
    where = np.searchsorted(ascending, chosen)
    both = np.zeros((2, *lead, len(chosen), d))
    both[..., chosen > 0, :] = found.reshape(2, *lead, len(ascending), d)[..., where[chosen > 0], :]
    return SingularValues(lag=chosen, log_sigma=both[0], error=both[1])


def _not_formed(
    steps: Floats, counts: Sequence[int], found: Floats, most: float
) -> NDArray[np.intp]:
    """Fill in log sigma and error (2, n, m, d) of short products; those that are still to be done.

    One that is not good at every lag is none.
    """
    good = np.full(len(steps), counts[-1] <= LONGEST)
    for k, count in enumerate(counts if good.any() else ()):
        fine, found[0, :, k], found[1, :, k] = singular_values_formed(
            steps[:, steps.shape[1] - count :], most
        )
        good &= fine
    return np.flatnonzero(~good)


def product_log_singular_values(jacobians: ArrayLike) -> Floats:
    """Natural logs of the singular values of ``P(T, 0) = J_T...J_1``: (..., T, d, d) -> (..., d).

    Descending; all 0 for T = 0, where P is the identity; ``-inf`` where the product is exactly
    singular. `singular_values` has the error of each as well.

    Raises
    ------
    UsageError
        If the shape is not (..., T, d, d) with d >= 1, or an entry is not finite.
    PrecisionError
        As `singular_values`, and if a log may be off by more than a hundredth of itself.
    """
    where = "product_log_singular_values"
    steps = as_steps(jacobians, where, batched=True)
    found = _at_lags(steps, [steps.shape[-3]], _BARE_DOUBT)
    logs, error = found.log_sigma[..., 0, :], found.error[..., 0, :]
    wrong = error > _WORST_ERROR * np.maximum(1, np.abs(logs))
    if wrong.any():
        index = tuple(np.argwhere(wrong)[0])
        raise PrecisionError(
            f"{where}: log sigma {index[-1] + 1} comes out as {logs[index]:.6g} and may be off by"
            f" {error[index]:.2g}, and {_WORST_ERROR} of it is allowed; give fewer steps, or read"
            " the error of each from singular_values"
        )
    return logs


def _of_one(factors: Floats, counts: Sequence[int], doubt: float) -> Found:
    """Log sigma and error (m, d) of ``F_1...F_k`` for ascending counts k >= 1, the last all."""
    each = [_of_part(part_of(factors, part), counts, doubt) for part in connected_parts(factors)]
    logs = np.concatenate([found[0] for found in each], axis=1)
    errors = np.concatenate([found[1] for found in each], axis=1)
    order = np.argsort(-logs, axis=1, kind="stable")
    return np.take_along_axis(logs, order, 1), np.take_along_axis(errors, order, 1)


def _of_part(factors: Floats, counts: Sequence[int], doubt: float) -> Found:
    """The same of coordinates that are coupled."""
    d = factors.shape[-1]
    if d == 1:
        return _of_numbers(factors[:, 0, 0], counts)
    found = list(swept(factors, counts))
    lost = np.full(d, np.nan), np.full(d, np.inf)
    found += [lost] * (len(counts) - len(found))
    doubted = [k for k, each in enumerate(found) if not _sure(*each, doubt).all()]
    if doubted:
        turned = factors[: counts[doubted[-1]]].swapaxes(1, 2)
        few = [counts[k] for k in doubted]
        seconds = judge_seconds(turned)
        grave = any(not _sure(*found[k], _GRAVE * doubt).all() for k in doubted)
        allowed = affordable(d, seconds) and (grave or seconds <= _QUICK)
        settle = _judged if allowed else _without_judge
        for k, settled in zip(
            doubted, settle(turned, few, [found[k] for k in doubted]), strict=True
        ):
            found[k] = settled
    return np.array([logs for logs, _ in found]), np.array([error for _, error in found])


def _sure(logs: Floats, error: Floats, doubt: float) -> NDArray[np.bool_]:
    return np.asarray(error <= doubt * np.maximum(1, np.abs(logs)))


def _of_numbers(values: Floats, counts: Sequence[int]) -> Found:
    """Products of numbers (k,): (m, 1) each."""
    logs = log_magnitude(values)
    at = np.array(counts) - 1
    total, size = np.cumsum(logs)[at], np.cumsum(np.abs(logs))[at]
    error = np.where(np.isfinite(total), 3e-16 * size + 4e-14, 0.0)
    return total[:, None], error[:, None]


def _judged(factors: Floats, counts: Sequence[int], found: Sequence[Found]) -> list[Found]:
    logs, error = found[-1]
    known = bool(np.isfinite(logs).all() and np.isfinite(error).all())
    return judged(factors, counts, float(logs[-1]) if known else -np.inf)


def _without_judge(factors: Floats, counts: Sequence[int], found: Sequence[Found]) -> list[Found]:
    """By exact zeros and an exact rank what these settle; else as it was found."""
    doubt = [not (error <= _RANK).all() for _, error in found]
    if not any(doubt):
        return list(found)
    settled = []
    ranks = ranks_modulo(factors, counts)
    for count, rank, (logs, error) in zip(counts, ranks, found, strict=True):
        thin = from_both_ends(factors[:count], rank)
        if thin is not None and (np.isnan(logs).any() or rank < len(logs)):
            settled.append(thin)
            continue
        if np.isnan(logs).any():
            seconds = judge_seconds(factors[:count])
            raise PrecisionError(
                f"{_WHERE}: at lag {count} a rank is lost to rounding, and longer arithmetic may"
                f" take {SECONDS:.0f} s and would take {seconds:.0f}; give fewer steps"
            )
        beyond = np.arange(len(logs)) >= rank
        settled.append((np.where(beyond, -np.inf, logs), np.where(beyond, 0.0, error)))
    return settled


def _steps(jacobians: ArrayLike) -> Floats:
    """`as_steps`, without a copy of an array whose sum shows that all its entries are finite."""
    if type(jacobians) is np.ndarray and jacobians.dtype == np.float64 and jacobians.ndim >= 3:
        with np.errstate(over="ignore", invalid="ignore"):
            square = jacobians.shape[-1] == jacobians.shape[-2] > 0
            if square and np.isfinite(jacobians.sum()):
                return jacobians
    return as_steps(jacobians, _WHERE, batched=True)


def checked_lags(lags: Sequence[int], length: int) -> NDArray[np.int64]:
    """Return lags as an array (m,). Raises ``UsageError`` unless they are within 0..length."""
    given = several(lags, "singular_values: lags", f"whole numbers, such as [1, {length}]")
    checked = [whole_number(lag, "singular_values: an item of lags", 0, length) for lag in given]
    return np.array(checked, dtype=np.int64)
