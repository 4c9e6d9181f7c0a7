"""Members of a zip file, each read only if it is no larger than it may be."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gradflow.errors import InputError

__all__ = ["member", "opened"]

_SMALL = 64 * 2**20
_RATIO = 100


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip file. What zipfile raises for a damaged one is an ``InputError``."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except InputError:
        raise
    except (
        zipfile.BadZipFile,
        zlib.error,
        NotImplementedError,
        EOFError,
        OSError,
        RuntimeError,
        ValueError,
        KeyError,
        MemoryError,
        OverflowError,
    ):
        raise InputError(
            f"{path} is a damaged or truncated zip file; copy or save it again."
        ) from None


def member(archive: zipfile.ZipFile, name: str, most: int = 2**31) -> bytes:
    """Return the bytes of a member.

    Raises ``InputError`` if it says it is larger than ``most``, or than a hundred times what is
    stored of it (and 64 MB): such a file is made to fill the memory.
    """
    info = archive.getinfo(name)
    if info.file_size > most or info.file_size > max(_SMALL, _RATIO * info.compress_size):
        raise InputError(
            f"{archive.filename} holds a member of {info.file_size:,} bytes packed into "
            f"{info.compress_size:,}, larger than it may be; save the network again."
        )
    with archive.open(info) as file:
        return file.read()
