"""What a part of the new state does to the whole new state within its own step.

In an LSTM ``h_next = o * tanh(c_next)``: a change of the tensor ``c_next`` changes ``h_next`` of
the same step too, and automatic differentiation counts that in the gradient of the node ``c_next``.
"""

from __future__ import annotations

import ast

import numpy as np

from gradflow.cells.cell import Cell
from gradflow.codegen.code import code_of
from gradflow.spectra.numerics.logdomain import Floats
from gradflow.spectra.trajectory import Trajectory

__all__ = ["within_step"]


def within_step(run: Trajectory) -> Floats:
    """Return the derivatives (..., T, d, d) of the new state by its own parts as nodes.

    They are the derivatives by something added to each part's equation, worked out from the cell
    with that addition declared.
    """
    cell = run.cell
    added = {part: _free(f"added_{part}", cell) for part in cell.states}
    sizes = {part: cell.spaces[part] for part in cell.states}
    lines = []
    for line in cell.lines:
        text = ast.unparse(line.tree)
        part = line.target.removesuffix("_next")
        if line.target.endswith("_next") and part in added:
            text = f"({text}) + {added[part]}"
        lines.append(f"{line.target} = {text}")
    said = vars(cell.declaration)
    extra = " ".join(f"{added[part]}[{sizes[part]}]" for part in cell.states)
    probed = Cell(**{**said, "equations": "\n".join(lines), "inputs": f"{said['inputs']} {extra}"})
    bound = code_of(probed, "numpy", digits=50).bind(run.params, run.flat_states[..., 0, :])
    states, inputs, t = run._at(slice(0, run.steps))
    nothing = {
        added[part]: np.zeros((*states.shape[:-1], width))
        for part, width in run.part_sizes().items()
    }
    whole = bound.input_jacobian(states, {**(inputs or {}), **nothing}, t)
    return np.asarray(whole)[..., -run.width :]


def _free(name: str, cell: Cell) -> str:
    taken = {line.target for line in cell.lines} | {*cell.parameters, *cell.input_names}
    while name in taken:
        name += "_"
    return name
