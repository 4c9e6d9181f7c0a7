"""One step of a cell and of its tangent vectors in one routine: what both need is computed once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.cells.cell import Cell
from gradflow.codegen import Code
from gradflow.codegen.lowering import recurrence
from gradflow.codegen.targets.numpy.target import runtime
from gradflow.codegen.targets.target import array_text, run_source
from gradflow.spectra.numerics.logdomain import Floats


def _sigmoid(a: Any) -> Any:
    """The logistic function to two rounding units, several times as fast as SciPy's."""
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-a))


@lru_cache(maxsize=64)
def _function(cell: Cell) -> Callable[..., tuple[Any, ...]]:
    routine = recurrence.push(cell).routine
    names = {**runtime(), "sigmoid": _sigmoid}
    return run_source(lambda: names)(cell, array_text(cell, routine), [routine])["push"]


class RunningMaps:
    """The step Jacobians of a span of steps that the cell takes as they are asked for.

    Attributes
    ----------
    steps : int
        Number m of steps in the span.
    states : (batch, m + 1, d)
        The state before each step; those after a step are there once it has been pushed through.
    """

    def __init__(
        self,
        code: Code,
        params: Mapping[str, Floats],
        first: Floats,
        inputs: Mapping[str, Floats],
        t: NDArray[np.int64],
    ) -> None:
        """Take the first states (batch, d), inputs (batch or 1, m, input) by name and t (m,)."""
        self._code, self._params, self._inputs, self._t = code, params, inputs, t
        cell = code.cell
        self._weights = [params[name] for name in (*cell.parameters, *cell.constant_names)]
        self.steps = len(t)
        self.states = np.empty((len(t) + 1, *first.shape))
        self.states[0] = first

    def push(self, step: int, frame: Floats) -> Floats:
        """``J_step`` times tangent vectors (d, k, batch); the state goes a step forward as well."""
        code, cell = self._code, self._code.cell
        # rows (k, batch, d), or (k, d) of a single trajectory, go through a matrix together
        width, k, batch = frame.shape
        vectors = np.ascontiguousarray(frame.transpose(1, 2, 0))
        vectors = vectors.reshape(k, width) if batch == 1 else vectors
        parts = code.split(self._params, self.states[step])
        changes = code.split(self._params, vectors)
        time = np.array([float(self._t[step])])
        held = [self._inputs[name][:, step] for name in cell.input_names]
        found = _function(cell)(*parts.values(), *held, time, *self._weights, *changes.values())
        moved = np.empty_like(vectors)
        start = 0
        for part, new, change in zip(parts.values(), found, found[len(parts) :], strict=False):
            stop = start + part.shape[-1]
            self.states[step + 1, :, start:stop] = new
            moved[..., start:stop] = change
            start = stop
        return moved.reshape(k, batch, width).transpose(2, 0, 1)
