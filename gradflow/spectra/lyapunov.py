"""Lyapunov spectrum: the mean growth rates, in nats per step, of the tangent space of the state.

A frame of orthonormal columns is carried along, ``J_t Q_{t-1} = Q_t R_t``, and the exponents are
the means of ``log |R_t[i, i]|``. Several steps may share one QR as long as the columns have not
collapsed onto each other: the digits lost are the spread of ``log |R[i, i]|`` over the window.

Sources: G. Benettin, L. Galgani, A. Giorgilli, J.-M. Strelcyn, Meccanica 15 (1980) 9; K. Geist,
U. Parlitz, W. Lauterborn, Prog. Theor. Phys. 83 (1990) 875; for recurrent networks R. Engelken,
F. Wolf, L. Abbott, Phys. Rev. Research 5 (2023) 043044.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from gradflow.errors import PrecisionError, UsageError
from gradflow.spectra.graded import NEARLY_SINGULAR, TOO_GRADED, equilibrated, orthonormal_image
from gradflow.spectra.logdomain import Floats, as_finite, as_steps, log_magnitude, normalized

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WHERE = "lyapunov_spectrum"
# 16 nats cost a factor 9e6 of the rounding unit 1.1e-16, which leaves an accuracy of 1e-8.
_SPREAD = 16.0
_LONGEST_WINDOW = 50


@dataclass(frozen=True, eq=False)
class LyapunovSpectrum:
    """Lyapunov exponents of one trajectory, natural log per step.

    Attributes
    ----------
    exponents : (k,)
        Mean growth rates in the order of the frame's columns, which settles to descending. An
        exponent is ``-inf`` when a direction met an exactly singular Jacobian.
    stderr : (k,)
        Standard error of `exponents` from the spread of the means over consecutive blocks. It
        assumes that the sequence of growth rates is stationary and that blocks are long against
        its correlation time, so that their means are independent; it knows nothing of a transient
        that was kept or of other attractors. ``inf`` for a single block (nothing to compare),
        0.0 where the exponent is ``-inf`` (no later step can change it).
    interval : int
        Most steps between two orthonormalisations at the end of the run.
    transient : int
        Steps discarded at the start.
    steps : int
        Steps averaged over.
    history : (blocks, k)
        Estimate at the end of each block, from the first block on; the last row is `exponents`.
    label : str
        What the tangent space is, for titles and tables.
    """

    exponents: Floats
    stderr: Floats
    interval: int
    transient: int
    steps: int
    history: Floats
    label: str

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the exponents on ``ax``, or on new pyplot axes."""
        from gradflow.figures import axes_or_new, plot_lyapunov

        return plot_lyapunov(axes_or_new(ax), [self])

    def _repr_html_(self) -> str:
        return (
            f"<b>Lyapunov spectrum</b>, {self.label}: leading {self.exponents[0]:.4g} &plusmn; "
            f"{self.stderr[0]:.1g} nats a step, {len(self.exponents)} exponents, {self.steps} steps"
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
        Most steps between two orthonormalisations. A window whose columns have spread by more
        than 16 nats is halved and done again, and the shorter interval kept, so that rounding
        costs each growth rate at most about 1e-8. By default 50, but short enough for the first
        chunk to fill all blocks.
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
    """
    stream = _chunks(jacobians)
    first = next(stream, np.empty((0, 1, 1)))
    d = first.shape[-1]
    discard = len(first) // 10 if transient is None else transient
    longest = interval
    if longest is None:
        longest = min(_LONGEST_WINDOW, max(1, (len(first) - discard) // max(1, blocks)))
    _check_numbers(discard, longest, blocks)
    frame = _initial_frame(d, leading, initial)
    width = frame.shape[1]
    taken = 0
    lengths: list[int] = []
    growth: list[Floats] = []
    with threadpool_limits(limits=1, user_api="blas"):
        for chunk in chain([first], stream):
            start = 0
            while start < len(chunk):
                until = discard - taken if taken < discard else longest
                stop = min(start + min(until, longest), len(chunk))
                turned, grown = _window(chunk[start:stop], frame)
                lost = len(grown) < frame.shape[1]
                spread = np.ptp(grown) if len(grown) else 0.0
                if stop - start > 1 and (lost or spread > _SPREAD):
                    longest = (stop - start) // 2
                    continue
                if lost:
                    _check_singular(chunk[start], taken)
                if taken >= discard:
                    lengths.append(stop - start)
                    growth.append(np.pad(grown, (0, width - len(grown)), constant_values=-np.inf))
                frame = turned
                taken += stop - start
                start = stop
    if not lengths:
        raise UsageError(
            f"{_WHERE}: {taken} steps were given and {discard} of them are discarded as"
            " transient, and at least one step must be left; give more steps or a shorter transient"
        )
    exponents, stderr, history = _averages(np.array(lengths), np.array(growth), blocks)
    return LyapunovSpectrum(
        exponents, stderr, longest, discard, int(np.sum(lengths)), history, label
    )


def _window(steps: Floats, frame: Floats) -> tuple[Floats, Floats]:
    """The frame after `steps`, and the log growth (s,) of each column; s < r if a column is lost.

    A frame with no column left stays so.
    """
    modest, exponent = normalized(steps, axis=(1, 2))
    shift = int(exponent.sum())
    for step in modest[:-1]:
        frame, scale = normalized(step @ frame, axis=(0, 1))
        shift += int(scale[0, 0])
    turned, triangle, kept = orthonormal_image(modest[-1], frame, _WHERE)
    return turned, log_magnitude(np.diag(triangle[:, kept])) + shift * np.log(2)


def _check_singular(step: Floats, index: int) -> None:
    """A direction may be lost only to a Jacobian that is singular with rows and columns scaled."""
    condition = float(np.linalg.cond(equilibrated(step[None])[1])[0])
    if condition < NEARLY_SINGULAR:
        raise PrecisionError(
            f"{_WHERE}: the Jacobian of step {index + 1} loses a direction to rounding"
            f" though its condition number, rows and columns scaled, is {condition:.1e}, and only"
            f" a singular one may; {TOO_GRADED}"
        )


def _averages(
    lengths: NDArray[np.int64], growth: Floats, blocks: int
) -> tuple[Floats, Floats, Floats]:
    """(exponents, stderr, history) of windows with `lengths` (w,) steps and log `growth` (w, k)."""
    groups = np.array_split(np.arange(len(lengths)), min(blocks, len(lengths)))
    steps = np.array([lengths[group].sum() for group in groups], dtype=np.float64)[:, None]
    sums = np.array([growth[group].sum(axis=0) for group in groups])
    history = np.cumsum(sums, axis=0) / np.cumsum(steps, axis=0)
    exponents = history[-1]
    stderr = np.zeros_like(exponents)
    finite = np.isfinite(exponents)
    if len(groups) == 1:
        stderr[finite] = np.inf
    else:
        deviation = sums[:, finite] / steps - exponents[finite]
        variance = np.sum(steps * deviation**2, axis=0) / (len(groups) - 1)
        stderr[finite] = np.sqrt(variance / steps.sum())
    return exponents, stderr, history


def _chunks(jacobians: ArrayLike | Iterable[ArrayLike]) -> Iterator[Floats]:
    """The chunks (m, d, d) of a trajectory, checked; an array or a sequence is one chunk."""
    whole = isinstance(jacobians, Sequence) or hasattr(jacobians, "__array__")
    size = None
    for chunk in [jacobians] if whole else cast("Iterable[ArrayLike]", jacobians):
        steps = as_steps(cast("ArrayLike", chunk), _WHERE)
        size = size or steps.shape[-1]
        if steps.shape[-1] != size:
            raise UsageError(
                f"{_WHERE}: a chunk has shape {steps.shape} after chunks of {size} x {size}"
                " matrices, and one size is allowed; give each trajectory a call of its own"
            )
        yield steps


def _initial_frame(d: int, leading: int | None, initial: ArrayLike | None) -> Floats:
    """The first frame (d, k), orthonormal."""
    width = d if leading is None else leading
    if not 1 <= width <= d:
        raise UsageError(
            f"{_WHERE}: leading is {leading}, and 1 to {d} is allowed for {d} x {d}"
            " Jacobians; ask for no more exponents than the state has entries"
        )
    if initial is None:
        return np.linalg.qr(np.random.default_rng(0).normal(size=(d, d)))[0][:, :width]
    columns = as_finite(np.asarray(initial), _WHERE, "initial frame's entries")
    if columns.shape != (d, width) or np.linalg.matrix_rank(columns) < width:
        raise UsageError(
            f"{_WHERE}: the initial frame has shape {columns.shape}, and {width} linearly"
            f" independent columns of length {d} are allowed; `leading` sets how many"
        )
    return np.linalg.qr(columns)[0]


def _check_numbers(transient: int, interval: int, blocks: int) -> None:
    for name, value, least in (
        ("transient", transient, 0),
        ("interval", interval, 1),
        ("blocks", blocks, 1),
    ):
        if value < least:
            raise UsageError(
                f"{_WHERE}: {name} is {value}, and {least} or more is allowed;"
                f" leave {name} out for a sound default"
            )
