"""Lyapunov exponents where the law is known exactly: random products, orders of factors, zeros."""

import math

import numpy as np
import pytest
from scipy.special import digamma, polygamma

from gradflow.spectra import lyapunov_spectrum
from oracles.precision import lstm_jacobians, rnn_jacobians


def newman(d, std):
    """Exponents (d,) of products of iid N(0, std^2) matrices, and variances of one step's log.

    C. M. Newman, Commun. Math. Phys. 103 (1986) 121: the k-th stretching factor is std times a chi
    variable of d - k + 1 degrees of freedom, independent from step to step.
    """
    half = (d - np.arange(d)) / 2
    return math.log(std) + (math.log(2) + digamma(half)) / 2, polygamma(1, half) / 4


@pytest.mark.parametrize(("d", "std"), [(1, 0.7), (5, 0.5), (12, 0.3)])
def test_iid_gaussian_matrices_follow_newman_within_exact_deviations(d, std):
    steps = 4000
    jacobians = std * np.random.default_rng(d).standard_normal((steps, d, d))
    found = lyapunov_spectrum(jacobians, transient=0)
    exact, variance = newman(d, std)
    deviations = (found.exponents - exact) / np.sqrt(variance / steps)
    assert np.abs(deviations).max() < 4.5
    # The error bars know the same law: a chi-square of 19 degrees stays within a factor of 2.2.
    ratio = found.stderr / np.sqrt(variance / steps)
    assert 1 / 2.2 < ratio.min() <= ratio.max() < 2.2


def test_three_percent_in_the_scale_is_no_newman():
    steps = 40_000
    exact, variance = newman(5, 0.5)
    jacobians = 0.5 * 1.03 * np.random.default_rng(5).standard_normal((steps, 5, 5))
    found = lyapunov_spectrum(jacobians, transient=0).exponents
    assert np.abs((found - exact) / np.sqrt(variance / steps)).max() > 4.5


def ikeda(steps):
    """Jacobians (steps, 2, 2) of the Ikeda map, u = 0.9, along its attractor."""
    x, y, u = 0.1, 0.2, 0.9
    jacobians = np.empty((steps, 2, 2))
    for t in range(steps):
        q = 1 + x * x + y * y
        angle = 0.4 - 6 / q
        by = 12 / q**2 * np.array([x, y])
        c, s = math.cos(angle), math.sin(angle)
        bend = np.array([-x * s - y * c, x * c - y * s])
        jacobians[t] = u * (np.array([[c, -s], [s, c]]) + np.outer(bend, by))
        x, y = 1 + u * (x * c - y * s), u * (x * s + y * c)
    return jacobians


def test_ikeda_sees_the_order_of_the_factors():
    jacobians = ikeda(20_000)
    found = lyapunov_spectrum(jacobians, transient=1000)
    # Published 0.503 for u = 0.9 (Alsing, Gavrielides & Kovanis, Phys. Rev. E 49, 1994, give
    # 0.5); the band is five of its own error bars and the published digits.
    assert found.exponents[0] == pytest.approx(0.503, abs=5 * found.stderr[0] + 0.004)
    # det J = u^2 at every step.
    assert found.exponents.sum() == pytest.approx(2 * math.log(0.9), abs=1e-10)
    shuffled = jacobians[np.random.default_rng(0).permutation(len(jacobians))]
    other = lyapunov_spectrum(shuffled, transient=1000).exponents[0]
    assert abs(other - found.exponents[0]) > 10 * found.stderr[0]


def test_the_sum_rule_and_the_leading_ones():
    for jacobians in (rnn_jacobians(10, 2.0, 600, 3), lstm_jacobians(5, 1.5, 600, 4)):
        found = lyapunov_spectrum(jacobians, transient=100)
        logs = np.linalg.slogdet(jacobians[100:])[1]
        # Each step's R and its determinant agree to rounding; 500 steps average it.
        assert found.exponents.sum() == pytest.approx(logs.mean(), abs=1e-10)
        assert found.steps == 500
        np.testing.assert_allclose(found.history[-1], found.exponents, rtol=1e-12)
        few = lyapunov_spectrum(jacobians, transient=100, leading=3)
        start = np.random.default_rng(1).standard_normal((jacobians.shape[1], 3))
        again = lyapunov_spectrum(jacobians, transient=100, leading=3, initial=start)
        # Another first frame is forgotten at the rate of the gaps: after 100 steps and in a mean
        # over 500 it leaves some 1 / 500 of the first steps' difference.
        np.testing.assert_allclose(few.exponents, found.exponents[:3], atol=0.02)
        np.testing.assert_allclose(again.exponents, found.exponents[:3], atol=0.02)


def test_every_interval_gives_the_same_exponents():
    jacobians = rnn_jacobians(16, 3.0, 400, 5)
    every = lyapunov_spectrum(jacobians, transient=50, interval=1)
    free = lyapunov_spectrum(jacobians, transient=50)
    # Windows are cut where 16 nats of spread would cost more than 1e-8.
    np.testing.assert_allclose(free.exponents, every.exponents, atol=1e-8)
    assert every.interval == 1


def test_chunks_are_one_stream():
    jacobians = lstm_jacobians(4, 1.0, 300, 6)
    whole = lyapunov_spectrum(jacobians, transient=30)
    parts = (jacobians[a:b] for a, b in ((0, 1), (1, 120), (120, 121), (121, 300)))
    stream = lyapunov_spectrum(parts, transient=30)
    np.testing.assert_allclose(stream.exponents, whole.exponents, atol=1e-8)
    assert stream.steps == whole.steps == 270


def test_singular_jacobians_give_minus_infinity_and_no_nan():
    jacobians = np.random.default_rng(0).standard_normal((50, 3, 3))
    jacobians[20, :, 1] = 0.0
    found = lyapunov_spectrum(jacobians, transient=0)
    assert np.isneginf(found.exponents[2])
    assert np.isfinite(found.exponents[:2]).all()
    assert found.stderr[2] == 0.0
    assert not np.isnan(found.history).any()
    dead = lyapunov_spectrum(np.zeros((5, 2, 2)), transient=0)
    assert np.isneginf(dead.exponents).all()


def test_one_unit_and_one_step():
    found = lyapunov_spectrum(np.full((7, 1, 1), -0.5), transient=0)
    assert found.exponents[0] == pytest.approx(math.log(0.5), abs=1e-15)
    one = lyapunov_spectrum(np.array([[[3.0]]]), transient=0)
    assert one.exponents[0] == pytest.approx(math.log(3), abs=1e-15)
    assert one.stderr[0] == math.inf


@pytest.mark.parametrize(
    ("jacobians", "options", "says"),
    [
        (np.empty((0, 2, 2)), {}, "at least one step must be left"),
        (np.ones((5, 2, 2)), {"transient": 5}, "at least one step must be left"),
        (np.ones((5, 2, 3)), {}, r"\(T, d, d\)"),
        (np.full((5, 2, 2), np.nan), {}, "finite"),
        (np.ones((5, 2, 2)), {"leading": 3}, "leading"),
        (np.ones((5, 2, 2)), {"interval": 0}, "interval"),
        (np.ones((5, 2, 2)), {"blocks": 0}, "blocks"),
    ],
)
def test_bad_arguments_are_refused(jacobians, options, says):
    with pytest.raises(ValueError, match=says) as caught:
        lyapunov_spectrum(jacobians, **options)
    assert "\n" not in str(caught.value)
