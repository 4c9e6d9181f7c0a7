"""Exponents by rank against closed forms, finite matrices and published tables."""

import math

import numpy as np
import pytest

import gradflow as gf
from gradflow.cells.initializers import gaussian, orthogonal
from gradflow.ensembles import exponents_by_rank
from gradflow.errors import UsageError
from gradflow.spectra import entropy_rate, kaplan_yorke, newman_exponents

LINEAR = gf.Cell(name="linear", state="h", maps="U", equations="h_next = U @ h")
SMALL = {"b": (0.0, 0.05)}


def test_a_product_of_gaussian_matrices_is_newmans():
    n = 200
    ranks = (np.arange(n) + 0.5) / n
    found = exponents_by_rank(gf.mean_field(LINEAR, gains=1.3), ranks)
    exact = newman_exponents(n, 1.3)
    assert np.abs(found - exact)[: n // 2].max() < 0.02
    assert np.abs(found - 1.001 * exact)[: n // 2].max() < np.abs(found - 1.1 * exact).max()
    kept = gf.mean_field(LINEAR, gains=orthogonal(1.3))
    np.testing.assert_allclose(exponents_by_rank(kept, ranks), math.log(1.3), atol=1e-12)


@pytest.mark.parametrize(
    ("rule", "table"),
    [
        (gaussian, [0, -0.072, -0.196, -0.477, -0.964, -1.605]),
        (orthogonal, [0, -0.019, -0.052, -0.129, -0.268, -0.447]),
    ],
)
def test_the_critical_line_is_not_enough(rule, table):
    critical = gf.mean_field("rnn", gains=rule(math.sqrt(1.7609546396)), biases=SMALL)
    found = exponents_by_rank(critical, [0, 0.1, 0.25, 0.5, 0.75, 0.9])
    # the table is of ranks half a step off, where the curve is steep
    np.testing.assert_allclose(found, table, rtol=0.01, atol=1e-3)
    assert found[0] == pytest.approx(critical.bulk, abs=1e-9)


@pytest.mark.parametrize("rule", [gaussian, orthogonal])
def test_products_of_fresh_matrices_have_these_exponents(rule):
    n, steps, rng = 120, 120, np.random.default_rng(0)
    found = exponents_by_rank(gf.mean_field("rnn", gains=rule(2.0)), [0.1, 0.25, 0.5])
    variance = gf.spectra.mean_field_variance(2.0)
    frame, growth = np.linalg.qr(rng.standard_normal((n, n)))[0], np.zeros(n)
    for _ in range(steps):
        slopes = np.cosh(math.sqrt(variance) * rng.standard_normal(n)) ** -2.0
        frame, upper = np.linalg.qr(slopes[:, None] * (rule(2.0).draw(rng, (n, n)) @ frame))
        growth += np.log(np.abs(np.diag(upper)))
    np.testing.assert_allclose(growth[[12, 30, 60]] / steps, found, atol=0.04)


def test_a_relu_loses_half_of_the_directions():
    relu = gf.Cell(name="relu", state="h", maps="U", equations="h_next = relu(U @ h)")
    ranks = np.array([0, 0.25, 0.49, 0.5, 0.9])
    found = exponents_by_rank(gf.mean_field(relu, gains=math.sqrt(2)), ranks)
    # S of a projection on half is (1 - x) / (1/2 - x)
    np.testing.assert_allclose(found[:3], np.log(1 - 2 * ranks[:3]) / 2, atol=1e-9)
    assert np.isfinite(found[:3]).all()
    assert np.isneginf(found[3:]).all()


def test_other_jacobians_are_refused():
    for cell in ("gru", "scrn"):
        with pytest.raises(UsageError, match="other terms"):
            exponents_by_rank(gf.mean_field(cell, inputs=1.0, tied=False), [0.5])
    with pytest.raises(UsageError, match="from 0 to below 1"):
        exponents_by_rank(gf.mean_field("rnn"), [1.0])


def test_dimension_and_entropy():
    # of the Henon map's exponents 0.4192 and -1.6229 (Sprott 2003): 1 + 0.4192 / 1.6229
    assert kaplan_yorke([0.4192, -1.6229]) == pytest.approx(1.2583, abs=1e-4)
    assert kaplan_yorke([-1.6229, 0.4192]) == kaplan_yorke([0.4192, -1.6229])
    rows = [[0.5, 0.1, -0.2], [-0.1, -0.2, -0.3], [0.0, -1.0, -2.0], [0.5, -np.inf, -np.inf]]
    np.testing.assert_array_equal(kaplan_yorke(rows), [3.0, 0.0, 1.0, 1.0])
    np.testing.assert_allclose(entropy_rate(rows), [0.6, 0.0, 0.0, 0.5])
    assert kaplan_yorke([-np.inf]) == 0 == entropy_rate([-np.inf])
    params = gf.cells.rnn.init(hidden=16, inputs=1, U=gaussian(3.0), rng=1)
    start = np.random.default_rng(0).standard_normal(16)
    spectrum = gf.run("rnn", params, np.zeros((300, 1)), start).lyapunov(transient=100)
    assert 0 < spectrum.kaplan_yorke < 16
    assert spectrum.entropy_rate == pytest.approx(spectrum.exponents.clip(0).sum())
    with pytest.raises(UsageError, match="nan or inf"):
        kaplan_yorke([np.nan])
