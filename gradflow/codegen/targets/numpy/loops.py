"""Loops over time in plain NumPy: what can be done for many steps at once is, the rest in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.cells.cell import Cell
from gradflow.codegen.lowering import recurrence
from gradflow.codegen.lowering.recurrence import Recurrence
from gradflow.codegen.printing.dialect import STEPS
from gradflow.codegen.printing.vectorised import routine_lines
from gradflow.codegen.targets.numpy.arguments import parts, weights
from gradflow.codegen.targets.numpy.push import Pushing
from gradflow.codegen.targets.target import Build, Loops, Run, array_text

Floats = NDArray[np.float64]

# rows (steps times trajectories) done at once
_ROWS = 1024
# squared lengths beyond these are rescaled, so that no square overflows or is lost
_SMALL, _LARGE = 1e-150, 1e150


def loops(cell: Cell, build_with: Callable[..., Build]) -> Loops:
    """Return the loops of a cell; ``build_with(**own)`` makes functions of printed routines."""
    build, pushing = build_with(), Pushing(cell, build_with)
    return Loops(
        forward=_Forward(cell, recurrence.forward(cell), build).run,
        pullback=_Pullback(cell, recurrence.pullback(cell), build).run,
        push=pushing.along,
        push_known=pushing.known,
    )


class _Loop:
    """What both loops share: the compiled halves of a recurrence and the layout of arguments."""

    def __init__(self, cell: Cell, halves: Recurrence, build: Build) -> None:
        routines = [halves.before, halves.each]
        each = "\n".join([*routine_lines(cell, halves.each, STEPS), ""])
        functions = build(cell, f"{array_text(cell, halves.before)}\n\n{each}", routines)
        self.cell = cell
        self.before = functions[halves.before.name]
        self.each = functions[halves.each.name]

    def chunk(self, run: Run, states: list[Any], start: int, stop: int) -> list[tuple[Any, ...]]:
        """Return what ``each`` needs of steps ``start`` to ``stop``, a list for each of them."""
        lead = (stop - start, len(run.states))
        inputs = [run.inputs[n][:, start:stop].swapaxes(0, 1) for n in self.cell.input_names]
        time = np.arange(start, stop, dtype=np.float64)[:, None, None] + run.first_step
        if lead[1] == 1:
            states = [part[..., None, :] for part in states]
        handed = self.before(*states, *inputs, time, *weights(self.cell, run))
        full = [np.broadcast_to(a, (*lead, a.shape[-1])) for a in (*inputs, time, *handed)]
        if lead[1] == 1:
            full = [a[:, 0] for a in full]
        return list(zip(*full, strict=True))


class _Forward(_Loop):
    def run(self, run: Run) -> None:
        """Fill the states from the first on."""
        target = parts(self.cell, run, _step_first(run.states))
        now = [part[0] for part in target]
        given, count = weights(self.cell, run), len(target[0]) - 1
        known = len(self.cell.input_names) + 1
        size = max(1, _ROWS // len(run.states))
        for start in range(0, count, size):
            steps = self.chunk(run, now, start, min(start + size, count))
            for k, arrays in enumerate(steps, start + 1):
                now = self.each(*now, *arrays[:known], *given, *arrays[known:])
                for part, value in zip(target, now, strict=True):
                    part[k] = value


class _Pullback(_Loop):
    def run(self, run: Run, u: Floats, log_norm: Floats, log_part: Floats, rows: Floats) -> None:
        """Pull ``u`` back; write logs of lengths, and directions: all, or the last alone."""
        states = parts(self.cell, run, _step_first(run.states))
        count, batch = len(states[0]) - 1, len(run.states)
        carried, exponent = rescaled(
            parts(self.cell, run, u if batch > 1 else u[0]), np.zeros(batch)
        )
        given, known = weights(self.cell, run), len(self.cell.input_names) + 1
        size = max(1, _ROWS // batch)
        self._note(run, [carried], [exponent], 0, log_norm, log_part, rows)
        for stop in range(count, 0, -size):
            start = max(stop - size, 0)
            before = [part[start:stop] for part in states]
            steps = self.chunk(run, before, start, stop)
            found, exponents = [], []
            for k in range(stop - start - 1, -1, -1):
                arrays, state = steps[k], [part[k] for part in before]
                carried = self.each(*state, *arrays[:known], *given, *carried, *arrays[known:])
                if _out_of_range(carried):
                    carried, exponent = rescaled(carried, exponent)
                found.append(carried)
                exponents.append(exponent)
            self._note(run, found, exponents, count - stop + 1, log_norm, log_part, rows)

    def _note(
        self,
        run: Run,
        found: list[Any],
        exponents: list[Floats],
        lag: int,
        log_norm: Floats,
        log_part: Floats,
        rows: Floats,
    ) -> None:
        """Write the results of consecutive lags from ``lag`` on."""
        shape = (len(found), len(run.states))
        shift = np.array(exponents).reshape(shape).T * np.log(2)
        where = slice(lag, lag + len(found))
        lengths = []
        stacks = []
        for i in range(len(self.cell.states)):
            stack = np.array([parts[i] for parts in found]).reshape(*shape, -1).swapaxes(0, 1)
            stacks.append(stack)
            lengths.append(log_length(stack))
            log_part[:, i, where] = lengths[-1] + shift
        whole = np.logaddexp.reduce([2 * length for length in lengths], axis=0) / 2
        log_norm[:, where] = whole + shift
        scale = np.where(np.isneginf(whole), 0.0, np.exp(-np.maximum(whole, -600)))
        if rows.shape[1] == 1:  # the last alone is wanted
            rows[:, 0] = np.concatenate([stack[:, -1] for stack in stacks], -1) * scale[:, -1:]
        else:
            rows[:, where] = np.concatenate(stacks, -1) * scale[..., None]


def _step_first(states: Floats) -> Floats:
    """Return states (trajectories, T + 1, d) as (T + 1, trajectories, d), or (T + 1, d) for one."""
    return states.swapaxes(0, 1) if len(states) > 1 else states[0]


def _out_of_range(parts: Sequence[Floats]) -> bool:
    """Whether a vector is so long or short that its square would be no good number."""
    if parts[0].ndim == 1:
        square = 0.0
        for part in parts:
            square += part.dot(part)
        return not _SMALL < square < _LARGE
    squares = sum(np.vecdot(part, part) for part in parts)
    return not (squares.min() > _SMALL and squares.max() < _LARGE)


def rescaled(parts: Sequence[Floats], exponent: Floats) -> tuple[list[Floats], Floats]:
    """Return the parts over powers of two that bring their largest entries near 1, and the powers.

    The powers are added to ``exponent``.
    """
    peak = np.max([np.abs(p).max(axis=-1) for p in parts], axis=0)
    power = np.where(peak > 0, np.frexp(peak)[1], 0)
    return [np.ldexp(p, -power[..., None]) for p in parts], exponent + power


def log_length(stack: Floats) -> Floats:
    """Return the natural log of the Euclidean length over the last axis, ``-inf`` for zero."""
    peak = np.abs(stack).max(axis=-1)
    scale = np.where(peak > 0, peak, 1.0)
    with np.errstate(divide="ignore"):
        result: Floats = np.log(np.linalg.norm(stack / scale[..., None], axis=-1)) + np.log(scale)
    return result
