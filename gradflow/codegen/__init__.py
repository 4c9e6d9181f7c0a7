"""COMPILE: from a cell to numeric code.

One lowering (``lowering.py``) gives routines, one printer (``source.py``) gives text, and each
target is a file of its own (``numpy_target.py``, ``mpmath_target.py``) with a line in ``_targets``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from gradflow.cells.cell import Cell
from gradflow.codegen.code import Code
from gradflow.codegen.target import Target
from gradflow.errors import UsageError

__all__ = ["Code", "Target", "compile"]


def _numpy(digits: int) -> Target:
    from gradflow.codegen.numpy_target import TARGET

    return TARGET


def _mpmath(digits: int) -> Target:
    from gradflow.codegen.mpmath_target import mpmath_target

    return mpmath_target(digits)


_targets: dict[str, Callable[[int], Target]] = {"numpy": _numpy, "mpmath": _mpmath}


@lru_cache(maxsize=64)
def _compile(cell: Cell, backend: str, digits: int) -> Code:
    return Code(cell, _targets[backend](digits))


def compile(cell: Cell, backend: str = "numpy", *, digits: int = 50) -> Code:
    """Compile a cell.

    Parameters
    ----------
    cell
        The declared cell.
    backend
        ``"numpy"`` (float64) or ``"mpmath"`` (the same program at any precision, slow: the
        reference).
    digits
        Decimal digits of the mpmath target.

    Raises
    ------
    UsageError
        If the backend is unknown.
    """
    if backend not in _targets:
        raise UsageError(f"unknown backend {backend!r}; known are {', '.join(_targets)}.")
    return _compile(cell, backend, digits)
