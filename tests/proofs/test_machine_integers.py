"""The theorem about one network on the 63-bit integers of Coq's kernel: what it rests on."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

import gradflow as gf
from gradflow.proofs import Loss, verify, write
from gradflow.proofs.certified.theorem.claim import gradient_claim
from gradflow.proofs.certified.theorem.cost import seconds_of_coq
from gradflow.proofs.coq import check
from gradflow.proofs.coq.rules import forbidden, on_machine_integers
from proofs.test_certified_theorem import CHANGES, OWN, certified, stacked

COQ = pytest.mark.skipif(shutil.which("coqc") is None, reason="needs coq")


@pytest.fixture(scope="module")
def claim():
    return gradient_claim(certified("lstm", hidden=2, steps=3), machine_integers=True)


def test_the_statement_is_the_same_and_the_proof_names_its_integers(claim):
    plain = gradient_claim(certified("lstm", hidden=2, steps=3))
    assert claim.script.statement == plain.script.statement
    assert claim.words == plain.words
    assert on_machine_integers(claim.script.proof)
    assert not on_machine_integers(plain.script.proof)


def test_a_proof_may_load_the_machine_integers_where_it_begins_and_nowhere_else(claim):
    script = claim.script
    assert forbidden(script.proof, script.theorem, numeric=True) == ""
    assert forbidden(script.proof, script.theorem) != ""
    plain = gradient_claim(certified("lstm", hidden=2, steps=3)).script.proof
    for text in (
        plain + "Require Import NumGrad63.\n",
        plain.replace("Definition head", "Require Import Uint63.\nDefinition head", 1),
        script.proof.replace("NumGrad63.", "NumGrad63 Uint63."),
    ):
        assert forbidden(text, script.theorem, numeric=True) == "Import"


def test_it_is_cheaper_the_more_bits_there_are_and_the_scope_says_by_how_much():
    small, large = certified("lstm"), certified("lstm", hidden=6, steps=24)
    assert seconds_of_coq(small, machine_integers=True) < seconds_of_coq(small)
    saved = [seconds_of_coq(x) - seconds_of_coq(x, machine_integers=True) for x in (small, large)]
    assert saved[0] < saved[1]
    less = f"with machine_integers=True about {seconds_of_coq(large, machine_integers=True):.0f} s"
    assert less in gradient_claim(large, seconds=1.0).scope
    assert "machine" not in gradient_claim(large, seconds=1.0, machine_integers=True).scope


@COQ
def test_coq_accepts_it_and_what_it_rests_on_is_said(claim, tmp_path, monkeypatch):
    assert claim.verdict == ("PROVED", check.ALSO)
    write(claim, tmp_path)
    (found,) = verify(tmp_path)
    assert (found.level, found.note) == ("PROVED", check.ALSO)
    # one axiom less that is allowed, and the theorem is refused by its name
    fewer = check.MACHINE_INTEGERS - {"Uint63.lsl_spec"}
    monkeypatch.setattr(check, "MACHINE_INTEGERS", fewer)
    assert check.check(check.shared_workshop(), claim.script) == check.Verdict(
        False, "the theorem rests on Uint63.lsl_spec, which is not allowed"
    )


@COQ
@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_coq_refuses_with_it(claim, change):
    before, after = CHANGES[change](claim, claim.script.statement)
    other = replace(claim.script, statement=claim.script.statement.replace(before, after))
    level, reason = replace(claim, script=other).verdict
    assert level == "not proved (script)"
    assert "Coq rejects the proof" in reason


@COQ
@pytest.mark.slow
@pytest.mark.parametrize(
    ("cell", "kind", "hidden", "steps"),
    [
        ("rnn", "logistic", 1, 1),
        ("irnn", "squared", 3, 4),
        ("gru", "cross-entropy", 5, 12),
        ("lstm", "cross-entropy", 4, 40),
        (OWN, "linear", 3, 5),
    ],
)
def test_coq_accepts_other_cells_and_sizes(cell, kind, hidden, steps):
    found = certified(cell, hidden=hidden, steps=steps, kind=kind, seed=4 if cell == "irnn" else 0)
    claim = gradient_claim(found, arrays=True, machine_integers=True)
    assert claim.verdict == ("PROVED", check.ALSO)


@COQ
@pytest.mark.slow
def test_coq_accepts_float64_weights_large_numbers_and_stacks():
    rng = np.random.default_rng(5)
    params = gf.cells.lstm.init(hidden=2, inputs=2, rng=rng)
    params = {k: np.asarray(v) * 5.0 for k, v in params.items()}
    run = gf.run("lstm", params, rng.standard_normal((4, 2)) * 3.0)
    loss = Loss(kind="squared", weight=rng.standard_normal((2, 2)) * 1e3, target=[1e3, -1e-3])
    found = gf.certify(run, loss, digits=3)
    assert found.numbers.q > 31
    assert gradient_claim(found, arrays=True, machine_integers=True).verdict[0] == "PROVED"
    run, loss = stacked()
    found = gf.certify(run, loss, digits=3)
    assert gradient_claim(found, machine_integers=True).verdict[0] == "PROVED"


SAME = """Require Import ZArith List Uint63. Require Import GradFlow NumGrad NumGrad63.
Import ListNotations.
Open Scope Z_scope.
Definition same (P a : Z) : bool :=
  let C := mkctx P in let L := logs_of C in
  match expl C L a with
  | None => false
  | Some (e, r) =>
    let d := plus (l_one L) e in let b := sig63 C L a in let c := sigpos0 C a in
    (logs_fit C && Nat.leb (length (muladd (inverse L d) d [])) (room L)
      && (to_Z (inverse L d) =? 2 ^ (2 * P) / to_Z d + WRONG)
      && (bc b =? bc c) && (br b =? br c))%bool
  end.
Eval vm_compute in map (fun P => forallb (same P)
  [0; 1; 5; 2 ^ (P - 3); 2 ^ P / 3; 2 ^ P - 1; 2 ^ P; 7 * 2 ^ P + 12345; 40 * 2 ^ P + 2 ^ P / 7;
   3000 * 2 ^ P + 5]) [32; 36; 62; 64; 93; 96; 155; 192; 224; 320; 512].
"""


@COQ
@pytest.mark.slow
def test_sigmoids_in_limbs_are_those_of_plain_numbers_and_no_case_is_left_to_them():
    with check.workshop() as folder:
        for library in (check.NUMERIC, check.MACHINE):
            check._compile(folder, library)
        for wrong, said, other in (("0", "true", "false"), ("1", "false", "true")):
            (folder / "Same.v").write_text(SAME.replace("WRONG", wrong), "utf-8")
            answer = check._run(folder, "Same.v", check.LIMIT, check.MEMORY)
            assert answer.stdout.count(said) == 11
            assert other not in answer.stdout
