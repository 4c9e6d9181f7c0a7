"""What training would see: the parameter gradient, cut off by truncation or shortened by a clip."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gradflow.spectra import Truncation, log_clip_factor
from gradflow.studies.diagnosis.measures.spread import Spread, spread
from gradflow.studies.diagnosis.subject import Subject

__all__ = ["Clipped", "Training", "training_of"]

Floats = NDArray[np.float64]

_WINDOWS = (5, 10, 20, 35, 50, 100, 200, 350, 500, 1000)
_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, eq=False)
class Clipped:
    """What clipping at one threshold does: how many gradients it shortens, and to what share."""

    threshold: float
    shortened: int
    factors: Spread


@dataclass(frozen=True, eq=False, kw_only=True)
class Training:
    """The gradient by all parameters, of each sequence.

    Attributes
    ----------
    truncation
        What truncated backpropagation leaves out, by its window, a row a sequence.
    log_norms
        (sequences,) natural logs of the norms of the whole gradients.
    clipping
        What each threshold would change, the smallest first.
    """

    truncation: Truncation
    log_norms: Floats
    clipping: tuple[Clipped, ...]

    @property
    def quartiles(self) -> tuple[float, ...]:
        """Natural logs of the least norm, the quartiles and the largest, values that occur."""
        found = np.quantile(self.log_norms, _SHARES, method="lower")
        return tuple(float(log) for log in found)

    def missing(self) -> list[tuple[int, Spread]]:
        """Return by window the share of the gradient that it leaves out."""
        shares = self.truncation.missing.reshape(-1, len(self.truncation.window)).T
        windows = self.truncation.window
        return [(int(w), spread(row)) for w, row in zip(windows, shares, strict=True)]

    def window(self, share: float) -> int | None:
        """Return the shortest window that leaves out less than a share on every sequence."""
        return next((window for window, lost in self.missing() if lost.high < share), None)


def training_of(subject: Subject, need: int) -> Training:
    """Return the parameter gradients of a subject, cut and clipped.

    Among the windows is one that just lets through the lag needed. Raises what
    ``NetworkTrajectory.truncation`` raises.
    """
    run = subject.run
    longest = subject.losses.longest
    direct = subject.losses.direct(run.steps)
    windows = sorted({w for w in (*_WINDOWS, need + 1) if w < longest})
    cut = run.truncation(direct, windows or [1])
    norms = np.ravel(cut.log_whole)
    return Training(truncation=cut, log_norms=norms, clipping=_clipping(norms))


def _clipping(norms: Floats) -> tuple[Clipped, ...]:
    """Try powers of ten from the least norm on, and 1, as far as some gradient is longer."""
    log10 = norms / math.log(10)
    powers = {0.0, *np.floor(log10).tolist()}
    found = []
    for power in sorted(powers):
        factors = log_clip_factor(norms, 10.0**power) if abs(power) < 300 else np.zeros(0)
        shorter = factors[factors < 0.0]
        if len(shorter):
            kept = spread(math.exp(f) for f in shorter)
            found.append(Clipped(10.0**power, len(shorter), kept))
    return tuple(found)
