"""Arrays as a weight file holds them: shape and type known, numbers read when asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.errors import InputError

__all__ = ["LARGEST", "Contents", "Stored", "numbers"]

Floats = NDArray[np.float64]

LARGEST = 2**31
"""Bytes in float64 of the largest array that is read: 2 GiB."""

_ITEMS = {"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8}


@dataclass(frozen=True, eq=False, kw_only=True)
class Stored:
    """One array of a file.

    Parameters
    ----------
    shape
        Its shape.
    dtype
        Name of the type of its numbers: ``"float32"``, ``"bfloat16"``, ``"int64"``.
    raw
        Reads the bytes of the array, row by row, least significant byte first.
    """

    shape: tuple[int, ...]
    dtype: str
    raw: Callable[[], bytes]

    def read(self, where: str) -> Floats:
        """Return the numbers as float64.

        Raises ``InputError`` for types that are no floating-point numbers, for arrays over 2 GiB
        and for values that are not finite; ``where`` names the array in the message.
        """
        if self.dtype not in _ITEMS:
            raise InputError(
                f"{where} holds {self.dtype}; weights are read as "
                f"{', '.join(_ITEMS)}, so save them in one of these types."
            )
        if 8 * math.prod(self.shape) > LARGEST:
            raise InputError(
                f"{where} has the shape {self.shape}, {8 * math.prod(self.shape):,} bytes in "
                f"float64; at most {LARGEST:,} are read, so save a smaller network."
            )
        found = numbers(self.raw(), self.dtype, self.shape, where)
        bad = np.argwhere(~np.isfinite(found))
        if len(bad):
            index = tuple(int(i) for i in bad[0])
            raise InputError(
                f"{where} holds {found[index]} at {list(index)}; weights are finite numbers, so "
                "save the network from before it diverged."
            )
        return found


@dataclass(frozen=True, eq=False, kw_only=True)
class Contents:
    """What a weight file holds.

    Parameters
    ----------
    arrays
        Arrays by name, in the order of the file; parts of a name are separated by dots.
    facts
        What the file says besides, by the word of its format: ``"keras"`` for a configuration,
        ``"onnx"`` for a graph.
    others
        Names of the entries that are no arrays, and what each is: ``"None"``, ``"a sparse
        tensor"``, ``"quantised"``, ``"pickled"``, ``"a value"``.
    """

    arrays: Mapping[str, Stored]
    facts: Mapping[str, Any] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)


def numbers(raw: bytes, dtype: str, shape: tuple[int, ...], where: str) -> Floats:
    """Return bytes as numbers of that type and shape. Raises ``InputError`` if the count differs.

    >>> numbers(bytes([128, 63]), "bfloat16", (1,), "a")
    array([1.])
    """
    if len(raw) != math.prod(shape) * _ITEMS[dtype]:
        raise InputError(
            f"{where} has the shape {shape} in {dtype} and {len(raw)} bytes, where it needs "
            f"{math.prod(shape) * _ITEMS[dtype]}; the file is damaged, so save it again."
        )
    if dtype == "bfloat16":  # the upper half of a float32
        found = (np.frombuffer(raw, "<u2").astype("<u4") << 16).view("<f4")
    else:
        found = np.frombuffer(raw, f"<f{_ITEMS[dtype]}")
    with np.errstate(invalid="ignore"):  # a signalling nan, which the caller names
        return found.astype(np.float64).reshape(shape)
