"""The .h5 file: what Keras' save_weights writes, and Keras 2's whole models."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from gradflow.errors import InputError
from gradflow.networks.formats.encodings import hdf5_process
from gradflow.networks.formats.encodings.stored import Contents, Stored
from gradflow.networks.formats.format import Format

__all__ = ["FORMAT", "held", "held_bytes"]

_MAGIC = b"\x89HDF\r\n\x1a\n"
_MEMORY = 2**32
_SECONDS = 5
_RATE = 50 * 2**20  # bytes a second that even a slow disk gives


def read(path: Path) -> Contents:
    """Read all arrays, and what Keras says of the model beside them.

    Raises ``InputError`` for a damaged file, one over 2 GiB, and arrays that lie in other files.
    """
    return held(path, str(path))


def held(path: Path, where: str, config: Any = None, version: str | None = None) -> Contents:
    """Return what the HDF5 file at ``path`` holds; ``where`` names it in messages.

    ``config`` and ``version`` are those of the Keras model, where they stand outside this file.
    """
    seconds = _SECONDS + path.stat().st_size // _RATE
    program = [sys.executable, "-P", hdf5_process.__file__]
    try:
        done = subprocess.run(
            [*program, os.fspath(path), str(seconds), str(_MEMORY)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=12 * seconds,
            check=False,
        )
        line, _, numbers = done.stdout.partition(b"\n")
        told = json.loads(line) if done.returncode == 0 else None
    except (subprocess.TimeoutExpired, ValueError, OSError):
        told = None
    if told is None:
        raise InputError(
            f"{where}: its HDF5 is damaged, truncated, over 2 GiB, or has its numbers in other "
            "files; copy or save it again."
        )
    arrays, at = {}, 0
    for name, shape, dtype, size in told["arrays"]:
        arrays[name] = Stored(
            shape=tuple(shape), dtype=dtype, raw=partial(_part, numbers, at, at + size)
        )
        at += size
    facts = {
        "config": _json(told["config"]) if config is None else config,
        "version": version or told["version"],
        "labels": told["labels"],
        "order": told["order"],
    }
    return Contents(arrays=arrays, facts={"keras": facts})


def held_bytes(content: bytes, where: str, config: Any, version: str | None) -> Contents:
    """Return what these bytes of an HDF5 file hold; see :func:`held`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.h5"
        path.write_bytes(content)
        return held(path, where, config, version)


def _part(numbers: bytes, begin: int, end: int) -> bytes:
    return numbers[begin:end]


def _json(text: str | None) -> Any:
    try:
        return json.loads(text or "")
    except (ValueError, RecursionError):
        return None


FORMAT = Format(
    name="HDF5 of Keras",
    suffixes=(".weights.h5", ".h5", ".hdf5"),
    recognises=lambda path, head: head.startswith(_MAGIC),
    read=read,
)
