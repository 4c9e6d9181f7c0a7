"""Source for arrays of any library, and the elementwise functions their operations reach."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from gradflow.cells.cell import Cell
from gradflow.cells.language.elementwise import ElementwiseFunction
from gradflow.cells.language.functions import records
from gradflow.codegen.lowering.routine import Routine
from gradflow.codegen.printing.definitions import definition_lines
from gradflow.codegen.printing.dialect import FUNCTIONAL
from gradflow.codegen.printing.vectorised import routine_lines
from gradflow.codegen.targets.target import run_text
from gradflow.registry import located


def functional_text(cell: Cell, routine: Routine) -> str:
    """Print a routine over arrays of any library."""
    return "\n".join([*routine_lines(cell, routine, FUNCTIONAL), ""])


def elementwise(code: str) -> ElementwiseFunction | None:
    """Return the function that generated source calls by this word, if there is one."""
    return _by_code(records()).get(code)


@lru_cache(maxsize=8)
def _by_code(functions: tuple[ElementwiseFunction, ...]) -> Mapping[str, ElementwiseFunction]:
    return {function.code: function for function in functions}


@lru_cache(maxsize=64)
def from_elsewhere(function: ElementwiseFunction) -> Callable[..., Any]:
    """Return a function of operations and arrays: another module's, or the definition."""
    if ":" in function.array_api:
        found = located(function.array_api)
        return lambda xp, *arrays: found(xp.library, *arrays)
    text = "\n".join(definition_lines(function, FUNCTIONAL))
    made: Callable[..., Any] = run_text(text, {"np": np}, function.name)[function.code]
    return made
