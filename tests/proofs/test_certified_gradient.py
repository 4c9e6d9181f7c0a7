"""Certified gradients of a loss: against torch, mpmath and closed forms."""

import mpmath
import numpy as np
import pytest

import gradflow as gf
from gradflow.errors import PrecisionError, UsageError
from gradflow.proofs import Loss
from gradflow.proofs.certified.gradient import whole
from gradflow.proofs.certified.gradient.certified import certify_gradient
from gradflow.proofs.certified.gradient.loss import part_read, targets_of
from oracles.runs import random_run

torch = pytest.importorskip("torch")
from oracles import torch_cells  # noqa: E402

CELLS = ("rnn", "irnn", "lstm", "gru", "gru_reset_after")
# torch in float64 is off by some hundred roundings in these runs of ten steps
TORCH = 1e-10


def torch_loss(loss, z, target):
    if loss.kind == "cross-entropy":
        return torch.logsumexp(z, 0) - z[target]
    if loss.kind == "linear":
        return z.sum()
    y = torch.tensor(target)
    if loss.kind == "squared":
        return ((z - y) ** 2).sum() / 2
    return (torch.nn.functional.softplus(z) - y * z).sum()


def by_torch(run, loss, step=None):
    """Norms of the gradient after every step, and by every array, by autograd."""
    step = step or torch_cells.step_of(run.cell.name)
    p = {k: torch.tensor(np.asarray(v), requires_grad=True) for k, v in run.params.items()}
    state = torch.tensor(run.flat_states[0], requires_grad=True)
    states = [state]
    part = run.parts[part_read(loss, dict(run.part_sizes()))]
    targets = targets_of(loss, run.steps)
    total = 0.0
    for t in range(1, run.steps + 1):
        state = step(p, state, torch.tensor(run.inputs["x"][t - 1]), t)
        states.append(state)
        if t in targets:
            z = torch.tensor(loss.matrix) @ state[part] + torch.tensor(loss.offset)
            total = total + torch_loss(loss, z, targets[t])
    for s in states:
        s.retain_grad()
    total.backward()
    by_state = [0.0 if s.grad is None else float(s.grad.norm()) for s in states]
    return by_state, {k: float(v.grad.norm()) for k, v in p.items()}


def losses(run, rng):
    units = dict(run.part_sizes())["h"]
    one, many = rng.standard_normal(units), rng.standard_normal((3, units))
    bias, t = rng.standard_normal(3), run.steps
    return [
        Loss(kind="cross-entropy", weight=many, bias=bias, target=2),
        Loss(kind="cross-entropy", weight=many, target=rng.integers(0, 3, t), every_step=True),
        Loss(kind="squared", weight=many, bias=bias, target=rng.standard_normal(3)),
        Loss(kind="logistic", weight=one, target=1.0),
        Loss(kind="logistic", weight=one, target=rng.integers(0, 2, t) * 1.0, every_step=True),
        Loss(kind="linear", weight=one),
        Loss(kind="linear", weight=one, every_step=True),
    ]


@pytest.mark.parametrize("name", CELLS)
def test_every_loss_of_every_cell_against_autograd(name):
    run, rng = random_run(name, 10)
    for loss in losses(run, rng):
        found = gf.certify(run, loss)
        by_state, by_array = by_torch(run, loss)
        low, high = np.exp(found.lower)[::-1], np.exp(found.upper)[::-1]
        for k, value in enumerate(by_state):
            assert low[k] * (1 - TORCH) <= value <= high[k] * (1 + TORCH)
            assert high[k] - low[k] <= 1.1e-6 * high[k]
        for array, (below, above) in found.parameters().items():
            value = by_array[array]
            assert np.exp(below) * (1 - TORCH) <= value <= np.exp(above) * (1 + TORCH)
        assert set(found.parameters()) == set(by_array)


def test_a_weight_changed_in_its_ninth_digit_leaves_the_interval():
    run, rng = random_run("lstm", 10)
    loss = losses(run, rng)[0]
    found = gf.certify(run, loss, digits=9)
    changed = gf.run(run.cell, {**run.params, "U_f": run.params["U_f"] * (1 + 1e-6)}, run.inputs)
    value = np.log(by_torch(changed, loss)[0][0])
    assert not found.lower[-1] <= value <= found.upper[-1]


def test_what_each_step_gives_to_an_array():
    run, rng = random_run("lstm", 6)
    loss = losses(run, rng)[1]
    found = gf.certify(run, loss)
    part, targets = run.parts["h"], targets_of(loss, 6)
    direct = np.zeros((6, run.width))
    for t, y in targets.items():
        h = run.flat_states[t][part]
        z = loss.matrix @ h + loss.offset
        p = np.exp(z - z.max()) / np.exp(z - z.max()).sum()
        direct[t - 1, part] = loss.matrix.T @ (p - np.eye(3)[y])
    adjoint = np.zeros((7, run.width))
    for t in range(6, 0, -1):
        after = adjoint[t + 1] if t < 6 else 0.0
        back = run.jacobian(t + 1).T @ after if t < 6 else 0.0
        adjoint[t] = direct[t - 1] + back
    for name in run.cell.parameters:
        low, high = found.parameter(name)
        for lag in range(6):
            t = 6 - lag
            here = run.parameter_vjp(adjoint[t], t)[name]
            value = np.linalg.norm(here)
            assert np.exp(low[lag]) * (1 - TORCH) <= value <= np.exp(high[lag]) * (1 + TORCH)


@pytest.mark.parametrize("options", [{}, {"residual": True}])
def test_stacked_layers_against_jacobians(options):
    net = gf.stack(["lstm", "gru"], hidden=3, inputs=3, rng=5, **options)
    run = net.run(np.random.default_rng(0).standard_normal((7, 3)))
    weight = np.random.default_rng(1).standard_normal(3)
    found = gf.certify(run, Loss(kind="linear", weight=weight))
    row = np.zeros(run.width)
    row[run.parts["2.h"]] = weight
    for lag in range(8):
        low, high = np.exp(found.lower[lag]), np.exp(found.upper[lag])
        assert low * (1 - TORCH) <= np.linalg.norm(row) <= high * (1 + TORCH)
        if lag < 7:
            row = row @ run.jacobian(7 - lag)


def test_closed_forms():
    run = gf.run("scalar", {"w": [0.5]}, state=[1.0], steps=400)
    found = gf.certify(run, Loss(kind="linear", weight=[1.0]))
    assert found.lower[-1] <= -400 * np.log(2) <= found.upper[-1]
    none = gf.certify(
        gf.run("scalar", {"w": [0.0]}, state=[1.0], steps=2), Loss(kind="linear", weight=[1.0])
    )
    assert none.upper[-1] == -np.inf == none.lower[-1]


def test_units_that_relu_holds_at_zero_get_no_gradient():
    cell = gf.cells.get("irnn")
    params = cell.init(rng=0, hidden=3, inputs=2)
    found = gf.certify(
        gf.run(cell, params, np.zeros((5, 2))), Loss(kind="linear", weight=np.ones(3))
    )
    assert found.upper[1] == -np.inf
    assert found.lower[0] > -1


@pytest.mark.parametrize("p", [96, 128, 333])
def test_functions_of_whole_numbers_hold_the_true_values(p):
    scale = whole.Scale(p, 8, 64)
    rng = np.random.default_rng(p)
    centres = [0, 1, -1, *(int(v * 2.0**40) << (p - 40) for v in rng.standard_normal(30) * 8)]
    with mpmath.workdps(150):
        one = mpmath.mpf(2) ** p
        for c in centres:
            for r in (0, 1, 1 << (p // 2), 1 << (p - 6)):
                for x in (c - r, c, c + r):
                    at = x / one
                    for name, true in (
                        ("sigmoid", 1 / (1 + mpmath.exp(-at))),
                        ("tanh", mpmath.tanh(at)),
                    ):
                        middle, radius = getattr(scale, name)((c, r))
                        assert abs(true * one - middle) <= radius
                middle, radius = scale.sigmoid((c, 0))
                assert (
                    radius < 2 * p
                )  # a few units of the last place, not a width that hides errors
            middle, radius = scale.exp_minus(abs(c))
            assert abs(mpmath.exp(-abs(c) / one) * one - middle) <= radius
        balls = [(c, 3) for c in centres[:7]]
        total = sum(mpmath.exp(c / one) for c, _ in balls)
        for k, (middle, radius) in enumerate(scale.softmax(balls, 2)):
            true = mpmath.exp(balls[k][0] / one) / total - (k == 2)
            assert abs(true * one - middle) <= radius < 2 ** (p // 2)
        # planted: the check sees an error of two units in the last place
        middle, radius = scale.exp_minus(centres[5] if centres[5] > 0 else -centres[5])
        assert abs(mpmath.exp(-abs(centres[5]) / one) * one - (middle + radius + 2)) > radius


def test_products_and_sums_of_whole_number_balls():
    rng = np.random.default_rng(0)
    scale = whole.Scale(96, 20, 64)
    for _ in range(200):
        a, b = (
            (int(v * 2**60) << 36, int(r))
            for v, r in zip(rng.standard_normal(2), rng.integers(0, 2**40, 2), strict=False)
        )
        middle, radius = scale.times(a, b)
        for x in (a[0] - a[1], a[0] + a[1]):
            for y in (b[0] - b[1], b[0] + b[1]):
                assert abs(x * y - (middle << 96)) <= radius << 96
    assert whole.norm([(3, 0), (-4, 0)]) == (5, 6)
    assert whole.norm([(0, 0)]) == (0, 0)


def test_what_is_refused():
    run, _rng = random_run("lstm", 4)
    with pytest.raises(UsageError, match="Loss: kind is"):
        Loss(kind="hinge", weight=np.ones(5))
    with pytest.raises(UsageError, match="reads 4 units"):
        gf.certify(run, Loss(kind="linear", weight=np.ones(4)))
    with pytest.raises(UsageError, match="the class 7 is none of 0 to 2"):
        gf.certify(run, Loss(kind="cross-entropy", weight=np.ones((3, 5)), target=7))
    with pytest.raises(UsageError, match="2 targets for 4 steps"):
        gf.certify(run, Loss(kind="squared", weight=np.ones(5), target=[1.0, 2.0], every_step=True))
    own = gf.Cell(
        name="odd", state="h", inputs="x", maps="U W", equations="h_next = sin(U @ h + W @ x)"
    )
    params = own.init(rng=0, hidden=2, inputs=2)
    with pytest.raises(UsageError, match="sin has no rule"):
        gf.certify(gf.run(own, params, np.ones((2, 2))), Loss(kind="linear", weight=np.ones(2)))


def test_precision_that_does_not_suffice_is_said(monkeypatch):
    monkeypatch.setattr("gradflow.proofs.certified.gradient.certified._BITS", ((96, 32),))
    run, rng = random_run("rnn", 30)
    with pytest.raises(PrecisionError, match="96 bits do not give 40 digits"):
        gf.certify(run, losses(run, rng)[0], digits=40)


def wide(steps):
    """A run whose whole-number balls grow by several bits a step, and a loss."""
    rng = np.random.default_rng(0)
    params = dict(gf.cells.lstm.init(hidden=16, inputs=2, rng=0, forget_bias=2.0))
    params |= {name: 6 * value for name, value in params.items() if name.startswith("U")}
    run = gf.run("lstm", params, rng.standard_normal((steps, 2)), backend="numpy")
    return run, Loss(kind="linear", weight=rng.standard_normal(16))


def test_a_state_that_is_lost_ends_the_pass_before_its_radius_squares():
    run, loss = wide(50)
    plain = whole.rounded

    def watched(j, b):
        # a radius of the unit has 80 bits, a product of two of them twice as many
        assert b[1].bit_length() < 3 * 80
        return plain(j, b)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whole, "rounded", watched)
        with pytest.raises(PrecisionError):
            certify_gradient(run, loss, bits=(80, 56))


def test_where_states_are_lost_at_first_the_gradient_is_that_of_autograd():
    run, loss = wide(50)
    found = gf.certify(run, loss)
    assert found.bits[0] > 80
    by_state, _ = by_torch(run, loss)
    logs = np.log(by_state)[::-1]
    # floats lose what the steps amplify
    assert (found.lower - 1e-6 <= logs).all()
    assert (logs <= found.upper + 1e-6).all()


def test_a_large_state_is_not_lost():
    run = gf.run("scalar", {"w": [3.0]}, state=[1.0], steps=200)
    found = gf.certify(run, Loss(kind="linear", weight=[1.0]))
    assert found.upper[-1] == pytest.approx(200 * np.log(3))


def test_what_takes_too_long_is_refused_before_the_work():
    run, loss = wide(50)
    with pytest.raises(
        UsageError, match=r"50 steps at 80 bits takes about 0 s, and 0 s are allowed"
    ):
        gf.certify(run, loss, seconds=0.0)
    big = gf.run("rnn", gf.cells.rnn.init(hidden=300, inputs=1, rng=0), np.ones((400, 1)))
    with pytest.raises(UsageError, match="give seconds=") as refused:
        gf.certify(big, Loss(kind="linear", weight=np.ones(300)))
    assert str(refused.value).endswith("fewer steps or fewer units.")
