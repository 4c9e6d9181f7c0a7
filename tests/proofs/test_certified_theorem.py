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
from gradflow.proofs.certified.theorem.claim import gradient_claim, seconds_of_coq
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
    irnn = gradient_claim(certified("irnn"))
    assert irnn.script is None
    assert "relu has no rule in Coq" in irnn.scope
    net = gf.stack("lstm", 2, hidden=2, inputs=2, rng=0)
    run = net.run(np.ones((3, 2)))
    with pytest.raises(UsageError, match="no one cell declares"):
        gradient_claim(gf.certify(run, Loss(kind="linear", weight=np.ones(2))))


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
@pytest.mark.slow
@pytest.mark.parametrize(
    ("cell", "kind"),
    [("rnn", "logistic"), ("gru", "squared"), ("lstm", "cross-entropy"), (OWN, "linear")],
)
def test_coq_accepts_the_theorem_and_refuses_a_changed_one(cell, kind, tmp_path):
    claim = gradient_claim(certified(cell, hidden=2, steps=3, kind=kind))
    assert claim.verdict == ("PROVED", "")
    write(claim, tmp_path)
    (found,) = verify(tmp_path, known=[] if cell is not OWN else [claim])
    assert found.level == "PROVED"
    low = claim.evidence[0]["bounds"][0]["h"][0]
    moved = replace(
        claim.script, statement=claim.script.statement.replace(f"{low}%Z", f"{low + 1}%Z")
    )
    assert replace(claim, script=moved).level == "not proved (script)"
    row = next(
        line for line in claim.script.statement.splitlines() if line.startswith("Definition z_x")
    )
    number = row.split("[[")[1].split(";")[0]
    other = row.replace(number, f"({int(number.strip('()')) + 1})", 1)
    changed = replace(claim.script, statement=claim.script.statement.replace(row, other))
    assert replace(claim, script=changed).level == "not proved (script)"
