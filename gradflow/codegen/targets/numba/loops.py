"""Compiled loops over time as functions of a run: what they are given, and in what pieces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.cells.cell import Cell
from gradflow.codegen.lowering.recurrence import Recurrence
from gradflow.codegen.lowering.routine import Routine, Statement
from gradflow.codegen.printing.loops.push import PushText
from gradflow.codegen.printing.loops.routines import inputs, weights
from gradflow.codegen.printing.loops.words import spaces_of
from gradflow.codegen.targets.numpy.maps import maps_function
from gradflow.codegen.targets.target import Advance, Run

Floats = NDArray[np.float64]

# So many trajectories are pushed at a time that their frames hold about so many numbers, and stay
# in cache with all that goes along; at least so many, for the matrix products.
_CACHED, _TILE = 2**14, 16


def caller(cell: Cell, which: Recurrence, kernel: Callable[..., None]) -> Callable[..., None]:
    """Return a kernel as a function of a run and of what else it takes."""
    gather = _gathering(cell, which.statements, which.statements)

    def call(run: Run, *more: Any) -> None:
        kernel(run.states, float(run.first_step), *more, *gather(run))

    return call


def pusher(cell: Cell, text: PushText, kernel: Callable[..., None]) -> Callable[[Run], Advance]:
    """Return a kernel as a function of a run, bound to its arrays, and then of a window."""
    gather = _gathering(cell, text.statements(), text.unstacked(), text.stacks)

    timed = len(inputs(cell, text.statements()))

    def bind(run: Run) -> Advance:
        arrays = gather(run)
        count, _, width = run.states.shape

        def advance(start: int, stop: int, frame: Floats, *logs: Floats) -> None:
            k = len(frame) // count
            tile = max(_TILE, _CACHED // (k * width))
            for low in range(0, count, tile):
                part = slice(low, low + tile)
                mine = [frame[low * k : (low + tile) * k], *(log[part] for log in logs)]
                held = [x[part] for x in arrays[:timed]]
                first = float(run.first_step)
                kernel(run.states[part], first, start, stop, *mine, *held, *arrays[timed:])

        return advance

    return bind


def _gathering(
    cell: Cell,
    statements: Sequence[Statement],
    given: Sequence[Statement],
    stacks: Sequence[tuple[str, ...]] = (),
) -> Callable[[Run], list[Any]]:
    """Return a function of a run: inputs, what ``given`` statements read, stacks, sizes."""
    wanted, names = inputs(cell, statements), weights(cell, given)
    spaces = dict(cell.spaces)
    maps = maps_function(
        cell, Routine(name="maps", summary="", statements=tuple(statements), spaces=spaces)
    )
    order = (*cell.parameters, *cell.constant_names)
    shown = [cell.spaces[n] for n in (*cell.states, *cell.input_names)]

    def held(run: Run) -> list[Floats]:
        filled = {}
        if maps is not None:  # masks and fixed maps look at sizes and constants alone
            sized = [np.empty(run.sizes[space]) for space in shown]
            filled = maps(*sized, None, *(run.params[n] for n in order))
        known = {**run.params, **filled}
        arrays = [known[n] for n in names]
        arrays += [np.concatenate([known[n].T for n in stack], axis=1) for stack in stacks]
        return ready(arrays)

    def gather(run: Run) -> list[Any]:
        sizes = [run.sizes[space] for space in spaces_of(cell)]
        bound = run.once((gather, *sizes), lambda: held(run))
        return [*ready([run.inputs[n] for n in wanted]), *bound, *sizes]

    return gather


def ready(arrays: Sequence[Any]) -> list[Floats]:
    """Return arrays as float64, contiguous and writeable."""
    return [contiguous(np.asarray(a, dtype=np.float64)) for a in arrays]


def contiguous(array: Floats) -> Floats:
    """Return the array contiguous and writeable: for any other kind numba would compile afresh."""
    flags = array.flags
    return array if flags.c_contiguous and flags.writeable else np.array(array, order="C")
