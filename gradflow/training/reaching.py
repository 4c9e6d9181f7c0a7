"""How far the gradient of a loss reaches, and what else a run says about a network in training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gradflow.errors import GradflowError
from gradflow.spectra import cross_entropy, squared_error
from gradflow.spectra.trajectory import Analysed

__all__ = ["USABLE", "Look", "covector_of", "look", "reach_of"]

Floats = NDArray[np.float64]

USABLE = 0.01
"""Share of 1 that a singular value of ``P`` exceeds where a direction counts as usable."""
_SATURATED = 0.99  # size of an activation between -1 and 1 that counts as saturated
_WIDEST = 300  # states beyond which no singular values are computed


@dataclass(frozen=True, eq=False, kw_only=True)
class Look:
    """One look at a network: what its gradient does on a few sequences.

    Attributes
    ----------
    reach : (sequences, lags)
        Natural log of the gradient of the loss at each lag over that at lag 0.
    directions : (lags,)
        Singular values of ``P(T, T - lag)`` over ``USABLE``, first sequence; NaN for a state too
        wide for it.
    exponent : float
        Leading exponent in nats a step, mean over the sequences.
    saturated, dead : int
        Units of the part that is read which are over .99 in size in more than half of the steps (of
        a part that stays between -1 and 1), and units that are the same at every step.
    """

    reach: Floats
    directions: Floats
    exponent: float
    saturated: int
    dead: int

    def __repr__(self) -> str:
        middle = np.median(self.reach, axis=0) / math.log(10)
        told = ", ".join(f"{v:.2g}" for v in middle)
        return f"<Look: log10 reach {told}, exponent {self.exponent:.3g}, {self.dead} dead units>"


def reach_of(run: Analysed, covector: Floats, lags: Sequence[int]) -> Floats:
    """Return the log of the gradient at each lag over that at lag 0, (sequences, lags)."""
    logs = run.gradient_decay(covector, units=False).log_norm
    with np.errstate(invalid="ignore"):
        found: Floats = logs[:, list(lags)] - logs[:, :1]
    return np.where(np.isnan(found), -np.inf, found)


def covector_of(h: Floats, weight: Floats, bias: Floats, y: NDArray[np.number]) -> Floats:
    """Return the gradient (sequences, units) of a loss of the read-out by ``h``, last step.

    ``y`` (sequences,) are classes, for the cross-entropy, or values, for the squared error.
    """
    wide = np.column_stack([weight, bias])  # the bias is the weight of a unit that is always 1
    vector = np.column_stack([h, np.ones(len(h))])
    if y.dtype.kind in "iu":
        return cross_entropy(wide, vector, y).gradient[:, :-1]
    return squared_error(wide, vector, y[:, None]).gradient[:, :-1]


def look(run: Analysed, covector: Floats, part: str, lags: Sequence[int]) -> Look:
    """Look at a run over sequences (sequences, T) whose loss has this gradient at the last step.

    ``part`` is the state part that is read.
    """
    h = run.flat_states[:, 1:, run.parts[part]]
    first = run.one(0)
    directions = np.full(len(lags), np.nan)
    if run.width <= _WIDEST:
        values = first.singular_values(list(lags)).log_sigma
        directions = (values > math.log(USABLE)).sum(axis=-1).astype(np.float64)
    try:
        exponent = float(np.mean(run.lyapunov(leading=1).exponents))
    except GradflowError:  # a run too short for it, or a product that is exactly zero
        exponent = math.nan
    bounded = bool((np.abs(h) <= 1).all())
    often = (np.abs(h) > _SATURATED).mean(axis=(0, 1)) > 0.5
    return Look(
        reach=reach_of(run, covector, lags),
        directions=directions,
        exponent=exponent,
        saturated=int(often.sum()) if bounded else 0,
        dead=int((np.ptp(h, axis=(0, 1)) == 0).sum()),
    )
