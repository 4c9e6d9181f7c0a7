"""The decay against a backward pass by hand, certified ends against differences of runs."""

from math import log10

import numpy as np
import pytest

import gradflow as gf
from gradflow.networks import read_sequence
from gradflow.reporting.publish.scripts import find_script
from gradflow.spectra import cross_entropy

SIDES = {"GRU 5": -1, "LSTM 0": 1}


def check(numbers, steps):
    """What holds at any size."""
    found = {n.split(", ")[1]: v for n, v in numbers.items() if n.startswith("log10 gradient")}
    for name, side in SIDES.items():
        assert numbers[f"least room (nats), {name}"] >= -1e-9
        assert side * (numbers[f"log10 bound, {name}"] - found[name]) >= -1e-9
    kept = [found[f"LSTM {bias}"] for bias in "013"]  # a larger bias of the gate keeps more
    assert kept == sorted(kept)
    assert found["IRNN"] <= 0
    assert min(found[name] for name in ("IRNN", "GRU 5", "clock")) > -1


def test_every_bound_is_respected_and_cells_keep_their_order(quick):
    check(quick("decay").numbers, 60)


def by_hand(name, steps, seed, hidden=12, **init):
    """The parameters, the states and what the loss reads of one draw, in plain NumPy's words."""
    text = read_sequence(None, 3 * 2 * steps)
    x = text.values[2 * steps * seed : 2 * steps * (seed + 1)]
    cell = gf.cells.get(name)
    params = cell.init(rng=seed, hidden=hidden, inputs=x.shape[1], **init)
    return params, x, text.targets[2 * steps * (seed + 1) - 1]


def test_one_curve_against_a_backward_pass_by_hand(quick):
    found = []
    for seed in range(3):
        p, x, target = by_hand("rnn", 60, seed)
        h, states = np.zeros(12), []
        for row in x:
            h = np.tanh(p["W"] @ row + p["U"] @ h + p["b"])
            states.append(h)
        readout = np.random.default_rng(100 + seed).standard_normal((x.shape[1], 12)) / np.sqrt(12)
        g = cross_entropy(readout, h, target).gradient
        start = np.linalg.norm(g)
        for h in states[:-61:-1]:
            g = (g * (1 - h**2)) @ p["U"]
        found.append(log10(np.linalg.norm(g) / start))
    claimed = quick("decay").numbers["log10 gradient, RNN"]
    assert claimed == pytest.approx(sorted(found)[1], abs=1e-9)


@pytest.mark.parametrize("name", SIDES)
def test_the_certified_ends_against_differences_of_runs(quick, name):
    """Products from central differences of the step itself, whose last 60 singular values tell."""
    cell, bias = name.lower().split()
    found = []
    for seed in range(3):
        p, x, _ = by_hand(cell, 60, seed, forget_bias=float(bias))
        run = gf.run(gf.cells.get(cell), p, x)
        whole = np.eye(run.width)
        for t in range(60, 120):
            s, e = run.flat_states[t], 1e-6
            after = [
                gf.run(run.cell, p, x[t : t + 1], s + sign * e * row).flat_states[-1]
                for row in np.eye(run.width)
                for sign in (1, -1)
            ]
            whole = (np.subtract(after[::2], after[1::2]) / (2 * e)).T @ whole
        found.append(np.linalg.svd(whole, compute_uv=False))
    least = min(values[-1] for values in found)
    most = max(values[0] for values in found)
    expected = log10(most) if SIDES[name] > 0 else log10(least)
    # central differences err by e^2 and by rounding over e, about 1e-9 a step
    assert quick("decay").numbers[f"log10 bound, {name}"] == pytest.approx(expected, abs=1e-5)


@pytest.mark.slow
def test_the_full_figure(tmp_path):
    numbers = find_script("decay").run(tmp_path, formats=["png"])
    check(numbers, 100)
    assert numbers["log10 gradient, LSTM 0"] < -12
    assert numbers["log10 gradient, LSTM 3"] > -2
