"""The pages of the site: their commands and Python run, and their links lead somewhere."""

import contextlib
import doctest
import io
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import gradflow as gf
from gradflow import cli
from gradflow.reporting.publish.scripts import scripts

DOCS = Path(__file__).parent.parent / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
ENDS = {
    "forgets.md": "forgets.html",
    "paper.md": "appendix.pdf",
    "teaching.md": "compare.html",
    "course.md": "reach.svg",
}


def follow(page):
    """Do what a page says, block by block, in the folder that one is in; return what it named."""
    named = {}
    text = (DOCS / page).read_text("utf-8")
    for language, block in re.findall(r"```(bash|python|latex)\n(.*?)```", text, re.S):
        if language == "python":
            exec(block, named)
        elif language == "latex":
            Path("appendix.tex").write_text(block, "utf-8")
        else:
            for line in block.splitlines():
                command(line)
    return named


def command(line):
    """Run a line of a shell: gradflow here, pdflatex where there is one."""
    line, _, file = line.partition(" > ")
    program, *words = shlex.split(line)
    if program == "pdflatex":
        if not shutil.which(program):
            pytest.skip("no pdflatex")
        subprocess.run([program, "-halt-on-error", *words], check=True, capture_output=True)
        return
    assert program == "gradflow"
    words = [one for word in words for one in (sorted(map(str, Path().glob(word))) or [word])]
    said = io.StringIO()
    with pytest.raises(SystemExit) as stop, contextlib.redirect_stdout(said):
        cli.main(words)
    assert not stop.value.code, line
    if file:
        Path(file).write_text(said.getvalue(), "utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("page", ENDS)
def test_a_door_followed_to_the_letter_ends_in_its_file(page, tmp_path, monkeypatch):
    if page in ("forgets.md", "course.md"):
        pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    named = follow(page)
    assert Path(ENDS[page]).stat().st_size > 5000
    assert f"`{ENDS[page]}`" in (DOCS / page).read_text("utf-8")
    if page == "paper.md":
        assert named["spread"]["low"] <= named["horizon"]["value"]
        overfull = re.findall(r"Overfull .hbox \((\d+)", Path("appendix.log").read_text("latin-1"))
        assert not [points for points in overfull if int(points) > 1]
    if page == "course.md":
        left = [one.reach.log10_left.median for one in named["course"].found]
        assert left[0] < -1.5
        assert -1 < left[2] < -0.4
        assert left[4] > -0.3
        assert named["losses"][100] > 0.14
        assert named["losses"][200] < 0.04


def test_the_words_are_those_of_a_run():
    result = doctest.testfile(str(DOCS / "concepts.md"), module_relative=False)
    assert result.attempted >= 12
    assert result.failed == 0


def test_the_index_opens_with_the_doors_and_their_files():
    text = (DOCS / "index.md").read_text("utf-8")
    doors = re.findall(r"\[Ten minutes\]\((\w+\.md)\), ends in `([\w.]+)`", text)
    assert doors == list(ENDS.items())[:3]


@pytest.fixture
def directives(monkeypatch):
    pytest.importorskip("sphinx")
    monkeypatch.syspath_prepend(str(DOCS))
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == "directives"]:
        del sys.modules[name]


def test_every_public_name_has_one_entry(directives):
    from directives.public import entries

    floors = re.findall(r"^api/(\w+)$", (DOCS / "api.md").read_text("utf-8"), re.M)
    found = [path for floor in floors for part in entries(floor) for _, path in part]
    assert sorted(found) == sorted(set(found))
    names = set(gf.__all__) - {"__version__", *floors}
    assert {f"gradflow.{name}" for name in names} <= set(found)
    for floor in floors:
        assert f"public:: {floor}\n" in (DOCS / "api" / f"{floor}.md").read_text("utf-8")
        named = {path.rpartition(".")[2] for part in entries(floor) for _, path in part}
        assert set(getattr(gf, floor).__all__) <= named


def test_every_entry_of_the_face_has_an_example():
    without = []
    for name in gf.__all__:
        text = getattr(gf, name).__doc__ or ""
        if callable(getattr(gf, name)) and ">>>" not in text and "Examples\n" not in text:
            without.append(name)
    assert without == []


def test_a_card_says_proved_of_nothing_that_coq_has_not_seen(directives):
    from directives.theorems import levels

    claims = list(gf.prove("rnn"))
    assert {level for level, _ in levels(claims).values()} <= {"PROVED", "CERTIFIED"}
    other = gf.Cell(name="rnn", state="h", maps="U", equations="h_next = relu(U @ h)")
    assert {level for level, _ in levels(list(gf.prove(other))).values()} == {"CERTIFIED"}


def test_every_library_cell_has_its_theorems():
    told = re.findall(r"```\{theorems\} (\w+)", (DOCS / "theorems.md").read_text("utf-8"))
    assert told == list(gf.cells.LIBRARY)


def test_every_figure_of_the_gallery_has_picture_answer_script_and_notebook(directives):
    from directives.gallery import notebook, record

    for script in scripts():
        folder, found = record(script)
        assert (DOCS / folder / f"{script.name}.svg").is_file()
        assert found["answer"]
        book = json.loads(notebook(script))
        assert [cell["cell_type"] for cell in book["cells"]] == [*["markdown"] * 2, *["code"] * 2]
        assert "def main(" in book["cells"][2]["source"]


def test_a_notebook_of_the_gallery_draws_its_figure(directives, tmp_path, monkeypatch):
    pytest.importorskip("IPython")
    from directives.gallery import notebook

    monkeypatch.chdir(tmp_path)
    book = json.loads(notebook(next(one for one in scripts() if one.name == "toy_power")))
    named = {}
    for cell in book["cells"]:
        if cell["cell_type"] == "code":
            exec(cell["source"], named)
    assert named["numbers"]["log10 y, w=1.01"] == pytest.approx(4.32, abs=0.01)
    assert (tmp_path / "figures" / "toy_power.svg").is_file()


def test_the_table_of_commands_is_whole():
    told = set(re.findall(r"`gradflow (\w+)", (DOCS / "commands.md").read_text("utf-8")))
    assert {name for name in cli.app if not name.startswith("-")} <= told


def test_every_page_is_on_the_site():
    named = (DOCS / "index.md").read_text("utf-8")
    toctrees = {
        line
        for tree in re.findall(r"```\{toctree\}(.*?)```", named, re.S)
        for line in re.findall(r"<(\w[\w-]*)>", tree)
    }
    named_by_api = (DOCS / "api.md").read_text("utf-8")
    toctrees |= set(re.findall(r"^api/\w+$", named_by_api, re.M))
    assert {page.removesuffix(".md") for page in PAGES} - {"index"} <= toctrees


@pytest.mark.parametrize("page", PAGES)
def test_links_between_pages_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", (DOCS / page).read_text("utf-8"), flags=re.S)
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)", text)
    assert [link for link in links if not (DOCS / page).parent.joinpath(link).exists()] == []


def test_the_powers_that_the_lecture_tells_are_right():
    text = " ".join((DOCS / "teaching.md").read_text("utf-8").split())
    assert f"0.9 leaves {0.9**100:.5f} of the gradient" in text
    assert f"1.1 makes it {1.1**100:,.0f} times" in text
