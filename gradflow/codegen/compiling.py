"""From a cell and the name of a backend to its code, which is pickled as these two."""

from __future__ import annotations

import copyreg
from collections.abc import Callable
from functools import lru_cache, partial
from importlib.util import find_spec
from typing import Any

from gradflow.cells.cell import Cell
from gradflow.codegen.code import Code
from gradflow.codegen.targets.target import Target
from gradflow.errors import UsageError


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


def _pickled(code: Code) -> tuple[Any, ...]:
    """The cell and the target; the code is compiled again on loading."""
    return partial(compile, digits=code.target.digits), (code.cell, code.target.name)


copyreg.pickle(Code, _pickled)


@lru_cache(maxsize=64)
def _compile(cell: Cell, backend: str, digits: int) -> Code:
    target = _targets[backend](digits)
    if backend == "array-api":
        from gradflow.codegen.frameworks.code import ArrayCode

        copyreg.pickle(ArrayCode, _pickled)
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
