"""Eigenvalues of long products, held against thousands of bits and against exact cases."""

import math

import numpy as np
import pytest

from gradflow.spectra import product_eigenvalues
from oracles.precision import (
    eigenvalues,
    integer_log_eigenvalues,
    lstm_jacobians,
    mpmath_log_eigenvalues,
    rnn_jacobians,
)


@pytest.mark.parametrize(
    "jacobians",
    [rnn_jacobians(6, 2.0, 60, 0), rnn_jacobians(8, 0.8, 40, 1), lstm_jacobians(3, 1.5, 50, 2)],
)
def test_long_products_agree_with_thousands_of_bits(jacobians):
    found = product_eigenvalues(jacobians)
    log_abs, phase = eigenvalues(jacobians)
    # T d eps is 1e-13; eigenvalues of non-normal products have conditions up to some 1e4.
    np.testing.assert_allclose(found.log_abs, log_abs, atol=1e-8)
    np.testing.assert_allclose(np.exp(1j * found.phase), np.exp(1j * phase), atol=1e-8)
    assert log_abs[0] - log_abs[-1] > 20


def test_the_oracle_agrees_with_another_and_sees_a_reversed_product():
    jacobians = rnn_jacobians(4, 1.5, 20, 3)
    exact = eigenvalues(jacobians)[0]
    np.testing.assert_allclose(mpmath_log_eigenvalues(jacobians, 200), exact, atol=1e-12)
    reverse = eigenvalues(jacobians[::-1])[0]
    assert np.abs(reverse - exact).max() > 0.1
    planted = jacobians.copy()
    planted[7, 1, 2] *= 1.001
    assert np.abs(eigenvalues(planted)[0] - exact).max() > 1e-5


def test_one_step_is_numpy_and_no_step_is_the_identity():
    matrix = np.random.default_rng(0).standard_normal((7, 7))
    found = product_eigenvalues(matrix[None])
    mine = np.sort_complex(np.exp(found.log_abs + 1j * found.phase))
    np.testing.assert_allclose(mine, np.sort_complex(np.linalg.eigvals(matrix)), atol=1e-12)
    none = product_eigenvalues(np.empty((0, 3, 3)))
    assert none.log_abs.tolist() == [0, 0, 0]
    assert none.phase.tolist() == [0, 0, 0]


def test_permutations_rotations_and_scales_beyond_floats():
    cycle = np.roll(np.eye(5), 1, axis=0)
    found = product_eigenvalues(np.stack([cycle, np.eye(5), np.eye(5)]))
    np.testing.assert_allclose(found.log_abs, 0.0, atol=1e-12)
    roots = np.sort(np.mod(found.phase, 2 * np.pi))
    np.testing.assert_allclose(roots, 2 * np.pi * np.arange(5) / 5, atol=1e-12)
    turn = np.array([[math.cos(1), -math.sin(1)], [math.sin(1), math.cos(1)]])
    for scale in (1e200, 1e-200):
        many = product_eigenvalues(np.stack([scale * turn] * 300))
        np.testing.assert_allclose(many.log_abs, 300 * math.log(scale), rtol=1e-13)
        angle = math.remainder(300, 2 * math.pi)
        np.testing.assert_allclose(np.sort(many.phase), np.sort([angle, -angle]), atol=1e-11)


def test_singular_factors_give_exact_zeros():
    rng = np.random.default_rng(1)
    integers = rng.integers(-3, 4, (6, 4, 4)).astype(float)
    integers[2, :, 1] = 0.0
    found = product_eigenvalues(integers)
    exact = integer_log_eigenvalues(integers)
    assert np.isneginf(found.log_abs).sum() == np.isneginf(exact).sum() >= 1
    finite = np.isfinite(exact)
    np.testing.assert_allclose(found.log_abs[finite], exact[finite], atol=1e-9)
    dead = product_eigenvalues(np.zeros((3, 2, 2)))
    assert np.isneginf(dead.log_abs).all()
    nilpotent = product_eigenvalues(np.array([[[0.0, 1.0], [0.0, 0.0]]]))
    assert np.isneginf(nilpotent.log_abs).all()


def test_one_unit():
    found = product_eigenvalues(np.array([[[2.0]], [[-3.0]]]))
    assert found.log_abs[0] == pytest.approx(math.log(6), abs=1e-15)
    assert found.phase[0] == pytest.approx(math.pi, abs=1e-15)


@pytest.mark.parametrize(
    "jacobians", [np.ones((2, 3)), np.ones((2, 2, 3)), np.full((1, 2, 2), np.inf)]
)
def test_bad_arguments_are_refused(jacobians):
    with pytest.raises(ValueError, match="product_eigenvalues") as caught:
        product_eigenvalues(jacobians)
    assert "\n" not in str(caught.value)
