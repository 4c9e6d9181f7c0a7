"""How far the gradient of a loss reaches, and what else a run says about a network in training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gradflow.errors import GradflowError
from gradflow.networks.joined import NetworkTrajectory
from gradflow.spectra import cross_entropy, squared_error
from gradflow.spectra.trajectory import Trajectory

__all__ = ["USABLE", "Look", "Ran", "covector_of", "look", "reach_of"]

Floats = NDArray[np.float64]
Ran = Trajectory | NetworkTrajectory

USABLE = 0.01
"""Share of 1 that a singular value of ``P`` exceeds where a direction counts as usable."""
_SATURATED = 0.99  # size of an activation between -1 and 1 that counts as saturated
_LARGE = 1e8  # entries of a product up to which its small singular values have their digits
_WIDEST = 300  # states beyond which no singular values are computed


@dataclass(frozen=True, eq=False, kw_only=True)
class Look:
    """One look at a network: what its gradient does on a few sequences.

    Attributes
    ----------
    reach : (sequences, lags)
        Natural log of the gradient of the loss at each lag over that at lag 0.
    directions : float
        Singular values of ``P(T, T - lag)`` over ``USABLE`` at the middle one of the lags, first
        sequence; NaN for a state too wide for it.
    exponent : float
        Leading exponent in nats a step, first sequence.
    saturated, dead : int
        Units of the part that is read which are over .99 in size in more than half of the steps (of
        a part that stays between -1 and 1), and units that are the same at every step.
    """

    reach: Floats
    directions: float
    exponent: float
    saturated: int
    dead: int

    @classmethod
    def lost(cls, sequences: int, lags: int) -> Look:
        """Return the look at a network that is no finite number any more: NaN throughout."""
        reach = np.full((sequences, lags), math.nan)
        return cls(reach=reach, directions=math.nan, exponent=math.nan, saturated=0, dead=0)

    def __repr__(self) -> str:
        middle = np.median(self.reach, axis=0) / math.log(10)
        told = ", ".join(f"{v:.2g}" for v in middle)
        return f"<Look: log10 reach {told}, exponent {self.exponent:.3g}, {self.dead} dead units>"


def reach_of(run: Ran, covector: Floats, lags: Sequence[int]) -> Floats:
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


def look(run: Ran, covector: Floats, part: str, lags: Sequence[int]) -> Look:
    """Look at a run over sequences (sequences, T) whose loss has this gradient at the last step.

    ``part`` is the state part that is read.
    """
    h = run.flat_states[:, 1:, run.parts[part]]
    first = run.one(0)
    try:
        exponent = float(first.lyapunov(leading=1).exponents[0])
    except GradflowError:  # a run too short for it, or a product that is exactly zero
        exponent = math.nan
    bounded = bool((np.abs(h) <= 1).all())
    often = (np.abs(h) > _SATURATED).mean(axis=(0, 1)) > 0.5
    return Look(
        reach=reach_of(run, covector, lags),
        directions=_directions(first, lags[len(lags) // 2]) if run.width <= _WIDEST else math.nan,
        exponent=exponent,
        saturated=int(often.sum()) if bounded else 0,
        dead=int((np.ptp(h, axis=(0, 1)) == 0).sum()),
    )


def _directions(run: Ran, lag: int) -> float:
    """Return how many singular values of ``P(T, T - lag)`` of one sequence exceed ``USABLE``.

    The product as it stands has them where it is not large: an error of some rounding units of its
    norm is far below ``USABLE`` then. Else they are computed one by one.
    """
    product = np.eye(run.width)
    for step in run.jacobians(range(run.steps - lag + 1, run.steps + 1)):
        product = step @ product
        if not np.abs(product).max() < _LARGE:
            values = run.singular_values([lag]).log_sigma
            return float((values > math.log(USABLE)).sum())
    return float((np.linalg.svd(product, compute_uv=False) > USABLE).sum())
