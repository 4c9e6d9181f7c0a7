"""What truncated backpropagation leaves out, against the sum over every pair of steps."""

import math

import numpy as np
import pytest

import gradflow as gf
from gradflow.errors import UsageError
from oracles.runs import random_run

STEPS, WINDOWS = 11, [4, 1, 2, 5, 10, 11]


def naive(run, rows, window, sliding):
    """Missing and whole gradient, one pair (t, k) at a time by products of Jacobians."""
    missing = {name: np.zeros_like(value) for name, value in run.params.items()}
    whole = {name: np.zeros_like(value) for name, value in run.params.items()}
    for t in range(1, run.steps + 1):
        row = rows[t - 1]
        for k in range(t, 0, -1):
            kept = t - k < window if sliding else (t - 1) // window == (k - 1) // window
            for name, value in run.parameter_vjp(row, k).items():
                whole[name] += value
                if not kept:
                    missing[name] += value
            row = row @ run.jacobian(k)
    return missing, whole


def norm(arrays):
    return math.sqrt(sum((value**2).sum() for value in arrays.values()))


@pytest.mark.parametrize("sliding", [True, False])
@pytest.mark.parametrize("name", ["lstm", "gru", "clockwork"])
def test_the_missing_part_is_that_of_the_double_sum(name, sliding):
    run, rng = random_run(name, STEPS)
    rows = rng.standard_normal((STEPS, run.width))
    found = run.truncation(rows, WINDOWS, sliding=sliding)
    for i, window in enumerate(WINDOWS):
        missing, whole = naive(run, rows, window, sliding)
        # sums of 66 terms in two orders
        assert found.missing[i] == pytest.approx(norm(missing) / norm(whole), rel=1e-11)
        assert math.exp(found.log_whole) == pytest.approx(norm(whole), rel=1e-12)
        for parameter, logs in found.by_parameter.items():
            expected = np.linalg.norm(missing[parameter])
            told = math.exp(logs[i])
            assert told == pytest.approx(expected, rel=1e-10, abs=1e-15)
    assert found.missing[-1] == 0.0
    other = run.truncation(rows, WINDOWS, sliding=not sliding)
    assert np.abs(found.missing - other.missing).max() > 1e-3  # the test can tell the two apart


def test_chunks_leave_out_what_a_loss_at_their_start_would_need():
    """y' = w y, loss at step 3 alone: a chunk of 2 keeps k = 3 of k = 1, 2, 3, all equal terms."""
    run = gf.run("scalar", {"w": [0.5]}, state=[1.0], steps=3)
    rows = [[0.0], [0.0], [1.0]]
    np.testing.assert_allclose(run.truncation(rows, [1, 2, 3]).missing, [2 / 3, 1 / 3, 0])
    chunks = run.truncation(rows, [1, 2, 3], sliding=False).missing
    np.testing.assert_allclose(chunks, [2 / 3, 2 / 3, 0])


def test_a_share_far_below_floats_keeps_its_logarithm():
    """h' = h/9 + b: the term of lag l is 9^-l, so that a window w leaves out 9^-w of the whole."""
    cell = gf.Cell(name="falls", state="h", vectors="b", equations="h_next = h/9 + b")
    run = gf.run(cell, {"b": np.ones(1)}, steps=800)
    found = run.truncation([1.0], [1, 400, 700])
    rest = np.log1p(-(9.0 ** -np.array([799, 400, 100])))
    expected = -np.array([1, 400, 700]) * math.log(9) + rest
    np.testing.assert_allclose(found.log_missing, expected, rtol=1e-13)
    # the last chunk of 300 starts after step 600: lags from 200 on are missing
    chunk = run.truncation([1.0], [300], sliding=False).log_missing
    np.testing.assert_allclose(chunk, -200 * math.log(9), rtol=1e-13)


def test_a_batch_is_its_trajectories_and_bad_windows_are_refused():
    params = gf.cells.rnn.init(hidden=3, inputs=2, rng=0)
    x = np.random.default_rng(0).standard_normal((2, 9, 2))
    run = gf.run("rnn", params, x)
    rows = np.random.default_rng(1).standard_normal((2, 9, 3))
    for sliding in (True, False):
        found = run.truncation(rows, [2, 5], sliding=sliding)
        assert found.missing.shape == (2, 2)
        for i in range(2):
            alone = run.one(i).truncation(rows[i], [2, 5], sliding=sliding)
            # products of several rows at once round in another order
            np.testing.assert_allclose(found.missing[i], alone.missing, rtol=1e-13)
        kind = "sliding" if sliding else "in chunks"
        assert f"{kind}, missing {100 * found.missing[0, 0]:.3g} % at window 2" in repr(found)
    for windows in ([], [0], [10], [2.5], 3, ["a"]):
        with pytest.raises(UsageError, match="from 1 to 9"):
            run.truncation(rows, windows)
    with pytest.raises(UsageError, match="exactly zero"):
        run.truncation(np.zeros(3), [2])
