"""The page of a diagnosis: the numbers of the diagnosis, in every format, for every kind."""

import json
import re

import numpy as np
import pytest

import gradflow as gf
from gradflow.cli import main
from gradflow.prose import plain_text
from gradflow.reporting.diagnosed import diagnosis_answer, lay_out_diagnosis
from gradflow.reporting.document.blocks import Details, Drawing, flat
from gradflow.reporting.render.data import report_data
from gradflow.reporting.render.formats import FORMATS, rendered

FILE = "tests/networks/files/lstm_1layer.safetensors"


def growing():
    """An RNN of gain 3, so near to rest that nothing saturates."""
    network = gf.stack("rnn", hidden=4, inputs=2, rng=0)
    network.layers[0].params["U"][:] = 3.0 * np.eye(4)
    return gf.diagnose(network, 1e-12 * np.ones((3, 20, 2)), need=8)


CASES = {
    "stack": lambda: gf.diagnose(gf.stack("lstm", 2, hidden=3, inputs=2, rng=0), need=20),
    "one unit": lambda: gf.diagnose(
        gf.stack("rnn", hidden=1, inputs=1, rng=0), np.ones((9, 1)), need=4
    ),
    "grows": growing,
    "both ways": lambda: gf.diagnose("tests/networks/files/bigru.safetensors", need=6),
    "file": lambda: gf.diagnose(FILE, need=10),
    "ragged": lambda: gf.diagnose(
        gf.stack("gru", hidden=3, inputs=2, rng=0),
        np.random.default_rng(0).standard_normal((3, 30, 2)),
        lengths=[9, 20, 30],
        need=12,
    ),
}


@pytest.fixture(scope="module", params=list(CASES))
def found(request):
    return CASES[request.param]()


def test_the_page_tells_the_numbers_of_the_diagnosis(found):
    numbers = report_data(lay_out_diagnosis(found, {}))["numbers"]
    for way in found.ways or (found,):
        prefix = f"{way.network.source}: " if found.ways else ""
        for name, spread in (
            ("horizon", way.reach.loss_horizon),
            ("product_horizon", way.reach.product_horizon),
            ("directions", way.reach.directions),
            (f"left_{way.need}", way.reach.log10_left),
        ):
            told = numbers[prefix + name]
            finite = spread.median if np.isfinite(spread.median) else None
            assert told["value"] == finite
            assert (told["spread"] is not None) == (spread.count > 1)


def test_the_curve_at_the_lag_needed_is_the_number_told(found):
    for way in found.ways or (found,):
        page = lay_out_diagnosis(way, {})
        (drawing,) = (block for block in flat(page.blocks) if isinstance(block, Drawing))
        drawn = drawing.series["log10_median"][way.need]
        assert drawn == pytest.approx(way.reach.log10_left.median, abs=1e-9)


def test_every_format_takes_it(found, tmp_path):
    report = lay_out_diagnosis(found, {"Command": "none"})
    for kind in FORMATS:
        files = rendered(report, tmp_path / f"r.{kind}", kind, "# again")
        assert all(len(content) > 500 for content in files.values())


def test_headline_and_sections_say_their_spread(found):
    answer = diagnosis_answer(found)
    told = plain_text(answer.text)
    count = found.reach.loss_horizon.count
    assert f"{count} sequence" in told
    assert re.search(r" over | all |without a spread|\(.* to .*\)", told)
    assert answer.tone == ("good" if answer.judged.word == "Enough" else "bad")
    for block in flat(lay_out_diagnosis(found, {}).blocks):
        if isinstance(block, Details) and block.open:
            assert block.answer


def test_a_gradient_that_grows_is_no_good_news():
    answer = diagnosis_answer(growing())
    assert answer.judged.word == "Grows"
    assert "grown to" in answer.text


def test_the_command_writes_the_page_and_how_to_repeat_it(tmp_path, capsys):
    page, data = tmp_path / "d.html", tmp_path / "d.json"
    for out in (page, data):
        with pytest.raises(SystemExit) as left:
            main(["diagnose", FILE, "--need", "10", "--out", str(out), "--quiet"])
        assert left.value.code in (0, None)
    assert f"report: {data}" in capsys.readouterr().out
    told = json.loads(data.read_text("utf-8"))
    assert told["provenance"]["Command"].startswith(f"gradflow diagnose {FILE} --need 10")
    assert "<!DOCTYPE html>" in page.read_text("utf-8")


def test_an_unknown_ending_is_refused_before_anything_is_measured(tmp_path, capsys):
    with pytest.raises(SystemExit) as left:
        main(["diagnose", "no_such_file.pt", "--out", str(tmp_path / "d.xyz")])
    assert left.value.code == 2
    assert "ending" in capsys.readouterr().err


def test_a_report_of_a_network_says_how_to_get_it(tmp_path):
    with pytest.raises(gf.errors.UsageError, match="report_diagnosis"):
        gf.report(gf.stack("rnn", hidden=2, inputs=1, rng=0), tmp_path / "r.html")


def test_a_notebook_shows_cards_with_the_answer_and_a_link(tmp_path):
    network = gf.stack("rnn", 2, hidden=2, inputs=1, rng=0)
    page = tmp_path / "d.html"
    written = gf.reporting.report_diagnosis(gf.diagnose(network, need=4), page)
    beside = gf.compare(["rnn", network], tmp_path / "c.html", hidden=2, steps=8, seeds=2)
    for one, words in (
        (written, "for a need of 4 steps"),
        (beside, "1 network, random weights, one draw"),
    ):
        card = one._repr_html_()
        assert words in card
        assert f'<a href="{one.path}">' in card
        assert card.count("<tr>") >= 2
