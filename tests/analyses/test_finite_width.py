"""The law of finite width: networks by hand, the fit by another formula, and where it is exact."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

import gradflow as gf
from gradflow.spectra import mean_field_exponent
from oracles.drawn import script_module

ROOT = Path(__file__).parents[2]


def by_hand(n, steps, rng):
    """Return the exponent of a tanh network of gain 2 with fresh weights, from its equations."""
    h, v, logs = 0.5 * rng.standard_normal(n), rng.standard_normal(n), []
    for _ in range(steps):
        w = 2.0 / math.sqrt(n) * rng.standard_normal((n, n))
        h = np.tanh(w @ h)
        v = (1 - h**2) * (w @ v)
        logs.append(math.log(np.linalg.norm(v)))
        v /= np.linalg.norm(v)
    return np.mean(logs[steps // 3 :])


def test_a_tanh_network_with_fresh_weights(quick):
    numbers = quick("finite_width").numbers
    assert numbers["theory, tanh, fresh"] == pytest.approx(mean_field_exponent(2.0), abs=1e-9)
    rng, exact = np.random.default_rng(7), mean_field_exponent(2.0)
    means = [np.mean([by_hand(n, 60, rng) for _ in range(40)]) - exact for n in (20, 40)]
    c = np.linalg.lstsq(1 / np.array([[20.0], [40.0]]), np.array(means), rcond=None)[0][0]
    # of a few networks on either side; both lie below the limit
    assert numbers["c, tanh, fresh"] == pytest.approx(c, abs=1.2)
    assert c < 0


def test_what_carries_everything_has_no_correction(quick):
    numbers = quick("finite_width").numbers
    assert numbers["theory, SCRN, fresh"] == pytest.approx(math.log(0.95), abs=1e-12)
    assert abs(numbers["c, SCRN, fresh"]) < 0.02


def test_the_fit_is_that_of_least_squares():
    script = script_module("finite_width")
    case = ("tanh", "rnn", {"U": script.gaussian(2.0)}, {}, 0.0)
    theory, c, _ = script.law(case, True, (20, 40), 60, {})
    rng = np.random.default_rng(0)
    means = [
        np.mean([script.network(case, n, 60, r) for r in rng.spawn(script.DRAWS * 40 // n)])
        for n in (20, 40)
    ]
    solved = np.linalg.lstsq(1 / np.array([[20.0], [40.0]]), np.array(means) - theory, rcond=None)[
        0
    ][0]
    assert c == pytest.approx(solved, abs=1e-12)


def test_a_relu_network_at_rest_has_the_radius_of_its_one_jacobian():
    # so its distance from the limit is that of a spectral radius, which falls slower than 1/n
    script = script_module("finite_width")
    (case,) = [c for c in script.CASES if c[0] == "ReLU"]
    gaps = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        found = script.network(case, 60, 600, rng)
        again = np.random.default_rng(seed)
        params = gf.cells.irnn.init(rng=again, hidden=60, inputs=60, **case[2])
        bias = math.sqrt(0.05) * again.standard_normal(60)
        h = np.zeros(60)
        for _ in range(400):
            h = np.maximum(params["U"] @ h + bias, 0)
        jacobian = (h > 0)[:, None] * params["U"]
        radius = math.log(np.abs(np.linalg.eigvals(jacobian)).max())
        # complex leading eigenvalues turn, which 400 steps leave this much of
        assert found == pytest.approx(radius, abs=6e-3)
        gaps.append(radius - math.log(1.2 / math.sqrt(2)))
    assert np.mean(gaps) > 0.01


def test_what_is_stated_of_other_cells_is_the_table_of_the_page():
    page = (ROOT / "docs" / "mean-field.md").read_text("utf-8")
    number = r"[^|\n]+\| (\S+) \+- \S+ \|"
    rows = re.findall(rf"^\|[^|\n]+\|{number}{number}$", page, re.M)
    assert len(rows) == len(script_module("finite_width").CASES)
    for tied, column in ((True, 0), (False, 1)):
        fitted = [float(row[column]) for row in rows]
        told = gf.mean_field("rnn", tied=tied)
        assert told.width_correction(10) == pytest.approx((min(fitted) / 10, max(fitted) / 10))
        assert f"from {min(fitted):.1f}/n".replace("-", "−") in told.width_words
