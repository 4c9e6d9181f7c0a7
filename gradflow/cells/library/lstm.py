"""The long short-term memory with forget gate: memory and input are added."""

from gradflow.cells.cell import Cell
from gradflow.cells.initializers import constant

lstm = Cell(
    name="lstm",
    title="Long short-term memory with forget gate",
    reference=(
        "Hochreiter & Schmidhuber, Neural Computation 9 (1997); forget gate: Gers, Schmidhuber "
        "& Cummins, Neural Computation 12 (2000); form: Graves, arXiv:1308.0850, eqs. 7-11 "
        "without peepholes"
    ),
    state="h c",
    inputs="x",
    maps="W_i W_f W_o W_g U_i U_f U_o U_g",
    vectors="b_i b_f b_o b_g",
    equations="""
        i = sigmoid(W_i @ x + U_i @ h + b_i)
        f = sigmoid(W_f @ x + U_f @ h + b_f)
        o = sigmoid(W_o @ x + U_o @ h + b_o)
        g = tanh(W_g @ x + U_g @ h + b_g)
        c_next = f * c + i * g
        h_next = o * tanh(c_next)
    """,
    defaults={"b_f": constant(1.0)},
    forget_bias="b_f",
    input_bias="b_i",
)
