"""Tables of numbers from files: .npy, .npz and .csv, each read whole and never trusted.

Every reader takes the file's bytes and the words that name it in a message, and gives the numbers
as (rows, columns) float64; a one-dimensional array becomes one column. What a reader cannot use is
an `InputError`. Nothing is ever unpickled.
"""

import csv
import io
import tokenize
import warnings
import zipfile
import zlib
from typing import IO

import numpy as np
from numpy.typing import NDArray

from gradflow.errors import InputError

__all__ = ["read_csv", "read_npy", "read_npz"]

_NPY_MAGIC = b"\x93NUMPY"
_ZIP_MAGIC = b"PK"
# Everything that NumPy, zipfile and zlib raise for a damaged file: its header may say anything
_DAMAGE = (
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


def read_npy(content: bytes, where: str) -> NDArray[np.float64]:
    """Read the one array of a .npy file.

    Raises
    ------
    InputError
        No .npy file, a damaged one, Python objects, complex numbers or text, or an array that is
        neither (T,) nor (T, columns).
    """
    if not content.startswith(_NPY_MAGIC):
        raise InputError(
            f"{where} does not begin as a .npy file does (found {content[:8]!r}); save the array "
            "with numpy.save, or give a text file another ending"
        )
    return _table(_array(io.BytesIO(content), where), where)


def read_npz(content: bytes, where: str) -> NDArray[np.float64]:
    """Read the only array of a .npz file, or the one named x.

    Raises
    ------
    InputError
        No .npz file, a damaged one, none or several arrays and none of them named x, or an array
        that `read_npy` would refuse.
    """
    if not content.startswith(_ZIP_MAGIC):
        raise InputError(
            f"{where} does not begin as a .npz file does (found {content[:8]!r}); save the array "
            "with numpy.savez(file, x=array), or give a text file another ending"
        )
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [name[:-4] for name in archive.namelist() if name.endswith(".npy")]
            if len(names) != 1 and "x" not in names:
                found = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
                raise InputError(
                    f"{where} holds {len(names)} arrays{f' ({found})' if names else ''}; it must "
                    "hold one, or one named x, so save it with numpy.savez(file, x=array)"
                )
            name = "x" if "x" in names else names[0]
            with archive.open(f"{name}.npy") as member:
                return _table(_array(member, f"{where}, array {name},"), f"{where}, array {name},")
    except InputError:
        raise
    except _DAMAGE as error:
        raise InputError(
            f"{where} is a damaged .npz file ({_words(error)}); save it again with numpy.savez"
        ) from error


def read_csv(content: bytes, where: str) -> NDArray[np.float64]:
    """Read numbers separated by commas, a row a step; the first row may name the columns.

    Raises
    ------
    InputError
        Bytes that are not UTF-8, a cell that is no number (with its line and column), rows of
        different lengths, or no row of numbers at all.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{where} is not UTF-8 text (byte {content[error.start]:#04x} at position "
            f"{error.start}); a .csv file holds numbers separated by commas, so export it again"
        ) from error
    rows: list[list[float]] = []
    reader = csv.reader(io.StringIO(text, newline=""))
    width: int | None = None
    try:
        for cells in filter(None, reader):
            if width is None:
                width = len(cells)
                if not any(_is_number(cell) for cell in cells):
                    continue
            if len(cells) != width:
                raise InputError(
                    f"{where}, line {reader.line_num} has {len(cells)} cells and the first row "
                    f"{width}; every row must have the same number, so correct that line"
                )
            rows.append([_number(cell, i, reader.line_num, where) for i, cell in enumerate(cells)])
    except csv.Error as error:
        raise InputError(
            f"{where}, line {reader.line_num} is no line of a .csv file ({error}); it must hold "
            "numbers separated by commas, so correct that line"
        ) from error
    if not rows:
        raise InputError(
            f"{where} holds no row of numbers; a .csv file has a row of numbers for each step, so "
            "add them below the header"
        )
    return np.array(rows, dtype=np.float64)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _number(cell: str, column: int, line: int, where: str) -> float:
    try:
        return float(cell)
    except ValueError as error:
        found = f"holds {cell[:40]!r}" if cell.strip() else "is empty"
        raise InputError(
            f"{where}, line {line}, column {column + 1} {found}; every cell must be a number, "
            "separated from the next by a comma, so correct or drop that line"
        ) from error


def _array(stream: IO[bytes], where: str) -> NDArray[np.generic]:
    try:
        with warnings.catch_warnings():
            # a header as Python 2 wrote it is slow to read, and nobody's concern here
            warnings.simplefilter("ignore", UserWarning)
            array: NDArray[np.generic] = np.lib.format.read_array(stream, allow_pickle=False)
    except _DAMAGE as error:
        if "Object arrays" in str(error):
            raise InputError(
                f"{where} holds Python objects, which are never loaded since loading runs code; "
                "an input holds real numbers, so save it as array.astype(float)"
            ) from error
        raise InputError(
            f"{where} is a damaged .npy file ({_words(error)}); save it again with numpy.save"
        ) from error
    return array


def _table(array: NDArray[np.generic], where: str) -> NDArray[np.float64]:
    if array.dtype.kind not in "biuf":
        raise InputError(
            f"{where} holds an array of {array.dtype}; an input holds real numbers, so convert it "
            "with array.astype(float) or save real and imaginary parts as columns"
        )
    if array.ndim not in (1, 2) or 0 in array.shape:
        raise InputError(
            f"{where} holds an array of shape {array.shape}; an input is (steps,) or "
            "(steps, columns) with at least one of each, so reshape it"
        )
    with np.errstate(over="ignore"):
        return array.reshape(len(array), -1).astype(np.float64)


def _words(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
