"""dL/dtheta over a run: against torch, against the sum over lags, by order, and beyond floats."""

import math

import numpy as np
import pytest

import gradflow as gf
from gradflow.errors import UsageError
from oracles.runs import random_run


def contribution(found, lag):
    """C_lag of every parameter in plain floats, zero where it underflows."""
    factor = np.exp(found.log_scale[lag])
    return {name: factor * values[lag] for name, values in found.by_lag.items()}


@pytest.mark.parametrize("name", gf.cells.LIBRARY)
def test_the_lags_add_up_to_the_gradient_and_to_a_central_difference(name):
    run, rng = random_run(name, 8)
    weights = rng.standard_normal((8, run.width))
    found = run.parameter_gradient(weights)
    for key, total in found.total.items():
        summed = sum(contribution(found, lag)[key] for lag in range(8))
        # Two orders of summation of the same 36 terms.
        np.testing.assert_allclose(summed, total, rtol=1e-11, atol=1e-12)
        direction = rng.standard_normal(total.shape)
        errors = []
        for step in (2e-3, 1e-3):
            moved = [
                gf.run(
                    run.cell,
                    {**run.params, key: run.params[key] + sign * step * direction},
                    run.inputs.get("x"),
                    run.flat_states[0],
                    steps=8,
                ).flat_states[1:]
                for sign in (1, -1)
            ]
            slope = ((moved[0] - moved[1]) * weights).sum() / (2 * step)
            errors.append(abs(slope - (total * direction).sum()))
        # Halving the step quarters the error, or it is rounding already (linear in the parameter).
        assert errors[1] < 0.3 * errors[0] or errors[1] < 1e-9


@pytest.mark.parametrize("sizes", [(7, 3, 5), (64, 10, 12)])
@pytest.mark.parametrize("name", gf.cells.LIBRARY)
def test_bptt_over_30_steps_equals_torch(name, sizes):
    torch = pytest.importorskip("torch")
    from oracles.torch_cells import torch_step

    run, rng = random_run(name, 30, *sizes)
    weights = rng.standard_normal((30, run.width))
    found = run.parameter_gradient(weights)
    tensors = {k: torch.tensor(v, requires_grad=True) for k, v in run.params.items()}
    parts = {p: torch.tensor(v[0]) for p, v in run.states.items()}
    loss = torch.zeros((), dtype=torch.float64)
    for k in range(30):
        x = torch.tensor(run.inputs["x"][k]) if run.inputs else None
        parts = torch_step(name, tensors, parts, x, k + 1)
        loss = loss + (torch.cat(list(parts.values())) * torch.tensor(weights[k])).sum()
    loss.backward()
    for key, total in found.total.items():
        expected = tensors[key].grad.numpy()
        error = np.abs(total - expected).max() / np.abs(expected).max()
        assert error < 1e-12, (key, error)


def test_a_loss_of_the_last_state_alone_is_one_row():
    run, rng = random_run("gru", 6)
    row = rng.standard_normal(run.width)
    full = np.zeros((6, run.width))
    full[-1] = row
    one, all_rows = run.parameter_gradient(row), run.parameter_gradient(full)
    for key in one.total:
        np.testing.assert_array_equal(one.total[key], all_rows.total[key])
    kept = run.parameter_gradient(row, lags=2)
    assert kept.lag.tolist() == [0, 1]
    np.testing.assert_array_equal(kept.total["U_g"], one.total["U_g"])


def test_lags_beyond_float_range_keep_their_logarithm():
    cell = gf.cells.rnn
    params = cell.init(hidden=3, inputs=2, rng=0, recurrent=1e-3 * np.eye(3), b=0.3)
    x = np.random.default_rng(0).standard_normal((160, 2))
    run = gf.run(cell, params, x)
    found = run.parameter_gradient(np.ones(3))
    assert contribution(found, 120)["b"].max() == 0.0
    # diag(1 - h^2) / 1000 a step, so the contribution of a lag is the sum of its logs.
    log_derivative = np.log(1e-3 * (1 - run.states["h"][1:] ** 2))
    direct = np.log(1 - run.states["h"][1:] ** 2)
    for lag in (10, 120, 159):
        each = log_derivative[160 - lag :].sum(axis=0) + direct[159 - lag]
        expected = 0.5 * np.logaddexp.reduce(2 * each)
        assert found.log_norm["b"][lag] == pytest.approx(expected, rel=1e-12)


def test_the_check_against_the_sum_over_lags_would_see_a_lost_lag():
    run, rng = random_run("lstm", 8)
    found = run.parameter_gradient(rng.standard_normal((8, run.width)))
    part = sum(contribution(found, lag)["U_f"] for lag in range(8) if lag != 4)
    error = np.abs(part - found.total["U_f"]).max() / np.abs(found.total["U_f"]).max()
    assert error > 1e-6


def test_wrong_shapes_and_lags_are_refused():
    run, _ = random_run("rnn", 4)
    with pytest.raises(UsageError, match=r"needs \(4, 5\).*or \(5,\)"):
        run.parameter_gradient(np.zeros((3, 5)))
    with pytest.raises(UsageError, match="whole number from 1 to 4"):
        run.parameter_gradient(np.zeros(5), lags=5)


def test_one_unit_one_step():
    cell = gf.cells.scalar
    run = gf.run(cell, {"w": np.array([3.0])}, state=np.array([2.0]), steps=1)
    found = run.parameter_gradient(np.array([1.0]))
    assert found.total["w"].tolist() == [2.0]
    assert math.exp(found.log_norm["w"][0]) == pytest.approx(2.0, rel=1e-15)
