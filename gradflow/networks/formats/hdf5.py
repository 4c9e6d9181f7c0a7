"""The .h5 file: what Keras' save_weights writes, and Keras 2's whole models."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from gradflow.errors import InputError
from gradflow.networks.formats.encodings.stored import Contents, Stored
from gradflow.networks.formats.format import Format

__all__ = ["FORMAT", "held"]

_MAGIC = b"\x89HDF\r\n\x1a\n"
_MOST = 100_000
_SMALL = 64 * 2**20


def read(path: Path) -> Contents:
    """Read the names and shapes of all arrays, and what Keras says of the model beside them.

    Raises ``InputError`` for a damaged file and for links to other files, which are not followed.
    """
    if path.stat().st_size > 2**34:
        raise InputError(f"{path} is over 16 GB; save the recurrent layers alone.")
    return held(path.read_bytes() if path.stat().st_size < _SMALL else None, path)


def held(
    content: bytes | None, path: Path, config: Any = None, version: str | None = None
) -> Contents:
    """Return what the HDF5 file at ``path``, or of those bytes, holds.

    ``config`` and ``version`` are those of the Keras model, where they stand outside this file.
    """
    arrays: dict[str, Stored] = {}
    labels: dict[str, str] = {}
    with _opened(content, path) as file:
        root = file["model_weights"] if isinstance(file.get("model_weights"), h5py.Group) else file
        order = _texts(root.attrs.get("layer_names"))
        version = version or _text(root.attrs.get("keras_version", file.attrs.get("keras_version")))
        if config is None and "model_config" in file.attrs:
            config = _json(_text(file.attrs["model_config"]))
        for name, item in _members(root, path):
            if isinstance(item, h5py.Group):
                if "name" in item.attrs:
                    labels[name] = _text(item.attrs["name"]) or ""
                continue
            if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "fiub":
                continue
            size = item.size * item.dtype.itemsize
            outside = item.is_virtual or item.external
            if outside or (size > _SMALL and size > 1000 * item.id.get_storage_size()):
                raise InputError(
                    f"{path} holds an array whose numbers lie elsewhere or nowhere; save the "
                    "weights again."
                )
            arrays[name] = Stored(
                shape=tuple(int(n) for n in item.shape),
                dtype=item.dtype.name,
                raw=partial(_bytes, content, path, item.name),
            )
    facts = {"config": config, "version": version, "labels": labels, "order": order}
    return Contents(arrays=arrays, facts={"keras": facts})


@contextmanager
def _opened(content: bytes | None, path: Path) -> Iterator[h5py.File]:
    try:
        with h5py.File(path if content is None else io.BytesIO(content), "r") as file:
            yield file
    except InputError:
        raise
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError, MemoryError):
        raise InputError(
            f"{path} is a damaged or truncated HDF5 file; copy or save it again."
        ) from None


def _members(root: h5py.Group, path: Path) -> Iterator[tuple[str, Any]]:
    """Yield groups and arrays by dotted name, each once, links to elsewhere left out."""
    todo: list[tuple[str, h5py.Group]] = [("", root)]
    count = 0
    seen = set()
    while todo:
        prefix, group = todo.pop()
        below = []
        for key in group:
            count += 1
            if count > _MOST:
                raise InputError(f"{path} holds over {_MOST:,} arrays; save the network again.")
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                continue
            item = group[key]
            name = f"{prefix}.{key}" if prefix else key
            yield name, item
            place = h5py.h5o.get_info(item.id).addr
            if isinstance(item, h5py.Group) and place not in seen:
                seen.add(place)
                below.append((name, item))
        todo.extend(reversed(below))


def _bytes(content: bytes | None, path: Path, name: str) -> bytes:
    with _opened(content, path) as file:
        found = file[name]
        return np.ascontiguousarray(found[()], found.dtype.newbyteorder("<")).tobytes()


def _texts(value: Any) -> list[str] | None:
    if value is None:
        return None
    return [_text(v) or "" for v in np.ravel(value)]


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else None


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
