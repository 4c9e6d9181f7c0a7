"""Theory beside networks: the networks by hand, the theory by formula, and the full claim."""

import math

import numpy as np
import pytest

from gradflow.spectra import mean_field_exponent


def test_theory_and_network_of_tanh(quick):
    numbers = quick("mean_field").numbers
    assert numbers["theory, tanh"] == pytest.approx(mean_field_exponent(2.0), abs=1e-10)
    assert numbers["theory, SCRN"] == pytest.approx(math.log(0.95), abs=1e-3)
    found = []
    for rng in np.random.default_rng(0).spawn(2):
        n, steps = 60, 100
        rng_w = rng.uniform(-math.sqrt(6 / 120), math.sqrt(6 / 120), (n, n))
        assert rng_w.shape == (n, n)  # W is drawn first and not used: there is no input
        u = rng.standard_normal((n, n)) * 2 / math.sqrt(n)
        rng.standard_normal((steps, n))
        h, logs = 0.5 * rng.standard_normal(n), []
        frame = np.random.default_rng(5).standard_normal(n)
        for _ in range(steps):
            h = np.tanh(u @ h)
            frame = (1 - h**2) * (u @ frame)
            logs.append(math.log(np.linalg.norm(frame)))
            frame /= np.linalg.norm(frame)
        found.append(np.mean(logs[33:]))
    # another first tangent: the leading direction is found within the transient
    assert numbers["networks, tanh"] == pytest.approx(np.mean(found), abs=0.03)


def test_the_tied_theory_is_the_better_one(quick):
    numbers = quick("mean_field").numbers
    tied, fresh = (numbers[f"rms of theory less networks, {w}"] for w in ("tied", "fresh"))
    assert tied < fresh
