"""Mean-field theory against mpmath, expansions near g = 1, and a network."""

import math

import mpmath
import numpy as np
import pytest

from gradflow.errors import UsageError
from gradflow.spectra import mean_field_exponent, mean_field_variance


def gaussian_mean(function, variance):
    scale = mpmath.sqrt(variance)
    normal = lambda z: mpmath.exp(-z * z / 2) / mpmath.sqrt(2 * mpmath.pi)  # noqa: E731
    return mpmath.quad(lambda z: function(scale * z) * normal(z), [-12, -3, -1, 0, 1, 3, 12])


@pytest.mark.parametrize("gain", [1.1, 1.5, 2.0, 4.0])
def test_fixed_point_and_exponent_at_25_digits(gain):
    with mpmath.workdps(25):
        variance = mpmath.mpf(mean_field_variance(gain))
        mean = gaussian_mean(lambda a: mpmath.tanh(a) ** 2, variance)
        assert float(gain**2 * mean / variance) == pytest.approx(1, abs=1e-12)
        slope = gaussian_mean(lambda a: mpmath.sech(a) ** 4, variance)
        exact = float(mpmath.log(gain**2 * slope) / 2)
    assert mean_field_exponent(gain) == pytest.approx(exact, abs=1e-12)


def test_the_checkpoint():
    assert mean_field_exponent(2.0) == pytest.approx(0.1547, abs=5e-5)


@pytest.mark.parametrize("gain", [0.01, 0.5, 1.0])
def test_order_decays_as_its_gain(gain):
    assert mean_field_variance(gain) == 0.0
    assert mean_field_exponent(gain) == math.log(gain)


def test_just_beyond_one():
    for excess in (1e-2, 1e-3, 1e-4):
        gain = 1 + excess
        # tanh^2 a = a^2 - 2 a^4 / 3 + ..., E a^4 = 3 Delta^2: 1 = g^2 (1 - 2 Delta) at first order
        variance = mean_field_variance(gain)
        assert variance == pytest.approx((gain**2 - 1) / (2 * gain**2), rel=6 * excess)
        assert 0 < mean_field_exponent(gain) < excess**2
    assert mean_field_variance(1 + 1e-15) < 1e-14


def test_a_large_gain_is_a_network_of_signs():
    # E tanh^2 -> 1, so Delta -> g^2; sech^4 has area 4/3, so E tanh'^2 -> 4/3 / sqrt(2 pi Delta)
    gain = 300.0
    assert mean_field_variance(gain) / gain**2 == pytest.approx(1, abs=2 / gain)
    expected = 0.5 * math.log(4 / 3 * gain / math.sqrt(2 * math.pi))
    assert mean_field_exponent(gain) == pytest.approx(expected, abs=2 / gain)


def test_the_variance_is_that_of_a_network():
    n, gain = 400, 2.0
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((n, n)) * gain / math.sqrt(n)
    h, seen = rng.standard_normal(n), []
    for _ in range(400):
        a = weights @ h
        h = np.tanh(a)
        seen.append(a @ a / n)
    assert np.mean(seen[50:]) == pytest.approx(mean_field_variance(gain), rel=0.05)


@pytest.mark.parametrize("gain", [0.0, -1.0, math.nan, math.inf, 1001.0])
def test_bad_gains_are_said(gain):
    for call in (mean_field_variance, mean_field_exponent):
        with pytest.raises(UsageError, match="above 0 up to 1000"):
            call(gain)
