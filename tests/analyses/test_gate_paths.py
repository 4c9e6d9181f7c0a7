"""The LSTM's paths: exact powers of the gate, shares of a whole, and the exponent that counts."""

import mpmath as mp
import numpy as np
import pytest

import gradflow as gf
from gradflow.models import read_sequence
from gradflow.report.scripts import find_script

BIASES = (0, 1, 3, 5)
PATHS = ("carousel", "c to h", "candidate", "input gate", "forget gate", "output gate")


@pytest.mark.parametrize("b", [0, 1, 2, 5])
def test_the_carousel_alone_is_a_power_of_the_forget_gate(quick, b):
    with mp.workdps(50):
        exact = float((1 / (1 + mp.exp(-b))) ** 100)
    # exp of a sum of 100 logarithms
    assert quick("gate_paths").numbers[f"sigma({b})^100"] == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("b", BIASES)
def test_the_shares_are_a_whole(quick, b):
    numbers = quick("gate_paths").numbers
    shares = [numbers[f"b={b}: percent by {path}"] for path in PATHS]
    assert min(shares) > 0
    assert sum(shares) == pytest.approx(100, rel=1e-12)


def test_the_carousel_carries_more_the_further_the_gate_is_open(quick):
    numbers = quick("gate_paths").numbers
    for what in ("percent by carousel", "log10 of the carousel alone"):
        values = [numbers[f"b={b}: {what}"] for b in BIASES]
        assert values == sorted(values)


def exponents(numbers):
    whole = [numbers[f"b={b}: exponent, whole"] for b in BIASES]
    part = [numbers[f"b={b}: exponent, h only"] for b in BIASES]
    # the carousel is in the whole state: c alone keeps log of a gate near 1
    assert all(w > p for w, p in zip(whole, part, strict=True))
    assert whole == sorted(whole)
    return whole, part


def test_h_alone_has_the_wrong_exponent(quick):
    exponents(quick("gate_paths").numbers)


def test_the_exponent_is_the_growth_of_the_product_by_hand(quick):
    """The naive product of 60 Jacobians, whose size a float still holds, from the same run."""
    text = read_sequence(None, 60)
    sizes = {"hidden": 8, "inputs": text.values.shape[1]}
    params = gf.cells.lstm.init(rng=0, forget_bias=3, **sizes)
    product = np.eye(16)
    for t, jacobian in enumerate(gf.run(gf.cells.lstm, params, text.values).jacobians()):
        product = jacobian @ product
        if t == 5:
            early = np.linalg.norm(product, 2)
    growth = np.log(np.linalg.norm(product, 2) / early) / 54
    found = quick("gate_paths").numbers["b=3: exponent, whole"]
    # a norm against a frame's first column, over 54 steps: log(16) / 54 at most apart
    assert found == pytest.approx(growth, abs=np.log(16) / 54)


@pytest.mark.slow
def test_in_full_the_error_is_large(tmp_path):
    whole, part = exponents(find_script("gate_paths").run(tmp_path, formats=["png"]))
    assert part[2] / whole[2] > 30
