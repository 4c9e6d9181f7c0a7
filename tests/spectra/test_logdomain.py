"""Scale kept apart from direction: exact at any lag, -inf for an exact zero, never a NaN."""

import mpmath
import numpy as np
import pytest

from gradflow.spectra.numerics.logdomain import (
    binary_exponent,
    log_magnitude,
    log_norms_of_products,
    normalized,
    row_products,
    shifted,
    unit_rows,
)
from oracles.precision import log_singular_values, rnn_jacobians

COVECTOR = np.array([0.3, -1.2, 0.7, 2.0])
# 40 products and norms, each a few rounding units of 1.1e-16 off, and logs of size 100.
TOLERANCE = 1e-12


def trajectory(seed=0, steps=40):
    return rnn_jacobians(4, 1.5, steps, seed)


def naive_rows(jacobians, covector):
    """g P(T, T - lag) at 60 digits, one row after another from the last step back."""
    with mpmath.workdps(60):
        row = mpmath.matrix(covector.tolist()).T
        rows = [row]
        for step in jacobians[::-1]:
            row = row * mpmath.matrix(step.tolist())
            rows.append(row)
        logs = np.array([float(mpmath.log(mpmath.norm(row))) for row in rows])
        units = np.array([[float(x / mpmath.norm(row)) for x in row] for row in rows])
    return units, logs


def test_row_products_agree_with_sixty_digits():
    jacobians = trajectory()
    units, logs = naive_rows(jacobians, COVECTOR)
    unit, log_scale = row_products(jacobians, COVECTOR)
    np.testing.assert_allclose(unit, units, atol=TOLERANCE, rtol=0)
    np.testing.assert_allclose(log_scale, logs, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("plant", ["a thousandth", "reversed", "transposed"])
def test_the_sixty_digits_see_a_planted_error(plant):
    jacobians = trajectory()
    wrong = {
        "a thousandth": np.concatenate([jacobians[:-3], 1.001 * jacobians[-3:-2], jacobians[-2:]]),
        "reversed": jacobians[::-1],
        "transposed": jacobians.swapaxes(1, 2),
    }[plant]
    _, logs = naive_rows(wrong, COVECTOR)
    # log(1.001) = 1e-3, and the other two change the answer by far more
    assert np.abs(logs - row_products(jacobians, COVECTOR)[1]).max() > 0.9e-3


def test_norms_of_products_are_leading_singular_values():
    jacobians = trajectory()
    log_norms = log_norms_of_products(jacobians)
    assert log_norms.shape == (41,)
    assert log_norms[0] == 0
    for lag in (1, 2, 7, 40):
        exact = log_singular_values(jacobians[40 - lag :])[0]
        assert abs(log_norms[lag] - exact) < TOLERANCE
    assert abs(log_norms[7] - log_singular_values(jacobians[:7])[0]) > 1e-3


@pytest.mark.parametrize("scale", [0.25, 4.0])
def test_nothing_underflows_at_lag_100000(scale):
    angle = 0.3
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    lags = 100_000
    jacobians = np.broadcast_to(scale * turn, (lags, 2, 2))
    _, log_scale = row_products(jacobians, [3.0, 4.0])
    exact = np.log(5) + np.arange(lags + 1) * np.log(scale)
    # cos^2 + sin^2 is off from 1 by at most 2.2e-16, a rounded product by as much again, and that
    # adds up over 1e5 steps to 4.4e-11; the logs themselves, of size 1e5, are good to 3e-11.
    np.testing.assert_allclose(log_scale, exact, atol=1e-10, rtol=0)


def test_norms_of_products_do_not_underflow_either():
    jacobians = np.broadcast_to(0.25 * np.array([[0.0, 1.0], [1.0, 0.0]]), (3000, 2, 2))
    # powers of two: exact up to the log and the product with log 2
    np.testing.assert_allclose(
        log_norms_of_products(jacobians), np.arange(3001) * np.log(0.25), rtol=1e-15
    )


def test_an_exact_zero_is_minus_infinity_from_its_lag_on():
    jacobians = trajectory()
    jacobians[30] = 0
    unit, log_scale = row_products(jacobians, COVECTOR)
    log_norms = log_norms_of_products(jacobians)
    for logs in (log_scale, log_norms):
        assert np.isfinite(logs[:10]).all()
        assert (logs[10:] == -np.inf).all()
    assert (unit[10:] == 0).all()
    nilpotent = np.array([[[2.0, -2.0], [2.0, -2.0]]] * 2)
    assert log_norms_of_products(nilpotent)[2] == -np.inf
    assert (row_products(jacobians, np.zeros(4))[1] == -np.inf).all()


def test_leading_axes_are_a_batch():
    jacobians = np.array(
        [[trajectory(s, 9) for s in (0, 1, 2)], [trajectory(s, 9) for s in (3, 4, 5)]]
    )
    covectors = np.random.default_rng(0).normal(size=(3, 4))
    unit, log_scale = row_products(jacobians, covectors)
    assert unit.shape == (2, 3, 10, 4)
    assert log_scale.shape == (2, 3, 10)
    log_norms = log_norms_of_products(jacobians)
    assert log_norms.shape == (2, 3, 10)
    for a in range(2):
        for b in range(3):
            one, log_one = row_products(jacobians[a, b], covectors[b])
            # the same sums in the same order, but BLAS may take another kernel for a batch
            np.testing.assert_allclose(unit[a, b], one, atol=1e-14)
            np.testing.assert_allclose(log_scale[a, b], log_one, atol=1e-14)
            np.testing.assert_allclose(
                log_norms[a, b], log_norms_of_products(jacobians[a, b]), atol=1e-13
            )
    single, _ = row_products(jacobians[0, 0], covectors)
    assert single.shape == (3, 10, 4)


@pytest.mark.parametrize("power", [-660, 660])
def test_entries_of_1e_plus_minus_200_only_shift_the_logs(power):
    jacobians = trajectory()
    shift = np.arange(41) * power * np.log(2)
    grown = np.ldexp(jacobians, power)
    unit, log_scale = row_products(jacobians, COVECTOR)
    grown_unit, grown_log = row_products(grown, COVECTOR)
    assert np.array_equal(grown_unit, unit)
    # logs of size 18000 are good to 4e-12
    np.testing.assert_allclose(grown_log, log_scale + shift, atol=1e-11, rtol=0)
    log_norms = log_norms_of_products(grown)
    np.testing.assert_allclose(log_norms, log_norms_of_products(jacobians) + shift, atol=1e-11)


def test_no_steps_leave_the_row_and_the_identity():
    unit, log_scale = row_products(np.empty((0, 3, 3)), [0.0, 3.0, 4.0])
    np.testing.assert_allclose(unit, [[0, 0.6, 0.8]], rtol=1e-15)
    np.testing.assert_allclose(log_scale, [np.log(5)], rtol=1e-15)
    assert log_norms_of_products(np.empty((0, 3, 3))).tolist() == [0.0]


def test_small_helpers():
    assert log_magnitude([0.0, -1.0]).tolist() == [-np.inf, 0.0]
    assert binary_exponent(np.array([1.0, 0.5, -3.0])).tolist() == [1, 0, 2]
    assert shifted(np.array([3.0]), np.array([-5000])).tolist() == [0.0]
    modest, exponent = normalized(np.array([[3e200, 1e200], [0.0, 0.0]]), axis=1)
    assert np.array_equal(np.ldexp(modest, exponent.astype(int)), [[3e200, 1e200], [0, 0]])
    assert 0.5 <= modest[0, 0] < 1
    unit, log_norm = unit_rows([[3e-200, 4e-200], [0, 0]])
    np.testing.assert_allclose(unit, [[0.6, 0.8], [0, 0]], rtol=1e-15)
    assert log_norm[1] == -np.inf
    # a log of size 460 is good to 1e-13
    assert abs(log_norm[0] - np.log(5) - np.log(1e-200)) < 1e-12


@pytest.mark.parametrize(
    ("jacobians", "covector", "sentence"),
    [
        (np.ones((3, 2)), [1.0, 1.0], r"shape \(3, 2\), and \(\.\.\., T, d, d\)"),
        (np.ones((4, 3, 2)), [1.0, 1.0], r"shape \(4, 3, 2\)"),
        (np.ones((4, 0, 0)), [], r"d >= 1"),
        (np.ones((4, 2, 2)) * 1j, [1.0, 1.0], "type complex128, and real numbers"),
        (np.full((4, 2, 2), np.nan), [1.0, 1.0], r"hold nan at index \(0, 0, 0\)"),
        (np.ones((4, 2, 2)), [1.0, np.inf], "covector's entries hold inf"),
        (np.ones((4, 2, 2)), [1.0, 1.0, 1.0], r"covector \(\.\.\., 2\)"),
        (np.ones((3, 4, 2, 2)), np.ones((5, 2)), "leading axes broadcast"),
        (np.ones((4, 2, 2)), 1.0, r"covector has shape \(\)"),
    ],
)
def test_bad_input_is_one_sentence(jacobians, covector, sentence):
    with pytest.raises(ValueError, match=sentence):
        row_products(jacobians, covector)


def test_products_refuse_bad_input_too():
    with pytest.raises(ValueError, match="log_norms_of_products: the step Jacobians have shape"):
        log_norms_of_products(np.ones((2, 2)))
