"""Formats of weight files, one a module: from bytes to named arrays, nothing ever executed.

Another package adds its own by an entry point of the group ``gradflow.formats``, or by
``FORMATS.register("mine", Format(...))``.
"""

from __future__ import annotations

from pathlib import Path

from gradflow.errors import InputError
from gradflow.given import path as file_path
from gradflow.networks.formats.encodings.stored import Contents, Stored
from gradflow.networks.formats.format import Format
from gradflow.registry import Registry

__all__ = ["FORMATS", "Contents", "Format", "Stored", "contents_of", "names_weights"]

_OWN = (
    "safetensors",
    "sharded",
    "torch",
    "keras",
    "hdf5",
    "npz",
    "msgpack",
    "onnx",
    "orbax",
    "equinox",
)

FORMATS: Registry[Format] = Registry(
    kind="format",
    group="gradflow.formats",
    type="gradflow.networks.formats.format:Format",
    own={name: f"gradflow.networks.formats.{name}:FORMAT" for name in _OWN},
    advice="make your own by Format(name=..., suffixes=..., recognises=..., read=...)",
)


def contents_of(path: Path) -> tuple[Format, Contents]:
    """Return the format of a file and what it holds.

    The content decides, and the ending where the content does not.

    Raises
    ------
    InputError
        No such file, an empty one, one of no known format, one that its format cannot read, or a
        folder that Orbax did not write.
    """
    file_path(path, "read: path")
    try:
        head = b""
        if not path.is_dir():
            if not path.is_file():
                missing = "there is no such file" if not path.exists() else "it is no ordinary file"
                raise InputError(f"{path}: {missing}; name a file of weights ({_known()}).")
            with path.open("rb") as file:
                head = file.read(4096)
            if not head:
                raise InputError(f"{path} is empty; save the weights again.")
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"{str(path)!r} cannot be read ({reason}); name a file of weights ({_known()})."
        ) from None
    for _, one in FORMATS.usable():
        if one.recognises(path, head):
            try:
                return one, one.read(path)
            except IsADirectoryError:
                break  # only its ending was recognised
    if path.is_dir():
        raise InputError(
            f"{path} is a folder, and none of Orbax; name a file of weights ({_known()})."
        )
    raise InputError(
        f"{path} is of no format that is known by its first bytes; weights are read from "
        f"{_known()}, so save them as one of these."
    )


def names_weights(text: str) -> bool:
    """Whether a text is the name of a file of weights, there or not, and of no file of Python.

    >>> [names_weights(text) for text in ("epoch1.onnx", "lstm", "cells.py:MyCell")]
    [True, False, False]
    """
    if ".py" in text:
        return False
    endings = {s.lower() for _, one in FORMATS.usable() for s in one.suffixes if s[0] == "."}
    path = Path(text)
    return text.lower().endswith(tuple(endings)) or (bool(path.suffix) and path.exists())


def _known() -> str:
    return ", ".join(dict.fromkeys(s for _, one in FORMATS.usable() for s in one.suffixes))
