"""The structurally constrained recurrent network: slow context units beside a hidden layer."""

from gradflow.cells.cell import Cell
from gradflow.cells.initializers import constant

scrn = Cell(
    name="scrn",
    title="Structurally constrained recurrent network",
    reference=(
        "Mikolov, Joulin, Chopra, Mathieu & Ranzato, ICLR 2015 (workshop), eqs. 4-5; "
        "alpha = 0.95 fixed"
    ),
    state="h s[context]",
    inputs="x",
    maps="A B P R",
    constants="alpha[one]",
    equations="""
        s_next = (1 - alpha) * (B @ x) + alpha * s
        h_next = sigmoid(P @ s_next + A @ x + R @ h)
    """,
    defaults={"alpha": constant(0.95)},
)
