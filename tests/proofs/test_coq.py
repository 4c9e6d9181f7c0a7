"""Coq: what is generated is accepted, and what is tampered with is not."""

import subprocess

import pytest

import gradflow as gf
from gradflow.proofs.bounding.carousels import carousel
from gradflow.proofs.coq import check as coq_check
from gradflow.proofs.coq.check import assumptions, check, library_text, workshop
from gradflow.proofs.coq.files import lower_file, upper_file
from gradflow.proofs.coq.rules import forbidden, statement
from gradflow.proofs.coq.terms import NotExportedError
from gradflow.proofs.theorems import theorems
from proofs.user_cells import USER_CELLS

needs_coq = pytest.mark.skipif(not coq_check.available(), reason="coqc is not installed")


@pytest.fixture(scope="module")
def folder():
    with workshop() as place:
        yield place


@pytest.fixture(scope="module")
def rnn_text():
    return upper_file(gf.cells.get("rnn"))


def tampered(text):
    """Edits that must each be refused, with a word of the reason."""
    last = text.rindex("lra.\nQed.")
    start = "Section Cell."
    cheat = (
        "intros T s r ds Sm H. exists (drun F dF T (s r) ds); split; [exact (run_derivative size F "
        "dF smooth dF_correct T s r ds Sm H)|]; apply cheat. Qed.\n"
        "Theorem other : True. Proof. exact Logic.I. Qed. End Bounds. End Cell. (*"
    )
    sharper = text.replace("(k_U) ^ T", "(k_U / 2) ^ T")
    hypothesis = "Hypothesis k_U_ub : ub n_hidden n_hidden (mat n_hidden p_U) k_U.\n"
    return [
        (text[:last] + "admit.\nAdmitted." + text[last + 9 :], "which a proof may not"),
        (text.replace(start, f"Axiom a : 1 = 0.\n{start}"), "which a proof may not"),
        (text.replace(start, f"Parameter cheat : 1 = 0.\n{start}"), "which a proof may not"),
        (text.replace("GradFlow.", "GradFlow Other."), "which a proof may not"),
        (text + "\nRequire Import Classical.\n", "which a proof may not"),
        (sharper, "Coq rejects"),
        (text.replace(hypothesis, ""), "Coq rejects"),
        (text.replace("i) ^ 2))) * mat", "i) ^ 3))) * mat"), "Coq rejects"),
        (text.replace("(tanh (((v_U_h", "(sigmoid (((v_U_h"), "Coq rejects"),
        (
            sharper.replace(start, f"Hypothesis cheat : forall x y : R, x <= y.\n{start}").replace(
                "intros T s r ds Sm H.", cheat
            )
            + "*)",
            "cheat",
        ),
        # names that mean something else
        (
            text.replace(start, f"Definition nrm (n : nat) (x : vec) := 0.\n{start}"),
            "nrm of its own",
        ),
        (text.replace(start, f"Definition tanh (x : R) := 0.\n{start}"), "tanh of its own"),
        (text.replace(start, f"{start}\nVariables a D : R."), "D of its own"),
        # premises that make a theorem empty
        (text.replace(start, f"{start}\nHypothesis no : 1 = 0."), "Hypothesis no : 1 = 0"),
        (text.replace(start, f"{start}\nVariable no : 1 = 0."), "Variable no : 1 = 0"),
        (text.replace(start, f"{start}\nContext (no : 1 = 0)."), "Context (no : 1 = 0)"),
        (text.replace("k_U_pos : 0 <= k_U", "k_U_pos : 0 <= - 1"), "Hypothesis k_U_pos"),
        # another theorem behind the same words
        (
            text.replace("Theorem upper :", "Theorem weaker :").replace(
                start, f"(* Theorem upper : 1 = 2.\nProof. *) {start}"
            ),
            "states no theorem",
        ),
    ]


@needs_coq
def test_a_generated_file_is_accepted(folder, rnn_text):
    assert check(folder, rnn_text, "upper").proved


@needs_coq
@pytest.mark.parametrize("k", range(18))
def test_a_tampered_file_is_refused(folder, rnn_text, k):
    text, reason = tampered(rnn_text)[k]
    assert text != rnn_text
    verdict = check(folder, text, "upper")
    assert not verdict.proved
    assert reason in verdict.reason


@needs_coq
def test_only_the_named_theorem_counts(folder, rnn_text):
    assert "states no theorem" in check(folder, rnn_text, "lower").reason
    assert "states no theorem" in check(folder, rnn_text, "upper. Admitted").reason


@needs_coq
@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_the_cone_of_the_whole_cell(folder, name):
    cell = gf.cells.get(name)
    assert check(folder, lower_file(cell, carousel(cell)), "lower").proved


@needs_coq
@pytest.mark.parametrize("cell", USER_CELLS, ids=lambda c: c.name)
def test_a_cell_of_the_readers_own(folder, cell):
    verdict = check(folder, upper_file(cell), "upper")
    assert verdict.proved, verdict.reason
    verdict = check(folder, lower_file(cell, carousel(cell)), "lower")
    assert verdict.proved, verdict.reason


@pytest.mark.slow
@needs_coq
@pytest.mark.parametrize("name", gf.cells.names())
def test_every_theorem_of_the_library_is_proved(folder, name):
    for claim in theorems(gf.cells.get(name)):
        assert claim.fault() == ""
        assert claim.coq, claim.name
        verdict = check(folder, claim.coq, claim.theorem)
        assert verdict.proved, (claim.name, verdict.reason)


@pytest.mark.slow
@needs_coq
def test_a_second_checker_agrees(folder):
    cell = gf.cells.get("lstm")
    assert check(folder, lower_file(cell, carousel(cell)), "lower").proved
    done = subprocess.run(
        ["coqchk", "-silent", "-o", "-R", ".", "", "-norec", "GradFlow", "-norec", "Proof"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    found = [line for line in done.stderr.splitlines() if line.startswith("* ")]
    named = [line for line in found if "Axioms" not in line and "Theory" not in line]
    assert named
    assert all(line.endswith("<none>") for line in named)


def test_the_library_assumes_nothing():
    text = coq_check.library_text()
    for word in ("Admitted", "Axiom", "Parameter", "Conjecture", "admit"):
        assert word not in text.replace("admitted", "")


@pytest.mark.parametrize(
    "word", ["Admitted", "Axiom", "Parameter", "Conjecture", "admit", "Load", "Notation", "Export"]
)
def test_forbidden_words(word, rnn_text):
    assert forbidden(rnn_text, library_text()) == ""
    assert forbidden(f"{rnn_text}\n(* {word} *)", library_text()) == word


def test_names_do_not_collide_with_words_of_coq():
    cell = gf.Cell(
        name="odd",
        state="Prop",
        inputs="Type",
        maps="fix Set_",
        vectors="run",
        equations="Prop_next = tanh(fix @ Prop + Set_ @ Type + run)",
    )
    text = upper_file(cell)
    assert forbidden(text, library_text()) == ""
    assert "v_Prop_next" in text


def test_statements_are_read_whole():
    text = "Theorem a : 1 = 1 ->\n  2 = 2.\nProof. Qed.\nTheorem ab : True.\nProof."
    assert statement(text, "a") == "1 = 1 -> 2 = 2"
    assert statement(text, "ab") == "True"
    assert statement(text, "b") == ""
    hidden = "(* Theorem a : 1 = 2. Proof (* nested *) *)\n" + text
    assert statement(hidden, "a") == "1 = 1 -> 2 = 2"
    assert statement(text + text, "a") == ""
    assert statement("(* open " + text, "a") == ""


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
        name="centred",
        state="h",
        inputs="x",
        maps="W U",
        equations="a = W @ x + U @ h\nh_next = tanh(a - mean(a))",
    )
    with pytest.raises(NotExportedError, match="mean"):
        upper_file(cell)
    claims = theorems(cell)
    assert claims[0].fault() == ""
    assert "no Coq file" in claims[0].scope
