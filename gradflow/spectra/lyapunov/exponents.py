"""What is told of Lyapunov exponents: their means over windows, with errors from blocks of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from gradflow.drawable import Drawable
from gradflow.errors import UsageError
from gradflow.spectra.lyapunov.dimension import entropy_rate, kaplan_yorke
from gradflow.spectra.numerics.logdomain import Floats
from gradflow.spectra.numerics.orthonormal import Window

_WHERE = "lyapunov_spectrum"


@dataclass(frozen=True, eq=False, kw_only=True)
class LyapunovSpectrum(Drawable):
    """Lyapunov exponents of one trajectory, or of each in a batch, natural log per step.

    Attributes
    ----------
    exponents : (..., k)
        Mean growth rates in the order of the frame's columns, which settles to descending. An
        exponent is ``-inf`` when a direction met an exactly singular Jacobian.
    stderr : (..., k)
        Standard error of `exponents` from the spread of the means over consecutive blocks. It
        assumes that the sequence of growth rates is stationary and that blocks are long against
        its correlation time, so that their means are independent; it knows nothing of a transient
        that was kept or of other attractors. ``inf`` for a single block (nothing to compare),
        0.0 where the exponent is ``-inf`` (no later step can change it).
    interval : int
        Most steps from one orthonormal frame to the next, after the transient.
    transient : int
        Steps discarded at the start.
    steps : int
        Steps averaged over.
    history : (..., blocks, k)
        Estimate at the end of each block, from the first block on; the last row is `exponents`.
    label : str
        What the tangent space is, for titles and tables.
    spread : float
        Nats by which the columns had spread, at most, when a triangular factor was taken out.
        Rounding costs each growth rate about ``exp(spread)`` rounding units, at 18 nats 7e-9.

    Examples
    --------
    >>> import gradflow as gf, numpy as np
    >>> run = gf.run("scalar", {"w": np.array([0.9])}, state=np.ones(1), steps=100)
    >>> run.lyapunov().exponents.round(4)  # log 0.9
    array([-0.1054])
    """

    drawn_by: ClassVar[str] = "lyapunov:plot_lyapunov"
    exponents: Floats
    stderr: Floats
    interval: int
    transient: int
    steps: int
    history: Floats
    label: str
    spread: float

    def __repr__(self) -> str:
        return f"<LyapunovSpectrum {self._told('+-')}>"

    @property
    def kaplan_yorke(self) -> Floats:
        """Kaplan-Yorke dimension (...) of these exponents: see `spectra.kaplan_yorke`."""
        return kaplan_yorke(self.exponents)

    @property
    def entropy_rate(self) -> Floats:
        """Sum (...) of the positive exponents, nats per step: see `spectra.entropy_rate`."""
        return entropy_rate(self.exponents)

    def _repr_html_(self) -> str:
        return f"<b>Lyapunov spectrum</b>, {self._told('&plusmn;')}"

    def _told(self, or_so: str) -> str:
        *batch, count = self.exponents.shape
        first = (0,) * len(self.exponents.shape)
        of = f" (the first of {math.prod(batch)} trajectories)" if batch else ""
        return (
            f"{self.label}: leading {self.exponents[first]:.4g} {or_so} "
            f"{self.stderr[first]:.1g} nats a step{of}, {count} exponents, {self.steps} steps"
        )


def summary(
    found: Sequence[Window], width: int, transient: int, blocks: int, label: str
) -> LyapunovSpectrum:
    """The spectrum of windows with growth (..., s), s <= width; columns that are lost are last.

    Windows within the transient are left out. Raises ``UsageError`` if none is left.
    """
    ends = np.cumsum([window.length for window in found], dtype=np.int64)
    kept = [window for window, end in zip(found, ends, strict=True) if end > transient]
    if not kept:
        taken = int(ends[-1]) if len(ends) else 0
        raise UsageError(
            f"{_WHERE}: {taken} steps were given and {transient} of them are discarded as"
            " transient, and at least one step must be left; give more steps or a shorter transient"
        )
    lengths = np.array([window.length for window in kept])
    if kept[-1].growth.shape[-1] == width:
        growth = np.array([window.growth for window in kept])
    else:
        growth = np.full((len(kept), *kept[0].growth.shape[:-1], width), -np.inf)
        for row, window in zip(growth, kept, strict=True):
            row[..., : window.growth.shape[-1]] = window.growth
    exponents, stderr, history = _averages(lengths, growth, blocks)
    spread = max(window.spread for window in kept)
    return LyapunovSpectrum(
        exponents=exponents,
        stderr=stderr,
        interval=int(lengths.max()),
        transient=transient,
        steps=int(lengths.sum()),
        history=np.moveaxis(history, 0, -2),
        label=label,
        spread=spread,
    )


def stacked(each: Sequence[LyapunovSpectrum], lead: tuple[int, ...]) -> LyapunovSpectrum:
    """The spectra of single trajectories as one, with leading axes `lead`."""
    arrays = [
        np.stack(values).reshape(*lead, *values[0].shape)
        for values in (
            [one.exponents for one in each],
            [one.stderr for one in each],
            [one.history for one in each],
        )
    ]
    return replace(
        each[0],
        exponents=arrays[0],
        stderr=arrays[1],
        history=arrays[2],
        interval=max(one.interval for one in each),
        spread=max(one.spread for one in each),
    )


def patched(
    batch: LyapunovSpectrum, each: Mapping[int, LyapunovSpectrum], lead: tuple[int, ...]
) -> LyapunovSpectrum:
    """A batch with one leading axis, some trajectories of it replaced, with leading axes `lead`."""
    arrays = [batch.exponents.copy(), batch.stderr.copy(), batch.history.copy()]
    for b, one in each.items():
        for array, value in zip(arrays, (one.exponents, one.stderr, one.history), strict=True):
            array[b] = value
    exponents, stderr, history = (array.reshape(*lead, *array.shape[1:]) for array in arrays)
    return replace(
        batch,
        exponents=exponents,
        stderr=stderr,
        history=history,
        interval=max([batch.interval, *(one.interval for one in each.values())]),
        spread=max([batch.spread, *(one.spread for one in each.values())]),
    )


def _averages(
    lengths: NDArray[np.int64], growth: Floats, blocks: int
) -> tuple[Floats, Floats, Floats]:
    """(exponents, stderr, history) of windows with `lengths` (w,) steps and growth (w, ..., k)."""
    count = min(blocks, len(lengths))
    # as even as can be, the larger ones first
    first = np.arange(count) * (len(lengths) // count)
    first += np.minimum(np.arange(count), len(lengths) % count)
    steps = np.add.reduceat(lengths, first).astype(np.float64)
    steps = steps.reshape(-1, *[1] * (growth.ndim - 1))
    sums = np.add.reduceat(growth, first, axis=0)
    history = np.cumsum(sums, axis=0) / np.cumsum(steps, axis=0)
    exponents = history[-1]
    stderr = np.zeros_like(exponents)
    finite = np.isfinite(exponents)
    if count == 1:
        stderr[finite] = np.inf
    else:
        deviation = np.where(finite, sums / steps, 0.0) - np.where(finite, exponents, 0.0)
        variance = np.sum(steps * deviation**2, axis=0) / (count - 1)
        stderr[finite] = np.sqrt(variance / steps.sum())[finite]
    return exponents, stderr, history
