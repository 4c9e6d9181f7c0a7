"""What a study certifies of a run: the product at high precision lies between the printed ends."""

import math
import re

import mpmath
import numpy as np
import pytest

import gradflow as gf
from gradflow.reporting.document.numbers import enclosure, ranged
from gradflow.studies.certified import certified_number, enclosed, first_run
from gradflow.studies.comparison.comparing import comparison

CALL = "gf.certify(run)"


def decimal(text):
    """The printed number, read exactly."""
    match = re.fullmatch(r"\$(\S+) \\times 10\^\{(-?\d+)\}\$", text)
    return mpmath.mpf(match[1]) * mpmath.mpf(10) ** int(match[2]) if match else mpmath.mpf(text)


def norm(run, lag, digits=60):
    """The norm of the product of the last steps of an RNN, states and all, in mpmath."""
    with mpmath.workdps(digits):
        u, w, b = (mpmath.matrix(run.params[n].tolist()) for n in ("U", "W", "b"))
        state = mpmath.matrix(run.states["h"][0].tolist())
        whole = mpmath.eye(len(state))
        for t, x in enumerate(run.inputs["x"], start=1):
            state = (u * state + w * mpmath.matrix(x.tolist()) + b).apply(mpmath.tanh)
            if t > run.steps - lag:
                slope = mpmath.diag([1 - one**2 for one in state])
                whole = slope * u * whole
        return max(mpmath.svd_r(whole, compute_uv=False))


def tanh_run(gain, steps=12):
    cell, rng = gf.cells.get("rnn"), np.random.default_rng(3)
    params = cell.init(rng=rng, hidden=3, inputs=2)
    params |= {"U": gain * params["U"]}
    return gf.run(cell, params, rng.standard_normal((steps, 2)))


@pytest.mark.parametrize("gain", [0.01, 1.0, 3.0])
def test_the_product_at_high_precision_lies_between_the_printed_ends(gain):
    run = tanh_run(gain)
    found = enclosed(run, [0, 5, 12], allowed=10.0, otherwise=CALL)
    (number,) = certified_number(found, 5, "this run").values()
    assert number.level == "CERTIFIED"
    low, high = map(decimal, ranged(number).split(" to "))
    true = norm(run, 5)
    assert low <= true <= high
    assert (high - low) / true < 1e-5
    # planted: one unit more on a weight in the eighth digit is told apart
    off = {**run.params, "U": run.params["U"] * (1 + 1e-5)}
    moved = norm(gf.run(run.cell, off, run.inputs["x"]), 5)
    assert not low <= moved <= high


@pytest.mark.parametrize("start", [0.0, -3.0, 2.3025850929, -57.3, -4000.0, 4000.0])
def test_ends_are_rounded_outward_and_no_further_than_the_gap_asks(start):
    rng = np.random.default_rng(int(abs(start)))
    for _ in range(200):
        low = start + rng.uniform(-1, 1)
        high = low + rng.choice([0.0, 10.0 ** rng.uniform(-14, 0)])
        first, last = map(decimal, enclosure(low, high))
        with mpmath.workdps(40):
            assert first <= mpmath.exp(low)
            assert mpmath.exp(high) <= last
            # three digits at least, and no more than the logarithm has
            least = max(high - low, 1e-12 * max(1.0, abs(low)))
            assert mpmath.log(last / first) < max(30 * least, 300 * least * (least < 1e-10)) + 0.03


def test_planted_nearest_rounding_is_no_enclosure():
    low = math.log(0.12345678901)
    assert decimal(f"{math.exp(low):.3g}") < decimal(enclosure(low, low)[1])
    assert not decimal(f"{math.exp(low + 0.004):.2g}") >= mpmath.exp(low + 0.004)


def test_what_costs_too_much_says_so_and_how_to_have_it():
    found = enclosed(tanh_run(1.0), [3], allowed=0.0, otherwise=CALL)
    assert found.lags == ()
    assert found.reason == "about 0 s for one run; gf.certify(run) makes it"
    assert certified_number(found, 3, "this run") == {}


def test_a_gradient_that_is_cut_lies_between_zero_and_next_to_nothing():
    cell = gf.cells.get("rnn")
    params = {k: 0 * v for k, v in cell.init(rng=0, hidden=2, inputs=1).items()}
    found = enclosed(gf.run(cell, params, np.ones((4, 1))), [2], allowed=9.0, otherwise=CALL)
    (number,) = certified_number(found, 2, "this run").values()
    low, high = map(decimal, ranged(number).split(" to "))
    assert low == 0
    assert 0 < high < 1e-200


def test_a_comparison_certifies_each_and_says_of_which_run():
    found = comparison(["irnn", "scalar"], hidden=3, steps=20, seeds=2)
    for one in found.cells:
        number = one.numbers()["certified_product"]
        assert number.label.endswith(f"certified for {first_run(one.decays)}")
        exact = one.setup.trajectory.decay().log_norm[20] / math.log(10)
        assert number.between[0] - 1e-9 <= exact <= number.between[1] + 1e-9
