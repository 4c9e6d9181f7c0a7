"""COMPILE: from a cell to numeric code.

One lowering (``lowering.py``) gives routines, one printer (``source.py``) gives text, and each
target is a file of its own (``numpy_target.py``, ``mpmath_target.py``, ``array_code.py``) with a
line in ``_targets``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec

from gradflow.cells.cell import Cell
from gradflow.codegen.code import Code
from gradflow.codegen.targets.target import Target
from gradflow.errors import UsageError

__all__ = ["Code", "Target", "compile"]


def _numpy(digits: int) -> Target:
    from gradflow.codegen.targets.numpy.target import TARGET

    return TARGET


def _mpmath(digits: int) -> Target:
    from gradflow.codegen.targets.mpmath import mpmath_target

    return mpmath_target(digits)


def _numba(digits: int) -> Target:
    from gradflow.codegen.targets.numba.target import numba_target

    return numba_target()


def _array_api(digits: int) -> Target:
    from gradflow.codegen.frameworks.code import TARGET

    return TARGET


_targets: dict[str, Callable[[int], Target]] = {
    "numpy": _numpy,
    "numba": _numba,
    "mpmath": _mpmath,
    "array-api": _array_api,
}


@lru_cache(maxsize=64)
def _compile(cell: Cell, backend: str, digits: int) -> Code:
    target = _targets[backend](digits)
    if backend == "array-api":
        from gradflow.codegen.frameworks.code import ArrayCode

        return ArrayCode(cell, target)
    return Code(cell, target)


def compile(cell: Cell, backend: str = "numpy", *, digits: int = 50) -> Code:
    """Compile a cell.

    Parameters
    ----------
    cell
        The declared cell.
    backend
        ``"numpy"`` (float64), ``"numba"`` (float64 loops compiled once and kept in the user's
        cache folder; the extra ``fast``), ``"auto"`` (numba where it is installed, else numpy),
        ``"mpmath"`` (the same program at any precision, slow: the reference) or ``"array-api"``
        (torch, JAX, CuPy and NumPy arrays, of their number type and on their device; see
        :class:`gradflow.codegen.frameworks.code.ArrayCode`).
    digits
        Decimal digits of the mpmath target.

    Raises
    ------
    UsageError
        If the backend is unknown.
    """
    if backend == "auto":
        backend = "numba" if find_spec("numba") else "numpy"
    if backend not in _targets:
        raise UsageError(f"unknown backend {backend!r}; known are {', '.join(_targets)}.")
    return _compile(cell, backend, digits)
