"""Finding a cell: by name, by entry point, in a file, and what is said when it is not there."""

import subprocess
import sys
import textwrap

import pytest

import gradflow as gf
from gradflow.cells import LIBRARY, get, names
from gradflow.errors import InputError, UsageError

OWN = """
from gradflow import Cell

first = Cell(name="first", state="h", vectors="a", equations="h_next = a * h")
second = Cell(name="second", state="h", vectors="b", equations="h_next = b + h")
"""


@pytest.mark.parametrize("name", LIBRARY)
def test_every_library_cell_is_an_attribute_with_its_papers(name):
    cell = get(name)
    assert cell is getattr(gf.cells, name)
    assert cell.name == name
    assert cell.title
    assert cell.reference


def test_the_nearest_name_is_suggested():
    with pytest.raises(UsageError, match="unknown cell 'clokwork': did you mean 'clockwork'"):
        get("clokwork")
    with pytest.raises(UsageError, match="unknown cell 'zzz': known are scalar, rnn"):
        get("zzz")
    with pytest.raises(AttributeError, match="no cell or attribute 'zzz'"):
        _ = gf.cells.zzz


def test_a_file_gives_the_cell_named(tmp_path):
    file = tmp_path / "own.py"
    file.write_text(OWN)
    assert get(f"{file}:second").name == "second"
    with pytest.raises(InputError, match=r"no Cell named 'third'.*first, second"):
        get(f"{file}:third")
    with pytest.raises(InputError, match="holds 2 Cells; name one"):
        get(str(file))
    file.write_text(OWN.rsplit("\n", 2)[0])
    assert get(str(file)).name == "first"


def test_files_that_fail_are_said_to(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        get(f"{tmp_path}/none.py:first")
    file = tmp_path / "broken.py"
    file.write_text("1 / 0")
    with pytest.raises(InputError, match="running it failed with ZeroDivisionError"):
        get(f"{file}:first")
    file.write_text("def (")
    with pytest.raises(InputError, match="running it failed with SyntaxError"):
        get(f"{file}:first")


def test_another_distribution_registers_cells(tmp_path):
    (tmp_path / "other_package.py").write_text(OWN)
    info = tmp_path / "other_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[gradflow.cells]\nfirst = other_package:first\nwrong = other_package:OWN\n"
    )
    code = """
        import sys
        sys.path.insert(0, sys.argv[1])
        import gradflow as gf
        assert "first" in gf.cells.names(), gf.cells.names()
        assert gf.cells.get("first").name == "first"
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)]
    assert subprocess.run(command, capture_output=True, text=True).stderr == ""
    assert "first" not in names()
