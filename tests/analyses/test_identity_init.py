"""The starts of a ReLU network against products formed by hand, and the theorem irnn.near."""

from math import log, log10

import numpy as np
import pytest

import gradflow as gf
from gradflow.networks import read_sequence
from gradflow.reporting.publish.scripts import find_script


def check_exact(numbers, steps):
    """With U = I, and with U = a I on the active set, nothing is rounded but the logarithm."""
    assert numbers["entries of P neither 0 nor 1"] == 0
    assert numbers["entries of P off the diagonal"] == 0
    for which in ("max", "min"):
        assert numbers[f"log10 sigma_{which} of P, 0.9 I, all active"] == pytest.approx(
            steps * log10(0.9), abs=1e-11
        )


def check_theory(numbers):
    """What follows from the theorems and from norms."""
    assert numbers["rates beyond the bounds"] == 0
    assert log(1 - 0.3) <= numbers["rate of sigma_min, e = 0.3"] < 0
    assert 0 < numbers["rate of sigma_max, e = 0.3"] <= log(1 + 0.3)
    # the norm of n x n normal entries of deviation 0.1 / sqrt(n) tends to 0.2
    assert 0.15 < numbers["e of I + noise"] < 0.23
    # half the units of an orthogonal matrix are inactive, so that it shrinks what it would keep
    orthogonal = numbers["log10 gradient, orthogonal"]
    assert orthogonal < numbers["log10 gradient, 0.9 I"] < numbers["log10 gradient, I"] <= 0


def active_throughout(hidden, steps):
    """The share of units that a recurrence by hand finds active at each of the last steps."""
    x = read_sequence(None, 2 * steps).values
    w = gf.cells.irnn.init(hidden=hidden, inputs=x.shape[1], rng=0)["W"]
    state, product = np.zeros(hidden), np.ones(hidden)
    for t, row in enumerate(x):
        state = np.maximum(w @ row + state, 0.0)
        if t >= steps:
            product = product * (state > 0)
    return product.mean()


def test_the_product_is_exactly_a_diagonal_of_zeros_and_ones(quick):
    numbers = quick("identity_init").numbers
    check_exact(numbers, 60)
    assert numbers["share of ones"] == active_throughout(24, 60)
    assert 0 < numbers["share of ones"] < 1


def test_the_starts_are_ordered_and_the_bounds_hold(quick):
    check_theory(quick("identity_init").numbers)


def test_the_theorem_is_the_one_drawn():
    near = gf.prove("irnn")["irnn.near"]
    assert near.fault() == ""
    assert r"(1 - e)^{t-k} \|v\| \le \|P(t, k) v\| \le (1 + e)^{t-k} \|v\|" in near.formula


@pytest.mark.slow
def test_the_full_figure(tmp_path):
    numbers = find_script("identity_init").run(tmp_path)
    check_exact(numbers, 200)
    check_theory(numbers)
    assert numbers["share of ones"] == active_throughout(100, 200)
    # e stays under 0.3, so the gradient of the noisy start cannot outgrow (1 + e)^200
    assert numbers["log10 gradient, I + noise"] < 200 * log10(1 + numbers["e of I + noise"])
