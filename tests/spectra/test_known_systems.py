"""Systems whose answer is known: the toy, linear cells, Henon and Ikeda declared as cells."""

import math

import mpmath
import numpy as np
import pytest

import gradflow as gf

HENON = gf.Cell(
    name="henon",
    state="x[one] y[one]",
    scalars="a b",
    equations="""
        x_next = 1 - a * x**2 + y
        y_next = b * x
    """,
)
LINEAR = gf.Cell(
    name="linear",
    state="h",
    inputs="x",
    maps="W U",
    equations="h_next = U @ h + W @ x",
)


@pytest.mark.parametrize("w", [1.0, 1.01, 0.99])
def test_the_toy_has_its_power_and_its_derivative_to_12_digits(w):
    run = gf.run(gf.cells.scalar, {"w": np.array([w])}, state=np.array([1.0]), steps=1000)
    power = mpmath.mpf(w) ** 1000
    slope = 1000 * mpmath.mpf(w) ** 999
    assert run.states["y"][-1, 0] == pytest.approx(float(power), rel=1e-12)
    assert math.exp(run.decay().log_norm[-1]) == pytest.approx(float(power), rel=1e-12)
    total = run.parameter_gradient(np.array([1.0])).total["w"][0]
    assert total == pytest.approx(float(slope), rel=1e-12)


def test_the_toy_beyond_float_range_in_logs():
    w = 0.01
    run = gf.run(gf.cells.scalar, {"w": np.array([w])}, state=np.array([1.0]), steps=1000)
    assert run.states["y"][-1, 0] == 0.0
    assert run.decay().log_norm[-1] == pytest.approx(1000 * math.log(w), rel=1e-12)
    # The state itself leaves float range, so the derivative comes from the mpmath program.
    code = gf.compile(gf.cells.scalar, backend="mpmath", digits=30)
    params = {"w": np.array([w])}
    state, slope = np.array([1.0]), 0
    for t in range(1, 1001):
        direct = code.parameter_vjp(params, state, np.array([1.0]), None, t)["w"][0]
        slope = code.jacobian(params, state, None, t)[0, 0] * slope + direct
        state = code.step(params, state, None, t)
    exact = mpmath.mpf(w)
    assert float(mpmath.log10(state[0])) == pytest.approx(1000 * math.log10(w), rel=1e-12)
    expected = float(mpmath.log10(1000 * exact**999))
    assert float(mpmath.log10(slope)) == pytest.approx(expected, rel=1e-12)
    assert expected == pytest.approx(3 - 1998, abs=1e-9)


def henon_run(steps):
    params = {"a": np.array([1.4]), "b": np.array([0.3])}
    return gf.run(HENON, params, state={"x": np.array([0.1]), "y": np.array([0.1])}, steps=steps)


def test_henon_declared_as_a_cell():
    run = henon_run(30_000)
    spectrum = run.lyapunov(transient=1000)
    # Published 0.41922 (Sprott, Chaos and Time-Series Analysis, 2003); 29,000 steps of a chaotic
    # map leave a standard error near 0.002, and five of them is the band.
    assert spectrum.stderr[0] < 0.004
    assert spectrum.exponents[0] == pytest.approx(0.41922, abs=5 * spectrum.stderr[0])
    # det J = -b at every step, so the sum has no statistical error at all.
    assert spectrum.exponents.sum() == pytest.approx(math.log(0.3), abs=1e-10)


def test_the_henon_run_is_the_map_and_the_sum_rule_would_see_another_b():
    run = henon_run(50)
    x, y = 0.1, 0.1
    for step in range(20):
        x, y = 1 - 1.4 * x * x + y, 0.3 * x
        # Chaos doubles rounding errors every 1.7 steps: 20 steps cost four digits.
        assert run.states["x"][step + 1, 0] == pytest.approx(x, rel=1e-10)
    assert abs(math.log(0.3) - math.log(0.3003)) > 1e-4


def test_a_linear_cell_has_the_exponents_of_its_matrix():
    rng = np.random.default_rng(5)
    basis = rng.standard_normal((4, 4))
    moduli = np.array([1.3, 0.9, 0.5, 0.1])
    matrix = basis @ np.diag(moduli) @ np.linalg.inv(basis)
    run = gf.run(LINEAR, {"U": matrix, "W": np.zeros((4, 2))}, np.zeros((400, 2)))
    found = run.lyapunov(transient=200).exponents
    # (0.9 / 1.3)^200 = 1e-32: the frame has settled, only rounding is left.
    np.testing.assert_allclose(found, np.log(moduli), atol=1e-12)
    logs = run.product_eigenvalues().log_abs
    np.testing.assert_allclose(logs, 400 * np.log(moduli), rtol=1e-11)
    np.testing.assert_allclose(np.sort(run.eigenvalues(3).real), np.sort(moduli), rtol=1e-12)


def test_an_orthogonal_cell_neither_grows_nor_decays():
    cell = LINEAR
    params = cell.init(hidden=6, inputs=2, rng=0, U=gf.cells.initializers.orthogonal())
    run = gf.run(cell, params, np.random.default_rng(0).standard_normal((300, 2)))
    np.testing.assert_allclose(run.lyapunov().exponents, 0.0, atol=1e-12)
    np.testing.assert_allclose(run.singular_values().log_sigma, 0.0, atol=1e-12)
    np.testing.assert_allclose(run.decay().log_norm, 0.0, atol=1e-12)


def test_a_zero_recurrent_matrix_kills_the_gradient_exactly():
    cell = gf.cells.rnn
    params = cell.init(hidden=3, inputs=2, rng=0, recurrent=0.0)
    run = gf.run(cell, params, np.ones((5, 2)))
    assert run.decay().log_norm.tolist() == [0.0] + [-math.inf] * 5
    assert np.isneginf(run.lyapunov(transient=0).exponents).all()
    assert np.isneginf(run.singular_values().log_sigma).all()
    assert np.isneginf(run.product_eigenvalues().log_abs).all()
    assert run.gradient_decay(np.ones(3)).zero_lag() == 1


def test_an_identity_relu_network_has_zeros_and_ones_exactly():
    cell = gf.cells.irnn
    params = cell.init(hidden=6, inputs=3, rng=1)
    run = gf.run(cell, params, np.random.default_rng(2).standard_normal((40, 3)))
    product = np.linalg.multi_dot(run.jacobians()[::-1])
    assert set(np.unique(product)) <= {0.0, 1.0}
    assert np.count_nonzero(product - np.diag(np.diag(product))) == 0
    log_sigma = run.singular_values().log_sigma[-1]
    assert set(np.unique(log_sigma)) <= {0.0, -math.inf}
    assert np.count_nonzero(log_sigma == 0.0) == int(np.trace(product))


def test_the_sum_of_exponents_is_the_mean_log_determinant():
    rng = np.random.default_rng(7)
    cell = gf.cells.lstm
    params = cell.init(hidden=4, inputs=3, rng=rng, recurrent=gf.cells.initializers.gaussian(1.5))
    run = gf.run(cell, params, rng.standard_normal((500, 3)))
    found = run.lyapunov(transient=100).exponents.sum()
    logs = np.linalg.slogdet(run.jacobians()[100:])[1]
    assert found == pytest.approx(logs.mean(), abs=1e-10)


def test_the_part_only_exponent_says_what_it_is():
    cell = gf.cells.lstm
    rng = np.random.default_rng(0)
    params = cell.init(hidden=8, inputs=4, rng=rng, forget_bias=3.0)
    run = gf.run(cell, params, rng.standard_normal((400, 4)))
    whole, part = run.lyapunov(), run.lyapunov(part="h")
    assert whole.label == "whole state"
    assert part.label == "h only (what others print)"
    assert whole.exponents[0] > part.exponents[0] + 0.5
    block = run.jacobians()[:, :8, :8]
    direct = gf.spectra.lyapunov_spectrum(block)
    np.testing.assert_allclose(part.exponents, direct.exponents, rtol=1e-12)
