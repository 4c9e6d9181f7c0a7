"""The gradient against lag of a run too long to keep: states are made again from checkpoints."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import ArrayLike

from gradflow.arrays import whole_number
from gradflow.cells.cell import Cell
from gradflow.cells.language.program import Elementwise
from gradflow.cells.language.syntax import TIME
from gradflow.codegen.over_time import Pulled, fill_states, pull_back, run_and_pull_back
from gradflow.errors import UsageError, shown
from gradflow.memory import FLOAT, require
from gradflow.spectra.beyond.rows import without_loss
from gradflow.spectra.decay.decay import Decay, pulled_decay
from gradflow.spectra.numerics.logdomain import Floats
from gradflow.spectra.running import Inputs, Start, prepared

# what it asks of a backend that compiles
_KERNELS = ("forward", "pullback", "taped", "replay")
# So many trajectories or fewer do without a tape.
_FEW = 2

Gradient = ArrayLike | Mapping[str, ArrayLike] | Callable[[Floats], ArrayLike]


def stream_gradient_decay(
    cell: Cell | str,
    params: Mapping[str, ArrayLike],
    x: Inputs,
    gradient: Gradient,
    state: Mapping[str, ArrayLike] | ArrayLike | None = None,
    *,
    steps: int | None = None,
    memory: int = 2**28,
    backend: str = "auto",
) -> Decay:
    r"""Return :math:`\|\partial L/\partial s_k\|` against lag without keeping the run.

    The same curve as ``gf.run(cell, params, x, state).gradient_decay(gradient)``, to rounding. The
    run goes forward once and leaves a state every ``m`` steps; then, from the last stretch to the
    first, the ``m`` states are made again together with the factors of their Jacobians, and the
    covector is pulled back through them. With ``T`` steps that needs room for ``T / m`` states and
    ``m`` states with factors, least at ``m`` near the root of ``T``. Nothing of the size ``(T, d)``
    is made but what the caller gives.

    Parameters
    ----------
    cell, params, x, state, steps, backend
        As :func:`gradflow.run` takes them.
    gradient
        :math:`\partial L/\partial s_T`: flat (..., d), or by part, or a function of the last state
        (..., d) that returns it.
    memory
        Bytes for states and factors; the result's (..., T + 1) logs come on top. If all states
        fit, none is made twice.

    Returns
    -------
    Decay
        Natural logs, lag 0 to T, whole and by part.

    Raises
    ------
    UsageError
        As :func:`gradflow.run`; or if ``memory`` cannot suffice: how much would.

    Examples
    --------
    >>> decay = stream_gradient_decay("scalar", {"w": [0.5]}, None, [1.0], [1.0], steps=2000)
    >>> decay
    <Decay scalar: gradient: lags 0 to 2000, horizon (1 %) 7>
    >>> decay.log_norm[-1].round(3)  # 2^-2000 is no float64
    np.float64(-1386.294)
    """
    memory = whole_number(memory, "stream_gradient_decay: memory", 1)
    start = prepared(cell, params, x, state, steps, backend, _KERNELS, 3)
    lead, count, declared = start.first.shape[:-1], start.count, start.bound.cell
    require(
        2 * FLOAT * (1 + len(declared.states)) * (count + 1) * math.prod(lead),
        "stream_gradient_decay",
        f"the logs at {count + 1} lags",
        "give fewer steps",
    )
    stretch, taped = _plan(start, memory)
    marks = range(0, count, stretch)
    kept = np.empty((len(marks), *start.first.shape))
    buffer = np.empty((*lead, min(stretch, count) + 1, start.first.shape[-1]))
    last = start.first
    for i, begin in enumerate(marks):
        kept[i] = last
        if taped and i == len(marks) - 1 and not callable(gradient):
            break  # the way back makes it
        piece = _piece(buffer, kept[i], begin, stretch, count)
        inputs = _cut(start.inputs, begin, stretch)
        fill_states(start.bound, piece, inputs, begin + 1)
        last = piece[..., -1, :].copy()
        start.require_finite(piece, begin)
    ends = start.trajectory(last[..., None, :], {})
    if isinstance(gradient, type):
        raise UsageError(
            f"stream_gradient_decay: gradient is {shown(gradient)}; it must be numbers, or a "
            "function of the last state that returns them."
        )
    row = ends.checked_covector(gradient(last) if callable(gradient) else gradient)
    row = np.broadcast_to(row, start.first.shape)
    log_norm = np.empty((*lead, count + 1))
    log_part = np.empty((*lead, len(declared.states), count + 1))
    shift = np.zeros(lead)
    equations = [s.expression for s in declared.program if isinstance(s, Elementwise)]
    timed = any(TIME in e.free_symbols for e in equations)
    for i in range(len(marks) - 1, -1, -1):
        begin = marks[i]
        inputs = _cut(start.inputs, begin, stretch)
        pull = run_and_pull_back if taped else pull_back
        if taped or i < len(marks) - 1:  # else the last stretch has just been made
            piece = _piece(buffer, kept[i], begin, stretch, count)
        if not taped and i < len(marks) - 1:
            fill_states(start.bound, piece, inputs, begin + 1)
        pulled = pull(start.bound, piece, inputs, row, first_step=begin + 1)
        start.require_finite(piece, begin)
        if not timed:  # a piece counts its steps from 1
            pulled = without_loss(start.trajectory(piece, inputs), row, pulled, rows=False)
        lags = slice(count - begin - piece.shape[-2] + 1, count - begin + 1)
        log_norm[..., lags] = pulled.log_norm + shift[..., None]
        log_part[..., lags] = pulled.log_part + shift[..., None, None]
        row = pulled.rows[..., -1, :]
        grown = pulled.log_norm[..., -1]
        shift = np.where(np.isneginf(grown), 0.0, shift + grown)
    whole = Pulled(log_norm, log_part, row)
    return pulled_decay(whole, list(declared.states), f"{declared.name}: gradient", units=False)


def _piece(buffer: Floats, first: Floats, begin: int, stretch: int, count: int) -> Floats:
    """Return room for the states from ``begin`` on, the first in place."""
    length = min(stretch, count - begin) + 1
    piece = buffer[..., :length, :]
    if not piece.flags.c_contiguous:
        piece = np.empty(piece.shape)
    piece[..., 0, :] = first
    return piece


def _cut(inputs: Mapping[str, Floats], begin: int, stretch: int) -> dict[str, Floats]:
    return {name: value[..., begin : begin + stretch, :] for name, value in inputs.items()}


def _plan(start: Start, memory: int) -> tuple[int, bool]:
    """Return how many steps to do at a time to fit in ``memory`` bytes, and whether with a tape.

    A tape spares the way back from making the factors of the Jacobians again. For few trajectories
    that is one large product for many steps, next to nothing beside the steps themselves.
    """
    first, count = start.first, start.count
    state = 8 * first.size
    trajectories = first.size // first.shape[-1]
    sizes = start.bound.sizes
    width = start.bound.loops.tape_width
    tape = 0 if width is None or trajectories <= _FEW else 8 * trajectories * width(sizes)
    if (count + 1) * (state + tape) + state <= memory:
        return count, tape > 0
    if (count + 2) * state <= memory:
        return count, False
    step = state + tape
    best = max(1, math.isqrt(int(count * state / step)))
    least = -(-count // best) * state + (best + 1) * step
    if least > memory:
        raise UsageError(
            f"stream_gradient_decay: memory is {memory} bytes, and {count} steps of this cell need "
            f"at least {least}; allow more."
        )
    # the longest stretch that fits: fewer, larger pieces cost less per step
    low, high = best, count
    while low < high:
        middle = (low + high + 1) // 2
        if -(-count // middle) * state + (middle + 1) * step <= memory:
            low = middle
        else:
            high = middle - 1
    return low, tape > 0
