"""Laws of random matrices against moments, closed forms, quadrature and large random matrices."""

import math

import mpmath
import numpy as np
import pytest
from scipy.integrate import quad

import gradflow as gf
from gradflow.errors import UsageError
from gradflow.spectra import (
    bulk_radius,
    fuss_catalan,
    newman_exponents,
    quarter_circle,
    saturated_singular_values,
)
from gradflow.spectra.products.singular_values import product_log_singular_values


@pytest.mark.parametrize("gain", [1.0, 1.7])
@pytest.mark.parametrize("k", [0, 1, 2, 3])
def test_the_quarter_circle_has_the_catalan_numbers(gain, k):
    moment = quad(lambda s: s ** (2 * k) * quarter_circle(s, gain), 0, 2 * gain)[0]
    assert moment == pytest.approx(gain ** (2 * k) * math.comb(2 * k, k) / (k + 1), rel=1e-7)
    assert quarter_circle([-0.1, 2 * gain + 0.1], gain).tolist() == [0, 0]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_the_product_law_has_the_fuss_catalan_numbers(count):
    log_sigma, density = fuss_catalan(count, 20_000)
    assert (np.diff(log_sigma) > 0).all()
    for k in range(5):
        moment = np.trapezoid(density * np.exp(2 * k * log_sigma), log_sigma)
        exact = math.comb((count + 1) * k, k) / (count * k + 1)
        assert moment == pytest.approx(exact, rel=1e-4)
    edge = (count + 1) ** (count + 1) / count**count
    assert math.exp(2 * log_sigma[-1]) == pytest.approx(edge, rel=1e-6)


def test_one_factor_is_the_quarter_circle_and_two_are_the_known_formula():
    log_sigma, density = fuss_catalan(1)
    sigma = np.exp(log_sigma)
    # the closed form loses half the digits of a float of sigma at the edge, a square root
    np.testing.assert_allclose(density, sigma * quarter_circle(sigma), rtol=1e-9, atol=1e-8)
    # Penson & Zyczkowski 2011, of x = sigma^2 for two factors
    log_sigma, density = fuss_catalan(2)
    with mpmath.workdps(40):
        for at, found in zip(log_sigma[:-1:40], density[:-1:40], strict=True):
            x = mpmath.exp(2 * mpmath.mpf(at))
            root = 27 + 3 * mpmath.sqrt(81 - 12 * x)
            law = mpmath.cbrt(2) * mpmath.sqrt(3) / (12 * mpmath.pi)
            law *= mpmath.cbrt(2) * mpmath.cbrt(root) ** 2 - 6 * mpmath.cbrt(x)
            law /= mpmath.cbrt(x) ** 2 * mpmath.cbrt(root)
            assert found == pytest.approx(float(2 * x * law), rel=1e-6)


def test_products_of_large_matrices_follow_it():
    n, count = 300, 3
    factors = np.random.default_rng(0).standard_normal((count, n, n)) / math.sqrt(n)
    log_sigma = np.sort(product_log_singular_values(factors))
    at, density = fuss_catalan(count, 4000)
    below = np.concatenate([[0], np.cumsum(np.diff(at) * (density[1:] + density[:-1]) / 2)])
    theory = np.interp(log_sigma, at, below)
    # singular values repel each other, so the distance falls as 1/n and not as its root
    assert np.abs(theory - (np.arange(n) + 0.5) / n).max() < 0.02


def test_the_saturated_law_of_equal_slopes_is_the_quarter_circle():
    sigma = np.concatenate([[1e-6, 1e-3], np.linspace(0.01, 1.79, 30), [1.81, 5.0]])
    found = saturated_singular_values(sigma, np.full(3, 0.6), 1.5)
    np.testing.assert_allclose(found, quarter_circle(sigma, 0.9), atol=1e-7)


def test_the_saturated_law_has_its_moments_and_its_atom():
    # a third of the units saturated for good: as many singular values are 0
    slopes = np.concatenate([np.zeros(20), np.linspace(0.1, 1, 40)])
    squares = (1.7 * slopes) ** 2
    sigma = np.linspace(1e-4, 3.5, 6001)
    density = saturated_singular_values(sigma, slopes, 1.7)
    moments = [np.trapezoid(density * sigma ** (2 * k), sigma) for k in range(3)]
    # E tr (W' D^2 W)^k / n for k = 1, 2, by pairing the entries of W
    exact = [2 / 3, squares.mean(), (squares**2).mean() + squares.mean() ** 2]
    np.testing.assert_allclose(moments, exact, rtol=2e-3)


def test_the_saturated_law_and_disc_are_those_of_a_large_matrix():
    n, gain = 400, 1.6
    rng = np.random.default_rng(1)
    slopes = 1 - np.tanh(rng.standard_normal(n)) ** 2
    matrix = slopes[:, None] * rng.standard_normal((n, n)) * gain / math.sqrt(n)
    sigma = np.sort(np.linalg.svd(matrix)[1])
    at = np.linspace(1e-4, 3.5, 1000)
    density = saturated_singular_values(at, slopes, gain)
    below = np.concatenate([[0], np.cumsum(np.diff(at) * (density[1:] + density[:-1]) / 2)])
    # the density diverges at 0, where the trapezoidal rule has some hundredths of it
    assert np.abs(np.interp(sigma, at, below) - (np.arange(n) + 0.5) / n).max() < 0.03
    radius = bulk_radius(slopes, gain)
    assert radius < gain
    # the edge of the disc moves by O(n^-1/2 log n)
    assert np.abs(np.linalg.eigvals(matrix)).max() == pytest.approx(radius, rel=0.08)
    assert bulk_radius(np.ones(5), gain) == pytest.approx(gain, rel=1e-15)


@pytest.mark.parametrize(("n", "gain"), [(1, 1.0), (2, 1.0), (5, 1.4)])
def test_newman_by_quadrature(n, gain):
    # log of the norm of a Gaussian vector of m entries: the i-th column sees m = n - i + 1
    found = newman_exponents(n, gain)
    for i in range(1, n + 1):
        m = n - i + 1

        def chi(r, m=m):
            return r ** (m - 1) * mpmath.exp(-r * r / 2) / (2 ** (m / 2 - 1) * mpmath.gamma(m / 2))

        mean = mpmath.quad(lambda r, chi=chi: mpmath.log(r) * chi(r), [0, 1, 4, 40])
        exact = float(mean) + math.log(gain / math.sqrt(n))
        assert found[i - 1] == pytest.approx(exact, abs=1e-9)


def test_newman_is_what_a_long_product_has():
    n, steps = 4, 6000
    factors = np.random.default_rng(2).standard_normal((steps, n, n)) / math.sqrt(n)
    spectrum = gf.spectra.lyapunov_spectrum(factors, transient=50)
    assert (np.abs(spectrum.exponents - newman_exponents(n)) < 4 * spectrum.stderr).all()
    assert (spectrum.stderr < 0.02).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bulk_radius([]), "one axis, not empty"),
        (lambda: bulk_radius([np.nan]), "finite"),
        (lambda: bulk_radius([1.0], 0.0), "gain is 0.0"),
        (lambda: quarter_circle(0.5, -1.0), "gain is -1.0"),
        (lambda: quarter_circle(np.inf), "finite"),
        (lambda: fuss_catalan(0), "count is 0"),
        (lambda: fuss_catalan(2, 1), "points is 1"),
        (lambda: saturated_singular_values([0.0], [1.0]), "other than zero"),
        (lambda: saturated_singular_values([1.0], [0.0]), "other than zero"),
        (lambda: newman_exponents(0), "n is 0"),
        (lambda: newman_exponents(3, math.inf), "gain is inf"),
    ],
)
def test_bad_input_is_said(call, message):
    with pytest.raises(UsageError, match=message):
        call()
