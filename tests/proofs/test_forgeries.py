"""Forged bundles: none gets a level, and each is told why."""

import json
import os
import shutil

import numpy as np
import pytest

from gradflow.proofs.claims.claim import CERTIFIED, FOREIGN, NOT_PROVED, PROVED, REFUTED
from gradflow.proofs.claims.verify import verify
from gradflow.proofs.claims.weighing import weights_texts
from gradflow.proofs.coq.check import available
from gradflow.prose import ascii_text
from proofs.forging import HEADER, changed, judged, rehash, said, written

needs_coq = pytest.mark.skipif(not available(), reason="coqc is not installed")

NAMES = ("scalar.power_101", "lstm.upper", "lstm.lower", "gru.invariant", "rnn.weights")


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    root = tmp_path_factory.mktemp("honest")
    for name in NAMES:
        written(name, root)
    return root


@pytest.fixture
def copy(honest, tmp_path):
    """Return a function that copies an honest bundle."""

    def copied(name, to=""):
        return shutil.copytree(honest / name, tmp_path / (to or name))

    return copied


def between(folder):
    """The theorem of scalar.power_101 as its proof has it."""
    text = (folder / "Proof.v").read_text("utf-8")
    return text[text.index("Theorem between :") : text.index("Proof.")]


NOTHING = "Proof. unfold IZR, Rdiv; rewrite !Rmult_0_l; split; apply Rle_refl. Qed.\n"

# proofs of something else, in which the text of the theorem is the honest one, or seems to be
PROOFS = {
    "a string in a comment": lambda t: (
        f'(* " *) {t}Proof. Qed. (* " *)\nLemma between : True. Proof. exact Logic.I. Qed.'
    ),
    "a string that opens a comment": lambda t: (
        'Section A.\nLemma a : True. Proof. idtac "(*". exact Logic.I. Qed.\n'
        'Hypothesis bad : False.\nLemma b : True. Proof. idtac "*)". exact Logic.I. Qed.\n'
        f"{t}Proof. destruct bad. Qed.\nEnd A."
    ),
    "a name with universes": lambda t: f"Definition IZR@{{}} (z : Z) : R := 0.\n{t}{NOTHING}",
    "a method of a class": lambda t: (
        "Class foo := IZR : Z -> R. #[local] Instance i : foo := fun _ => 0.\n"
        f"{t}Proof. unfold IZR, i, Rdiv; rewrite !Rmult_0_l; split; apply Rle_refl. Qed."
    ),
    "a name with implicit binders": lambda t: f"Definition IZR `(z : Z) : R := 0.\n{t}{NOTHING}",
    "another premise": lambda t: (
        "Definition good := False.\n"
        f"{t.replace('between :', 'between : good ->')}Proof. intros []. Qed."
    ),
    "a premise of a section": lambda t: (
        f"Section A.\nVariable bad : False.\n{t}Proof. destruct bad. Qed.\nEnd A."
    ),
    "a fixed point": lambda t: f"Fixpoint IZR (z : Z) : R := 0.\n{t}{NOTHING}",
    "a local definition": lambda t: f"Section A.\nLet IZR (z : Z) : R := 0.\n{t}{NOTHING}End A.",
    "a record's field": lambda t: (
        "Record bag := { IZR : Z -> R }.\nTheorem between : forall b : bag, True.\n"
        "Proof. exact (fun _ => Logic.I). Qed."
    ),
}


@needs_coq
@pytest.mark.parametrize("kind", PROOFS)
def test_a_proof_of_something_else_is_no_proof(copy, kind):
    folder = copy("scalar.power_101")
    (folder / "Proof.v").write_text(HEADER + PROOFS[kind](between(folder)), "utf-8")
    rehash(folder)
    found = judged(folder)
    assert found.level == NOT_PROVED
    # the proof itself compiles: what fails is the comparison with the statement
    assert found.note.startswith("the theorem of the proof is not the statement"), found.note


@needs_coq
def test_an_axiom_is_named(copy):
    folder = copy("scalar.power_101")
    text = f"Variable bad : False.\n{between(folder)}Proof. destruct bad. Qed."
    (folder / "Proof.v").write_text(HEADER + text, "utf-8")
    rehash(folder)
    found = judged(folder)
    assert found.level == NOT_PROVED
    assert "bad" in found.note


REFUSED = {
    "coercion": "Coercion zero : R >-> nat.",
    "unfinished": "Lemma a : False. Admitted.",
    "axiom": "Axiom bad : False.",
    "no guard": "Unset Guard  Checking.",
    "a module": "Module Statement. Definition claim := True. End Statement.",
    "a file written": 'Redirect "written" Check 1.',
    "a program written": "Recursive  Extraction nat.",
    "a file read": 'Load "/etc/passwd".',
    "another folder": 'Cd "/".',
    "a plugin": 'Declare ML Module "extraction_plugin".',
    "a notation": 'Notation "x <= y" := True.',
    "an option for others": "Global Set Printing Width 1.",
    "a library": "From Coq Require Import Classical.",
}


@needs_coq
@pytest.mark.parametrize("kind", REFUSED)
def test_a_proof_reaches_nothing_outside(copy, kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = copy("scalar.power_101")
    path = folder / "Proof.v"
    path.write_text(path.read_text("utf-8") + REFUSED[kind], "utf-8")
    rehash(folder)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    found = judged(folder)
    assert found.level == NOT_PROVED
    assert "which a proof may not" in found.note
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def other_cell(copy):
    folder = copy("gru.invariant", "lstm.upper")
    said(folder, name="lstm.upper", cell="lstm")
    return folder


def other_words(copy):
    folder = copy("lstm.upper")
    said(folder, words="every LSTM gradient vanishes: |P(t, k)| <= (1/2)^(t-k)", hypotheses=[])
    return folder


def changed_claim(**entries):
    def forge(copy):
        folder = copy("lstm.lower")
        said(folder, **entries)
        return folder

    return forge


def other_statement(copy):
    folder = copy("lstm.upper")
    (folder / "Statement.v").write_text("Definition claim : Prop := True.", "utf-8")
    (folder / "Proof.v").write_text(
        HEADER + "Theorem upper : True. Proof. exact Logic.I. Qed.", "utf-8"
    )
    return folder


def other_equations(copy):
    folder = copy("lstm.upper")
    changed(
        folder,
        "cell.json",
        lambda d: d | {"equations": d["equations"].replace("o * tanh", "o * o * tanh")},
    )
    return folder


def harmless_evidence(copy):
    folder = copy("lstm.upper")
    (folder / "evidence.json").write_text('[{"kind": "matrix", "entries": [["1"]]}]', "utf-8")
    (folder / "questions.smt2").unlink()
    return folder


def no_evidence(copy):
    folder = copy("lstm.upper")
    said(folder, words="2 + 2 = 5", theorem="")
    for name in ("Statement.v", "Proof.v", "questions.smt2"):
        (folder / name).unlink()
    (folder / "evidence.json").write_text("[]", "utf-8")
    return folder


def smaller_rate(copy):
    folder = copy("rnn.weights")
    words = json.loads((folder / "claim.json").read_text("utf-8"))["words"]
    said(folder, words=words.replace("at most (1.", "at most (0.").replace("this allows", "never"))
    return folder


def smaller_rate_in_the_evidence(copy):
    folder = copy("rnn.weights")
    changed(folder, "evidence.json", lambda d: [d[0] | {"rate": "1/2"}])
    return folder


def other_bounds_of_a_step(copy):
    folder = copy("rnn.weights")

    def nothing(data):
        derivation = data[0]["derivation"]
        derivation["blocks"][0] |= {"terms": [], "bound": []}
        derivation["statement"] = "0; so |P(t, k)| <= (0)^(t-k)"
        return [data[0] | {"derivation": derivation, "singular": {}, "rate": "0"}]

    changed(folder, "evidence.json", nothing)
    (folder / "questions.smt2").unlink(missing_ok=True)
    (data,) = json.loads((folder / "evidence.json").read_text("utf-8"))
    texts = weights_texts(data)  # the forger knows how gradflow words it
    said(
        folder,
        words=ascii_text(texts["words"]),
        formula=texts["formula"],
        derivation=[ascii_text(line) for line in texts["proof"]],
        witness=texts["witness"],
    )
    return folder


def alike_name(copy):
    folder = copy("lstm.upper", "lstm.uppеr")  # noqa: RUF001 a Cyrillic letter
    said(folder, name="lstm.uppеr")  # noqa: RUF001
    return folder


STATEMENTS = {
    other_cell: "states no",
    other_words: "another words",
    changed_claim(hypotheses=[]): "another hypotheses",
    changed_claim(witness="nothing"): "another witness",
    changed_claim(scope=""): "another scope",
    changed_claim(formula="0 = 1"): "another formula",
    changed_claim(derivation=["clear"]): "another derivation",
    other_statement: "another statement",
    other_equations: "another words",
    harmless_evidence: "another evidence",
    no_evidence: "another words",
    smaller_rate: "the words is not what the evidence shows",
    smaller_rate_in_the_evidence: "the rate is not the largest column sum",
    other_bounds_of_a_step: "the bounds of a step are not those of the declared cell",
    alike_name: "states no",
}


def test_another_statement_is_foreign_whatever_its_evidence(copy, tmp_path):
    wanted = {}
    for k, (forge, reason) in enumerate(STATEMENTS.items()):
        folder = forge(copy)
        rehash(folder)
        place = tmp_path / "all" / f"{k:02d}"
        place.mkdir(parents=True)
        folder.rename(place / folder.name)
        wanted[k] = reason
    for k, found in zip(sorted(wanted), verify(tmp_path / "all", coq=False), strict=True):
        assert found.failed
        assert found.level in (FOREIGN, REFUTED)
        assert wanted[k] in found.note, (k, found.note)


def test_the_honest_ones_keep_their_level(honest):
    assert {r.level for r in verify(honest, coq=False)} == {CERTIFIED}


@needs_coq
def test_the_honest_ones_are_proved(honest):
    assert judged(honest / "scalar.power_101").level == PROVED


def test_without_sympy_another_cell_is_foreign(honest, copy, monkeypatch):
    from gradflow.proofs.claims import origin
    from gradflow.proofs.claims.bundle import read

    monkeypatch.setattr(origin, "find_spec", lambda name: None)
    assert origin.origin(read(honest / "lstm.upper").claim, {}).foreign == ""
    folder = other_words(copy)
    rehash(folder)
    assert "SymPy" in origin.origin(read(folder).claim, {}).foreign


def mutated(rng, folder, others):
    """Change something in a bundle at random, or exchange a file with another claim's."""
    files = sorted(p.name for p in folder.iterdir() if p.name not in ("hashes.json", "Proof.v"))
    name = files[rng.integers(len(files))]
    path = folder / name
    kind = rng.integers(4)
    text = path.read_text("utf-8")
    if kind == 0:  # one character
        spot = int(rng.integers(len(text)))
        letter = chr(int(rng.integers(32, 127)))
        path.write_text(text[:spot] + letter + text[spot + 1 :], "utf-8")
    elif kind == 1:  # a piece less
        low, high = sorted(rng.integers(len(text), size=2))
        path.write_text(text[:low] + text[high:], "utf-8")
    elif kind == 2:  # another claim's file
        other = others[rng.integers(len(others))] / name
        if other.exists():
            shutil.copy(other, path)
    elif name.endswith(".json"):  # an entry of the data
        data = json.loads(text)
        where, key = data, None
        while isinstance(where, (dict, list)) and where:
            keys = sorted(where) if isinstance(where, dict) else range(len(where))
            parent, key = where, keys[int(rng.integers(len(keys)))]
            where = where[key]
        if key is not None:
            parent[key] = ["1", "", "-1/3", 7, None, [], {}, "h", True][int(rng.integers(9))]
        path.write_text(json.dumps(data), "utf-8")


@pytest.mark.parametrize("count", [20, pytest.param(2000, marks=pytest.mark.slow, id="many")])
def test_mutated_bundles_get_no_level(honest, tmp_path, count):
    rng = np.random.default_rng(3)
    sources = [honest / name for name in NAMES]
    same = set()
    for k in range(count):
        source = sources[int(rng.integers(len(sources)))]
        folder = shutil.copytree(source, tmp_path / f"{k:04d}" / source.name)
        mutated(rng, folder, [s for s in sources if s != source])
        files = [p.name for p in folder.iterdir()]
        read = {
            n: _meaning(n, (folder / n).read_text("utf-8")) for n in files if n != "hashes.json"
        }
        if read == {n: _meaning(n, (source / n).read_text("utf-8")) for n in read}:
            same.add(k)
        rehash(folder)
    found = list(verify(tmp_path, coq=False))
    assert len(found) == count
    assert len(same) < count / 2
    for k, result in enumerate(found):
        if k not in same:
            assert result.failed, (k, result.name, result.level)


def _meaning(name, text):
    """Return what a file says: data as data; certificates may be found in more than one way."""
    if not name.endswith(".json"):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def test_a_link_to_the_checkers_own_files_gains_nothing(copy):
    folder = copy("lstm.upper")
    (folder / "claim.json").unlink()
    os.symlink("/etc/hostname", folder / "claim.json")
    rehash(folder)
    assert judged(folder, coq=False).level == REFUTED


def test_other_weights_are_another_claim(copy):
    folder = copy("rnn.weights")

    def smaller(data):
        data[0]["singular"]["U"]["matrix"][0][0] = 0
        return data

    changed(folder, "evidence.json", smaller)
    rehash(folder)
    found = judged(folder, coq=False)
    assert found.failed
    assert "not what the evidence shows" in found.note or "does not follow" in found.note


def test_a_declaration_in_other_words_is_foreign(copy):
    folder = copy("rnn.weights")
    changed(folder, "cell.json", lambda data: data | {"masks": None})
    rehash(folder)
    assert judged(folder, coq=False).level == FOREIGN
