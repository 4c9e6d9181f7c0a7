"""Cells that a page may stumble over: a long name, sizes of their own, no path to the loss."""

from gradflow.cells import Cell

LONG = "cell_of_eighty_letters_" + "x" * 57

long_name = Cell(
    name=LONG,
    title=LONG,
    state="h",
    inputs="x",
    maps="W U",
    vectors="b",
    equations="h_next = tanh(W @ x + U @ h + b)",
)

no_way = Cell(
    name="no_way",
    state="h c",
    inputs="x",
    maps="W",
    equations="h_next = W @ x\nc_next = 0.5 * c",
)

own_sizes = Cell(
    name="selective_space",
    title="Channels that read and write a state of slots, and choose how much",
    state="s[slots] h[channel]",
    inputs="x",
    maps="W[channel,input] B[slots,channel] C[channel,slots] D[slots,channel]",
    vectors="a[slots] b[slots]",
    equations="""
        u = silu(W @ x)
        step_size = softplus(D @ u + b)
        s_next = exp(-step_size * exp(a)) * s + step_size * (B @ u)
        h_next = C @ s_next
    """,
    defaults={"a": -2.0, "b": -1.0},
)
