"""The theorems about the Clockwork RNN at given weights."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gradflow.proofs.measuring.margin import Condition, Margin
from gradflow.proofs.measuring.products import product_of, size_of, spectral
from gradflow.proofs.weights.values import map_array
from gradflow.spectra import Trajectory


def idle(run: Trajectory) -> Margin:
    """How far the rows of idle units are from those of the identity, at the worst step."""
    periods, identity = _periods(run), np.eye(run.width)
    apart = [
        size_of((j - identity)[t % periods != 0]) for t, j in enumerate(run.jacobians(), start=1)
    ]
    return Margin(measured=max(apart, default=0.0), bound=0.0, side="above")


def few(run: Trajectory) -> Margin:
    """With one period for all units only the steps at which it ticks act."""
    periods = np.unique(_periods(run))
    condition = Condition(
        quantity="the number of different periods",
        value=float(periods.size),
        need="exactly",
        limit=1.0,
    )
    bound = spectral(_map(run)) ** (run.steps // periods[0]) if condition.holds else None
    measured = spectral(product_of(run))
    return Margin(measured=measured, bound=bound, side="above", condition=condition)


def modules(run: Trajectory) -> Margin:
    """The block of the slowest module that ticks, beside its own norm to the power of its ticks."""
    periods = _periods(run)
    ticking = periods[periods <= max(run.steps, 1)]
    slowest = int(ticking.max()) if ticking.size else int(periods.min())
    own = np.flatnonzero(periods == slowest)
    block = np.ix_(own, own)
    return Margin(
        measured=spectral(product_of(run)[block]),
        bound=spectral(_map(run)[block]) ** (run.steps // slowest),
        side="above",
        note=f"of the module of period {slowest}",
    )


def _periods(run: Trajectory) -> NDArray[np.float64]:
    return np.broadcast_to(np.asarray(run.params["period"], np.float64), run.width)


def _map(run: Trajectory) -> NDArray[np.float64]:
    """Return the recurrent map with its mask."""
    return map_array(run.cell, run.cell.linear_maps["W_H"], run.params)
