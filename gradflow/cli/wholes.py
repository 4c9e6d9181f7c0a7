"""Whole numbers on the command line: 1.5 is refused where a whole number is due, not rounded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from cyclopts import Token, convert

__all__ = ["converted"]


def converted(kind: Any, tokens: Sequence[Token]) -> Any:
    """Read the words after an option as its type; cyclopts alone would make 2 seeds of 1.5."""
    if int in (kind, *get_args(kind)):
        for token in tokens:
            if "." in token.value:
                raise ValueError(f"{token.value!r} is no whole number.")
    return convert(kind, tokens)
