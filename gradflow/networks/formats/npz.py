"""The .npz file of weights: arrays by name, as numpy.savez writes them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from gradflow.errors import InputError
from gradflow.networks.formats.encodings.npy import Header, header_of
from gradflow.networks.formats.encodings.stored import Contents, Stored
from gradflow.networks.formats.encodings.zipped import member, opened
from gradflow.networks.formats.format import Format

__all__ = ["FORMAT", "little_endian"]


def read(path: Path) -> Contents:
    """Read the headers of all arrays. Raises ``InputError`` for damage and for Python objects."""
    found = {}
    with opened(path) as archive:
        for info in archive.infolist():
            if not info.filename.endswith(".npy"):
                continue
            name = info.filename[: -len(".npy")]
            with archive.open(info) as stream:
                header = header_of(stream, f"{path}, an array,")
                begin = stream.tell()
            if begin + header.size != info.file_size:
                raise InputError(
                    f"{path}: the shape of an array does not fit its bytes; the file is damaged, "
                    "so save it again."
                )
            found[name.replace("/", ".")] = Stored(
                shape=header.shape,
                dtype=header.dtype.name,
                raw=partial(_bytes, path, info.filename, begin, header),
            )
    if not found:
        raise InputError(f"{path} holds no array; save the weights with numpy.savez.")
    return Contents(arrays=found)


def _bytes(path: Path, name: str, begin: int, header: Header) -> bytes:
    with opened(path) as archive:
        return little_endian(member(archive, name)[begin:], header)


def little_endian(raw: bytes, header: Header) -> bytes:
    """Return the bytes of an array row by row, least significant byte first."""
    plain = header.dtype.newbyteorder("<")
    if not header.fortran and header.dtype == plain:
        return raw
    flat = np.frombuffer(raw, header.dtype)
    array = flat.reshape(header.shape[::-1]).T if header.fortran else flat.reshape(header.shape)
    return np.ascontiguousarray(array, plain).tobytes()


def _recognises(path: Path, head: bytes) -> bool:
    return path.suffix.lower() == ".npz" and head.startswith(b"PK")


FORMAT = Format(name="npz", suffixes=(".npz",), recognises=_recognises, read=read)
