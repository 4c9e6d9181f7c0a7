"""The gated recurrent unit as PyTorch and cuDNN compute it: reset after the product."""

from gradflow.cells.cell import Cell

gru_reset_after = Cell(
    name="gru_reset_after",
    title="Gated recurrent unit, reset after the product",
    reference=(
        "PyTorch and cuDNN form of Cho et al., EMNLP 2014; two biases in g, since r multiplies "
        "the recurrent one (d_g)"
    ),
    state="h",
    inputs="x",
    maps="W_r W_z W_g U_r U_z U_g",
    vectors="b_r b_z b_g d_g",
    equations="""
        r = sigmoid(W_r @ x + U_r @ h + b_r)
        z = sigmoid(W_z @ x + U_z @ h + b_z)
        g = tanh(W_g @ x + b_g + r * (U_g @ h + d_g))
        h_next = (1 - z) * g + z * h
    """,
    forget_bias="b_z",
)
