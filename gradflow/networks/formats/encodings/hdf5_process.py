"""What an HDF5 file holds, told by a process of its own: a program, run by its path.

The HDF5 library may hang, take gigabytes or crash on a damaged file. So this program, which imports
nothing of gradflow, opens the file named by its argument under limits of memory and time, and
writes one line of JSON (names, shapes, types, what Keras says) and then the bytes of all arrays.
It ends with 1 where the file cannot be read.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

_LARGEST = 2**31
_MOST = 100_000
_SMALL = 16 * 2**20


def main(path: str, seconds: int, most: int) -> None:
    """Write what the file holds to the standard output."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    except (ImportError, ValueError, OSError):
        pass  # a system without such limits
    import h5py
    import numpy as np

    with h5py.File(path, "r") as file:
        inner = file.get("model_weights")
        root = inner if isinstance(inner, h5py.Group) else file
        told: dict[str, Any] = {
            "order": _texts(root.attrs.get("layer_names"), np),
            "version": _text(root.attrs.get("keras_version", file.attrs.get("keras_version"))),
            "config": _text(file.attrs.get("model_config")),
            "labels": {},
            "arrays": [],
        }
        kept, total = [], 0
        for name, item in _members(root, h5py):
            if isinstance(item, h5py.Group):
                if "name" in item.attrs:
                    told["labels"][name] = _text(item.attrs["name"]) or ""
            elif isinstance(item, h5py.Dataset) and item.dtype.kind in "fiub":
                size = item.size * item.dtype.itemsize
                stored = item.id.get_storage_size()
                if item.is_virtual or item.external or size > max(_SMALL, 1000 * stored):
                    raise ValueError("numbers that lie elsewhere or nowhere")
                total += size
                if total > _LARGEST:
                    raise ValueError("too large")
                told["arrays"].append([name, list(item.shape), item.dtype.name, size])
                kept.append(item)
        out = sys.stdout.buffer
        out.write(json.dumps(told).encode() + b"\n")
        for item in kept:
            plain = np.ascontiguousarray(item[()], item.dtype.newbyteorder("<"))
            out.write(plain.tobytes())


def _members(root: Any, h5py: Any) -> Iterator[tuple[str, Any]]:
    """Yield groups and arrays by dotted name, each once; links to other files are left out."""
    todo: list[tuple[str, Any]] = [("", root)]
    seen, count = set(), 0
    while todo:
        prefix, group = todo.pop()
        below = []
        for key in group:
            count += 1
            if count > _MOST:
                raise ValueError("too many")
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


def _texts(value: Any, np: Any) -> list[str] | None:
    return None if value is None else [_text(one) or "" for one in np.ravel(value)]


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else None


if __name__ == "__main__":
    try:
        main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    except Exception:  # whatever HDF5 raises for a damaged file
        sys.exit(1)
