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
from gradflow.studies.diagnosis.draws import diagnose_draws
from gradflow.studies.seeds.numbers import decay_numbers
from oracles.in_browser import AUDIT, BOXES
from reporting.odd_cells import long_name, no_way, own_sizes

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="needs Chromium to look at a page"),
]
FRAME = """<body><iframe src="page.html" style="width:{}px;height:900px;border:0"></iframe><script>
onmessage = e => {{ const p = document.createElement("pre"); p.id = "found";
  p.textContent = e.data; document.body.append(p); }}</script>"""


def seen(page, width, folder, dark=False, ask=BOXES):
    """Return what a script says of a page of so many pixels; what is wrong with it by default."""
    (folder / "page.html").write_text(page.replace("</body>", ask + "</body>"), "utf-8")
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
    one, two = (
        gf.stack("lstm", 2, hidden=6, inputs=3, rng=seed, forget_bias=0.0) for seed in range(2)
    )
    found = diagnose_draws(gf.diagnose(one, need=60), {1: two})
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


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_unfolded_all_is_dark_enough_and_reached_by_keys(page, width, dark, tmp_path):
    """What an audit by axe-core calls serious; it was run once and found one thing, mended."""
    assert seen(page, width, tmp_path, dark, ask=AUDIT) == []


def test_the_audit_sees_what_is_wrong(tmp_path):
    pale = '<p style="color:#999;background:#fff">pale</p><h1 style="color:#888">large</h1>'
    wide = '<div style="overflow-x:auto;width:90px"><pre style="width:200px">wide</pre></div>'
    keys = '<input type="range"><b tabindex="3">first</b>'
    fine = '<div style="overflow-x:auto;width:90px" tabindex="0"><pre>as wide as that</pre>'
    bad = seen(f"<html><body>{pale}{wide}{keys}{fine}</body></html>", 390, tmp_path, ask=AUDIT)
    assert bad == [
        "pale, 2.85: pale",
        "no key reaches: DIV wide",
        "its own place in the order of keys: B",
        "an input has no name",
        "an input says only its place",
    ]


SLIDE = """<script>setTimeout(() => {
  const lag = document.querySelector("figure.drawing input");
  lag.value = 5;
  lag.dispatchEvent(new Event("input"));
  parent.postMessage(JSON.stringify([document.documentElement.clientWidth,
    [document.querySelector("figure.drawing output").textContent]]), "*");
}, 200)</script>"""


def test_the_slider_reads_the_numbers_of_the_curve(tmp_path):
    written = gf.report("lstm", tmp_path / "r.html", hidden=4, steps=40, seeds=2)
    (told,) = seen(written.path.read_text("utf-8"), 1280, tmp_path, ask=SLIDE)
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


def test_the_dial_shows_the_drawing_of_its_value(tmp_path):
    written = gf.report("lstm", tmp_path / "r.html", hidden=4, steps=40, seeds=2)
    shown, told, heard = seen(written.path.read_text("utf-8"), 1280, tmp_path, ask=TURN)
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


def test_on_paper_nothing_is_over_the_margin_and_folded_stays_folded(page, tmp_path):
    assert seen(on_paper(page), SHEET, tmp_path, ask=PRINTED) == []


def test_the_reading_of_paper_sees_what_is_wrong(tmp_path):
    wrong = '<table style="width:900px"><tr><td>wide</td></tr></table><button>b</button>'
    bad = " ".join(seen(f"<html><body>{wrong}</body></html>", SHEET, tmp_path, ask=PRINTED))
    assert "over the margin: TABLE" in bad
    assert "a control is printed" in bad
