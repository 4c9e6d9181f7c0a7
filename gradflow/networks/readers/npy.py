"""The .npy file: one array, as numpy.save writes it."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.errors import InputError
from gradflow.networks.readers.arrays import COPIES, array_of, table_of
from gradflow.networks.readers.reader import Reader

__all__ = ["READER", "read_array"]

_MAGIC = b"\x93NUMPY"


def read_npy(content: bytes, where: str) -> NDArray[np.float64]:
    """Read the one array of a .npy file as a table.

    Raises
    ------
    InputError
        No .npy file, a damaged one, Python objects, complex numbers or text, or an array that is
        neither (T,) nor (T, columns).
    """
    return table_of(read_array(content, where), where)


def read_array(content: bytes, where: str) -> NDArray[Any]:
    """Read the one array of a .npy file as it is, whatever its shape and type.

    Raises ``InputError`` for no .npy file, a damaged one, or Python objects.
    """
    if not content.startswith(_MAGIC):
        raise InputError(
            f"{where} does not begin as a .npy file does (found {content[:8]!r}); save the array "
            "with numpy.save, or give a text file another ending."
        )
    return array_of(io.BytesIO(content), where)


READER = Reader(suffixes=(".npy",), reads="the array of numpy.save", read=read_npy, copies=COPIES)
