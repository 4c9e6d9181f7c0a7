"""The border that arrays cross on their way in: real numbers, or one sentence that says why not.

Everything a caller hands over as numbers is taken by `real_array`, so that no imaginary part, mask
or date is lost on the way to float64, whichever call it goes through.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gradflow.errors import NotFiniteError, UsageError, shown

__all__ = ["real_array", "real_numbers", "whole_number", "writable"]

# Whole numbers from which on no size or step is, and longer ones are not even printed.
_LARGEST = 2**62
# kinds of NumPy types that are real numbers: floating, signed, unsigned, truth values
_REAL = "fiub"
_ADVICE = {
    "c": "pass the real part, or the two parts as two arrays",
    "O": "pass numbers of one type, such as float64",
    "M": "pass numbers, such as days since the first",
    "m": "divide by a unit of time",
}


def real_array(
    value: Any, where: str, what: str, *, finite: bool = True, many: bool = False
) -> NDArray[np.float64]:
    """Return ``value`` as a float64 array, itself where it is one.

    Numbers, lists, NumPy arrays and what converts to them are taken; truth values, whole numbers
    and other floating types become float64.

    Parameters
    ----------
    value
        What was given.
    where, what
        Beginning of the message: the call or cell, and the name of the array.
    finite
        Whether NaN and infinity are refused.
    many
        Whether ``what`` is in the plural.

    Raises
    ------
    UsageError
        If it is complex, masked, a tensor that requires grad, of objects, strings or dates, or has
        rows of unequal length; or, as ``NotFiniteError``, if it is not finite and has to be.

    >>> real_array([True, 2], "here", "a")
    array([1., 2.])
    >>> real_array([1, 2j], "here", "a")
    Traceback (most recent call last):
    gradflow.errors.UsageError: here: a is no array of real numbers but list of complex128; pass ...
    """
    array = real_numbers(value, where, what, many=many)
    if array.dtype != np.float64:
        array = array.astype(np.float64)
    if finite and not np.isfinite(array).all():
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise NotFiniteError(
            f"{where}: {f'the {what} hold' if many else f'{what} holds'} {array[index]} at index "
            f"{index}; every entry must be finite, so clean the array."
        )
    return array


def real_numbers(value: Any, where: str, what: str, *, many: bool = False) -> NDArray[Any]:
    """Return ``value`` as an array of real numbers of its own type. Parameters: `real_array`."""
    if type(value) is np.ndarray and value.dtype.kind in _REAL:
        return value
    if isinstance(value, np.ma.MaskedArray):
        raise _no_numbers(where, what, "a masked array", "fill it first, by .filled(...)", many)
    if getattr(value, "requires_grad", False) is True:
        raise _no_numbers(where, what, "a tensor that requires grad", "pass its .detach()", many)
    name = type(value).__name__
    try:
        array = np.asarray(value)
    except ValueError:
        verb = "are in" if many else "has"
        raise UsageError(
            f"{where}: {'the ' if many else ''}{what} {verb} rows of unequal length; pass an array."
        ) from None
    except (TypeError, RuntimeError):  # a tensor on a device, one that is being traced
        advice = "pass a NumPy array, on the host and detached"
        raise _no_numbers(where, what, name, advice, many) from None
    if array.dtype.kind not in _REAL:
        plain = many or hasattr(value, "dtype")
        found = f"{array.dtype}" if plain else name if name == "str" else f"{name} of {array.dtype}"
        raise _no_numbers(where, what, found, _ADVICE.get(array.dtype.kind, "pass floats"), many)
    return array


def _no_numbers(where: str, what: str, found: str, advice: str, many: bool) -> UsageError:
    said = (
        f"the {what} have type {found}, and real numbers are allowed"
        if many
        else f"{what} is no array of real numbers but {found}"
    )
    return UsageError(f"{where}: {said}; {advice}.")


def whole_number(value: Any, name: str, least: int, most: int = 2**63 - 1) -> int:
    """Return ``value`` as an integer; ``name`` of it begins the message.

    Raises ``UsageError`` for floats, truth values, and what is not within ``least`` and ``most``.

    >>> whole_number(np.int64(3), "run: steps", 1)
    3
    >>> whole_number(2.5, "run: steps", 1)
    Traceback (most recent call last):
    gradflow.errors.UsageError: run: steps is 2.5; it must be a whole number of at least 1.
    """
    try:
        number = least - 1 if isinstance(value, bool | np.bool_) else operator.index(value)
    except TypeError:
        number = least - 1
    if not least <= number <= most:
        allowed = f"of at least {least}" if most == 2**63 - 1 else f"from {least} to {most}"
        raise UsageError(f"{name} is {shown(value)}; it must be a whole number {allowed}.")
    return number


def writable(
    out: Any, shape: tuple[int, ...], where: str, dtype: DTypeLike = np.float64
) -> NDArray[Any]:
    """Return ``out`` if results of ``shape`` can be written into it. Raises ``UsageError``."""
    if type(out) is not np.ndarray or out.dtype != np.dtype(dtype):
        found = f"an array of {out.dtype}" if type(out) is np.ndarray else type(out).__name__
        raise UsageError(
            f"{where}: out is {found}; it needs to be a NumPy array of {np.dtype(dtype)}."
        )
    if out.shape != shape:
        raise UsageError(f"{where}: out has shape {out.shape}; it needs {shape}.")
    if not out.flags.writeable:
        raise UsageError(f"{where}: out is read-only; pass an array that can be written.")
    return out
