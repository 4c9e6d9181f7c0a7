"""The cliff in closed form, both descents in 30 digits, and the network's slice by hand."""

import mpmath
import numpy as np
import pytest
from mpmath import mpf

import gradflow as gf
from gradflow.networks import read_sequence
from gradflow.reporting.publish.scripts import find_script

CUTS = ("4.5", "5", "6")


def sigmoid(x):
    return 1 / (1 + mpmath.exp(-x))


def closed_form(w):
    """dx_50/dx_0 and the norm of the gradient of E on the cliff at weight w."""
    s = sigmoid(mpf("0.5"))
    factor = mpf(w) * s * (1 - s)
    # x_50 moves with b by 1 + g + ... + g^49, and with w by sigma(x_0) times that
    moved = (factor**50 - 1) / (factor - 1)
    outer = 2 * (s - mpf("0.7")) * s * (1 - s)
    return factor**50, abs(outer) * moved * mpmath.sqrt(1 + s**2)


def error(w, b):
    """E and its slopes by w and b, carried forward through the 50 steps."""
    x, by_w, by_b = mpf("0.5"), mpf(0), mpf(0)
    for _ in range(50):
        s = sigmoid(x)
        slope = w * s * (1 - s)
        x, by_w, by_b = w * s + b, s + slope * by_w, 1 + slope * by_b
    s = sigmoid(x)
    outer = 2 * (s - mpf("0.7")) * s * (1 - s)
    return (s - mpf("0.7")) ** 2, outer * by_w, outer * by_b


def descent(limit):
    """Errors, norms and points (w, b) of 80 updates of rate 0.2 from (5.3, -2.275)."""
    w, b, seen = mpf("5.3"), mpf("-2.275"), []
    for _ in range(81):
        e, by_w, by_b = error(w, b)
        norm = mpmath.sqrt(by_w**2 + by_b**2)
        seen.append((e, norm, w, b))
        rate = mpf("0.2") * (1 if limit is None else min(1, limit / norm))
        w, b = w - rate * by_w, b - rate * by_b
    return seen


def check(numbers):
    with mpmath.workdps(30):
        for w in CUTS:
            grown, gradient = closed_form(w)
            found = numbers[f"dx_50/dx_0 on the cliff, w = {w}"]
            assert found == pytest.approx(float(grown), rel=1e-12)
            found = numbers[f"log10 gradient on the cliff, w = {w}"]
            assert found == pytest.approx(float(mpmath.log10(gradient)), abs=1e-11)
        plain, clipped = descent(None), descent(mpf("0.2"))
        hit = max(range(81), key=lambda k: plain[k][1])
        assert numbers["update on the wall"] == hit
        # one update multiplies rounding by what the second derivative is on the wall, some 1e7
        wall = plain[hit][1]
        found = numbers["log10 gradient on the wall"]
        assert found == pytest.approx(float(mpmath.log10(wall)), abs=1e-7)
        assert numbers["thrown by"] == pytest.approx(0.2 * float(wall), rel=1e-7)
        assert numbers["error after it"] == pytest.approx(float(plain[-1][0]), rel=1e-7)
        least = float(min(e for e, *_ in clipped))
        assert numbers["least error, clipped"] == pytest.approx(least, rel=1e-4)


def test_the_checkpoints_of_the_cliff(quick):
    numbers = quick("error_surface").numbers
    for w, grown in (("5", 3178.60342154743), ("6", 28926683.8411776)):
        found = numbers[f"dx_50/dx_0 on the cliff, w = {w}"]
        assert found == pytest.approx(grown, rel=1e-12)


def test_the_cliff_and_both_descents(quick):
    numbers = quick("error_surface").numbers
    check(numbers)
    # far from the wall the unit is saturated: sigma(x_50) is 1, and 0.09 is (1 - 0.7)^2
    assert numbers["error after it"] == pytest.approx(0.09, abs=1e-12)
    assert numbers["least error, clipped"] < 1e-3


def by_hand(params, x, readout, target):
    """The rnn and its backward pass, written out: slopes of the loss along U and along W."""
    states = [np.zeros(len(params["b"]))]
    for row in x:
        states.append(np.tanh(params["W"] @ row + params["U"] @ states[-1] + params["b"]))
    score = readout @ states[-1]
    p = np.exp(score - score.max())
    p /= p.sum()
    p[target] -= 1
    g, by_u, by_w = p @ readout, 0.0, 0.0
    for h, before, row in zip(states[:0:-1], states[-2::-1], x[::-1], strict=True):
        local = g * (1 - h**2)
        by_u += local @ params["U"] @ before
        by_w += local @ params["W"] @ row
        g = local @ params["U"]
    return by_u, by_w


def test_the_slice_of_the_network_by_hand(quick):
    numbers = quick("error_surface").numbers
    text, gains = read_sequence(None, 40), np.linspace(0.1, 4, 12)
    at_1 = gf.cells.rnn.init(hidden=16, inputs=text.values.shape[1], rng=0)
    readout = np.random.default_rng(0).standard_normal((text.values.shape[1], 16)) / 4
    logs = np.empty((12, 12))
    for i, v in enumerate(gains):
        for j, u in enumerate(gains):
            params = at_1 | {"U": u * at_1["U"], "W": v * at_1["W"]}
            by_u, by_w = by_hand(params, text.values, readout, text.targets[-1])
            # along the coordinates: the slope by a gain is <dL/dU, U> over the gain
            logs[i, j] = np.log10(np.hypot(by_u / u, by_w / v))
    calm, rough = (np.median(logs[:, inside]) for inside in (gains < 1, gains > 3))
    found = numbers["network: log10 median gradient, U below 1"]
    assert found == pytest.approx(calm, abs=1e-10)
    # here rounding grows as the gradient does, by some powers of ten
    found = numbers["network: log10 median gradient, U above 3"]
    assert found == pytest.approx(rough, abs=1e-6)


@pytest.mark.slow
def test_the_full_figure(tmp_path):
    numbers = find_script("error_surface").run(tmp_path, formats=["png"])
    check(numbers)
    calm, rough = (
        numbers[f"network: log10 median gradient, U {side}"] for side in ("below 1", "above 3")
    )
    assert rough > calm + 2
