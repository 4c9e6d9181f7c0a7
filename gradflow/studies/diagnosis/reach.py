"""How far the gradient of the loss and the product of Jacobians reach, sequence by sequence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gradflow.errors import PrecisionError
from gradflow.networks.joined import NetworkTrajectory
from gradflow.spectra import Decay
from gradflow.studies.diagnosis.spread import Spread, spread

__all__ = ["TOLERANCE", "Reach", "reach_of"]

Floats = NDArray[np.float64]

TOLERANCE = 0.01
"""Share of its size at lag 0 that the gradient is under from the horizon on."""

_WIDEST = 600  # states beyond which no whole Jacobian is formed
_PRODUCTS = 3  # sequences whose whole product is formed


@dataclass(frozen=True, eq=False, kw_only=True)
class Reach:
    """What is left of the gradient at the lag that is needed, and where it falls under 1 %.

    Attributes
    ----------
    gradient
        Decay of the gradient of the loss, a row a sequence.
    loss_horizon, product_horizon
        Lag from which on it stays under 1 %; ``inf`` where it does not within the run. That of the
        product is of ``|P(T, T - lag)|``, the largest any loss could have.
    log10_left
        Decimal logarithm of the gradient at the lag needed over that at lag 0.
    directions
        Singular values of ``P`` at that lag over 1 %; ``None`` where ``reasons`` says why.
    """

    gradient: Decay
    loss_horizon: Spread
    product_horizon: Spread | None
    log10_left: Spread
    directions: Spread | None
    reasons: Mapping[str, str]


def reach_of(run: NetworkTrajectory, covector: Floats, need: int) -> Reach:
    """Measure a run of several sequences (sequences, T) at the lag ``need``."""
    gradient = run.gradient_decay(covector)
    logs = gradient.log_norm
    lag = min(need, run.steps)
    with np.errstate(invalid="ignore"):
        left = (logs[:, lag] - logs[:, 0]) / math.log(10)
    product = directions = None
    reasons = {}
    if run.width > _WIDEST:
        reasons["product"] = (
            f"the whole Jacobian of {run.width} states is not formed (at most {_WIDEST})"
        )
    else:
        singles = [run.one(i) for i in range(min(len(logs), _PRODUCTS))]
        product = spread(_horizon(one.decay().log_norm) for one in singles)
        try:
            directions = spread(_directions(one, lag) for one in singles)
        except PrecisionError as error:
            reasons["directions"] = str(error)
    return Reach(
        gradient=gradient,
        loss_horizon=spread(_horizon(row) for row in logs),
        product_horizon=product,
        log10_left=spread(np.nan_to_num(left, nan=-np.inf, neginf=-np.inf, posinf=np.inf)),
        directions=directions,
        reasons=reasons,
    )


def _horizon(logs: Floats) -> float:
    """Return the lag from which on a curve stays under 1 % of its first value, or ``inf``."""
    above = np.flatnonzero(logs > logs[0] + math.log(TOLERANCE))
    first = int(above[-1]) + 1 if len(above) else 0
    return float(first) if first < len(logs) else math.inf


def _directions(run: NetworkTrajectory, lag: int) -> float:
    """Return how many singular values of ``P(T, T - lag)`` exceed 1 %.

    Counted on the product formed in float64 where the bound of its rounding, kept along, is a tenth
    of 1 % at most; on singular values that are each accurate where it is not.
    """
    product, error = np.eye(run.width), 0.0
    unit = run.width * np.finfo(np.float64).eps
    for step in run.jacobians(range(run.steps - lag + 1, run.steps + 1))[::-1]:
        rounding = unit * np.linalg.norm(step) * np.linalg.norm(product)
        error = error * np.linalg.norm(step) + rounding
        product = product @ step
    if error <= TOLERANCE / 10:
        return float((np.linalg.svd(product, compute_uv=False) > TOLERANCE).sum())
    return float((run.singular_values([lag]).log_sigma[0] > math.log(TOLERANCE)).sum())
