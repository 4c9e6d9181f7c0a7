"""Cells of a reader's own: declarations alone, no line about proofs."""

from gradflow.cells import Cell

coupled_lstm = Cell(
    name="coupled_lstm",
    title="LSTM with coupled input and forget gates",
    state="h c",
    inputs="x",
    maps="W_f W_o W_g U_f U_o U_g",
    vectors="b_f b_o b_g",
    equations="""
        f = sigmoid(W_f @ x + U_f @ h + b_f)
        o = sigmoid(W_o @ x + U_o @ h + b_o)
        g = tanh(W_g @ x + U_g @ h + b_g)
        c_next = f * c + (1 - f) * g
        h_next = o * tanh(c_next)
    """,
)

leaky = Cell(
    name="leaky",
    title="Leaky integrator network",
    state="h",
    inputs="x",
    maps="W U",
    vectors="b",
    constants="alpha[one]",
    equations="h_next = (1 - alpha) * h + alpha * tanh(W @ x + U @ h + b)",
    defaults={"alpha": 0.1},
)

antisymmetric = Cell(
    name="antisymmetric",
    title="Antisymmetric network",
    reference="Chang, Chen, Haber & Chi, ICLR 2019, eq. 11: A = W - W^T",
    state="h",
    inputs="x",
    maps="V",
    constants="A[hidden,hidden] eps[one] gamma[one]",
    vectors="b",
    equations="h_next = h + eps * tanh(A @ h - gamma * h + V @ x + b)",
    defaults={"eps": 0.05, "gamma": 0.1},
)

USER_CELLS = (coupled_lstm, leaky, antisymmetric)
