"""Theory beside fresh networks: laws read off the weights, and silence where they were trained."""

import numpy as np
import pytest

import gradflow as gf
from gradflow.cells.initializers import gaussian, identity_plus_noise
from gradflow.errors import UsageError
from gradflow.spectra import mean_field_exponent
from gradflow.studies.diagnosis.telling.report import report_lines
from gradflow.studies.infinite_width import beside_infinite_width, infinite_width


def fresh(hidden=200, steps=200, x=0.0, **laws):
    params = gf.cells.rnn.init(hidden=hidden, inputs=2, rng=0, **laws)
    start = np.random.default_rng(0).standard_normal(hidden)
    return gf.run("rnn", params, np.full((steps, 2), x), start)


def test_the_laws_are_those_the_weights_were_drawn_by():
    found = infinite_width(fresh(U=gaussian(2.0)))
    assert found.theory.method == "quadrature"
    law = found.theory.laws.maps["U"]
    assert law.sigma == pytest.approx(2.0, rel=0.02)
    # the exponent is that of the gain which was drawn, and of the network by its own run
    assert found.theory.exponent == pytest.approx(mean_field_exponent(law.sigma), abs=1e-9)
    assert found.measured == pytest.approx(found.theory.exponent, abs=0.03)
    assert f"{found.theory.exponent:.3f}" in found.sentence
    assert f"{found.measured:.3f}" in found.sentence
    assert found.numbers()["infinite_width"].value == found.theory.exponent


def test_an_identity_is_seen_beside_its_noise():
    run = fresh(U=identity_plus_noise(0.7, 0.08))
    law = infinite_width(run).theory.laws.maps["U"]
    assert law.shift == pytest.approx(0.7, abs=0.03)
    assert law.sigma == pytest.approx(0.08 * 200**0.5, rel=0.02)


def test_inputs_are_text_noise_or_a_constant():
    rng = np.random.default_rng(1)
    symbols = np.eye(2)[rng.integers(2, size=200)]
    for x, wanted in (
        (symbols, gf.ensembles.one_hot(2)),
        (np.zeros((200, 2)), gf.ensembles.white(0.0)),
        (np.full((200, 2), 3.0), gf.ensembles.correlated(9.0, 0.995)),
    ):
        params = gf.cells.rnn.init(hidden=20, inputs=2, rng=0)
        law = infinite_width(gf.run("rnn", params, x)).theory.laws.inputs["x"]
        assert (law.symbols, law.variance) == (wanted.symbols, pytest.approx(wanted.variance))
        assert law.memory == pytest.approx(wanted.memory, abs=0.01)


def test_trained_weights_and_small_runs_are_left_alone():
    run = fresh(U=gaussian(1.0))
    u = np.array(run.params["U"])
    u += 3.0 * np.outer(np.ones(200), np.ones(200)) / 200  # one direction that no chance makes
    trained = gf.run("rnn", {**run.params, "U": u}, np.zeros((200, 2)))
    with pytest.raises(UsageError, match="edge of a random matrix"):
        infinite_width(trained)
    assert beside_infinite_width(trained) is None
    for few in (fresh(hidden=4), fresh(steps=20)):
        with pytest.raises(UsageError, match="from 8 units and 40 steps on"):
            infinite_width(few)
    with pytest.raises(UsageError, match="changes from step to step"):
        infinite_width(
            gf.run("rnn", {**run.params, "U": np.repeat(u[None], 50, 0)}, np.ones((50, 2)))
        )


def test_a_diagnosis_of_a_fresh_network_says_it():
    network = gf.stack("rnn", 1, hidden=16, inputs=2, rng=0)
    found = gf.diagnose(network, need=25)
    text = "\n".join(report_lines(found))
    assert "weights as drawn: infinite width says " in text
    assert "this network of 16 units" in text
    two = gf.diagnose(gf.stack("rnn", 2, hidden=16, inputs=2, rng=0), need=25)
    assert "infinite width" not in "\n".join(report_lines(two))
