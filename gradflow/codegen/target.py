"""What a compilation target brings: names for the generated source and its own arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Target:
    """An arithmetic in which generated source runs.

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
    """

    name: str
    header: str
    namespace: Mapping[str, Any]
    asarray: Callable[[Any], Any]
    empty: Callable[[tuple[int, ...]], Any]
