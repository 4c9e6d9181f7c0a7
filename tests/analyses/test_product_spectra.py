"""Products of Jacobians: exact identities between the claims, 120 digits, and laws of products."""

import math

import mpmath
import numpy as np
import pytest

import gradflow as gf
from gradflow.cells.initializers import gaussian
from gradflow.networks import read_sequence

HIDDEN, LONGEST, TRANSIENT = 10, 60, 20
FACTORS = (1, 2, 3, 4)
CELLS = {"rnn": {"recurrent": gaussian(2.0)}, "lstm": {"forget_bias": 3.0}}


@pytest.fixture(scope="module", params=list(CELLS))
def product(request):
    """The name, and the singular values of the longest product multiplied out in 600 digits."""
    x = read_sequence(None, LONGEST + TRANSIENT).values
    cell = gf.cells.get(request.param)
    params = cell.init(hidden=HIDDEN, inputs=x.shape[1], rng=0, **CELLS[request.param])
    run = gf.run(cell, params, x)
    jacobians = run.jacobians(range(TRANSIENT + 1, run.steps + 1))
    with mpmath.workdps(600):  # squares of 1e-300 are among the eigenvalues
        whole = mpmath.matrix(jacobians[0].tolist())
        for jacobian in jacobians[1:]:
            whole = mpmath.matrix(jacobian.tolist()) * whole
        eigenvalues = mpmath.eigsy(whole.T * whole, eigvals_only=True)
        logs = sorted((float(mpmath.log10(e) / 2) for e in eigenvalues), reverse=True)
    slogdet = np.linalg.slogdet(jacobians)[1].sum()
    return request.param, logs, slogdet


def test_the_fan_ends_where_600_digits_say(quick, product):
    name, logs, _ = product
    numbers = quick("product_spectra").numbers
    claims = (
        "largest singular value",
        f"singular value number {HIDDEN}",
        "smallest singular value",
    )
    for claim, exact in zip(claims, (logs[0], logs[HIDDEN - 1], logs[-1]), strict=True):
        assert numbers[f"{name}: log10 {claim}"] == pytest.approx(exact, abs=1e-8)


def test_slopes_add_up_to_the_volume_and_are_the_exponents(quick, product):
    name, logs, slogdet = product
    numbers = quick("product_spectra").numbers
    assert sum(logs) * math.log(10) == pytest.approx(slogdet, abs=1e-8)
    mean = numbers[f"{name}: mean exponent"]
    assert mean * LONGEST * len(logs) == pytest.approx(slogdet, abs=1e-6)
    # sigma_1 is the most that any frame grows; a frame in general position trails it by a constant
    leading = logs[0] * math.log(10) / LONGEST
    assert leading - 3 / LONGEST <= numbers[f"{name}: leading exponent"] <= leading + 1e-9
    assert numbers[f"{name}: farthest slope from its exponent"] < 6 / LONGEST


def test_half_of_the_lstm_is_kept(quick, product):
    name, logs, _ = product
    if name == "lstm":
        assert logs[HIDDEN - 1] - logs[HIDDEN] > 20
        assert logs[HIDDEN - 1] > -10


@pytest.mark.parametrize("count", FACTORS)
def test_products_follow_the_fuss_catalan_law(quick, count):
    numbers = quick("product_spectra").numbers
    # E sigma^2 = 1 exactly; its deviation over 6 draws of n = 128 is about sqrt(2 s / 6) / n
    found = numbers[f"mean square singular value, {count} factors"]
    assert found == pytest.approx(1, abs=5 * math.sqrt(2 * count / 6) / 128)
    edge = math.sqrt((count + 1) ** (count + 1) / count**count)
    assert numbers[f"largest singular value, {count} factors"] == pytest.approx(edge, rel=0.1)
