"""Cells by name: the library's, registered ones, other packages', and those in a Python file."""

from __future__ import annotations

import importlib.util
import shlex
from pathlib import Path

from gradflow.cells.cell import Cell
from gradflow.cells.language.syntax import shorten
from gradflow.cells.library import LIBRARY
from gradflow.errors import GradflowError, InputError, UsageError, shown
from gradflow.registry import Registry

_YOURS = "a cell of your own is FILE.py:NAME"

CELLS: Registry[Cell] = Registry(
    kind="cell",
    group="gradflow.cells",
    type="gradflow.cells.cell:Cell",
    own={name: f"gradflow.cells.library.{name}:{name}" for name in LIBRARY},
    advice=_YOURS,
)


def names() -> tuple[str, ...]:
    """Return the names of all cells: the library's, other packages', those registered.

    >>> names()[:4]
    ('scalar', 'rnn', 'irnn', 'lstm')
    """
    return CELLS.names()


def register(cell: Cell) -> Cell:
    """Make a cell known by its own name in this process, and return it.

    Raises ``UsageError`` if the name is taken or ``cell`` is no ``Cell``.
    """
    return CELLS.register(_cell(cell, "a cell to register is a gradflow.Cell").name, cell)


def get(cell: Cell | str) -> Cell:
    """Return a cell: itself, by its name, or ``"FILE.py:NAME"`` from a Python file.

    Every call of gradflow that takes a cell takes what this takes. Of a file that holds one cell,
    ``"FILE.py"`` is enough.

    >>> get("lstm")
    <Cell lstm: state h, c; 12 parameters>
    >>> get(get("lstm")) is get("lstm")
    True

    Raises
    ------
    UsageError
        For an unknown name (with the nearest known one), and for what is neither cell nor name.
    InputError
        For a file that cannot be read or holds no such cell, and for another package's cell that
        cannot be loaded.
    """
    if not isinstance(cell, str):
        allowed = f"a cell is a gradflow.Cell, a name ({', '.join(names())}) or FILE.py:NAME"
        return _cell(cell, allowed)
    if ".py" in cell:
        return _from_file(cell)
    if Path(cell).suffix and cell not in CELLS:
        there = "" if Path(cell).exists() else ", and there is no file of that name"
        file, page = shlex.quote(cell), shlex.quote(f"{Path(cell).stem}.html")
        raise UsageError(
            f"unknown cell {cell!r}{there}: the report of a file of weights is written by "
            f"`gradflow diagnose {file} --out {page}`, `gradflow compare lstm {file}` sets it "
            f"beside a cell, and {_YOURS}."
        )
    # people write LSTM for lstm; a cell of their own by that very name comes first
    return CELLS.get(cell if cell in CELLS else cell.lower() if cell.lower() in CELLS else cell)


def _cell(value: object, allowed: str) -> Cell:
    if not isinstance(value, Cell):
        try:
            told = shorten(" ".join(repr(value).split()))
        except ValueError:  # a whole number too long for Python to print
            told = shown(value)
        raise UsageError(f"{told} is a {type(value).__name__}; {allowed}.")
    return value


def _from_file(text: str) -> Cell:
    file, _, attribute = text.partition(":")
    path = Path(file)
    if not path.is_file():
        raise InputError(f"{file}: no such file; {_YOURS}.")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise InputError(f"{file}: not a Python file; {_YOURS}.")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except GradflowError:
        raise
    except (Exception, SystemExit) as error:
        raise InputError(f"{file}: running it failed with {shown(error)}; mend it there.") from None
    found = {
        key: value
        for key, value in vars(module).items()
        if isinstance(value, Cell) and not key.startswith("_")
    }
    if not attribute and len(found) == 1:
        return next(iter(found.values()))
    if attribute not in found:
        listed = ", ".join(found) or "none"
        what = f"no Cell named {attribute!r}" if attribute else f"{len(found) or 'no'} Cells"
        raise InputError(
            f"{file}: holds {what}; name one as FILE.py:NAME, the Cells in it are: {listed}."
        )
    return found[attribute]
