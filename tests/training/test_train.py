"""The loop against torch's own optimizers, one network at a time; its records against autograd.

In float64 both sides do the same sums in another order, 1e-12; Adam divides by roots of small
squares, which leaves 1e-9 of an array after a few updates.
"""

import math

import numpy as np
import pytest

import gradflow as gf
from gradflow import training
from gradflow.errors import UsageError
from gradflow.training.loop.record import jumps_of

pytest.importorskip("torch")

import torch

CLOSE = 1e-12


@pytest.fixture(autouse=True)
def doubles():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def by_torch(task, module, seed, *, rate, clip, optimizer, updates, batch):
    """The same training by torch's optimizer and clipping, its losses and norms."""
    kind = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[optimizer]
    descend = kind(module.parameters(), lr=rate)
    losses, norms = [], []
    for at in range(updates):
        drawn = task.draw(batch, np.random.default_rng((seed, at)))
        y = torch.tensor(drawn.y)
        outputs = module(torch.tensor(drawn.x))[:, -y.shape[1] :]
        if y.is_floating_point():
            loss = ((outputs[..., 0] - y) ** 2).mean()
        else:
            loss = torch.nn.functional.cross_entropy(outputs.flatten(0, 1), y.flatten())
        descend.zero_grad()
        loss.backward()
        # torch's own clip_grad_norm_ adds 1e-6 to the norm; Algorithm 1 of Pascanu et al. does not
        norms.append(math.sqrt(sum((p.grad**2).sum().item() for p in module.parameters())))
        for p in module.parameters():
            p.grad *= min(1.0, clip / norms[-1])
        losses.append(loss.item())
        descend.step()
    return losses, norms


def fresh(cell, task, seed, **choices):
    """The network that `train` begins with."""
    return training.train(
        cell, task, updates=1, rates=1e-300, seeds=[seed], hidden=4, **choices
    ).modules[0]


@pytest.mark.parametrize(
    ("cell", "task", "optimizer", "rate"),
    [
        ("lstm", training.adding(6), "adam", 0.03),
        ("rnn", training.copying(3, 2), "sgd", 0.5),
        ("clockwork", training.temporal_order(10), "adam", 0.03),
    ],
)
def test_a_bank_is_its_networks_each_by_torch(cell, task, optimizer, rate):
    how = {"updates": 4, "batch": 3, "optimizer": optimizer}
    found = training.train(
        cell,
        task,
        rates=[rate, 2 * rate],
        clips=[0.05, 1e9],
        seeds=[3, 4],
        every=1,
        hidden=4,
        **how,
    )
    assert len(found.modules) == 8
    for k, module in enumerate(found.modules):
        seed, clip = int(found.seeds[k]), found.clips[k]
        own = fresh(cell, task, seed)
        losses, norms = by_torch(task, own, seed, rate=found.rates[k], clip=clip, **how)
        assert found.loss[k, :-1] == pytest.approx(losses, rel=1e-10)
        assert found.gradient_norm[k, :-1] == pytest.approx(norms, rel=1e-10)
        for ours, theirs in zip(module.parameters(), own.parameters(), strict=True):
            assert torch.allclose(ours, theirs, rtol=1e-9, atol=1e-12)
    assert len({float(value) for value in found.loss[:, -1]}) == 8


def test_a_planted_error_in_the_rate_is_seen():
    task = training.adding(6)
    how = {"updates": 4, "batch": 3, "optimizer": "adam"}
    found = training.train("rnn", task, rates=0.03, clips=1e9, every=1, hidden=4, **how)
    losses, _ = by_torch(task, fresh("rnn", task, 0), 0, rate=0.03003, clip=1e9, **how)
    assert abs(found.loss[0, 3] / losses[3] - 1) > 1e-6


def test_the_curvature_is_that_of_the_hessian():
    task = training.adding(6)
    found = training.train("rnn", task, updates=1, batch=3, rates=0.5, hidden=3)
    module = found.modules[0]
    shapes = [p.shape for p in module.parameters()]
    drawn = task.draw(3, np.random.default_rng((0, 1)))  # what the record at the end saw
    flat = torch.cat([p.detach().flatten() for p in module.parameters()])
    names = [n for n, _ in module.named_parameters()]

    def loss(vector):
        parts = torch.split(vector, [s.numel() for s in shapes])
        arrays = {n: p.reshape(s) for n, p, s in zip(names, parts, shapes, strict=True)}
        outputs = torch.func.functional_call(module, arrays, (torch.tensor(drawn.x),))
        return ((outputs[:, -1, 0] - torch.tensor(drawn.y)[:, 0]) ** 2).mean()

    g = torch.autograd.functional.jacobian(loss, flat)
    H = torch.autograd.functional.hessian(loss, flat)
    wanted = 0.5 * (g @ H @ g / (g @ g)).item()
    assert found.rate_curvature[0, -1] == pytest.approx(wanted, rel=1e-10)


def test_the_same_seed_gives_the_same_numbers_whoever_trains_beside_it():
    task = training.adding(6)
    how = {"updates": 3, "batch": 2, "hidden": 3, "every": 1}
    one = training.train("gru", task, seeds=[5], **how)
    again = training.train("gru", task, seeds=[5], **how)
    beside = training.train("gru", task, seeds=[4, 5], **how)
    assert np.array_equal(one.loss, again.loss)
    assert one.loss[0] == pytest.approx(beside.loss[1], rel=CLOSE)


def test_reach_is_that_of_the_trained_network():
    task = training.adding(8)
    lags = [0, 3, 7]
    found = training.train("lstm", task, updates=2, batch=2, hidden=3, lags=lags, every=1)
    module = found.modules[0]
    params = {n: a.detach().numpy() for n, a in module.recurrent.state_dict().items()}
    run = gf.run("lstm", params, task.held_out.x[:6])
    W, b = (a.detach().numpy() for a in module.head.parameters())
    error = run.states["h"][:, -1] @ W.T + b - task.held_out.y[:6]
    logs = run.gradient_decay(run.covector({"h": error @ W})).log_norm
    wanted = (logs - logs[:, :1])[:, lags]
    assert found.reach().shape == (1, 3, 6, 3)
    assert np.abs(found.reach()[0, -1] - wanted).max() < 1e-10
    assert np.abs(found.reach()[0, 0] - wanted).max() > 1e-3  # of other weights


def test_a_fused_module_is_trained_in_place():
    torch.set_default_dtype(torch.float32)

    class Fused(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = torch.nn.LSTM(2, 5, batch_first=True)
            self.out = torch.nn.Linear(5, 1)

        def forward(self, x):
            return self.out(self.rnn(x)[0])

    torch.manual_seed(0)
    module = Fused()
    before = module.rnn.weight_hh_l0.detach().clone()
    found = training.train(module, training.adding(6), updates=3, every=1, lags=[2])
    assert found.modules == (module,)
    assert not torch.equal(before, module.rnn.weight_hh_l0)
    assert np.isfinite(found.loss).all()
    with pytest.raises(UsageError, match="a module is one network"):
        training.train(module, training.adding(6), seeds=[0, 1])


def test_what_stops_being_finite_is_told_and_the_others_go_on():
    torch.set_default_dtype(torch.float32)
    found = training.train(
        "irnn",
        training.adding(60),
        updates=4,
        optimizer="sgd",
        rates=[1e-6, 1e6],
        clips=np.inf,
        every=1,
        lags=[0, 30],
        hidden=4,
    )
    assert list(found.fault) == [1]
    # looks stop with the network, not the training of the others
    assert np.isfinite(found.reach()[0]).all()
    assert np.isnan(found.reach()[1, -1]).all()
    assert np.isfinite(found.reach()[1, 0]).all()
    assert found.fault[1].startswith("update 1")
    assert np.isfinite(found.loss[0]).all()
    assert found.jumps()[1].any()
    assert np.isfinite(found.best()).all()


def test_jumps_are_rises_and_losses_that_are_lost():
    loss = np.array([1.0, 0.9, 1.1, 1.15, np.nan, np.nan])
    assert jumps_of(loss).tolist() == [False, False, True, False, True, False]
    assert not jumps_of(np.ones(3)).any()
    assert jumps_of(np.array([1.0])).tolist() == [False]


def test_gradflow_keeps_its_small_numbers_after_training():
    training.train("rnn", training.adding(4), updates=1, hidden=2)
    assert np.float64(5e-324) * np.float64(1.0) > 0
