"""Cells as torch modules: states, gradients, training, saving; oracle: torch's own autograd.

`TIGHT` = 1e-12 relative: both sides are float64 and gradients over 12 steps sum some 300 products.
"""

import copy
import io
import pickle
import sys

import numpy as np
import pytest

import gradflow as gf
from gradflow.errors import UsageError
from oracles.samples import distance, sample

pytest.importorskip("torch")

import torch

from oracles import torch_cells

TIGHT = 1e-12
STEPS = 12
NAMES = pytest.mark.parametrize("name", gf.cells.LIBRARY)


def situation(name, lead=()):
    """A sample with an input sequence, as arrays and as tensors, and its module in float64."""
    s = sample(name, lead=lead)
    rng = np.random.default_rng(5)
    x = None if s.x is None else rng.standard_normal((*lead, STEPS, s.x.shape[-1]))
    module = gf.to_torch(s.cell, s.params, dtype=torch.float64)
    return s, x, module, None if x is None else torch.tensor(x)


@NAMES
def test_states_and_gradients_of_one_sequence(name):
    s, x, module, tensor = situation(name)
    states, last = module(tensor, torch.tensor(s.state), steps=STEPS)
    weights = np.random.default_rng(6).standard_normal(states.shape)
    run = gf.run(s.cell, s.params, x, s.state, steps=STEPS)
    assert distance(states.detach().numpy(), run.flat_states[1:]) < TIGHT
    assert torch.equal(last, states[-1])
    loss = (states * torch.tensor(weights)).sum() + (states**2).sum() / 2
    loss.backward()
    ours = run.parameter_gradient(weights + run.flat_states[1:]).total
    theirs, _ = torch_cells.bptt(name, s.params, s.cell.parameters, s.state, x, weights)
    assert [n for n, _ in module.named_parameters()] == list(s.cell.parameters)
    for key, parameter in module.named_parameters():
        assert distance(parameter.grad.numpy(), ours[key]) < TIGHT, key
        assert distance(parameter.grad.numpy(), theirs[key]) < TIGHT, key
        # the oracles see an error of a thousandth
        assert distance(1.001 * parameter.grad.numpy(), ours[key]) > 1e-4


@NAMES
def test_a_batch_is_its_sequences(name):
    s, x, module, tensor = situation(name, lead=(2, 3))
    states, last = module(tensor, torch.tensor(s.state), steps=STEPS)
    assert tuple(states.shape) == (2, 3, STEPS, s.state.shape[-1])
    assert torch.equal(last, states[..., -1, :])
    run = gf.run(s.cell, s.params, x, s.state, steps=STEPS)
    assert distance(states.detach().numpy(), run.flat_states[..., 1:, :]) < TIGHT


def test_a_run_in_two_halves_and_a_state_by_part():
    _, _, module, x = situation("lstm")
    whole, _ = module(x)  # from zero
    first, state = module(x[:5])
    # The products with the inputs of all steps are one; of fewer rows, some processors add them in
    # another order: a few units in the last place of numbers below 1.
    close = {"rtol": 0, "atol": 1e-14}
    torch.testing.assert_close(first, whole[:5], **close)
    parts = {"h": state[:7], "c": state[7:]}
    # clocks start anew at step 1, of which the LSTM knows nothing
    torch.testing.assert_close(module(x[5:], parts)[0], whole[5:], **close)


def test_masked_entries_are_zero_and_stay_zero():
    s, _, module, x = situation("clockwork")
    period = s.params["period"]
    forbidden = torch.tensor(period[:, None] > period[None, :])
    assert forbidden.any()
    assert s.params["W_H"][forbidden.numpy()].all()  # what was given is not zero there
    optimizer = torch.optim.Adam(module.parameters(), lr=0.1)
    before = module.W_H.detach().clone()
    for _ in range(3):
        optimizer.zero_grad()
        (module(x, torch.tensor(s.state))[0] ** 2).sum().backward()
        assert not module.W_H.grad[forbidden].any()
        optimizer.step()
    assert not module.W_H[forbidden].any()
    assert (before != module.W_H)[~forbidden].all()
    assert [n for n, _ in module.named_buffers()] == ["period"]


def test_training_lowers_the_loss():
    """Delayed copy: the mean of the last output is to be the input two steps before."""
    module = gf.to_torch(gf.cells.gru, hidden=8, inputs=1, rng=0, dtype=torch.float64)
    x = torch.tensor(np.random.default_rng(0).choice([-0.5, 0.5], (32, 6, 1)))
    optimizer = torch.optim.Adam(module.parameters(), lr=0.05)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        states, _ = module(x)
        loss = ((states.mean(-1)[:, 2:] - x[:, :-2, 0]) ** 2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] > 0.2  # the variance of the target is 0.25
    assert losses[-1] < 0.1 * losses[0]


def test_saving_loading_copying_and_changing_type():
    _, _, module, x = situation("scrn")
    wanted, _ = module(x)
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    other = gf.to_torch(gf.cells.scrn, hidden=7, inputs=3, context=5, rng=1, dtype=torch.float64)
    assert not torch.equal(other(x)[0], wanted)
    other.load_state_dict(torch.load(file))
    for same in (other, copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert torch.equal(same(x)[0], wanted)
    assert set(module.state_dict()) == {"A", "B", "P", "R", "alpha"}
    single = copy.deepcopy(module).float()
    states, _ = single(x)  # an input of another type follows the parameters
    assert states.dtype == torch.float32
    # six steps of sums of 15 products with rounding 6e-8
    assert distance(states.detach().numpy(), wanted.detach().numpy()) < 1e-5


def test_the_trained_parameters_go_back_to_gradflow():
    s, x, module, tensor = situation("clockwork")
    arrays = {n: v.detach().numpy() for n, v in module.state_dict().items()}
    run = gf.run(s.cell, arrays, x, s.state)
    states, _ = module(tensor, torch.tensor(s.state))
    assert distance(states.detach().numpy(), run.flat_states[1:]) < TIGHT
    again = gf.to_torch(s.cell, dict(module.named_parameters()) | {"period": module.period})
    assert again.W_H.dtype == torch.get_default_dtype()


def test_its_text_names_the_cell():
    module = gf.to_torch(gf.cells.rnn, hidden=2, inputs=1, rng=0)
    assert str(module) == "RecurrentCell(rnn, W, U, b)"


def test_several_inputs_and_none():
    cell = gf.Cell(
        name="two",
        state="h",
        inputs="x z[side]",
        maps="W Q",
        equations="h_next = tanh(W @ x + Q @ z) + h / t",
    )
    params = cell.init(hidden=3, inputs=2, side=4, rng=0)
    rng = np.random.default_rng(1)
    given = {"x": rng.standard_normal((5, 2)), "z": rng.standard_normal((5, 4))}
    module = gf.to_torch(cell, params, dtype=torch.float64)
    states, _ = module({k: torch.tensor(v) for k, v in given.items()})
    run = gf.run(cell, params, given)
    assert distance(states.detach().numpy(), run.flat_states[1:]) < TIGHT

    henon = gf.Cell(
        name="henon", state="a[one] b[one]", equations="a_next = 1 - 1.4 * a**2 + b\nb_next = a"
    )
    states, _ = gf.to_torch(henon, {}, dtype=torch.float64)(steps=4)
    assert states[:, 0].tolist() == pytest.approx([1.0, -0.4, 1.776, -3.8158464])


@pytest.mark.parametrize(
    ("first", "second"),
    {
        "one product of an input for both": ("W @ x + U @ h + b", "Q @ x + V @ h + d"),
        "no bias": ("W @ x + U @ h", "Q @ x + V @ h"),
        "a scalar and a number": ("W @ x + U @ h + s", "Q @ x + V @ h + 1"),
        "a product that two read": ("W @ x + U @ h + b", "W @ x + V @ h + d"),
        "an input with a factor": ("W @ x + U @ h + b", "2 * (Q @ x) + V @ h + d"),
        "another input": ("W @ x + U @ h + b", "R @ z + V @ h + d"),
        "time": ("W @ x + U @ h + b / t", "Q @ x + V @ h + d * t"),
        "two inputs": ("W @ x + R @ z + U @ h + b", "Q @ x + V @ h + d"),
    }.values(),
)
@pytest.mark.parametrize("lead", [(), (3,)])
def test_what_is_added_before_the_loop(first, second, lead):
    """Products of an input join in one, where every sum has one beside units of its own.

    Oracles: the run of the compiled cell; differences of torch's own check, of both orders.
    """
    words = f"{first} {second}".translate(str.maketrans("@()", "   ")).split()
    cell = gf.Cell(
        name="sums",
        state="h",
        inputs="x" + (" z[side]" if "z" in words else ""),
        maps=" ".join(m for m in "WQRUV" if m in words),
        vectors=" ".join(v for v in "bd" if v in words),
        scalars="s" if "s" in words else "",
        equations=f"u = tanh({first})\nh_next = u * sin({second})",
    )
    rng = np.random.default_rng(7)
    sizes = {"hidden": 3, "inputs": 2} | ({"side": 4} if "z" in words else {})
    params = {n: rng.standard_normal(np.shape(v)) for n, v in cell.init(**sizes, rng=0).items()}
    x = rng.standard_normal((*lead, 4, 2))
    given = {"x": x, "z": rng.standard_normal((*lead, 4, 4))} if "z" in words else x
    module = gf.to_torch(cell, params, dtype=torch.float64)
    tensors = {k: torch.tensor(v) for k, v in given.items()} if "z" in words else torch.tensor(x)
    states, _ = module(tensors)
    run = gf.run(cell, params, given)
    assert distance(states.detach().numpy(), run.flat_states[..., 1:, :]) < TIGHT

    def again(*arrays):
        named = dict(zip(params, arrays, strict=True))
        return torch.func.functional_call(module, named, (tensors,))[0][..., -1, :]

    arrays = tuple(torch.tensor(v, requires_grad=True) for v in params.values())
    assert torch.autograd.gradcheck(again, arrays)
    if not lead:
        assert torch.autograd.gradgradcheck(again, arrays)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (({"w": np.ones(2)},), r"'scalar': w has shape \(2,\)"),
        (({},), "parameter 'w' is missing"),
        (({"w": np.ones(1)}, {"hidden": 3}), "both params and hidden= given; keep one"),
        (({"w": np.ones(1)}, {"dtype": "float64"}), "dtype='float64'; it must be a floating type"),
        (({"w": np.ones(1)}, {"dtype": torch.int64}), "it must be a floating type of torch"),
        ((None, {"hidden": 3}), "init got 'hidden'"),
    ],
)
def test_wrong_arguments(arguments, message):
    params, *choices = arguments
    with pytest.raises(UsageError, match=message):
        gf.to_torch(gf.cells.scalar, params, **dict(*choices))


def test_wrong_sequences():
    module = gf.to_torch(gf.cells.rnn, hidden=2, inputs=3, rng=0)
    for x, message in [
        (None, "needs its input x"),
        (torch.ones(3), r"input x has shape \(3,\); it needs \(..., T, input\), one row a step"),
        (torch.ones(4, 2), "its last axis needs 3 entries"),
        (torch.ones(0, 3), "0 steps given; one number of steps, at least 1, is needed"),
    ]:
        with pytest.raises(UsageError, match=message):
            module(x)
    with pytest.raises(UsageError, match="4 and 5 steps given"):
        module(torch.ones(4, 3), steps=5)
    with pytest.raises(UsageError, match="no steps given"):
        gf.to_torch(gf.cells.scalar, {"w": [1.0]})()


def test_a_name_that_torch_takes():
    cell = gf.Cell(name="typed", state="h", vectors="type", equations="h_next = type * h")
    with pytest.raises(UsageError, match="has an attribute 'type' of its own; give the parameter"):
        gf.to_torch(cell, hidden=2)


def test_without_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UsageError, match=r"torch is not installed; run: pip install 'gradflow-rnn"):
        gf.to_torch(gf.cells.rnn, hidden=2, inputs=1)


@NAMES
@pytest.mark.parametrize("lead", [(2,), (9,)], ids=["by block", "in one product"])
def test_results_can_be_differentiated_and_vectorised(name, lead):
    """A derivative of our Jacobian is the second derivative of an independent step."""
    s = sample(name, lead=lead)
    code = gf.compile(s.cell, backend="array-api")
    params = torch_cells.tensors(s.params)
    x = torch_cells.tensor(s.x)
    state = torch.tensor(s.state, requires_grad=True)
    J = code.jacobian(params, state, x, s.t)
    weights = torch.tensor(np.random.default_rng(3).standard_normal(J.shape))
    if not J.requires_grad:
        assert name in ("scalar", "irnn")  # piecewise linear: the Jacobian forgets the state
        return
    (found,) = torch.autograd.grad((weights * J).sum(), state)
    step = torch_cells.step_of(name)
    for i in range(lead[0]):
        at = state[i].detach().requires_grad_()
        here = torch.autograd.functional.jacobian(
            lambda v, i=i: step(params, v, x[i], s.t), at, create_graph=True
        )
        wanted = torch.zeros_like(at)
        if here.requires_grad:
            (wanted,) = torch.autograd.grad((weights[i] * here).sum(), at, materialize_grads=True)
        assert distance(found[i], wanted) < TIGHT
    inputs = (0, 0)
    each = torch.func.vmap(lambda v, w: code.jacobian(params, v, w, s.t), inputs)(state, x)
    assert distance(each.detach().numpy(), J.detach().numpy()) < TIGHT
    by_torch = torch.func.vmap(
        torch.func.jacrev(lambda v, w: code.step(params, v, w, s.t)), inputs
    )(state, x)
    assert distance(by_torch.detach().numpy(), J.detach().numpy()) < TIGHT


def test_a_cell_by_its_name():
    by_name, by_cell = (gf.to_torch(c, hidden=2, inputs=3, rng=0) for c in ("rnn", gf.cells.rnn))
    for name, value in by_cell.named_parameters():
        assert torch.equal(value, by_name.get_parameter(name))
    with pytest.raises(UsageError, match="unknown cell 'rn': did you mean 'rnn'"):
        gf.to_torch("rn")
