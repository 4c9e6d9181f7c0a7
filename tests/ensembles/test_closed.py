"""Theory by quadrature against closed forms, formulas by hand and published values."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

import gradflow as gf
from ensembles.cells import ERF, LEAKY, LIGHT, MINIMAL, NORMED
from gradflow.errors import UsageError
from gradflow.spectra import mean_field_exponent

SMALL = (0.0, 0.05)


def mean(f, variance, at=0.0):
    """``E f(at + sqrt(variance) z)``, by adaptive quadrature split at 0."""
    if variance == 0:
        return f(at)
    sd = math.sqrt(variance)
    normal = lambda a: f(a) * math.exp(-((a - at) ** 2) / (2 * variance))  # noqa: E731
    ends = sorted({at - 10 * sd, min(max(0.0, at - 10 * sd), at + 10 * sd), at, at + 10 * sd})
    parts = [quad(normal, a, b, epsabs=1e-13, epsrel=1e-12)[0] for a, b in pairwise(ends)]
    return sum(parts) / (sd * math.sqrt(2 * math.pi))


def sigmoid(a):
    return 1 / (1 + math.exp(-a))


def settled(update, q, times=2000):
    for _ in range(times):
        q = update(q)
    return q


def test_the_line_of_tanh():
    found = gf.mean_field("rnn", gains=math.sqrt(1.7609546396), biases={"b": SMALL})
    assert found.method == "quadrature"
    assert found.exponent == pytest.approx(0, abs=1e-10)
    assert found.depth_scale == math.inf
    line = gf.critical("rnn", "U", (1.0, 3.0), biases={"b": SMALL})
    assert line.value**2 == pytest.approx(1.7609546396, abs=2e-9)
    assert gf.critical("rnn", "recurrent", (0.5, 3.0)).value == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("gain", [0.5, 2.0, 5.0])
def test_tanh_is_the_formula_of_the_tanh_network(gain):
    for tied in (True, False):
        found = gf.mean_field("rnn", gains=gain, tied=tied)
        assert found.exponent == pytest.approx(mean_field_exponent(gain), abs=1e-11)


@pytest.mark.parametrize(
    ("gain", "published"),
    [
        (1.2, 0.016476259566956),
        (1.25, 0.023534650132300),
        (1.5, 0.065217211912869),
        (2.0, 0.154724229831350),
        (3.0, 0.310249315145251),
        (4.0, 0.432877855757697),
        (5.0, 0.532427941632384),
        (8.0, 0.750328244342501),
    ],
)
def test_published_exponents_of_networks_without_a_leak(gain, published):
    # Clark (2026), v' = J tanh(v), data of github.com/davidclark1/rnn-lyapunov; beyond gain 10 its
    # own quadrature, of step 0.04, is too coarse
    found = gf.mean_field(LEAKY, gains=gain, biases={"leak": 1.0})
    assert found.method == "quadrature"
    assert abs(found.exponent - published) < 2e-9
    assert abs(found.exponent - 1.001 * published) > 1e-6


@pytest.mark.parametrize(("gain", "noise"), [(0.8, 0.1), (1.5, 1.0), (3.0, 0.25)])
def test_tanh_driven_by_noise(gain, noise):
    # white inputs shift the line: q = E tanh^2 of variance g^2 q + noise (Molgedey et al. 1992)
    def field(q):
        return gain**2 * q + noise

    q = settled(lambda q: mean(lambda a: math.tanh(a) ** 2, field(q)), 0.5, 400)
    chi = gain**2 * mean(lambda a: math.cosh(a) ** -4, field(q))
    for tied in (True, False):
        found = gf.mean_field("rnn", gains={"U": gain, "W": 1.0}, inputs=noise, tied=tied)
        assert found.moments["h"] == pytest.approx(q, abs=1e-9)
        assert found.exponent == pytest.approx(0.5 * math.log(chi), abs=1e-9)
    assert found.exponent != pytest.approx(0.5 * math.log(1.001 * chi), abs=1e-5)
    still = gf.mean_field("rnn", gains=gain).exponent
    assert found.exponent < still  # noise makes a network less chaotic


@pytest.mark.parametrize("gain", [0.8, 1.5, 3.0])
def test_erf_in_closed_form(gain):
    def second(q):
        a = gain**2 * q + 0.05
        return 2 / math.pi * math.asin(2 * a / (1 + 2 * a))

    q = settled(second, 0.5)
    chi = gain**2 * 4 / math.pi / math.sqrt(1 + 4 * (gain**2 * q + 0.05))
    found = gf.mean_field(ERF, gains=gain, biases={"b": SMALL})
    assert found.moments["h"] == pytest.approx(q, abs=1e-12)
    assert found.chi == pytest.approx(chi, abs=1e-11)
    # the oracle is caught with an error of 0.1 %
    assert found.chi != pytest.approx(1.001 * chi, abs=1e-5)
    assert found.depth_scale == pytest.approx(-1 / math.log(chi), rel=1e-9)


def test_relu_is_critical_at_the_gain_of_he():
    relu = gf.Cell(name="relu", state="h", maps="U", equations="h_next = relu(U @ h)")
    assert gf.mean_field(relu, gains=math.sqrt(2)).chi == pytest.approx(1, abs=1e-12)
    shifted = gf.mean_field("irnn", gains=math.sqrt(2 * 0.95**2), biases={"b": SMALL})
    # q = (g^2 q + 0.05) / 2
    assert shifted.moments["h"] == pytest.approx(0.025 / (1 - 0.95**2), abs=1e-12)
    assert shifted.exponent == pytest.approx(math.log(0.95), abs=1e-12)


def test_a_kink_off_the_centre():
    # E relu(z + m)^2 = (1 + m^2) Phi(m) + m phi(m)
    m = 0.7
    cell = gf.Cell(name="c", state="h", vectors="b m", equations="h_next = relu(b + m) + 0 * h")
    found = gf.mean_field(cell, biases={"b": (0, 1), "m": m})
    exact = (1 + m**2) * (1 + math.erf(m / math.sqrt(2))) / 2
    exact += m * math.exp(-(m**2) / 2) / math.sqrt(2 * math.pi)
    assert found.moments["h"] == pytest.approx(exact, abs=1e-13)
    assert found.exponent == -math.inf


@pytest.mark.parametrize(("u", "bias", "inputs"), [(6.0, 3.0, 1.0), (2.0, 0.0, 0.5)])
def test_the_minimal_network_by_hand(u, bias, inputs):
    z2 = mean(lambda a: math.tanh(a) ** 2, inputs)

    def gate(q, f):
        return mean(f, u**2 * q + z2, bias)

    def second(q):
        keep = gate(q, lambda a: sigmoid(a) ** 2)
        let = gate(q, lambda a: (1 - sigmoid(a)) ** 2)
        return keep * q + let * z2

    q = settled(second, 0.3, 400)
    slope = gate(q, lambda a: (sigmoid(a) * (1 - sigmoid(a))) ** 2)
    chi = gate(q, lambda a: sigmoid(a) ** 2) + u**2 * slope * (q + z2)
    gains = {"U": u, "V": 1.0, "W": 1.0}
    found = gf.mean_field(MINIMAL, gains=gains, biases={"b": bias}, inputs=inputs, tied=False)
    assert found.method == "quadrature"
    assert found.moments["h"] == pytest.approx(q, abs=1e-9)
    assert found.chi == pytest.approx(chi, abs=1e-9)


def test_the_gru_by_hand():
    r_, z_, g_, bias = 3.0, 3.0, 4.0, 1.0
    half = lambda f, v: mean(f, v, bias)  # noqa: E731

    def second(q):
        keep = half(lambda a: sigmoid(a) ** 2, z_**2 * q)
        let = half(lambda a: (1 - sigmoid(a)) ** 2, z_**2 * q)
        reset = half(lambda a: sigmoid(a) ** 2, r_**2 * q)
        return keep * q + let * mean(lambda a: math.tanh(a) ** 2, g_**2 * reset * q + 0.05)

    q = settled(second, 0.3, 300)
    slope = lambda a: (sigmoid(a) * (1 - sigmoid(a))) ** 2  # noqa: E731
    reset = half(lambda a: sigmoid(a) ** 2, r_**2 * q)
    a = g_**2 * reset * q + 0.05
    through = half(lambda a: (1 - sigmoid(a)) ** 2, z_**2 * q)
    through *= mean(lambda a: math.cosh(a) ** -4, a) * g_**2
    chi = half(lambda a: sigmoid(a) ** 2, z_**2 * q)
    chi += z_**2 * half(slope, z_**2 * q) * (q + mean(lambda a: math.tanh(a) ** 2, a))
    chi += through * (reset + r_**2 * half(slope, r_**2 * q) * q)
    found = gf.mean_field(
        "gru",
        gains={"U_r": r_, "U_z": z_, "U_g": g_},
        biases={"b_r": bias, "b_z": bias, "b_g": SMALL},
        tied=False,
    )
    assert found.moments["h"] == pytest.approx(q, abs=1e-9)
    assert found.chi == pytest.approx(chi, abs=1e-9)


def light_by_hand(z_, g_, bias):
    """Moments, bulk and outlier of the light GRU, from its equations and single integrals."""

    def step(state):
        q, m = state
        gate = lambda f: mean(f, z_**2 * q, bias)  # noqa: E731
        a = g_**2 * q + 0.05
        e1, e2 = math.sqrt(a / (2 * math.pi)), a / 2
        keep, let = gate(lambda a: sigmoid(a) ** 2), gate(lambda a: (1 - sigmoid(a)) ** 2)
        both, first = gate(lambda a: sigmoid(a) * (1 - sigmoid(a))), gate(sigmoid)
        return np.array([keep * q + 2 * both * m * e1 + let * e2, first * m + (1 - first) * e1])

    q, m = settled(step, np.array([0.1, 0.1]), 300)
    gate = lambda f: mean(f, z_**2 * q, bias)  # noqa: E731
    a = g_**2 * q + 0.05
    e1, e2 = math.sqrt(a / (2 * math.pi)), a / 2
    chi = gate(lambda a: sigmoid(a) ** 2)
    chi += z_**2 * gate(lambda a: (sigmoid(a) * (1 - sigmoid(a))) ** 2) * (q - 2 * m * e1 + e2)
    chi += g_**2 * gate(lambda a: (1 - sigmoid(a)) ** 2) / 2
    h = 1e-5
    columns = [(step([q, m] + h * e) - step([q, m] - h * e)) / (2 * h) for e in np.eye(2)]
    return q, 0.5 * math.log(chi), math.log(np.abs(np.linalg.eigvals(np.array(columns).T)).max())


def test_an_outlier_leads_the_bulk():
    q, bulk, out = light_by_hand(1.0, 1.3, 1.0)
    assert (round(bulk, 4), round(out, 4)) == (-0.2578, -0.2031)
    gains, biases = {"U_z": 1.0, "U_g": 1.3}, {"b_z": 1.0, "b_g": SMALL}
    found = gf.mean_field(LIGHT, gains=gains, biases=biases, tied=False)
    assert found.moments["h"] == pytest.approx(q, abs=1e-9)
    assert found.bulk == pytest.approx(bulk, abs=1e-9)
    assert found.outlier == pytest.approx(out, abs=1e-6)  # both by central differences
    assert found.exponent == found.outlier


def test_scrn_keeps_its_context_exactly():
    for tied in (True, False):
        found = gf.mean_field("scrn", inputs=1.0, tied=tied, populations=2, steps=20)
        assert found.exponent == pytest.approx(math.log(0.95), abs=1e-4)
    assert found.exponent == pytest.approx(math.log(0.95), abs=1e-13)


def test_a_layer_norm_closes_and_its_means_are_of_rank_one():
    found = gf.mean_field(NORMED, gains=2.0, biases={"b": SMALL}, tied=False)
    assert found.method == "quadrature"
    a = 1.5**2 + 0.05  # the norm makes the variance of the field 1, but for 1e-5
    s, t2 = 0.5, mean(lambda a: math.tanh(a) ** 2, a)
    q = 0.25 * t2 / 0.75
    assert found.moments["h"] == pytest.approx(q, abs=1e-4)
    chi = s**2 + 0.25 * 1.5**2 / q * mean(lambda a: math.cosh(a) ** -4, a)
    assert found.chi == pytest.approx(chi, abs=1e-4)


def test_degenerate_cells():
    assert gf.mean_field("rnn", gains=0.0).exponent == -math.inf
    assert gf.mean_field("rnn", gains=0.0, method="sampled").exponent == -math.inf
    assert gf.mean_field("scalar").exponent == 0.0
    still = gf.mean_field("lstm", gains=0.0, populations=2, size=256, steps=10)
    # dc'/dc = sigmoid(1) at every step and no way back from h
    assert still.exponent == pytest.approx(-math.log(1 + math.exp(-1)), abs=1e-12)


def test_what_does_not_close_is_said():
    with pytest.raises(UsageError, match=r"cell 'lstm' do not close: .*mixes memory"):
        gf.mean_field("lstm", tied=False, method="quadrature")
    with pytest.raises(UsageError, match="memory of its own"):
        gf.mean_field("gru", method="quadrature")


def test_no_crossing_and_no_name():
    with pytest.raises(UsageError, match=r"-0\.693 at U = 0\.5 and -0\.511 at 0\.6; pass between="):
        gf.critical("rnn", "U", (0.5, 0.6))
    with pytest.raises(UsageError, match="'recurrent' stands for"):
        gf.critical("rnn", "V")
