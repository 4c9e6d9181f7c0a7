"""Every derivative of every library cell equals torch autograd of an independent implementation.

`TIGHT` = 1e-12 relative: both sides are float64 with sums of at most 64 products, whose rounding is
some 64 * 1.1e-16 = 7e-15; two decades remain for gates in series.
"""

import numpy as np
import pytest

import gradflow as gf

pytest.importorskip("torch")

from oracles import torch_cells
from oracles.samples import LARGE, SMALL, distance, sample

TIGHT = 1e-12
SIZES = pytest.mark.parametrize("size", [SMALL, LARGE, (1, 1, 1)], ids=["7,3", "64,10", "1,1"])
CELLS = pytest.mark.parametrize("name", gf.cells.LIBRARY)


@CELLS
@SIZES
def test_jacobian_jvp_and_vjp(name, size):
    s = sample(name, size)
    code = gf.compile(s.cell)
    wanted = torch_cells.jacobian(name, s.params, s.state, s.x, s.t)
    assert distance(code.jacobian(s.params, s.state, s.x, s.t), wanted) < TIGHT
    rng = np.random.default_rng(1)
    v, u = rng.standard_normal((2, len(s.state)))
    assert distance(code.jvp(s.params, s.state, v, s.x, s.t), wanted @ v) < TIGHT
    assert distance(code.vjp(s.params, s.state, u, s.x, s.t), u @ wanted) < TIGHT


@CELLS
@SIZES
def test_step_and_input_jacobian(name, size):
    s = sample(name, size)
    code = gf.compile(s.cell)
    p, state = torch_cells.tensors(s.params), torch_cells.tensor(s.state)
    wanted = torch_cells.step_of(name)(p, state, torch_cells.tensor(s.x), s.t).numpy()
    assert distance(code.step(s.params, s.state, s.x, s.t), wanted) < TIGHT
    if s.x is not None:
        wanted = torch_cells.input_jacobian(name, s.params, s.state, s.x, s.t)
        assert distance(code.input_jacobian(s.params, s.state, s.x, s.t), wanted) < TIGHT
        u = np.random.default_rng(3).standard_normal(len(s.state))
        old, read = code.bind(s.params, s.state).full_vjp(s.state, u, s.x, s.t)
        assert distance(old, code.vjp(s.params, s.state, u, s.x, s.t)) < TIGHT
        assert distance(read, u @ wanted) < TIGHT


@CELLS
@SIZES
def test_parameter_gradient(name, size):
    s = sample(name, size)
    u = np.random.default_rng(2).standard_normal(len(s.state))
    trained = s.cell.parameters
    wanted = torch_cells.parameter_gradient(name, s.params, trained, s.state, u, s.x, s.t)
    found = gf.compile(s.cell).parameter_vjp(s.params, s.state, u, s.x, s.t)
    assert list(found) == list(trained)
    for parameter in trained:
        assert distance(found[parameter], wanted[parameter]) < TIGHT, parameter


@CELLS
@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["7,3", "64,10"])
def test_whole_bptt_gradient_over_30_steps(name, size):
    steps = 30
    s = sample(name, size)
    code, rng = gf.compile(s.cell), np.random.default_rng(3)
    xs = None if s.x is None else rng.standard_normal((steps, *s.x.shape))
    weights = rng.standard_normal((steps, len(s.state)))
    trained = s.cell.parameters
    wanted, states = torch_cells.bptt(name, s.params, trained, s.state, xs, weights)

    t = np.arange(1, steps + 1)
    run = [s.state]
    for k in range(steps):
        run.append(code.step(s.params, run[-1], None if xs is None else xs[k], t[k]))
    run = np.array(run)
    assert distance(run, states) < TIGHT
    u = np.zeros((steps + 1, len(s.state)))
    for k in range(steps, 0, -1):  # u[k] = dL/ds_k, the whole of it
        u[k] += weights[k - 1] + run[k]
        if k > 1:
            x = None if xs is None else xs[k - 1]
            u[k - 1] = code.vjp(s.params, run[k - 1], u[k], x, t[k - 1])
    found = code.parameter_vjp(s.params, run[:-1], u[1:], xs, t)
    for parameter in trained:
        assert distance(found[parameter], wanted[parameter]) < TIGHT, parameter
    kept = code.parameter_vjp(s.params, run[:-1], u[1:], xs, t, keep=True)
    for parameter in trained:
        assert kept[parameter].shape == (steps, *found[parameter].shape)
        assert distance(kept[parameter].sum(0), found[parameter]) < TIGHT, parameter


def modules(size):
    """Torch's own cells, their parameters under gradflow's names, and their step on flat states."""
    import torch

    hidden, inputs, _ = size
    torch.manual_seed(0)

    def split(weight, names):
        return dict(
            zip(names, weight.detach().numpy().reshape(len(names), hidden, -1), strict=True)
        )

    def vector(bias, names):
        return dict(zip(names, bias.detach().numpy().reshape(len(names), hidden), strict=True))

    cell = torch.nn.LSTMCell(inputs, hidden, dtype=torch.float64)
    yield (
        "lstm",
        split(cell.weight_ih, ["W_i", "W_f", "W_g", "W_o"])
        | split(cell.weight_hh, ["U_i", "U_f", "U_g", "U_o"])
        | vector(cell.bias_ih + cell.bias_hh, ["b_i", "b_f", "b_g", "b_o"]),
        lambda s, x, cell=cell: torch.cat(cell(x, tuple(s.chunk(2)))),
    )
    cell = torch.nn.GRUCell(inputs, hidden, dtype=torch.float64)
    inside = vector(cell.bias_ih, ["b_r", "b_z", "b_g"])
    around = vector(cell.bias_hh, ["b_r", "b_z", "d_g"])
    yield (
        "gru_reset_after",
        split(cell.weight_ih, ["W_r", "W_z", "W_g"])
        | split(cell.weight_hh, ["U_r", "U_z", "U_g"])
        | {"b_r": inside["b_r"] + around["b_r"], "b_z": inside["b_z"] + around["b_z"]}
        | {"b_g": inside["b_g"], "d_g": around["d_g"]},
        lambda s, x, cell=cell: cell(x, s),
    )
    cell = torch.nn.RNNCell(inputs, hidden, dtype=torch.float64)
    yield (
        "rnn",
        split(cell.weight_ih, ["W"])
        | split(cell.weight_hh, ["U"])
        | vector(cell.bias_ih + cell.bias_hh, ["b"]),
        lambda s, x, cell=cell: cell(x, s),
    )


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["7,3", "64,10"])
def test_torchs_own_cells(size):
    import torch

    rng = np.random.default_rng(4)
    for name, params, step in modules(size):
        code = gf.compile(gf.cells.get(name))
        state = rng.standard_normal(sum(code.part_sizes(params).values()))
        x = rng.standard_normal(size[1])
        wanted = step(torch.tensor(state), torch.tensor(x)).detach().numpy()
        assert distance(code.step(params, state, x), wanted) < TIGHT, name
        wanted = torch.autograd.functional.jacobian(
            lambda s, step=step, x=x: step(s, torch.tensor(x)), torch.tensor(state)
        ).numpy()
        assert distance(code.jacobian(params, state, x), wanted) < TIGHT, name


def test_relu_exactly_at_zero_has_derivative_zero():
    s = sample("irnn")
    s.params["b"] = -(s.params["U"] @ s.state + s.params["W"] @ s.x)
    s.params["b"][0] += 1
    s.params["b"][1] -= 1
    # the sum must be exactly 0 in float64: let the bias alone decide
    s.params["U"][2:], s.params["W"][2:], s.params["b"][2:] = 0, 0, 0
    code = gf.compile(s.cell)
    found = code.jacobian(s.params, s.state, s.x)
    assert np.array_equal(found, torch_cells.jacobian("irnn", s.params, s.state, s.x, 1))
    at_zero = code.parameter_vjp(s.params, s.state, np.ones(7), s.x)["b"]
    assert np.array_equal(at_zero, [1, 0, 0, 0, 0, 0, 0])


# rank that a Jacobian of the size SMALL keeps without weights; of clockwork its idle units
KEPT = {"gru": 7, "gru_reset_after": 7, "lstm": 7, "scrn": 5, "clockwork": None}
KEPT |= dict.fromkeys(("scalar", "rnn", "irnn"), 0)


@CELLS
def test_zero_weights_and_singular_jacobians(name):
    s = sample(name)
    zero = {k: (v if k in s.cell.constant_names else 0 * v) for k, v in s.params.items()}
    found = gf.compile(s.cell).jacobian(zero, s.state, s.x, s.t)
    wanted = torch_cells.jacobian(name, zero, s.state, s.x, s.t)
    assert distance(found, wanted) < TIGHT
    if name in KEPT:
        kept = KEPT[name]
        if name == "clockwork":
            kept = int((s.t % s.params["period"] != 0).sum())
        assert np.linalg.matrix_rank(found) == kept
