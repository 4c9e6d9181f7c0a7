"""A theorem as a reader meets it, and what it says at the weights at hand."""

import json
import re
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

import gradflow as gf
from gradflow.cli import main
from gradflow.proofs.cards.environment import document
from gradflow.proofs.cards.sources import bibtex, literature, sources_of
from gradflow.proofs.measuring.contraction import gru_contraction, lstm_contraction, recovery
from gradflow.proofs.measuring.margin import Condition, Margin
from gradflow.proofs.theorems import theorems
from proofs.user_cells import USER_CELLS

LIBRARY = [*map(gf.cells.get, gf.cells.names())]
CLAIMS = [claim for cell in [*LIBRARY, *USER_CELLS] for claim in theorems(cell)]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """An LSTM of 32 units without forget bias, on one-hot symbols."""
    cell = gf.cells.get("lstm")
    params = cell.init(hidden=32, inputs=27, rng=0, forget_bias=0.0)
    x = np.eye(27)[np.random.default_rng(0).integers(0, 27, 50)]
    path = tmp_path_factory.mktemp("weights") / "lstm.npz"
    np.savez(path, **params, x=x)
    return path


# conditions and margins


@pytest.mark.parametrize(
    ("need", "holds"),
    [
        ("under", [True, False, False]),
        ("at most", [True, True, False]),
        ("at least", [False, True, True]),
        ("above", [False, False, True]),
        ("exactly", [False, True, False]),
    ],
)
def test_a_condition_holds_on_its_side(need, holds):
    made = [Condition(quantity="q", value=v, need=need, limit=1.0) for v in (0.5, 1.0, 2.0)]
    assert [c.holds for c in made] == holds
    assert str(made[2]) == f"its condition needs 2 to be {need} 1 (q)"


def test_a_value_that_rounds_to_its_limit_is_told_apart():
    made = Condition(quantity="q", value=1 - 1e-12, need="at least", limit=1.0)
    assert "needs 0.999999999" in str(made)


@pytest.mark.parametrize(
    ("measured", "bound", "side", "informs"),
    [
        (0.0016, 3e123, "above", False),
        (0.0016, 1e-3, "above", True),
        (0.0016, 1.0, "above", True),  # it does not explode
        (1.0, 999.0, "above", True),
        (1.0, 1001.0, "above", False),
        (0.0, 1.5, "above", False),
        (0.5, None, "above", False),
        (0.5, 0.0, "below", False),
        (0.5, 1e-200, "below", True),
    ],
)
def test_a_bound_that_says_nothing_is_told_as_such(measured, bound, side, informs):
    condition = Condition(quantity="the rate", value=179.0, need="under", limit=1.0)
    margin = Margin(measured=measured, bound=bound, side=side, condition=condition)
    assert margin.informs == informs
    nothing = "this theorem says nothing at these weights: its condition needs 179 to be under 1"
    assert (nothing in str(margin)) == (not informs)
    assert (margin.bar() == "") == (not informs)
    assert (margin.share is None) == (not informs)
    if not informs and bound:
        assert f"{bound:.4g}" not in str(margin)


def test_the_bar_is_the_share_of_the_decay():
    both = Margin(measured=1e-4, bound=1e-2, side="above")
    assert both.share == pytest.approx(0.5)
    assert both.bar() == "[##########..........] the bound accounts for 50%"
    assert Margin(measured=2.0, bound=4.0, side="above").share == pytest.approx(0.5)
    assert Margin(measured=1.0, bound=1.0, side="above").share == 1.0


# the values of the conditions, by another way


def test_the_comparison_matrix_of_the_lstm_is_that_of_the_theorem(weights):
    with np.load(weights) as data:
        p, x = {k: data[k] for k in data.files if k != "x"}, data["x"]
    a = {
        k: max(
            float(p[f"W_{k}"][i] @ row + p[f"b_{k}"][i] + sum(abs(p[f"U_{k}"][i])))
            for row in x
            for i in range(32)
        )
        for k in "ifo"
    }
    gate_i, f, o = (expit(a[k]) for k in "ifo")
    k = {
        name: np.sqrt(np.linalg.eigvalsh(p[f"U_{name}"].T @ p[f"U_{name}"])[-1]) for name in "ifog"
    }
    height = gate_i / (1 - f)
    b = height * k["f"] / 4 + k["i"] / 4 + gate_i * k["g"]
    matrix = np.array([[f, b], [o * f, o * b + k["o"] / 4]])
    found = lstm_contraction(p, x)
    assert found.rate == pytest.approx(np.abs(np.linalg.eigvals(matrix)).max(), rel=1e-9)
    assert found.rate == pytest.approx(179, rel=0.01)  # measured for the reference
    row = np.array([1.0, found.weight])
    assert (row @ matrix <= found.rate * row * (1 + 1e-12)).all()
    # planted: a matrix that is 0.1 % larger is told apart
    assert found.rate != pytest.approx(np.abs(np.linalg.eigvals(1.001 * matrix)).max(), rel=1e-6)


def test_contraction_of_degenerate_networks():
    zero = {f"{m}_{k}": np.zeros((1, 1)) for m in "WU" for k in "ifog"}
    zero |= {f"b_{k}": np.zeros(1) for k in "ifog"}
    found = lstm_contraction(zero, np.zeros((0, 1)))
    assert found.rate == pytest.approx(0.5, rel=1e-6)
    assert found.weight > 0
    open_gate = lstm_contraction(zero | {"b_f": np.full(1, 2000.0)}, np.zeros((3, 1)))
    assert open_gate.rate >= 1
    grown = zero | {"b_f": np.full(1, 2000.0), "U_f": np.ones((1, 1))}
    assert lstm_contraction(grown, np.zeros((3, 1))).rate == np.inf
    gru = {f"{m}_{k}": np.zeros((1, 1)) for m in "WU" for k in "rzg"}
    gru |= {f"b_{k}": np.zeros(1) for k in "rzg"}
    assert gru_contraction(gru, np.zeros((0, 1))).rate == 0.5


@pytest.mark.parametrize(("rate", "steps"), [(0.5, 10), (0.999, 6905), (1e-3, 1), (1e-9, 1)])
def test_the_recovery_time_is_the_first_step_at_a_thousandth(rate, steps):
    assert rate**steps <= 1e-3 * (1 + 1e-12)
    assert steps == 1 or rate ** (steps - 1) > 1e-3
    assert recovery(rate).endswith(f"after {steps:,} steps")


def test_the_active_units_are_counted():
    cell = gf.cells.get("irnn")
    params = {"U": np.eye(3), "W": np.zeros((3, 1)), "b": np.array([1.0, 1.0, -1.0])}
    claims = gf.prove(cell, params, np.zeros((4, 1)))
    for name in ("irnn.identity", "irnn.survivors"):
        assert "2 of 3 units are active at every step, 67 % of" in claims[name].margin.note
        assert claims[name].margin.bound == 1
    near = claims["irnn.near"].margin
    assert near.bound is None
    assert near.condition.numbers() == "2 to be at least 3"
    # 3 units less 4 times the one that is inactive
    assert claims["irnn.orthogonal"].margin.condition.numbers() == "−1 to be at least 1"


@pytest.mark.parametrize("cell", LIBRARY, ids=lambda c: c.name)
def test_every_theorem_says_what_becomes_of_it_on_a_run(cell):
    given = {"hidden": 3, "input": 2, "context": 2}
    params = cell.init(rng=0, **{("inputs" if s == "input" else s): given[s] for s in cell.sizes})
    for claim in gf.prove(cell, params):
        if claim.name.endswith((".weights", ".diagonal")):
            continue
        margin = claim.margin
        assert margin.holds, claim.name
        if margin.bound is None:
            assert margin.condition is not None, claim.name
            assert not margin.condition.holds, claim.name
        said = gf.proofs.card(claim, coq=False).on_this_run
        assert said.startswith(("holds: ", "does not apply: ", "holds, and this theorem says"))


# the texts


def test_every_source_is_used_and_every_key_is_known():
    known = set(literature()) - {"cells"}
    used = {key for claim in CLAIMS for key in sources_of(claim)} - {"gradflow"}
    assert used == known
    for key in known:
        assert {"type", "author", "title", "year"} <= set(literature()[key])


def test_bibtex_is_balanced_and_ends_with_gradflow():
    for claim in CLAIMS:
        text = bibtex(claim)
        assert text.count("{") == text.count("}")
        assert "@misc{gradflow," in text
        keys = re.findall(r"^@\w+\{(\w+),$", text, re.MULTILINE)
        assert tuple(keys) == sources_of(claim)


def test_a_theorem_environment_is_complete():
    for claim in CLAIMS:
        text = claim.latex()
        for name in ("theorem", "itemize", "proof", "pmatrix"):
            assert text.count(rf"\begin{{{name}}}") == text.count(rf"\end{{{name}}}")
        assert text.count("$") % 2 == 0
        assert text.count(r"\item ") == len(claim.hypotheses)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs a TeX")
@pytest.mark.parametrize("columns", ["", "[twocolumn]"])
def test_every_theorem_compiles_and_fits_the_line(tmp_path, columns):
    def overfull(*texts):
        text = document(*texts).replace("{article}", f"X{columns}", 0)
        text = text.replace(r"\documentclass", rf"\documentclass{columns}")
        (tmp_path / "a.tex").write_text(text, "utf-8")
        command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "a.tex"]
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, errors="replace"
        )
        assert done.returncode == 0, done.stdout[-2000:]
        return [line for line in done.stdout.splitlines() if "Overfull" in line]

    assert overfull(*(claim.latex() for claim in CLAIMS)) == []
    # planted: a formula that cannot be broken
    wide = replace(CLAIMS[0], display=(r"\begin{pmatrix}" + "1 & " * 60 + r"\end{pmatrix}",))
    preamble = r"\setcounter{MaxMatrixCols}{99}"
    assert overfull(preamble + wide.latex())


def run(capsys, *words):
    with pytest.raises(SystemExit) as stopped:
        main(list(words))
    return stopped.value.code, capsys.readouterr()


def test_the_command_shows_one_theorem(capsys, weights, monkeypatch):
    monkeypatch.setattr("gradflow.proofs.coq.check.available", lambda: False)
    given = ["theorem", "lstm.contracting", "--params", str(weights)]
    text = run(capsys, *given)[1].out
    assert text.startswith("Contraction and recovery time (lstm.contracting)\n")
    assert "its condition needs 179 to be under 1 (the spectral radius of N" in text
    assert "level     CERTIFIED: exact arithmetic" in text


@pytest.mark.parametrize(
    ("format", "start"),
    [
        ("text", "What must be left of a gradient (scalar.lower)\n"),
        ("tex", "\\begin{theorem}[What must be left of a gradient]\n"),
        ("md", "### What must be left of a gradient (`scalar.lower`)\n"),
        ("json", "{"),
        ("bib", "@misc{gradflow,"),
    ],
)
def test_the_command_has_every_format(capsys, monkeypatch, format, start):
    monkeypatch.setattr("gradflow.proofs.coq.check.available", lambda: False)
    code, said = run(capsys, "theorem", "scalar.lower", "--format", format)
    assert code == 0
    assert said.out.startswith(start)
    if format == "json":
        assert json.loads(said.out)["level"] == "CERTIFIED"


def test_a_card_tells_the_run_in_every_format():
    claims = gf.prove("rnn", gf.cells.get("rnn").init(hidden=3, inputs=2, rng=0, U=2 * np.eye(3)))
    shown = gf.proofs.card(claims["rnn.vanishing"], coq=False)
    data = shown.to_json()["run"]
    assert data["condition"]["value"] == pytest.approx(2, rel=1e-9)
    assert (data["condition"]["holds"], data["bound"], data["informs"]) == (False, None, False)
    says = "this theorem says nothing at these weights: its condition needs 2 to be under 1"
    for text in (shown.text(), shown.markdown(), shown._repr_html_(), data["says"], str(claims)):
        assert says in text
    assert "% @inproceedings{pascanu2013," in shown.latex()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("lstm", "'lstm' names no theorem; pass CELL.THEOREM"),
        (
            "lstm.nope",
            "there is no lstm.nope; did you mean 'lstm.open'? there are lstm.upper, lstm.lower, ",
        ),
        ("nope.upper", "nope"),
        ("mine.py:light", "'mine.py:light' names no theorem"),
    ],
)
def test_a_theorem_that_is_not_there_is_one_sentence(name, says, capsys):
    code, said = run(capsys, "theorem", name)
    assert code == 2
    assert says in said.err
    assert len(said.err.strip().splitlines()) == 1


def test_proving_tells_its_progress_and_its_time_beside_the_output(capsys, monkeypatch):
    monkeypatch.setattr("gradflow.proofs.coq.check.available", lambda: False)
    code, said = run(capsys, "prove", "irnn")
    assert code == 0
    assert re.search(r"^6 claims in \d+\.\d s$", said.err, re.MULTILINE)
    assert "claims in" not in said.out


def test_proving_lists_what_is_derived_below_what_is_proved(capsys, monkeypatch):
    monkeypatch.setattr("gradflow.proofs.coq.check.available", lambda: False)
    code, said = run(capsys, "prove", "rnn")
    assert code == 0
    rows = [line.split() for line in said.out.splitlines() if line.startswith("rnn.")]
    levels = {row[0]: row[1] for row in rows}
    assert levels["rnn.no_floor"] == levels["rnn.median"] == "DERIVED"
    assert rows[-1][0] == "rnn.median"
    assert said.err.strip().startswith(f"{len(rows)} claims in")
    assert "of random networks with fresh weights" in " ".join(said.out.split())


def test_a_card_of_a_failing_claim_says_so():
    claim = gf.prove("rnn")["rnn.upper"]
    bad = replace(claim, evidence=({"kind": "nonsense"},))
    assert gf.proofs.card(bad, coq=False).level == "REFUTED"
    html = gf.proofs.card(claim, coq=False)._repr_html_()
    assert "<b>How fast a gradient can grow</b> (rnn.upper) [CERTIFIED]" in html
