"""Every block of docs/proofs.md is run, and its tables name what there is."""

import doctest
from pathlib import Path

import gradflow as gf
from gradflow.proofs.claims.claim import MEANING
from gradflow.proofs.theorems import SETS

PAGE = Path(__file__).parents[2] / "docs" / "proofs.md"


def test_every_block_runs():
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
    result = doctest.testfile(str(PAGE), module_relative=False, optionflags=flags)
    assert result.attempted >= 20
    assert result.failed == 0


def test_the_tables_name_every_level_and_cell():
    text = PAGE.read_text("utf-8")
    assert all(f"| `{level}` |" in text for level in MEANING)
    assert all(f"| {name} |" in text for name in SETS.names())
    assert all(name in text for name in ("forget_bias_for", "enclose", "box_bound", "attack"))
    assert set(SETS.names()) <= set(gf.cells.names())
