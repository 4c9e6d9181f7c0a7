"""The page: every block is on it, it is well-formed, and it needs nothing but itself."""

import base64
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree

import pytest

from gradflow.errors import UsageError
from gradflow.reporting import (
    Answer,
    Block,
    Card,
    Cards,
    Code,
    Details,
    Drawing,
    Drawings,
    Equation,
    Figure,
    Heading,
    Judged,
    Numbers,
    Paragraph,
    Report,
    Table,
    render_html,
)
from gradflow.reporting.drawing.scene import Area, Dot, Label, Line, Scene
from gradflow.studies import Number

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="100%" viewBox="0 0 2 1"><path d="M0 0"/></svg>'
)
SCENE = Scene(
    100,
    50,
    [
        Line(points=((0, 0), (10, 10)), tone="subject"),
        Area(points=((0, 0), (10, 10), (0, 10)), tone="path-1", share=0.5),
        Dot(at=(5, 5), tone="ink", hollow=True),
        Label(at=(5, 20), text="10 < 20", power=-4),
    ],
)
DRAWING = Drawing(
    wide=SCENE,
    narrow=SCENE,
    title="It falls by $10^{-4}$.",
    caption="Median.",
    series={"lag": [0, 1]},
    key=[("good", "kept")],
)
JUDGED = Judged(
    word="Enough",
    note="for 100 steps",
    spread=[("over seeds", "3 to 5")],
    remedy="Nothing to mend.",
    chips=["random weights", "8 seeds"],
)
SEEN = Card(title="It forgets", badge="SEEN", where="here", tone="good", text="In $8$.", note="A.")
BLOCKS = [
    Answer("The gradient survives $37$ steps.", "good", JUDGED),
    Heading("The cell"),
    Paragraph("Its gate is $f_t$, and 1 < 2 & 3."),
    Equation(r"\frac{\partial c_t}{\partial c_{t-1}} = f_t", "1", "The carousel $f_t$."),
    Equation("x"),
    Heading("Numbers", 3),
    Table(["name", "value"], [["$U_f$", "1.5"], ["a <b>", "-2"]], "Norms", "Of $64$ units."),
    Figure(SVG, "Decay of $P$.", 'A line that "falls" <fast>'),
    Details("More", [Heading("Inside", 4), Table(["a"], [["x"]]), Figure(SVG, "Again.", "b")]),
    Code("if a < b:\n    print('<script>')\n", "python", "The call"),
    Details("Open", [DRAWING], answer="57 steps", open=True),
    Drawings([DRAWING], "Small", "All."),
    Cards([SEEN]),
    Numbers({"reach": Number(value=5.0, label="Reach", unit="steps", between=(3.0, 8.0))}),
    Heading("End"),
]
REPORT = Report("An LSTM, $h_t$", "On text", BLOCKS, {"command": "gradflow <x>", "seed": "0"})
VOID = {"meta", "br", "hr", "img", "link"}


class Page(HTMLParser):
    """Reads a page, insisting that every tag is closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *attribute) for attribute in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *attribute) for attribute in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data

    def values(self, name):
        return [value for _, key, value in self.attributes if key == name]


@pytest.fixture(scope="module")
def html():
    return render_html(REPORT)


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_the_page_is_whole_and_balanced(html, page):
    assert html.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert html.rstrip().endswith("</html>")
    assert page.tags.count("h1") == page.tags.count("main") == 1
    assert page.tags.count("title") == 1 + 3  # of the page, and of its drawings


def test_every_block_is_on_the_page(page):
    assert {type(block) for block in BLOCKS} | {Drawing} == set(Block.__args__)
    for text in (
        "The gradient survives ",
        "and 1 < 2 & 3.",
        "The carousel ",
        "(1)",
        "a <b>",
        "Of ",
        "Decay of ",
        "Inside",
        "Again.",
        "print('<script>')",
        "The call",
        "python",
        "gradflow <x>",
        "for 100 steps",
        "Nothing to mend.",
        "random weights",
        "It falls by ",
        "10 < 20⁻⁴",
        "It forgets",
        "Reach",
        "3 to 8",
    ):
        assert text in page.text
    # two as they come, one drawing for wide and narrow pages, its key, and one panel in a frame
    assert page.tags.count("figure") == 2 + 1 + 2
    assert page.tags.count("svg") == 2 + 3 + 1
    assert page.tags.count("details") == 4
    assert 'A line that "falls" <fast>' in page.values("aria-label")
    assert "verdict good" in page.values("class")


def test_nothing_is_loaded_and_what_runs_is_ours(html, page):
    assert not {"link", "iframe", "object", "img"} & set(page.tags)
    assert page.tags.count("script") == 1
    assert "fetch" not in html.partition("<script>")[2]
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    outside_names = re.sub(r'xmlns(:\w+)?="[^"]*"', "", html)
    assert "http" not in outside_names
    assert all(link.startswith("#") for link in page.values("href"))
    assert page.values("src") == []
    assert re.findall(r"url\((?!data:)", html) == []
    assert "@import" not in html


def test_the_font_is_in_the_page(html):
    (encoded,) = re.findall(r"url\(data:font/woff2;base64,([^)]+)\)", html)
    font = base64.b64decode(encoded, validate=True)
    folder = files("gradflow.reporting.render").joinpath("fonts")
    assert font[:4] == b"wOF2"
    assert font == folder.joinpath("stix-two-math-subset.woff2").read_bytes()
    assert len(font) < 120_000
    assert "SIL OPEN FONT LICENSE" in folder.joinpath("OFL.txt").read_text("utf-8")


def test_formulas_are_well_formed(html):
    formulas = re.findall(r"<math.*?</math>", html, re.DOTALL)
    assert len(formulas) == 12
    for formula in formulas:
        ElementTree.fromstring(formula)


def test_ids_are_unique(page):
    ids = page.values("id")
    assert len(set(ids)) == len(ids)
    assert "eq-1" in ids


def test_the_first_blocks_stand_first(html):
    places = [html.index(text) for text in ('class="verdict', "<h2", "<h3", "<footer")]
    assert places == sorted(places)


def test_a_page_without_formulas_runs_nothing():
    html = render_html(Report("t", "", [Heading("Only"), Paragraph("x")], {}))
    assert "<script" not in html
    assert "<footer" not in html
    assert "subtitle" not in html.partition("</style>")[2]


def test_a_section_folds_to_a_line_with_its_answer(html):
    section = html.partition('<details class="sec"')[2].partition("</summary>")[0]
    assert " open>" in section
    assert "Open" in section
    assert '<span class="answer">57 steps</span>' in section


def test_numbers_stand_right_in_head_and_body(html):
    assert html.count('<th scope="col" role="columnheader" class="number">value') == 1
    assert html.count('<td role="cell" class="number"') == 3


def test_the_title_of_the_window_is_plain(html):
    assert "<title>An LSTM, h_t</title>" in html


def test_a_formula_that_cannot_be_set_is_named():
    with pytest.raises(UsageError, match="nonsense"):
        render_html(Report("t", "", [Paragraph(r"$\nonsense$")], {}))


def test_equal_reports_give_equal_bytes_in_another_process(html):
    assert render_html(REPORT) == html
    code = (
        "import sys; from test_report_html import REPORT, render_html\n"
        "sys.stdout.buffer.write(render_html(REPORT).encode())"
    )
    here = Path(__file__)
    other = subprocess.run(
        [sys.executable, "-c", code],
        env={
            "PYTHONHASHSEED": "1",
            "PYTHONPATH": os.pathsep.join(map(str, (here.parent, here.parents[2]))),
        },
        capture_output=True,
        check=True,
    )
    assert other.stdout == html.encode()
