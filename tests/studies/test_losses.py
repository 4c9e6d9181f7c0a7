"""Losses at the last step and at every one, padded and masked, against products and torch."""

import math

import numpy as np
import pytest

import gradflow as gf
from gradflow.errors import UsageError
from gradflow.studies.diagnosis.measures.by_lag import _one_by_one, _together, sampled
from gradflow.studies.diagnosis.remedies import remedies
from gradflow.studies.diagnosis.telling.report import report_lines

NEED = 5
ENDS = np.array([14, 9, 14])


@pytest.fixture(scope="module")
def network():
    return gf.stack("lstm", 2, hidden=4, inputs=3, rng=0, forget_bias=1.0)


@pytest.fixture(scope="module")
def head():
    chance = np.random.default_rng(5)
    return chance.normal(size=(6, 4)), chance.normal(size=6)


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(1).normal(size=(3, 14, 3))


@pytest.fixture(scope="module")
def targets():
    aim = np.random.default_rng(2).integers(0, 6, (3, 14))
    aim[0, 3] = aim[2, :4] = -100
    return aim


@pytest.fixture(scope="module")
def found(network, head, x, targets):
    padded = x.copy()
    padded[1, 9:] = np.nan
    return gf.diagnose(network, padded, need=NEED, head=head, targets=targets, lengths=ENDS)


def error(h, head, targets):
    """The gradient of a cross-entropy by what is read."""
    score = h @ head[0].T + head[1]
    share = np.exp(score - score.max(-1, keepdims=True))
    share /= share.sum(-1, keepdims=True)
    return (share - np.eye(len(head[1]))[targets]) @ head[0]


def naive(network, head, x, targets, lag, shift=0):
    """Root mean square of the gradients at a lag over that at lag 0, by whole Jacobians."""
    run = network.run(x)
    h = run.states["2.h"]
    at_lag, at_zero = 0.0, 0.0
    for t in range(max(lag, 1), len(x) + 1):
        if targets[t - 1] < 0:
            continue
        row = np.zeros(run.width)
        row[run.parts["2.h"]] = error(h[t], head, targets[t - 1])
        at_zero += row @ row
        for step in range(t, t - lag, -1):
            row = row @ run.jacobian(max(step - shift, 1))
        at_lag += row @ row
    return math.sqrt(at_lag / at_zero)


def test_losses_at_every_step_are_root_mean_squares_of_naive_products(
    found, network, head, x, targets
):
    logs = found.reach.gradient.log_norm
    for i, end in enumerate(ENDS):
        for lag in (0, 1, NEED, end - 1):
            told = math.exp(logs[i, lag] - logs[i, 0])
            args = network, head, x[i, :end], targets[i, :end], lag
            assert told == pytest.approx(naive(*args), rel=1e-11)
        # the oracle sees a Jacobian of the step before
        assert told != pytest.approx(naive(*args, shift=1), rel=1e-3)
        assert np.isnan(logs[i, end + 1 :]).all()
    left = sorted((logs[i, NEED] - logs[i, 0]) / math.log(10) for i in range(3))
    assert found.reach.log10_left.median == pytest.approx(left[1], abs=1e-12)
    assert "at every step" in found.subject.losses.words
    assert "32 of 42 count" in found.subject.losses.words


def test_a_padded_batch_is_its_sequences(found, network, head, x, targets):
    alone = [
        gf.diagnose(network, x[i][None, :end], need=NEED, head=head, targets=targets[i][None, :end])
        for i, end in enumerate(ENDS)
    ]
    lefts = sorted(one.reach.log10_left.median for one in alone)
    assert found.reach.log10_left.median == pytest.approx(lefts[1], abs=1e-11)
    assert found.reach.log10_left.high == pytest.approx(lefts[2], abs=1e-11)
    horizons = sorted(one.reach.loss_horizon.median for one in alone)
    assert found.reach.loss_horizon.low == horizons[0]
    norms = [one.training.log_norms[0] for one in alone]
    np.testing.assert_allclose(found.training.log_norms, norms, rtol=1e-12)
    for window, lost in found.training.missing():
        if window < 9:
            shares = [dict(one.training.missing())[window].median for one in alone]
            assert lost.high == pytest.approx(max(shares), rel=1e-9)
    for level in (0, 1):
        gates = [one.layers[level].saturated.median for one in alone]
        assert found.layers[level].saturated.high == pytest.approx(max(gates), abs=1e-14)
    assert found.reach.product_horizon.count == 3


def test_sequences_that_are_too_short_are_left_out_and_said(network, head, x, targets):
    found = gf.diagnose(network, x, need=12, head=head, targets=targets, lengths=ENDS)
    assert found.reach.log10_left.count == 2
    assert "1 of 3" in found.left_out["short sequences"]
    last = gf.diagnose(network, x, need=12, head=head, targets=targets[:, 0] % 6, lengths=ENDS)
    run = network.run(x[0])
    row = run.covector({"2.h": error(run.states["2.h"][14], head, targets[0, 0] % 6)})
    logs = run.gradient_decay(row).log_norm
    assert last.reach.gradient.log_norm[0, 12] == pytest.approx(logs[12], abs=1e-11)


def test_losses_pulled_together_are_those_pulled_one_by_one(found):
    run, losses = found.subject.run, found.subject.losses
    both = zip(_together(run, losses), _one_by_one(run, losses), strict=True)
    for one, other in both:
        assert one.alive.start == other.alive.start
        np.testing.assert_allclose(one.norms, other.norms, rtol=1e-11)
        np.testing.assert_allclose(one.units, other.units, rtol=1e-9)


def test_of_many_losses_some_are_followed_back_and_each_last_one(network):
    x = np.random.default_rng(3).normal(size=(2, 90, 3))
    found = gf.diagnose(network, x, need=8, at="every", lengths=[90, 61])
    kept = sampled(found.subject.losses, found.subject.run)
    assert len(kept.step) in (48, 49)
    assert {90, 61} <= set(kept.step.tolist())
    assert f"90 losses a sequence {len(kept.step)}" in found.left_out["losses"]


def test_squared_errors_and_functions_at_every_step(network, head, x):
    rows = np.random.default_rng(6).normal(size=(3, 14, 6))
    rows[0, 2, 1] = np.nan
    squared = gf.diagnose(
        network, x, need=NEED, head=head, targets=rows, loss="squared error", at="every"
    )
    h = network.run(x).states["2.h"][:, 1:]
    wanted = (h @ head[0].T + head[1] - rows) @ head[0] / np.array([13, 14, 14])[:, None, None]
    wanted[0, 2] = 0.0
    np.testing.assert_allclose(squared.subject.losses.rows[..., 8:12], wanted, atol=1e-14)
    given = gf.diagnose(network, x, need=NEED, at="every", loss=lambda h: wanted)
    assert given.reach.log10_left == squared.reach.log10_left
    parts = gf.diagnose(network, x, need=NEED, loss=lambda h: {"1.c": np.ones((3, 4))})
    np.testing.assert_array_equal(parts.subject.losses.rows[:, 0, 4:8], np.ones((3, 4)))
    assert not parts.subject.losses.rows[:, 0, 8:].any()
    gru = next(one for one in remedies(parts.subject, NEED, 0) if "GRU" in one.name)
    assert gru.log10_left is None
    assert "1.c" in gru.reason


def test_targets_of_symbols_follow_and_long_ones_are_cut_alike():
    one_hot = gf.stack("gru", 1, hidden=4, inputs=3, rng=0)
    head = np.random.default_rng(0).normal(size=(3, 4))
    tokens = np.array([0, 1, 2, 1] * 20)
    following = gf.diagnose(one_hot, tokens, need=NEED, head=head, at="every")
    given = gf.diagnose(one_hot, tokens[:-1], need=NEED, head=head, targets=tokens[1:])
    assert following.subject.losses.rows.shape == (7, 10, 4)
    assert given.subject.losses.rows.shape == (7, 10, 4)
    np.testing.assert_allclose(
        given.subject.losses.rows[0], following.subject.losses.rows[0], atol=1e-15
    )
    padded = gf.diagnose(one_hot, tokens[:24].reshape(2, 12), need=NEED, head=head, lengths=[12, 8])
    assert padded.subject.lengths.tolist() == [11, 7]


def test_what_a_residual_layer_gives_is_read_by_the_head(x):
    """The head reads h of the last layer and what it adds, so both layers have a gradient."""
    network = gf.stack("gru", 2, hidden=3, inputs=3, rng=0, residual=True)
    head = np.random.default_rng(0).normal(size=(5, 3))
    found = gf.diagnose(network, x, need=NEED, head=head, targets=np.array([0, 4, 2]))
    run = network.run(x)
    read = run.states["1.h"][:, -1] + run.states["2.h"][:, -1]
    wanted = error(read, (head, np.zeros(5)), np.array([0, 4, 2]))
    np.testing.assert_allclose(found.subject.losses.rows[:, 0], np.tile(wanted, 2), atol=1e-14)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"lengths": [1, 2]}, "lengths"),
        ({"lengths": [1, 2, 15]}, "from 1 to 14"),
        ({"lengths": [1.5, 2, 3]}, "whole number"),
        ({"at": "some"}, "at is"),
        ({"targets": np.zeros((3, 13), dtype=int)}, r"\(3, 14\)"),
        ({"targets": np.full((3, 14), 6)}, "0 to 5"),
        ({"targets": np.full((3, 14), -1)}, "exactly zero"),
        ({"targets": np.zeros((3, 14, 6)), "loss": "cross-entropy"}, "whole numbers"),
        ({"loss": "squared error", "at": "every"}, "none are given"),
        ({"loss": lambda h: {"3.h": h}}, "'3.h'"),
        ({"loss": lambda h: {"2.h": h[:, :2]}}, r"\(3, 4\)"),
        ({"lose": 0.0}, "lose"),
    ],
)
def test_what_does_not_fit_gets_a_sentence(network, head, x, arguments, words):
    with pytest.raises(UsageError, match=words):
        gf.diagnose(network, x, **{"need": NEED, "head": head, **arguments})


def test_masked_sequences_are_left_out_and_counted(network, head, x, targets):
    masked = targets.copy()
    masked[1] = -1
    found = gf.diagnose(network, x, need=NEED, head=head, targets=masked)
    assert len(found.subject.inputs) == 2
    assert "2 of which have a loss" in found.subject.data


def total(parameters):
    return math.log(math.sqrt(sum(float((p.grad**2).sum()) for p in parameters)))


def test_the_parameter_gradient_is_that_of_torch(head):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    module = torch.nn.LSTM(3, 4, 2, batch_first=True).double()
    x = torch.randn(2, 12, 3, dtype=torch.float64)
    targets = torch.randint(0, 6, (2, 12))
    targets[:, :4] = -100
    found = gf.diagnose(gf.read(module), x.numpy(), need=NEED, head=head, targets=targets.numpy())
    weight, bias = (torch.tensor(a) for a in head)
    kept = [p for name, p in module.named_parameters() if "bias_hh" not in name]
    for i in range(2):
        module.zero_grad()
        score = module(x[i : i + 1])[0][0] @ weight.T + bias
        torch.nn.functional.cross_entropy(score, targets[i]).backward()
        assert found.training.log_norms[i] == pytest.approx(total(kept), abs=1e-10)


@pytest.mark.parametrize("at", ["last", "every"])
def test_each_direction_has_the_gradient_of_torch(at):
    torch = pytest.importorskip("torch")
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    torch.manual_seed(0)
    module = torch.nn.LSTM(3, 4, 2, batch_first=True, bidirectional=True).double()
    chance = np.random.default_rng(4)
    weight, bias = chance.normal(size=(6, 8)), chance.normal(size=6)
    x, ends = torch.randn(3, 14, 3, dtype=torch.float64), torch.tensor(ENDS)
    aim = torch.tensor(chance.integers(0, 6, (3,) if at == "last" else (3, 14)))
    found = gf.diagnose(
        gf.read(module),
        x.numpy(),
        need=NEED,
        head=(weight, bias),
        targets=aim.numpy(),
        lengths=ENDS,
    )
    names = [way.network.source.split(", ")[1] for way in found.ways]
    assert names == ["layer 2 forward", "layer 2 reverse", "layer 1 forward", "layer 1 reverse"]
    for i, end in enumerate(ENDS):
        module.zero_grad()
        packed = pack_padded_sequence(x[i : i + 1], ends[i : i + 1], batch_first=True)
        out, (last, _) = module(packed)
        read = pad_packed_sequence(out, batch_first=True)[0][0]
        read = last[2:].reshape(1, 8) if at == "last" else read
        score = read @ torch.tensor(weight).T + torch.tensor(bias)
        wanted = aim[i : i + 1] if at == "last" else aim[i, :end]
        torch.nn.functional.cross_entropy(score, wanted).backward()
        for way, level, back in zip(found.ways, (1, 1, 0, 0), ("", "_reverse") * 2, strict=True):
            suffix = f"l{level}{back}"
            kept = [getattr(module, f"{n}_{suffix}") for n in ("weight_ih", "weight_hh", "bias_ih")]
            assert way.training.log_norms[i] == pytest.approx(total(kept), abs=1e-10)
    assert "layer 2 forward" in found.verdict
    assert "layer 2 reverse" in found.verdict
    text = "\n".join(report_lines(found))
    assert "layer 1 reverse, here 1: lstm, 3 inputs, 4 units" in text
    assert found.good == (found.ways[0].good and found.ways[1].good)
