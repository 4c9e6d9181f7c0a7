"""Cells with exponentials, roots, quotients and functions of their own, and runs of them."""

import numpy as np

import gradflow as gf
from gradflow.proofs import Loss

LN_RNN = gf.Cell(
    name="ln_rnn",
    state="h",
    inputs="x",
    maps="W U",
    vectors="gain b",
    equations="""
    a = W @ x + U @ h
    centred = a - mean(a)
    spread = sqrt(mean(centred**2) + 0.00001)
    h_next = tanh(gain * centred / spread + b)
    """,
    defaults={"gain": 1.0},
)
LN_LSTM = gf.Cell(
    name="ln_lstm",
    state="h c",
    inputs="x",
    maps="W_i W_f W_o W_g U_i U_f U_o U_g",
    vectors="a_i a_f a_o a_g a_c b_i b_f b_o b_g b_c",
    define="LN(v, gain, b) = gain * (v - mean(v)) / sqrt(mean((v - mean(v))**2) + 1e-5) + b",
    equations="""
    i = sigmoid(LN(W_i @ x + U_i @ h, a_i, b_i))
    f = sigmoid(LN(W_f @ x + U_f @ h, a_f, b_f))
    o = sigmoid(LN(W_o @ x + U_o @ h, a_o, b_o))
    g = tanh(LN(W_g @ x + U_g @ h, a_g, b_g))
    c_next = f * c + i * g
    h_next = o * tanh(LN(c_next, a_c, b_c))
    """,
    defaults=dict.fromkeys(["a_i", "a_f", "a_o", "a_g", "a_c"], 1.0),
)
DECAYING = gf.Cell(
    name="decaying",
    state="h",
    inputs="x",
    maps="U W A",
    vectors="b",
    equations="""
    z = softplus(A @ h + W @ x + b)
    h_next = exp(-z) * h + (1 - exp(-z)) * tanh(U @ h) / (1 + z)
    """,
)
POWERS = gf.Cell(
    name="powers",
    state="h",
    inputs="x",
    maps="U W",
    vectors="b",
    equations="""
    a = U @ h + W @ x + b
    h_next = a / sqrt(1 + a**2) - 1/3 * (1 + h**2)**(-3/2)
    """,
)
SPHERE = gf.Cell(
    name="sphere",
    state="h",
    inputs="x",
    maps="U W",
    equations="a = U @ h + W @ x\nh_next = a / sqrt(dot(a, a) + 0.5)",
)
ATTENDING = gf.Cell(
    name="attending",
    state="h",
    inputs="x",
    maps="U W",
    equations="h_next = softmax(U @ h + W @ x) * tanh(U @ h)",
)
# a mean inside what a map reads, of other units than the equation's own
TWO_SIZES = gf.Cell(
    name="two_sizes_of_mean",
    state="h s[slow]",
    inputs="x",
    maps="A B W",
    equations="""
    s_next = tanh(A @ (h - mean(h)))
    h_next = tanh(B @ s + W @ x) / (1 + sum(s * s))
    """,
)
# written by relu, quotients, exponentials and logarithms before Coq sees them
EXTREMES = gf.Cell(
    name="extremes",
    state="h",
    inputs="x",
    maps="U W",
    equations="""
    a = U @ h + W @ x
    h_next = max(tanh(a), h / 2) + min(h, 1/4) - 1/2 * abs(a - h)
    """,
)
HYPERBOLIC = gf.Cell(
    name="hyperbolic",
    state="h",
    inputs="x",
    maps="U W",
    equations="a = U @ h + W @ x\nh_next = sinh(a) / cosh(h) - 1/4 * asinh(3 * a)",
)
STEPS = gf.Cell(
    name="steps",
    state="h",
    inputs="x",
    maps="U W",
    equations="a = U @ h + W @ x\nh_next = step(a) * h + tanh(sign(h) * a)",
)
KNOWN = gf.Cell(
    name="known",
    state="h",
    inputs="x",
    maps="U W",
    equations="""
    a = U @ h
    h_next = hard_sigmoid(a) * h + leaky_relu(W @ x + a) - elu(a) * hard_tanh(h)
    """,
)
WRITTEN = (EXTREMES, HYPERBOLIC, STEPS, KNOWN)
CELLS = (LN_RNN, LN_LSTM, DECAYING, POWERS, SPHERE, ATTENDING, TWO_SIZES, *WRITTEN)


def with_loss(cell, hidden=3, steps=4, kind="cross-entropy"):
    """A run of float32 numbers that starts away from 0, and a loss of it."""
    rng = np.random.default_rng(0)
    more = {"slow": hidden - 1} if "slow" in cell.sizes else {}
    params = cell.init(hidden=hidden, inputs=2, rng=rng, **more)
    params = {k: np.float32(v).astype(float) for k, v in params.items()}
    width = sum(more.get(cell.spaces[p], hidden) for p in cell.states)
    x, start, weight = (
        np.float32(rng.standard_normal(shape)).astype(float)
        for shape in ((steps, 2), width, (3, hidden))
    )
    target = 1 if kind == "cross-entropy" else None
    run = gf.run(cell, params, x, state=start)
    return run, Loss(kind=kind, weight=weight, target=target, part="h")
