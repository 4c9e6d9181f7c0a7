"""Statements of the level DERIVED: their numbers by hand, and simulation beside them."""

import math

import numpy as np
import pytest

import gradflow as gf
from gradflow.proofs import derived

SMALL = (0.0, 0.05)
BIASES = {"b_i": SMALL, "b_o": SMALL, "b_g": SMALL}


@pytest.mark.parametrize("bias", [1.0, 3.0, 5.0])
def test_the_floor_of_the_lstm_by_hand(bias):
    (floor,) = derived("lstm", biases={**BIASES, "b_f": (bias, 0.05)})
    v = 1.0 + 0.05  # U_f of gain 1 acts on |h| <= 1
    assert floor.value == pytest.approx(-math.log(1 + math.exp(-bias + v / 2)), abs=1e-12)
    assert floor.level == "DERIVED"
    assert floor.formula == r"\lambda \ge E\ln f \ge -\ln\left(1 + e^{-m + v/2}\right)"
    assert "E\\ln(1 + e^{-a})" in floor.derivation


def test_the_floor_holds_in_fresh_networks_whatever_the_other_gains_are():
    rng = np.random.default_rng(0)
    for bias in (1.0, 4.0):
        for gain in (0.2, 1.0, 5.0):
            maps = {"U_i": gain, "U_f": 1.0, "U_o": gain, "U_g": gain}
            biases = {**BIASES, "b_f": (bias, 0.05)}
            (floor,) = derived("lstm", gains=maps, biases=biases)
            n, steps = 60, 60
            drawn = {
                name: g / math.sqrt(n) * rng.standard_normal((steps, n, n))
                for name, g in maps.items()
            }
            params = gf.cells.lstm.init(hidden=n, inputs=1, rng=0, input_maps=0.0) | drawn
            params["b_f"] = bias + math.sqrt(0.05) * rng.standard_normal(n)
            start = 0.5 * rng.standard_normal(2 * n)
            run = gf.run("lstm", params, np.zeros((steps, 1)), start)
            assert run.lyapunov(leading=1, transient=20).exponents[0] > floor.value


def test_constant_carousels_and_gates_of_the_gru():
    (floor,) = derived("scrn")
    assert floor.value == pytest.approx(math.log(0.95), abs=1e-15)
    (floor,) = derived("gru", biases={"b_z": 5.0}, inputs=0.5)
    # U_z on |h| <= 1 and W_z, of the same rule, on inputs of variance 1/2
    assert floor.value == pytest.approx(-math.log(1 + math.exp(-5 + 1.5 / 2)), abs=1e-12)
    exact = gf.mean_field("gru", biases={"b_z": 5.0}, inputs=0.5, tied=False)
    assert exact.bulk >= floor.value


def test_no_carousel_no_floor():
    none, median = derived("rnn", gains=math.sqrt(1.7609546396), biases={"b": SMALL})
    assert none.name == "rnn.no_floor"
    assert none.value == -math.inf
    assert median.value == pytest.approx(-0.477, abs=2e-3)
    for gain in (1e-2, 1e-4):
        assert gf.mean_field("rnn", gains=gain).exponent == pytest.approx(math.log(gain), abs=1e-3)


def test_what_may_cancel_has_no_floor():
    # the second part takes the first away again: h' = h - c + ..., and no square is added
    cell = gf.Cell(
        name="cancel",
        state="h c",
        maps="U",
        equations="""
            h_next = 0.9 * h - 0.9 * c + tanh(U @ h)
            c_next = tanh(U @ h)
        """,
    )
    assert [d.name for d in derived(cell)] == []
    # a map with a part of the identity carries states of its own
    shifted = gf.Cell(name="s", state="h", maps="U", equations="h_next = 0.9 * h + tanh(U @ h)")
    assert len(derived(shifted, gains=1.0)) == 1
    assert derived(shifted, gains={"U": (-0.9, 1.0)}) == ()
    assert derived("clockwork") == ()
