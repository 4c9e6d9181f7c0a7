"""The toy of the lecture: one number multiplied by w at every step."""

from gradflow.cells.cell import Cell
from gradflow.cells.initializers import constant

scalar = Cell(
    name="scalar",
    title="Scalar recurrence, y = w^T",
    reference="The one-weight toy: y_t = w y_{t-1}, so y_1000 = w^1000 y_0",
    state="y[one]",
    scalars="w",
    equations="y_next = w * y",
    defaults={"w": constant(1.0)},
)
