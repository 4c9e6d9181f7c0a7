"""The LSTM's paths: exact powers of the gate, shares of a whole, and the exponent that counts."""

import mpmath as mp
import numpy as np
import pytest

import gradflow as gf
from gradflow.networks import read_sequence
from gradflow.reporting.publish.scripts import find_script

BIASES = (0, 1, 3, 5)
PATHS = ("carousel", "c to h", "candidate", "input gate", "forget gate", "output gate")


@pytest.mark.parametrize("b", [0, 1, 2, 5])
def test_the_carousel_alone_is_a_power_of_the_forget_gate(quick, b):
    with mp.workdps(50):
        exact = float((1 / (1 + mp.exp(-b))) ** 100)
    # exp of a sum of 100 logarithms
    assert quick("gate_paths").numbers[f"sigma({b})^100"] == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("b", BIASES)
def test_the_shares_are_a_whole(quick, b):
    numbers = quick("gate_paths").numbers
    shares = [numbers[f"b={b}: percent by {path}"] for path in PATHS]
    assert min(shares) > 0
    assert sum(shares) == pytest.approx(100, rel=1e-12)


def test_the_carousel_carries_more_the_further_the_gate_is_open(quick):
    numbers = quick("gate_paths").numbers
    alone = [numbers[f"b={b}: log10 of the carousel alone"] for b in BIASES]
    assert alone == sorted(alone)
    # the default text is each Python's own, and so is the order of the gates that are open
    least, *others = (numbers[f"b={b}: percent by carousel"] for b in BIASES)
    assert least < min(others)


def exponents(numbers):
    whole = [numbers[f"b={b}: exponent, whole"] for b in BIASES]
    part = [numbers[f"b={b}: exponent, h only"] for b in BIASES]
    # the carousel is in the whole state: c alone keeps log of a gate near 1
    assert all(w > p for w, p in zip(whole, part, strict=True))
    assert whole == sorted(whole)
    return whole, part


def test_h_alone_has_the_wrong_exponent(quick):
    exponents(quick("gate_paths").numbers)


def by_hand(bias, steps):
    """Yield the Jacobians by path of the LSTM of (h, c) over the figure's text, and h, in NumPy."""
    x = read_sequence(None, steps).values
    p = gf.cells.lstm.init(rng=0, forget_bias=bias, hidden=8, inputs=x.shape[1])
    h, c = np.zeros(8), np.zeros(8)
    for row in x:
        a = {k: p[f"W_{k}"] @ row + p[f"U_{k}"] @ h + p[f"b_{k}"] for k in "ifog"}
        i, f, o = (1 / (1 + np.exp(-a[k])) for k in "ifo")
        g, old = np.tanh(a["g"]), c
        c = f * c + i * g
        size = np.tanh(c)
        h, down = o * size, o * (1 - size**2)
        none = np.zeros((8, 8))
        path = {
            "carousel": np.block([[none, none], [none, np.diag(f)]]),
            "c to h": np.block([[none, np.diag(down * f)], [none, none]]),
            "output gate": np.block([[(size * o * (1 - o))[:, None] * p["U_o"], none], [none] * 2]),
        }
        for name, slope, gate in (
            ("candidate", i * (1 - g**2), "g"),
            ("input gate", g * i * (1 - i), "i"),
            ("forget gate", old * f * (1 - f), "f"),
        ):
            dc = slope[:, None] * p[f"U_{gate}"]
            path[name] = np.block([[down[:, None] * dc, none], [dc, none]])
        yield path, h


@pytest.mark.parametrize("b", BIASES)
def test_shares_and_gradient_are_those_of_a_walk_by_hand(quick, b):
    text, numbers = read_sequence(None, 60), quick("gate_paths").numbers
    steps = list(by_hand(b, 60))
    inputs = text.values.shape[1]
    readout = np.random.default_rng(0).standard_normal((inputs, 8)) / np.sqrt(8)
    odds = np.exp(readout @ steps[-1][1])
    # the gradient of the logits' cross-entropy at the last step; the loss reads h only
    row = np.zeros(16)
    row[:8] = (odds / odds.sum() - np.eye(inputs)[text.targets[-1]]) @ readout
    start, shares = np.linalg.norm(row), {path: [] for path in PATHS}
    kept = row
    for lag, (step, _) in enumerate(reversed(steps)):
        norms = {path: np.linalg.norm(row @ matrix) for path, matrix in step.items()}
        for path, norm in norms.items():
            shares[path].append(norm / sum(norms.values()))
        row = row @ sum(step.values())
        kept = kept @ step["carousel"] if lag else row
    for path in PATHS:
        found = numbers[f"b={b}: percent by {path}"]
        assert found == pytest.approx(100 * np.mean(shares[path]), rel=1e-10)
    for what, vector in (("gradient", row), ("carousel alone", kept)):
        found = numbers[f"b={b}: log10 of the {what}"]
        assert found == pytest.approx(np.log10(np.linalg.norm(vector) / start), abs=1e-10)


@pytest.mark.parametrize("b", BIASES)
@pytest.mark.parametrize(("name", "kept"), [("whole", slice(None)), ("h only", slice(8))])
def test_the_exponent_is_the_growth_of_a_vector_by_hand(quick, b, name, kept):
    """Another start, so the two differ by what either must still turn, over 900 steps."""
    found = quick("gate_paths").numbers[f"b={b}: exponent, {name}"]
    vector, growth = np.random.default_rng(5).standard_normal(16)[kept], 0.0
    for t, (step, _) in enumerate(by_hand(b, 1000)):
        vector = sum(step.values())[kept, kept] @ vector
        size = np.linalg.norm(vector)
        vector /= size
        growth += np.log(size) if t >= 100 else 0.0
    # a few nats of turning at the most, which 60 steps would not hide
    assert found == pytest.approx(growth / 900, abs=3 / 900)


def test_the_standard_errors_leave_the_exponents_apart(quick):
    numbers = quick("gate_paths").numbers
    for b in BIASES:
        error = max(numbers[f"b={b}: its standard error, {n}"] for n in ("whole", "h only"))
        apart = numbers[f"b={b}: exponent, whole"] - numbers[f"b={b}: exponent, h only"]
        assert 0 < error < apart / 10


@pytest.mark.slow
def test_in_full_the_error_is_large(tmp_path):
    numbers = find_script("gate_paths").run(tmp_path, formats=["png"])
    whole, part = exponents(numbers)
    assert part[2] / whole[2] > 30
    # what is printed of them is known: each is several of its standard errors below 0
    for b, value in zip(BIASES, whole, strict=True):
        assert value < -4 * numbers[f"b={b}: its standard error, whole"]
