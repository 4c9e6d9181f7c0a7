"""The product of Jacobians of one sequence between two bounds that are proved, if it is cheap."""

from __future__ import annotations

import math

from gradflow.studies.certified import enclosed
from gradflow.studies.diagnosis.subject import Subject

__all__ = ["Band", "band_of"]

_ALLOWED = 1.0  # seconds

Band = tuple[float, float]
"""Lower and upper bound of the decimal logarithm of ``|P(T, T - need)|``."""


def band_of(subject: Subject, need: int) -> tuple[Band | None, str]:
    """Return the certified band of the first sequence's product, or why there is none."""
    run = subject.single(subject.long_enough(need)[0])
    call = "gf.certify(found.subject.single(0))"
    found = enclosed(run, [need], allowed=_ALLOWED, otherwise=call)
    if found.reason:
        return None, found.reason
    low, high = found.at(need)
    return (low / math.log(10), high / math.log(10)), ""
