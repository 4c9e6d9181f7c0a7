"""The gradient of one network's loss as a claim: its evidence, its Coq theorem, and tampering."""

import copy
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

import gradflow as gf
from gradflow.errors import UsageError
from gradflow.proofs import Loss, verify, write
from gradflow.proofs.certified.gradient import replay
from gradflow.proofs.certified.program.stacked import as_one
from gradflow.proofs.certified.program.sums import with_maps
from gradflow.proofs.certified.theorem.claim import gradient_claim
from gradflow.proofs.certified.theorem.cost import seconds_of_coq
from gradflow.proofs.claims import evidence

COQ = pytest.mark.skipif(shutil.which("coqc") is None, reason="needs coq")
OWN = gf.Cell(
    name="leaky_gate",
    state="h",
    inputs="x",
    maps="U W A B",
    vectors="a b",
    equations="""
    z = sigmoid(A @ h + B @ x + a)
    h_next = 3/4 * z * h + (1 - z) * tanh(U @ (z * h) + W @ x + b) + 1/8
    """,
)


def certified(cell, hidden=3, steps=6, kind="cross-entropy", seed=0, **options):
    """A small network of float32 weights and what is certified about it."""
    cell = gf.cells.get(cell) if isinstance(cell, str) else cell
    rng = np.random.default_rng(seed)
    params = cell.init(hidden=hidden, inputs=2, rng=rng)
    params = {k: np.float32(v).astype(float) for k, v in params.items()}
    x = np.float32(rng.standard_normal((steps, 2))).astype(float)
    count = 3 if kind == "cross-entropy" else 1
    weight = np.float32(rng.standard_normal((count, hidden))).astype(float)
    loss = Loss(kind=kind, weight=weight, target=1 if count == 3 else [0.5])
    return gf.certify(gf.run(cell, params, x), loss, digits=3, **options)


@pytest.fixture(scope="module")
def lstm():
    return gradient_claim(certified("lstm"))


def test_the_evidence_holds_and_is_read_back(lstm):
    (data,) = json.loads(json.dumps(list(lstm.evidence)))
    assert evidence.check(data) == ""
    assert replay.read(data)[0] == certified("lstm").line


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm", OWN])
def test_what_is_changed_in_the_evidence_is_refused(name):
    (data,) = gradient_claim(certified(name)).evidence

    def changed(change):
        other = copy.deepcopy(dict(data))
        change(other)
        return evidence.check(other)

    def bound(k, end, by):
        def change(d):
            d["bounds"][k][""][end] += by

        return change

    assert "not in its bounds" in changed(bound(0, 0, 1 << 40))
    # one unit of the last place, where a bound is as near as it can be
    assert "not in its bounds" in changed(bound(2, 0, 1))
    assert "not in its bounds" in changed(bound(2, 1, -1))

    def weight(d):
        d["matrices"]["U" if "U" in d["matrices"] else "U_g"][0][1] += 1

    assert "not in its bounds" in changed(weight)

    def swapped(d):
        d["inputs"]["x"][1], d["inputs"]["x"][3] = d["inputs"]["x"][3], d["inputs"]["x"][1]

    assert "not in its bounds" in changed(swapped)
    assert "not in its bounds" in changed(lambda d: d["loss"].update(targets={"6": 2}))
    assert changed(lambda d: d.update(steps=10**9)) != ""
    assert changed(lambda d: d.pop("q")).startswith("evidence that cannot be read")
    assert changed(lambda d: d["lines"][0].update(operands=[99])) != ""


def test_the_words_say_what_the_numbers_are(lstm):
    low, high = certified("lstm").interval(0)[:2]
    p = lstm.evidence[0]["p"]
    shown = lstm.words.rsplit("[", 1)[1].rstrip("]").split(", ")
    assert float(shown[0]) <= low / 2**p <= high / 2**p <= float(shown[1])
    assert float(shown[1]) - float(shown[0]) <= 2e-9 * high / 2**p + (high - low) / 2**p


def test_what_has_no_theorem_stays_certified_and_says_why():
    found = gradient_claim(certified("lstm"), seconds=1.0)
    assert found.script is None
    assert "Coq would take about" in found.scope
    assert found.level == "CERTIFIED"
    power = gf.Cell(name="power", state="h", maps="U", equations="h_next = (2 + tanh(U @ h))**0.3")
    run = gf.run(power, power.init(hidden=2, rng=0), state=[0.5, 0.25], steps=2)
    claim = gradient_claim(gf.certify(run, Loss(kind="linear", weight=np.ones(2))))
    assert claim.script is None
    assert "(tanh(U_h) + 2)**(3/10) has no rule in Coq yet" in claim.scope


SUMS = gf.Cell(
    name="sums",
    state="h s[slow]",
    maps="U A B",
    vectors="b",
    equations="""
    a = U @ h + b
    s_next = tanh(A @ h) - 1/8 * sum(h * h)
    h_next = tanh(a - mean(a - mean(a) * h) + B @ s_next + mean(s))
    """,
)


def summed():
    """A run of a cell that sums over units of two sizes, one sum inside another."""
    params = SUMS.init(hidden=3, slow=2, rng=0)
    params = {k: np.float32(v).astype(float) for k, v in params.items()}
    return gf.run(SUMS, params, state=[0.5, 0.25, -0.5, 0.125, 0.75], steps=3)


def test_means_and_sums_are_written_as_maps_of_ones():
    run = summed()
    other = with_maps(run)
    np.testing.assert_allclose(other.flat_states, run.flat_states, rtol=0, atol=1e-15)
    assert set(other.cell.constant_names) == {
        "ones_slow_hidden",
        "ones_hidden_hidden",
        "ones_hidden_slow",
    }
    loss = Loss(kind="linear", weight=[[1.0, -0.5, 0.25]], part="h")
    claim = gradient_claim(gf.certify(run, loss), arrays=True)
    assert claim.script is not None
    (data,) = claim.evidence
    assert evidence.check(data) == ""
    assert set(data["arrays"]) == {*SUMS.parameters, *other.cell.constant_names}
    alone = gf.Cell(name="alone", state="h", equations="h_next = h + sum(1)")
    with pytest.raises(UsageError, match="is summed over units and has none of its own"):
        with_maps(gf.run(alone, {}, state=[1.0], steps=2))


@COQ
@pytest.mark.slow
def test_coq_accepts_means_and_sums(tmp_path):
    loss = Loss(kind="linear", weight=[[1.0, -0.5, 0.25]], part="h")
    claim = gradient_claim(gf.certify(summed(), loss, digits=3), arrays=True)
    write(claim, tmp_path)
    (found,) = verify(tmp_path)
    assert found.level == "PROVED"


def test_a_unit_on_the_kink_of_relu_is_said_and_has_no_theorem():
    cell = gf.cells.irnn
    run = gf.run(cell, cell.init(rng=0, hidden=3, inputs=2), np.zeros((5, 2)))
    claim = gradient_claim(gf.certify(run, Loss(kind="linear", weight=np.ones(3))))
    assert claim.script is None
    assert "exactly on the kink of relu" in claim.scope
    assert "exists" not in claim.words
    assert "at 5 steps a unit sits exactly on the kink" in claim.hypotheses[2]
    (data,) = claim.evidence
    assert evidence.check(data) == ""
    assert evidence.check({**data, "kinks": 0}) == "other steps are at a kink"


def stacked(**options):
    """Layers of different cells, norms of different gains, and a loss of the last."""
    net = gf.stack(["lstm", "gru"], hidden=2, inputs=2, rng=0, **options)
    layers = []
    for one in net.layers:
        norm = one.between.norm
        if norm is not None:
            gain = np.float32(norm.gain + np.array([0.5, -0.25])).astype(float)
            norm = replace(norm, gain=gain, shift=gain[::-1] / 4, epsilon=1e-3)
        layers.append(replace(one, between=replace(one.between, norm=norm)))
    net = replace(net, layers=tuple(layers))
    run = net.run(np.float32(np.random.default_rng(0).standard_normal((3, 2))).astype(float))
    return run, Loss(kind="linear", weight=[[0.5, -0.25]])


@pytest.mark.parametrize("options", [{}, {"residual": True}, {"norm": True}])
def test_stacked_layers_written_as_one_cell(options):
    run, loss = stacked(**options)
    one = as_one(run)
    np.testing.assert_allclose(one.flat_states, run.flat_states, rtol=0, atol=1e-15)
    found = gf.certify(run, loss)
    (data,) = gradient_claim(found, seconds=0.0).evidence
    low, high = found.found.states[0][""]
    other_low, other_high = data["bounds"][0][""]
    assert max(low, other_low) <= min(high, other_high)
    assert other_high - other_low <= 1e-6 * high
    assert gradient_claim(found).script is not None


@pytest.mark.parametrize("kinds", [["rnn", "gru", "lstm"], ["lstm", "irnn", "rnn"]])
def test_normalised_and_residual_layers_of_several_cells_written_as_one(kinds):
    net = gf.stack(kinds, hidden=3, inputs=2, rng=1, norm=True, residual=True)
    run = net.run(np.random.default_rng(2).standard_normal((4, 2)))
    np.testing.assert_allclose(as_one(run).flat_states, run.flat_states, rtol=0, atol=1e-14)
    # planted: another epsilon is another network
    layers = [replace(x, between=replace(x.between, norm=None)) for x in net.layers]
    other = replace(net, layers=tuple(layers)).run(np.random.default_rng(2).standard_normal((4, 2)))
    assert abs(as_one(other).flat_states - run.flat_states).max() > 0.01


def test_a_name_of_the_cell_is_not_taken_for_the_norm_behind_it():
    cell = gf.Cell(
        name="named",
        state="h",
        inputs="x",
        maps="U W",
        vectors="gain shift",
        equations="centred = U @ h + W @ x\nh_next = tanh(gain * centred + shift)",
    )
    net = gf.stack([cell, cell], hidden=2, inputs=2, rng=0, norm=True)
    run = net.run(np.random.default_rng(0).standard_normal((3, 2)))
    np.testing.assert_allclose(as_one(run).flat_states, run.flat_states, rtol=0, atol=1e-14)


def test_the_gradient_by_arrays_is_part_of_the_evidence():
    found = certified("lstm")
    claim = gradient_claim(found, arrays=True)
    (data,) = json.loads(json.dumps(list(claim.evidence)))
    assert evidence.check(data) == ""
    assert set(data["arrays"]) == set(gf.cells.lstm.parameters)
    assert any("by the array U_f" in row for row in claim.proof)
    data["arrays"]["b_o"][1] -= 1
    assert evidence.check(data) == "the gradient by b_o is not in its bounds"


def test_the_estimate_grows_with_the_work():
    small, large = certified("lstm"), certified("lstm", hidden=6, steps=24)
    assert 8 < seconds_of_coq(small) < seconds_of_coq(large) < 60


def test_a_bundle_of_other_words_or_numbers_is_foreign(tmp_path):
    claim = gradient_claim(certified("rnn"), seconds=0.0)

    def result(other):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        write(other, folder)
        (found,) = verify(folder, coq=False)
        return found

    assert result(claim).level == "CERTIFIED"
    other = replace(claim, words=claim.words.replace("gradient", "loss"))
    assert result(other).level == "foreign"
    data = copy.deepcopy(dict(claim.evidence[0]))
    data["bounds"][0][""][1] += 1
    assert result(replace(claim, evidence=(data,))).level == "foreign"
    lines = copy.deepcopy(dict(claim.evidence[0]))
    lines["lines"] = [
        {**one, "kind": "sigmoid"} if one["kind"] == "tanh" else one for one in lines["lines"]
    ]
    assert result(replace(claim, evidence=(lines,))).failed


@COQ
def test_coq_accepts_relu_away_from_its_kink():
    assert gradient_claim(certified("irnn", hidden=2, steps=2), arrays=True).verdict == (
        "PROVED",
        "",
    )


@COQ
@pytest.mark.slow
@pytest.mark.parametrize("part", ["h", "c"])
@pytest.mark.parametrize("kind", ["cross-entropy", "squared", "logistic", "linear"])
def test_coq_accepts_losses_of_every_step_and_of_any_part(kind, part):
    rng = np.random.default_rng(3)
    params = {
        k: np.float32(v).astype(float)
        for k, v in gf.cells.lstm.init(hidden=2, inputs=2, rng=0).items()
    }
    x = np.float32(rng.standard_normal((3, 2))).astype(float)
    target = {"cross-entropy": [0, 2, 1], "linear": None}.get(kind, [[0.5, 0.25, 1.0]] * 3)
    weight = np.float32(rng.standard_normal((3, 2))).astype(float)
    loss = Loss(kind=kind, weight=weight, target=target, part=part, every_step=True)
    found = gf.certify(gf.run("lstm", params, x), loss, digits=3)
    assert gradient_claim(found, arrays=True).verdict == ("PROVED", "")


@COQ
@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"residual": True}, {"norm": True}])
def test_coq_accepts_stacked_layers(options, tmp_path):
    run, loss = stacked(**options)
    claim = gradient_claim(gf.certify(run, loss, digits=3), arrays=True)
    write(claim, tmp_path)
    (found,) = verify(tmp_path)
    assert found.level == "PROVED"


@COQ
@pytest.mark.slow
def test_coq_accepts_layers_of_different_sizes_and_numbers_that_are_not_dyadic():
    cell = gf.Cell(
        name="two_sizes",
        state="h s[slow]",
        inputs="x",
        maps="U W A B",
        vectors="b tau[slow]",
        scalars="rate",
        equations="""
        s_next = 0.9 * s + 1/3 * tanh(A @ h + tau)
        h_next = 0.1 + 0.7 * tanh(U @ h + W @ x + B @ s_next + b + rate)
        """,
    )
    rng = np.random.default_rng(0)
    params = cell.init(hidden=3, inputs=4, slow=2, rng=0) | {"rate": np.array([0.375])}
    params = {k: np.float32(v).astype(float) for k, v in params.items()}
    x = np.float32(rng.standard_normal((3, 4))).astype(float)
    loss = Loss(kind="squared", weight=[[1.0, -0.5, 0.25]], target=[0.5], part="h")
    found = gf.certify(gf.run(cell, params, x), loss, digits=3)
    assert gradient_claim(found, arrays=True).verdict == ("PROVED", "")


@COQ
@pytest.mark.slow
@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        ("rnn", "logistic"),
        ("irnn", "squared"),
        ("gru", "squared"),
        ("lstm", "cross-entropy"),
        (OWN, "linear"),
    ],
)
def test_coq_accepts_the_theorem_and_refuses_a_changed_one(cell, kind, tmp_path):
    # some units of the irnn are on at every step for this seed, so that its inputs matter
    seed = 4 if cell == "irnn" else 0
    found = certified(cell, hidden=2, steps=3, kind=kind, seed=seed)
    claim = gradient_claim(found, arrays=True)
    assert claim.verdict == ("PROVED", "")
    write(claim, tmp_path)
    (found,) = verify(tmp_path, known=[] if cell is not OWN else [claim])
    assert found.level == "PROVED"
    arrays = next(
        line for line in claim.script.statement.splitlines() if line.startswith("Definition grads")
    )
    # a norm of an array is rounded outwards by up to a unit more than it needs
    low, high = next(iter(claim.evidence[0]["arrays"].values()))
    moved = claim.script.statement.replace(arrays, arrays.replace(f"{high}%Z", f"{low}%Z"))
    assert moved != claim.script.statement
    changed = replace(claim.script, statement=moved)
    assert replace(claim, script=changed).level == "not proved (script)"
    low, high = claim.evidence[0]["bounds"][0]["h"]
    # where nothing is rounded, as with relu, a bound has some units to spare
    units = high - low + 1 if cell == "irnn" else 1
    for other in (f"({low + units}, {high + units})", f"({low - units}, {high - units})"):
        text = claim.script.statement.replace(f"({low}, {high})", other)
        assert text != claim.script.statement
        moved = replace(claim.script, statement=text)
        assert replace(claim, script=moved).level == "not proved (script)"
    row = next(
        line for line in claim.script.statement.splitlines() if line.startswith("Definition z_x")
    )
    number = row.split("[[")[1].split(";")[0]
    other = row.replace(number, f"({int(number.strip('()')) + 1})", 1)
    start = claim.script.statement.index("Definition z_x")
    stop = claim.script.statement.index("%Z.", start)
    inputs = claim.script.statement[start:stop]
    first, second = inputs.partition(":= [")[2].split(";\n ")[:2]
    swapped = inputs.replace(f"{first};\n {second}", f"{second};\n {first}")
    assert swapped != inputs
    for before, after in ((row, other), (inputs, swapped)):
        changed = replace(claim.script, statement=claim.script.statement.replace(before, after))
        assert replace(claim, script=changed).level == "not proved (script)"


def first_number(text, name):
    """Return a definition of the statement, and the same with its first number one larger."""
    start = text.index(f"Definition z_{name} := ")
    before = text[start : text.index("%Z.", start)]
    number = before.partition("[[")[2].split(";")[0]
    return before, before.replace(number, f"({int(number.strip('()')) + 1})", 1)


def two_steps(text):
    """Return the inputs of the statement, and the same with the first two steps swapped."""
    start = text.index("Definition z_x := [")
    before = text[start : text.index("%Z.", start)]
    head, _, rows = before.partition(":= [")
    first, second, *rest = rows.split(";\n ")
    return before, f"{head}:= [" + ";\n ".join([second, first, *rest])


def one_end(claim, end):
    """Return a pair of bounds of the statement, and the same with one end a unit further in."""
    low, high = claim.evidence[0]["bounds"][0]["h"]
    other = (low + 1, high) if end == "lower" else (low, high - 1)
    return f"({low}, {high})", f"({other[0]}, {other[1]})"


@pytest.fixture(scope="module")
def small_lstm():
    return gradient_claim(certified("lstm", hidden=2, steps=3))


CHANGES = {
    "a weight in its last bit": lambda claim, text: first_number(text, "U_f"),
    "an input in its last bit": lambda claim, text: first_number(text, "x"),
    "two steps swapped": lambda claim, text: two_steps(text),
    "the lower bound by a unit": lambda claim, text: one_end(claim, "lower"),
    "the upper bound by a unit": lambda claim, text: one_end(claim, "upper"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_one_of_the_statement_alone(small_lstm, change):
    text = small_lstm.script.statement
    before, after = CHANGES[change](small_lstm, text)
    assert text.count(before) == 1
    assert after != before


@COQ
@pytest.mark.slow
@pytest.mark.parametrize("change", ["", *CHANGES])
def test_coq_refuses_a_small_lstm_with(small_lstm, change):
    text = small_lstm.script.statement
    if not change:
        assert small_lstm.verdict == ("PROVED", "")
        return
    before, after = CHANGES[change](small_lstm, text)
    other = replace(small_lstm.script, statement=text.replace(before, after))
    level, reason = replace(small_lstm, script=other).verdict
    assert level == "not proved (script)"
    assert "Coq rejects the proof" in reason
