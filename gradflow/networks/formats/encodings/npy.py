"""One array in NumPy's format, its header read without loading the numbers."""

from __future__ import annotations

import math
import tokenize
import warnings
from typing import IO

import numpy as np

from gradflow.errors import InputError

__all__ = ["Header", "header_of"]

_READ = {(1, 0): "read_array_header_1_0", (2, 0): "read_array_header_2_0"}


class Header:
    """Shape, order and type of an array, and where its bytes begin."""

    def __init__(self, shape: tuple[int, ...], fortran: bool, dtype: np.dtype[np.generic]) -> None:
        """Keep what the header says."""
        self.shape, self.fortran, self.dtype = shape, fortran, dtype

    @property
    def size(self) -> int:
        """Bytes of the array."""
        return math.prod(self.shape) * self.dtype.itemsize


def header_of(stream: IO[bytes], where: str) -> Header:
    """Read the header; the stream then stands at the first byte of the array.

    Raises ``InputError`` for a damaged header and for Python objects, which are never loaded.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            version = np.lib.format.read_magic(stream)
            reader = getattr(np.lib.format, _READ.get(version, "read_array_header_2_0"))
            shape, fortran, dtype = reader(stream)
    except (
        ValueError,
        TypeError,
        EOFError,
        OSError,
        SyntaxError,
        tokenize.TokenError,
        MemoryError,
    ):
        raise InputError(f"{where} is a damaged array of NumPy; save it again.") from None
    if dtype.hasobject:
        raise InputError(
            f"{where} holds Python objects, which are never loaded since loading runs code; save "
            "plain arrays of numbers."
        )
    if any(extent < 0 for extent in shape):
        raise InputError(f"{where} has a negative extent; the file is damaged, so save it again.")
    return Header(shape, fortran, dtype)
