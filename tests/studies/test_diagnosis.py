"""Diagnosis: its numbers against the run, its remedies against the network they make."""

import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest

import gradflow as gf
from gradflow.cli import main
from gradflow.errors import UsageError
from gradflow.studies.diagnosis.checkpoints import course_lines
from gradflow.studies.diagnosis.measures.spread import Spread, spread, told
from gradflow.studies.diagnosis.remedies import remedies
from gradflow.studies.diagnosis.telling.json import as_json
from gradflow.studies.diagnosis.telling.numbers import horizon, power
from gradflow.studies.diagnosis.telling.report import report_lines

NEED = 12


@pytest.fixture(scope="module")
def network():
    return gf.stack("lstm", 2, hidden=5, inputs=3, rng=0, forget_bias=0.0)


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(1).normal(size=(4, 2 * NEED, 3))


@pytest.fixture(scope="module")
def found(network, x):
    return gf.diagnose(network, x, need=NEED)


def test_reach_is_that_of_the_run(found, network, x):
    run = network.run(x)
    rows = found.subject.losses.rows[:, 0]
    logs = run.gradient_decay(rows).log_norm
    left = sorted((logs[:, NEED] - logs[:, 0]) / math.log(10))
    assert found.reach.log10_left.median == pytest.approx(left[1], abs=1e-12)
    assert found.reach.log10_left.low == pytest.approx(left[0], abs=1e-12)
    assert found.reach.log10_left.high == pytest.approx(left[3], abs=1e-12)
    horizons = [run.one(i).gradient_decay(rows[i]).horizon() for i in range(4)]
    assert found.reach.loss_horizon.high == max(horizons)
    products = [run.one(i).decay().horizon() for i in range(3)]
    assert found.reach.product_horizon.median == sorted(products)[1]
    assert found.reach.product_horizon.median >= found.reach.loss_horizon.low


def test_exponents_are_those_of_each_sequence(found, network, x):
    run = network.run(x).runs[1]
    spectra = [run.one(i).lyapunov(leading=4) for i in range(3)]
    # of each sequence from the largest down
    wanted = [sorted(zip(s.exponents, s.stderr, strict=True), reverse=True) for s in spectra]
    for (own, error), ranked in zip(
        found.layers[1].exponents, zip(*wanted, strict=True), strict=True
    ):
        values = sorted(exponent for exponent, _ in ranked)
        assert (own.low, own.median, own.high) == pytest.approx(values, abs=1e-9)
        assert error == pytest.approx(max(stderr for _, stderr in ranked), abs=1e-9)


def test_directions_are_counted_on_the_product(network, x):
    opened = replace(
        network,
        layers=tuple(
            replace(layer, params={**layer.params, "b_f": np.full(5, 5.0)})
            for layer in network.layers
        ),
    )
    found = gf.diagnose(opened, x, need=NEED)
    counts = []
    for i in range(3):
        run = opened.run(x[i])
        product = np.eye(run.width)
        for t in range(NEED + 1, 2 * NEED + 1):
            product = run.jacobian(t) @ product
        counts.append(int((np.linalg.svd(product, compute_uv=False) > 0.01).sum()))
    assert found.reach.directions.median == sorted(counts)[1] > 0


def test_each_remedy_equals_the_remedied_network(found):
    tried = list(remedies(found.subject, NEED, 0))
    training = [one for one in found.remedies if one.effect]
    assert [one.name for one in tried + training] == [one.name for one in found.remedies]
    assert len(tried) >= 6
    gradient = found.subject.losses.rows[:, 0, -10:-5]  # by the top layer's h
    for one in tried:
        run = one.network.run(found.subject.inputs)
        top = f"{len(one.network.layers)}.h"
        logs = run.gradient_decay({top: gradient}).log_norm
        left = sorted((logs[:, NEED] - logs[:, 0]) / math.log(10))
        assert one.log10_left.median == pytest.approx(left[1], abs=1e-12)
    by_name = {one.name: one for one in tried}
    assert (by_name["forget bias 3"].network.layers[0].params["b_f"] == 3.0).all()
    square = by_name["recurrent maps made orthogonal"].network.layers[1].params["U_f"]
    np.testing.assert_allclose(square @ square.T, np.eye(5), atol=1e-13)
    scaled = by_name["recurrent maps scaled to spectral norm 1"].network.layers[1].params["U_f"]
    assert np.linalg.norm(scaled, 2) == pytest.approx(1.0)
    # the original is as it was
    assert (found.network.layers[0].params["b_f"] == 0.0).all()


def test_opening_the_gates_helps_and_is_then_called_good(found, x):
    before = found.reach.log10_left.median
    best = next(one for one in found.remedies if one.name == "forget bias 5")
    assert best.log10_left.median > before + 1  # over ten times as much is left
    again = gf.diagnose(best.network, x, need=NEED)
    assert again.good
    assert again.remedies == ()
    assert "Nothing to mend" in "\n".join(report_lines(again))


def test_the_words_have_number_spread_and_source(found):
    text = "\n".join(report_lines(found))
    assert found.verdict.startswith("lstm, 2 layers, random weights: at lag 12")
    assert "over 4 sequences" in found.verdict
    assert "4 sequences of 24 steps that were given" in found.verdict
    for title in (
        "Read",
        "Reach",
        "Layers",
        "Paths",
        "Truncated",
        "whether the network then learns",
    ):
        assert title in text
    assert "will learn" not in text


def test_paths_are_those_of_the_run(found, network, x):
    run = network.run(x)
    for path, share in found.paths.items():
        wanted = [
            run.one(i).paths(found.subject.covector(i)).share()[path][NEED - 1] for i in range(4)
        ]
        assert share.low == pytest.approx(min(wanted), abs=1e-12)
        assert share.median == pytest.approx(sorted(wanted)[1], abs=1e-12)
        assert share.count == 4


def test_the_window_advised_and_the_norms(found, network, x):
    training = found.training
    place = list(training.truncation.window).index(found.window)
    assert (training.truncation.missing[:, place] < found.lose).all()
    assert place == 0 or (training.truncation.missing[:, place - 1] >= found.lose).any()
    assert NEED + 1 in training.truncation.window
    strict = gf.diagnose(network, x, need=NEED, lose=1e-6)
    assert strict.window is None or strict.window > found.window
    norms = [
        found.subject.run.one(i).parameter_gradient(found.subject.covector(i)).log_total.values()
        for i in range(4)
    ]
    logs = sorted(np.logaddexp.reduce([2 * float(one) for one in own]) / 2 for own in norms)
    assert training.quartiles[0] == pytest.approx(logs[0], abs=1e-9)
    assert training.quartiles[2] == pytest.approx(logs[1], abs=1e-9)
    assert training.quartiles[4] == pytest.approx(logs[3], abs=1e-9)


def test_a_dead_layer_is_said_to_be_dead():
    network = gf.stack("irnn", 1, hidden=3, inputs=2, rng=0)
    params = {**network.layers[0].params, "W": np.zeros((3, 2)), "b": np.array([-1.0, 0.5, 0.5])}
    dead = replace(network, layers=(replace(network.layers[0], params=params),))
    found = gf.diagnose(dead, np.zeros((2, 10, 2)), need=4)
    assert found.layers[0].dead == 1


def test_head_targets_and_losses(network, x):
    chance = np.random.default_rng(2)
    weight, bias = chance.normal(size=(7, 5)), chance.normal(size=7)
    targets = np.array([0, 3, 6, 2])
    found = gf.diagnose(network, x, need=NEED, head=(weight, bias), targets=targets)
    h = network.run(x).states["2.h"][:, -1]
    score = h @ weight.T + bias
    share = np.exp(score - score.max(1, keepdims=True))
    share /= share.sum(1, keepdims=True)
    share[np.arange(4), targets] -= 1
    np.testing.assert_allclose(found.subject.losses.rows[:, 0, 10:15], share @ weight, atol=1e-14)
    given = gf.diagnose(network, x, need=NEED, loss=lambda last: share @ weight)
    assert given.reach.log10_left == found.reach.log10_left
    rows = chance.normal(size=(4, 7))
    squared = gf.diagnose(
        network, x, need=NEED, head=(weight, bias), targets=rows, loss="squared error"
    )
    want = (score - rows) @ weight
    np.testing.assert_allclose(squared.subject.losses.rows[:, 0, 10:15], want, atol=1e-13)


def test_symbols_and_text(tmp_path):
    network = gf.stack("gru", 1, hidden=4, inputs=3, rng=0)
    tokens = np.array([0, 1, 2, 1] * 20)
    found = gf.diagnose(network, tokens, need=5)
    assert found.subject.inputs.shape == (7, 10, 3)
    assert (found.subject.inputs.sum(-1) == 1).all()
    (tmp_path / "t.txt").write_text("cabc" * 40)
    read = gf.diagnose(network, str(tmp_path / "t.txt"), need=5, vocabulary="cab")
    assert read.subject.inputs[0, 0].tolist() == [1.0, 0.0, 0.0]
    with pytest.raises(UsageError, match="vocabulary"):
        gf.diagnose(network, str(tmp_path / "t.txt"), need=5, vocabulary="ab")
    with pytest.raises(UsageError, match="symbols"):
        gf.diagnose(network, np.array([0, 1, 9] * 9), need=5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"x": np.zeros((4, 5))}, "shape"),
        ({"need": 0}, "need"),
        ({"need": 2.5}, "need"),
        ({"loss": "hinge"}, "squared error"),
        ({"loss": "cross-entropy"}, "no head"),
        ({"head": np.zeros((4, 9))}, "outputs, 5"),
        ({"head": np.zeros((4, 5)), "targets": np.zeros(3, dtype=int)}, "one a sequence"),
        ({"loss": lambda h: h[:, :2]}, "same shape"),
    ],
)
def test_what_does_not_fit_gets_a_sentence(network, arguments, words):
    with pytest.raises(UsageError, match=words):
        gf.diagnose(network, **{"need": NEED, **arguments})


def test_spreads_in_words():
    assert str(spread([2.0])) == "2"
    assert str(spread([2.0, 2.0])) == "2 (all 2 sequences)"
    assert str(spread([4.0, 1.0, 9.0, 2.0])) == "2 (1 to 9 over 4 sequences)"
    assert told(spread([math.inf]), lambda v: "never" if v == math.inf else "x") == "never"


@pytest.fixture
def file(tmp_path):
    network = gf.stack("lstm", 1, hidden=5, inputs=3, rng=0, forget_bias=0.0)
    np.savez(tmp_path / "net.npz", **network.layers[0].params)
    return tmp_path / "net.npz"


def test_the_command_prints_and_fails_where_asked(file, capsys):
    with pytest.raises(SystemExit) as done:
        main(["diagnose", str(file), "--need", "12"])
    assert done.value.code in (0, None)
    said = capsys.readouterr().out
    assert said.startswith("net.npz (npz): at lag 12")
    with pytest.raises(SystemExit) as done:
        main(["diagnose", str(file), "--need", "12", "--json", "--fail-if", "horizon<100"])
    assert done.value.code == 1
    numbers = json.loads(capsys.readouterr().out)
    assert numbers["loss_horizon"] < 100
    assert numbers["need"] == 12


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--fail-if", "horizon"], 2),
        (["--need", "0"], 2),
        (["--fact", "nonlinearity"], 2),
        (["--head", "none.npz"], 3),
        (["--input", "none.npy"], 3),
    ],
)
def test_the_command_refuses_in_one_sentence(file, words, code, capsys):
    with pytest.raises(SystemExit) as done:
        main(["diagnose", str(file), *words])
    assert done.value.code == code
    said = capsys.readouterr().err.strip()
    assert said.startswith("gradflow: ")
    assert "Traceback" not in said


def test_the_command_checks_what_the_file_leaves_open(tmp_path, capsys):
    network = gf.stack("lstm", 1, hidden=4, inputs=3, rng=0)
    params = network.layers[0].params
    arrays = {
        "weight_ih_l0": np.concatenate([params[f"W_{g}"] for g in "iofg"]),
        "weight_hh_l0": np.concatenate([params[f"U_{g}"] for g in "iofg"]),
        "bias_ih_l0": np.concatenate([params[f"b_{g}"] for g in "iofg"]),
    }
    np.savez(tmp_path / "net.npz", **arrays)
    x = np.random.default_rng(3).normal(size=(9, 3))
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", network.run(x).states["1.h"][1:])
    files = [str(tmp_path / name) for name in ("net.npz", "x.npy", "y.npy")]
    with pytest.raises(SystemExit) as done:
        main(["diagnose", files[0], "--need", "8", "--check", *files[1:]])
    assert done.value.code in (0, None)
    assert "gates='iofg'" in capsys.readouterr().out


def test_clipping_and_html(found, network):
    text = "\n".join(report_lines(found))
    assert "the share of each lag in a gradient is the same after clipping" in text
    norms = np.exp(found.training.log_norms)
    limit = 10.0 ** math.floor(math.log10(norms.min()))
    one = found.training.clipping[0]
    assert (one.threshold, one.shortened) == (pytest.approx(limit), 4)
    assert one.factors.low == pytest.approx(limit / norms.max())
    assert f"clipping at {limit:g} would shorten 4 of 4, to " in text
    clip = next(r for r in found.remedies if r.name == f"a clip at norm {limit:g}")
    assert clip.log10_left == found.reach.log10_left
    assert clip.effect.startswith("shortens 4 of 4")
    longer = next(r for r in found.remedies if r.name.startswith("truncation"))
    assert longer.name == f"truncation to windows of {NEED + 1} steps"
    shown = found._repr_html_()
    assert all(f"left with {one.name}<" in shown for one in found.remedies)
    assert "^" not in shown
    assert ">lstm</td>" in network._repr_html_()
    assert repr(clip) == f"<Remedy {clip.name}: {power(clip.log10_left.median)}>"


def test_the_command_takes_sequences_targets_and_a_loss_at_every_step(file, tmp_path, capsys):
    chance = np.random.default_rng(4)
    np.save(tmp_path / "x.npy", chance.normal(size=(3, 20, 3)))
    np.save(tmp_path / "aim.npy", chance.integers(0, 4, (3, 20)))
    np.save(tmp_path / "ends.npy", np.array([20, 15, 20]))
    np.savez(tmp_path / "head.npz", weight=chance.normal(size=(4, 5)))
    options = {"--input": "x.npy", "--targets": "aim.npy", "--lengths": "ends.npy"}
    words = [w for name, value in options.items() for w in (name, str(tmp_path / value))]
    words += ["--head", str(tmp_path / "head.npz"), "--need", "10", "--loss", "cross-entropy"]
    with pytest.raises(SystemExit) as done:
        main(["diagnose", str(file), *words, "--lose", "0.2"])
    assert done.value.code in (0, None)
    said = " ".join(capsys.readouterr().out.split())  # a terminal folds lines
    assert "on 3 sequences of 15 to 20 steps that were in x.npy" in said
    assert "cross-entropy of the head at every step" in said
    assert "(55 of 60 count)" in said
    assert "under 20 % from a window of" in said
    with pytest.raises(SystemExit) as done:
        main(["diagnose", str(file), *words, "--at", "never"])
    assert done.value.code == 2


def test_an_explosion_is_told_by_step_path_and_unit():
    """h' = W h with one eigenvalue over 1: the gradient of unit 0 doubles at every step."""
    network = gf.stack("irnn", 1, hidden=2, inputs=1, rng=0)
    params = {"U": np.diag([2.0, 0.5]), "W": np.ones((2, 1)), "b": np.zeros(2)}
    layer = replace(network.layers[0], params=params)
    growing = replace(network, layers=(layer,), source="irnn")
    found = gf.diagnose(growing, np.full((3, 12, 1), 0.01), need=9, loss=np.ones_like)
    lag = next(n for n in range(12) if math.sqrt((4.0**n + 0.25**n) / 2) > 100)
    assert (found.growth.lag, found.growth.step) == (lag, 12 - lag)
    assert (found.growth.part, found.growth.unit, found.growth.count) == ("1.h", 0, 3)
    assert found.growth.largest == pytest.approx(math.log(math.sqrt((4**12 + 0.25**12) / 2)))
    text = "\n".join(report_lines(found))
    assert f"explodes in 3 of 3 sequences: at lag {lag}, step {12 - lag}" in text
    assert "most in unit 0 of 1.h, by the path 1: " in text


def test_a_run_that_overflows_names_layer_step_and_unit():
    network = gf.stack("irnn", 2, hidden=2, inputs=1, rng=0)
    params = {"U": 1e200 * np.eye(2), "W": np.ones((2, 1)), "b": np.zeros(2)}
    upper = {**params, "W": np.ones((2, 2))}
    layers = (network.layers[0], replace(network.layers[1], params=upper))
    with pytest.raises(UsageError, match=r"layer 2: cell 'irnn': .*at step 3 .*h: U @ h .*unit 0"):
        gf.diagnose(replace(network, layers=layers), np.ones((2, 9, 1)), need=4)


def test_the_certified_band_holds_the_product():
    network = gf.stack("gru", 1, hidden=3, inputs=2, rng=0)
    x = np.random.default_rng(0).normal(size=(2, 8, 2))
    found = gf.diagnose(network, x, need=5)
    log = network.run(x[0]).decay().log_norm[5] / math.log(10)
    low, high = found.band
    assert low <= log <= high
    assert high - low < 1e-8
    text = "\n".join(report_lines(found))
    told = re.search(r"product is between 10\^(\S+) and 10\^(\S+)", text)
    assert float(told[1]) <= low
    assert float(told[2]) >= high
    wide = gf.diagnose(gf.stack("gru", 1, hidden=160, inputs=2, rng=0), need=100)
    assert wide.band is None
    assert "gf.certify" in wide.left_out["certified band of the product"]


@pytest.mark.filterwarnings("ignore")
def test_paths_of_a_wide_network_are_split_where_they_are_asked_for():
    network = gf.stack("lstm", 1, hidden=160, inputs=2, rng=0)  # 320 states
    x = np.random.default_rng(1).normal(size=(12, 2))
    plain = gf.diagnose(network, x, need=4)
    assert plain.paths == {}
    assert "paths=True" in plain.left_out["paths"]
    asked = gf.diagnose(network, x, need=4, paths=True)
    assert "paths" not in asked.left_out
    assert sum(share.median for share in asked.paths.values()) == pytest.approx(1.0)
    assert asked.reach.log10_left == plain.reach.log10_left


def test_a_half_life_that_is_not_reached_is_longer_than_the_run():
    network = gf.stack("lstm", 1, hidden=3, inputs=2, rng=0, forget_bias=40.0)
    said = "\n".join(report_lines(gf.diagnose(network, need=5)))
    assert (
        "half-life of the units that keep their own gradient longest: longer than the run\n" in said
    )
    forgets = gf.stack("lstm", 1, hidden=3, inputs=2, rng=0, forget_bias=-9.0)
    said = "\n".join(report_lines(gf.diagnose(forgets, need=5)))
    assert re.search(
        r"half-life of the units that keep their own gradient longest: [0-9.]+ steps\n", said
    )


def test_leading_exponents_are_told_from_the_largest_down():
    network = gf.stack("rnn", 1, hidden=6, inputs=2, rng=14)
    layer = network.layers[0]
    x = np.random.default_rng(14).normal(size=(3, 30, 2))
    frames = [gf.run(layer.cell, layer.params, one).lyapunov(leading=4).exponents for one in x]
    assert any((np.diff(one) > 0).any() for one in frames)  # a short run's are not in order
    told_ones = gf.diagnose(network, x, need=5).layers[0].exponents
    values = np.array([[s.low, s.median, s.high] for s, _ in told_ones])
    assert (np.diff(values, axis=0) <= 0).all()
    assert (np.diff(values, axis=1) >= 0).all()
    assert values[0, 2] == pytest.approx(max(one.max() for one in frames), rel=1e-12)


def test_checkpoints_make_a_course(tmp_path, capsys):
    files = []
    for bias in (0.0, 2.0, 5.0):
        network = gf.stack("lstm", 1, hidden=5, inputs=3, rng=0, forget_bias=bias)
        files.append(str(tmp_path / f"bias{bias:g}.npz"))
        np.savez(files[-1], **network.layers[0].params)
    made = gf.studies.course(files, need=12)
    lefts = [one.reach.log10_left.median for one in made.found]
    assert min(lefts[1:]) > lefts[0]
    assert lefts[1] == gf.diagnose(files[1], need=12).reach.log10_left.median
    assert repr(made).startswith("<Course of 3 checkpoints: at lag 12")
    assert made.rows()[2][0] == "bias5.npz (npz)"
    with pytest.raises(SystemExit) as done:
        main(["diagnose", *files, "--need", "12", "--fail-if", "left<0.0001"])
    assert done.value.code in (0, None)  # of the last checkpoint
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("What is left of the gradient at lag 12")
    heads = [line.split()[0] for line in said if line.startswith("bias")]
    assert heads[:3] == ["bias0.npz", "bias2.npz", "bias5.npz"]
    for width in (60, 80, 100):
        lines = course_lines(made, width)
        assert max(map(len, lines)) <= width
        told_once = " ".join(" ".join(lines).split())
        assert all(cell in told_once for row in made.rows() for cell in row)
    with pytest.raises(SystemExit) as done:
        main(["diagnose", *files, "--need", "12", "--json"])
    assert done.value.code in (0, None)
    told = json.loads(capsys.readouterr().out)
    assert [one["reach"]["log10_left"]["median"] for one in told] == pytest.approx(lefts)
    with pytest.raises(UsageError, match="two or more"):
        gf.studies.course(files[:1])


def test_json_has_what_the_report_tells(found):
    told = json.loads(json.dumps(as_json(found), allow_nan=False))
    assert told["log10_left"] == found.reach.log10_left.median
    assert told["reach"]["directions"]["count"] == 3
    assert [one["name"] for one in told["remedies"]] == [one.name for one in found.remedies]
    assert told["paths"].keys() == found.paths.keys()
    assert told["training"]["window"] == found.window
    assert told["layers"][1]["saturated"]["high"] == found.layers[1].saturated.high
    assert told["explodes"] is None
    assert told["ways"] == []


def test_a_horizon_beyond_the_steps_seen_does_not_pass(tmp_path, capsys):
    network = gf.stack("lstm", 1, hidden=5, inputs=3, rng=0, forget_bias=3.0)
    np.savez(tmp_path / "net.npz", **network.layers[0].params)
    np.save(tmp_path / "x.npy", np.ones((2, 6, 3)))
    words = ["--input", str(tmp_path / "x.npy"), "--need", "3", "--fail-if", "horizon<100"]
    with pytest.raises(SystemExit) as done:
        main(["diagnose", str(tmp_path / "net.npz"), *words])
    assert done.value.code == 1
    assert "over 6 steps only" in capsys.readouterr().err


def test_weights_without_measure_are_refused_before_they_take_memory():
    network = gf.stack("lstm", 1, hidden=4, inputs=3, rng=0)
    big = {name: 1e200 * np.asarray(a) for name, a in network.layers[0].params.items()}
    layer = replace(network.layers[0], params=big)
    found = gf.diagnose(replace(network, layers=(layer,)), need=3)
    assert "too small to be multiplied out" in found.left_out["product"]


def test_what_was_asked_and_is_not_told_is_said():
    network = gf.stack("lstm", 1, hidden=3, inputs=2, rng=0)
    x = np.random.default_rng(0).standard_normal((3, 12, 2))
    found = gf.diagnose(network, x, need=40, lengths=[12, 7, 5])
    assert found.need == 12
    assert "no loss has more than 12 steps before it" in found.left_out["lag 40"]
    assert "3 sequences of 5 to 12 steps" in found.verdict
    assert "lag 40" not in gf.diagnose(network, x, need=12).left_out


def test_a_power_beyond_all_use_stays_short():
    assert power(-9.0e299) == "10^(-9e+299)"
    assert power(-5.0) == "10^-5.0"


def test_one_step_is_no_steps():
    one = [horizon(Spread(v, v, v, 1), steps) for v, steps in ((math.inf, 1), (1.0, 9))]
    assert one == ["not within 1 step", "1 step"]
    several = [horizon(Spread(v, 2.0, math.inf, 3), 9) for v in (math.inf, 2.0)]
    assert several[0] == "not within 9 steps (2 to not within 9 over 3 sequences)"
    assert several[1] == "2 steps (2 to not within 9 over 3 sequences)"


def test_the_state_of_an_optimizer_is_one_entry_of_what_was_not_read():
    network = gf.stack("rnn", 1, hidden=2, inputs=1, rng=0)
    names = [f"optimizer.state.{k}.exp_avg" for k in range(48)]
    network = replace(network, skipped=("epoch", *names, "optimal.weight"))
    found = gf.diagnose(network, need=3)
    told = next(one for one in report_lines(found) if "not read" in one)
    assert told == "  not read: epoch, optimal.weight, optimizer state: 48 entries"
