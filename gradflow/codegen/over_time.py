"""A cell over many steps: its states, and a covector pulled back through them, scales apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg.blas  # noqa: F401  loads the BLAS that compiled loops call
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from gradflow.codegen import border
from gradflow.codegen.bound import Bound
from gradflow.codegen.targets.target import Compiled, Run
from gradflow.codegen.varying import Varying
from gradflow.errors import UsageError

Floats = NDArray[np.float64]
Inputs = Mapping[str, Floats]
# what is not finite is told by whoever asked for the run
_QUIET: Any = {"over": "ignore", "invalid": "ignore", "divide": "ignore"}


class Pulled(NamedTuple):
    """A covector pulled back, lag 0 first, natural logs.

    ``log_norm`` (..., T + 1), ``log_part`` (..., parts, T + 1), directions ``rows`` (..., T + 1, d)
    if they were wanted, else (..., 1, d), the last alone. ``log_rows``, logs of what ``rows`` are
    directions of, where they are known entry by entry.
    """

    log_norm: Floats
    log_part: Floats
    rows: Floats
    log_rows: Floats | None = None


class Pushed(NamedTuple):
    """Tangent vectors pushed forward, natural logs.

    ``frame`` (trajectories, k, d) over ``exp(log_scale)`` (trajectories,), and Frobenius norms
    after each step, ``log_size`` (steps, trajectories).
    """

    frame: Floats
    log_size: Floats
    log_scale: Floats


def fill_states(
    bound: Bound | Varying, states: Floats, inputs: Inputs, first_step: int = 1
) -> None:
    """Fill ``states`` (..., T + 1, d) from its first entry on, in place.

    ``inputs`` are (..., T, units) by name; ``first_step`` is the number of the first step. Overflow
    leaves values that are not finite.
    """
    require_loops(bound.code)
    run = _run(bound, states, inputs, first_step)
    with one_thread(), np.errstate(**_QUIET):
        bound.loops.forward(run)
    if not np.shares_memory(run.states, states):
        states[...] = run.states.reshape(states.shape)


def pull_back(
    bound: Bound | Varying,
    states: Floats,
    inputs: Inputs,
    covector: Floats,
    *,
    rows: bool = False,
    first_step: int = 1,
) -> Pulled:
    """Return the lengths of ``u P(T, T - lag)`` for lag 0 to T, without forming a Jacobian.

    ``states`` is (..., T + 1, d), ``covector`` broadcasts to (..., d). The scale is kept apart, so
    nothing underflows. With ``rows`` the directions come too.
    """
    require_loops(bound.code)
    run = _run(bound, states, inputs, first_step)
    results = _results(run, len(bound.cell.states), rows)
    with one_thread(), np.errstate(**_QUIET):
        bound.loops.pullback(run, _covectors(states, covector), *results)
    return _shaped(states, *results)


def run_and_pull_back(
    bound: Bound | Varying,
    states: Floats,
    inputs: Inputs,
    covector: Floats,
    *,
    rows: bool = False,
    first_step: int = 1,
) -> Pulled:
    """Do :func:`fill_states`, then :func:`pull_back` from a tape, which spares half of its work.

    The tape holds every factor of the step's transposed Jacobian, so it is a few times the size of
    the states. ``states`` must be contiguous float64.
    """
    loops = bound.loops
    if loops.tape_width is None or loops.taped is None or loops.replay is None:
        fill_states(bound, states, inputs, first_step)
        return pull_back(bound, states, inputs, covector, rows=rows, first_step=first_step)
    run = _run(bound, states, inputs, first_step)
    tape = np.empty((run.states.shape[1] - 1, len(run.states), loops.tape_width(run.sizes)))
    results = _results(run, len(bound.cell.states), rows)
    with one_thread(), np.errstate(**_QUIET):
        loops.taped(run, tape)
        loops.replay(run, _covectors(states, covector), *results, tape)
    return _shaped(states, *results)


def push_forward(
    bound: Bound | Varying,
    states: Floats,
    inputs: Inputs,
    *,
    known: bool = False,
    first_step: int = 1,
) -> Callable[[int, int, Floats], Pushed]:
    """Return a function that takes tangent vectors through steps ``start + 1`` to ``stop``.

    ``states`` is (trajectories, T + 1, d), contiguous float64, ``inputs`` are (trajectories or 1,
    T, units) by name. The function takes ``start``, ``stop`` and vectors (trajectories, k, d). It
    fills the states from ``start + 1`` to ``stop`` too, or only reads them if they are ``known``.
    It limits no threads, since it may be called for a few steps at a time.
    """
    require_loops(bound.code)
    loops = bound.loops
    push = loops.push_known if known else loops.push
    run = _run(bound, states, inputs, first_step)
    if not np.shares_memory(run.states, states) or run.states.dtype != np.float64:
        raise UsageError("push_forward: the states are not contiguous float64; copy them first.")
    advance = push(run)
    count, length, width = run.states.shape

    def through(start: int, stop: int, frame: Floats) -> Pushed:
        if not 0 <= start <= stop < length or frame.shape[::2] != (count, width):
            raise UsageError(
                f"push_forward: steps {start} to {stop} and vectors {frame.shape}; steps 0 to "
                f"{length - 1} and vectors ({count}, k, {width}) are possible."
            )
        image = np.array(frame.reshape(-1, width), dtype=np.float64, order="C")
        log_size, exponent = np.empty((count, stop - start)), np.zeros(count)
        with np.errstate(**_QUIET):
            advance(start, stop, image, log_size, exponent)
        return Pushed(image.reshape(frame.shape), log_size.T, exponent * np.log(2))

    return through


@cache
def _pools() -> ThreadpoolController:
    return ThreadpoolController()


def one_thread() -> AbstractContextManager[object]:
    """Limit BLAS to one thread: the products of one step are too small for more.

    The libraries are looked up once, which takes longer than many a run.
    """
    limited: AbstractContextManager[object] = _pools().limit(limits=1, user_api="blas")
    return limited


def require_loops(code: Compiled) -> None:
    """Raise ``UsageError`` where the code's target has no loops over time."""
    if code.target.loops is None:
        raise UsageError(
            f"backend {code.backend!r} has no loops over time; use 'numpy' or 'numba'."
        )


def _covectors(states: Floats, covector: Floats) -> Floats:
    *lead, _, width = states.shape
    u = np.broadcast_to(np.asarray(covector, dtype=np.float64), (*lead, width))
    return np.array(u.reshape(-1, width), order="C")


def _results(run: Run, parts: int, rows: bool) -> tuple[Floats, Floats, Floats]:
    count, length, width = run.states.shape
    directions = np.empty((count, length if rows else 1, width))
    return np.empty((count, length)), np.empty((count, parts, length)), directions


def _shaped(states: Floats, log_norm: Floats, log_part: Floats, rows: Floats) -> Pulled:
    *lead, length, width = states.shape
    return Pulled(
        log_norm.reshape(*lead, length),
        log_part.reshape(*lead, log_part.shape[1], length),
        rows.reshape(*lead, rows.shape[1], width),
    )


def _run(bound: Bound | Varying, states: Floats, inputs: Inputs, first_step: int) -> Run:
    *lead, length, width = states.shape
    flat = np.ascontiguousarray(states).reshape(-1, length, width)
    bound, cell = bound.with_state(states), bound.cell
    sizes, arrays = dict(bound.sizes), {}
    for name, value in border.inputs(cell, bound.arrays, sizes, inputs or None).items():
        full = (*lead, *value.shape[-2:])
        whole = value if value.shape == full else np.broadcast_to(value, full)
        arrays[name] = whole.reshape(-1, *value.shape[-2:])
        sizes[cell.spaces[name]] = value.shape[-1]
    return Run(
        states=flat,
        inputs=arrays,
        params=bound.params,
        sizes=sizes,
        first_step=first_step,
        once=bound.once,
    )
