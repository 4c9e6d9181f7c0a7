"""One sweep for all lags, held against thousands of bits; and where it hands over."""

import numpy as np
import pytest

from gradflow.spectra.products import shared_sweep
from gradflow.spectra.products import singular_values as product_svd
from gradflow.spectra.products.shared_sweep import graded_triangle_logs
from gradflow.spectra.products.singular_values import product_log_singular_values, singular_values
from oracles.precision import log_singular_values, lstm_jacobians, rnn_jacobians

LAGS = [1, 2, 9, 40, 150]
# what the sweep promises; where it cannot keep it, it says nothing
PROMISE = 1e-9


def swept(jacobians, lags):
    return list(shared_sweep.shared_sweep(jacobians, lags))


@pytest.mark.parametrize(
    "jacobians",
    [
        rnn_jacobians(12, 1.2, 150, 0),
        lstm_jacobians(6, 1.5, 150, 2),
        pytest.param(rnn_jacobians(50, 1.2, 150, 1), marks=pytest.mark.slow),
        pytest.param(lstm_jacobians(25, 1.0, 150, 3, forget_bias=3.0), marks=pytest.mark.slow),
    ],
    ids=["rnn", "lstm", "wide rnn", "wide lstm"],
)
def test_all_lags_of_one_sweep_agree_with_thousands_of_bits(jacobians):
    found = swept(jacobians, LAGS)
    assert len(found) == len(LAGS)
    few = LAGS if jacobians.shape[1] < 20 else LAGS[::2]
    for lag, (log_sigma, error) in zip(LAGS, found, strict=True):
        if lag in few:
            exact = log_singular_values(jacobians[len(jacobians) - lag :], bits=6000)
            assert np.abs(log_sigma - exact).max() < PROMISE
        assert 0 < error <= PROMISE


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 3, 4])
def test_500_steps_agree_with_thousands_of_bits(seed):
    for jacobians in (rnn_jacobians(24, 1.5, 500, seed), lstm_jacobians(10, 1.5, 500, seed)):
        [(log_sigma, error)] = swept(jacobians, [500])
        exact = log_singular_values(jacobians, bits=20_000)
        assert np.abs(log_sigma - exact).max() < PROMISE
        assert error <= PROMISE


def test_windows_that_nobody_counts_are_wrong(monkeypatch):
    jacobians = rnn_jacobians(12, 1.2, 150, 0)
    exact = product_log_singular_values(jacobians)
    monkeypatch.setattr(shared_sweep, "_WINDOWS_ERROR", 1e6)
    monkeypatch.setattr(shared_sweep, "_MOST_ERROR", 1e9)
    [(wrong, _)] = swept(jacobians, [150])
    assert np.abs(wrong - exact).max() > 1e-7


def test_badly_conditioned_steps_are_left_to_the_careful_sweep(monkeypatch):
    jacobians = rnn_jacobians(10, 1.3, 60, 5)
    jacobians[20, 3] *= 1e-12  # a unit far in saturation, before the last 39 steps
    assert len(swept(jacobians, [10, 39, 40, 60])) == 2
    careful = []

    def watched(steps):
        careful.append(len(steps))
        return from_both_ends(steps)

    from_both_ends = product_svd._from_both_ends
    monkeypatch.setattr(product_svd, "_from_both_ends", watched)
    result = singular_values(jacobians, [60, 10, 39, 40, 0])
    assert careful == [60, 40, 0]
    for lag, log_sigma in zip(result.lag, result.log_sigma, strict=True):
        exact = log_singular_values(jacobians[60 - lag :]) if lag else np.zeros(10)
        assert np.abs(log_sigma - exact).max() < PROMISE


def test_singular_and_huge_steps_are_not_swept():
    singular = rnn_jacobians(5, 1.0, 9, 6)
    singular[4, 2] = 0
    assert swept(singular, [5, 9]) == []
    assert len(swept(singular, [4, 9])) == 1
    for power in (-900, 900):
        assert swept(np.ldexp(rnn_jacobians(5, 1.0, 9, 6), power), [9]) == []
    with pytest.raises(ValueError, match="hold nan at index"):
        singular_values(np.where(np.arange(9)[:, None, None] == 3, np.nan, singular), [2])


def test_the_jacobians_are_left_as_they_are():
    jacobians = rnn_jacobians(50, 1.5, 20, 9)
    before = jacobians.copy()
    singular_values(jacobians, [1, 2, 20])
    assert np.array_equal(jacobians, before)


@pytest.mark.parametrize("steepness", [0.0, 0.5, 3.0, 15.0, 40.0, 400.0])
@pytest.mark.parametrize("d", [1, 2, 9, 90])
def test_graded_rows_against_their_own_jacobi(d, steepness):
    rng = np.random.default_rng(d)
    rows = rng.normal(size=(d, d)) + 2 * np.sqrt(d) * np.eye(d)
    exponent = np.rint(-steepness * rng.permutation(np.arange(d))).astype(np.int64)
    found, condition = graded_triangle_logs(exponent, rows)
    exact = product_svd.graded_log_singular_values(exponent, rows, "here")
    # logs of size 25000 end in 4e-12
    np.testing.assert_allclose(found, np.sort(exact)[::-1], atol=1e-11, rtol=1e-14)
    true = np.linalg.cond(rows / np.linalg.norm(rows, axis=1, keepdims=True), 1)
    assert true / 30 < condition < 30 * true


def test_graded_rows_against_thousands_of_bits():
    rng = np.random.default_rng(3)
    rows, exponent = rng.normal(size=(6, 6)), np.array([0, -19, -25, -300, -310, -900])
    found, _ = graded_triangle_logs(exponent, rows)
    exact = log_singular_values(np.array([rows, np.diag(2.0**exponent)]), bits=6000)
    assert np.abs(found - exact).max() < 1e-11
    assert np.abs(graded_triangle_logs(exponent, 1.0001 * rows)[0] - exact).max() > 1e-5
