"""The decay against a backward pass by hand, closed forms of its bounds, and what theory orders."""

from math import log10

import numpy as np
import pytest

import gradflow as gf
from gradflow.cells.initializers import orthogonal
from gradflow.networks import read_sequence
from gradflow.reporting.publish.scripts import find_script
from gradflow.spectra import cross_entropy

BOUNDS = {"IRNN": 1, "SCRN": 1, "orth": 1, "clock 20": 1, "orth 0.9": 1, "GRU 5": -1, "LSTM c": -1}


def check(numbers, steps):
    """What holds at any size."""
    found = {n.split(", ")[1]: v for n, v in numbers.items() if n.startswith("log10 gradient")}
    for name, side in BOUNDS.items():
        assert numbers[f"least room (nats), {name}"] >= -1e-9
        assert side * (numbers[f"log10 bound, {name}"] - found[name]) >= -1e-9
    closed = {"IRNN": 0, "orth": 0, "clock 20": steps // 20 * log10(0.5)}
    for name, value in (closed | {"orth 0.9": steps * log10(0.9)}).items():
        assert numbers[f"log10 bound, {name}"] == pytest.approx(value, abs=1e-9)
    # no bound of the context can lie below its exact rate
    assert numbers["log10 bound, SCRN"] >= steps * log10(0.95)
    exact = pytest.approx(steps * log10(0.95), abs=1e-9)
    assert numbers["log10 least the carousel keeps, SCRN"] == exact
    for cell, biases in {
        "LSTM": "013",
        "GRU": "035",
    }.items():  # a larger bias of the gate keeps more
        kept = [found[f"{cell} {bias}"] for bias in biases]
        assert kept == sorted(kept)
    assert found["orth 0.9"] <= steps * log10(0.9)
    assert min(found[name] for name in ("IRNN", "clock")) > -1
    for name in ("GRU 5", "LSTM c"):
        assert numbers[f"log10 least the carousel keeps, {name}"] == numbers[f"log10 bound, {name}"]
    for name in ("LSTM 0", "LSTM 1", "LSTM 3", "GRU 0", "Gauss", "IRNN"):
        assert numbers[f"draws bounded from below, {name}"] == 0
    for name in ("Gauss", "LSTM 0", "LSTM 1", "LSTM 3", "GRU 0", "GRU 3", "clock"):
        assert numbers[f"most growth a step by the theorem, {name}"] > 1


def test_every_bound_is_respected_and_cells_keep_their_order(quick):
    check(quick("decay").numbers, 60)


def test_one_curve_against_a_backward_pass_by_hand(quick):
    text, found = read_sequence(None, 360), []
    for seed in range(3):
        x = text.values[120 * seed : 120 * (seed + 1)]
        cell, sizes = gf.cells.rnn, {"hidden": 12, "inputs": x.shape[1]}
        p = cell.init(rng=seed, recurrent=orthogonal(0.9), **sizes)
        h, states = np.zeros(12), []
        for row in x:
            h = np.tanh(p["W"] @ row + p["U"] @ h + p["b"])
            states.append(h)
        readout = np.random.default_rng(100 + seed).standard_normal((x.shape[1], 12)) / np.sqrt(12)
        g = cross_entropy(readout, h, text.targets[120 * seed + 119]).gradient
        start = np.linalg.norm(g)
        for h in states[:-61:-1]:
            g = (g * (1 - h**2)) @ p["U"]
        found.append(log10(np.linalg.norm(g) / start))
    claimed = quick("decay").numbers["log10 gradient, orth 0.9"]
    assert claimed == pytest.approx(sorted(found)[1], abs=1e-9)


@pytest.mark.parametrize("bias", [3, 5])
def test_the_bound_of_the_gru_by_the_formula_of_its_theorem(quick, bias):
    text, found = read_sequence(None, 360), []
    for seed in range(3):
        x = text.values[120 * seed : 120 * (seed + 1)]
        p = gf.cells.gru.init(hidden=12, inputs=x.shape[1], rng=seed, forget_bias=float(bias))
        h = gf.run(gf.cells.gru, p, x).states["h"][60:-1]
        least = (1 / (1 + np.exp(-(x[60:] @ p["W_z"].T + h @ p["U_z"].T + p["b_z"])))).min()
        g, r, z = (np.linalg.norm(p[f"U_{name}"], 2) for name in "grz")
        found.append(least - (1 - least) * (g + 2 * z + g * r / 4))
    claimed = quick("decay").numbers[f"log10 least the carousel keeps, GRU {bias}"]
    assert claimed == pytest.approx(60 * log10(min(found)), abs=1e-9)
    assert claimed <= quick("decay").numbers[f"log10 gradient, GRU {bias}"]


@pytest.mark.slow
def test_the_full_figure(tmp_path):
    numbers = find_script("decay").run(tmp_path, formats=["png"])
    check(numbers, 200)
    assert numbers["log10 gradient, LSTM 0"] < -20
    assert numbers["log10 gradient, LSTM 3"] > -2
