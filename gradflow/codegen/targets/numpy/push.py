"""Tangent vectors pushed forward in plain NumPy, with the states or along states that are known.

With the states, a step and its tangent vectors are one routine: what both need is computed once.
Along known states a step Jacobian is a sum of terms ``diag(d0) U0 diag(d1) U1 ...``, see
:mod:`gradflow.codegen.targets.numpy.terms`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.cells.cell import Cell
from gradflow.codegen.lowering import recurrence
from gradflow.codegen.lowering.calculus import lower_jacobian
from gradflow.codegen.lowering.routine import Routine
from gradflow.codegen.targets.numpy.arguments import inputs, parts, weights
from gradflow.codegen.targets.numpy.terms import StepTerms
from gradflow.codegen.targets.target import Advance, Build, Run, array_text

Floats = NDArray[np.float64]
Function = Callable[..., Any]

# The diagonals of the steps handled together hold about so many numbers each.
_NUMBERS, _LEAST_STEPS, _MOST_STEPS = 2**15, 4, 256
# squared norms beyond these are rescaled, so that no square overflows or is lost
_SMALL, _LARGE = 1e-150, 1e150


def logistic(a: Any) -> Any:
    """Return the logistic function to two rounding units, several times as fast as SciPy's."""
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-a))


class Pushing:
    """Both ways to push for one cell, their functions made when they are first needed.

    ``build_with(**own)`` makes functions of printed routines, which call its ``own`` by name.
    """

    def __init__(self, cell: Cell, build_with: Callable[..., Build]) -> None:
        self.cell, self._build_with = cell, build_with

    @cached_property
    def _push(self) -> Function:
        """One step: new state parts, then images of the changes."""
        routine = recurrence.push(self.cell).routine
        return self._built(routine, sigmoid=logistic)

    @cached_property
    def _blocks(self) -> Function:
        """The blocks of many step Jacobians, which are handed back and fill no matrix."""
        return self._built(lower_jacobian(self.cell), fill_blocks=lambda _, *blocks: blocks)

    def _built(self, routine: Routine, **own: Any) -> Function:
        text = array_text(self.cell, routine)
        return self._build_with(**own)(self.cell, text, [routine])[routine.name]

    def along(self, run: Run) -> Advance:
        """Bind the loop that fills the states as it pushes; see :class:`Loops`."""
        cell, function = self.cell, self._push
        given = weights(cell, run)
        states = [part.swapaxes(0, 1) for part in parts(cell, run, run.states)]
        sequences = [values.swapaxes(0, 1) for values in inputs(cell, run)]
        count, _, width = run.states.shape

        def advance(start: int, stop: int, frame: Floats, *logs: Floats) -> None:
            lengths = _Lengths(*logs)
            # rows (k, batch, d), or (k, d) of a single trajectory, go through a matrix together
            lead = (-1, count) if count > 1 else (-1,)
            vectors = frame.reshape(count, -1, width).swapaxes(0, 1).reshape(*lead, width)
            vectors = np.ascontiguousarray(vectors)
            # a result may be a view of what it was made from, so it is written elsewhere
            images = [np.empty_like(vectors), vectors]
            changes = [parts(cell, run, image) for image in images]
            for step in range(start, stop):
                into, time = (step - start) % 2, np.array([float(run.first_step + step)])
                now = [part[step] for part in states]
                held = [values[step] for values in sequences]
                found = function(*now, *held, time, *given, *changes[1 - into])
                for part, new in zip(states, found, strict=False):
                    part[step + 1] = new
                for change, new in zip(changes[into], found[len(states) :], strict=True):
                    change[...] = new
                image = images[into].reshape(-1, count, width)
                lengths.note(step - start, image.transpose(1, 0, 2))
            lengths.finish()
            last = images[(stop - start - 1) % 2].reshape(-1, count, width)
            frame[...] = last.swapaxes(0, 1).reshape(frame.shape)

        return advance

    def known(self, run: Run) -> Advance:
        """Bind the loop that reads the states; see :class:`Loops`."""
        count, length, width = run.states.shape
        size = max(_LEAST_STEPS, min(_MOST_STEPS, _NUMBERS // (count * width)))
        held: dict[int, StepTerms] = {}

        def terms(chunk: int) -> StepTerms:
            if chunk not in held:
                held.clear()
                held[chunk] = self._terms(run, chunk * size, min((chunk + 1) * size, length - 1))
            return held[chunk]

        def advance(start: int, stop: int, frame: Floats, *logs: Floats) -> None:
            lengths = _Lengths(*logs)
            image = np.ascontiguousarray(frame.reshape(count, -1, width).transpose(2, 1, 0))
            for step in range(start, stop):
                image = terms(step // size).push(step % size, image)
                lengths.note(step - start, image.transpose(2, 1, 0))
            lengths.finish()
            frame[...] = image.transpose(2, 1, 0).reshape(frame.shape)

        return advance

    def _terms(self, run: Run, start: int, stop: int) -> StepTerms:
        """The step Jacobians of some steps."""
        cell, states = self.cell, run.states[:, start:stop]
        sequences = [values[:, start:stop] for values in inputs(cell, run)]
        time = np.arange(start, stop, dtype=np.float64)[:, None] + run.first_step
        given = [*parts(cell, run, states), *sequences, time, *weights(cell, run)]
        return StepTerms(self._blocks(*given, None), states.shape)


class _Lengths:
    """Notes the Frobenius norms of frames, which it keeps in range by powers of two."""

    def __init__(self, log_size: Floats, exponent: Floats) -> None:
        self._squares, self._exponent = log_size, exponent
        self._powers = np.zeros_like(log_size) + exponent[:, None]

    def note(self, k: int, frame: Floats) -> None:
        """Take the frame (batch, k, d) after the k-th step, and rescale it where need be."""
        squares = np.einsum("bkd,bkd->b", frame, frame)
        if not (squares.min() > _SMALL and squares.max() < _LARGE):
            peak = np.abs(frame).max(axis=(1, 2))
            fine = (squares > _SMALL) & (squares < _LARGE) | (peak == 0) | ~np.isfinite(peak)
            power = np.where(fine, 0, np.frexp(peak)[1])
            frame[...] = np.ldexp(frame, -power[:, None, None])
            self._powers[:, k:] += power[:, None]
            squares = np.einsum("bkd,bkd->b", frame, frame)
        self._squares[:, k] = squares

    def finish(self) -> None:
        """Put the logs of the norms in the squares' place, and the powers in the exponent's."""
        with np.errstate(divide="ignore"):
            np.log(self._squares, out=self._squares)
        self._squares /= 2
        self._squares += self._powers * np.log(2)
        if self._powers.shape[1]:
            self._exponent[...] = self._powers[:, -1]
