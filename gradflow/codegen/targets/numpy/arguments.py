"""What generated code takes, cut out of a run."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.cells.cell import Cell
from gradflow.codegen.targets.target import Run

Floats = NDArray[np.float64]


def weights(cell: Cell, run: Run) -> list[Any]:
    """Return parameters and constants in declared order."""
    return [run.params[name] for name in (*cell.parameters, *cell.constant_names)]


def inputs(cell: Cell, run: Run) -> list[Floats]:
    """Return the inputs (trajectories, T, units) in declared order, (1, T, units) if all share."""
    given = [run.inputs[name] for name in cell.input_names]
    return [values[:1] if values.strides[0] == 0 else values for values in given]


def parts(cell: Cell, run: Run, flat: Floats) -> list[Floats]:
    """Return views of the parts of (..., d)."""
    stops = np.cumsum([0, *(run.sizes[cell.spaces[p]] for p in cell.states)])
    return [flat[..., stops[i] : stops[i + 1]] for i in range(len(cell.states))]
