"""DECLARE: the equation language and the library of cells, one cell a file.

``names()`` lists the cells, ``get(cell)`` finds one by its name or in a Python file
(``"my_cell.py:MyCell"``), ``register(cell)`` adds one for this process; other distributions add
theirs in the entry-point group ``gradflow.cells``. Every cell of the library is also an attribute:

    >>> import gradflow as gf
    >>> gf.cells.lstm
    <Cell lstm: state h, c; 12 parameters>
    >>> gf.cells.get("gru") is gf.cells.gru
    True
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradflow.cells.library import LIBRARY
from gradflow.lazy import lazily

if TYPE_CHECKING:
    from gradflow.cells import initializers
    from gradflow.cells.cell import Cell
    from gradflow.cells.language import functions
    from gradflow.cells.registry import get, names, register

__all__ = ["LIBRARY", "Cell", "functions", "get", "initializers", "names", "register"]

_HOME = {
    "Cell": "cell",
    "functions": "language.functions:",
    "get": "registry",
    "initializers": "",
    "names": "registry",
    "register": "registry",
}

__getattr__, __dir__ = lazily(__name__, {**_HOME, **{n: f"library.{n}" for n in LIBRARY}})
