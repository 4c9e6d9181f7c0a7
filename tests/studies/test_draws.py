"""A stack over several draws: each is what its own diagnosis says, and the spread is theirs."""

import json
import math

import numpy as np
import pytest

import gradflow as gf
from gradflow.prose import plain_text
from gradflow.reporting.diagnosed import diagnosis_answer, lay_out_diagnosis, report_diagnosis
from gradflow.reporting.document.blocks import Details, Drawing, flat
from gradflow.reporting.render.data import report_data
from gradflow.studies.diagnosis.draws import diagnose_draws
from gradflow.studies.diagnosis.telling.json import draws_as_json

NEED, SEEDS = 20, (4, 5, 6, 7)


def drawn(seed, cell="gru"):
    return gf.stack(cell, 2, hidden=5, inputs=3, rng=seed)


@pytest.fixture(scope="module")
def draws():
    first = gf.diagnose(drawn(4), need=NEED, seed=4)
    return diagnose_draws(first, {seed: drawn(seed) for seed in SEEDS[1:]})


@pytest.fixture(scope="module")
def alone(draws):
    """Each draw diagnosed by itself, on the same sequences with the same read-out."""
    x = draws.first.subject.inputs
    return [gf.diagnose(drawn(seed), x, need=NEED, seed=4) for seed in SEEDS]


def differ(draws, alone):
    """Return by how much the runs differ from those of other diagnoses, in nats."""
    rows = [one.reach.gradient.log_norm for one in alone]
    logs = np.stack([row - row[:, :1] for row in rows])
    return float(np.abs(draws.decays.log_relative - logs).max())


def test_each_draw_is_what_its_own_diagnosis_says(draws, alone):
    assert draws.decays.seeds == SEEDS
    assert differ(draws, alone) < 1e-10
    for k, one in enumerate(alone):
        assert draws.product_horizons[k] == one.reach.product_horizon.median
        assert draws.directions[k] == one.reach.directions.median
    assert differ(draws, [*alone[:-1], alone[0]]) > 0.1  # a draw that is another is seen


def test_the_spread_over_seeds_is_that_of_the_draws(draws, alone):
    numbers = draws.numbers()
    each = []
    for one in alone:
        gradient = one.reach.gradient.log_norm
        runs = [np.flatnonzero(row - row[0] >= math.log(0.01))[-1] + 1 for row in gradient]
        each.append(sorted(runs)[(len(runs) - 1) // 2])
    assert len(set(each)) > 1
    assert numbers["horizon_by_seed"].between == (min(each), max(each))
    assert numbers["horizon"].over == "10 to 90\u00a0% of 20 runs"
    left = np.array([one.reach.log10_left.median for one in alone])
    low, high = numbers[f"left_{NEED}"].between
    assert low <= left.min() < left.max() <= high


def test_figure_sentence_table_and_json_say_the_same(draws, tmp_path):
    page = lay_out_diagnosis(draws.first, {}, draws)
    numbers = draws.numbers()
    (drawing,) = (block for block in flat(page.blocks) if isinstance(block, Drawing))
    middle = drawing.series["log10_median"][NEED]
    assert middle == pytest.approx(numbers[f"left_{NEED}"].value, abs=1e-12)
    told = plain_text(diagnosis_answer(draws.first, draws).text)
    assert told.startswith("gru, 2 layers of 5 units, random weights, 4 seeds: 1\u00a0% of the ")
    low, high = numbers["horizon_by_seed"].between
    assert f"({low:.0f} to {high:.0f} over seeds, " in told
    written = report_diagnosis(draws, tmp_path / "r.json")
    data = json.loads(written.path.read_text("utf-8"))
    assert data["numbers"] == json.loads(json.dumps(report_data(page)["numbers"]))
    assert data["numbers"]["horizon_by_seed"]["spread"] == {"low": low, "high": high}
    assert data["provenance"]["Weights"] == "random weights, seeds 4 to 7; not trained"
    plain = draws_as_json(draws)["numbers"]
    assert (plain["horizon_by_seed_low"], plain["horizon_by_seed_high"]) == (low, high)


def test_what_is_of_one_draw_says_so(draws):
    for block in lay_out_diagnosis(draws.first, {}, draws).blocks:
        if isinstance(block, Details) and block.title in ("Why", "Layer by layer"):
            assert block.answer.endswith("seed 4")


def test_remedies_are_told_where_only_other_draws_need_them():
    """The first draw is the identity and keeps all; the others keep nothing."""
    networks = [drawn(seed, "rnn") for seed in range(4)]
    for place, network in enumerate(networks):
        for layer in network.layers:
            layer.params["U"][:] = np.eye(5) * (1.0 if place == 0 else 0.3)
            layer.params["W"][:] *= 1e-6
    first = gf.diagnose(networks[0], need=NEED)
    assert first.good
    told = []
    found = diagnose_draws(first, dict(enumerate(networks[1:], 1)), told.append)
    assert told == ["weights of seed 1", "weights of seed 2", "weights of seed 3"]
    assert found.verdict.word == "Not enough"
    assert found.verdict.reached == 5
    assert not found.first.good
    assert found.first.remedies


def test_both_directions_are_refused():
    found = gf.diagnose("tests/networks/files/bigru.safetensors", need=6)
    with pytest.raises(gf.errors.UsageError, match="both ends"):
        diagnose_draws(found, {})
