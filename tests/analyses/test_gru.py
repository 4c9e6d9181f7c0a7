"""The GRU's update gate: the exact carousel, the certified bound, the order in the bias."""

import mpmath as mp
import numpy as np
import pytest

import gradflow as gf
from gradflow.networks import read_sequence
from gradflow.reporting.publish.scripts import find_script

BIASES = (5, 3, 1, 0, -3)
STEPS = 50
PATHS = ("carousel", "candidate", "reset gate", "update gate")


@pytest.mark.parametrize("b", BIASES)
def test_the_carousel_alone_is_a_power_of_the_gate(quick, b):
    with mp.workdps(50):
        exact = float(STEPS * mp.log10(1 / (1 + mp.exp(-b))))
    found = quick("gru").numbers[f"b={b}, all maps 0: log10 of the gradient"]
    assert found == pytest.approx(exact, rel=1e-13)


def test_the_further_open_the_more_is_kept(quick):
    numbers = quick("gru").numbers
    kept = [numbers[f"b={b}: log10 of the gradient"] for b in BIASES]
    assert kept == sorted(kept, reverse=True)


def by_hand(bias):
    """The GRU over the text of the figure in NumPy: each step's Jacobian by path, least z, maps."""
    text = read_sequence(None, STEPS)
    p = gf.cells.gru.init(hidden=8, inputs=text.values.shape[1], rng=0, forget_bias=bias)
    h, steps, least = np.zeros(8), [], 1.0
    for x in text.values:
        r, z = (1 / (1 + np.exp(-(p[f"W_{k}"] @ x + p[f"U_{k}"] @ h + p[f"b_{k}"]))) for k in "rz")
        g = np.tanh(p["W_g"] @ x + p["U_g"] @ (r * h) + p["b_g"])
        candidate = ((1 - z) * (1 - g**2))[:, None] * p["U_g"]
        steps.append(
            {
                "carousel": np.diag(z),
                "candidate": candidate * r,
                "reset gate": candidate @ ((h * r * (1 - r))[:, None] * p["U_r"]),
                "update gate": ((h - g) * z * (1 - z))[:, None] * p["U_z"],
            }
        )
        h, least = z * h + (1 - z) * g, min(least, z.min())
    # the gradient of the logits' cross-entropy at the last step
    inputs = text.values.shape[1]
    readout = np.random.default_rng(0).standard_normal((inputs, 8)) / np.sqrt(8)
    odds = np.exp(readout @ h)
    gradient = (odds / odds.sum() - np.eye(inputs)[text.targets[-1]]) @ readout
    return steps, gradient, least, p


def walk(bias):
    """The share of each path, mean over lags, and log10 of what is left of the gradient."""
    steps, row, *_ = by_hand(bias)
    shares, start = {path: [] for path in PATHS}, np.linalg.norm(row)
    for step in reversed(steps):
        norms = {path: np.linalg.norm(row @ matrix) for path, matrix in step.items()}
        for path, norm in norms.items():
            shares[path].append(norm / sum(norms.values()))
        row = row @ sum(step.values())
    return {k: 100 * np.mean(v) for k, v in shares.items()}, np.log10(np.linalg.norm(row) / start)


@pytest.mark.parametrize("b", [-4, 6])
def test_the_shares_are_those_of_a_walk_by_hand(quick, b):
    numbers = quick("gru").numbers
    for path, percent in walk(b)[0].items():
        assert numbers[f"{path}: percent at b={b}"] == pytest.approx(percent, rel=1e-10)


@pytest.mark.parametrize("b", BIASES)
def test_the_gradient_is_that_of_a_walk_by_hand(quick, b):
    found = quick("gru").numbers[f"b={b}: log10 of the gradient"]
    assert found == pytest.approx(walk(b)[1], rel=1e-10)


def test_the_carousel_has_half_where_it_is_said_to(quick):
    """Interpolated between biases 1 apart, where its share moves by some 40 points."""
    half = quick("gru").numbers["bias at which the carousel has half"]
    assert walk(np.floor(half))[0]["carousel"] <= 50 <= walk(np.ceil(half))[0]["carousel"]
    assert walk(half)[0]["carousel"] == pytest.approx(50, abs=3)


def rate_by_hand(bias):
    """Least z less all that the other ways can take: |h - g| <= 2, r (1 - r) <= 1/4, the rest 1."""
    _, _, least, p = by_hand(bias)
    r, z, g = (np.linalg.norm(p[f"U_{k}"], 2) for k in "rzg")
    return least - (1 - least) * (g * (1 + r / 4) + 2 * z)


def test_the_bound_is_that_of_the_theorem(quick):
    numbers = quick("gru").numbers
    rate = {b: rate_by_hand(b) for b in range(-4, 7)}
    assert numbers["least bias with a proven bound"] == min(b for b in rate if rate[b] > 0)
    assert numbers["b=6: nats a step, proven"] == pytest.approx(np.log(rate[6]), rel=1e-10)
    found = numbers["b=5: log10 of the proven bound"]
    assert found == pytest.approx(STEPS * np.log10(rate[5]), rel=1e-10)
    assert found < numbers["b=5: log10 of the gradient"]


def certified(numbers):
    """The bound lies under the least singular value, and that under the gradient's rate."""
    bound = numbers["b=6: nats a step, proven"]
    least = numbers["b=6: nats a step, least singular value"]
    assert bound < 0
    assert bound <= least <= numbers["b=6: nats a step"] + 1e-12


def test_the_certified_bound_is_respected(quick):
    certified(quick("gru").numbers)


@pytest.mark.parametrize("b", ["-4", "6"])
def test_the_shares_are_a_whole(quick, b):
    numbers = quick("gru").numbers
    shares = {path: numbers[f"{path}: percent at b={b}"] for path in PATHS}
    assert sum(shares.values()) == pytest.approx(100, rel=1e-12)
    assert max(shares, key=shares.get) == ("carousel" if b == "6" else "candidate")


@pytest.mark.slow
def test_in_full_the_bound_is_respected_too(tmp_path):
    certified(find_script("gru").run(tmp_path, formats=["png"]))
