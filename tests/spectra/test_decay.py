"""Decay against lag: against long arithmetic, per part and unit, horizon, half-life, paths."""

import math

import numpy as np
import pytest

import gradflow as gf
from gradflow.errors import UsageError
from gradflow.spectra import Decay, cross_entropy, squared_error
from oracles.runs import random_run


def curve(log_norm, label):
    return Decay(lag=np.arange(len(log_norm)), log_norm=log_norm, quantity="q", label=label)


@pytest.mark.parametrize("name", gf.cells.LIBRARY)
def test_gradient_is_the_row_times_the_product(name):
    run, rng = random_run(name, 9)
    row = rng.standard_normal(run.width)
    decay = run.gradient_decay(row)
    product = np.eye(run.width)
    for lag in range(10):
        if lag:
            product = product @ run.jacobian(10 - lag)
        gradient = row @ product
        # Nine products of modest matrices: rounding stays within a few hundred ulp.
        assert math.exp(decay.log_norm[lag]) == pytest.approx(np.linalg.norm(gradient), rel=1e-12)
        np.testing.assert_allclose(
            np.exp(decay.by_unit[lag]), np.abs(gradient), rtol=1e-9, atol=1e-14
        )
        for part, block in run.parts.items():
            norm = np.linalg.norm(gradient[block])
            assert math.exp(decay.by_part[part][lag]) == pytest.approx(norm, rel=1e-9, abs=1e-14)
        spectral = math.exp(run.decay().log_norm[lag])
        assert spectral == pytest.approx(np.linalg.norm(product, 2), rel=1e-12)


def test_paths_add_up_to_the_gradient_and_the_carousel_is_the_product_of_forget_gates():
    run, rng = random_run("lstm", 11)
    row = rng.standard_normal(run.width)
    paths = run.paths(row)
    code = run.code
    states, inputs = run.flat_states[:-1], dict(run.inputs)
    split = code.path_jacobians(run.params, states, inputs, np.arange(1, 12))
    np.testing.assert_allclose(sum(split.values()), run.jacobians(), rtol=1e-12, atol=1e-15)
    assert set(paths.log_norm) == {"carousel", "c to h", "i", "f", "o", "g"}
    arriving = row
    carousel = None
    sigmoid = lambda a: 1 / (1 + np.exp(-a))  # noqa: E731
    for lag in range(1, 12):
        k = 11 - lag
        for label, matrices in split.items():
            norm = np.linalg.norm(arriving @ matrices[k])
            assert math.exp(paths.log_norm[label][lag - 1]) == pytest.approx(norm, rel=1e-10)
        p, h, x = run.params, run.states["h"][k], run.inputs["x"][k]
        forget = sigmoid(p["W_f"] @ x + p["U_f"] @ h + p["b_f"])
        if carousel is None:
            carousel = (row @ run.jacobian(k + 1))[run.parts["c"]]
            whole = np.linalg.norm(row @ run.jacobian(k + 1))
            assert math.exp(paths.carousel_only[0]) == pytest.approx(whole, rel=1e-12)
        else:
            carousel = carousel * forget
            expected = np.linalg.norm(carousel)
            assert math.exp(paths.carousel_only[lag - 1]) == pytest.approx(expected, rel=1e-10)
        arriving = arriving @ run.jacobian(k + 1)
    shares = np.sum(list(paths.share().values()), axis=0)
    np.testing.assert_allclose(shares, 1.0, rtol=1e-12)


def test_a_known_decay_has_its_horizon_rate_and_half_life():
    lag = np.arange(101)
    decay = curve(lag * math.log(0.9), "0.9^lag")
    assert decay.rate() == pytest.approx(math.log(0.9), rel=1e-12)
    assert decay.half_life() == pytest.approx(math.log(2) / -math.log(0.9), rel=1e-12)
    # 0.9^43 = 0.0108 and 0.9^44 = 0.0097
    assert decay.horizon(0.01) == 44
    assert decay.horizon(1e-9) is None
    assert decay.zero_lag() is None
    with pytest.raises(UsageError, match="lies between 0 and 1"):
        decay.horizon(1.5)


def test_a_dip_is_not_the_horizon_and_growth_has_none():
    dip = curve(np.log([1, 1e-3, 1, 1e-3, 1e-4]), "dip")
    assert dip.horizon(0.01) == 3
    grows = curve(np.arange(5.0), "grows")
    assert grows.horizon(0.01) is None
    assert grows.half_life() == math.inf


def test_an_exact_zero_is_said_and_has_the_rate_of_minus_infinity():
    with np.errstate(divide="ignore"):
        decay = curve(np.log([8.0, 4.0, 2.0, 0.0, 0.0]), "dies")
    assert decay.zero_lag() == 3
    assert decay.horizon(0.01) == 3
    assert decay.half_life() == pytest.approx(1.0, rel=1e-12)
    assert decay.rate() == -math.inf
    assert "exactly zero from lag 3 on" in repr(decay.asymptote())


def test_a_gradient_that_is_exactly_zero_is_no_perfect_memory():
    nothing = gf.Cell(name="nothing", state="y", equations="y_next = 0 * y")
    run = gf.run(nothing, {}, state=[1.0], steps=20)
    for decay in (run.decay(), run.gradient_decay([1.0])):
        assert (decay.rate(), decay.half_life(), decay.zero_lag()) == (-math.inf, 0.0, 1)
    # unit 0 is never active, and 1 and 2 keep what comes: the weights to them are 0 or 1
    params = gf.cells.irnn.init(hidden=3, inputs=1, rng=0, W=np.zeros((3, 1)), b=[-1, 0.5, 0.5])
    decay = gf.run("irnn", params, np.ones((20, 1))).gradient_decay(np.ones(3))
    assert decay.unit_half_lives().tolist() == [0, math.inf, math.inf]
    silent = gf.run("irnn", params, np.ones((20, 1))).gradient_decay(np.zeros(3))
    assert silent.unit_half_lives().tolist() == [0, 0, 0]
    assert (silent.rate(), silent.half_life(), silent.zero_lag()) == (-math.inf, 0.0, 0)


def test_the_half_life_is_read_off_the_curve_and_not_fitted():
    # under one half at lag 1, then hardly falling: the fitted half-life would be 69
    lag = np.arange(201.0)
    log_norm = -lag * math.log(2) / 69
    log_norm[1:] -= 1.0
    bend = curve(log_norm, "bend")
    assert bend.half_life() == pytest.approx(math.log(2) / (1 + math.log(2) / 69), rel=1e-12)
    assert bend.rate() == pytest.approx(-math.log(2) / 69, rel=1e-12)
    # at 0.6 at the last lag: no half-life within them, whatever the slope
    assert curve(lag * math.log(0.6) / 200, "slow").half_life() == math.inf
    # a dip does not count, as for the horizon
    assert 2 < curve(np.log([1, 0.1, 1, 0.1, 0.01]), "dip").half_life() < 3


def test_the_rate_is_refused_where_the_curve_is_no_line():
    lag = np.arange(1, 402)
    for bent in (-np.log(lag), -np.sqrt(lag), 1e-4 * lag**2, np.sin(lag / 30)):
        found = curve(bent, "bent").asymptote()
        assert found.rate is None
        assert (found.first, found.last) == (100, 400)
        assert "no line on lags 100 to 400" in found.reason
        assert found.reason in repr(found)
        assert found.reason in curve(bent, "bent")._repr_html_()
    # a transient of the first quarter is not fitted, and noise of a hundredth of the fall is a line
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, 401)
    log_norm = -0.1 * np.arange(401) + noise + 9 * np.exp(-np.arange(401) / 5)
    found = curve(log_norm, "line").asymptote()
    # slope of 301 lags with noise of 0.17: a standard deviation of 0.17 sqrt(12 / 301^3) = 1e-4
    assert found.rate == pytest.approx(-0.1, abs=5e-4)
    assert found.deviation < 0.35
    assert curve(np.zeros(2), "short").rate() is None


def test_a_unit_reached_late_is_judged_from_there_on():
    # the loss sees h alone, so that c has no gradient at lag 0
    cell = gf.Cell(name="late", state="h c", equations="h_next = c\nc_next = 0.5 * c")
    run = gf.run(cell, {}, state={"h": np.ones(1), "c": np.ones(1)}, steps=9)
    lives = run.gradient_decay({"h": [1.0]}).unit_half_lives()
    assert lives.tolist() == [0.0, 1.0]


def test_nothing_underflows_at_lag_100_000():
    lags = 100_000
    cell = gf.cells.scalar
    run = gf.run(cell, {"w": np.array([0.25])}, state=np.array([1.0]), steps=lags)
    expected = lags * math.log(0.25)
    assert 0.25**lags == 0.0
    # One addition of logs a step: the relative error is far below 1e-12.
    assert run.decay().log_norm[-1] == pytest.approx(expected, rel=1e-12)
    assert run.gradient_decay(np.array([1.0])).log_norm[-1] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error"])
def test_losses_have_their_gradients_by_central_difference(loss):
    rng = np.random.default_rng(3)
    readout, vector = rng.standard_normal((4, 6)), rng.standard_normal((2, 6))
    target = np.array([3, 0]) if loss == "cross_entropy" else rng.standard_normal((2, 4))
    function = {"cross_entropy": cross_entropy, "squared_error": squared_error}[loss]
    gradient = function(readout, vector, target).gradient
    direction = rng.standard_normal((2, 6))
    errors = []
    for step in (1e-2, 5e-3, 2.5e-3):
        up = function(readout, vector + step * direction, target).value
        down = function(readout, vector - step * direction, target).value
        errors.append(np.abs((up - down) / (2 * step) - (gradient * direction).sum(-1)).max())
    if loss == "squared_error":
        assert max(errors) < 1e-11  # a parabola: the central difference is exact but for rounding
    else:
        slope = np.log2(np.array(errors[:-1]) / errors[1:])
        np.testing.assert_allclose(slope, 2.0, atol=0.02)  # third derivatives dominate the error


def test_a_target_outside_the_symbols_is_refused():
    with pytest.raises(UsageError, match="from 0 to 3"):
        cross_entropy(np.eye(4), np.zeros(4), np.array(4))


def test_unit_half_lives_follow_each_unit():
    cell = gf.Cell(name="leaky", equations="h_next = a * h", state="h", vectors="a")
    run = gf.run(cell, {"a": np.array([0.5, 0.9])}, state=np.ones(2), steps=30)
    lives = run.gradient_decay(np.ones(2)).unit_half_lives()
    np.testing.assert_allclose(lives, [1.0, math.log(2) / -math.log(0.9)], rtol=1e-10)
    with pytest.raises(UsageError, match="matrix norm"):
        run.decay().unit_half_lives()
