"""Every singular value of a long product, held against thousands of bits."""

from functools import cache, reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gradflow.spectra.products import singular_values as product_svd
from gradflow.spectra.products.singular_values import product_log_singular_values, singular_values
from oracles.precision import (
    integer_log_singular_values,
    log_singular_values,
    lstm_jacobian,
    lstm_jacobians,
    lstm_step,
    mpmath_log_singular_values,
    rnn_jacobian,
    rnn_jacobians,
    rnn_step,
)

# What the package promises for a chaotic RNN or LSTM over 500 steps.
PROMISE = 1e-8
# What it keeps: T d eps is 2e-12 for these trajectories, times condition numbers of Y_t up to 100.
KEPT = 2e-10


@cache
def rnn():
    jacobians = rnn_jacobians(n=16, gain=3.0, steps=500, seed=0)
    return jacobians, log_singular_values(jacobians, bits=20_000)


@cache
def lstm():
    jacobians = lstm_jacobians(n=8, gain=2.0, steps=500, seed=1)
    return jacobians, log_singular_values(jacobians, bits=14_000)


def formed(jacobians):
    """The naive way: multiply and decompose."""
    product = reduce(lambda left, right: right @ left, jacobians)
    with np.errstate(divide="ignore"):
        return np.log(np.linalg.svd(product, compute_uv=False))


@pytest.mark.parametrize("case", [rnn, lstm])
def test_500_steps_agree_with_thousands_of_bits(case):
    jacobians, exact = case()
    error = np.abs(product_log_singular_values(jacobians) - exact).max()
    assert error < KEPT < PROMISE
    assert np.abs(formed(jacobians) - exact).max() > 1000
    assert exact[0] - exact[-1] > 2000


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 6))
def test_500_steps_of_other_trajectories(seed):
    for jacobians in (rnn_jacobians(16, 3.0, 500, seed), lstm_jacobians(8, 2.0, 500, seed)):
        exact = log_singular_values(jacobians, bits=20_000)
        assert np.abs(product_log_singular_values(jacobians) - exact).max() < PROMISE


def test_the_balls_agree_with_another_library():
    jacobians = rnn_jacobians(4, 3.0, 30, seed=7)
    balls = log_singular_values(jacobians)
    # 300 digits hold the square of any of these singular values; logs of size 200 end in 3e-14
    np.testing.assert_allclose(balls, mpmath_log_singular_values(jacobians, 300), atol=1e-12)
    integers = np.random.default_rng(8).integers(-5, 6, (6, 4, 4))
    np.testing.assert_allclose(
        integer_log_singular_values(integers), log_singular_values(integers), atol=1e-12
    )


@pytest.mark.parametrize("plant", ["a thousandth", "reversed", "one transposed"])
def test_the_balls_see_a_planted_error(plant):
    jacobians = rnn_jacobians(4, 3.0, 30, seed=7)
    wrong = jacobians.copy()
    if plant == "a thousandth":
        wrong[11, 2] *= 1.001
    elif plant == "reversed":
        wrong = wrong[::-1]
    else:
        wrong[11] = wrong[11].T
    # a row 0.1 % off moves the sum of the logs by log(1.001), so one of four by a quarter of it
    for oracle in (log_singular_values, lambda j: mpmath_log_singular_values(j, 300)):
        assert np.abs(oracle(wrong) - product_log_singular_values(jacobians)).max() > 2e-4


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_the_trial_jacobians_are_derivatives(cell):
    rng = np.random.default_rng(3)
    weights, drives, state = rng.normal(size=(4, 3, 3)), rng.normal(size=(4, 3)), rng.normal(size=6)
    if cell == "rnn":
        weights, drives, state = weights[0], drives[0], state[:3]
    step, jacobian = {
        "rnn": (rnn_step, rnn_jacobian),
        "lstm": (lstm_step, lstm_jacobian),
    }[cell]
    tiny = 1e-100
    columns = [
        step(weights, drives, state + 1j * tiny * axis).imag / tiny for axis in np.eye(len(state))
    ]
    # the complex step is exact to rounding
    np.testing.assert_allclose(
        jacobian(weights, drives, state), np.array(columns).T, atol=1e-14, rtol=0
    )


def skewed_and_constant(seed):
    """100 times one matrix with rows and columns of sizes e^-6 to e^6."""
    rng = np.random.default_rng(seed)
    rows, matrix, columns = rng.normal(size=4), rng.normal(size=(4, 4)), rng.normal(size=4)
    return np.array([np.exp(rows)[:, None] * matrix * np.exp(3 * columns)] * 100)


def off_from_exact(jacobians):
    """The largest error of a log; inf where the package refuses to answer."""
    exact = log_singular_values(jacobians)
    try:
        return np.abs(product_log_singular_values(jacobians) - exact).max()
    except ValueError:
        return np.inf


@pytest.mark.parametrize("seed", [2, 120, 169])
def test_a_sweep_that_came_out_badly_conditioned_is_repeated(monkeypatch, seed):
    jacobians = skewed_and_constant(seed)
    assert off_from_exact(jacobians) < 1e-11  # logs of size 500, 100 steps
    monkeypatch.setattr(product_svd, "_SWEEPS", 1)
    # one sweep leaves U with condition numbers of 1e12 and more, which costs all but four digits
    assert off_from_exact(jacobians) > 1e-9


def integer_matrices(size=4, steps=5, largest=2):
    return st.integers(1, size).flatmap(
        lambda d: st.integers(1, steps).flatmap(
            lambda t: arrays(np.int64, (t, d, d), elements=st.integers(-largest, largest))
        )
    )


@given(integer_matrices())
@settings(max_examples=150)
def test_exact_zeros_of_integer_products_are_found(jacobians):
    exact = integer_log_singular_values(jacobians)
    found = product_log_singular_values(jacobians)
    assert np.array_equal(found == -np.inf, exact == -np.inf)
    finite = np.isfinite(exact)
    # integers up to 2 of size 4 have condition numbers of some thousand, five of them in a row
    np.testing.assert_allclose(found[finite], exact[finite], atol=1e-9, rtol=0)


def test_rank_deficient_factors_over_fifty_steps():
    rng = np.random.default_rng(0)
    low = rng.integers(-3, 4, (6, 3)) @ rng.integers(-3, 4, (3, 6))
    jacobians = np.array([low, rng.integers(-3, 4, (6, 6))] * 25)
    exact = integer_log_singular_values(jacobians)
    found = product_log_singular_values(jacobians)
    assert (found[3:] == -np.inf).all()
    assert (exact[3:] == -np.inf).all()
    np.testing.assert_allclose(found[:3], exact[:3], atol=1e-10, rtol=0)  # 50 d eps cond


def test_idle_units_and_missing_weights():
    jacobians = lstm_jacobians(4, 1.5, 60, seed=5)
    idle = jacobians.copy()
    idle[20, 1] = 0  # a ReLU unit at rest: an exactly zero row
    assert np.isfinite(product_log_singular_values(idle)).sum() == 7
    forgotten = jacobians.copy()
    forgotten[:, :, :4] = 0  # no recurrent weights: exactly zero columns
    found = product_log_singular_values(forgotten)
    assert (found[4:] == -np.inf).all()
    # P = [0, a; 0, f] with a, f diagonal: unit i has sigma^2 = a_i^2 + f_i^2, times earlier f's
    forget = np.diagonal(forgotten[:, 4:, 4:], axis1=1, axis2=2)
    output = np.diagonal(forgotten[-1, :4, 4:])
    exact = np.log(np.abs(forget[:-1])).sum(axis=0) + np.log(np.hypot(forget[-1], output))
    np.testing.assert_allclose(found[:4], np.sort(exact)[::-1], atol=1e-12)  # 60 logs of size 1


@pytest.mark.parametrize(
    ("matrix", "steps", "expected"),
    [
        ([[2.0, -2.0], [2.0, -2.0]], 1, [np.log(4), -np.inf]),  # radius 0, and yet it explodes
        ([[2.0, -2.0], [2.0, -2.0]], 2, [-np.inf, -np.inf]),
        ([[0.0, 1.0], [0.0, 0.0]], 1, [0.0, -np.inf]),
        (np.zeros((3, 3)), 4, [-np.inf] * 3),
        ([[-0.5]], 700, [-700 * np.log(2)]),
        ([[0.0]], 3, [-np.inf]),
        (
            np.diag([1e200, 1e-200, 0.5]),
            9,
            [1800 * np.log(10), 9 * np.log(0.5), -1800 * np.log(10)],
        ),
        ([[1.0, 1e-200], [1e200, 3.0]], 1, [200 * np.log(10), np.log(2) - 200 * np.log(10)]),
    ],
)
def test_small_matrices_by_hand(matrix, steps, expected):
    found = product_log_singular_values(np.array([matrix] * steps))
    # logs of size 4000 are good to 1e-12
    np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-12)


def test_no_step_and_one_step():
    assert product_log_singular_values(np.empty((0, 3, 3))).tolist() == [0, 0, 0]
    one = np.random.default_rng(1).normal(size=(1, 7, 7))
    np.testing.assert_allclose(product_log_singular_values(one), formed(one), atol=1e-13)


def test_orthogonal_steps_change_nothing():
    rng = np.random.default_rng(2)
    turns = np.array([np.linalg.qr(rng.normal(size=(9, 9)))[0] for _ in range(300)])
    # 300 matrices that are themselves orthogonal to 1e-15
    assert np.abs(product_log_singular_values(turns)).max() < 1e-12


def test_powers_of_two_only_shift_the_logs():
    jacobians, _ = lstm()
    once = product_log_singular_values(jacobians)
    for power in (-664, 664):  # entries near 1e-200 and 1e200
        grown = product_log_singular_values(np.ldexp(jacobians, power))
        # logs of size 230000 are good to 3e-11
        np.testing.assert_allclose(grown, once + 500 * power * np.log(2), atol=1e-10, rtol=0)


def test_units_of_measurement_may_differ_by_1e100():
    rng = np.random.default_rng(4)
    jacobians = rng.normal(size=(20, 5, 5))
    for t in range(20):
        jacobians[t] *= 10.0 ** rng.uniform(-50, 50, (5, 1))
        jacobians[t] *= 10.0 ** rng.uniform(-50, 50, (1, 5))
    exact = log_singular_values(jacobians, bits=16_000)
    # rows and columns are scaled by powers of two, so the error is that of well scaled matrices
    assert np.abs(product_log_singular_values(jacobians) - exact).max() < KEPT


def test_what_float64_cannot_resolve_is_refused():
    rng = np.random.default_rng(5)
    wild = 10.0 ** rng.uniform(-30, 30, (40, 5, 5)) * rng.normal(size=(40, 5, 5))
    with pytest.raises(ValueError, match="too many powers of ten apart"):
        product_log_singular_values(wild)


def test_transposed_and_reversed_is_the_transposed_product():
    jacobians, _ = rnn()
    mirrored = jacobians[::-1].swapaxes(1, 2)
    np.testing.assert_allclose(
        product_log_singular_values(mirrored), product_log_singular_values(jacobians), atol=2 * KEPT
    )


def test_volume_is_the_product_of_the_volumes():
    jacobians, _ = rnn()
    volume = np.linalg.slogdet(jacobians)[1].sum()
    # 500 determinants of size e^-40, each good to a few eps times the condition number of its rows
    assert abs(product_log_singular_values(jacobians).sum() - volume) < 1e-9


def test_several_lags():
    jacobians = rnn_jacobians(5, 2.0, 50, seed=3)
    result = singular_values(jacobians)
    assert result.lag[0] == 1
    assert result.lag[-1] == 50
    assert (np.diff(result.lag) > 0).all()
    assert result.log_sigma.shape == (len(result.lag), 5)
    assert (np.diff(result.log_sigma, axis=1) <= 0).all()
    for lag, log_sigma in zip(result.lag, result.log_sigma, strict=True):
        exact = log_singular_values(jacobians[50 - lag :])
        np.testing.assert_allclose(log_sigma, exact, atol=KEPT, rtol=0)
    chosen = singular_values(jacobians, lags=[50, 0, 7])
    assert chosen.lag.tolist() == [50, 0, 7]
    assert chosen.log_sigma[1].tolist() == [0] * 5
    assert singular_values(jacobians, lags=[]).log_sigma.shape == (0, 5)
    assert singular_values(np.empty((0, 2, 2))).lag.tolist() == [0]
    assert singular_values(jacobians[:1]).lag.tolist() == [1]


def test_the_two_ends_tell_how_far_to_trust_them():
    # Far into saturation: condition numbers up to 1e15 a step, and a spread of e^3000.
    jacobians = lstm_jacobians(8, 20.0, 100, seed=0, forget_bias=5.0)
    result = singular_values(jacobians, lags=[100])
    exact = log_singular_values(jacobians, bits=16_000)
    off = np.abs(result.log_sigma[0] - exact)
    assert off.max() < 1e-4
    # two sweeps of about the same error may agree by luck in one value, not in all
    assert result.error.max() > 0.01 * off.max()


def test_a_rank_only_one_end_has_lost_is_reported():
    # Condition number 6e12 with rows and columns scaled, at the edge of what counts as singular.
    rng = np.random.default_rng(0)
    left, right = (np.linalg.qr(rng.normal(size=(4, 4)))[0] for _ in range(2))
    for ratio in np.geomspace(1e-15, 1e-11, 60):
        jacobians = np.array([left @ np.diag([1, 0.9, 0.8, ratio]) @ right] * 2)
        result = singular_values(jacobians, lags=[2])
        lost = result.log_sigma[0] == -np.inf
        assert not np.isnan(result.error).any()
        assert (np.isfinite(result.error[0]) | lost).all()
        assert not lost[:3].any()
        assert lost[3] == (ratio < 1e-13) or 1e-14 < ratio < 1e-12


@pytest.mark.parametrize("lags", [[51], [-1], [2.5]])
def test_a_lag_outside_the_trajectory_is_refused(lags):
    with pytest.raises(ValueError, match="whole number from 0 to 50"):
        singular_values(rnn_jacobians(3, 1.0, 50, seed=3), lags)


@pytest.mark.parametrize(
    ("jacobians", "sentence"),
    [
        (np.ones((2, 2)), r"shape \(2, 2\), and \(T, d, d\) with d >= 1 is allowed"),
        (np.full((1, 2, 2), np.inf), r"hold inf at index \(0, 0, 0\)"),
        ([[["a"]]], "real numbers are allowed"),
    ],
)
def test_bad_input_is_one_sentence(jacobians, sentence):
    with pytest.raises(ValueError, match=sentence):
        product_log_singular_values(jacobians)
