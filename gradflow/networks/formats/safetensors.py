"""The .safetensors file: a header of JSON, then the bytes of the arrays."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

from gradflow.errors import InputError
from gradflow.networks.formats.encodings.stored import Contents, Stored
from gradflow.networks.formats.format import Format

__all__ = ["FORMAT", "arrays_of"]

_LONGEST = 100 * 2**20
_TYPES = {"F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64"}
_OTHER = {"I8": 1, "U8": 1, "BOOL": 1, "I16": 2, "U16": 2, "I32": 4, "U32": 4, "I64": 8, "U64": 8}
_ITEMS = {"F16": 2, "BF16": 2, "F32": 4, "F64": 8, **_OTHER}


def read(path: Path) -> Contents:
    """Read the names, shapes and places of all arrays. Raises ``InputError`` for a damaged file."""
    return Contents(arrays=arrays_of(path))


def arrays_of(path: Path) -> dict[str, Stored]:
    """Return the arrays of one file by name.

    Raises
    ------
    InputError
        A header that is too long, no JSON or of another form; arrays that lie outside the file,
        overlap or leave holes, or whose shape does not fit their bytes.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 10 or length > min(size - 8, _LONGEST):
            raise _damaged(
                path, f"its header says it is {length:,} bytes long, the file has {size:,}"
            )
        text = file.read(length)
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        raise _damaged(path, "its header is no JSON") from None
    if not isinstance(header, dict):
        raise _damaged(path, "its header is no table of arrays")
    header.pop("__metadata__", None)
    start, spans, found = 8 + length, [], {}
    for name, entry in header.items():
        kind, shape, begin, end = _entry(path, entry)
        count = 1
        for extent in shape:
            count *= extent
        if end - begin != count * _ITEMS.get(kind, 0) and kind in _ITEMS:
            raise _damaged(path, "the shape of an array does not fit its bytes")
        spans.append((begin, end))
        found[name] = Stored(
            shape=shape,
            dtype=_TYPES.get(kind, kind if kind in _OTHER else "another type"),
            raw=partial(_bytes, path, start + begin, end - begin),
        )
    at = 0
    for begin, end in sorted(spans):
        if begin != at:
            raise _damaged(path, "its arrays overlap or leave holes")
        at = end
    if start + at != size:
        raise _damaged(path, f"its header tells of {start + at:,} bytes, the file has {size:,}")
    return found


def _entry(path: Path, entry: Any) -> tuple[str, tuple[int, ...], int, int]:
    def whole(values: Any, most: int) -> bool:
        return (
            isinstance(values, list)
            and len(values) <= most
            and all(type(v) is int and 0 <= v < 2**48 for v in values)
        )

    if (
        not isinstance(entry, dict)
        or not isinstance(entry.get("dtype"), str)
        or not whole(entry.get("shape"), 8)
        or not whole(entry.get("data_offsets"), 2)
        or len(entry["data_offsets"]) != 2
        or entry["data_offsets"][0] > entry["data_offsets"][1]
    ):
        raise _damaged(path, "the header of an array lacks type, shape or place")
    begin, end = entry["data_offsets"]
    return entry["dtype"], tuple(entry["shape"]), begin, end


def _bytes(path: Path, start: int, length: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(length)


def _damaged(path: Path, why: str) -> InputError:
    return InputError(f"{path} is a damaged .safetensors file: {why}; save it again.")


def _recognises(path: Path, head: bytes) -> bool:
    if head.startswith(b"PK\x03\x04") and head[8:9] != b"{":
        return False  # a zip of torch's by another ending
    return path.suffix.lower() == ".safetensors" or (head[8:9] == b"{" and head[5:8] == b"\0\0\0")


FORMAT = Format(name="safetensors", suffixes=(".safetensors",), recognises=_recognises, read=read)
