"""COMPILE: from a cell to numeric code.

One lowering (``lowering/``) gives routines, printers (``printing/``) give text, and each backend is
a target (``targets/``, ``frameworks/``) with one line in the registry (``backends.py``).
"""

from __future__ import annotations

from functools import partial

from gradflow.cells import get
from gradflow.cells.cell import Cell
from gradflow.codegen.backends import chosen
from gradflow.codegen.bound import Bound
from gradflow.codegen.code import Code, code_of
from gradflow.codegen.targets.target import Target

__all__ = ["Bound", "Code", "Target", "compile"]


def compile(cell: Cell | str, backend: str = "auto", *, digits: int = 50) -> Code:
    """Compile a cell.

    Parameters
    ----------
    cell
        The declared cell, or the name of one.
    backend
        ``"numpy"`` (float64), ``"numba"`` (float64 loops compiled once and kept in the user's
        cache folder; the extra ``fast``), ``"mpmath"`` (the same program at any precision, slow:
        the reference) or ``"array-api"`` (torch, JAX, CuPy and NumPy arrays, of their number type
        and on their device; see :mod:`gradflow.codegen.frameworks.code`). ``"auto"`` takes numba
        where this very code has been compiled before, in this process or in the cache folder, and
        NumPy otherwise: what work is to come is unknown here, so nothing is compiled for it.
    digits
        Decimal digits of the mpmath target.

    Raises
    ------
    UsageError
        If the cell or the backend is unknown.

    >>> compile("scalar", "numpy")
    Code('scalar', 'numpy': 1 parameters)
    """
    declared = get(cell) if isinstance(cell, str) else cell
    code = partial(code_of, declared, digits=digits)
    return code(chosen(backend, code))
