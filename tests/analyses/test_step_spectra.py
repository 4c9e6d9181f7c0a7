"""Spectra of single steps: what holds exactly, and the laws of large matrices at their accuracy."""

import numpy as np
import pytest

from gradflow.networks import read_sequence
from gradflow.reporting.publish.scripts import find_script

GAIN, HIDDEN, STEPS = 2.0, 64, 24


@pytest.fixture(scope="module")
def rnn():
    """The rnn of the figure run by hand: W (n, n) and the state after its last step."""
    x = read_sequence(None, STEPS).values
    rng = np.random.default_rng(0)
    limit = np.sqrt(6 / (HIDDEN + x.shape[1]))
    inward = rng.uniform(-limit, limit, (HIDDEN, x.shape[1]))
    w = rng.standard_normal((HIDDEN, HIDDEN)) * GAIN / np.sqrt(HIDDEN)
    h = np.zeros(HIDDEN)
    for row in x:
        h = np.tanh(inward @ row + w @ h)
    return w, h


def test_the_rnn_is_recomputed_by_hand(quick, rnn):
    numbers = quick("step_spectra").numbers
    w, h = rnn
    jacobian = (1 - h**2)[:, None] * w
    for name, matrix in (("W", w), ("J", jacobian)):
        largest = np.abs(np.linalg.eigvals(matrix)).max()
        found = numbers[f"rnn: largest |eigenvalue| of {name}"]
        assert found == pytest.approx(largest, rel=1e-8)
    assert numbers["largest singular value of W"] == pytest.approx(np.linalg.norm(w, 2), rel=1e-10)
    square = np.linalg.norm(jacobian) ** 2 / HIDDEN
    assert numbers["mean square singular value of J"] == pytest.approx(square, rel=1e-8)
    slope = np.mean((1 - h**2) ** 2)
    assert numbers["radius of the disc of J"] == pytest.approx(GAIN * slope**0.5, rel=1e-8)


def test_the_laws_at_the_accuracy_of_small_matrices(quick):
    numbers = quick("step_spectra").numbers
    near = HIDDEN**-0.5
    assert numbers["rnn: largest |eigenvalue| of W"] == pytest.approx(GAIN, rel=near)
    radius = numbers["radius of the disc of J"]
    assert numbers["rnn: largest |eigenvalue| of J"] == pytest.approx(radius, rel=2 * near)
    assert radius < 0.8 * GAIN
    assert numbers["share of eigenvalues of J inside its disc"] > 0.9
    # the edge of the quarter circle, with fluctuations of order n^(-2/3)
    edge = numbers["largest singular value of W"]
    assert edge == pytest.approx(2 * GAIN, rel=HIDDEN ** (-2 / 3))
    # E tr J'J / n = g^2 E phi'^2
    square = numbers["mean square singular value of J"]
    assert square == pytest.approx(radius**2, rel=4 * near)


def test_what_structure_makes_exact(quick):
    numbers = quick("step_spectra").numbers
    assert numbers["irnn: largest |eigenvalue| of W"] == 1
    assert numbers["irnn: largest |eigenvalue| of J"] == 1
    assert numbers["scrn: largest |eigenvalue| of J"] == pytest.approx(0.95, abs=1e-12)
    # step 24 is a multiple of the periods 1, 2, 4, 8 of 1, 2, ..., 128: half of the modules rest
    assert numbers["clockwork: share of eigenvalues of J that are 1"] == 0.5
    assert numbers["clockwork: largest |eigenvalue| of J"] == pytest.approx(1, abs=1e-12)
    # a convex mixture of the old state and a candidate that depends on it
    assert numbers["gru: largest |eigenvalue| of J"] < numbers["gru: largest |eigenvalue| of W"]


@pytest.mark.slow
def test_in_full_the_laws_are_closer(tmp_path):
    numbers = find_script("step_spectra").run(tmp_path, formats=["png"])
    radius = numbers["radius of the disc of J"]
    assert numbers["rnn: largest |eigenvalue| of W"] == pytest.approx(GAIN, rel=0.07)
    assert numbers["rnn: largest |eigenvalue| of J"] == pytest.approx(radius, rel=0.1)
    assert numbers["share of eigenvalues of J inside its disc"] > 0.95
    assert numbers["mean square singular value of J"] == pytest.approx(radius**2, rel=0.1)
    # step 48 is a multiple of 1, 2, 4, 8 and 16
    assert numbers["clockwork: share of eigenvalues of J that are 1"] == 3 / 8
