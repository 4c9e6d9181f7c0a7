"""DECLARE: the equation language and the library of cells, one cell a file.

``names()`` lists the cells, ``get(name)`` finds one by its name, by the name under which another
distribution registered it in the entry-point group ``gradflow.cells``, or in a Python file
(``"my_cell.py:MyCell"``). Every cell of the library is also an attribute: ``gradflow.cells.lstm``.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from gradflow.errors import GradflowError, InputError, UsageError

if TYPE_CHECKING:
    from gradflow.cells.cell import Cell

LIBRARY = ("scalar", "rnn", "irnn", "lstm", "gru", "gru_reset_after", "clockwork", "scrn")

__all__ = ["LIBRARY", "Cell", "get", "names"]


def _registered() -> dict[str, EntryPoint]:
    return {e.name: e for e in entry_points(group="gradflow.cells") if e.name not in LIBRARY}


def names() -> tuple[str, ...]:
    """Return the names of all cells: the library's, then those of other distributions."""
    return (*LIBRARY, *sorted(_registered()))


def get(name: str) -> Cell:
    """Return the cell called ``name``; ``"file.py:NAME"`` loads it from a Python file.

    Raises ``UsageError`` for an unknown name (with the nearest known one) and ``InputError`` for a
    file that cannot be read or holds no such cell.
    """
    if ".py" in name:
        return _from_file(name)
    if name in LIBRARY:
        return _checked(
            getattr(importlib.import_module(f"gradflow.cells.library.{name}"), name), name
        )
    registered = _registered()
    if name in registered:
        try:
            return _checked(registered[name].load(), name)
        except GradflowError:
            raise
        except Exception as error:
            raise InputError(
                f"cell {name!r}: loading its entry point {registered[name].value} failed with "
                f"{type(error).__name__}: {error}"
            ) from None
    near = difflib.get_close_matches(name, names(), 1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise UsageError(
        f"unknown cell {name!r}: {hint}known are {', '.join(names())}; a cell of your own is "
        "FILE.py:NAME."
    )


def _from_file(text: str) -> Cell:
    from gradflow.cells.cell import Cell

    file, _, attribute = text.partition(":")
    path = Path(file)
    if not path.is_file():
        raise InputError(f"{file}: no such file; a cell of your own is FILE.py:NAME.")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise InputError(f"{file}: not a Python file; a cell of your own is FILE.py:NAME.")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except GradflowError:
        raise
    except (Exception, SystemExit) as error:
        raise InputError(
            f"{file}: running it failed with {type(error).__name__}: {error}"
        ) from None
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


def _checked(value: object, name: str) -> Cell:
    from gradflow.cells.cell import Cell

    if not isinstance(value, Cell):
        raise InputError(f"cell {name!r}: its entry point gives a {type(value).__name__}, no Cell.")
    return value


def __getattr__(name: str) -> object:
    if name == "Cell":
        from gradflow.cells.cell import Cell

        return Cell
    if name in LIBRARY:
        return get(name)
    if name == "functions":
        return importlib.import_module("gradflow.cells.language.functions")
    if name == "initializers":
        return importlib.import_module("gradflow.cells.initializers")
    raise AttributeError(f"module 'gradflow.cells' has no cell or attribute {name!r}")
