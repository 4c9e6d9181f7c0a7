"""Cells by name: the library, files, other distributions, and what is said when there is none."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gradflow as gf
from gradflow.cells import LIBRARY, get, names, register
from gradflow.cells.registry import CELLS
from gradflow.cli import main
from gradflow.errors import InputError, UsageError

CELL = """
from gradflow.cells import Cell

mine = Cell(name="mine", state="h", maps="U", equations="h_next = tanh(U @ h)")
"""


@pytest.fixture
def write(tmp_path):
    def make(text, name="my_cell.py"):
        path = tmp_path / name
        path.write_text(text, "utf-8")
        return str(path)

    return make


def test_the_library():
    assert names()[: len(LIBRARY)] == LIBRARY
    for name in LIBRARY:
        cell = get(name)
        assert cell.name == name
        assert cell is getattr(gf.cells, name)
        assert cell.title
        assert len(cell.reference) > 20
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = gf.cells.nothing


def test_the_library_is_its_folder():
    folder = Path(gf.cells.library.__file__).parent
    assert {path.stem for path in folder.glob("*.py")} - {"__init__"} == set(LIBRARY)


def test_listing_shows_what_there_is_and_nothing_else():
    listed = {"Cell", "functions", "get", "names", "register", "initializers", "LIBRARY"}
    assert set(dir(gf.cells)) == {*listed, *LIBRARY}
    assert gf.Cell is gf.cells.Cell


def test_a_cell_is_its_own_answer():
    cell = gf.Cell(name="mine", state="h", equations="h_next = h")
    assert get(cell) is cell


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (3.0, "3.0 is a float"),
        (None, "None is a NoneType"),
        (b"lstm", "b'lstm' is a bytes"),
        ([7] * 99, "[7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,  ...  7, 7, 7, 7, 7] is a list"),
        (np.eye(2), "array([[1., 0.], [0., 1.]]) is a ndarray"),
    ],
)
def test_what_is_no_cell_is_refused_in_one_sentence(value, shown):
    with pytest.raises(UsageError) as caught:
        get(value)
    assert str(caught.value) == (
        f"{shown}; a cell is a gradflow.Cell, a name ({', '.join(names())}) or FILE.py:NAME."
    )


@pytest.fixture
def registered():
    cell = register(gf.Cell(name="mine", state="h", equations="h_next = h"))
    yield cell
    del CELLS._added["mine"]


def test_a_registered_cell_is_found_by_its_name(registered):
    assert get("mine") is registered
    assert names()[-1] == "mine"
    with pytest.raises(UsageError, match="cell 'mine' is there already; choose another name"):
        register(registered)
    with pytest.raises(UsageError, match="cell 'lstm' is there already"):
        register(gf.cells.lstm)
    with pytest.raises(UsageError, match="'lstm' is a str; a cell to register is"):
        register("lstm")


@pytest.mark.parametrize(
    ("name", "near"),
    [("lsmt", "lstm"), ("LSTM_", None), ("grus", "gru"), ("clock_work", "clockwork"), ("", None)],
)
def test_an_unknown_name_suggests_the_nearest(name, near):
    with pytest.raises(UsageError) as caught:
        get(name)
    message = str(caught.value)
    assert f"unknown cell {name!r}" in message
    assert (f"did you mean {near!r}?" in message) == (near is not None)
    assert "known are scalar, rnn" in message
    assert "FILE.py:NAME" in message


def test_initializers_are_at_hand():
    """In a process that has loaded no cell yet."""
    program = "import gradflow as gf; print(gf.cells.initializers.gaussian(2))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "gaussian:2\n", done.stderr


def test_a_file(write):
    path = write(CELL)
    assert get(f"{path}:mine").name == "mine"
    assert get(path) == get(f"{path}:mine")


def test_a_cell_with_an_underscore_is_not_offered(write):
    path = write(CELL + "\n_hidden = mine\n")
    assert get(path).name == "mine"


@pytest.mark.parametrize(
    ("text", "attribute", "message"),
    [
        (CELL, ":other", "holds no Cell named 'other'; name one as FILE.py:NAME, the Cells in it"),
        (CELL, ":Cell", "holds no Cell named 'Cell'"),
        (CELL + "two = mine", "", "holds 2 Cells; name one as FILE.py:NAME.*mine, two"),
        ("x = 1", "", "holds no Cells; .* are: none"),
        ("", ":mine", "holds no Cell named 'mine'"),
        ("1 / 0", ":mine", r"running it failed with ZeroDivisionError\('division by zero'\)"),
        ("import nowhere_to_be_found", ":mine", "failed with ModuleNotFoundError"),
        ("this is no Python", ":mine", "failed with SyntaxError"),
        ("raise SystemExit(3)", ":mine", r"failed with SystemExit\(3\)"),
    ],
)
def test_a_file_that_does_not_do(write, text, attribute, message):
    path = write(text)
    with pytest.raises(InputError, match=message) as caught:
        get(path + attribute)
    assert "my_cell.py" in str(caught.value)


@pytest.mark.parametrize("path", ["nothing.py", "folder.py", "folder.py/x.py"])
def test_a_file_that_is_not_there(tmp_path, path):
    (tmp_path / "folder.py").mkdir()
    with pytest.raises(InputError, match="no such file; a cell of your own is FILE"):
        get(f"{tmp_path / path}:mine")


def test_a_wrong_declaration_in_a_file_keeps_its_own_sentence(write):
    path = write(CELL.replace("U @ h", "V @ h"))
    with pytest.raises(UsageError, match="cell 'mine', equation 'h_next': symbol 'V'"):
        get(path)


@pytest.fixture
def distribution(tmp_path, monkeypatch):
    """A distribution on the path, as pip would have installed it."""
    folder = tmp_path / "site"
    info = folder / "other_cells-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other-cells\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[gradflow.cells]\n"
        "theirs = other_cells_module:mine\n"
        "wrong = other_cells_module:number\n"
        "broken = other_cells_broken:mine\n"
        "missing = other_cells_module:nothing\n"
        "lstm = other_cells_module:mine\n"
    )
    (folder / "other_cells_module.py").write_text(CELL + "\nnumber = 3\n")
    (folder / "other_cells_broken.py").write_text("raise OSError('no disk')\n")
    monkeypatch.syspath_prepend(str(folder))
    vars(CELLS).pop("_foreign", None)  # what was installed when it was first asked for
    yield
    del vars(CELLS)["_foreign"]
    for name in ("other_cells_module", "other_cells_broken"):
        sys.modules.pop(name, None)


@pytest.mark.usefixtures("distribution")
def test_another_distribution_adds_cells():
    assert names() == (*LIBRARY, "broken", "missing", "theirs", "wrong")
    assert get("theirs").name == "mine"
    assert get("lstm") is gf.cells.lstm  # the library's own names stay the library's
    with pytest.raises(UsageError, match="did you mean 'theirs'"):
        get("their")


@pytest.mark.usefixtures("distribution")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("wrong", "cell 'wrong' is a int, no Cell"),
        ("broken", "cell 'broken': loading its entry point .* OSError: no disk"),
        ("missing", "cell 'missing': loading its entry point other_cells_module:nothing failed"),
    ],
)
def test_an_entry_point_that_does_not_do(name, message):
    with pytest.raises(InputError, match=message):
        get(name)


@pytest.mark.usefixtures("distribution")
def test_a_broken_entry_point_does_not_hide_the_other_cells(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["cells"])
    assert caught.value.code == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in names())
    assert "OSError: no disk" in " ".join(listed.split())
