"""Eigenvalues of long products, held against thousands of bits and against exact integers."""

from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gradflow.errors import PrecisionError
from gradflow.spectra.products.eigenvalues import product_eigenvalues
from oracles.hostile import KINDS, exact_log_eigenvalues, hostile, wrong_by_more
from oracles.precision import (
    eigenvalues,
    integer_log_eigenvalues,
    log_singular_values,
    lstm_jacobians,
    mpmath_log_eigenvalues,
    rnn_jacobians,
)

# T d eps is 2e-12 for 500 steps of 16 units; eigenvalues and factors with condition numbers of 100
KEPT = 1e-9


def assert_same(jacobians, bits=2000, tolerance=KEPT):
    log_abs, phase = eigenvalues(jacobians, bits)
    found = product_eigenvalues(jacobians)
    np.testing.assert_allclose(found.log_abs, log_abs, atol=tolerance, rtol=0)
    turned = np.abs(np.exp(1j * found.phase) - np.exp(1j * phase))
    assert turned.max() < tolerance


@pytest.mark.parametrize(
    "jacobians",
    [rnn_jacobians(16, 3.0, 500, 0), lstm_jacobians(8, 2.0, 500, 1)],
    ids=["rnn", "lstm"],
)
def test_500_steps_agree_with_thousands_of_bits(jacobians):
    assert_same(jacobians, bits=10_000)
    spread = product_eigenvalues(jacobians).log_abs
    assert spread[0] - spread[-1] > 2000  # float64 would hold 700, and 36 with any digit left


def test_the_balls_agree_with_another_library():
    jacobians = rnn_jacobians(4, 3.0, 30, seed=7)
    log_abs, _ = eigenvalues(jacobians)
    # 300 digits hold any of these eigenvalues; logs of size 200 end in 3e-14
    np.testing.assert_allclose(log_abs, mpmath_log_eigenvalues(jacobians, 300), atol=1e-12)
    integers = np.random.default_rng(8).integers(-5, 6, (6, 4, 4))
    np.testing.assert_allclose(
        integer_log_eigenvalues(integers), eigenvalues(integers)[0], atol=1e-12
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
    found = product_eigenvalues(jacobians).log_abs
    assert np.abs(eigenvalues(wrong)[0] - found).max() > 2e-4
    assert np.abs(mpmath_log_eigenvalues(wrong, 300) - found).max() > 2e-4


@pytest.mark.parametrize("d", [1, 2, 3, 8, 20])
def test_one_step_is_numpy(d):
    one = np.random.default_rng(d).normal(size=(1, d, d))
    exact = np.linalg.eigvals(one[0])
    found = product_eigenvalues(one)
    values = np.exp(found.log_abs + 1j * found.phase)
    distance = np.abs(values[:, None] - exact[None, :])
    # both are backward stable; the condition numbers of these eigenvalues are below 100
    assert distance.min(axis=1).max() < 1e-12
    assert distance.min(axis=0).max() < 1e-12


@pytest.mark.parametrize("power", [-664, 664])
def test_entries_of_1e_plus_minus_200_only_shift_the_logs(power):
    jacobians = np.random.default_rng(3).normal(size=(300, 5, 5))
    once, grown = product_eigenvalues(jacobians), product_eigenvalues(np.ldexp(jacobians, power))
    # logs of size 140000 are good to 3e-11
    np.testing.assert_allclose(
        grown.log_abs, once.log_abs + 300 * power * np.log(2), atol=1e-10, rtol=0
    )
    assert np.array_equal(grown.phase, once.phase)
    assert_same(jacobians, bits=4000)


def test_units_of_measurement_may_differ_by_1e100():
    rng = np.random.default_rng(4)
    jacobians = rng.normal(size=(20, 4, 4))
    for t in range(20):
        jacobians[t] *= 10.0 ** rng.uniform(-50, 50, (4, 1))
        jacobians[t] *= 10.0 ** rng.uniform(-50, 50, (1, 4))
    assert_same(jacobians, bits=16_000)


def test_no_step_is_the_identity():
    found = product_eigenvalues(np.empty((0, 3, 3)))
    assert found.log_abs.tolist() == [0, 0, 0]
    assert found.phase.tolist() == [0, 0, 0]


@pytest.mark.parametrize("d", [2, 3, 4, 7])
@pytest.mark.parametrize("steps", [1, 3])
def test_a_cyclic_permutation_gives_roots_of_unity(d, steps):
    found = product_eigenvalues(np.array([np.roll(np.eye(d), 1, axis=0)] * steps))
    values = np.exp(found.log_abs + 1j * found.phase)
    exact = np.exp(2j * np.pi * steps * np.arange(d) / d)
    # the usual shifts are stuck here, so convergence is the test; rounding is a few eps
    for oracle, answer in ((exact, values), (values, exact)):
        assert np.abs(oracle[:, None] - answer[None, :]).min(axis=1).max() < 1e-13


def test_orthogonal_steps_have_modulus_one():
    rng = np.random.default_rng(5)
    turns = np.array([np.linalg.qr(rng.normal(size=(6, 6)))[0] for _ in range(200)])
    found = product_eigenvalues(turns)
    assert np.abs(found.log_abs).max() < 1e-12  # 200 factors, orthogonal to 1e-15 themselves
    exact = np.linalg.eigvals(reduce(lambda left, right: right @ left, turns))
    np.testing.assert_allclose(found.phase, np.sort(np.angle(exact)), atol=1e-12)


def test_a_jordan_block_is_good_to_the_root_of_the_rounding():
    block = 0.5 * np.eye(4) + np.diag([1.0, 1.0, 1.0], 1)
    turn = np.linalg.qr(np.random.default_rng(6).normal(size=(4, 4)))[0]
    found = product_eigenvalues(np.array([turn @ block @ turn.T]))
    # four equal eigenvalues in one block: an error of 1e-16 splits them by 1e-4, over 0.5
    assert np.abs(found.log_abs - np.log(0.5)).max() < 2e-3
    upright = product_eigenvalues(np.array([block] * 9))
    np.testing.assert_allclose(upright.log_abs, [9 * np.log(0.5)] * 4, rtol=1e-14)
    assert (upright.phase == 0).all()


@pytest.mark.parametrize(
    ("steps", "log_abs", "phase"),
    [
        ([[[2.0, -2.0], [2.0, -2.0]]], [-np.inf, -np.inf], [0, 0]),
        ([[[0.0, 1.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, 0.0]]], [0, -np.inf], [0, 0]),
        (np.zeros((3, 2, 2)), [-np.inf, -np.inf], [0, 0]),
        ([np.diag([1.0, 1.0, 1.0], 1)] * 2, [-np.inf] * 4, [0] * 4),
        ([[[-2.0]]] * 3, [3 * np.log(2)], [np.pi]),
        ([-np.eye(3)], [0, 0, 0], [np.pi] * 3),
        ([-np.eye(3)] * 2, [0, 0, 0], [0] * 3),
        ([[[0.0, -1.0], [1.0, 0.0]]], [0, 0], [-np.pi / 2, np.pi / 2]),
    ],
)
def test_small_matrices_by_hand(steps, log_abs, phase):
    found = product_eigenvalues(np.array(steps))
    np.testing.assert_allclose(found.log_abs, log_abs, atol=1e-14)
    np.testing.assert_allclose(found.phase, phase, atol=1e-14)


def test_missing_recurrent_weights_leave_the_forget_gates():
    # W = 0 in an LSTM: half of the eigenvalues are zero, the rest are products of forget gates
    jacobians = lstm_jacobians(4, 1.5, 60, seed=5)
    jacobians[:, :, :4] = 0
    found = product_eigenvalues(jacobians)
    forget = np.diagonal(jacobians[:, 4:, 4:], axis1=1, axis2=2)
    exact = np.sort(np.log(forget).sum(axis=0))[::-1]
    np.testing.assert_allclose(found.log_abs[:4], exact, atol=1e-12)  # 60 logs of size 1
    assert (found.log_abs[4:] == -np.inf).all()
    assert (found.phase == 0).all()


@given(
    st.integers(1, 4).flatmap(
        lambda d: st.integers(1, 5).flatmap(
            lambda t: arrays(np.int64, (t, d, d), elements=st.integers(-2, 2))
        )
    )
)
@settings(max_examples=150)
def test_exact_zeros_of_integer_products_are_found(jacobians):
    exact = integer_log_eigenvalues(jacobians)
    found = product_eigenvalues(jacobians)
    assert np.array_equal(found.log_abs == -np.inf, exact == -np.inf)
    finite = np.isfinite(exact)
    # up to four of them may meet in a Jordan block, where rounding leaves a fourth root: 1e-4
    np.testing.assert_allclose(found.log_abs[finite], exact[finite], atol=5e-3, rtol=0)
    trace = float(np.trace(reduce(lambda left, right: right @ left, jacobians)))
    total = np.sum(np.exp(found.log_abs + 1j * found.phase))
    # their sum is as good as the product itself, whose entries are below 8^5
    assert abs(total - trace) < 1e-9 * 8**5


def test_order_and_conjugates():
    for seed in range(20):
        jacobians = np.random.default_rng(seed).normal(size=(7, 6, 6))
        found = product_eigenvalues(jacobians)
        assert (np.diff(found.log_abs) <= 1e-9).all()
        pairs = np.flatnonzero((found.phase != 0) & (found.phase != np.pi))
        for lower, upper in pairs.reshape(-1, 2):
            assert found.phase[lower] == -found.phase[upper] < 0
            assert found.log_abs[lower] == found.log_abs[upper]


def test_carrying_a_step_around_the_cycle_changes_nothing():
    jacobians = rnn_jacobians(6, 2.0, 40, seed=1)
    once, turned = product_eigenvalues(jacobians), product_eigenvalues(np.roll(jacobians, 13, 0))
    np.testing.assert_allclose(turned.log_abs, once.log_abs, atol=KEPT)
    np.testing.assert_allclose(turned.phase, once.phase, atol=KEPT)


def test_moduli_far_apart_at_64_units():
    # The shift for the smallest eigenvalues is lost against the largest, e^800 above them: blocks
    # must split from the top.
    jacobians = lstm_jacobians(32, 5.0, 60, seed=0, forget_bias=3.0)
    found = product_eigenvalues(jacobians)
    volume = np.linalg.slogdet(jacobians)[1].sum()
    assert abs(found.log_abs.sum() - volume) < 1e-8  # 60 determinants of 64 units


def test_what_float64_cannot_resolve_is_judged():
    rng = np.random.default_rng(5)
    wild = 10.0 ** rng.uniform(-30, 30, (40, 5, 5)) * rng.normal(size=(40, 5, 5))
    exact, phase = exact_log_eigenvalues(wild)
    found = product_eigenvalues(wild)
    np.testing.assert_allclose(found.log_abs, exact, atol=1e-11)
    np.testing.assert_allclose(np.abs(found.phase), np.abs(phase), atol=1e-11)


@pytest.mark.parametrize("seed", range(4))
def test_eigenvalues_that_rounding_has_split_around_one_keep_their_digits(seed):
    q = np.random.default_rng(seed).standard_normal((4, 4))
    step = q @ (np.eye(4) + np.diag(np.ones(3), 1)) @ np.linalg.inv(q)
    jacobians = np.tile(step, (60, 1, 1))
    exact, _ = exact_log_eigenvalues(jacobians)
    found = product_eigenvalues(jacobians)
    # the exact product is kept as whole numbers of some 3000 bits and a shift back by as many
    assert (np.abs(found.log_abs - exact) <= found.error).all()
    assert found.error.max() < 1e-13


@pytest.mark.parametrize(
    ("jacobians", "sentence"),
    [
        (np.ones((2, 2)), r"product_eigenvalues: .* shape \(2, 2\), and \(\.\.\., T, d, d\) with"),
        (np.full((1, 2, 2), np.nan), r"hold nan at index \(0, 0, 0\)"),
        (np.ones((1, 2, 2), dtype=complex), "real numbers are allowed"),
    ],
)
def test_bad_input_is_one_sentence(jacobians, sentence):
    with pytest.raises(ValueError, match=sentence):
        product_eigenvalues(jacobians)


def test_the_error_is_that_of_each():
    """The moduli's logs add up to log |det|; in balls the sum is exact, so its gap is known."""
    rng = np.random.default_rng(3)
    jacobians = rng.standard_normal((40, 6, 6)) @ np.diag([1, 1, 1e-2, 1e-3, 1e-4, 1e-5])
    found = product_eigenvalues(jacobians)
    exact = log_singular_values(jacobians).sum()
    gap = abs(found.log_abs.sum() - exact)
    # the two sums of 240 logs of size ten differ from the exact one by some 1e-13 each
    assert gap <= found.error.sum() + 1e-11
    assert found.error.shape == (6,)
    assert found.error.max() < 1e-8
    assert "each good to" in found._repr_html_()
    assert product_eigenvalues(np.zeros((2, 3, 3))).error.tolist() == [0.0, 0.0, 0.0]


def triangular(d, steps, seed):
    return np.triu(np.random.default_rng(seed).standard_normal((steps, d, d)))


@pytest.mark.parametrize(
    "jacobians",
    [
        triangular(3, 300, 20),
        triangular(4, 500, 3),
        triangular(16, 500, 3),
        triangular(6, 200, 1).swapaxes(1, 2),
        hostile("masked tanh", 4, 500, np.random.default_rng(0)),
        hostile("masked tanh", 32, 500, np.random.default_rng(0)),
        hostile("two gated layers", 16, 500, np.random.default_rng(1)),
    ],
    ids=["d=3", "d=4", "d=16", "lower", "masked 4", "masked 32", "gated layers"],
)
def test_triangular_steps_have_the_sums_of_their_diagonals(jacobians):
    exact = np.log(np.abs(np.diagonal(jacobians, axis1=1, axis2=2))).sum(axis=0)
    found = product_eigenvalues(jacobians)
    # sums of 500 logs; a sweep without the zeros was off by 8 to 250 nats, with error 5e-13
    np.testing.assert_allclose(found.log_abs, np.sort(exact)[::-1], atol=1e-10, rtol=0)
    assert found.error.max() < 1e-10


def test_a_triangular_order_of_the_units_need_not_be_theirs():
    turn = np.random.default_rng(2).permutation(8)
    jacobians = triangular(8, 400, 2)
    mixed = jacobians[:, turn[:, None], turn]
    exact = np.log(np.abs(np.diagonal(jacobians, axis1=1, axis2=2))).sum(axis=0)
    np.testing.assert_allclose(product_eigenvalues(mixed).log_abs, np.sort(exact)[::-1], atol=1e-10)


def test_blocks_on_the_diagonal_are_products_of_their_own():
    rng = np.random.default_rng(3)
    jacobians = rng.normal(size=(200, 8, 8))
    jacobians[:, 4:, :4] = 0
    found = product_eigenvalues(jacobians)
    one, two = (product_eigenvalues(jacobians[:, b, b]) for b in (slice(0, 4), slice(4, 8)))
    both = np.sort(np.append(one.log_abs, two.log_abs))[::-1]
    np.testing.assert_allclose(found.log_abs, both, atol=1e-9)


def test_units_that_rest_at_some_steps_leave_exact_zeros():
    rng = np.random.default_rng(4)
    weight = rng.normal(size=(40, 40)) / 5
    active = rng.random((300, 40, 1)) < 0.8
    found = product_eigenvalues(active * weight)
    lost = found.log_abs == -np.inf
    # around the cycle no more pass than at the step with the fewest
    assert lost.sum() == 40 - active.sum(axis=(1, 2)).min()
    assert (found.error[lost] == 0).all()
    assert found.error[~lost].max() < 1e-6


def test_a_huge_step_of_an_lstm_ends_in_numbers():
    jacobians = lstm_jacobians(16, 40.0, 30, seed=2, forget_bias=30.0)
    found = product_eigenvalues(jacobians)
    assert not np.isnan(found.log_abs).any()
    assert not np.isnan(found.error).any()


def test_a_rank_lost_among_many_units_is_refused_by_name():
    rng = np.random.default_rng(5)
    low = rng.normal(size=(20, 40, 20)) @ rng.normal(size=(20, 20, 40))
    with pytest.raises(PrecisionError, match="singular to rounding in 40 entries"):
        product_eigenvalues(np.repeat(low, 30, axis=0))


def fuzz(rng, count, sizes, lengths):
    """No product of `count` is wrong beyond its error; in how many an error / 1e4 would be."""
    planted = 0
    for n in range(count):
        kind = KINDS[n % len(KINDS)]
        jacobians = hostile(kind, int(rng.choice(sizes)), int(rng.choice(lengths)), rng)
        found = product_eigenvalues(jacobians)
        exact, _ = exact_log_eigenvalues(jacobians)
        worst = wrong_by_more(found.log_abs, found.error, exact)
        assert worst == 0, (n, kind, jacobians.shape, found.log_abs, exact, found.error)
        alive = np.isfinite(exact)
        off = np.abs(found.log_abs[alive] - exact[alive])
        planted += int((off > found.error[alive] / 1e4 + 1e-12).any())
    return planted


def test_all_kinds_against_exact_products():
    # an error estimate divided by 1e4 is found out, in many products
    assert fuzz(np.random.default_rng(0), 240, [1, 2, 3, 4, 6], [1, 2, 3, 10, 40]) > 5


@pytest.mark.slow
def test_many_of_all_kinds_against_exact_products():
    fuzz(np.random.default_rng(1), 1000, [2, 3, 5, 8, 12], [1, 2, 3, 10, 40, 120])


def test_the_exact_oracle_sees_a_planted_error():
    jacobians = hostile("gauss", 4, 30, np.random.default_rng(1))
    wrong = jacobians.copy()
    wrong[11, 2] *= 1.000001
    found = product_eigenvalues(jacobians)
    exact, _ = exact_log_eigenvalues(wrong)
    assert wrong_by_more(found.log_abs, found.error, exact) > 1e-8
    assert wrong_by_more(np.append(found.log_abs[:3], -np.inf), found.error, exact) == np.inf


def test_leading_axes_are_products_of_their_own():
    batch = np.random.default_rng(6).normal(size=(2, 3, 9, 4, 4))
    found = product_eigenvalues(batch)
    assert found.log_abs.shape == found.phase.shape == found.error.shape == (2, 3, 4)
    for index in np.ndindex(2, 3):
        one = product_eigenvalues(batch[index])
        np.testing.assert_allclose(found.log_abs[index], one.log_abs, atol=1e-9)
        np.testing.assert_allclose(found.phase[index], one.phase, atol=1e-9)
    assert product_eigenvalues(np.empty((2, 0, 3, 3))).log_abs.tolist() == [[0.0] * 3] * 2
