"""A report is its registered sections, and every headline number is told from one record."""

import dataclasses
import math
import re
from pathlib import Path

import numpy as np
import pytest

import gradflow as gf
from gradflow import cli, reporting
from gradflow.errors import InputError, UsageError
from gradflow.prose import plain_text
from gradflow.reporting import SECTIONS, Answer, Block, Details, Heading, Paragraph, Section
from gradflow.reporting import sections as folder
from gradflow.reporting.build import STAGES, lay_out
from gradflow.reporting.document.blocks import Drawing
from gradflow.reporting.document.numbers import (
    magnitude,
    number_row,
    power_of_ten,
    ranged,
    signed,
    value_of,
)
from gradflow.reporting.drawing.scene import Dot
from gradflow.reporting.publish.scripts import find_script
from gradflow.reporting.sections import all_numbers
from gradflow.studies import Number, Study, study
from gradflow.studies.measures import MEASURES

ORDER = (
    "answer",
    "decay",
    "changes",
    "summary",
    "paths",
    "directions",
    "derivation",
    "theorems",
    "repeat",
)
MINE = Section(
    name="mine",
    blocks=lambda study: [Heading("My section"), Paragraph(f"It ran {study.setup.cell.name}.")],
    numbers=lambda study: {
        "steps_run": Number(
            value=float(study.setup.trajectory.steps), label="Steps run", unit="steps"
        )
    },
)


@pytest.fixture(scope="module", params=gf.cells.LIBRARY)
def measured(request):
    return study(gf.cells.get(request.param), hidden=4, steps=12, seeds=2)


@pytest.fixture
def with_mine(monkeypatch):
    monkeypatch.setitem(SECTIONS._added, "mine", MINE)


def test_every_section_has_blocks_and_numbers(measured):
    for section in SECTIONS:
        blocks, numbers = section.blocks(measured), section.numbers(measured)
        assert blocks or (section.name in ("changes", "dials") and not vars(measured)[section.name])
        assert all(isinstance(block, Block) for block in blocks), section.name
        assert all(isinstance(number, Number) for number in numbers.values()), section.name
    assert "summary" in {s.name for s in SECTIONS if s.numbers(measured)}


def test_a_section_tells_the_same_numbers_as_the_study(measured):
    told = measured.headline()
    assert list(all_numbers(measured))[: len(told)] == list(told)
    assert all(told.get(k, n) == n for s in SECTIONS for k, n in s.numbers(measured).items())


def test_the_registry_covers_the_folder_in_the_order_of_the_page():
    files = {p.stem for p in Path(folder.__file__).parent.glob("*.py")} - {"__init__"}
    assert set(SECTIONS.names()) == files
    assert [name for name in SECTIONS.names() if name in ORDER] == list(ORDER)
    assert SECTIONS.names()[-1] == "repeat"
    assert tuple(section.name for section in SECTIONS) == SECTIONS.names()


def test_the_page_and_the_command_line_show_the_same_table(
    tmp_path, capsys, monkeypatch, with_mine
):
    monkeypatch.setenv("COLUMNS", "300")
    found = study(gf.cells.lstm, hidden=4, steps=12, seeds=2)
    laid_out = lay_out(found, {}).blocks
    assert isinstance(laid_out[0], Answer)
    (summary,) = (b for b in laid_out if isinstance(b, Details) and b.title == "Summary")
    numbers = all_numbers(found)
    rows = summary.blocks[0].table().rows
    assert rows == tuple(number_row(n) for n in numbers.values() if n.unit != "share")
    assert rows[-1][:2] == ("Steps run", "12")
    words = ["report", "lstm", "--hidden", "4", "--steps", "12", "--seeds", "2"]
    with pytest.raises(SystemExit):
        cli.main([*words, "--out", str(tmp_path / "p.html")])
    printed = capsys.readouterr().out
    for number in numbers.values():
        assert plain_text(value_of(number)) in printed
        assert plain_text(number.label) in printed


def test_a_section_from_outside_is_on_the_page(tmp_path, with_mine):
    written = gf.report("rnn", tmp_path / "page.html", hidden=3, steps=6, seeds=2)
    page = written.path.read_text("utf-8")
    assert "My section" in page
    assert "It ran rnn." in page
    assert "Steps run" in page
    assert written.numbers()["steps_run"] == 6.0
    assert "steps_run" not in written.study.numbers()


def test_what_is_no_section_is_refused():
    with pytest.raises(InputError, match="report section 'odd' is a str, no Section"):
        SECTIONS.register("odd", "text")
    with pytest.raises(UsageError, match="report section 'decay' is there already"):
        SECTIONS.register("decay", MINE)


def test_a_study_is_what_was_run_and_what_was_measured():
    fields = {field.name for field in dataclasses.fields(Study)}
    others = {"setup", "seeds", "references", "changes", "dials", "certified", "refused"}
    assert fields == others | set(MEASURES)


def test_what_is_announced_is_the_table_of_stages(tmp_path):
    told = []
    gf.report("scalar", tmp_path / "page.html", steps=5, progress=told.append)
    assert tuple(told) == STAGES
    assert len(set(STAGES)) == len(MEASURES) + 7


@pytest.mark.parametrize(
    ("number", "text", "spread"),
    [
        ({"value": 37.0, "unit": "steps"}, "37", ""),
        ({"value": 0.82, "unit": "steps", "between": (0.5, 12.4)}, "0.82", "0.5 to 12"),
        ({"value": math.inf, "unit": "steps", "missing": "over 9"}, "over 9", ""),
        ({"value": math.inf, "unit": "steps", "between": (3.0, math.inf)}, "∞", "3 to ∞"),
        ({"value": -0.25, "unit": "nats per step", "between": (-1, -1)}, "−0.250", "all −1.000"),
        ({"value": -math.inf, "unit": "nats per step", "error": 0.0}, "−∞", ""),
        ({"value": -3.0, "unit": "log10"}, "0.001", ""),
        ({"value": -math.inf, "unit": "log10"}, "exactly 0", ""),
        ({"value": -577.0, "unit": "log10"}, "$1.0 \\times 10^{-577}$", ""),
        ({"value": 0.42, "unit": "share"}, "42 %", ""),
        ({"value": math.nan}, "unknown", ""),
        ({"value": -1.0}, "-1", ""),
    ],
)
def test_how_a_number_is_said(number, text, spread):
    number = Number(label="L", **number)
    assert value_of(number) == text
    assert ranged(number) == spread
    assert number_row(number)[:3] == ("L", text, spread)


@pytest.mark.parametrize("log", [-5000.0, -33.1, -7.0, -0.2, 0.0, 3.0, 11.6, 4000.5])
def test_a_table_and_a_caption_tell_the_same_number(log):
    def decades(text):
        found = re.fullmatch(r"\$?(?:([\d.]+) ?)?(?:(?:\\times )?10\^\{(-?\d+)\})?\$?", text)
        return math.log10(float(found[1] or 1)) + int(found[2] or 0)

    assert decades(power_of_ten(log)) == pytest.approx(log / math.log(10), abs=0.025)
    assert decades(magnitude(log)) == pytest.approx(log / math.log(10), abs=0.025)


def test_a_minus_sign_is_that_of_print():
    assert [signed(v, 1) for v in (-0.04, 0.0, 2.0, -math.inf)] == ["−0.0", "0.0", "2.0", "−∞"]


def test_what_is_shown_at_a_prompt_is_one_line(tmp_path):
    written = gf.report("lstm", tmp_path / "page.html", hidden=3, steps=6, seeds=2)
    script = find_script("toy_power")
    for one in (written, written.study, lay_out(written.study, {}), script):
        assert type(one).__name__ in repr(one)
        assert "\n" not in repr(one)
        assert len(repr(one)) < 250
    assert "horizon not reached" in repr(written)
    with reporting.page("p", tmp_path / "figures", shape=(1, 2)) as sheet:
        assert repr(sheet) == f"Page('p', 2 panels, neurips, in {str(tmp_path / 'figures')!r})"


def test_the_card_of_a_report_is_small_and_says_what_counts(tmp_path):
    written = gf.report("lstm", tmp_path / "a <b>.html", hidden=3, steps=6, seeds=2)
    card = written._repr_html_()
    assert len(card) < 6000
    assert "of the gradient reaches" in card
    assert "random weights, not trained" in card
    told = all_numbers(written.study)
    assert all(value_of(n) in card for n in told.values() if "$" not in value_of(n))
    assert "rate" not in told  # six steps of it are no line
    assert "a &lt;b&gt;.html" in card
    assert card.count("<tr>") == len(told)


def test_the_public_names_are_those_a_user_calls():
    plumbing = {"require_folder", "write_atomically", "check_formats", "find_venue", "encoded"}
    assert not plumbing & {*dir(reporting), *gf.figures.__all__}
    assert all(getattr(reporting, name) is not None for name in reporting.__all__)


@pytest.mark.parametrize("seeds", [4, 5])
@pytest.mark.parametrize("cell", ["lstm", "irnn", "clockwork"])
def test_as_many_directions_are_drawn_over_one_percent_as_are_told(cell, seeds):
    found = study(cell, hidden=8, steps=40, seeds=seeds)
    (section,) = next(one for one in SECTIONS if one.name == "directions").blocks(found)
    drawing = next(b for b in section.blocks if isinstance(b, Drawing))
    rates = np.array(drawing.series["log_sigma_a_step"])
    count = found.headline()["directions"].value
    assert int((rates * found.need >= np.log(0.01)).sum()) == count
    assert drawing.title.startswith(f"{count:.0f} of ")
    zeros = int(np.isneginf(rates).sum())
    assert found.headline()["directions_zero"].value == zeros
    assert sum(isinstance(m, Dot) and m.hollow for m in drawing.wide.marks) == zeros
    words = [getattr(mark, "text", "") for mark in drawing.wide.marks]
    assert (f"exactly 0: {zeros}" in words) == (zeros > 0)
