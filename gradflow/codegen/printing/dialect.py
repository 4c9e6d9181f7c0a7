"""How kinds of source over arrays differ; all else is printed once, by ``vectorised.py``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

__all__ = ["ARRAYS", "FUNCTIONAL", "STEPS", "Dialect"]


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How one kind of source writes what kinds write differently.

    Parameters
    ----------
    product
        Rows (..., n) times a matrix (n, m), from the text of both.
    total
        The sum over units of a vector, from the word for the library and the vector.
    largest
        The largest unit of a vector, likewise.
    added
        The line that adds a value to a target that is there.
    out
        What the docstring says of the argument ``out`` after its shape.
    operations
        The word for the first argument where that holds the operations; empty where they are names
        of the module.
    """

    product: Callable[[str, str], str]
    total: Callable[[str, str], str]
    largest: Callable[[str, str], str]
    added: Callable[[str, str], str]
    out: str
    operations: str = ""


ARRAYS = Dialect(
    product=lambda rows, matrix: f"{rows} @ {matrix}",
    total=lambda library, vector: f"{vector}.sum(-1, keepdims=True)",
    largest=lambda library, vector: f"{vector}.max(-1, keepdims=True)",
    added=lambda target, value: f"{target} += {value}",
    out=", overwritten",
)
"""NumPy arrays, and arrays of other numbers."""

STEPS = replace(ARRAYS, product=lambda rows, matrix: f"{rows}.dot({matrix})")
"""One step, whose few rows ``dot`` multiplies quicker than ``@`` does."""

FUNCTIONAL = Dialect(
    product=ARRAYS.product,
    total=lambda library, vector: f"{library}.total_units({vector})",
    largest=lambda library, vector: f"{library}.largest_unit({vector})",
    added=lambda target, value: f"{target} = {target} + {value}",
    out=": the shape to return",
    operations="xp",
)
"""Arrays of any library, nothing written in place."""
