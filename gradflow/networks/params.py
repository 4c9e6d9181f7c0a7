"""Reading the arrays of a cell from a .npz file, for ``gradflow prove --params``."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gradflow.arrays import real_array
from gradflow.cells.cell import Cell
from gradflow.errors import InputError, UsageError
from gradflow.memory import require
from gradflow.networks.readers.arrays import DAMAGE

Arrays = dict[str, NDArray[np.float64]]


def read_params(cell: Cell, path: Path) -> tuple[Arrays, Arrays]:
    """Return the parameters of a cell and its inputs, where the file holds some.

    Raises ``InputError`` if the file cannot be read, an array is missing, unknown or no array of
    numbers.
    """
    try:
        _require_room(path)
        with np.load(path, allow_pickle=False) as data:
            found = {n: real_array(data[n], str(path), n, finite=False) for n in data.files}
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; pass a .npz file of arrays by name.") from None
    except UsageError as error:
        sentence = str(error)
        raise InputError(sentence) from None
    except (*DAMAGE, AttributeError) as error:
        raise InputError(
            f"{path}: cannot be read ({error}); pass a .npz file of arrays by name."
        ) from None
    needed = (*cell.parameters, *cell.constant_names)
    missing = [n for n in needed if n not in found]
    odd = [n for n in found if n not in (*needed, *cell.input_names)]
    if missing or odd:
        what = f"lacks {', '.join(missing)}" if missing else f"holds {', '.join(odd)} as well"
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
