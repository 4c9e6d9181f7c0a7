"""The .keras file: a zip of the model's configuration and its weights in HDF5."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from gradflow.errors import InputError
from gradflow.networks.formats.encodings.stored import Contents
from gradflow.networks.formats.encodings.zipped import member, opened
from gradflow.networks.formats.format import Format
from gradflow.networks.formats.hdf5 import held_bytes

__all__ = ["FORMAT"]

_LONGEST = 64 * 2**20


def read(path: Path) -> Contents:
    """Read configuration, version and the names of all arrays of a Keras 3 model.

    Raises ``InputError`` for a damaged file or one without configuration and weights.
    """
    with opened(path) as archive:
        names = archive.namelist()
        if "model.weights.h5" not in names or "config.json" not in names:
            raise InputError(
                f"{path} lacks config.json or model.weights.h5; save the model with "
                "model.save('model.keras')."
            )
        config = _json(archive, "config.json", path)
        about = _json(archive, "metadata.json", path) if "metadata.json" in names else {}
        content = member(archive, "model.weights.h5")
    version = about.get("keras_version") if isinstance(about, dict) else None
    return held_bytes(content, str(path), config, version if isinstance(version, str) else None)


def _json(archive: zipfile.ZipFile, name: str, path: Path) -> Any:
    try:
        return json.loads(member(archive, name, _LONGEST))
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: its {name} is no JSON; save the model again.") from None


FORMAT = Format(
    name="Keras",
    suffixes=(".keras",),
    recognises=lambda path, head: (
        head.startswith(b"PK") and (path.suffix.lower() == ".keras" or b"model.weights.h5" in head)
    ),
    read=read,
)
