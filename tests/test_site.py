"""The pages of the site: their commands and Python run, and their links lead somewhere."""

import re
import shlex
from pathlib import Path

import pytest

from gradflow import cli

DOCS = Path(__file__).parent.parent / "docs"
PAGES = sorted(path.name for path in DOCS.glob("*.md"))


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text("utf-8"), re.S)


@pytest.mark.slow
@pytest.mark.parametrize("page", ["paper.md", "teaching.md"])
def test_every_command_of_a_door_ends_well(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    commands = [line for block in blocks(page, "bash") for line in block.splitlines()]
    assert len(commands) >= 4
    for line in commands:
        program, *words = shlex.split(line)
        assert program == "gradflow"
        with pytest.raises(SystemExit) as stop:
            cli.main(words)
        assert not stop.value.code, line
        if "--out" in words:
            assert Path(words[words.index("--out") + 1]).exists(), line
    for block in blocks(page, "python"):
        exec(block, {})
    said = capsys.readouterr().out
    assert page != "paper.md" or "steps 10 to 90\u00a0% of 24 runs" in said


def test_the_table_of_commands_is_whole():
    told = set(re.findall(r"`gradflow (\w+)", (DOCS / "commands.md").read_text("utf-8")))
    assert {name for name in cli.app if not name.startswith("-")} <= told


def test_every_page_is_on_the_site():
    named = (DOCS / "index.md").read_text("utf-8")
    toctrees = {
        line for tree in re.findall(r"```\{toctree\}(.*?)```", named, re.S) for line in tree.split()
    }
    assert {page.removesuffix(".md") for page in PAGES} - {"index"} <= toctrees


@pytest.mark.parametrize("page", PAGES)
def test_links_between_pages_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", (DOCS / page).read_text("utf-8"), flags=re.S)
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)", text)
    assert [link for link in links if not (DOCS / link).exists()] == []


def test_the_powers_that_the_lecture_tells_are_right():
    text = " ".join((DOCS / "teaching.md").read_text("utf-8").split())
    assert f"0.9 leaves {0.9**100:.5f} of the gradient" in text
    assert f"1.1 makes it {1.1**100:,.0f} times" in text
