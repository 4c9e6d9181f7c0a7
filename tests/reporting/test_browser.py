"""The pages in a real browser: nothing scrolls sideways, is cut, overlaps or loads anything."""

import json
import re
import shutil
import subprocess
from html import unescape

import numpy as np
import pytest

import gradflow as gf
from gradflow.reporting.document.numbers import value_of
from gradflow.studies.seeds.numbers import decay_numbers
from reporting.odd_cells import long_name, no_way, own_sizes

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="needs Chromium to look at a page"),
]
# reads the boxes of a page; what stands in a scroller of its own may be wider
READ = """<script>setTimeout(() => {
  const width = document.documentElement.clientWidth, bad = [];
  const own = e => e.closest(".scroll, thead, pre, p:has(math)");
  if (document.documentElement.scrollWidth > width) bad.push("the page scrolls");
  for (const e of document.querySelectorAll("body *:not(script):not(style)")) {
    const box = e.getBoundingClientRect();
    if (!box.width || e.closest("svg") || own(e) || !e.checkVisibility()) continue;
    if (box.right > width + 1 || box.left < -1)
      bad.push("outside: " + e.tagName + " " + e.textContent.slice(0, 50));
  }
  const texts = [...document.querySelectorAll("svg text")]
    .filter(t => t.getBoundingClientRect().width);
  const boxes = texts.map(t => [t, t.getBoundingClientRect(), t.ownerSVGElement]);
  for (const [t, box, svg] of boxes) {
    const frame = svg.getBoundingClientRect();
    if (box.right > frame.right + 2 || box.left < frame.left - 2 || box.bottom > frame.bottom + 2)
      bad.push("beyond its drawing: " + t.textContent);
    if (parseFloat(getComputedStyle(t).fontSize) * t.getScreenCTM().a < 11.5)
      bad.push("small: " + t.textContent);
  }
  for (let i = 0; i < boxes.length; i++) for (let j = i + 1; j < boxes.length; j++) {
    if (boxes[i][2] !== boxes[j][2]) continue;
    const a = boxes[i][1], b = boxes[j][1];
    if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2
        && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3)
      bad.push("over one another: " + boxes[i][0].textContent + " / " + boxes[j][0].textContent);
  }
  const ids = [...document.querySelectorAll("[id]")].map(e => e.id);
  if (new Set(ids).size < ids.length) bad.push("an id stands twice");
  for (const r of performance.getEntriesByType("resource")) bad.push("loads " + r.name);
  parent.postMessage(JSON.stringify([width, bad]), "*");
}, 400)</script>"""
FRAME = """<body><iframe src="page.html" style="width:{}px;height:900px;border:0"></iframe><script>
onmessage = e => {{ const p = document.createElement("pre"); p.id = "found";
  p.textContent = e.data; document.body.append(p); }}</script>"""


def seen(page, width, folder, dark=False):
    """Return what is wrong with a page of so many pixels, as the browser sees it."""
    (folder / "page.html").write_text(page.replace("</body>", READ + "</body>"), "utf-8")
    (folder / "frame.html").write_text(FRAME.format(width), "utf-8")
    words = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    words += [f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=3000"]
    words += ["--blink-settings=preferredColorScheme=0"] if dark else []
    words += ["--window-size=1400,1000", "--dump-dom", (folder / "frame.html").as_uri()]
    shown = subprocess.run(words, capture_output=True, text=True, timeout=120).stdout
    found = re.search(r'<pre id="found">(.*?)</pre>', shown, re.DOTALL)
    assert found, "the browser said nothing"
    measured, bad = json.loads(unescape(found[1]))
    assert measured == width
    return bad


NAMES = ("lstm", "one unit", "grows", "no way", "long name", "stack", "own sizes")


@pytest.fixture(scope="module", params=[*NAMES, "six"])
def page(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    path = folder / "r.html"
    if request.param == "six":
        gf.compare(["lstm", "gru", "irnn", "rnn", "clockwork", "scrn"], path, seeds=2)
    else:
        CASES[request.param](path)
    return path.read_text("utf-8")


def one_unit(path):
    gf.report("gru", path, hidden=1, steps=30, seeds=2)


def grows(path):
    gain = gf.cells.initializers.gaussian(3.0)
    gf.report("rnn", path, seeds=2, init={"recurrent": gain})


def no_path(path):
    gf.report(no_way, path, hidden=3, steps=20, seeds=2)


def eighty_letters(path):
    gf.report(long_name, path, hidden=3, steps=20, seeds=2)


def selective(path):
    gf.report(own_sizes, path, init={"slots": 6, "channel": 9}, steps=60, seeds=2)


def stack(path):
    found = gf.diagnose(gf.stack("lstm", 2, hidden=6, inputs=3, rng=0, forget_bias=0.0), need=60)
    gf.reporting.report_diagnosis(found, path)


CASES = {
    "own sizes": selective,
    "stack": stack,
    "lstm": lambda path: gf.report("lstm", path, seeds=2),
    "one unit": one_unit,
    "grows": grows,
    "no way": no_path,
    "long name": eighty_letters,
}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 768, 390])
def test_nothing_is_cut_or_scrolls_or_loads(page, width, dark, tmp_path):
    assert seen(page, width, tmp_path, dark) == []
    assert len(page.encode()) < 1_500_000


def test_the_reading_sees_what_is_wrong(tmp_path):
    wide = '<p style="width:2000px">wide</p><p id="a"></p><p id="a"></p>'
    svg = '<svg width="200" height="50"><text x="190" y="20">far out of it</text>'
    svg += '<text x="5" y="20">one</text><text x="7" y="22" font-size="4">two</text></svg>'
    bad = " ".join(seen(f"<html><body>{wide}{svg}</body></html>", 390, tmp_path))
    for word in ("scrolls", "outside", "beyond its drawing", "over one another", "small", "twice"):
        assert word in bad, (word, bad)


SLIDE = """<script>setTimeout(() => {
  const lag = document.querySelector("figure.drawing input");
  lag.value = 5;
  lag.dispatchEvent(new Event("input"));
  parent.postMessage(JSON.stringify([document.documentElement.clientWidth,
    [document.querySelector("figure.drawing output").textContent]]), "*");
}, 200)</script>"""


def test_the_slider_reads_the_numbers_of_the_curve(tmp_path, monkeypatch):
    written = gf.report("lstm", tmp_path / "r.html", hidden=4, steps=40, seeds=2)
    monkeypatch.setitem(seen.__globals__, "READ", SLIDE)
    (told,) = seen(written.path.read_text("utf-8"), 1280, tmp_path)
    decays = written.study.seeds.decays
    number = re.match(r"5 steps back: ([\d.]+) left \(80\u00a0% of runs: ([\d.]+) to", told)
    assert number, told
    assert float(number[1]) == pytest.approx(np.exp(decays.curve()[5]), rel=0.02)
    assert float(number[2]) == pytest.approx(np.exp(decays.band()[0][5]), rel=0.02)


TURN = """<script>setTimeout(() => {
  const figure = document.querySelector("figure.dial"), dial = figure.querySelector("input");
  dial.value = 3;
  dial.dispatchEvent(new Event("input"));
  const shown = [...figure.querySelectorAll(".choice")].map(c => c.checkVisibility());
  const told = figure.querySelector("output").textContent;
  parent.postMessage(JSON.stringify([document.documentElement.clientWidth,
    [shown, told, dial.getAttribute("aria-valuetext")]]), "*");
}, 200)</script>"""


def test_the_dial_shows_the_drawing_of_its_value(tmp_path, monkeypatch):
    written = gf.report("lstm", tmp_path / "r.html", hidden=4, steps=40, seeds=2)
    monkeypatch.setitem(seen.__globals__, "READ", TURN)
    shown, told, heard = seen(written.path.read_text("utf-8"), 1280, tmp_path)
    assert shown == [place == 3 for place in range(5)]
    found = list(written.study.dials["forget bias"].values())[3]
    assert found.name == "3"
    reached = value_of(decay_numbers(found, written.study.need)["horizon"])
    assert told == heard
    assert told.startswith(f"forget bias 3: 1\u00a0% reaches {reached} steps")


# the sheet between the margins of A4, in pixels of the browser
SHEET = 680
PRINTED = """<script>setTimeout(() => {
  const width = document.documentElement.clientWidth, bad = [];
  for (const e of document.querySelectorAll("math, table, svg, pre, .verdict, .card")) {
    const box = e.getBoundingClientRect();
    if (e.checkVisibility() && box.width && (box.right > width + 1 || box.left < -1))
      bad.push("over the margin: " + e.tagName + " " + e.textContent.slice(0, 50));
  }
  for (const e of document.querySelectorAll("details:not([open]) > .body *"))
    if (e.checkVisibility() && e.getBoundingClientRect().height) { bad.push("unfolded"); break; }
  for (const e of document.querySelectorAll("button, .ctl"))
    if (e.checkVisibility()) bad.push("a control is printed");
  parent.postMessage(JSON.stringify([width, bad]), "*");
}, 400)</script>"""


def on_paper(page):
    """Return a page whose rules are those of print, as far as a window can show them."""
    page = re.sub(r"@media screen[^{]*\{", "@media not all {", page)
    return page.replace("@media print {", "@media all {")


def test_on_paper_nothing_is_over_the_margin_and_folded_stays_folded(page, tmp_path, monkeypatch):
    monkeypatch.setitem(seen.__globals__, "READ", PRINTED)
    assert seen(on_paper(page), SHEET, tmp_path) == []


def test_the_reading_of_paper_sees_what_is_wrong(tmp_path, monkeypatch):
    monkeypatch.setitem(seen.__globals__, "READ", PRINTED)
    wrong = '<table style="width:900px"><tr><td>wide</td></tr></table><button>b</button>'
    bad = " ".join(seen(f"<html><body>{wrong}</body></html>", SHEET, tmp_path))
    assert "over the margin: TABLE" in bad
    assert "a control is printed" in bad
