r"""The gradient of the losses against lag, for each sequence, of one loss or one at every step.

Of a loss at step ``t`` the gradient at lag ``l`` is :math:`\partial L_t/\partial s_{t-l}`. Of
several losses the root mean square is told, at each lag of those that have so many steps before
them, over that of the same losses at lag 0:

.. math::

   r(\ell)^2 = \sum_{t \ge \ell} \Bigl|\frac{\partial L_t}{\partial s_{t-\ell}}\Bigr|^2
   \Big/ \sum_{t \ge \ell} \Bigl|\frac{\partial L_t}{\partial s_t}\Bigr|^2 .
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gradflow.networks.joined import NetworkTrajectory
from gradflow.spectra import Decay
from gradflow.spectra.numerics.logdomain import log_magnitude, unit_rows
from gradflow.studies.diagnosis.subject.losses import Losses

__all__ = ["losses_decay", "sampled"]

Floats = NDArray[np.float64]

_MOST, _LEAST = 48, 4  # losses a sequence whose gradients are told apart
_WORK = 2e11  # products of numbers that all of them may take


class _Lag(NamedTuple):
    """Gradients at one lag: of which losses, log norms (s, m), logs by unit (s, m, d)."""

    alive: slice
    norms: Floats
    units: Floats


def sampled(losses: Losses, run: NetworkTrajectory) -> Losses:
    """Return as many of the losses as can be told apart, spread over the steps.

    The last one of each sequence is among them.
    """
    work = 2.0 * len(losses.rows) * run.steps * run.width**2
    most = int(min(_MOST, max(_LEAST, _WORK / work)))
    count = len(losses.step)
    if count <= most:
        return losses
    spread = np.round(np.linspace(count - 1, 0, most)).astype(np.int64)
    ends = np.searchsorted(losses.step, losses.last[losses.last > 0])
    kept = np.union1d(spread, ends)
    if len(kept) == count:
        return losses
    return replace(losses, step=losses.step[kept], rows=losses.rows[:, kept])


def losses_decay(run: NetworkTrajectory, losses: Losses, lags: int | None = None) -> Decay:
    """Return the decay of every sequence (sequences, lags), ``nan`` beyond its losses.

    At lag 0 stands the root mean square of all its losses. So many ``lags`` after it are told, all
    by default.
    """
    count, most = len(losses.rows), run.steps if lags is None else lags
    doubt = bool(run.in_doubt().any()) if lags is not None or len(losses.step) > 1 else False
    if len(losses.step) == 1 and losses.step[0] == run.steps and (lags is None or doubt):
        return run.gradient_decay(losses.rows[:, 0])
    log_norm = np.full((count, most + 1), np.nan)
    by_unit = np.full((count, most + 1, run.width), np.nan)
    first = log_magnitude(np.linalg.norm(losses.rows, axis=-1))
    whole = _root_mean(first, first > -np.inf)
    told = _one_by_one(run, losses) if doubt else _together(run, losses)
    for lag, found in enumerate(islice(told, most + 1)):
        there = first[:, found.alive] > -np.inf
        some = there.any(axis=-1)
        base = whole - _root_mean(first[:, found.alive], there)
        log_norm[some, lag] = (_root_mean(found.norms, there) + base)[some]
        by_unit[some, lag] = (_root_mean(found.units, there[..., None]) + base[:, None])[some]
    return Decay(
        lag=np.arange(most + 1),
        log_norm=log_norm,
        quantity=r"\|\partial L / \partial s_k\|",
        label=f"{run.name}: gradient",
        by_unit=by_unit,
    )


def _root_mean(logs: Floats, there: NDArray[np.bool_]) -> Floats:
    """Return the log of the root mean square along axis 1, of what is there."""
    with np.errstate(divide="ignore", invalid="ignore"):
        kept = np.where(there, 2 * logs, -np.inf)
        return np.asarray((np.logaddexp.reduce(kept, axis=1) - np.log(there.sum(axis=1))) / 2)


def _together(run: NetworkTrajectory, losses: Losses) -> Iterator[_Lag]:
    """Pull all losses back a lag at a time; those that come to the first state drop out."""
    unit, scale = unit_rows(losses.rows)
    step, first = losses.step, 0
    for lag in range(int(step[-1]) + 1):
        yield _Lag(slice(first, None), scale, log_magnitude(unit) + scale[..., None])
        gone = int(np.searchsorted(step[first:], lag + 1))
        first += gone
        if first == len(step):
            return
        unit, longer = unit_rows(run.vjp(unit[:, gone:], step[first:] - lag))
        scale = scale[:, gone:] + longer


def _one_by_one(run: NetworkTrajectory, losses: Losses) -> Iterator[_Lag]:
    """The same where steps have slopes below what float64 holds: each loss by itself."""
    count, many = losses.rows.shape[:2]
    most = int(losses.step[-1])
    norms = np.full((count, many, most + 1), -np.inf)
    units = np.full((count, many, most + 1, run.width), -np.inf)
    for i, k in np.argwhere(losses.rows.any(axis=-1)):
        step = int(losses.step[k])
        decay = run.one(int(i)).until(step).gradient_decay(losses.rows[i, k])
        norms[i, k, : step + 1] = decay.log_norm
        units[i, k, : step + 1] = decay.by_unit
    for lag in range(most + 1):
        alive = slice(int(np.searchsorted(losses.step, lag)), None)
        yield _Lag(alive, norms[:, alive, lag], units[:, alive, lag])
