"""The transition to chaos against mean-field theory, a network by hand, and exact exponents."""

import math

import mpmath
import numpy as np
import pytest

import gradflow as gf
from gradflow.networks import read_sequence
from gradflow.reporting.publish.scripts import find_script


def mean_field_at_two():
    """Fixed point and exponent at g = 2, iterated in 20 digits."""
    with mpmath.workdps(20):

        def mean(function, variance):
            scale, ends = mpmath.sqrt(variance), [-10, -2, 0, 2, 10]
            return mpmath.quad(lambda z: function(scale * z) * mpmath.npdf(z), ends)

        variance = mpmath.findroot(
            lambda v: 4 * mean(lambda a: mpmath.tanh(a) ** 2, v) - v, (2.0, 2.2)
        )
        return float(mpmath.log(4 * mean(lambda a: mpmath.sech(a) ** 4, variance)) / 2)


def test_mean_field_at_two(quick):
    theory = quick("lyapunov").numbers["mean field: exponent at g = 2"]
    assert theory == pytest.approx(mean_field_at_two(), abs=1e-12)
    assert theory == pytest.approx(0.1547, abs=5e-5)


@pytest.mark.parametrize("gain", [1.2, 2])
def test_networks_by_hand(quick, gain):
    """The six networks of 40 units, one tangent vector scaled at every step."""
    numbers = quick("lyapunov").numbers
    found = []
    for seed in range(6):
        w = np.random.default_rng(seed).standard_normal((40, 40)) / math.sqrt(40)
        h = np.random.default_rng(1000 + seed).standard_normal(40)
        v, logs = np.ones(40), []
        for _ in range(200):
            h = np.tanh(gain * (w @ h))
            v = gain * (1 - h**2) * (w @ v)
            size = np.linalg.norm(v)
            v = v / size
            logs.append(math.log(size))
        found.append(np.mean(logs[66:]))
    error = np.std(found, ddof=1) / math.sqrt(6)
    # chaos makes of two roundings two trajectories, each with its own statistical error
    assert numbers[f"n=40: exponent at g = {gain}"] == pytest.approx(np.mean(found), abs=3 * error)
    if gain == 2:
        assert numbers["n=40: standard error at g = 2"] == pytest.approx(error, rel=0.5)


def test_larger_networks_are_nearer_to_mean_field(quick):
    numbers = quick("lyapunov").numbers
    off = [numbers[f"n={n}: farthest from mean field beyond g = 1.5"] for n in (40, 160)]
    assert off[1] < off[0]
    assert off[1] < 0.05


def test_what_is_known_of_the_cells(quick):
    numbers = quick("lyapunov").numbers
    # a ReLU network with W = I has products of zeros and ones: exponents 0 and minus infinity
    error = numbers["irnn: its standard error"]
    assert numbers["irnn: leading exponent"] == pytest.approx(0, abs=4 * error + 1e-12)
    assert numbers["irnn: exponents that are minus infinity"] == 9
    # the context of the scrn is multiplied by 0.95, and its hidden layer, of slopes up to 1/4, dies
    # faster; the frame turns to it within the transient up to a constant over 135 steps
    assert numbers["scrn: leading exponent"] == pytest.approx(math.log(0.95), abs=1e-3)
    for name in ("rnn", "lstm", "gru"):
        assert numbers[f"{name}: leading exponent"] < 0
    assert numbers["clockwork: leading exponent"] < 3 * numbers["clockwork: its standard error"]


@pytest.mark.parametrize("name", ["rnn", "irnn", "lstm", "gru", "clockwork", "scrn"])
def test_leading_exponents_by_a_single_vector(quick, name):
    x = read_sequence(None, 150).values
    cell = gf.cells.get(name)
    context = {"context": 10} if name == "scrn" else {}
    run = gf.run(cell, cell.init(hidden=10, inputs=x.shape[1], rng=0, **context), x)
    v, logs = np.random.default_rng(5).standard_normal(run.width), []
    for jacobian in run.jacobians():
        v = jacobian @ v
        logs.append(math.log(np.linalg.norm(v)))
        v = v / np.linalg.norm(v)
    # where exponents lie close, two vectors differ in growth by a constant factor of some e^4
    found = quick("lyapunov").numbers[f"{name}: leading exponent"]
    assert found == pytest.approx(np.mean(logs[15:]), abs=4 / 135)


@pytest.mark.slow
def test_a_thousand_units_are_within_two_hundredths(tmp_path):
    numbers = find_script("lyapunov").run(tmp_path, formats=["png"])
    assert numbers["n=1000: exponent at g = 2"] == pytest.approx(0.1547, abs=0.02)
    assert numbers["n=1000: standard error at g = 2"] < 0.005
    off = [numbers[f"n={n}: farthest from mean field beyond g = 1.5"] for n in (100, 1000)]
    assert off[1] < min(0.02, off[0])
    assert numbers["scrn: leading exponent"] == pytest.approx(math.log(0.95), abs=1e-5)
