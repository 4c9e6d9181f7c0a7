"""What the text in a block must be, whichever block it is."""

from __future__ import annotations

import re

from gradflow.errors import UsageError, shown
from gradflow.prose import split_inline

__all__ = ["check_prose", "check_string", "check_text"]

# What XML allows, and so what every format of a report can carry.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def check_string(where: str, value: object) -> None:
    """Refuse a ``value`` that is not text, or has control characters; ``where`` names it."""
    if not isinstance(value, str):
        raise UsageError(f"{where} is {shown(value)}; it must be text, so format it first.")
    if found := _FORBIDDEN.search(value):
        raise UsageError(f"{where} has the control character {found[0]!r}; take it out.")


def check_text(block: object, field: str, empty: bool = False) -> None:
    """Refuse a ``field`` of ``block`` that is not text, or is blank and may not be ``empty``."""
    where = f"{type(block).__name__}: {field}"
    value = getattr(block, field)
    check_string(where, value)
    if not empty and not value.strip():
        raise UsageError(f"{where} is empty; it must say something.")


def check_prose(block: object, field: str, empty: bool = False) -> None:
    """Refuse what `check_text` refuses, and formulas that are not closed."""
    check_text(block, field, empty)
    split_inline(getattr(block, field))
