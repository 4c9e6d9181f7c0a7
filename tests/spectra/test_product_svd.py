"""Every singular value of a long product, held against thousands of bits."""

from functools import cache, reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gradflow.errors import PrecisionError
from gradflow.spectra.products import singular_values as product_svd
from gradflow.spectra.products import sweep
from gradflow.spectra.products.singular_values import product_log_singular_values, singular_values
from oracles.hostile import (
    KINDS,
    SINGULAR,
    exact_log_singular_values,
    hostile,
    larger_log_singular_values,
    wrong_by_more,
)
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
# What it keeps: the sweep aims at 2e-11 of what the logs spread over, some 2000 nats.
KEPT = 5e-9


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
def test_one_matrix_of_skewed_rows_and_columns_again_and_again(seed):
    jacobians = skewed_and_constant(seed)
    assert off_from_exact(jacobians) < KEPT


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


def test_what_float64_cannot_resolve_is_judged():
    rng = np.random.default_rng(5)
    wild = 10.0 ** rng.uniform(-30, 30, (40, 5, 5)) * rng.normal(size=(40, 5, 5))
    found = product_log_singular_values(wild)
    np.testing.assert_allclose(found, exact_log_singular_values(wild), atol=1e-11)


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


def test_the_error_tells_how_far_to_trust_them():
    # Far into saturation: condition numbers up to 1e15 a step, and a spread of e^3000.
    jacobians = lstm_jacobians(8, 20.0, 100, seed=0, forget_bias=5.0)
    result = singular_values(jacobians, lags=[100])
    exact = log_singular_values(jacobians, bits=16_000)
    off = np.abs(result.log_sigma[0] - exact)
    assert off.max() < 1e-4
    assert (off <= result.error[0] + 1e-12).all()


def test_nearly_dependent_columns_are_not_taken_for_a_lost_rank():
    # Condition numbers up to 1e15 with rows and columns scaled: singular to rounding, not in truth.
    rng = np.random.default_rng(0)
    left, right = (np.linalg.qr(rng.normal(size=(4, 4)))[0] for _ in range(2))
    for ratio in np.geomspace(1e-15, 1e-11, 20):
        jacobians = np.array([left @ np.diag([1, 0.9, 0.8, ratio]) @ right] * 2)
        result = singular_values(jacobians, lags=[2])
        exact = exact_log_singular_values(jacobians)
        assert np.isfinite(exact).all()
        assert wrong_by_more(result.log_sigma[0], result.error[0], exact) == 0


@pytest.mark.parametrize("lags", [[51], [-1], [2.5]])
def test_a_lag_outside_the_trajectory_is_refused(lags):
    with pytest.raises(ValueError, match="whole number from 0 to 50"):
        singular_values(rnn_jacobians(3, 1.0, 50, seed=3), lags)


@pytest.mark.parametrize(
    ("jacobians", "sentence"),
    [
        (np.ones((2, 2)), r"shape \(2, 2\), and \(\.\.\., T, d, d\) with d >= 1 is allowed"),
        (np.full((1, 2, 2), np.inf), r"hold inf at index \(0, 0, 0\)"),
        ([[["a"]]], "real numbers are allowed"),
    ],
)
def test_bad_input_is_one_sentence(jacobians, sentence):
    with pytest.raises(ValueError, match=sentence):
        product_log_singular_values(jacobians)


def triangular(d, steps, seed):
    return np.triu(np.random.default_rng(seed).standard_normal((steps, d, d)))


def turned_around():
    """Growth that turns round halfway, coupled throughout: the smallest case that was wrong."""
    steps = np.arange(40)
    sign = np.where(steps < 20, 1.0, -1.0)
    jacobians = np.zeros((40, 2, 2))
    jacobians[:, 0, 0], jacobians[:, 1, 1], jacobians[:, 0, 1] = np.exp(sign), np.exp(-sign), 1.0
    return jacobians


def test_growth_that_turns_round_by_hand():
    found = singular_values(turned_around(), [40])
    # said +-1.88591946 with an error of 5e-11
    np.testing.assert_allclose(found.log_sigma[0], [0.41356845, -0.41356845], atol=1e-8)
    assert found.error.max() < 1e-8


@pytest.mark.parametrize(
    "jacobians",
    [
        turned_around(),
        triangular(4, 500, 3),
        triangular(2, 500, 23),
        triangular(6, 200, 0),
        hostile("masked tanh", 3, 200, np.random.default_rng(0)),
        hostile("two gated layers", 8, 100, np.random.default_rng(0)),
        hostile("nearly parallel", 6, 60, np.random.default_rng(0)),
        hostile("Jordan", 8, 100, np.random.default_rng(0)),
        hostile("nilpotent", 6, 100, np.random.default_rng(0)),
        np.array([[[1.0, 1.0], [1.0, 1.0 + 2e-16]]] * 3),
    ],
    ids=[f"case {k}" for k in range(10)],
)
def test_the_cases_that_were_wrong_against_exact_products(jacobians):
    lags = [1, len(jacobians) // 2, len(jacobians)]
    found = singular_values(jacobians, lags)
    for lag, log_sigma, error in zip(lags, found.log_sigma, found.error, strict=True):
        exact = exact_log_singular_values(jacobians[len(jacobians) - lag :])
        assert wrong_by_more(log_sigma, error, exact) == 0
        assert (error <= 1e-7 * np.maximum(1, np.abs(exact))).all()


@pytest.mark.parametrize("d", [8, 12, 24, 32])
@pytest.mark.parametrize("steps", [5, 20])
def test_a_diagonal_that_belies_its_condition(d, steps):
    """Short triangular products: by R's diagonal off by 3.5 nats, and thought good to 1e-7."""
    for seed in range(3):
        jacobians = triangular(d, steps, seed)
        found = singular_values(jacobians, [steps])
        exact = log_singular_values(jacobians)
        assert wrong_by_more(found.log_sigma[0], found.error[0], exact) == 0


def estimates(jacobians):
    """Log sigma and error of the sweep alone, nothing judged."""
    return next(sweep.swept(jacobians[::-1], [len(jacobians)]))


@pytest.mark.parametrize("kind", ["triangular", "Jordan", "block triangular", "nearly parallel"])
def test_the_sweep_itself_knows_what_it_does_not_know(monkeypatch, kind):
    rng, caught = np.random.default_rng(7), 0
    for d, steps in [(2, 60), (4, 40), (6, 40), (8, 30), (6, 40), (8, 30)]:
        jacobians = hostile(kind, d, steps, rng)
        logs, error = estimates(jacobians)
        exact = log_singular_values(jacobians, bits=4000)
        assert wrong_by_more(logs, error, exact) == 0
        alive = np.isfinite(exact)
        caught += (np.abs(logs - exact)[alive] > error[alive] / 1e4 + 1e-12).any()
        # reversals of growth must be seen on the diagonals and past them
        monkeypatch.setattr(sweep, "passed_back", lambda blocks, costs, samples: 0.0)
        monkeypatch.setattr(sweep, "reversals", lambda history, costs, total: costs.sum(axis=0))
        blind = estimates(jacobians)[1]
        monkeypatch.undo()
        assert (blind <= error).all()
    assert caught or kind != "triangular"


def uncovered(monkeypatch, kind, sizes, steps, name, instead):
    """How many sweeps are wrong beyond their error: as they are, and with one part replaced."""
    counts = [0, 0]
    for d in sizes:
        jacobians = hostile(kind, d, steps, np.random.default_rng(d))
        exact = log_singular_values(jacobians, bits=6000)
        counts[0] += wrong_by_more(*estimates(jacobians), exact) > 0
        with monkeypatch.context() as patch:
            patch.setattr(sweep, name, instead)
            counts[1] += wrong_by_more(*estimates(jacobians), exact) > 0
    return counts


def test_growth_off_the_diagonals_is_counted(monkeypatch):
    blind = lambda blocks, costs, samples: 0.0  # noqa: E731
    sizes = [4, 5, 6, 7, 8]
    seen, unseen = uncovered(monkeypatch, "triangular", sizes, 100, "passed_back", blind)
    assert seen == 0
    assert unseen > 0


@pytest.mark.parametrize("d", [25, 31])
def test_inner_blocks_of_short_products(d):
    jacobians = hostile("Jordan", d, 60, np.random.default_rng(d))
    logs, error = estimates(jacobians)
    assert wrong_by_more(logs, error, larger_log_singular_values(jacobians)) == 0


def test_tiny_couplings_count():
    # entries under 1e-154, whose squares vanish, couple what must not be cut apart
    rng = np.random.default_rng(8)
    step = np.triu(rng.normal(size=(8, 8))) * 10.0 ** -(20.0 * np.arange(8))[:, None]
    jacobians = np.array([step, step.T, step])
    found = singular_values(jacobians, [3])
    exact = exact_log_singular_values(jacobians)
    assert wrong_by_more(found.log_sigma[0], found.error[0], exact) == 0


def test_two_equal_rows_are_not_missed():
    # probes of plus and minus one would cancel on them, one time in four
    rng = np.random.default_rng(9)
    jacobians = rng.normal(size=(10, 6, 6))
    jacobians[4, 1] = jacobians[4, 0]
    found = singular_values(jacobians, [10])
    assert (found.log_sigma[0] == -np.inf).sum() == 1
    assert found.error[0, -1] == 0
    jacobians[4, 1, 0] *= 1 + 1e-14
    found = singular_values(jacobians, [10])
    exact = exact_log_singular_values(jacobians)
    assert wrong_by_more(found.log_sigma[0], found.error[0], exact) == 0


def test_separate_parts_are_separate_products():
    rng = np.random.default_rng(10)
    jacobians = hostile("separate blocks", 9, 200, rng)
    found = singular_values(jacobians, [200]).log_sigma[0]
    parts = [np.ascontiguousarray(jacobians[:, k::2, k::2]) for k in (0, 1)]
    both = np.concatenate([singular_values(part, [200]).log_sigma[0] for part in parts])
    assert np.array_equal(found, np.sort(both)[::-1])
    diagonal = np.array([np.diag(x) for x in rng.normal(size=(500, 40))])
    exact = np.log(np.abs(np.diagonal(diagonal, axis1=1, axis2=2))).sum(axis=0)
    np.testing.assert_allclose(
        singular_values(diagonal, [500]).log_sigma[0], np.sort(exact)[::-1], atol=1e-12
    )


def test_a_dead_relu_network_too_wide_for_the_judge():
    rng = np.random.default_rng(11)
    weight = 2 * rng.normal(size=(48, 48)) / 7
    active = rng.random((400, 48, 1)) < 0.7
    jacobians = active * weight
    found = singular_values(jacobians, [10, 400])
    lost = found.log_sigma == -np.inf
    assert lost[1].sum() == 48 - active.sum(axis=(1, 2)).min()
    assert (found.error[lost] == 0).all()
    assert found.error[~lost].max() < 1e-6
    short = exact_log_singular_values(jacobians[-3:])
    three = singular_values(jacobians, [3])
    assert wrong_by_more(three.log_sigma[0], three.error[0], short) == 0


def test_a_rank_lost_in_many_units_is_an_exact_one_or_refused(monkeypatch):
    rng = np.random.default_rng(12)
    whole = rng.integers(-3, 4, (5, 40, 20)) @ rng.integers(-3, 4, (5, 20, 40))
    jacobians = whole[:5].astype(float)
    judged = singular_values(jacobians, [5])
    assert (judged.log_sigma[0, 20:] == -np.inf).all()
    assert (judged.error[0, 20:] == 0).all()
    monkeypatch.setattr(product_svd, "affordable", lambda d, seconds: False)
    found = singular_values(jacobians, [5])
    assert wrong_by_more(found.log_sigma[0], found.error[0], judged.log_sigma[0]) == 0
    monkeypatch.setattr(product_svd, "swept", lambda factors, counts: iter(()))
    with pytest.raises(PrecisionError, match="at lag 5 a rank is lost to rounding"):
        singular_values(jacobians, [5])


def test_the_sum_is_the_volume():
    for jacobians in (triangular(8, 300, 4), rnn_jacobians(20, 1.5, 200, 5)):
        found = singular_values(jacobians, [len(jacobians)])
        volume = np.linalg.slogdet(jacobians)[1].sum()
        assert abs(found.log_sigma.sum() - volume) < 1e-8


def fuzz(rng, count, sizes, lengths, truth=exact_log_singular_values, kinds=KINDS):
    """No product of `count` is wrong beyond error and 1e-9; in how many an error / 1e4 would be."""
    planted = 0
    for n in range(count):
        kind = kinds[n % len(kinds)]
        steps = int(rng.choice(lengths))
        jacobians = hostile(kind, int(rng.choice(sizes)), steps, rng)
        lags = [max(1, steps // 3), steps]
        found = singular_values(jacobians, lags)
        for lag, log_sigma, error in zip(lags, found.log_sigma, found.error, strict=True):
            exact = truth(jacobians[steps - lag :])
            assert wrong_by_more(log_sigma, error, exact) == 0, (n, kind, jacobians.shape, lag)
            alive = np.isfinite(exact)
            off = np.abs(log_sigma[alive] - exact[alive])
            planted += int((off > error[alive] / 1e4 + 1e-12).any())
    return planted


def test_all_kinds_against_exact_products():
    # an error estimate divided by 1e4 is found out
    assert fuzz(np.random.default_rng(0), 100, [1, 2, 3, 4, 5], [1, 2, 3, 10, 40]) > 2


@pytest.mark.slow
def test_two_thousand_products_against_exact_ones():
    rng = np.random.default_rng(1)
    fuzz(rng, 1800, [2, 3, 4, 6], [1, 2, 5, 20, 60, 120])
    fuzz(rng, 100, [1, 2, 3], [500, 1000])


REGULAR = [kind for kind in KINDS if kind not in SINGULAR]


@pytest.mark.slow
def test_larger_products_against_thousands_of_bits():
    rng = np.random.default_rng(2)
    fuzz(rng, 85, [8, 12, 16], [2, 10, 50], larger_log_singular_values, REGULAR)
    fuzz(rng, 17, [24, 32, 48], [2, 5, 20], larger_log_singular_values, REGULAR)


def test_the_larger_oracle_is_the_certified_one():
    for kind in REGULAR:
        jacobians = hostile(kind, 5, 12, np.random.default_rng(3))
        exact = exact_log_singular_values(jacobians)
        np.testing.assert_allclose(larger_log_singular_values(jacobians), exact, atol=1e-10)


def test_leading_axes_are_trajectories():
    batch = np.random.default_rng(6).normal(size=(2, 3, 20, 4, 4))
    batch[1, 1] = np.triu(batch[1, 1])
    found = singular_values(batch, [20, 0, 3])
    assert found.log_sigma.shape == found.error.shape == (2, 3, 3, 4)
    assert (found.log_sigma[:, :, 1] == 0).all()
    for index in np.ndindex(2, 3):
        one = singular_values(batch[index], [20, 0, 3])
        np.testing.assert_allclose(found.log_sigma[index], one.log_sigma, atol=1e-9)
    assert product_log_singular_values(batch).shape == (2, 3, 4)
    assert singular_values(np.empty((2, 0, 3, 3))).log_sigma.shape == (2, 1, 3)


def test_a_bare_log_that_may_be_off_is_refused(monkeypatch):
    monkeypatch.setattr(product_svd, "affordable", lambda d, seconds: False)
    with pytest.raises(PrecisionError, match="may be off by"):
        product_log_singular_values(triangular(16, 500, 3))
