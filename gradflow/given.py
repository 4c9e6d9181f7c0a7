"""The border that plain arguments cross on their way in: one check for each kind of them.

Arrays are the business of `gradflow.arrays`. Every check takes the value and what its message
begins with, such as ``"report: seed"``, and returns the value, converted.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from gradflow.errors import UsageError, shown

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "choice",
    "flag",
    "function",
    "generator",
    "instance",
    "mapping",
    "path",
    "real_number",
    "record",
    "several",
    "text",
]

T = TypeVar("T")
# Names of types that float() would take, or take for something else.
_NO_NUMBERS = {
    "bool",
    "bool_",
    "str",
    "bytes",
    "complex",
    "datetime64",
    "timedelta64",
    "MaskedArray",
}


def real_number(
    value: Any,
    name: str,
    least: float = -math.inf,
    most: float = math.inf,
    *,
    above: bool = False,
    infinite: bool = False,
) -> float:
    """Return a finite real number as a float.

    It is from ``least`` to ``most``; with ``above`` greater than ``least``; with ``infinite`` it
    may be infinite. Raises ``UsageError``.

    >>> real_number(1, "box_bound: radius", 0)
    1.0
    """
    # not np.ndim: who verifies a bundle needs no NumPy
    number = math.nan
    if not any(kind.__name__ in _NO_NUMBERS for kind in type(value).__mro__):
        try:
            number = float(value) if getattr(value, "ndim", 0) == 0 else math.nan
        except (TypeError, ValueError, OverflowError):
            number = math.nan
    fits = least <= number <= most and (number > least or not above)
    if not fits or (math.isinf(number) and not infinite):
        low = "" if least == -math.inf else f" {'above' if above else 'of at least'} {least:g}"
        high = "" if most == math.inf else f" up to {most:g}"
        kind = "number" if infinite else "finite number"
        raise UsageError(f"{name} is {shown(value)}; it must be a {kind}{low}{high}.")
    return number


def flag(value: Any, name: str) -> bool:
    """Return ``True`` or ``False``; nothing else is taken for one of them."""
    if type(value).__name__ not in ("bool", "bool_"):  # Python's and NumPy's
        raise UsageError(f"{name} is {shown(value)}; it must be True or False.")
    return bool(value)


def text(value: Any, name: str) -> str:
    """Return a string that can be written as UTF-8."""
    if not isinstance(value, str):
        raise UsageError(f"{name} is {shown(value)}; it must be a string.")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise UsageError(
            f"{name} is {shown(value)}, which holds half a character; it must be text that can be "
            "written as UTF-8."
        ) from None
    return value


def choice(value: Any, name: str, allowed: Iterable[str]) -> str:
    """Return one of the words that are allowed."""
    words = tuple(allowed)
    if not isinstance(value, str) or value not in words:
        raise UsageError(f"{name} is {shown(value)}; it must be one of {', '.join(words)}.")
    return value


def function(value: T, name: str) -> T:
    """Return what can be called."""
    if not callable(value) or isinstance(value, type):
        raise UsageError(f"{name} is {shown(value)}; it must be a function.")
    return value


def instance(value: Any, name: str, kind: type[T], made_by: str = "") -> T:
    """Return a record of one kind, which ``made_by`` makes."""
    if not isinstance(value, kind):
        made = f", as {made_by} makes it" if made_by else ""
        raise UsageError(f"{name} is {shown(value)}; it must be a {kind.__name__}{made}.")
    return value


def record(value: T, name: str, has: Iterable[str], kind: str) -> T:
    """Return what has these attributes, as a ``kind`` does."""
    if isinstance(value, type) or not all(hasattr(value, attribute) for attribute in has):
        raise UsageError(f"{name} is {shown(value)}; it must be a {kind}.")
    return value


def mapping(value: Any, name: str, holds: str) -> Mapping[str, Any]:
    """Return a mapping from words to what it ``holds``."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise UsageError(f"{name} is {shown(value)}; it must be a mapping from names to {holds}.")
    return value


def several(value: Any, name: str, holds: str) -> list[Any]:
    """Return the items of a list, a tuple or any other iterable that is neither text nor a dict."""
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise UsageError(f"{name} is {shown(value)}; it must be a list of {holds}.")
    try:
        return list(value)
    except TypeError:  # an array without an axis
        raise UsageError(f"{name} is {shown(value)}; it must be a list of {holds}.") from None


def generator(value: Any, name: str) -> np.random.Generator:
    """Return a random generator from a seed, a generator, or ``None`` for a seed of chance."""
    import numpy as np

    if type(value).__name__ in ("bool", "bool_"):
        value = -1
    try:
        return np.random.default_rng(value)
    except (TypeError, ValueError, OverflowError):
        raise UsageError(
            f"{name} is {shown(value)}; it must be a whole number of at least 0 or a "
            "numpy.random.Generator."
        ) from None


def path(value: Any, name: str) -> Path:
    """Return the path of a file or folder."""
    if not isinstance(value, (str, os.PathLike)) or not isinstance(os.fspath(value), str):
        raise UsageError(f"{name} is {shown(value)}; it must be the path of a file or folder.")
    try:
        os.fsencode(os.fspath(value))
    except UnicodeEncodeError:
        raise UsageError(f"{name} is {shown(value)}, which no file system can name.") from None
    if "\0" in os.fspath(value):
        raise UsageError(f"{name} is {shown(value)}; a path holds no zero byte.")
    return Path(value)
