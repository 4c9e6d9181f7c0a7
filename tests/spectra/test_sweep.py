"""One sweep for all lags, held against thousands of bits; and where it hands over."""

import numpy as np
import pytest

from gradflow.spectra.numerics.triangles import graded_logs
from gradflow.spectra.products import singular_values as product_svd
from gradflow.spectra.products import sweep
from gradflow.spectra.products.singular_values import product_log_singular_values, singular_values
from oracles.precision import log_singular_values, lstm_jacobians, rnn_jacobians

LAGS = [1, 2, 9, 40, 150]
# what the sweep keeps to, as a part of the smallest log (of 1 if it is smaller), and is sure of
PROMISE = 1e-9
SURE = 3e-8


def swept(jacobians, lags):
    with np.errstate(over="ignore", invalid="ignore"):
        return list(sweep.swept(jacobians[::-1], lags))


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
            assert np.abs(log_sigma - exact).max() < PROMISE * max(1, -exact[-1])
            assert (np.abs(log_sigma - exact) <= error).all()
        assert 0 < error.min() <= error.max() <= SURE * max(1, -log_sigma[-1])


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 3, 4])
def test_500_steps_agree_with_thousands_of_bits(seed):
    for jacobians in (rnn_jacobians(24, 1.5, 500, seed), lstm_jacobians(10, 1.5, 500, seed)):
        [(log_sigma, error)] = swept(jacobians, [500])
        exact = log_singular_values(jacobians, bits=20_000)
        assert np.abs(log_sigma - exact).max() < PROMISE * -exact[-1]
        assert (np.abs(log_sigma - exact) <= error).all()
        assert error.max() <= SURE * -log_sigma[-1]


def test_windows_that_nobody_counts_are_wrong(monkeypatch):
    jacobians = rnn_jacobians(12, 1.2, 150, 0)
    exact = product_log_singular_values(jacobians)
    monkeypatch.setattr(sweep.Sweep, "allowed", lambda self, length, done, total: 32.0)
    [(wrong, error)] = swept(jacobians, [150])
    assert np.abs(wrong - exact).max() > 1e-7
    assert (np.abs(wrong - exact) <= error).all()


def test_badly_conditioned_steps_have_their_scales_taken_out(monkeypatch):
    jacobians = rnn_jacobians(10, 1.3, 60, 5)
    jacobians[20, 3] *= 1e-12  # a unit far in saturation, before the last 39 steps
    graded, careful = [], sweep.Sweep.graded

    def watched(self, y, left):
        graded.append(self.taken)
        return careful(self, y, left)

    monkeypatch.setattr(sweep.Sweep, "graded", watched)
    result = singular_values(jacobians, [60, 10, 39, 40, 0])
    assert graded
    assert len(graded) < 60
    for lag, log_sigma in zip(result.lag, result.log_sigma, strict=True):
        exact = log_singular_values(jacobians[60 - lag :]) if lag else np.zeros(10)
        assert np.abs(log_sigma - exact).max() < PROMISE * max(1, -exact[-1])


def test_singular_steps_are_not_swept_and_huge_ones_are():
    singular = rnn_jacobians(5, 1.0, 9, 6)
    singular[4, 2] = 0
    found = swept(singular, [4, 5, 9])
    assert found[0][1].max() < 1e-8
    for _, error in found[1:]:
        assert error[-1] > 1  # and so it is judged
    plain = swept(rnn_jacobians(5, 1.0, 9, 6), [9])[0][0]
    for power in (-900, 900):
        [(found, _)] = swept(np.ldexp(rnn_jacobians(5, 1.0, 9, 6), power), [9])
        np.testing.assert_allclose(found, plain + 9 * power * np.log(2), rtol=1e-13)
    with pytest.raises(ValueError, match="hold nan at index"):
        singular_values(np.where(np.arange(9)[:, None, None] == 3, np.nan, singular), [2])


def test_what_is_in_doubt_is_judged(monkeypatch):
    judged = []
    judge = product_svd.judged
    monkeypatch.setattr(
        product_svd,
        "judged",
        lambda f, counts, least: judged.append(counts) or judge(f, counts, least),
    )
    singular_values(rnn_jacobians(10, 1.3, 60, 5), [10, 60])
    assert judged == []
    singular_values(np.triu(np.random.default_rng(0).normal(size=(300, 6, 6))), [1, 150, 300])
    assert judged in ([[150, 300]], [[300]])


def test_the_jacobians_are_left_as_they_are():
    jacobians = rnn_jacobians(50, 1.5, 20, 9)
    before = jacobians.copy()
    singular_values(jacobians, [1, 2, 20])
    assert np.array_equal(jacobians, before)


@pytest.mark.parametrize("steepness", [0.0, 0.5, 3.0, 15.0, 40.0, 400.0])
@pytest.mark.parametrize("d", [1, 2, 9, 40])
def test_graded_rows_against_the_same_in_another_order(d, steepness):
    rng = np.random.default_rng(d)
    rows = rng.normal(size=(d, d)) + 2 * np.sqrt(d) * np.eye(d)
    exponent = np.rint(-steepness * rng.permutation(np.arange(d))).astype(np.int64)
    found, condition = graded_logs(exponent, rows)
    # rows permuted, columns turned: another triangle of the same singular values
    order, turn = rng.permutation(d), np.linalg.qr(rng.normal(size=(d, d)))[0]
    again, _ = graded_logs(exponent[order], rows[order] @ turn)
    # logs of size 11000 end in 2e-12
    np.testing.assert_allclose(found, again, atol=1e-11, rtol=1e-14)
    volume = exponent.sum() * np.log(2) + np.linalg.slogdet(rows)[1]
    np.testing.assert_allclose(found.sum(), volume, atol=1e-10, rtol=1e-13)
    true = np.linalg.cond(rows / np.linalg.norm(rows, axis=1, keepdims=True), 1)
    assert true / 30 < condition < 30 * true


def test_graded_rows_against_thousands_of_bits():
    rng = np.random.default_rng(3)
    rows, exponent = rng.normal(size=(6, 6)), np.array([0, -19, -25, -300, -310, -900])
    found, _ = graded_logs(exponent, rows)
    exact = log_singular_values(np.array([rows, np.diag(2.0**exponent)]), bits=6000)
    assert np.abs(found - exact).max() < 1e-11
    assert np.abs(graded_logs(exponent, 1.0001 * rows)[0] - exact).max() > 1e-5
