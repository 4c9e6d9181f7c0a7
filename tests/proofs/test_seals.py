"""The digests of the library's claims that ship with the package."""

import json
from dataclasses import replace
from importlib.resources import files

import gradflow as gf
from gradflow.proofs.claims.origin import table
from gradflow.proofs.claims.seal import seal, shipped, stated
from gradflow.proofs.theorems import theorems

AGAIN = "python -m gradflow.proofs.claims.origin > gradflow/proofs/claims/seals.json"


def test_the_table_is_that_of_the_library():
    text = files("gradflow.proofs").joinpath("claims/seals.json").read_text("utf-8")
    assert text == table(), f"a statement has changed: read it, then run {AGAIN}"
    assert json.loads(text) == shipped()


def test_a_seal_holds_everything_that_is_said():
    claim = theorems(gf.cells.get("lstm"))[1]
    own = seal(claim)
    for field in ("name", "cell", "words", "formula", "witness", "false", "scope"):
        assert seal(replace(claim, **{field: "other"})) != own, field
    for field in ("hypotheses", "proof"):
        assert seal(replace(claim, **{field: ("other",)})) != own, field
    other = replace(claim.script, statement="Definition claim : Prop := True.")
    assert seal(replace(claim, script=other)) != own
    assert seal(replace(claim, script=None)) != own
    assert seal(replace(claim, declaration={})) != own
    assert seal(replace(claim, evidence=())) != own
    # a proof may differ
    assert seal(replace(claim, script=replace(claim.script, proof="other"))) == own
    assert set(stated(claim)) >= {"statement", "declaration", "evidence", "hypotheses"}
