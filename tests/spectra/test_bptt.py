"""dL/dtheta over a run: against torch, against the sum over lags, by order, and beyond floats."""

import math

import numpy as np
import pytest

import gradflow as gf
from gradflow.errors import PrecisionError, UsageError
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


def test_a_cell_without_parameters_has_a_gradient_of_no_parts():
    cell = gf.Cell(name="leak", state="h", equations="h_next = 0.5 * h")
    found = gf.run(cell, {}, state=np.ones(2), steps=5).parameter_gradient(np.ones(2))
    assert dict(found.total) == {} == found.log_norm
    assert repr(found) == "<ParameterGradient by 0 parameters, norm 0, 5 lags kept>"


def test_an_exploding_gradient_keeps_its_sums():
    """h' = 3 h + W x, one impulse: dL/dU = 799 W 3^798, and dL/dW = 3^799 is beyond float64."""
    cell = gf.Cell(
        name="grows", state="h", inputs="x", maps="U W", equations="h_next = U @ h + W @ x"
    )
    impulse = np.zeros((800, 1))
    impulse[0] = 1
    params = {"U": np.array([[3.0]]), "W": np.array([[1e-200]])}
    found = gf.run(cell, params, impulse).parameter_gradient(np.ones(1))
    # 800 terms, each with the rounding of 800 products
    by_U = math.log(799) - 200 * math.log(10) + 798 * math.log(3)
    assert found.log_total["U"] == pytest.approx(by_U, rel=1e-13)
    assert math.log10(found.total["U"][0, 0]) == pytest.approx(183.6453080456, rel=1e-12)
    assert found.log_total["W"] == pytest.approx(799 * math.log(3), rel=1e-13)
    assert found.direction["W"].tolist() == [[1.0]]
    with pytest.raises(PrecisionError, match=r"gradient by W has norm 10\^381\.22.*log_total"):
        found.total["W"]
    assert set(found.total) == {"U", "W"}
    # the lag of the last step alone sees the state, W 3^798, and that of the first the impulse
    assert found.log_norm["U"][0] == pytest.approx(by_U - math.log(799), rel=1e-13)
    assert found.log_norm["W"][-1] == pytest.approx(799 * math.log(3), rel=1e-13)
    assert np.isneginf(found.log_norm["W"][:-1]).all()
    for told in (repr(found), found._repr_html_()):
        assert "10^381.2" in told
        assert "nan" not in told


def test_an_exact_zero_beside_an_explosion_is_a_zero():
    """An LSTM at rest with U_g = 6: the gradient grows, and no gate but g moves c = 0."""
    sizes = gf.cells.lstm.init(hidden=1, inputs=1, rng=0)
    params = {name: np.zeros_like(value) for name, value in sizes.items()} | {"U_g": [[6.0]]}
    found = gf.run("lstm", params, np.zeros((1026, 1))).parameter_gradient(np.ones(2), lags=2)
    for name in set(params) - {"b_g"}:
        assert not found.total[name].any()
        assert found.log_total[name] == -math.inf
    with pytest.raises(PrecisionError, match=r"gradient by b_g has norm 10\^308\.73"):
        found.total["b_g"]


def test_a_gradient_under_float64_is_refused_and_no_zero():
    cell = gf.Cell(name="falls", state="h", inputs="x", maps="W", equations="h_next = h/9 + W @ x")
    impulse = np.zeros((400, 1))
    impulse[0] = 1
    found = gf.run(cell, {"W": np.ones((1, 1))}, impulse).parameter_gradient(np.ones(1))
    with pytest.raises(PrecisionError, match=r"by W has norm 10\^-380\.74"):
        found.total["W"]
    assert found.log_total["W"] == pytest.approx(-399 * math.log(9), rel=1e-13)
    assert found.direction["W"].tolist() == [[1.0]]


def test_a_derivative_that_is_not_finite_is_said():
    cell = gf.Cell(name="root", state="h", vectors="a", equations="h_next = sqrt(a * h)")
    run = gf.run(cell, {"a": np.array([1.0])}, state=[0.0], steps=3)
    with pytest.raises(PrecisionError, match="is not finite in float64"):
        run.parameter_gradient(np.ones(1))


def test_a_batch_is_its_trajectories():
    cell = gf.cells.lstm
    params = cell.init(hidden=3, inputs=2, rng=0)
    rng = np.random.default_rng(1)
    run = gf.run(cell, params, rng.standard_normal((2, 3, 7, 2)))
    rows = rng.standard_normal((2, 3, 7, 6))
    found, last = run.parameter_gradient(rows, lags=4), run.parameter_gradient(rows[..., -1, :])
    paths = run.paths(rows[..., -1, :])
    assert found.by_lag["U_f"].shape == (2, 3, 4, 3, 3)
    assert found.log_norm["U_f"].shape == (2, 3, 4)
    assert "the first of 6 trajectories" in repr(found)
    assert "the first of 6 trajectories" in repr(paths)
    for index in np.ndindex(2, 3):
        alone = run.one(*index).parameter_gradient(rows[index], lags=4)
        of_last = run.one(*index).parameter_gradient(rows[index][-1])
        for name in params:
            np.testing.assert_array_equal(found.total[name][index], alone.total[name])
            np.testing.assert_array_equal(found.log_norm[name][index], alone.log_norm[name])
            np.testing.assert_array_equal(last.total[name][index], of_last.total[name])
        split = run.one(*index).paths(rows[index][-1])
        for path, log_norm in split.log_norm.items():
            # one matrix product or many: rounding alone
            np.testing.assert_allclose(paths.log_norm[path][index], log_norm, rtol=1e-10)
        np.testing.assert_allclose(paths.carousel_only[index], split.carousel_only, rtol=1e-10)
        share = paths.share()["f"][index]
        np.testing.assert_allclose(share, split.share()["f"], rtol=1e-10)
    square = gf.run(cell, params, rng.standard_normal((7, 7, 2)))
    with pytest.raises(UsageError, match="may be one row a step or one a trajectory"):
        square.parameter_gradient(np.ones((7, 6)))
    with pytest.raises(UsageError, match=r"with the batch axes \(7,\) before"):
        square.parameter_gradient(np.ones((6, 6)))
