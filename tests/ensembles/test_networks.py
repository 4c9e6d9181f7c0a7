"""Theory beside networks of finite width, and stated errors against what they should cover."""

import math

import numpy as np
import pytest

import gradflow as gf
from ensembles.cells import (
    ANTISYMMETRIC,
    LEAKY,
    LIGHT,
    MINIMAL,
    NORMED,
    OWN,
    SHIFT,
)
from ensembles.networks import measured, sizes
from gradflow.cells.initializers import gaussian, identity_plus_noise, orthogonal

SMALL = (0.0, 0.05)
GATES = dict.fromkeys(("b_i", "b_f", "b_o", "b_g"), SMALL)
pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("cell", "maps", "biases", "inputs"),
    [
        ("rnn", {"U": gaussian(2.0)}, {}, 0.0),
        ("rnn", {"U": gaussian(2.0)}, {}, 1.0),
        ("rnn", {"U": orthogonal(2.0)}, {}, 0.0),
        ("irnn", {"U": gaussian(1.2)}, {"b": SMALL}, 0.0),
        ("lstm", dict.fromkeys(("U_i", "U_f", "U_o", "U_g"), gaussian(4.0)), GATES, 0.0),
        ("lstm", {}, {}, 1.0),
        (
            "gru",
            {"U_r": gaussian(3.0), "U_z": gaussian(3.0), "U_g": gaussian(4.0)},
            {"b_r": (1, 0), "b_z": (1, 0), "b_g": SMALL},
            0.0,
        ),
        ("gru_reset_after", {"U_g": gaussian(4.0)}, {"b_g": SMALL}, 0.0),
        ("clockwork", {"W_H": gaussian(2.0)}, {}, 0.0),
        ("scrn", {}, {}, 1.0),
        (LIGHT, {"U_g": gaussian(1.3)}, {"b_z": (1, 0), "b_g": SMALL}, 1.0),
        (MINIMAL, {"U": gaussian(6.0), "V": gaussian(1.0), "W": gaussian(1.0)}, {}, 1.0),
        (LEAKY, {"J": gaussian(3.0)}, {"leak": (0.5, 0)}, 0.0),
        (OWN, {"U": gaussian(1.5), "A": gaussian(1.5), "B": gaussian(1.5)}, {"b": SMALL}, 0.0),
        (NORMED, {"U": gaussian(2.0)}, {"b": SMALL}, 0.0),
        (SHIFT, {"U": gaussian(1.5)}, {}, 0.0),
        (ANTISYMMETRIC, {"W": gaussian(1.5)}, {"b": SMALL}, 0.0),
    ],
    ids=lambda v: getattr(v, "name", v) if not isinstance(v, (dict, float)) else "",
)
def test_networks_of_400_units(cell, maps, biases, inputs):
    n = 400
    theory = gf.mean_field(cell, gains=maps, biases=biases, inputs=inputs)
    found, error = measured(cell, n, 3, 400, maps=maps, biases=biases, inputs=inputs, burn=200)
    low, _ = theory.width_correction(n)
    slack = theory.error + 4 * error + 1e-3
    assert low - slack < found - theory.exponent < slack


def test_published_exponents_of_leaky_networks():
    # Clark (2026), networks of infinitely many units, per unit time of two steps
    for gain, exact in ((1.5, 0.0459132), (2.0, 0.1077886), (3.0, 0.2161237), (5.0, 0.3788908)):
        case = {"gains": gain, "biases": {"leak": 0.5}}
        found = gf.mean_field(LEAKY, size=3000, steps=400, **case)
        assert abs(found.exponent - exact / 2) < max(2 * found.error, 2e-3)
        assert found.error < 4e-3
    # leak 1 is memoryless: quadrature, and the tanh network itself
    assert gf.mean_field(LEAKY, gains=3.0, biases={"leak": 1.0}).exponent == pytest.approx(
        gf.mean_field("rnn", gains=3.0).exponent, abs=1e-10
    )


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "fresh"])
@pytest.mark.parametrize(
    ("cell", "gains", "biases", "inputs"),
    [
        ("rnn", 2.0, {"b": (0, 0.1)}, 0.0),
        ("gru", {"U_r": 3.0, "U_z": 3.0, "U_g": 4.0}, {"b_r": 1.0, "b_z": 1.0, "b_g": SMALL}, 0.0),
        ("gru", None, {}, 1.0),
        ("lstm", 4.0, GATES, 0.0),
        ("lstm", None, GATES | {"b_f": (1, 0.05)}, 1.0),
        ("scrn", None, {}, 1.0),
        ("clockwork", {"W_H": 2.0}, {}, 0.0),
        (MINIMAL, {"U": 6.0, "V": 1.0, "W": 1.0}, {"b": 3.0}, 1.0),
    ],
    ids=["rnn", "gru", "gru driven", "lstm", "lstm driven", "scrn", "clockwork", "minimal"],
)
def test_the_stated_error_covers_the_reference(cell, gains, biases, inputs, tied):
    case = {"gains": gains, "biases": biases, "inputs": inputs, "tied": tied}
    # by quadrature where it closes, else populations ten times as large
    exact = gf.mean_field(cell, size=3000, populations=10, rng=10**6, **case)
    small = {"method": "sampled", "size": 300, "populations": 4, "steps": 30}
    hits = [
        abs(found.exponent - exact.exponent) <= found.error
        for seed in range(50)
        for found in [gf.mean_field(cell, rng=seed, **small, **case)]
    ]
    assert np.mean(hits) >= 0.9


def test_the_correction_of_width_falls_as_one_over_n():
    maps = {"U_r": gaussian(3.0), "U_z": gaussian(3.0), "U_g": gaussian(4.0)}
    biases = {"b_r": (1, 0), "b_z": (1, 0), "b_g": SMALL}
    theory = gf.mean_field("gru", gains=maps, biases=biases, size=3000)
    gaps = []
    for n, draws in ((100, 12), (200, 6), (400, 3)):
        found, error = measured("gru", n, draws, 400, maps=maps, biases=biases)
        gaps.append((n, found - theory.exponent, error))
    scaled = [n * gap for n, gap, _ in gaps]
    assert all(-20 < s < 0.5 for s in scaled)
    assert gaps[0][1] < gaps[-1][1] + 2 * gaps[-1][2]


def test_noise_about_the_identity_and_fresh_weights():
    n, steps = 200, 150
    theory = gf.mean_field(
        "rnn", gains=identity_plus_noise(0.7, 0.08), sizes={"hidden": n}, tied=False
    )
    found = []
    for rng in np.random.default_rng(0).spawn(4):
        fresh = 0.7 * np.eye(n) + 0.08 * rng.standard_normal((steps, n, n))
        params = gf.cells.rnn.init(hidden=n, inputs=1, rng=0, W=0.0) | {"U": fresh}
        start = rng.standard_normal(n)
        run = gf.run("rnn", params, np.zeros((steps, 1)), start)
        found.append(run.lyapunov(leading=1, transient=50).exponents[0])
    error = np.std(found, ddof=1) / math.sqrt(len(found))
    assert abs(np.mean(found) - theory.exponent) < theory.error + 4 * error + 10 / n


def test_sizes_are_those_of_the_cell():
    assert sizes(gf.cells.scrn, 3) == {"hidden": 3, "context": 3, "inputs": 3}
