"""What is read off a curve of log norms: where it halves, and the line that it ends as."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gradflow.spectra.numerics.logdomain import Floats

# A curve is a line where it stays this near to it: a share of the line's rise or fall, or in nats.
_STRAIGHT, _LEVEL = 0.05, 0.01
# Fewer lags are no curve: two are always on a line.
_FEWEST = 3


@dataclass(frozen=True, kw_only=True)
class Asymptote:
    """The line that a log norm follows over its later lags, by least squares, if it is one.

    The lags from a quarter of the last one on count, up to where the norm is exactly zero. The
    curve is a line where no lag of these departs from it by more than a twentieth of the
    line's rise or fall over them, or a hundredth of a nat.

    Parameters
    ----------
    rate
        The asymptotic rate, nats per step: the slope of the line; ``-inf`` for a norm that becomes
        exactly zero and stays it; ``None`` where the curve is no line.
    first, last
        The lags it was fitted on.
    deviation
        By how much the curve departs from the line at most, in nats.
    reason
        Why there is no rate, or why it is ``-inf``; empty otherwise.
    """

    rate: float | None
    first: int
    last: int
    deviation: float = 0.0
    reason: str = ""

    def __repr__(self) -> str:
        if self.rate is None:
            return f"<Asymptote refused: {self.reason}>"
        if math.isinf(self.rate):
            return f"<Asymptote {self.rate} nats a step: {self.reason}>"
        return f"<Asymptote {self.rate:.4g} nats a step on lags {self.first} to {self.last}>"


def asymptote(lag: ArrayLike, log_norm: Floats) -> Asymptote:
    """Return the line that a curve (lags,) ends as; see :class:`Asymptote`."""
    lags = np.asarray(lag)
    zero = zero_from(log_norm)
    if zero is not None:
        at = int(lags[zero])
        return Asymptote(
            rate=-math.inf, first=at, last=int(lags[-1]), reason=f"exactly zero from lag {at} on"
        )
    late = np.isfinite(log_norm) & (4 * lags >= lags[-1])
    x, y = lags[late].astype(float), log_norm[late]
    first, last = int(x[0]), int(x[-1])
    if len(x) < _FEWEST:
        told = f"{len(x)} lag{'s' if len(x) > 1 else ''} from {first} to {last}, too few for a line"
        return Asymptote(rate=None, first=first, last=last, reason=told)
    x = x - x.mean()
    rate = float(x @ y / (x @ x))
    deviation = float(np.abs(y - y.mean() - rate * x).max())
    fall = abs(rate) * (last - first)
    if deviation <= max(_STRAIGHT * fall, _LEVEL):
        return Asymptote(rate=rate, first=first, last=last, deviation=deviation)
    told = (
        f"no line on lags {first} to {last}: the curve departs by {deviation:.2g} nats from one "
        f"that {'falls' if rate < 0 else 'rises'} by {fall:.2g}"
    )
    return Asymptote(rate=None, first=first, last=last, deviation=deviation, reason=told)


def under_from(log_norm: Floats, limit: float) -> Floats:
    """Return (...) the index from which on curves (..., lags) stay under a limit, or ``inf``."""
    above = log_norm > limit
    length = above.shape[-1]
    first = np.where(above.any(-1), length - np.argmax(above[..., ::-1], axis=-1), 0)
    return np.where(first < length, first, math.inf)


def half_life(lag: ArrayLike, log_norm: Floats) -> float:
    """Return the lag from which on a curve (lags,) stays under half its first nonzero value.

    Counted from that first lag; between two lags the log norm is taken to be linear, and to fall to
    an exact zero at once. 0.0 for a curve that is zero everywhere, ``inf`` for one that is not
    under one half at its last lag.
    """
    lags = np.asarray(lag, dtype=float)
    nonzero = np.flatnonzero(np.isfinite(log_norm))
    if not len(nonzero):
        return 0.0
    above = log_norm - log_norm[nonzero[0]] + math.log(2)
    k = int(np.flatnonzero(above >= 0)[-1])
    if k == len(lags) - 1:
        return math.inf
    share = above[k] / (above[k] - above[k + 1])  # 0 where the next is exactly zero
    return float(lags[k] + share * (lags[k + 1] - lags[k]) - lags[nonzero[0]])


def zero_from(log_norm: Floats) -> int | None:
    """Return the index from which on a curve (lags,) is exactly zero, if it ends in zeros."""
    nonzero = np.flatnonzero(~np.isneginf(log_norm))
    first = int(nonzero[-1]) + 1 if len(nonzero) else 0
    return first if first < len(log_norm) else None


def relative_logs(log_norm: Floats) -> Floats:
    """Return curves (..., lags) over their first nonzero value each."""
    finite = np.isfinite(log_norm)
    start = np.take_along_axis(log_norm, finite.argmax(-1)[..., None], axis=-1)
    relative: Floats = log_norm - np.where(np.isfinite(start), start, 0.0)
    return relative


def median_of_logs(values: Floats) -> Floats:
    """Return the median over the first axis; ``-inf`` entries count as the smallest."""
    ordered = np.sort(values, axis=0)
    count = len(ordered)
    low, high = ordered[(count - 1) // 2], ordered[count // 2]
    middle: Floats = np.where(low == high, low, np.logaddexp(low, high) - math.log(2))
    return middle
