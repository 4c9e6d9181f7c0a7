"""Coq: what is generated is accepted, and what is tampered with is not."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import gradflow as gf
from gradflow.proofs.bounding.carousels import carousel
from gradflow.proofs.coq import check as coq_check
from gradflow.proofs.coq.check import assumptions, check, library_text, workshop
from gradflow.proofs.coq.files import lower_file, upper_file
from gradflow.proofs.coq.rules import forbidden
from gradflow.proofs.coq.terms import NotExportedError
from gradflow.proofs.theorems import theorems
from proofs.user_cells import USER_CELLS

needs_coq = pytest.mark.skipif(not coq_check.available(), reason="coqc is not installed")


@pytest.fixture(scope="module")
def folder():
    with workshop() as place:
        yield place


@pytest.fixture(scope="module")
def rnn():
    return upper_file(gf.cells.get("rnn"))


def tampered(script):
    """Proofs that must each be refused, with a word of the reason."""
    text = script.proof
    last = text.rindex("lra.\nQed.")
    start = "Section Cell."
    sharper = text.replace("(k_U) ^ T", "(k_U / 2) ^ T")
    hypothesis = "Hypothesis k_U_ub : ub n_hidden n_hidden (mat n_hidden p_U) k_U.\n"
    other = "the theorem of the proof is not the statement"
    return [
        (text[:last] + "admit.\nAdmitted." + text[last + 9 :], "which a proof may not"),
        (text.replace(start, f"Axiom a : 1 = 0.\n{start}"), "which a proof may not"),
        (text.replace("GradFlow.", "GradFlow Other."), "which a proof may not"),
        (text + "\nRequire Import Classical.\n", "which a proof may not"),
        (sharper, "Coq rejects the proof"),
        (text.replace(hypothesis, ""), "Coq rejects the proof"),
        (text.replace("i) ^ 2))) * mat", "i) ^ 3))) * mat"), "Coq rejects the proof"),
        # a proof of something else
        (text.replace("(tanh (((v_U_h", "(tanh (2 * ((v_U_h"), "Coq rejects"),
        (text.replace(start, f"{start}\nHypothesis no : 1 = 0."), other),
        (text.replace("k_U_pos : 0 <= k_U", "k_U_pos : 1 <= k_U"), "Coq rejects"),
        (text.replace("Theorem upper :", "Theorem weaker :"), other),
    ]


@needs_coq
@pytest.mark.parametrize("k", range(11))
def test_a_tampered_proof_is_refused(folder, rnn, k):
    text, reason = tampered(rnn)[k]
    assert text != rnn.proof
    verdict = check(folder, replace(rnn, proof=text))
    assert not verdict.proved
    assert reason in verdict.reason, verdict.reason


@needs_coq
def test_only_the_named_theorem_counts(folder, rnn):
    assert "not the statement" in check(folder, replace(rnn, theorem="lower")).reason
    assert "may not" in check(folder, replace(rnn, theorem="upper. Admitted")).reason


@needs_coq
@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_the_cone_of_the_whole_cell(folder, name):
    cell = gf.cells.get(name)
    assert check(folder, lower_file(cell, carousel(cell))).proved


@needs_coq
@pytest.mark.parametrize(
    "cell",
    [USER_CELLS[0], *(pytest.param(c, marks=pytest.mark.slow) for c in USER_CELLS[1:])],
    ids=lambda c: c.name,
)
def test_a_cell_of_the_readers_own(folder, cell):
    verdict = check(folder, upper_file(cell))
    assert verdict.proved, verdict.reason
    verdict = check(folder, lower_file(cell, carousel(cell)))
    assert verdict.proved, verdict.reason


@pytest.mark.slow
@needs_coq
@pytest.mark.parametrize("name", gf.cells.names())
def test_every_theorem_of_the_library_is_proved(folder, name):
    for claim in theorems(gf.cells.get(name)):
        assert claim.fault() == ""
        assert claim.script, claim.name
        verdict = check(folder, claim.script)
        assert verdict.proved, (claim.name, verdict.reason)


@pytest.mark.slow
@needs_coq
def test_a_second_checker_agrees(tmp_path):
    cell = gf.cells.get("lstm")
    (tmp_path / "GradFlow.v").write_text(library_text(), "utf-8")
    (tmp_path / "Proof.v").write_text(lower_file(cell, carousel(cell)).proof, "utf-8")
    for file in ("GradFlow.v", "Proof.v"):
        subprocess.run(["coqc", "-q", "-R", ".", "", file], cwd=tmp_path, check=True)
    done = subprocess.run(
        ["coqchk", "-silent", "-o", "-R", ".", "", "-norec", "GradFlow", "-norec", "Proof"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    found = [line for line in done.stderr.splitlines() if line.startswith("* ")]
    named = [line for line in found if "Axioms" not in line and "Theory" not in line]
    assert named
    assert all(line.endswith("<none>") for line in named)


CLOSES = """
from subprocess import CompletedProcess
from gradflow.proofs.coq import check
check._run = lambda *_: CompletedProcess([], 0, "", "")
print(check.shared_workshop())
"""


def test_the_shared_folder_is_removed_without_a_warning():
    words = [sys.executable, "-W", "error", "-c", CLOSES]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert not Path(done.stdout.strip()).exists()


def test_the_library_assumes_nothing():
    text = coq_check.library_text()
    for word in ("Admitted", "Axiom", "Parameter", "Conjecture", "admit"):
        assert word not in text.replace("admitted", "")


@pytest.mark.parametrize(
    "word", ["Admitted", "Axiom", "Parameter", "Conjecture", "admit", "Load", "Notation", "Export"]
)
def test_forbidden_words(word, rnn):
    assert forbidden(rnn.proof, "upper") == ""
    assert forbidden(f"{rnn.proof}\n(* {word} *)", "upper") == word


def test_names_do_not_collide_with_words_of_coq():
    cell = gf.Cell(
        name="odd",
        state="Prop",
        inputs="Type",
        maps="fix Set_",
        vectors="run",
        equations="Prop_next = tanh(fix @ Prop + Set_ @ Type + run)",
    )
    text = upper_file(cell).proof
    assert forbidden(text, "upper") == ""
    assert "v_Prop_next" in text


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        ("Closed under the global context\n", set()),
        ("Axioms:\nA.b : nat\nlong_name\n  : forall x,\n    x = x\n", {"A.b", "long_name"}),
        ("", {"an answer that cannot be read"}),
        ("Error: no\n", {"an answer that cannot be read"}),
    ],
)
def test_answers_of_print_assumptions(answer, names):
    assert assumptions(answer) == names


def test_a_cell_outside_the_library_of_rules_says_which_part():
    cell = gf.Cell(
        name="rooted",
        state="h",
        inputs="x",
        maps="W U",
        equations="h_next = (2 + tanh(W @ x + U @ h))**0.3",
    )
    with pytest.raises(NotExportedError, match="7/10"):
        upper_file(cell)
    assert theorems(cell) == ()
