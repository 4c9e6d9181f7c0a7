"""The folder that Orbax saves, read by the optional package tensorstore."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gradflow.errors import InputError, UsageError
from gradflow.networks.formats.encodings.stored import Contents, Stored
from gradflow.networks.formats.format import Format

__all__ = ["FORMAT"]


def read(path: Path) -> Contents:
    """Read the names and shapes of all arrays of a checkpoint.

    Raises
    ------
    UsageError
        tensorstore is not installed.
    InputError
        A folder without Orbax' table of arrays, or one that tensorstore cannot open.
    """
    try:
        import tensorstore
    except ImportError:
        raise UsageError(
            f"{path} is a folder of Orbax, which the package tensorstore reads; install it by "
            "pip install tensorstore."
        ) from None
    folder = path if (path / "_METADATA").is_file() else path / "default"
    try:
        table = json.loads((folder / "_METADATA").read_bytes())
        zarr3 = bool(table.get("use_zarr3"))
        ocdbt = (folder / "manifest.ocdbt").is_file()
        found = {}
        for entry in table["tree_metadata"].values():
            keys = [str(k["key"]) for k in entry["key_metadata"]]
            if entry.get("value_metadata", {}).get("skip_deserialize"):
                continue
            spec = _spec(folder, keys, zarr3, ocdbt)
            opened = tensorstore.open(spec, open=True, read=True).result()
            found[".".join(keys)] = Stored(
                shape=tuple(int(n) for n in opened.shape),
                dtype=opened.dtype.name,
                raw=partial(_bytes, opened),
            )
    except (OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError):
        raise InputError(
            f"{path} is no folder that Orbax saved, or a damaged one; save the checkpoint again."
        ) from None
    return Contents(arrays=found)


def _spec(folder: Path, keys: list[str], zarr3: bool, ocdbt: bool) -> dict[str, Any]:
    base = folder.resolve().as_uri()
    name = ".".join(keys)
    if ocdbt:
        store: Any = {"driver": "ocdbt", "base": base, "path": f"{name}/"}
    else:
        store = {"driver": "file", "path": f"{folder.resolve()}/{name}/"}
    return {"driver": "zarr3" if zarr3 else "zarr", "kvstore": store}


def _bytes(opened: Any) -> bytes:
    found = opened.read().result()
    if found.dtype.name == "bfloat16":
        return np.ascontiguousarray(found).view(np.uint16).tobytes()
    return np.ascontiguousarray(found, found.dtype.newbyteorder("<")).tobytes()


FORMAT = Format(
    name="Orbax",
    suffixes=("a folder of Orbax",),
    recognises=lambda path, head: (
        path.is_dir() and ((path / "_METADATA").is_file() or (path / "default").is_dir())
    ),
    read=read,
)
