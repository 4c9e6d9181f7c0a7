"""The errors gradflow raises on purpose.

A message is one sentence with four parts, in this order: **where** it happened (the file, the cell
and its equation, the argument), **what was found** there, **what is allowed**, and **what to do**;
it ends in a period. For example::

    data.csv, line 3, column 2 holds 'n/a'; every cell must be a number, so correct that line.

The command line prints the sentence and exits with the class's `exit_code`; any other exception is
a defect of gradflow itself.
"""

import difflib
from collections.abc import Iterable
from typing import Any, ClassVar

__all__ = [
    "GradflowError",
    "InputError",
    "NotFiniteError",
    "PrecisionError",
    "UsageError",
    "close_to",
    "shown",
]

_LONGEST = 60


class GradflowError(Exception):
    """What every error raised on purpose is; raised itself only where no class below fits."""

    exit_code: ClassVar[int] = 1


class UsageError(GradflowError, ValueError):
    """A request that cannot be met: wrong arguments, wrong shapes, a declaration that is wrong."""

    exit_code: ClassVar[int] = 2


class NotFiniteError(UsageError):
    """An array with NaN or infinity where every entry has to be finite."""


class PrecisionError(GradflowError, ValueError):
    """A number that rounding would spoil, so that none is given."""

    exit_code: ClassVar[int] = 1


class InputError(GradflowError, ValueError):
    """A file that cannot be read or understood."""

    exit_code: ClassVar[int] = 3


def close_to(name: str, known: Iterable[str]) -> str:
    """Return the question which of the known names was meant, where one is near; else nothing.

    >>> close_to("LSTMM", ["lstm", "gru"]), close_to("x", ["lstm"])
    ("did you mean 'lstm'? ", '')
    """
    names = list(known)
    near = difflib.get_close_matches(str(name), names, 1)
    if not near:  # LSMT is as near to lstm as lsmt is
        folded = {one.casefold(): one for one in names}
        near = [folded[k] for k in difflib.get_close_matches(str(name).casefold(), folded, 1)]
    return f"did you mean {near[0]!r}? " if near else ""


def shown(value: Any) -> str:
    """Return what a message says of any value: on one line, short, and in letters that print.

    >>> shown("a"), shown([1.0, 2.0]), shown(10**400)[:12]
    ("'a'", '[1.0, 2.0]', '100000000000')
    """
    try:
        told = " ".join(repr(value).split())
    except Exception:
        # whole numbers too long for Python to print, and objects that fail to
        told = f"a {type(value).__name__} that cannot be printed"
    told = told.encode("utf-8", "backslashreplace").decode("utf-8")
    return told if len(told) <= _LONGEST else f"{told[:_LONGEST]}... ({type(value).__name__})"
