"""Every format tells the same numbers, in words that are held to what the numbers are."""

import copy
import json
import math
import re
from base64 import b64decode
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest

import gradflow as gf
from gradflow.errors import UsageError
from gradflow.prose import plain_text, split_inline
from gradflow.reporting.build import lay_out
from gradflow.reporting.comparing import lay_out_comparison
from gradflow.reporting.diagnosed import lay_out_diagnosis
from gradflow.reporting.document.blocks import Drawing, Numbers, flat
from gradflow.reporting.document.numbers import in_steps, ranged, value_of
from gradflow.reporting.drawing.decay import decay_frame
from gradflow.reporting.drawing.scene import Dot, Label, Line
from gradflow.reporting.render.data import report_data, schema
from gradflow.reporting.render.formats import FORMATS, format_of, rendered
from gradflow.reporting.render.latex import unicode_latex
from gradflow.reporting.sections import all_numbers
from gradflow.reporting.sections.answer import answer
from gradflow.studies import study
from gradflow.studies.comparison.comparing import comparison
from oracles.json_schema import faults
from reporting.odd_cells import long_name, no_way, own_sizes

CELLS = {
    "lstm": {"hidden": 4, "steps": 40, "seeds": 3},
    "irnn": {"hidden": 4, "steps": 30, "seeds": 2},
    "rnn": {"hidden": 1, "steps": 20, "seeds": 2},
    "scalar": {"steps": 30, "seeds": 1},
    "gru": {"hidden": 3, "steps": 20, "seeds": 1, "need": 5},
    long_name: {"hidden": 3, "steps": 20, "seeds": 2},
    no_way: {"hidden": 3, "steps": 20, "seeds": 2},
    own_sizes: {"init": {"slots": 4, "channel": 5}, "steps": 30, "seeds": 2},
}
KINDS = [kind for kind in FORMATS if kind != "pdf"]


@pytest.fixture(scope="module", params=CELLS, ids=lambda c: getattr(c, "name", c))
def measured(request):
    return study(request.param, **CELLS[request.param])


@pytest.fixture(scope="module")
def written(measured):
    return forms(lay_out(measured, {"Command": "gradflow report <x> $5"}))


def forms(report):
    """Every format but the PDF of one report."""
    return {
        kind: next(iter(rendered(report, Path(f"r.{kind}"), kind, "gf.report()").values()))
        for kind in KINDS
    }


def test_the_json_fits_its_schema_and_a_wrong_one_does_not(written):
    data = json.loads(written["json"])
    assert faults(data, schema()) == []
    for spoil in (
        lambda d: d.pop("version"),
        lambda d: d.update(version=2),
        lambda d: d["numbers"]["horizon"].update(value="57"),
        lambda d: d["numbers"]["horizon"].pop("over"),
        lambda d: d["numbers"]["horizon"].update(more=1),
        lambda d: d["blocks"][0].update(kind="poem"),
        lambda d: d["provenance"].update(seed=0),
    ):
        wrong = copy.deepcopy(data)
        spoil(wrong)
        assert faults(wrong, schema())


def test_the_json_has_every_number_with_its_spread(measured, written):
    data = json.loads(written["json"])["numbers"]
    numbers = all_numbers(measured)
    assert list(data) == sorted(numbers, key=lambda n: numbers[n].unit == "share")
    for name, number in numbers.items():
        told = data[name]
        assert told["value"] == (number.value if math.isfinite(number.value) else None)
        assert bool(told["words"]) == (not math.isfinite(number.value))
        assert told["over"]
        assert (told["spread"] is None) == (number.between is None)


def missing(written, numbers):
    """The numbers that a format does not tell, value or spread, with the format."""

    def markdown(text):
        return "".join(f"$`{s.content}`$" if s.math else s.content for s in split_inline(text))

    page = re.sub(r"<[^>]*>", "", written["html"].partition("<main>")[2])
    book = "\n".join(cell["source"] for cell in json.loads(written["ipynb"])["cells"])
    told = {
        "html": (
            re.sub(r"\s+", "", unescape(page)),
            lambda t: re.sub(r"[\s^{}]", "", plain_text(t)),
        ),
        "tex": (written["tex"], unicode_latex),
        "md": (written["md"], markdown),
        "ipynb": (book, lambda t: t),
    }
    return [
        (kind, text)
        for number in numbers
        for text in (value_of(number), ranged(number))
        for kind, (whole, written_as) in told.items()
        # MathML has no carets
        if not (kind == "html" and "$" in text) and written_as(text) not in whole
    ]


def test_every_format_tells_the_same_numbers(measured, written):
    numbers = list(all_numbers(measured).values())
    assert missing(written, numbers) == []
    changed = replace(numbers[0], value=123456789.0)
    assert {kind for kind, _ in missing(written, [changed])} == {"html", "tex", "md", "ipynb"}


@pytest.fixture(scope="module", params=["comparison", "diagnosis", "stack"])
def other(request):
    """Reports that are not of one cell."""
    if request.param == "comparison":
        found = comparison(["lstm", "irnn", long_name, no_way], hidden=3, steps=20, seeds=2)
        return lay_out_comparison(found, {})
    if request.param == "diagnosis":
        network = gf.stack("gru", 1, hidden=4, inputs=3, rng=0)
    else:
        network = gf.stack("lstm", 2, hidden=4, inputs=3, rng=0)
    return lay_out_diagnosis(gf.diagnose(network, need=20), {})


def test_other_reports_tell_the_same_numbers_in_every_format(other):
    written = forms(other)
    numbers = [
        number
        for block in flat(other.blocks)
        if isinstance(block, Numbers)
        for number in block.numbers.values()
    ]
    assert len(numbers) >= 3
    assert missing(written, numbers) == []
    assert faults(json.loads(written["json"]), schema()) == []
    assert [fault for kind in KINDS for fault in wrong_words(written[kind], drawn=True)] == []


def test_the_number_drawn_is_the_number_printed(measured):
    drawing = next(b for b in flat(lay_out(measured, {}).blocks) if isinstance(b, Drawing))
    horizon = measured.headline()["horizon"]
    steps = measured.seeds.decays.steps
    for scene, narrow in ((drawing.wide, False), (drawing.narrow, True)):
        beside = bool(measured.references)
        frame = decay_frame(measured.seeds.decays, beside=beside, narrow=narrow)
        rings = [m for m in scene.marks if isinstance(m, Dot) and m.name == "horizon"]
        told = [m for m in scene.marks if isinstance(m, Label) and m.name == "told"]
        bars = [m for m in scene.marks if isinstance(m, Line) and m.name == "interval"]
        if horizon.value > steps:
            assert rings == told == []
            continue
        (ring,), (label,) = rings, told
        assert ring.at == (frame.across(horizon.value), frame.down(-2))
        assert label.text.startswith(in_steps(value_of(horizon)))
        if horizon.between:
            ends = [frame.across(min(end, steps)) for end in horizon.between]
            assert [x for x, _ in bars[0].points] == ends
            assert narrow or ranged(horizon) in label.text
    median = np.array(drawing.series["log10_median"])
    assert np.allclose(median, measured.seeds.decays.curve() / math.log(10), equal_nan=True)


def test_the_words_are_held_to_the_numbers(measured, written):
    said = plain_text(answer(measured).text)
    drawn = measured.seeds.decays.drawn
    assert ("random weights" in said) == drawn
    count = len(measured.seeds.decays.seeds)
    assert f"{count} seed" in said
    assert not without_spread(said)
    assert [fault for kind in KINDS for fault in wrong_words(written[kind], drawn=drawn)] == []


_TRAINED = re.compile(r".{0,12}\btrained")
_BOUND = re.compile(r'\["[\w.]+\.upper", [^\]]*\]')


def wrong_words(text, *, drawn):
    """What a report says that its numbers do not: trained weights, a bound that is none."""
    told = _TRAINED.findall(text) if drawn else []
    said = [before for before in told if not before.endswith(("not trained", "not\u00a0trained"))]
    for row in _BOUND.findall(text):
        measured, bound = map(unescape, json.loads(row)[2:4])
        if "says nothing" not in bound and _number(bound) > 1e6 * _number(measured):
            said.append(row)
    return said


def _number(text):
    """The first number of a cell of a table, written out or as a power of ten."""
    found = re.search(r"(\d[\d.]*)(?: \\times 10\^\{(-?\d+)\})?", text)
    return float(found[1]) * 10.0 ** int(found[2] or 0) if found else 0.0


def test_planted_wrong_words_are_found():
    assert wrong_words("LSTM 8, trained weights: it reaches 5 steps.", drawn=True)
    assert wrong_words("LSTM 8, trained weights: it reaches 5 steps.", drawn=False) == []
    assert wrong_words("random weights, not trained", drawn=True) == []
    useless = ["lstm.upper", "PROVED", "0.0016", r"$3.0 \times 10^{123}$"]
    assert wrong_words(json.dumps(useless), drawn=True)
    assert wrong_words(json.dumps([*useless[:3], "3e123, which says nothing"]), drawn=True) == []
    assert wrong_words(json.dumps([*useless[:3], "0.5"]), drawn=True) == []


def test_planted_a_headline_without_spread_is_found(measured):
    said = plain_text(answer(measured).text)
    bare = re.sub(r"\([^()]*\)", "", said)
    assert without_spread(bare) or "exactly zero" in bare
    assert not without_spread(said)


def without_spread(said):
    """Whether a headline has neither its spread nor the sentence that there is none."""
    spread = re.search(r"\(.* (to|same) .*over.*\)|without a spread|all .* in 80", said)
    return spread is None


def test_a_bound_that_says_nothing_is_not_printed_as_if_it_did():
    found = study("lstm", hidden=8, steps=60, seeds=1)
    data = json.dumps(report_data(lay_out(found, {})), ensure_ascii=False)
    for row in re.findall(r'\["lstm\.upper"[^\]]*\]', data):
        measured, bound = json.loads(row)[2:]
        assert "says nothing" in bound, (measured, bound)
    assert '"lstm.upper"' in data


def test_the_format_is_what_the_name_says(tmp_path):
    assert format_of(Path("a/B.HTML"), None) == "html"
    assert format_of(Path("x.anything"), "md") == "md"
    for name, format in (("x.docx", None), ("x", None), ("x.html", "word"), ("x.html", 3)):
        with pytest.raises(UsageError, match="html, pdf, tex, md, json, ipynb"):
            format_of(Path(name), format)
    with pytest.raises(UsageError, match="its ending says no format"):
        gf.report("scalar", tmp_path / "r.txt", steps=3)
    assert list(tmp_path.iterdir()) == []


def test_drawings_of_markdown_lie_beside_it(tmp_path):
    gf.report("rnn", tmp_path / "sub" / "r.md", hidden=2, steps=12, seeds=1)
    text = (tmp_path / "sub" / "r.md").read_text("utf-8")
    names = re.findall(r"\]\((r-\d+\.svg)\)", text)
    assert names
    assert {p.name for p in (tmp_path / "sub").iterdir()} == {"r.md", *names}
    for name in names:
        assert (tmp_path / "sub" / name).read_text("utf-8").startswith("<svg")


def test_the_notebook_is_one(written):
    book = json.loads(written["ipynb"])
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in book["cells"]]
    assert len(set(ids)) == len(ids)
    assert {cell["cell_type"] for cell in book["cells"]} == {"markdown", "code"}
    drawings = re.findall(r"\]\(data:image/svg\+xml;base64,(\S+)\)", str(book["cells"]))
    assert len(drawings) >= 2
    assert all(b64decode(one).startswith(b"<svg") for one in drawings)
    for cell in book["cells"]:
        compile(cell["source"], "cell", "exec") if cell["cell_type"] == "code" else None


def test_the_call_of_a_notebook_writes_it_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    gf.report("lstm", "a.ipynb", hidden=3, steps=12, need=6, seeds=2, init={"forget_bias": 3})
    pair = ["rnn", ("lstm", {"forget_bias": 3})]
    gf.compare(pair, "b.ipynb", hidden=3, steps=12, need=6, seeds=2)
    for name in ("a.ipynb", "b.ipynb"):
        first = Path(name).read_bytes()
        code = [c for c in json.loads(first)["cells"] if c["cell_type"] == "code"]
        exec(code[-1]["source"], {})
        assert Path(name).read_bytes() == first


def test_latex_is_balanced_and_its_formulas_are_those_of_the_cell(measured, written):
    text = written["tex"]
    opened = re.findall(r"\\begin\{(\w+\*?)\}", text)
    assert sorted(opened) == sorted(re.findall(r"\\end\{(\w+\*?)\}", text))
    plain = re.sub(r"\\[{}\\]", "", text)
    assert plain.count("{") == plain.count("}")
    assert measured.setup.cell.latex() in text
    for block in gf.jacobian(measured.setup.cell).blocks().values():
        assert block.is_zero or block.latex().splitlines()[1].partition("&=")[0] in text
    assert not re.search(r"[^\x00-\x7f]", re.sub("[éöüäćčšž]", "", text)), "pdflatex lacks a sign"
