"""The gradient against lag of one cell, run by run: a run is one draw of weights on one text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gradflow.spectra.decay.reading import relative_logs, under_from
from gradflow.studies.headline import TOLERANCE
from gradflow.studies.seeds.quantiles import HIGH, LOW, quantile
from gradflow.studies.setup import Setup

__all__ = ["GROWN", "Decays", "decays"]

Floats = NDArray[np.float64]

GROWN = math.log(10)
"""A gradient that grows tenfold explodes; in every tenth run it is worth a word."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Decays:
    """Gradient of the loss against lag, relative to its size at lag 0.

    Parameters
    ----------
    name
        What was run, in words: ``"lstm"``, ``"forget bias 3"``.
    seeds
        Of the weights and the readout.
    drawn
        Whether the weights differ from seed to seed, or were all given.
    log_relative
        (seeds, windows, lags) natural logs; ``-inf`` where the gradient is exactly zero.
    """

    name: str
    seeds: tuple[int, ...]
    drawn: bool
    log_relative: Floats

    @property
    def runs(self) -> int:
        """Number of runs: seeds times windows of the input."""
        return int(self.log_relative[..., 0].size)

    @property
    def steps(self) -> int:
        """Number of steps of a run, which is the longest lag."""
        return int(self.log_relative.shape[-1]) - 1

    def horizons(self, tolerance: float = TOLERANCE) -> Floats:
        """(seeds, windows) the lag from which on each run stays under ``tolerance``, or ``inf``."""
        return under_from(self.log_relative, math.log(tolerance))

    def curve(self, share: float = 0.5) -> Floats:
        """(lags,) at each lag the value that this share of the runs does not exceed; a median."""
        return quantile(self.log_relative.reshape(-1, self.steps + 1), share)

    def band(self) -> tuple[Floats, Floats]:
        """Return the two curves between which eight runs of ten lie at each lag."""
        return self.curve(LOW), self.curve(HIGH)

    def reached(self, need: int) -> int:
        """Return the number of runs whose horizon lies beyond a lag."""
        return int((self.horizons() > need).sum())

    @property
    def grows(self) -> bool:
        """Whether a tenth of the runs grow more than tenfold over all steps, and so explode."""
        return bool(self.curve(HIGH)[-1] > GROWN)

    def at(self, lag: int) -> Floats:
        """(seeds, windows) natural log of what is left at a lag."""
        return np.asarray(self.log_relative[..., lag])

    def __repr__(self) -> str:
        """Return one line with the number of runs and the median horizon."""
        found = float(quantile(self.horizons().ravel(), 0.5))
        told = f"{found:g} steps" if math.isfinite(found) else "not reached"
        return f"<Decays {self.name}: {self.runs} runs of {self.steps} steps, horizon {told}>"


def decays(name: str, ran: Sequence[Setup], seeds: Sequence[int], drawn: bool) -> Decays:
    """Measure the gradient against lag of one cell, set up with each of the seeds."""
    logs = [
        one.runs.gradient_decay(one.loss.gradient, units=False).log_norm.reshape(one.windows, -1)
        for one in ran
    ]
    return Decays(
        name=name,
        seeds=tuple(seeds),
        drawn=drawn,
        log_relative=relative_logs(np.stack(logs)),
    )
