"""The sessions of the README are run as they stand."""

import contextlib
import doctest
import io
import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"


def test_every_session_of_the_readme_runs():
    result = doctest.testfile(str(README), module_relative=False)
    assert result.attempted >= 10
    assert result.failed == 0


def test_a_wrong_line_would_be_seen(tmp_path):
    wrong = tmp_path / "README.md"
    wrong.write_text(README.read_text().replace("-0.06 and not", "-0.05 and not"))
    with contextlib.redirect_stdout(io.StringIO()):
        result = doctest.testfile(str(wrong), module_relative=False)
    assert result.failed == 1


def test_every_session_about_backends_runs():
    page = README.parent / "docs" / "backends.md"
    pytest.importorskip("array_api_compat")
    result = doctest.testfile(str(page), module_relative=False)
    assert result.attempted >= 11
    assert result.failed == 0


def test_every_session_about_figures_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = README.parent / "docs" / "figures.md"
    result = doctest.testfile(str(page), module_relative=False)
    assert result.attempted >= 7
    assert result.failed == 0
    assert (tmp_path / "reports" / "figures" / "my_decay.pdf").is_file()


def test_the_list_of_drawing_functions_is_whole():
    from gradflow import figures

    page = (README.parent / "docs" / "figures.md").read_text("utf-8")
    drawn = {name for name in figures.__all__ if name.startswith("plot_")}
    assert drawn <= set(re.findall(r"`(plot_\w+)`", page))


def test_what_the_readme_links_to_is_there():
    links = re.findall(r"\]\(([^)#]+)\)", README.read_text())
    assert len(links) >= 5
    assert [link for link in links if not (README.parent / link).is_file()] == []
