"""Lyapunov spectrum: the mean growth rates, in nats per step, of the tangent space of the state.

A frame of orthonormal columns is carried along, ``J_t Q_{t-1} = Q_t R_t``, and the exponents are
the means of ``log |R_t[i, i]|``. Several steps may share one QR as long as the columns have not
collapsed onto each other: the digits lost are the spread of ``log |R[i, i]|`` over the window.

Sources: G. Benettin, L. Galgani, A. Giorgilli, J.-M. Strelcyn, Meccanica 15 (1980) 9; K. Geist,
U. Parlitz, W. Lauterborn, Prog. Theor. Phys. 83 (1990) 875; for recurrent networks R. Engelken,
F. Wolf, L. Abbott, Phys. Rev. Research 5 (2023) 043044.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow.arrays import real_array, whole_number
from gradflow.codegen.over_time import one_thread
from gradflow.drawable import Drawable
from gradflow.errors import UsageError, shown
from gradflow.given import text
from gradflow.spectra.numerics.graded import EPS
from gradflow.spectra.numerics.logdomain import Floats, as_steps
from gradflow.spectra.numerics.orthonormal import Window, windows

_WHERE = "lyapunov_spectrum"
_LONGEST_WINDOW = 50


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
        Most steps between two orthonormalisations after the transient.
    transient : int
        Steps discarded at the start.
    steps : int
        Steps averaged over.
    history : (..., blocks, k)
        Estimate at the end of each block, from the first block on; the last row is `exponents`.
    label : str
        What the tangent space is, for titles and tables.
    spread : float
        Nats by which the columns had spread, at most, when they were orthonormalised. Rounding
        costs each growth rate about ``exp(spread)`` rounding units, at 18 nats 7e-9 a window.
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


def lyapunov_spectrum(
    jacobians: ArrayLike | Iterable[ArrayLike],
    *,
    transient: int | None = None,
    interval: int | None = None,
    leading: int | None = None,
    blocks: int = 20,
    initial: ArrayLike | None = None,
    label: str = "whole state",
) -> LyapunovSpectrum:
    """Lyapunov exponents of a trajectory of step Jacobians, by repeated QR.

    Parameters
    ----------
    jacobians : (T, d, d), or an iterable of such chunks
        Step Jacobians, first step first. A list or tuple of matrices counts as one array; any other
        iterable (a generator) yields chunks (m, d, d) of any lengths m, and is read once.
    transient : int, optional
        Steps to discard while the frame turns to its final order and the trajectory settles. By
        default a tenth of the first chunk (of the array, if it is one).
    interval : int, optional
        Most steps between two orthonormalisations. Fewer are taken where the columns spread: as
        many as 18 nats allow by what the steps before have shown, and a window that went beyond
        is done again with fewer, so that rounding costs each growth rate at most about 1e-8. By
        default 50, but short enough for the first chunk to fill all blocks.
    leading : int, optional
        Number of exponents wanted, from the largest; by default all d.
    blocks : int
        Number of blocks for `stderr` and `history`; fewer are made if there are too few windows.
    initial : (d, k), optional
        First frame, of linearly independent columns. By default a fixed random one, since the axes
        may lie in special directions, and then the exponents would not come out in order.
    label : str
        Copied to the result.

    Raises
    ------
    UsageError
        If a shape or a number is not as above, an entry is not finite, or no step is left after
        the transient.
    PrecisionError
        If a Jacobian is far from singular and yet loses a direction to rounding, as it can when
        parts of the state are measured in units many powers of ten apart.

    Examples
    --------
    >>> import numpy as np
    >>> found = lyapunov_spectrum(np.array([[[2.0, 1.0], [1.0, 1.0]]] * 200))
    >>> found.exponents.round(4)  # log((3 +- sqrt(5)) / 2)
    array([ 0.9624, -0.9624])
    """
    text(label, f"{_WHERE}: label")
    stream = _chunks(jacobians)
    first = next(stream, np.empty((0, 1, 1)))
    discard = len(first) // 10 if transient is None else transient
    longest = longest_window(len(first), discard, interval, blocks)
    frame = initial_frame(first.shape[-1], leading, initial)
    with one_thread():
        found = list(windows(chain([first], stream), frame, discard, longest, _WHERE))
    return summary(found, frame.shape[1], discard, blocks, label)


def longest_window(steps: int, transient: int, interval: int | None, blocks: int) -> int:
    """Most steps a window may have. Raises ``UsageError`` for a number out of range."""
    for name, value, least in (
        ("transient", transient, 0),
        ("interval", 1 if interval is None else interval, 1),
        ("blocks", blocks, 1),
    ):
        whole_number(value, f"{_WHERE}: {name}", least)
    if interval is not None:
        return interval
    return min(_LONGEST_WINDOW, max(1, (steps - transient) // blocks))


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


def _averages(
    lengths: NDArray[np.int64], growth: Floats, blocks: int
) -> tuple[Floats, Floats, Floats]:
    """(exponents, stderr, history) of windows with `lengths` (w,) steps and growth (w, ..., k)."""
    groups = np.array_split(np.arange(len(lengths)), min(blocks, len(lengths)))
    steps = np.array([lengths[group].sum() for group in groups], dtype=np.float64)
    steps = steps.reshape(-1, *[1] * (growth.ndim - 1))
    sums = np.array([growth[group].sum(axis=0) for group in groups])
    history = np.cumsum(sums, axis=0) / np.cumsum(steps, axis=0)
    exponents = history[-1]
    stderr = np.zeros_like(exponents)
    finite = np.isfinite(exponents)
    if len(groups) == 1:
        stderr[finite] = np.inf
    else:
        deviation = np.where(finite, sums / steps, 0.0) - np.where(finite, exponents, 0.0)
        variance = np.sum(steps * deviation**2, axis=0) / (len(groups) - 1)
        stderr[finite] = np.sqrt(variance / steps.sum())[finite]
    return exponents, stderr, history


def _chunks(jacobians: ArrayLike | Iterable[ArrayLike]) -> Iterator[Floats]:
    """The chunks (m, d, d) of a trajectory, checked; an array or a sequence is one chunk."""
    whole = isinstance(jacobians, Sequence) or hasattr(jacobians, "__array__")
    size = None
    if not whole and not isinstance(jacobians, Iterable):
        raise UsageError(
            f"{_WHERE}: jacobians is {shown(jacobians)}; it must be an array (T, d, d), or an "
            "iterable of such arrays."
        )
    for chunk in [jacobians] if whole else cast("Iterable[ArrayLike]", jacobians):
        # whether the entries are finite is seen when they are used
        if not isinstance(chunk, np.ndarray):
            chunk = as_steps(cast("ArrayLike", chunk), f"{_WHERE}: jacobians")
        given = np.asarray(chunk)
        square = given.ndim == 3 and 0 < given.shape[1] == given.shape[2]
        steps = given if square and given.dtype == np.float64 else as_steps(given, _WHERE)
        size = size or steps.shape[-1]
        if steps.shape[-1] != size:
            raise UsageError(
                f"{_WHERE}: a chunk has shape {steps.shape} after chunks of {size} x {size}"
                " matrices, and one size is allowed; give each trajectory a call of its own"
            )
        yield steps


def initial_frame(d: int, leading: int | None, initial: ArrayLike | None) -> Floats:
    """The first frame (d, k), orthonormal."""
    width = whole_number(d if leading is None else leading, f"{_WHERE}: leading", 1, d)
    if initial is None:
        return np.linalg.qr(np.random.default_rng(0).normal(size=(d, d))[:, :width])[0]
    columns = real_array(initial, _WHERE, "initial frame's entries", many=True)
    frame, triangle = np.linalg.qr(columns) if columns.ndim == 2 else (columns, columns)
    size = np.linalg.norm(triangle)
    if columns.shape != (d, width) or np.abs(np.diag(triangle)).min() <= d * EPS * size:
        raise UsageError(
            f"{_WHERE}: the initial frame has shape {columns.shape}, and {width} linearly"
            f" independent columns of length {d} are allowed; `leading` sets how many"
        )
    return frame
