"""The .npz file: one array, or several of which one is named x, as numpy.savez writes them."""

from __future__ import annotations

import io
import zipfile

import numpy as np
from numpy.typing import NDArray

from gradflow.errors import InputError
from gradflow.networks.readers.arrays import COPIES, DAMAGE, array_of, table_of, words_of
from gradflow.networks.readers.reader import Reader

__all__ = ["READER"]

_MAGIC = b"PK"


def read_npz(content: bytes, where: str) -> NDArray[np.float64]:
    """Read the only array of a .npz file, or the one named x.

    Raises
    ------
    InputError
        No .npz file, a damaged one, none or several arrays and none of them named x, or an array
        that a .npy file would be refused for.
    """
    if not content.startswith(_MAGIC):
        raise InputError(
            f"{where} does not begin as a .npz file does (found {content[:8]!r}); save the array "
            "with numpy.savez(file, x=array), or give a text file another ending."
        )
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [name[:-4] for name in archive.namelist() if name.endswith(".npy")]
            if len(names) != 1 and "x" not in names:
                found = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
                raise InputError(
                    f"{where} holds {len(names)} arrays{f' ({found})' if names else ''}; it must "
                    "hold one, or one named x, so save it with numpy.savez(file, x=array)."
                )
            name = "x" if "x" in names else names[0]
            with archive.open(f"{name}.npy") as member:
                return table_of(
                    array_of(member, f"{where}, array {name},"), f"{where}, array {name},"
                )
    except InputError:
        raise
    except DAMAGE as error:
        raise InputError(
            f"{where} is a damaged .npz file ({words_of(error)}); save it again with numpy.savez."
        ) from error


READER = Reader(
    suffixes=(".npz",),
    reads="the only array of numpy.savez, or the one named x",
    read=read_npz,
    copies=COPIES,
)
