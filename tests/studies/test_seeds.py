"""Several draws of the weights: horizons, spreads and directions beside the naive way to each."""

import math

import numpy as np
import pytest

import gradflow as gf
from gradflow.errors import UsageError
from gradflow.studies import study
from gradflow.studies.seeds.decays import Decays
from gradflow.studies.seeds.drawing import Question
from gradflow.studies.seeds.numbers import decay_numbers
from gradflow.studies.seeds.quantiles import middle_80, quantile


def curves(values, drawn=True):
    """Decays of curves (seeds, windows, lags) given as shares of what is left."""
    with np.errstate(divide="ignore"):
        logs = np.log(np.asarray(values, dtype=float))
    return Decays(name="x", seeds=tuple(range(len(logs))), drawn=drawn, log_relative=logs)


def naive_horizon(row):
    """The first lag from which on every value is under 1 %."""
    return next((k for k in range(len(row)) if all(v <= 0.01 for v in row[k:])), math.inf)


def test_a_horizon_is_where_a_run_stays_under_1_percent():
    rng = np.random.default_rng(0)
    values = 10 ** rng.uniform(-4, 1, (5, 3, 9))
    values[0, 0] = [1, 0.5, 0, 0, 0, 0, 0, 0, 0]
    values[0, 1] = 1.0
    values[0, 2] = [1, 0.001, 0.5, 0.001, 0.001, 0.001, 0.001, 0.001, 0.001]
    values[1, 0] = 0.0
    found = curves(values).horizons()
    assert found.tolist() == [[naive_horizon(row) for row in seed] for seed in values]
    assert found[0].tolist() == [2, math.inf, 3]
    assert found[1, 0] == 0


@pytest.mark.parametrize("count", [1, 2, 3, 8, 10, 64])
def test_a_quantile_is_a_value_that_occurs(count):
    values = np.random.default_rng(count).permutation(count) + 1.0
    for share in (0.1, 0.5, 0.9, 1.0):
        found = float(quantile(values, share))
        assert (values <= found).sum() >= share * count - 1e-9
        assert (values < found).sum() < share * count
    assert middle_80(values)[0] <= middle_80(values)[1]
    assert float(quantile([math.inf, 1.0], 1.0)) == math.inf


def test_spreads_over_seeds_and_windows_are_of_medians():
    horizons = np.array([[3, 5, 20], [4, 6, 30], [9, 9, 9]])
    values = np.ones((3, 3, 41))
    for seed in range(3):
        for window in range(3):
            values[seed, window, horizons[seed, window] :] = 0.001
    numbers = decay_numbers(curves(values), 10)
    assert numbers["horizon"].value == 9
    assert numbers["horizon_by_seed"].between == (5, 9)
    assert numbers["horizon_by_text"].between == (4, 20)
    assert numbers["horizon"].between == (3, 30)
    assert numbers["left_10"].value == pytest.approx(math.log10(0.001))
    assert numbers["left_1"].value == 0


def test_one_run_has_no_spread_and_says_so():
    found = decay_numbers(curves(np.geomspace(1, 1e-4, 30)[None, None]), 10)
    assert "horizon_by_seed" not in found
    assert "horizon_by_text" not in found
    assert found["horizon"].between is None
    assert found["horizon"].over == "1 run"
    assert found["rate"].value == pytest.approx(math.log(1e-4) / 29)


def test_directions_are_counted_as_an_svd_of_the_product_counts_them():
    found = study("rnn", hidden=5, steps=12, seeds=3, need=4)
    for seed in range(3):
        ran = Question(
            cell=gf.cells.rnn, hidden=5, steps=12, input=None, init={}, state=None, seeds=(seed,)
        ).one(seed)
        product = np.eye(5)
        for t in range(9, 13):
            product = ran.trajectory.jacobian(t) @ product
        sigma = np.linalg.svd(product, compute_uv=False)
        assert found.seeds.kept[seed] == (sigma >= 0.01).sum()
        assert np.exp(found.seeds.log_sigma[seed]) == pytest.approx(sigma, rel=1e-9)
        row = ran.loss.gradient[0]
        norms = [np.linalg.norm(row)]
        for t in range(12, 0, -1):
            row = row @ ran.runs.one(0).jacobian(t)
            norms.append(np.linalg.norm(row))
        told = np.exp(found.seeds.decays.log_relative[seed, 0])
        assert told == pytest.approx(np.array(norms) / norms[0], rel=1e-9)


def test_weights_are_random_only_where_they_are_drawn():
    assert study("rnn", hidden=2, steps=6, seeds=1).seeds.decays.drawn
    assert not study("scalar", steps=6, seeds=2).seeds.decays.drawn
    given = {"W": 0.1, "U": np.eye(2), "b": 0.0}
    assert not study("rnn", hidden=2, steps=6, seeds=2, init=given).seeds.decays.drawn


def test_seeds_follow_one_another():
    two = study("rnn", hidden=3, steps=8, seed=5, seeds=2).seeds.decays
    assert two.seeds == (5, 6)
    one = study("rnn", hidden=3, steps=8, seed=6, seeds=1).seeds.decays
    assert np.array_equal(two.log_relative[1], one.log_relative[0])


@pytest.mark.parametrize(
    ("w", "word"), [(0.5, "Not enough"), (1.0, "Enough"), (1.2, "Grows"), (0.0, "Nothing arrives")]
)
def test_the_verdict_of_the_toy(w, word):
    found = study("scalar", steps=100, init={"w": w}, seeds=2, need=50)
    assert found.verdict.word == word
    assert found.verdict.runs == 2
    assert bool(found.changes) is False


def test_changes_are_made_only_where_they_are_needed_and_change_something():
    short = study("lstm", hidden=4, steps=60, seeds=2, need=50)
    assert short.verdict.word == "Not enough"
    assert {"chrono:60", "forget_bias:3"} <= set(short.changes)
    assert "forget_bias:1" not in short.changes  # that is how it is
    chrono = study("lstm", hidden=4, steps=60, seeds=2, need=50, init={"chrono": 60.0}).seeds
    assert np.array_equal(short.changes["chrono:60"].log_relative, chrono.decays.log_relative)
    assert study("lstm", hidden=4, steps=60, seeds=2, need=1).changes == {}


def test_cells_beside_it_have_the_same_seeds_and_input():
    found = study("rnn", hidden=4, steps=15, seeds=2)
    assert set(found.references) == {"irnn", "clockwork", "scrn", "lstm", "gru"}
    gru = study("gru", hidden=4, steps=15, seeds=2).seeds.decays
    assert np.array_equal(found.references["gru"].log_relative, gru.log_relative)
    assert study("scalar", steps=5, seeds=1).references == {}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"seeds": 0}, "seeds is 0"),
        ({"need": 0}, "need is 0"),
        ({"need": 11}, "need is 11"),
        ({"need": 2.5}, "need is 2.5"),
    ],
)
def test_what_is_out_of_range_is_refused(words, message):
    with pytest.raises(UsageError, match=message):
        study("rnn", hidden=2, steps=10, **words)
