"""The Kreiss constant against closed forms, mpmath and a plain grid; Kreiss's matrix theorem."""

import mpmath
import numpy as np
import pytest

from gradflow.errors import PrecisionError, UsageError
from gradflow.spectra import kreiss_constant, log_power_norms, log_resolvent_norms


def block(a, c):
    return np.array([[a, c], [0.0, a]])


@pytest.mark.parametrize(
    ("a", "c"), [(0.5, 5.0), (0.9, 1.0), (0.9, 3.0), (0.0, 10.0), (-0.99, 1.0)]
)
def test_a_jordan_block_has_the_constant_that_mpmath_finds(a, c):
    # |(zI - A)^{-1}| is largest on the ray through a, where it is 2 / (sqrt(4 t^2 + c^2) - c)
    with mpmath.workdps(40):
        size, coupling = mpmath.mpf(abs(a)), mpmath.mpf(c)

        def value(t):
            return 2 * (t - 1 + size) / (mpmath.sqrt(4 * t**2 + coupling**2) - coupling)

        ends = (1 - size) * mpmath.mpf("1.01"), 4 * (1 - size) + coupling

        def slope(t):
            return mpmath.diff(value, t)

        t = mpmath.findroot(slope, ends, solver="bisect", tol=1e-60, verify=False, maxsteps=120)
        best = value(t)
        found = kreiss_constant(block(a, c))
        assert found.value == pytest.approx(float(best), rel=1e-12)
        assert found.value <= found.bound <= found.value * (1 + 1e-6)
        if a:
            assert found.at == pytest.approx(np.sign(a) * float(size + t), rel=1e-5)
        # the same by hand: c / (4 d) + d / c with d = 1 - |a|
        d = 1 - size
        assert abs(best - (coupling / (4 * d) + d / coupling)) < mpmath.mpf(10) ** -25


def test_a_block_with_little_coupling_has_the_constant_one():
    # at c = 2 (1 - a) the closed form reaches 1, below that the point goes to infinity
    found = kreiss_constant(block(0.5, 0.99))
    assert found.value == 1.0
    assert 1.0 <= found.bound <= 1 + 2e-6
    assert np.isinf(found.at)


@pytest.mark.parametrize("seed", range(4))
def test_normal_matrices_up_to_radius_one_have_the_constant_one(seed):
    rng = np.random.default_rng(seed)
    q = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    symmetric = q @ np.diag(rng.uniform(-1, 1, 6)) @ q.T
    for matrix in (q, 0.7 * q, symmetric, np.eye(3), np.zeros((2, 2))):
        assert kreiss_constant(matrix).value == 1.0


@pytest.mark.parametrize("seed", range(12))
def test_it_is_no_less_than_a_fine_grid_and_obeys_the_theorem(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 9))
    a = np.triu(rng.standard_normal((n, n)), 1) + np.diag(rng.uniform(-1, 1, n))
    if seed % 2:
        a = rng.standard_normal((n, n)) + 2 * np.triu(rng.standard_normal((n, n)), 1)
    a *= rng.choice([0.5, 0.9, 0.99]) / np.abs(np.linalg.eigvals(a)).max()
    found = kreiss_constant(a)
    inverse = (1 - np.geomspace(1e-5, 1, 80)) * np.exp(1j * np.linspace(0, np.pi, 181))[:, None]
    room = 1 - np.abs(inverse)
    resolvent = np.linalg.norm(np.linalg.inv(np.eye(n) - inverse[..., None, None] * a), 2, (-2, -1))
    highest = (room * resolvent).max()
    assert highest <= found.value * (1 + 1e-12)
    assert found.value <= highest * 1.05  # the grid cannot miss by more
    if np.isfinite(found.at):
        there = (abs(found.at) - 1) * np.exp(log_resolvent_norms(a, found.at))
        assert there == pytest.approx(found.value, rel=1e-9)
        assert found.at.imag >= 0
        assert abs(found.at) > 1
    peak = log_power_norms(a, 2000).max()
    assert np.log(found.value) <= peak + 1e-12
    assert peak <= 1 + np.log(n * found.value)


def test_an_eigenvalue_outside_the_circle_makes_it_infinite():
    found = kreiss_constant([[1.5, 0.0], [0.0, 0.2]])
    assert (found.value, found.at, found.bound) == (np.inf, 1.5, np.inf)


def test_the_peak_may_be_sharp_and_off_the_axis():
    # two coupled rotations at radius 0.999 beside a broad bump on the axis
    angle = 1.234567
    turn = 0.999 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    a = np.zeros((6, 6))
    a[:2, :2], a[2:4, 2:4], a[:2, 2:4] = turn, turn, np.eye(2)
    a[4:, 4:] = block(0.5, 5.0)
    found = kreiss_constant(a)
    # the coupled rotations are two complex blocks [[a, 1], [0, a]] of |a| = 0.999
    assert found.value == pytest.approx(1 / (4 * 0.001) + 0.001, rel=1e-9)
    assert np.angle(found.at) == pytest.approx(angle, abs=1e-6)


def test_resolvent_norms_of_a_normal_matrix_are_distances_to_the_spectrum():
    eigenvalues = np.array([0.5, -0.25, 2.0])
    z = np.array([[0.1 + 1j, 3.0], [0.5, -1j]])
    distance = np.abs(z[..., None] - eigenvalues).min(axis=-1)
    found = log_resolvent_norms(np.diag(eigenvalues), z)
    assert found[1, 0] == np.inf
    distance[1, 0], found[1, 0] = 1.0, 0.0
    np.testing.assert_allclose(found, -np.log(distance), atol=1e-14)


def test_log_powers_go_below_floating_point_and_to_an_exact_zero():
    # |A^k| of [[a, c], [0, a]] is a^k times the norm of [[1, k c / a], [0, 1]]
    found = log_power_norms(block(0.1, 0.1), 2000)
    s = 2000.0
    expected = 2000 * np.log(0.1) + np.log((s + np.sqrt(s**2 + 4)) / 2)
    assert found[-1] == pytest.approx(expected, rel=1e-12)
    found = log_power_norms(block(0.0, 4.0), 3)
    assert found[2:].tolist() == [-np.inf, -np.inf]
    np.testing.assert_allclose(found[:2], [0.0, np.log(4.0)], rtol=1e-15)
    assert log_power_norms(np.eye(2), 0).tolist() == [0.0]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: kreiss_constant(np.ones((2, 3))), "must be square"),
        (lambda: kreiss_constant(np.ones((0, 0))), "must be square"),
        (lambda: kreiss_constant([[np.nan]]), "nan"),
        (lambda: kreiss_constant([[1j]]), "real numbers"),
        (lambda: kreiss_constant(block(0.5, 5.0), 0.0), "tolerance"),
        (lambda: log_resolvent_norms(np.eye(2), [np.inf]), "not finite"),
        (lambda: log_power_norms(np.eye(2), -1), "whole number of at least 0"),
    ],
)
def test_what_cannot_be_answered_is_said(call, words):
    with pytest.raises(UsageError, match=words):
        call()


def test_rounding_does_not_decide_at_radius_one():
    with pytest.raises(PrecisionError, match="nine digits"):
        kreiss_constant(block(1.0, 1.0))
