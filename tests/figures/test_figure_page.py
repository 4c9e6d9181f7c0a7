"""The published page: widths of the venues, files whole or absent, claims that are numbers."""

import json
import shutil
import subprocess

import numpy as np
import pytest
from matplotlib.lines import Line2D

from gradflow.errors import UsageError
from gradflow.figures import VENUES, Grid, Series, plot_heat, plot_series
from gradflow.figures.look.style import INK
from gradflow.reporting import page
from gradflow.reporting.publish.formats import FORMATS, check_formats
from gradflow.reporting.publish.slides import pictures
from oracles.legibility import complaints

X = np.arange(5.0)
WORDS = {"answer": "It is 5.", "caption": "A line to $5$ % of all_things."}


def draw(out, numbers=None, name="five", **look):
    with page(name, out, **look) as sheet:
        for ax in sheet.axes:
            plot_series(ax, [Series(label="line", x=X, y=X)], x="x", y="$y_t$")
        claimed = sheet.publish(**WORDS, numbers={"five": 5} if numbers is None else numbers)
    return sheet, claimed


@pytest.mark.parametrize(
    ("venue", "column", "text"),
    [
        ("neurips", 5.5, 5.5),
        ("icml", 3.25, 6.75),
        ("iclr", 5.5, 5.5),
        ("jmlr", 6.0, 6.0),
        ("slides", 8.0, 8.0),
    ],
)
def test_a_figure_is_as_wide_as_its_venue(tmp_path, venue, column, text):
    one, _ = draw(tmp_path, venue=venue, formats=["png"])
    two, _ = draw(tmp_path, venue=venue, formats=["png"], shape=(1, 2))
    assert one.figure.get_figwidth() == pytest.approx(column, abs=1e-9)
    assert two.figure.get_figwidth() == pytest.approx(text, abs=1e-9)
    assert len(two.axes) == 2


def test_letters_show_where_the_panels_stand(tmp_path):
    sheet, _ = draw(tmp_path, shape=("AAB", "AAC"), formats=["png"])
    large, top, bottom = (ax.get_position() for ax in sheet.axes)
    assert large.width > 1.5 * top.width
    assert large.height > 1.5 * top.height
    assert top.y0 > bottom.y1
    assert top.x0 > large.x1


@pytest.mark.parametrize(
    "shape", [("AB", "A"), ("AB", "BA"), ("",), ("A" * 51,), (1, 2, 3), (1, "A")]
)
def test_a_shape_that_is_none_is_refused(tmp_path, shape):
    with pytest.raises(UsageError, match="page: shape"), page("five", tmp_path, shape=shape):
        pytest.fail("the page opened")


@pytest.mark.parametrize(
    ("shape", "slides"),
    [
        ((1, 1), [(0,)]),
        ((1, 2), [(0, 1)]),
        ((1, 3), [(0, 1), (2,)]),
        ((2, 2), [(0, 1), (2, 3)]),
        (("AAB", "AAC"), [(0,), (1, 2)]),
        (("AB", "AC", "DD"), [(0, 1), (2, 3)]),
    ],
)
def test_a_slide_has_at_most_two_panels_and_the_question(tmp_path, shape, slides):
    with page("five", tmp_path, shape=shape, venue="slides", question="Is it $y = 5$?") as sheet:
        for ax in sheet.axes:
            plot_series(ax, [Series(label="line", x=X, y=X)], x="x", y="y")
        seen = []
        groups = [[sheet.axes[i] for i in group] for group in sheet.groups]
        for _ in pictures(sheet.figure, "five", groups, steps=False):
            seen.append(tuple(i for i, ax in enumerate(sheet.axes) if ax.get_visible()))
            assert complaints(sheet.figure) == []
            assert sheet.figure.get_suptitle() == "Is it $y = 5$?"
    assert seen == slides


def test_the_question_is_no_title_in_a_paper(tmp_path):
    sheet, _ = draw(tmp_path, question="Is it 5?", formats=["png"])
    assert sheet.figure.get_suptitle() == ""


def test_the_steps_show_one_colour_more_each_and_nothing_moves(tmp_path):
    """Curve, band and name of a colour come together; ink comes with what stands before it."""
    with page("built", tmp_path, shape=(1, 2), venue="slides", question="Why?") as sheet:
        left, right = sheet.axes
        curves = [Series(label=f"curve {i}", x=X, y=X * i, low=X, high=X * 4) for i in (1, 2)]
        plot_series(left, curves, x="x", y="y")
        left.axhline(3, color=INK)
        plot_heat(right, Grid(X, X, np.outer(X, X), "q"), x="x", y="y")
        seen, places = [], set()
        for name in pictures(sheet.figure, "built", [sheet.axes], steps=True):
            parts = [*left.lines, *left.collections, *left.texts]
            bar = sheet.figure.axes[-1]
            shown = sum(part.get_visible() for part in parts)
            seen.append((name, shown, right.get_visible(), bar.get_visible()))
            sheet.figure.draw_without_rendering()
            places.add(str([ax.get_position() for ax in sheet.axes]))
    whole = len(parts)
    assert seen == [
        ("built", whole, True, True),
        ("built-step-01", 0, False, False),
        ("built-step-02", 3, False, False),
        ("built-step-03", whole, False, False),
        ("built-step-04", whole, True, True),
    ]
    assert len(places) == 1


def test_a_legend_of_the_figure_names_what_is_shown(tmp_path):
    names = ("left", "right", "nowhere")
    with page("built", tmp_path, shape=(1, 3), venue="slides") as sheet:
        one, two, three = sheet.axes
        lines = one.plot(X, X, color="C0", label="left"), two.plot(X, -X, color="C1", label="right")
        three.plot(X, X, color="C2")
        pairs = [(a, *two.plot(X[:2], X[:2], "o", color="C1")) for (a,) in lines]
        sheet.figure.legend([*pairs, *lines[0]], names, loc="outside lower center")
        seen, groups = {}, [[one, two], [three]]
        for name in pictures(sheet.figure, "built", groups, steps=True):
            (legend,) = sheet.figure.legends
            texts = [t.get_text() for t in legend.get_texts() if t.get_visible()]
            drawn = sum(line.get_visible() for line in legend.findobj(Line2D))
            assert drawn == sum({"left": 2, "right": 2, "nowhere": 1}[text] for text in texts)
            seen[name] = texts
    assert seen == {
        "built": [*names],
        "built-step-01": ["nowhere"],
        "built-step-02": ["left", "nowhere"],
        "built-step-03": [*names],
        "built-2": ["nowhere"],
        "built-step-04": ["nowhere"],
        "built-step-05": ["nowhere"],
    }


def test_slides_are_sixteen_to_nine_in_large_type(tmp_path):
    slides, _ = draw(tmp_path, venue="slides", formats=["png"], shape=(1, 3))
    width, height = slides.figure.get_size_inches()
    assert width / height == pytest.approx(16 / 9)
    assert slides.axes[0].xaxis.label.get_fontsize() >= 1.5 * VENUES["neurips"].font


def test_panels_may_have_widths_an_aspect_and_a_third_dimension(tmp_path):
    look = {"shape": (1, 2), "widths": (2, 1), "aspect": 0.5, "formats": ["png"]}
    with page("solid", tmp_path, projections=("3d", None), **look) as sheet:
        solid, flat = sheet.axes
    assert (solid.name, flat.name) == ("3d", "rectilinear")
    assert sheet.figure.get_figheight() == pytest.approx(5.5 / 2 * 0.5)
    left, right = (ax.get_subplotspec().get_gridspec().get_width_ratios() for ax in sheet.axes)
    assert tuple(left) == tuple(right) == (2, 1)


def test_what_is_written(tmp_path):
    sheet, claimed = draw(tmp_path / "new" / "folder", quick=True)
    assert claimed == {"five": 5.0}
    files = {p.name: p.read_bytes() for p in (tmp_path / "new" / "folder").iterdir()}
    assert set(files) == {f"five.{kind}" for kind in (*FORMATS, "tex", "json")}
    assert files["five.pdf"].startswith(b"%PDF")
    assert files["five.png"].startswith(b"\x89PNG")
    assert b"<svg" in files["five.svg"]
    assert files["five.tex"].decode() == (
        "\\caption{A line to $5$ \\% of all\\_things.}\n\\label{fig:five}%\n"
    )
    record = json.loads(files["five.json"])
    assert record["numbers"] == {"five": 5.0}
    assert record["command"].startswith("gradflow figure five --venue neurips")
    assert record["command"].endswith("--quick")
    assert record["pictures"] == ["five"]
    assert {"gradflow", "numpy", "matplotlib"} <= set(record["versions"])
    assert sheet.ax is sheet.axes[0]


def test_two_pages_are_the_same_bytes(tmp_path):
    for folder in ("a", "b"):
        draw(tmp_path / folder)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
    draw(tmp_path / "b", numbers={"five": 6})
    names = [p.name for p in (tmp_path / "a").iterdir()]
    a, b = ([(tmp_path / folder / name).read_bytes() for name in names] for folder in "ab")
    assert sum(x != y for x, y in zip(a, b, strict=True)) == 1  # the record of the claims


def test_names_stay_apart_when_the_layout_makes_a_panel_low(tmp_path):
    with page("low", tmp_path, shape=(4, 1), aspect=0.16, formats=["png"]) as sheet:
        close = [Series(label=f"curve {i}", x=X, y=X + 0.3 * i) for i in range(3)]
        for ax in sheet.axes:
            plot_series(ax, close, x="x", y="y")
        sheet.publish(**WORDS, numbers={})
    assert len(sheet.axes[0].texts) == 3
    assert [c for c in complaints(sheet.figure) if "curve" in c] == []


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_claim_that_is_no_number_is_refused_and_nothing_written(tmp_path, value):
    with pytest.raises(UsageError, match=r"'six' is .*must be a finite"):
        draw(tmp_path, numbers={"five": 5, "six": value})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [{"answer": " "}, {"caption": "an open $x"}])
def test_words_that_cannot_be_set_are_refused(tmp_path, words):
    with page("five", tmp_path) as sheet, pytest.raises(UsageError):
        sheet.publish(**(WORDS | words), numbers={})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("look", "complaint"),
    [
        ({"venue": "nature"}, "venue 'nature' is not known; choose one of neurips, icml"),
        ({"formats": ["eps"]}, "'eps' is not known"),
        ({"formats": []}, "formats: none is named"),
    ],
)
def test_an_unknown_look_is_refused_before_anything_is_drawn(tmp_path, look, complaint):
    with pytest.raises(UsageError, match=complaint), page("five", tmp_path, **look):
        pytest.fail("the page opened")


def test_an_unwritable_folder_is_refused_before_anything_is_drawn(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(UsageError, match="cannot be written"),
        page("five", tmp_path / "file" / "x"),
    ):
        pytest.fail("the page opened")


def test_pgf_needs_a_tex_and_says_so(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(UsageError, match="xelatex, lualatex, pdflatex is installed; install one"):
        check_formats(["pdf", "pgf"])
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    assert check_formats(["pgf", "pgf", "pdf"]) == ("pgf", "pdf")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs a TeX")
def test_pgf_and_caption_set_in_a_document(tmp_path):
    picture = np.random.default_rng(0).random((20, 30))
    with page("five", tmp_path, formats=["pgf", "pdf"]) as sheet:
        plot_heat(sheet.ax, Grid(np.arange(30), np.arange(20), picture, "$q_i$"), x="x", y="$y^2$")
        sheet.publish(**WORDS, numbers={})
    assert (tmp_path / "five-img0.png").is_file()
    inside = r"\centering {} \input{{five.tex}}"
    for drawn in (r"\input{five.pgf}", r"\includegraphics{five.pdf}"):
        document = tmp_path / "paper.tex"
        document.write_text(
            r"\documentclass{article}\usepackage{graphicx,pgf}\begin{document}\begin{figure}"
            + inside.format(drawn)
            + r"\end{figure}See \ref{fig:five}.\end{document}"
        )
        command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", document.name]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:]
        assert "1 page" in done.stdout
