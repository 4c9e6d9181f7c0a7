"""Norm clipping against the algorithm as the paper writes it, and descents with closed forms."""

import math
from fractions import Fraction

import numpy as np
import pytest

from gradflow.errors import PrecisionError, UsageError
from gradflow.spectra import descend, log_clip_factor


@pytest.mark.parametrize("seed", range(5))
def test_the_factor_is_algorithm_1(seed):
    rng = np.random.default_rng(seed)
    for gradient in rng.standard_normal((20, 7)) * np.exp(rng.normal(0, 3, (20, 1))):
        norm, threshold = np.linalg.norm(gradient), 1.5
        paper = threshold / norm * gradient if norm >= threshold else gradient
        factor = np.exp(log_clip_factor(np.log(norm), threshold))
        np.testing.assert_allclose(factor * gradient, paper, rtol=1e-14)
        if norm < threshold:
            assert factor == 1


def test_no_norm_is_too_large_or_too_small():
    logs = np.array([1e5, -1e5, -np.inf, math.log(2.0)])
    np.testing.assert_array_equal(log_clip_factor(logs, 2.0), [math.log(2.0) - 1e5, 0.0, 0.0, 0.0])
    np.testing.assert_array_equal(log_clip_factor(logs, np.inf), np.zeros(4))
    limits = np.array([[1.0], [math.e]])
    np.testing.assert_allclose(log_clip_factor([1.0, 3.0], limits), [[-1, -3], [0, -2]])


def parabola(points):
    """E = (4 x^2 + y^2) / 2."""
    slope = points * np.array([4.0, 1.0])
    return (slope * points).sum(axis=-1) / 2, slope


def test_descent_on_a_parabola_is_a_power_of_its_factors():
    found = descend(parabola, [[3.0, -2.0], [1.0, 0.0]], 0.125, 30)
    k = np.arange(31)[:, None]
    np.testing.assert_allclose(found.path[:, 0], [3, -2] * np.array([0.5, 0.875]) ** k, rtol=1e-13)
    np.testing.assert_allclose(found.path[:, 1], [1, 0] * np.array([0.5, 0.875]) ** k, rtol=1e-13)
    error, slope = parabola(found.path)
    np.testing.assert_array_equal(found.error, error)
    log_norm = np.log(np.linalg.norm(slope, axis=-1))
    np.testing.assert_allclose(found.log_gradient, log_norm, atol=1e-14)


def test_a_clipped_step_is_as_long_as_the_threshold_and_goes_the_same_way():
    found = descend(parabola, [3.0, -2.0], 0.125, 60, threshold=1.0)
    moves = np.diff(found.path, axis=0)
    lengths = np.linalg.norm(moves, axis=-1)
    long = found.log_gradient[:-1] > 0
    assert long[0]
    assert not long[-1]
    np.testing.assert_allclose(lengths[long], 0.125, rtol=1e-12)
    slopes = parabola(found.path[:-1])[1]
    np.testing.assert_allclose(moves[~long], -0.125 * slopes[~long], rtol=1e-12)
    np.testing.assert_allclose(
        moves[long] * slopes[long, ::-1] @ [1, -1], np.zeros(long.sum()), atol=1e-14
    )


def test_one_threshold_a_point():
    found = descend(parabola, [[3.0, 0.0], [3.0, 0.0]], 0.125, 1, [np.inf, 0.5])
    np.testing.assert_allclose(found.path[1], [[1.5, 0.0], [3 - 0.0625, 0.0]], rtol=1e-15)


def test_a_descent_against_fractions():
    """x^4 / 4 from 1/2 with rate 1/4, clipped at 1/16: every rational is exact."""
    x, path = Fraction(1, 2), [Fraction(1, 2)]
    for _ in range(4):
        slope = x**3
        x -= Fraction(1, 4) * (Fraction(1, 16) if slope > Fraction(1, 16) else slope)
        path.append(x)

    def quartic(points):
        return points[..., 0] ** 4 / 4, points**3

    found = descend(quartic, [0.5], 0.25, 4, 0.0625)
    np.testing.assert_allclose(found.path[:, 0], [float(p) for p in path], rtol=1e-14)


def test_no_update_and_a_resting_point():
    found = descend(parabola, [0.0, 0.0], 1.0, 0)
    assert found.path.shape == (1, 2)
    assert np.isneginf(found.log_gradient).all()
    np.testing.assert_array_equal(descend(parabola, [0.0, 0.0], 1.0, 3).path, np.zeros((4, 2)))


@pytest.mark.parametrize(
    ("norm", "threshold", "words"),
    [
        (np.nan, 1.0, "log_norm is not finite"),
        (np.inf, 1.0, "log_norm is not finite"),
        (0.0, 0.0, "must be positive"),
        (0.0, -1.0, "must be positive"),
        (0.0, np.nan, "must be positive"),
    ],
)
def test_norms_and_thresholds_that_are_none(norm, threshold, words):
    with pytest.raises(UsageError, match=words):
        log_clip_factor(norm, threshold)


@pytest.mark.parametrize(
    ("start", "rate", "updates", "words"),
    [
        (1.0, 0.1, 1, "it needs an axis or more"),
        ([1.0], 0.0, 1, "it must be a finite number above 0"),
        ([1.0], np.inf, 1, "it must be a finite number above 0"),
        ([1.0, 1.0], 0.1, -1, "a whole number from 0"),
        ([np.nan, 1.0], 0.1, 1, "start's entries hold nan"),
    ],
)
def test_descents_that_cannot_start(start, rate, updates, words):
    with pytest.raises(UsageError, match=words):
        descend(parabola, start, rate, updates)


@pytest.mark.parametrize("threshold", [[1.0, 2.0, 3.0], [[1.0, 2.0]]])
def test_thresholds_that_do_not_fit_the_points(threshold):
    with pytest.raises(UsageError, match="one number, or one a point"):
        descend(parabola, np.ones((2, 2)), 0.1, 1, threshold)


def test_errors_that_do_not_fit_or_end():
    with pytest.raises(UsageError, match="they must be"):
        descend(lambda p: (p, p), [1.0, 2.0], 0.1, 1)
    with pytest.raises(PrecisionError, match="after 0 updates"):
        descend(lambda p: (p[..., 0], p * np.inf), [1.0, 2.0], 0.1, 1)
