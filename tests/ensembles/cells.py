"""Cells of the literature and of a reader's own, for tests of mean-field theory."""

import gradflow as gf

ERF = gf.Cell(name="erf_net", state="h", maps="U", vectors="b", equations="h_next = erf(U @ h + b)")
LIGHT = gf.Cell(
    name="light_gru",
    state="h",
    inputs="x",
    maps="W_z W_g U_z U_g",
    vectors="b_z b_g",
    equations="""
        z = sigmoid(W_z @ x + U_z @ h + b_z)
        g = relu(W_g @ x + U_g @ h + b_g)
        h_next = z * h + (1 - z) * g
    """,
)
MINIMAL = gf.Cell(
    name="minimal",
    state="h",
    inputs="x",
    maps="W U V",
    vectors="b",
    equations="""
        z = tanh(W @ x)
        u = sigmoid(U @ h + V @ z + b)
        h_next = u * h + (1 - u) * z
    """,
)
LEAKY = gf.Cell(
    name="leaky",
    state="v",
    maps="J",
    scalars="leak",
    equations="v_next = (1 - leak) * v + leak * (J @ tanh(v))",
)
OWN = gf.Cell(
    name="slowfast",
    state="fast slow[few]",
    inputs="x",
    maps="W U A B",
    vectors="b",
    equations="""
        slow_next = 0.9 * slow + 0.1 * tanh(A @ fast)
        fast_next = tanh(W @ x + U @ fast + B @ slow_next + b)
    """,
)
NORMED = gf.Cell(
    name="normed",
    state="h",
    maps="U",
    vectors="b",
    define="LN(v) = (v - mean(v)) / sqrt(mean((v - mean(v))**2) + 1e-5)",
    equations="h_next = 0.5 * h + 0.5 * tanh(1.5 * LN(U @ h) + b)",
)
SHIFT = gf.Cell(
    name="shift",
    state="h",
    maps="U",
    fixed={"S": "1 if row(index) == column(index) + 1 else 0"},
    equations="h_next = tanh(U @ h + S @ h / 2)",
)
ANTISYMMETRIC = gf.Cell(
    name="antisymmetric",
    state="h",
    maps="W",
    vectors="b",
    equations="h_next = h + 0.2 * tanh((W - W.T - 0.1 * identity) @ h + b)",
)
SUMMED = gf.Cell(
    name="summed", state="h", maps="U", equations="h_next = tanh(U @ h) / (1 + sum(h ** 2))"
)
