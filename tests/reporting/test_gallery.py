"""Figure scripts, found and run, and the gallery page that shows them."""

import ast
import html
import re

import pytest

from gradflow.errors import InputError, UsageError
from gradflow.reporting.publish.gallery import write_gallery
from gradflow.reporting.publish.scripts import find_script, scripts

MINE = '''"""What is $2^{10}$?

Corresponds to: nothing in print. <b>Not bold.</b>
"""

from dataclasses import dataclass

import gradflow as gf
from gradflow.figures import Series, plot_series
from gradflow.reporting import page


@dataclass
class Power:
    value: float


def main(out, quick=False, **look):
    log = gf.run(gf.cells.scalar, {"w": [2.0]}, state=[1.0], steps=10).decay().log_norm
    with page("mine", out, quick, **look) as sheet:
        power = Series(label="power", x=range(11), y=log)
        plot_series(sheet.ax, [power], x="step", y="power", log=True)
        return sheet.publish(
            answer="It is $2^{10} = 1024$.",
            caption="Ten doublings give 1024 & more.",
            numbers={"power": Power(round(2.718281828459045 ** log[-1])).value},
        )
'''


def script(folder, text=MINE, name="mine"):
    path = folder / f"{name}.py"
    path.write_text(text, "utf-8")
    return find_script(str(path))


def test_a_script_of_ones_own_is_found_read_and_run(tmp_path):
    mine = script(tmp_path)
    assert (mine.name, mine.question) == ("mine", "What is $2^{10}$?")
    assert mine.about.startswith("Corresponds to")
    assert mine.run(tmp_path / "out", formats=["svg"]) == {"power": 1024.0}
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "mine.svg",
        "mine.tex",
        "mine.json",
    }


def test_every_script_that_comes_along_is_listed_and_parses():
    found = scripts()
    assert "toy_power" in [s.name for s in found]
    assert [s.name for s in found] == sorted(s.name for s in found)
    for one in found:
        ast.parse(one.source)
        assert find_script(one.name) == one


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("def main(:", "not a Python script that can be read"),
        ("x = 1\n", "no docstring"),
        ('"""Question?"""\nx = 1\n', "no main"),
        ('"""Question?"""\nmain = 3\n', "no main"),
        ('"""Question?"""\ndef main(out): pass\n', "no main"),
        ("\x00", "not a Python script"),
    ],
)
def test_what_is_no_figure_script_is_refused(tmp_path, text, complaint):
    with pytest.raises(InputError, match=complaint):
        script(tmp_path, text).run(tmp_path / "out")


def test_a_file_that_is_not_there_and_an_unknown_name(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        find_script(str(tmp_path / "none.py"))
    with pytest.raises(UsageError, match=r"'toy_powre' is not known; did you mean 'toy_power'\?"):
        find_script("toy_powre")


def test_nothing_is_computed_for_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    text = MINE.replace("    log = ", "    raise AssertionError\n    log = ")
    with pytest.raises(UsageError, match="cannot be written"):
        script(tmp_path, text).run(tmp_path / "file")
    with pytest.raises(UsageError, match="venue"):
        script(tmp_path, text).run(tmp_path / "out", venue="nature")


def test_the_gallery_shows_question_answer_caption_numbers_and_script(tmp_path):
    told = []
    mine = script(tmp_path)
    path = write_gallery([mine], tmp_path / "out", progress=told.append)
    assert told == ["mine", "index.html"]
    assert path == tmp_path / "out" / "index.html"
    page = path.read_text("utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert '<img src="mine.png"' in page
    assert 'alt="It is 2^10 = 1024."' in page
    assert "<math" in page
    assert "Ten doublings give 1024 &amp; more." in page
    assert "1024" in page
    assert "<b>Not bold.</b>" not in page
    source = re.search(r"<pre><code>(.*?)</code></pre>", page, re.DOTALL)[1]
    assert html.unescape(source) == MINE
    for name in re.findall(r'(?:href|src)="([^"#]+)"', page):
        assert (tmp_path / "out" / name).is_file()
    assert "quick mode" not in page


def test_two_galleries_are_the_same_bytes_and_quick_ones_say_so(tmp_path):
    mine = script(tmp_path)
    pages = [
        write_gallery([mine], tmp_path / f, formats=["png"], quick=True).read_bytes() for f in "ab"
    ]
    assert pages[0] == pages[1]
    assert b"quick mode" in pages[0]


def test_a_gallery_needs_a_format_that_a_browser_shows(tmp_path):
    with pytest.raises(UsageError, match="png or svg"):
        write_gallery([script(tmp_path)], tmp_path / "out", formats=["pdf"])
    assert not (tmp_path / "out").exists()
