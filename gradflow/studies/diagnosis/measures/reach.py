"""How far the gradient of the loss and the product of Jacobians reach, sequence by sequence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gradflow.errors import PrecisionError
from gradflow.spectra import Decay
from gradflow.spectra.decay.reading import under_from
from gradflow.studies.diagnosis.measures.by_lag import losses_decay, sampled
from gradflow.studies.diagnosis.measures.products import product_reach
from gradflow.studies.diagnosis.measures.spread import Spread, spread
from gradflow.studies.diagnosis.subject import Subject

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


def reach_of(subject: Subject, need: int, *, whole: bool = True) -> Reach:
    """Measure the sequences that have a loss with ``need`` steps before it.

    Not ``whole``, the horizons are left out: the gradient is pulled back as far as ``need``.
    """
    run = subject.run
    reasons = {}
    losses = sampled(subject.losses, run)
    if losses is not subject.losses:
        reasons["losses"] = (
            f"of {len(subject.losses.step)} losses a sequence {len(losses.step)}, spread over its "
            "steps, are followed back for the reach"
        )
    gradient = losses_decay(run, losses, None if whole else need)
    chosen = subject.long_enough(need)
    short = len(subject.lengths) - len(chosen)
    if short:
        reasons["short sequences"] = (
            f"{short} of {len(subject.lengths)} have no loss {need} steps after their start, and "
            "are left out of the reach"
        )
    logs = [gradient.log_norm[i, : subject.losses.last[i] + 1] for i in chosen]
    with np.errstate(invalid="ignore"):
        left = np.array([(row[need] - row[0]) / math.log(10) for row in logs])
    product = directions = None
    if run.width > _WIDEST:
        reasons["product"] = (
            f"the whole Jacobian of {run.width} states is not formed (at most {_WIDEST})"
        )
    else:
        singles = [subject.single(i) for i in chosen[:_PRODUCTS]]
        try:
            both = [product_reach(one, need, TOLERANCE, horizon=whole) for one in singles]
            product = spread(one[0] for one in both) if whole else None
            directions = spread(one[1] for one in both)
        except PrecisionError as error:
            reasons["product"] = str(error)
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
    return float(under_from(logs, logs[0] + math.log(TOLERANCE)))
