"""Exponents of finite time and conditional ones, by closed forms and by copies of a network."""

import math

import numpy as np
import pytest

import gradflow as gf
from gradflow.cells.initializers import gaussian
from gradflow.errors import UsageError
from gradflow.spectra import finite_time_exponents

SKEW = gf.Cell(
    name="skew",
    state="d h",
    maps="D W U",
    equations="""
        d_next = tanh(D @ d)
        h_next = 0.5 * h + 0.5 * tanh(W @ d + U @ h)
    """,
)


def driven(steps=600, n=8, seed=4):
    rng = np.random.default_rng(seed)
    params = SKEW.init(hidden=n, rng=rng, D=gaussian(3.0), W=gaussian(1.0), U=gaussian(0.8))
    return gf.run(SKEW, params, state=rng.standard_normal(2 * n), steps=steps)


def test_windows_of_a_diagonal_system_are_means_of_its_logs():
    rng = np.random.default_rng(0)
    logs = np.array([-0.1, -0.6, -1.4]) + 0.3 * rng.standard_normal((530, 3))
    steps = np.zeros((530, 3, 3))
    steps[:, range(3), range(3)] = np.exp(logs)
    steps[:, 0, 1], steps[:, 0, 2], steps[:, 1, 2] = rng.standard_normal((3, 530))
    found = finite_time_exponents(steps, 20, transient=130)
    # triangular: once the frame has turned, each growth is that of the diagonal
    wanted = logs[130:].reshape(20, 20, 3).mean(axis=1)
    np.testing.assert_allclose(found.values, wanted, atol=1e-8)
    assert np.abs(found.values - 1.001 * wanted).max() > 1e-5
    np.testing.assert_allclose(found.spread, wanted.std(axis=0, ddof=1), atol=1e-8)
    # steps are independent, so that 20 times the variance is that of a step
    np.testing.assert_allclose(found.diffusion, 0.09, rtol=0.6)
    np.testing.assert_allclose(found.quantiles(0.5)[0], np.sort(wanted[:, 0])[9], atol=1e-8)
    assert found.quantiles([0, 1]).shape == (2, 3)


def test_the_mean_over_windows_is_the_spectrum():
    run = driven()
    found = run.finite_time_exponents(27, transient=60)
    whole = run.until(600).lyapunov(transient=60)
    np.testing.assert_allclose(found.exponents, whole.exponents, atol=1e-8)
    assert found.values.shape == (20, 16)
    few = run.finite_time_exponents(27, transient=60, leading=2)
    np.testing.assert_allclose(few.values, found.values[:, :2], atol=1e-7)


def test_a_batch_and_what_is_lost():
    batch = gf.run("scalar", {"w": [0.5]}, state=np.ones((2, 3, 1)), steps=10)
    found = batch.finite_time_exponents(3, transient=1)
    np.testing.assert_allclose(found.values, np.full((2, 3, 3, 1), math.log(0.5)), atol=1e-15)
    assert "the first of 6 trajectories" in repr(found)
    steps = np.array([np.diag([0.9, 0.5])] * 52)
    steps[45, 1, 1] = 0.0
    lost = finite_time_exponents(steps, 4, transient=40)
    np.testing.assert_allclose(lost.exponents[0], math.log(0.9), atol=1e-8)
    np.testing.assert_array_equal(np.isneginf(lost.values[:, 1]), [False, True, True])
    assert np.isnan(lost.spread[1])
    assert np.isneginf(lost.quantiles(0.3)[1])
    assert np.isnan(finite_time_exponents(steps, 12, transient=40).spread).all()
    with pytest.raises(UsageError, match="no window of 50 is left"):
        finite_time_exponents(steps, 50)
    with pytest.raises(UsageError, match=r"quantiles: shares is 1\.5"):
        lost.quantiles(1.5)


def test_a_drive_and_its_response_share_out_the_whole_spectrum():
    run = driven()
    drive, response = (run.conditional_exponents(p) for p in "dh")
    assert response.label == "h given d, the inputs"
    shared = np.concatenate([drive.exponents, response.exponents])
    np.testing.assert_allclose(-np.sort(-shared), run.lyapunov().exponents, atol=0.02)
    assert abs(shared.sum() - run.lyapunov().exponents.sum()) < 1e-9
    assert drive.exponents[0] > 0 > response.exponents[0]
    # the drive knows nothing of the response: its own network has these exponents
    d = gf.Cell(name="drive", state="d", maps="D", equations="d_next = tanh(D @ d)")
    own = gf.run(d, {"D": run.params["D"]}, state=run.states["d"][0], steps=600)
    np.testing.assert_allclose(own.lyapunov().exponents, drive.exponents, atol=1e-9)
    both = run.conditional_exponents(["d", "h"])
    np.testing.assert_allclose(both.exponents, run.lyapunov().exponents, atol=1e-9)


def test_copies_of_a_response_become_one_at_the_conditional_rate():
    run = driven(steps=60)
    p, h, logs = run.params, run.states["h"][0] + 1e-3, []
    for d, own in zip(run.states["d"][:-1], run.states["h"][1:], strict=True):
        h = 0.5 * h + 0.5 * np.tanh(p["W"] @ d + p["U"] @ h)
        logs.append(math.log(np.linalg.norm(h - own)))
    rate = (logs[39] - logs[9]) / 30
    found = run.until(40).conditional_exponents("h", transient=10, leading=1)
    # the distance also turns, by less than e over 30 steps
    assert rate == pytest.approx(found.exponents[0], abs=0.03)
    assert rate != pytest.approx(run.lyapunov(leading=1).exponents[0], abs=0.1)


def test_a_single_part_and_a_batch():
    batch = gf.run("rnn", {"U": [[0.5]], "W": [[1.0]], "b": [0.0]}, np.ones((2, 9, 1)))
    found = batch.conditional_exponents("h")
    assert found.label == "h given the inputs"
    np.testing.assert_allclose(found.exponents, batch.lyapunov().exponents, atol=1e-15)
    for wrong in ("x", [], ["h", "x"], 3):
        with pytest.raises(UsageError, match="conditional_exponents: of"):
            batch.conditional_exponents(wrong)


def test_the_layers_of_a_stack_drive_one_another():
    network = gf.stack("rnn", 2, hidden=5, inputs=2, rng=0)
    run = network.run(np.random.default_rng(0).standard_normal((400, 2)))
    lower, upper = (run.conditional_exponents(part, transient=40) for part in run.parts)
    whole = run.lyapunov(transient=40)
    shared = np.concatenate([lower.exponents, upper.exponents])
    np.testing.assert_allclose(-np.sort(-shared), whole.exponents, atol=0.02)
    windows = run.finite_time_exponents(90, transient=40)
    np.testing.assert_allclose(windows.exponents, whole.exponents, atol=1e-8)
    directions = run.covariant_vectors(leading=2)
    np.testing.assert_allclose(
        np.log(np.linalg.norm(run.jacobian(200) @ directions.vectors[199 - 100], axis=0)),
        directions.growth[199 - 100],
        atol=1e-9,
    )
