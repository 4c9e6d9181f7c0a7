"""Lyapunov spectrum: the mean growth rates, in nats per step, of the tangent space of the state.

A frame of orthonormal columns is carried along, ``J_t Q_{t-1} = Q_t R_t``, and the exponents are
the means of ``log |R_t[i, i]|``. Several steps may share one QR as long as the columns have not
collapsed onto each other: the digits lost are the spread of ``log |R[i, i]|``. A step that spreads
too far alone has the scales of its rows and columns taken out. The sum of all exponents is the mean
of ``log |det J_t|`` to rounding, see `numerics.advance`.

Sources: G. Benettin, L. Galgani, A. Giorgilli, J.-M. Strelcyn, Meccanica 15 (1980) 9; K. Geist,
U. Parlitz, W. Lauterborn, Prog. Theor. Phys. 83 (1990) 875; for recurrent networks R. Engelken,
F. Wolf, L. Abbott, Phys. Rev. Research 5 (2023) 043044.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gradflow.arrays import real_array, real_numbers, whole_number
from gradflow.codegen.over_time import one_thread
from gradflow.errors import UsageError
from gradflow.given import text
from gradflow.spectra.lyapunov.exponents import LyapunovSpectrum, patched, stacked, summary
from gradflow.spectra.numerics.graded import EPS
from gradflow.spectra.numerics.logdomain import Floats, as_steps
from gradflow.spectra.numerics.orthonormal import windows
from gradflow.spectra.numerics.together import through_arrays, windows_together, with_volumes

_WHERE = "lyapunov_spectrum"
_LONGEST_WINDOW = 50
# Under this size many trajectories are carried together.
SMALL = 24


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
    jacobians : (..., T, d, d), or an iterable of chunks (m, d, d)
        Step Jacobians, first step first; leading axes are trajectories. A list or tuple of matrices
        counts as one array; any other iterable (a generator) yields chunks (m, d, d) of any lengths
        m, and is read once.
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
        If a Jacobian is far from singular, with the scales of rows and columns taken out, and yet
        loses a direction to rounding. Only one that is exactly singular, as whole numbers tell,
        loses a direction for good: -inf.

    Examples
    --------
    >>> import numpy as np
    >>> found = lyapunov_spectrum(np.array([[[2.0, 1.0], [1.0, 1.0]]] * 200))
    >>> found.exponents.round(4)  # log((3 +- sqrt(5)) / 2)
    array([ 0.9624, -0.9624])
    """
    text(label, f"{_WHERE}: label")
    if isinstance(jacobians, Sequence) or hasattr(jacobians, "__array__"):
        given = real_numbers(jacobians, _WHERE, "step Jacobians", many=True)
        if given.ndim > 3:
            batch = as_steps(given, _WHERE, batched=True)
            discard = batch.shape[-3] // 10 if transient is None else transient
            # known for all, so that all have as many blocks
            options: dict[str, Any] = {
                "transient": discard,
                "interval": longest_window(batch.shape[-3], discard, interval, blocks),
                "leading": leading,
                "blocks": blocks,
                "initial": initial,
                "label": label,
            }
            return _of_batch(batch, options)
        stream = _chunks([given])
    elif isinstance(jacobians, Iterable):
        stream = _chunks(jacobians)
    else:
        raise UsageError(
            f"{_WHERE}: the step Jacobians are {type(jacobians).__name__}, and an array (T, d, d)"
            " or an iterable of such chunks is allowed; stack one square matrix a step"
        )
    first = next(stream, np.empty((0, 1, 1)))
    discard = len(first) // 10 if transient is None else transient
    longest = longest_window(len(first), discard, interval, blocks)
    frame = initial_frame(first.shape[-1], leading, initial)
    with one_thread():
        found = list(windows(chain([first], stream), frame, discard, longest, _WHERE))
    return summary(found, frame.shape[1], discard, blocks, label)


def _of_batch(batch: Floats, options: dict[str, Any]) -> LyapunovSpectrum:
    """The spectra of a batch: small ones together, but those that meet a step of their own kind."""
    lead = batch.shape[:-3]
    flat = batch.reshape(math.prod(lead), *batch.shape[-3:])
    if len(flat) == 0:
        raise UsageError(
            f"{_WHERE}: the step Jacobians have shape {batch.shape}, and at least one trajectory is"
            " allowed; drop the empty axis"
        )
    if len(flat) == 1 or batch.shape[-1] >= SMALL:
        return stacked([lyapunov_spectrum(each, **options) for each in flat], lead)
    frame = initial_frame(flat.shape[-1], options["leading"], options["initial"])
    doubt = np.zeros(len(flat), dtype=bool)
    frames = np.repeat(frame.T[None], len(flat), axis=0)
    span = through_arrays(flat)
    with one_thread(), np.errstate(all="ignore"):
        found = list(
            windows_together([span], frames, doubt, options["transient"], options["interval"])
        )
        if frame.shape[0] == frame.shape[1]:
            found = with_volumes(found, flat)
    told = options["transient"], options["blocks"], options["label"]
    own = {int(b): lyapunov_spectrum(flat[b], **options) for b in np.flatnonzero(doubt)}
    return patched(summary(found, frame.shape[1], *told), own, lead)


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


def _chunks(jacobians: Iterable[ArrayLike]) -> Iterator[Floats]:
    """The chunks (m, d, d) of a trajectory, checked."""
    size = None
    for chunk in jacobians:
        # whether the entries are finite is seen when they are used
        given = real_numbers(chunk, _WHERE, "step Jacobians", many=True)
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
        return _random_frame(d, width)
    columns = real_array(initial, _WHERE, "initial frame's entries", many=True)
    frame, triangle = np.linalg.qr(columns) if columns.ndim == 2 else (columns, columns)
    size = np.linalg.norm(triangle)
    if columns.shape != (d, width) or np.abs(np.diag(triangle)).min() <= d * EPS * size:
        raise UsageError(
            f"{_WHERE}: the initial frame has shape {columns.shape}, and {width} linearly"
            f" independent columns of length {d} are allowed; `leading` sets how many"
        )
    return frame


@lru_cache(maxsize=4)
def _random_frame(d: int, width: int) -> Floats:
    frame = np.linalg.qr(np.random.default_rng(0).normal(size=(d, d))[:, :width])[0]
    frame.flags.writeable = False
    return frame
