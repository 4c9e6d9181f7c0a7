"""What is certified of one run: the norm of its product of Jacobians, between two ends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gradflow.errors import GradflowError
from gradflow.spectra import Trajectory
from gradflow.studies.headline import Number
from gradflow.studies.seeds.decays import Decays

if TYPE_CHECKING:
    from gradflow.networks.joined import NetworkTrajectory

__all__ = ["ALLOWED", "Enclosed", "certified_number", "certified_of", "enclosed", "first_run"]

Floats = NDArray[np.float64]
# Measured on one core, cells of 8 to 320 states: seconds a step, for d^2 and for d^3 numbers.
_STEP, _SQUARE, _CUBE = 3e-3, 6e-7, 1e-9
_LN10 = math.log(10)
_DRAWN = 101
ALLOWED = 3.0
"""So many seconds a certificate may take beside what else is measured of a run."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Enclosed:
    r"""Bounds of :math:`\log \|P(T, T - \ell)\|_2` of one run at some lags, every rounding counted.

    Parameters
    ----------
    lags
        The lags.
    low, high
        (lags,) natural logarithms; empty where there are none.
    reason
        Why there are none; empty where there are.
    """

    lags: tuple[int, ...]
    low: Floats
    high: Floats
    reason: str = ""

    @property
    def width(self) -> float:
        """The widest gap between the two ends, in nats; 0 where both are ``-inf``."""
        apart = self.high > self.low
        return float((self.high[apart] - self.low[apart]).max(initial=0.0))

    def at(self, lag: int) -> tuple[float, float]:
        """Return both ends at one of the lags."""
        k = self.lags.index(lag)
        return float(self.low[k]), float(self.high[k])


def certified_of(run: Trajectory, need: int) -> Enclosed:
    """Enclose the product of a run of a study, where it costs no more than the study itself."""
    lags = sorted({*np.linspace(0, run.steps, _DRAWN).round().astype(int).tolist(), need})
    call = "gf.certify(study.setup.trajectory)"
    return enclosed(run, lags, allowed=ALLOWED, otherwise=call)


def first_run(found: Decays) -> str:
    """Return in words which run of a study is certified."""
    return f"seed {found.seeds[0]}, first window" if found.runs > 1 else "this run"


def enclosed(
    run: Trajectory | NetworkTrajectory, lags: Sequence[int], *, allowed: float, otherwise: str
) -> Enclosed:
    """Enclose the norm of the product of a run, if that takes no more seconds than ``allowed``.

    ``otherwise`` is the call that makes it whatever it takes.
    """
    seconds = run.steps * (_STEP + _SQUARE * run.width**2 + _CUBE * run.width**3)
    if seconds > allowed:
        return _without(f"about {seconds:.0f} s for one run; {otherwise} makes it")
    from gradflow.proofs.certified.certifying import certify

    try:
        low, high = certify(run).curve(list(lags))
    except GradflowError as error:
        return _without(str(error))
    if np.isposinf(high).any():
        return _without("it has no upper end in float64")
    return Enclosed(lags=tuple(lags), low=low, high=high)


def _without(reason: str) -> Enclosed:
    return Enclosed(lags=(), low=np.empty(0), high=np.empty(0), reason=reason)


def certified_number(found: Enclosed, lag: int, run: str) -> dict[str, Number]:
    """Return what is certified at a lag of a run, told in words, or that there is no number."""
    if found.reason:
        return {}
    low, high = found.at(lag)
    middle = high if math.isinf(low) else (low + high) / 2
    return {
        "certified_product": Number(
            value=middle / _LN10,
            label=rf"$\lVert P \rVert_2$ over {lag} step{'s' * (lag != 1)}, certified for {run}",
            unit="log10",
            between=(low / _LN10, high / _LN10),
            over="1 run: real arithmetic lies between these ends",
            level="CERTIFIED",
        )
    }
