"""Arrays in NumPy's files, each read whole and never trusted: nothing is ever unpickled."""

from __future__ import annotations

import tokenize
import warnings
import zipfile
import zlib
from typing import IO

import numpy as np
from numpy.typing import NDArray

from gradflow.errors import InputError

__all__ = ["DAMAGE", "array_of", "table_of", "words_of"]

# Everything that NumPy, zipfile and zlib raise for a damaged file: its header may say anything
DAMAGE = (
    ValueError,
    TypeError,
    EOFError,
    OSError,
    MemoryError,
    OverflowError,
    RuntimeError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


def array_of(stream: IO[bytes], where: str) -> NDArray[np.generic]:
    """Read one array in NumPy's format. Raises ``InputError`` for damage and Python objects."""
    try:
        with warnings.catch_warnings():
            # a header as Python 2 wrote it is slow to read, and nobody's concern here
            warnings.simplefilter("ignore", UserWarning)
            array: NDArray[np.generic] = np.lib.format.read_array(stream, allow_pickle=False)
    except DAMAGE as error:
        if "Object arrays" in str(error):
            raise InputError(
                f"{where} holds Python objects, which are never loaded since loading runs code; "
                "an input holds real numbers, so save it as array.astype(float)."
            ) from error
        raise InputError(
            f"{where} is a damaged .npy file ({words_of(error)}); save it again with numpy.save."
        ) from error
    return array


def table_of(array: NDArray[np.generic], where: str) -> NDArray[np.float64]:
    """Return (rows, columns) float64 of an array (rows,) or (rows, columns) of real numbers.

    Raises ``InputError`` for any other.
    """
    if array.dtype.kind not in "biuf":
        raise InputError(
            f"{where} holds an array of {array.dtype}; an input holds real numbers, so convert it "
            "with array.astype(float) or save real and imaginary parts as columns."
        )
    if array.ndim not in (1, 2) or 0 in array.shape:
        raise InputError(
            f"{where} holds an array of shape {array.shape}; an input is (steps,) or "
            "(steps, columns) with at least one of each, so reshape it."
        )
    with np.errstate(over="ignore"):
        return array.reshape(len(array), -1).astype(np.float64)


def words_of(error: BaseException) -> str:
    """Return what an error says, on one line."""
    return " ".join(str(error).split()) or type(error).__name__
