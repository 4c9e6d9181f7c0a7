"""The report shows the theorems of its cell, with the margins of its own run."""

import pytest

import gradflow as gf
from gradflow.proofs.theorems import theorems
from gradflow.reporting import Details, Table, render_html
from gradflow.reporting.build import lay_out
from gradflow.reporting.render.mathml import latex_to_mathml
from gradflow.reporting.sections.theorems import SECTION
from gradflow.studies import study
from proofs.user_cells import USER_CELLS

CELLS = [*map(gf.cells.get, gf.cells.names()), *USER_CELLS[:2]]


@pytest.mark.parametrize("cell", CELLS, ids=lambda c: c.name)
def test_every_formula_can_be_set(cell):
    for claim in theorems(cell):
        assert latex_to_mathml(claim.formula, True).startswith("<math")


def test_the_page_shows_each_theorem_with_its_margin(tmp_path):
    text = tmp_path / "text.txt"  # the default text, and with it the draw, is each Python's own
    text.write_text("it was the best of times, it was the worst of times")
    measured = study(gf.cells.get("rnn"), hidden=4, steps=12, input=str(text))
    blocks = SECTION.blocks(measured)
    names = [c.name for c in theorems(measured.setup.cell)]
    (table,) = [b for b in blocks if isinstance(b, Table)]
    assert [row[0] for row in table.rows] == names
    assert {row[1] for row in table.rows} == {"CERTIFIED"}
    found, bound = table.rows[0][2:]
    assert float(found) <= float(bound.removeprefix("≤ ")) * 1.01
    assert [b.title for b in blocks if isinstance(b, Details)] == names
    html = render_html(lay_out(measured, {"gradflow": gf.__version__}))
    assert "What can be proved" in html
    assert "rnn.vanishing" in html


def test_a_bound_that_says_nothing_says_what_it_needs():
    measured = study(gf.cells.get("lstm"), hidden=4, steps=12)
    blocks = SECTION.blocks(measured)
    (table,) = [b for b in blocks if isinstance(b, Table)]
    rows = {row[0]: row for row in table.rows}
    for name in ("lstm.upper", "lstm.lower", "lstm.contracting", "lstm.can_explode"):
        assert rows[name][3].startswith("says nothing: needs "), rows[name]
    assert rows["lstm.contracting"][3].endswith(" to be under 1")
    assert rows["lstm.direct"][3].startswith("≥ ")
    (shown,) = [b for b in blocks if isinstance(b, Details) and b.title == "lstm.contracting"]
    (told,) = [b.text for b in shown.blocks if getattr(b, "text", "").startswith("On this run")]
    assert told.startswith("On this run it does not apply: this theorem says nothing at these")
