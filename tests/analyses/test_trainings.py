"""The analyses that train: signs that hold at every size, and their tools against other ways.

The quick networks are trained in float32, whose rounding differs between processors; what is asked
holds with room to spare.
"""

import numpy as np
import pytest

import gradflow as gf
from gradflow import training
from oracles.drawn import script_module

pytest.importorskip("torch")

import torch


def test_reach_separates_what_is_solved(quick):
    numbers = quick("reach_during_training").numbers
    assert numbers["area of reach at half the lag"] > 0.85
    assert numbers["gru: solved of 2"] == 2
    assert numbers["rnn: solved of 2"] == 0
    solved = numbers["networks that solved it"]
    assert numbers["of these, reach came first or with the loss"] == solved
    assert numbers["least log10 reach of a solved snapshot"] > -1


def test_the_order_of_two_falls():
    module = script_module("reach_during_training")
    task = training.adding(4)
    reach = np.log([[0.01, 0.2, 0.5], [0.2, 0.2, 0.2], [0.01, 0.01, 0.5], [0.5, 0.5, 0.5]])

    held_out = np.array([[1, 0.1, 0.001], [1, 0.001, 0.001], [1, 0.05, 0.001], [1, 1, 1]])
    # the third falls under 1/18 before it reaches, the last is never solved
    assert module.order(task, held_out, reach) == (3, 2, 2)


def test_the_gated_cell_adds_and_the_plain_one_does_not(quick):
    numbers = quick("adding").numbers
    for steps in (6, 10):
        assert numbers[f"gru, {steps} steps: solved of 2"] == 2
        assert numbers[f"rnn, {steps} steps: solved of 2"] == 0
        errors = [numbers[f"{cell}, {steps} steps: median error"] for cell in ("gru", "rnn")]
        assert errors[0] < errors[1] < 1 / 6
    reach = [numbers[f"{cell}, 10 steps: log10 reach"] for cell in ("gru", "rnn")]
    assert reach[0] > reach[1]


def test_the_identity_network_needs_its_input_weights(quick):
    numbers = quick("identity_tasks").numbers
    adding = {c: numbers[f"adding, 8 steps: {c}"] for c in ("irnn", "irnn, small W", "lstm")}
    assert adding["irnn"] < adding["irnn, small W"] < 1 / 6
    assert (
        numbers["temporal order, 10 steps: irnn"]
        > numbers["temporal order, 10 steps: irnn, small W"]
    )
    # the share is 0 at the baseline and 1 at what counts as solved
    share = script_module("identity_tasks").share
    for task in (training.adding(4), training.temporal_order(10)):
        assert share(task, task.baseline) == 0
        assert share(task, task.good) == pytest.approx(1)


def test_what_an_untrained_network_tells(quick):
    numbers = quick("who_learns").numbers
    assert numbers["networks"] == 8
    assert 0 < numbers["solved"] < 8
    assert numbers["area of gated"] > 0.7  # small networks show this sign, and no other


def test_the_kernel_share_is_that_of_autograd():
    module = script_module("who_learns")
    cell, choices = module.CELLS["gru, bias 1"]
    network = module.untrained(gf.cells.get(cell), 2, 1, 3, choices, 0)
    batch = training.adding(6).draw(5, rng=0)
    rows = []
    for x in torch.tensor(batch.x, dtype=torch.float32):
        network.zero_grad()
        network(x[None])[0, -1, 0].backward()
        rows.append(torch.cat([p.grad.flatten() for p in network.parameters()]).double().numpy())
    g = np.array(rows) - np.mean(rows, axis=0)
    e = np.array([x[np.flatnonzero(x[:, 1])[0], 0] for x in batch.x])
    e = e - e.mean()
    kernel = g @ g.T
    wanted = e @ kernel @ e / (e @ e * np.trace(kernel))
    # gradients of float32
    assert module.kernel_share(network, cell, batch) == pytest.approx(wanted, rel=1e-4)
    late = np.array([x[np.flatnonzero(x[:, 1])[1], 0] for x in batch.x])
    late = late - late.mean()
    other = late @ kernel @ late / (late @ late * np.trace(kernel))
    assert abs(other / wanted - 1) > 1e-2  # the other number would be seen


def test_the_step_that_jumps_crosses_a_valley(quick):
    numbers = quick("jump").numbers
    assert numbers["loss after"] > numbers["loss before"] + 0.1
    assert numbers["least loss along the step"] < numbers["loss before"]
    assert 0 < numbers["where that is, in steps"] < 1
    # the default text is each Python's own, and on some the gradient of a jump is below the clip
    is_cut = numbers["norm of the gradient"] > script_module("jump").CLIP
    clipped = numbers["loss after a clipped step"]
    assert clipped < numbers["loss after"] if is_cut else clipped == numbers["loss after"]
    # float64 along the step, float32 as it was recorded
    recorded = numbers["loss after, as recorded"]
    assert numbers["loss after"] == pytest.approx(recorded, rel=1e-4)


def test_the_loss_of_the_line_is_that_of_torch():
    module = script_module("jump")
    task = training.characters("to be or not to be " * 20, steps=6)
    found = module.trained(task, 2, True, 2)
    ours = module.loss(task, module.weights(found))
    outputs = found.modules[0](torch.tensor(task.held_out.x, dtype=torch.float32))
    wanted = torch.nn.functional.cross_entropy(
        outputs.flatten(0, 1), torch.tensor(task.held_out.y).flatten()
    )
    assert ours == pytest.approx(wanted.item(), rel=1e-5)
    moved = {n: 1.001 * a for n, a in module.weights(found).items()}
    assert module.loss(task, moved) != pytest.approx(wanted.item(), rel=1e-5)  # it would be seen
