"""Bundles: read back whole, and rejected once anything in them is changed."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gradflow as gf
from gradflow.cli import main
from gradflow.errors import InputError
from gradflow.proofs.claims.bundle import folders, identities, read, write
from gradflow.proofs.claims.claim import CERTIFIED, PROVED, REFUTED
from gradflow.proofs.claims.verify import verify
from gradflow.proofs.coq.check import available
from gradflow.proofs.solvers import questions as smt
from gradflow.proofs.theorems import theorems
from proofs.forging import rehash, said
from proofs.user_cells import leaky

needs_coq = pytest.mark.skipif(not available(), reason="coqc is not installed")


def results(root, **options):
    return {r.name: r for r in verify(root, **options)}


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Bundles of three cells, for reading."""
    root = tmp_path_factory.mktemp("bundles")
    for name in ("rnn", "lstm", "scalar"):
        for claim in theorems(gf.cells.get(name)):
            write(claim, root)
    return root


@pytest.fixture
def copy(library, tmp_path):
    """One bundle to spoil."""
    shutil.copytree(library / "lstm.lower", tmp_path / "lstm.lower")
    return tmp_path / "lstm.lower"


def test_every_bundle_is_certified_without_coq(library):
    found = results(library, coq=False)
    assert len(found) == 21
    assert {r.level for r in found.values()} == {CERTIFIED}
    assert len({r.digest for r in found.values()}) == len(found)


def test_a_bundle_reads_back_as_the_claim(library):
    claim = next(c for c in theorems(gf.cells.get("lstm")) if c.name == "lstm.lower")
    bundle = read(library / "lstm.lower")
    assert bundle.fault == ""
    again = json.loads(json.dumps(list(claim.evidence)))
    assert list(bundle.claim.evidence) == again
    for key in ("name", "words", "formula", "hypotheses", "proof", "declaration", "scope"):
        assert getattr(bundle.claim, key) == getattr(claim.plain(), key)
    for key in ("theorem", "statement", "proof"):
        assert getattr(bundle.claim.script, key) == getattr(claim.script, key)


def test_bundles_are_the_same_byte_for_byte(library, tmp_path):
    for claim in theorems(gf.cells.get("lstm")):
        write(claim, tmp_path)
    for path in sorted(tmp_path.rglob("*.*")):
        if path.is_file():
            assert path.read_bytes() == (library / path.relative_to(tmp_path)).read_bytes()


@pytest.mark.parametrize(
    "name",
    [
        "claim.json",
        "cell.json",
        "evidence.json",
        "Statement.v",
        "Proof.v",
        "questions.smt2",
        "hashes.json",
    ],
)
def test_a_changed_byte_is_rejected(copy, name):
    path = copy / name
    text = path.read_text("utf-8")
    spot = len(text) // 2
    path.write_text(text[:spot] + ("b" if text[spot] == "a" else "a") + text[spot + 1 :], "utf-8")
    assert results(copy, coq=False)["lstm.lower"].level == REFUTED


@pytest.mark.parametrize(
    "name",
    ["claim.json", "cell.json", "evidence.json", "Statement.v", "Proof.v", "hashes.json"],
)
def test_a_missing_file_is_rejected(copy, name):
    (copy / name).unlink()
    (result,) = verify(copy, coq=False)
    assert result.failed


def numbers(data, path=()):
    """The place of every number in evidence that a statement rests on."""
    if isinstance(data, dict):
        for key, value in data.items():
            if key not in ("statement", "proof", "text", "path", "directions", "maps", "kind"):
                yield from numbers(value, (*path, key))
    elif isinstance(data, list):
        for k, value in enumerate(data):
            yield from numbers(value, (*path, k))
    elif isinstance(data, int) or (isinstance(data, str) and data.lstrip("-")[:1].isdigit()):
        yield path


def test_changed_numbers_are_rejected_even_with_new_hashes(copy):
    original = json.loads((copy / "evidence.json").read_text("utf-8"))
    places = [p for p in numbers(original) if "witness" not in p]
    rng = np.random.default_rng(0)
    wanted = rng.choice(len(places), 60, replace=False)
    for k in wanted:
        data = json.loads(json.dumps(original))
        spot = data
        for step in places[k][:-1]:
            spot = spot[step]
        value = spot[places[k][-1]]
        spot[places[k][-1]] = value + 1 if isinstance(value, int) else f"1{value}".replace("1-", "")
        again = shutil.copytree(copy, copy.parents[0] / "all" / str(k) / "lstm.lower")
        (again / "evidence.json").write_text(json.dumps(data), "utf-8")
        rehash(again)
    found = list(verify(copy.parents[0] / "all", coq=False))
    assert len(found) == len(wanted)
    assert all(r.failed for r in found)


def test_a_renamed_bundle_is_rejected(copy):
    copy.rename(copy.parent / "rnn.lower")
    (result,) = verify(copy.parent, coq=False)
    assert result.failed
    assert "the folder is called" in result.note


def test_another_theorem_of_the_same_file_is_foreign(copy):
    said(copy, theorem="row_c")
    rehash(copy)
    assert "another theorem" in results(copy, coq=False)["lstm.lower"].note


@needs_coq
def test_a_planted_admitted_is_rejected_even_with_new_hashes(copy):
    path = copy / "Proof.v"
    path.write_text(path.read_text("utf-8").replace("lra.\nQed.", "admit.\nAdmitted."), "utf-8")
    rehash(copy)
    result = results(copy)["lstm.lower"]
    assert result.failed
    assert "which a proof may not" in result.note


@needs_coq
def test_proved_is_printed_where_coq_accepts(library):
    assert results(library / "lstm.lower")["lstm.lower"].level == PROVED
    assert results(library / "rnn.radius")["rnn.radius"].level == PROVED


def test_without_coq_the_level_says_how_to_reach_proved(library, monkeypatch):
    monkeypatch.setattr("gradflow.proofs.coq.check.available", lambda: False)
    result = results(library / "rnn.upper")["rnn.upper"]
    assert result.level == CERTIFIED
    assert result.note == "install the system package coq for PROVED"


def test_verifying_loads_no_sympy_and_no_numpy(library):
    code = (
        "import sys; from pathlib import Path; from gradflow.proofs.claims.verify import verify;"
        f"r = list(verify(Path({str(library)!r}), coq=False)); assert len(r) == 21;"
        "assert not {'sympy', 'numpy', 'scipy'} & set(sys.modules)"
    )
    root = Path(gf.__file__).parents[1]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)


def test_folders_without_bundles_are_one_sentence(tmp_path):
    with pytest.raises(InputError, match="holds no claim"):
        folders(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        folders(tmp_path / "nowhere")


def test_solvers_agree_and_see_a_false_claim():
    pytest.importorskip("z3")
    pytest.importorskip("cvc5")
    claim = theorems(gf.cells.get("gru"))[0]
    found = list(identities(list(claim.evidence)))
    assert smt.corroborate(smt.questions(found)) == {"z3": "agrees", "cvc5": "agrees"}
    false = smt.questions(found).replace("(/ 1.0 4.0)", "(/ 1.0 5.0)")
    assert "disagrees" in smt.corroborate(false).values()


def test_a_solver_that_hangs_is_killed(monkeypatch):
    pytest.importorskip("z3")
    monkeypatch.setattr(smt, "LIMIT", 0.01)
    assert smt._ask("gradflow.proofs.solvers.z3", "(check-sat)") == "no answer"


def run_cli(*arguments):
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    return stop.value.code


@needs_coq
@pytest.mark.slow
def test_the_command_line(tmp_path, capsys):
    params = gf.cells.get("scalar").init(rng=0, w=0.9)
    np.savez(tmp_path / "weights.npz", **params)
    out = tmp_path / "out"
    weights = str(tmp_path / "weights.npz")
    assert run_cli("prove", "scalar", "--params", weights, "--out", str(out)) == 0
    shown = capsys.readouterr().out
    assert shown.count("PROVED") == 6
    assert "measured" in shown
    assert run_cli("verify", str(out / "scalar.upper")) == 0
    assert "PROVED" in capsys.readouterr().out
    (out / "scalar.upper" / "Proof.v").write_text("Theorem upper : True.\nProof.", "utf-8")
    assert run_cli("verify", str(out / "scalar.upper")) == 1
    assert "REFUTED" in capsys.readouterr().out


def test_wrong_use_of_the_command_line(tmp_path, capsys):
    assert run_cli("prove") == 2
    assert run_cli("prove", "rnn", "--all") == 2
    assert run_cli("prove", "rnn", "--params", str(tmp_path / "none.npz")) == 3
    np.savez(tmp_path / "odd.npz", U=np.eye(2))
    assert run_cli("prove", "rnn", "--params", str(tmp_path / "odd.npz")) == 3
    (tmp_path / "text.npz").write_text("no", "utf-8")
    assert run_cli("prove", "rnn", "--params", str(tmp_path / "text.npz")) == 3
    assert run_cli("verify", str(tmp_path)) == 3
    assert "Traceback" not in capsys.readouterr().err


def test_prove_measures_margins_on_a_real_run():
    cell = gf.cells.get("lstm")
    params = cell.init(rng=0, hidden=4, inputs=3, recurrent=0.001, forget_bias=7.0)
    claims = gf.prove(cell, params)
    assert [c.name for c in claims][:2] == ["lstm.upper", "lstm.lower"]
    margin = claims["lstm.lower"].margin
    assert margin.bound is not None
    assert margin.holds
    assert 0.2 < margin.tightness <= 1
    assert claims["lstm.upper"].margin.holds
    assert "measured" in str(claims)
    with pytest.raises(KeyError, match=r"no claim 'x'"):
        claims["x"]


def test_claims_print():
    claim = gf.prove(leaky)[0]
    assert r"\begin{theorem}" in claim.latex()
    assert r"\|U\|_2 \, \|\alpha\|_\infty" in claim.formula
    assert claim.text().startswith("leaky.upper: |P(t, k)| <=")
    assert r"$\|P(t, k)\| \le (\sup|1 - \alpha|" in claim.latex()
    assert r"sum       $\|\mathrm{d}h'/\mathrm{d}h\| \le" in claim.latex()
    assert "identity  1/4 - i (1 - i) = (i - 1/2)^2" in "\n".join(gf.prove("lstm")[0].plain().proof)


def test_a_notebook_shows_levels_and_margins(monkeypatch):
    monkeypatch.setattr("gradflow.proofs.coq.check.available", lambda: False)
    cell = gf.cells.get("rnn")
    claims = gf.prove(cell, cell.init(rng=0, hidden=3, inputs=2))
    html = claims._repr_html_()
    assert html.count("CERTIFIED") == len(claims)
    assert "measured" in html
    assert "<b>rnn.upper</b> [CERTIFIED]" in claims[0]._repr_html_()
    assert claims[0].verdict[1] == "install the system package coq to reach PROVED"


def test_the_hypotheses_of_each_bound_hold_somewhere():
    # all recurrent maps 0: a network that satisfies every premise, so that no bound is empty
    for cell in [*map(gf.cells.get, gf.cells.names()), leaky]:
        given = {"hidden": 3, "input": 2, "context": 4}
        sizes = {("inputs" if s == "input" else s): given[s] for s in cell.sizes}
        params = cell.init(rng=0, **sizes)
        params = {n: 0 * a if a.ndim == 2 else a for n, a in params.items()}
        claims = gf.prove(cell, params)
        measured = [c for c in claims if c.name.endswith((".upper", ".lower"))]
        assert measured
        for claim in measured:
            assert claim.margin.bound is not None, claim.name
            assert claim.margin.holds
