"""What a compilation target brings: names for the generated source and its own arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Target:
    """An arithmetic in which generated source runs; equal where name and digits are.

    Parameters
    ----------
    name
        The word by which ``gradflow.compile(cell, backend=...)`` knows it.
    header
        First lines of the source: where its names come from.
    namespace
        Value of every name the source uses.
    asarray
        Converts numbers and arrays to the target's own.
    empty
        Makes an array of a shape.
    digits
        Decimal digits, where the target has a choice of them.
    """

    name: str
    header: str = field(compare=False)
    namespace: Mapping[str, Any] = field(compare=False, repr=False)
    asarray: Callable[[Any], Any] = field(compare=False, repr=False)
    empty: Callable[[tuple[int, ...]], Any] = field(compare=False, repr=False)
    digits: int = 16
