"""The product of Jacobians of one sequence between two bounds that are proved, if it is cheap."""

from __future__ import annotations

import math

from gradflow.errors import GradflowError
from gradflow.networks.joined import NetworkTrajectory
from gradflow.studies.diagnosis.subject import Subject

__all__ = ["Band", "band_of"]

_ALLOWED = 1.0  # seconds
# Measured on one core, LSTMs of 16 to 192 states: seconds a step, and a step and d^3 numbers.
_STEP, _CUBE = 6e-3, 4.5e-9

Band = tuple[float, float]
"""Lower and upper bound of the decimal logarithm of ``|P(T, T - need)|``."""


def band_of(subject: Subject, need: int) -> tuple[Band | None, str]:
    """Return the certified band of the first sequence's product, or why there is none."""
    run = subject.single(subject.long_enough(need)[0])
    seconds = _seconds(run)
    if seconds > _ALLOWED:
        return None, (
            f"about {seconds:.0f} s for one sequence; gf.certify(found.subject.single(0)) makes it"
        )
    from gradflow.proofs.certified.certifying import certify

    try:
        low, high = certify(run).window(run.steps, run.steps - need)
    except GradflowError as error:
        return None, str(error)
    if math.isinf(high):
        return None, "it has no upper end in float64"
    return (low / math.log(10), high / math.log(10)), ""


def _seconds(run: NetworkTrajectory) -> float:
    return run.steps * (_STEP + _CUBE * run.width**3)
