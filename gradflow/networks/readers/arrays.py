"""Arrays in NumPy's files, each read whole and never trusted: nothing is ever unpickled."""

from __future__ import annotations

import math
import tokenize
import warnings
import zipfile
import zlib
from typing import IO

import numpy as np
from numpy.typing import NDArray

from gradflow.errors import InputError
from gradflow.memory import FLOAT, as_bytes, budget

__all__ = ["COPIES", "DAMAGE", "array_of", "table_of", "words_of"]

# Bytes for each byte of a file: itself, the array in it, which its header is asked about as well.
COPIES = 2
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
            _require_room(stream, where)
            array: NDArray[np.generic] = np.lib.format.read_array(stream, allow_pickle=False)
    except InputError:
        raise
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


def _require_room(stream: IO[bytes], where: str) -> None:
    """Raise ``InputError`` if the header promises more numbers than memory can hold."""
    start = stream.tell()
    major, _ = np.lib.format.read_magic(stream)
    header = np.lib.format.read_array_header_1_0
    if major > 1:
        header = np.lib.format.read_array_header_2_0
    shape, _, dtype = header(stream)
    stream.seek(start)
    # float64 beside what is read, and a truth value for each
    needed = math.prod(shape) * (dtype.itemsize + FLOAT + 1)
    if needed > budget():
        raise InputError(
            f"{where} is said by its header to hold an array of {dtype} of shape {shape}, which "
            f"would take {as_bytes(needed)} to read, and {as_bytes(budget())} may be taken; save "
            "a part of it, or set GRADFLOW_MEMORY to allow more."
        )


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
