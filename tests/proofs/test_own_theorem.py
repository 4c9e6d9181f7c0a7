"""A reader's own cell with a theorem of its own: two files, none of them inside gradflow."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import gradflow as gf
from gradflow.errors import UsageError
from gradflow.proofs.coq.check import available
from gradflow.proofs.theorems import SETS, TheoremSet, register_theorems, theorems
from gradflow.registry import Registry

needs_coq = pytest.mark.skipif(not available(), reason="coqc is not installed")

CELL = """
from pathlib import Path

import gradflow as gf

fading = gf.Cell(
    name="fading",
    state="m",
    inputs="x",
    maps="W",
    constants="a[one]",
    equations="m_next = a * m + W @ x",
    defaults={"a": 0.5},
)


def claims(cell):
    kept = gf.proofs.Theorem(
        name="kept",
        premises=(
            gf.proofs.Premise(coq="t s r ds", binds=True),
            gf.proofs.Premise(coq="smooth t (s r)"),
            gf.proofs.Premise(coq="along size s r ds"),
        ),
        conclusion="exists w, along size (fun r => F t (s r)) r w "
        "/\\\\ forall i, w 0%nat i = p_a * ds 0%nat i",
        proof=Path(__file__).with_name("kept.v").read_text("utf-8"),
    )
    return [
        gf.proofs.Claim(
            name="fading.kept",
            cell=cell.name,
            words=r"a step scales a gradient by $a$: $\\mathrm{d}m_t = a\\, \\mathrm{d}m_{t-1}$",
            formula=r"J_t = a I",
            script=gf.proofs.after_recurrence(cell, "memory", kept),
        )
    ]


gf.proofs.register_theorems(fading, claims)
"""
PROOF = """Proof.
  intros t s r ds Sm H; exists (dF t (s r) ds); split; [exact (dF_correct t s r ds Sm H)|].
  intros i; unfold dF, t_m_next; ring.
Qed.
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "fading.py").write_text(CELL, "utf-8")
    (tmp_path / "kept.v").write_text(PROOF, "utf-8")
    yield tmp_path
    SETS._added.pop("fading", None)


def test_two_files_make_a_theorem_beside_the_automatic_ones(folder):
    cell = gf.cells.get(f"{folder / 'fading.py'}:fading")
    again = gf.cells.get(f"{folder / 'fading.py'}:fading")
    assert [c.name for c in gf.prove(again)] == ["fading.upper", "fading.lower", "fading.kept"]
    assert "a step scales a gradient by a: dm_t = a dm_(t-1)" in str(gf.prove(cell))
    other = gf.Cell(name="fading", state="m", inputs="x", maps="W", equations="m_next = W @ x + m")
    assert [c.name for c in gf.prove(other)] == ["fading.upper", "fading.lower"]


@needs_coq
def test_coq_proves_it_and_refuses_a_false_one(folder):
    name = f"{folder / 'fading.py'}:fading"
    (claim,) = (c for c in gf.prove(name) if c.name == "fading.kept")
    assert claim.level == "PROVED"
    assert repr(claim).startswith("<Claim fading.kept: PROVED, a step scales")
    path = folder / "fading.py"
    path.write_text(CELL.replace("= p_a * ds", "= 2 * p_a * ds"), "utf-8")
    SETS._added.pop("fading", None)
    (claim,) = (c for c in gf.prove(name) if c.name == "fading.kept")
    assert claim.level == "not proved (script)"


@needs_coq
@pytest.mark.slow
def test_the_command_line_knows_it(folder):
    done = subprocess.run(
        [sys.executable, "-m", "gradflow", "prove", "fading.py:fading", "--out", "bundles"],
        cwd=folder,
        env={"PYTHONPATH": str(Path(gf.__file__).parents[1]), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.search(r"fading\.kept\W+PROVED", done.stdout)
    # gradflow itself does not know the theorem; who has the file may vouch for its statement
    (result,) = gf.proofs.verify(folder / "bundles" / "fading.kept")
    assert result.level == "foreign"
    own = gf.prove(gf.cells.get(f"{folder / 'fading.py'}:fading"))
    (result,) = gf.proofs.verify(folder / "bundles" / "fading.kept", known=own)
    assert result.level == "PROVED"


def test_a_name_with_other_theorems_is_refused():
    def claims(cell):
        return []

    with pytest.raises(UsageError, match="theorem set 'lstm' is there already"):
        register_theorems(gf.cells.get("lstm"), claims)


def test_sets_are_records_of_a_registry():
    assert isinstance(SETS, Registry)
    assert SETS.group == "gradflow.theorems"
    for found in SETS:
        assert isinstance(found, TheoremSet)
        assert gf.cells.get(found.cell.name) == found.cell
        assert len(theorems(found.cell)) > len(
            [c for c in theorems(found.cell) if c.name.endswith((".upper", ".lower"))]
        )
