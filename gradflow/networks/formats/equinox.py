"""The .eqx file of Equinox: arrays in NumPy's format one after the other, without names."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from gradflow.errors import InputError
from gradflow.networks.formats.encodings.npy import Header, header_of
from gradflow.networks.formats.encodings.stored import Contents, Stored
from gradflow.networks.formats.format import Format
from gradflow.networks.formats.npz import little_endian

__all__ = ["FORMAT"]

_MAGIC = b"\x93NUMPY"
_MOST = 10_000


def read(path: Path) -> Contents:
    """Read what ``equinox.tree_serialise_leaves`` writes, after an optional line of JSON.

    The arrays are named by their number, ``"0"``, ``"1"``, since the file has no names. Raises
    ``InputError`` for a damaged file.
    """
    found: dict[str, Stored] = {}
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(6) != _MAGIC:
            file.seek(0)
            file.readline(2**20)
        else:
            file.seek(0)
        while file.tell() < size and len(found) < _MOST:
            header = header_of(file, f"{path}, array {len(found)},")
            begin = file.tell()
            if begin + header.size > size:
                raise InputError(f"{path} is truncated; copy or save it again.")
            found[str(len(found))] = Stored(
                shape=header.shape,
                dtype=header.dtype.name,
                raw=partial(_bytes, path, begin, header),
            )
            file.seek(begin + header.size)
    return Contents(arrays=found, facts={"equinox": True})


def _bytes(path: Path, begin: int, header: Header) -> bytes:
    with path.open("rb") as file:
        file.seek(begin)
        return little_endian(file.read(header.size), header)


def _recognises(path: Path, head: bytes) -> bool:
    return path.suffix.lower() == ".eqx" or (
        head.startswith((_MAGIC, b"{"))
        and path.suffix.lower() not in (".npy", ".json")
        and _MAGIC in head
    )


FORMAT = Format(name="Equinox", suffixes=(".eqx",), recognises=_recognises, read=read)
