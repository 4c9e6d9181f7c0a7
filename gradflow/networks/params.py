"""Arrays of a cell by name in a .npz file: read for a proof, and written after a run."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gradflow.arrays import real_array
from gradflow.cells.cell import Cell
from gradflow.errors import InputError, UsageError, shown
from gradflow.files import write_atomically
from gradflow.memory import require
from gradflow.networks.magic import weight_file
from gradflow.networks.readers.arrays import DAMAGE

Arrays = dict[str, NDArray[np.float64]]


def read_params(cell: Cell, path: Path) -> tuple[Arrays, Arrays]:
    """Return the parameters of a cell and its inputs, where the file holds some.

    Raises ``InputError`` if the file cannot be read, an array is missing, unknown or no array of
    numbers.
    """
    allowed = "pass a .npz file of arrays by name"
    try:
        kind = weight_file(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; {allowed}.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its name is none"
        raise InputError(f"{path}: cannot be read ({reason}); {allowed}.") from None
    if kind:
        raise InputError(f"{path}: {kind}.")
    try:
        _require_room(path)
        with np.load(path, allow_pickle=False) as data:
            found = {n: real_array(data[n], str(path), n, finite=False) for n in data.files}
    except UsageError as error:
        sentence = str(error)
        raise InputError(sentence) from None
    except (*DAMAGE, AttributeError) as error:
        # what NumPy says may repeat bytes of the file
        what = "an array of Python objects" if "Object arrays" in str(error) else "a damaged array"
        raise InputError(
            f"{path}: it holds {what}; save arrays of numbers with numpy.savez, by name."
        ) from None
    needed = (*cell.parameters, *cell.constant_names)
    missing = [n for n in needed if n not in found]
    odd = [n for n in found if n not in (*needed, *cell.input_names)]
    if missing or odd:
        named = ", ".join(shown(n) for n in odd[:5]) + ", ..." * (len(odd) > 5)
        what = f"lacks {', '.join(missing)}" if missing else f"holds {named} as well"
        raise InputError(
            f"{path}: {what}; the cell {cell.name!r} needs {', '.join(needed)}, and may have its "
            f"input {', '.join(cell.input_names) or '(none)'}."
        )
    return (
        {n: found[n] for n in needed},
        {n: found[n] for n in cell.input_names if n in found},
    )


def _require_room(path: Path) -> None:
    """Raise ``UsageError`` if the arrays are larger unpacked than memory can hold."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    require(3 * size, str(path), "its arrays", "pass a smaller file")


def write_arrays(path: Path, arrays: Mapping[str, NDArray[np.float64]]) -> None:
    """Write arrays by name as a .npz file, whole or not at all. Raises ``UsageError``."""
    held = BytesIO()
    np.savez(held, allow_pickle=False, **dict(arrays))
    write_atomically(path, held.getvalue())
