"""A report of every cell: the numbers it shows are those of its study, on every kind of input."""

import math
import re

import numpy as np
import pytest

import gradflow as gf
from gradflow.errors import UsageError
from gradflow.reporting.document.numbers import power_of_ten, value_of
from gradflow.reporting.sections.answer import answer
from gradflow.spectra.decay.reading import asymptote
from gradflow.studies import study


@pytest.mark.parametrize("name", gf.cells.LIBRARY)
def test_every_cell_gets_a_page_with_its_numbers(name, tmp_path):
    written = gf.report(name, tmp_path / "page.html", hidden=5, steps=20, seeds=2)
    page = re.sub("base64,[^)]*", "", written.path.read_text())
    cell = gf.cells.get(name)
    assert cell.title in page
    assert "Many steps" in page
    headline = written.study.headline()
    assert ("rate" in headline) == (asymptote_of(written.study) is not None)
    assert value_of(headline["lyapunov"]) in page
    assert "pydoc_data.topics" in page or not cell.input_names
    assert "NaN" not in page
    assert not re.search(r">\s*nan\b", page)
    assert page.count("<svg") >= 4


def asymptote_of(found):
    median = found.seeds.decays.curve()
    return asymptote(np.arange(len(median)), median).rate


def test_a_cell_without_arrays_gets_a_page(tmp_path):
    cell = gf.Cell(name="leak", title="Leak", state="h", equations="h_next = 0.5 * h")
    written = gf.report(cell, tmp_path / "page.html", hidden=2, steps=20)
    rate = written.study.headline()["rate"]
    assert rate.value == pytest.approx(math.log(0.5))
    assert rate.between == pytest.approx((math.log(0.5), math.log(0.5)))
    page = written.path.read_text()
    assert value_of(rate) == "−0.693"
    assert value_of(rate) in page
    assert "weights as given" in page
    assert "trained" not in page


def test_the_lstm_with_forget_bias_3_shows_both_exponents_and_says_which_is_right(tmp_path):
    written = gf.report(
        "lstm", tmp_path / "page.html", hidden=8, steps=200, init={"forget_bias": 3.0}, seeds=3
    )
    page = written.path.read_text()
    numbers = written.numbers()
    whole, part = numbers["lyapunov"], numbers["lyapunov_part_only"]
    # sigmoid(3) = 0.953 a step survives on the carousel; the block of h alone is far below it.
    assert whole == pytest.approx(math.log(1 / (1 + math.exp(-3))), abs=0.06)
    assert part < -0.5
    headline = written.study.headline()
    assert value_of(headline["lyapunov"]) in page
    assert value_of(headline["lyapunov_part_only"]) in page
    assert "what others print" in page
    assert "The first is right" in re.sub(r"\s+", " ", page)


def test_the_toy_reports_its_power(tmp_path):
    found = study(gf.cells.scalar, steps=1000, init={"w": 0.99})
    numbers = found.headline()
    assert numbers["rate"].value == pytest.approx(math.log(0.99), rel=1e-9)
    horizon = math.floor(math.log(0.01) / math.log(0.99)) + 1
    assert numbers["horizon"].value == horizon
    assert f"1\u00a0% of the gradient reaches {horizon} steps" in answer(found).text
    assert found.verdict.word == "Enough"
    grows = study(gf.cells.scalar, steps=1000, init={"w": 1.01})
    assert "explodes" in answer(grows).text
    assert answer(grows).tone == "bad"
    stays = study(gf.cells.scalar, steps=1000, init={"w": 1.0})
    assert answer(stays).tone == "good"


def test_a_layer_normalised_cell_is_reported(tmp_path):
    cell = gf.Cell(
        name="ln_rnn",
        state="h",
        inputs="x",
        maps="W U",
        vectors="gain b",
        equations="""
            a = W @ x + U @ h
            centred = a - mean(a)
            n = centred / sqrt(mean(centred**2) + 0.00001)
            h_next = tanh(gain * n + b)
        """,
        defaults={"gain": 1.0},
    )
    written = gf.report(cell, tmp_path / "page.html", hidden=6, steps=20, seeds=2)
    assert "mean" in written.path.read_text()


def test_windows_are_used_where_the_input_is_long_enough(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "x.npy"
    np.save(path, rng.standard_normal((81, 2)))
    assert study(gf.cells.gru, hidden=3, steps=10, input=str(path), seeds=1).setup.windows == 8
    np.save(path, rng.standard_normal((80, 2)))
    assert study(gf.cells.gru, hidden=3, steps=10, input=str(path), seeds=1).setup.windows == 1
    np.save(path, rng.standard_normal((10, 2)))
    assert (
        study(gf.cells.gru, hidden=3, steps=10, input=str(path), seeds=1).setup.trajectory.steps
        == 10
    )


def test_the_loss_of_each_window_has_its_own_target(tmp_path):
    path = tmp_path / "x.npy"
    values = np.random.default_rng(0).standard_normal((81, 2))
    np.save(path, values)
    found = study(gf.cells.rnn, hidden=3, steps=10, input=str(path), seed=4, seeds=1)
    rng = np.random.default_rng(4)
    gf.cells.rnn.init(rng=rng, hidden=3, inputs=2)
    readout = rng.standard_normal((2, 3)) / math.sqrt(3)
    total = 0.0
    for window in range(8):
        run = gf.run(gf.cells.rnn, found.setup.params, values[10 * window : 10 * window + 10])
        error = readout @ run.states["h"][-1] - values[10 * window + 10]
        total += 0.5 * error @ error
    assert found.setup.loss.value == pytest.approx(total / 8, rel=1e-12)


@pytest.mark.parametrize(("name", "value"), [("hidden", 0), ("steps", 0), ("steps", 2.5)])
def test_sizes_out_of_range_are_refused(name, value):
    with pytest.raises(UsageError, match=f"{name} is {value}"):
        study(gf.cells.rnn, **{name: value})


@pytest.mark.parametrize(
    ("log", "text"),
    [
        (-math.inf, "exactly 0"),
        (math.log(0.5), "0.5"),
        (1000 * math.log(0.01), r"$1.0 \times 10^{-2000}$"),
        (math.log(2.5e9), r"$2.5 \times 10^{9}$"),
    ],
)
def test_magnitudes_beyond_float_range_are_printed(log, text):
    assert power_of_ten(log) == text


def test_what_rounding_spoils_is_refused_in_words_and_the_rest_is_reported(tmp_path, monkeypatch):
    from gradflow.errors import PrecisionError
    from gradflow.spectra import Trajectory

    def refuse(*args, **kwargs):
        raise PrecisionError("singular_values: a QR loses a row of a Jacobian to rounding")

    monkeypatch.setattr(Trajectory, "singular_values", refuse)
    monkeypatch.setattr(Trajectory, "lyapunov", refuse)
    written = gf.report("lstm", tmp_path / "page.html", hidden=3, steps=10, seeds=2)
    page = written.path.read_text()
    assert "No number is given for the singular values: singular_values: a QR loses" in page
    assert "No number is given for the Lyapunov exponents" in page
    assert "lyapunov" not in written.numbers()
    assert "Eigenvalues of one step" in page


@pytest.mark.parametrize("gain", [0.0, 1e-12, 60.0])
def test_extreme_weights_get_a_page(tmp_path, gain):
    for name in ("rnn", "lstm"):
        init = {"recurrent": gf.cells.initializers.gaussian(gain)}
        written = gf.report(name, tmp_path / "page.html", hidden=6, steps=30, init=init, seeds=2)
        assert "Which directions" in written.path.read_text()


def test_a_dead_network_is_said_to_be_dead():
    dead = study(gf.cells.irnn, hidden=4, steps=20, init={"b": -9.0}, seeds=3)
    assert re.search("from lag [01] on the gradient is exactly zero", answer(dead).text)
    assert answer(dead).tone == "bad"
    assert dead.numbers()["rate"] == -math.inf
    assert dead.numbers()["half_life"] == 0.0


def test_no_fitted_number_is_called_a_half_life():
    """The half-life of a page is the median of the lags at which each run is under one half."""
    found = study(gf.cells.lstm, hidden=8, steps=200, seeds=1)
    lives = []
    for row in np.exp(found.seeds.decays.log_relative[0]):
        k = np.flatnonzero(row >= 0.5)[-1]
        high, low = np.log(row[k : k + 2] / 0.5)
        lives.append(k + high / (high - low))
    assert found.numbers()["half_life"] == pytest.approx(sorted(lives)[3], rel=1e-12)
    toy = study(gf.cells.scalar, steps=200, init={"w": 0.9}, seeds=1).headline()
    assert toy["rate"].label == "Asymptotic rate (fitted on lags 50 to 200 of the median curve)"
