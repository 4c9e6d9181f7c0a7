"""Every page as a checker of accessibility reads it, its colours, and its words."""

import re

import pytest

import gradflow as gf
from gradflow.cells.library import LIBRARY
from gradflow.prose import plain_text
from gradflow.reporting.build import lay_out
from gradflow.reporting.comparing import lay_out_comparison
from gradflow.reporting.diagnosed import lay_out_diagnosis
from gradflow.reporting.document.blocks import Answer, Table, flat
from gradflow.reporting.drawing.scene import TONES
from gradflow.reporting.render.html import render_html, style
from gradflow.reporting.render.markdown import render_markdown
from gradflow.studies import study
from gradflow.studies.comparison.comparing import comparison
from gradflow.studies.diagnosis.draws import diagnose_draws
from oracles.accessible import contrast, findings, palettes

SMALL = {"hidden": 3, "steps": 12, "seeds": 2}
PAGES = {
    **{name: lambda name=name: lay_out(study(name, **SMALL), {"Command": "c"}) for name in LIBRARY},
    "wide": lambda: lay_out(study("lstm", hidden=8, steps=40, seeds=1), {"Command": "c"}),
    "compared": lambda: lay_out_comparison(
        comparison(["rnn", "lstm", "scrn"], **SMALL), {"Command": "c"}
    ),
    "diagnosed": lambda: lay_out_diagnosis(
        gf.diagnose(gf.stack("gru", hidden=3, inputs=2, rng=0), need=6), {"Command": "c"}
    ),
    "drawn": lambda: lay_out_draws(),
}


def lay_out_draws():
    one, two = (gf.stack("gru", 2, hidden=3, inputs=2, rng=seed) for seed in (0, 1))
    draws = diagnose_draws(gf.diagnose(one, need=6), {1: two})
    return lay_out_diagnosis(draws.first, {"Command": "c"}, draws)


@pytest.fixture(scope="module", params=list(PAGES))
def report(request):
    return PAGES[request.param]()


def test_nothing_serious_is_found(report):
    assert findings(render_html(report)) == []


def test_trained_is_said_of_random_weights_only_as_what_they_are_not(report):
    (text, *_) = render_markdown(report, "r").values()
    for match in re.finditer(r"\btrained\b", text):
        assert text[: match.start()].endswith("not "), text[match.start() - 60 : match.end() + 20]


def test_the_headline_has_its_spread(report):
    (answer,) = (block for block in report.blocks if isinstance(block, Answer))
    told = plain_text(answer.text)
    over = r"\(.*\b(to|same over|all)\b.*\)|without a spread|over all"
    assert re.search(over, told), told


def test_a_bound_that_says_nothing_is_said_to(report):
    """One over 10^6 times what was measured stands nowhere as a number."""
    for block in flat(report.blocks):
        if isinstance(block, Table) and block.header[-1] == "Bound":
            for row in block.rows:
                bound = re.search(r"≤ .*10\^\{(-?\d+)\}", row[-1])
                measured = re.search(r"10\^\{(-?\d+)\}", row[-2])
                if bound and measured:
                    assert int(bound[1]) - int(measured[1]) <= 7, row


@pytest.mark.parametrize("shade", ["light", "dark"])
def test_text_has_contrast(shade):
    colours = palettes(style())[shade]
    inks = ["ink", "quiet", "link", "good", "mid", "bad", "subject", "reference"]
    inks += [f"{tone}-ink" for tone in TONES if tone.startswith("path")]
    for ink in inks:
        for paper in ("paper", "card"):
            assert contrast(colours[ink], colours[paper]) >= 4.5, (ink, paper)
    for fill in ("subject", "axis"):
        assert contrast(colours[fill], colours["paper"]) >= 3.0


def test_the_checker_sees_what_is_planted():
    assert contrast("#000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)  # known to fail AA
    good = (
        '<html lang="en"><head><title>t</title></head><body><main><h1>a</h1><h2>b</h2>'
        '<label for="x">x</label><input id="x"><svg role="img"><title>c</title></svg><table><tr>'
        '<th scope="col">d</th></tr><tr><th scope="row">e</th><td>f</td></tr></table>'
        '<pre tabindex="0">g</pre><button>h</button></main></body></html>'
    )
    assert findings(good) == []
    for spoil, told in (
        ((' lang="en"', ""), "language"),
        (("<title>t</title>", "<title></title>"), "title"),
        (("<h2>b</h2>", "<h3>b</h3>"), "h3 follows h1"),
        (('for="x"', 'for="y"'), "<input> has no name"),
        (("<button>h", "<button>"), "<button> has no name"),
        (("<title>c</title>", ""), "drawing"),
        ((' scope="col"', ""), "headers"),
        (('<th scope="row">e</th>', "<td>e</td>"), "no header"),
        ((' tabindex="0"', ""), "scrolls"),
        (("</pre>", ""), "closes"),
        (("<h1>a</h1>", '<h1>a</h1><p id="x"></p>'), "twice"),
        (("<main>", "<div>"), "main"),
    ):
        assert told in " ".join(findings(good.replace(*spoil))), spoil


def test_a_minus_is_a_minus(report):
    """No hyphen stands before a number, but in code, file names and formulas."""
    (text, *_) = render_markdown(report, "r").values()
    told = re.sub(r"```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$|\([^()]*\.svg\)", "", text, flags=re.S)
    assert re.findall(r".{0,40}(?<![\w.-])-\d.{0,20}", told) == []
