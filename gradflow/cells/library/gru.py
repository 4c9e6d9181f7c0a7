"""The gated recurrent unit of Cho et al.: the reset gate acts before the product."""

from gradflow.cells.cell import Cell

gru = Cell(
    name="gru",
    title="Gated recurrent unit, reset before the product",
    reference="Cho et al., EMNLP 2014, eqs. 5-8: z keeps the state, h' = z h + (1 - z) g",
    state="h",
    inputs="x",
    maps="W_r W_z W_g U_r U_z U_g",
    vectors="b_r b_z b_g",
    equations="""
        r = sigmoid(W_r @ x + U_r @ h + b_r)
        z = sigmoid(W_z @ x + U_z @ h + b_z)
        g = tanh(W_g @ x + U_g @ (r * h) + b_g)
        h_next = z * h + (1 - z) * g
    """,
    forget_bias="b_z",
)
