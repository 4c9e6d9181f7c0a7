"""The identity-initialized ReLU network of Le, Jaitly and Hinton."""

from gradflow.cells.cell import Cell
from gradflow.cells.initializers import gaussian, identity

irnn = Cell(
    name="irnn",
    title="ReLU network with identity recurrent matrix",
    reference="Le, Jaitly & Hinton, arXiv:1504.00941 (2015), section 2: U = I, b = 0",
    state="h",
    inputs="x",
    maps="W U",
    vectors="b",
    equations="h_next = relu(W @ x + U @ h + b)",
    defaults={"U": identity(1.0), "W": gaussian(1.0)},
)
