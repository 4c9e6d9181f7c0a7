"""From a cell and the name of a backend to its code."""

from __future__ import annotations

from functools import partial

from gradflow.arrays import whole_number
from gradflow.cells import get
from gradflow.cells.cell import Cell
from gradflow.codegen.backends import chosen
from gradflow.codegen.code import Code, code_of

__all__ = ["compile"]


# More than these are no calculation but a mistake.
_MOST_DIGITS = 100_000


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

    Examples
    --------
    >>> compile("scalar", "numpy")
    Code('scalar', 'numpy': 1 parameters)
    """
    digits = whole_number(digits, "compile: digits", 1, _MOST_DIGITS)
    code = partial(code_of, get(cell), digits=digits)
    return code(chosen(backend, code))
