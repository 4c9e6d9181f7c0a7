"""The .msgpack file of Flax: nested tables whose arrays are an extension of msgpack.

Extension 1 holds msgpack of (shape, name of the type, bytes), as flax.serialization writes it; the
encoding is that of https://github.com/msgpack/msgpack/blob/master/spec.md.
"""

from __future__ import annotations

import struct
from functools import partial
from pathlib import Path
from typing import Any

from gradflow.errors import InputError
from gradflow.networks.formats.encodings.stored import Contents, Stored
from gradflow.networks.formats.format import Format

__all__ = ["FORMAT"]

_DEEPEST = 50
_FIXED = {
    0xCA: ">f",
    0xCB: ">d",
    0xCC: ">B",
    0xCD: ">H",
    0xCE: ">I",
    0xCF: ">Q",
    0xD0: ">b",
    0xD1: ">h",
    0xD2: ">i",
    0xD3: ">q",
}
_WORDS = {0xC0: None, 0xC2: False, 0xC3: True}
# type byte: format of the length that follows
_BYTES = {0xC4: ">B", 0xC5: ">H", 0xC6: ">I", 0xD9: ">B", 0xDA: ">H", 0xDB: ">I"}
_LISTS = {0xDC: ">H", 0xDD: ">I"}
_TABLES = {0xDE: ">H", 0xDF: ">I"}
_EXTENSIONS = {0xC7: ">B", 0xC8: ">H", 0xC9: ">I"}
_ONE = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}


def read(path: Path) -> Contents:
    """Read the arrays of a tree of parameters. Raises ``InputError`` for a damaged file."""
    if path.stat().st_size > 2**32:
        raise InputError(f"{path} is over 4 GB; save the recurrent layers alone.")
    try:
        reader = _Reader(memoryview(path.read_bytes()))
        tree = reader.value(0)
        found: dict[str, Stored] = {}
        _collect(tree, "", found)
    except (ValueError, struct.error, IndexError, UnicodeDecodeError, TypeError, RecursionError):
        raise InputError(f"{path} is a damaged .msgpack file; copy or save it again.") from None
    return Contents(arrays=found)


class _Reader:
    """A place in the bytes, moved on by every value."""

    def __init__(self, view: memoryview) -> None:
        self.view, self.at = view, 0

    def take(self, count: int) -> memoryview:
        if count > len(self.view) - self.at:
            raise ValueError("truncated")
        self.at += count
        return self.view[self.at - count : self.at]

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def value(self, depth: int) -> Any:
        if depth > _DEEPEST:
            raise ValueError("too deep")
        kind = self.take(1)[0]
        if kind < 0x80:
            return kind
        if kind >= 0xE0:
            return kind - 256
        if kind < 0x90:
            return self.table(kind & 15, depth)
        if kind < 0xA0:
            return self.items(kind & 15, depth)
        if kind < 0xC0:
            return bytes(self.take(kind & 31)).decode()
        if kind in _WORDS:
            return _WORDS[kind]
        if kind in _FIXED:
            return self.number(_FIXED[kind])
        if kind in _BYTES:
            raw = self.take(self.number(_BYTES[kind]))
            return bytes(raw).decode() if kind >= 0xD9 else raw
        if kind in _LISTS:
            return self.items(self.number(_LISTS[kind]), depth)
        if kind in _TABLES:
            return self.table(self.number(_TABLES[kind]), depth)
        if kind in _EXTENSIONS:
            return self.extension(self.number(_EXTENSIONS[kind]))
        if kind in _ONE:
            return self.extension(_ONE[kind])
        raise ValueError("unknown type")

    def items(self, count: int, depth: int) -> list[Any]:
        return [self.value(depth + 1) for _ in range(count)]

    def table(self, count: int, depth: int) -> dict[str, Any]:
        found = {}
        for _ in range(count):
            key = self.value(depth + 1)
            found[str(key) if isinstance(key, str | int) else ""] = self.value(depth + 1)
        return found

    def extension(self, length: int) -> Any:
        kind = self.number(">b")
        raw = self.take(length)
        if kind != 1:
            return None
        shape, dtype, numbers = _Reader(raw).value(_DEEPEST - 2)
        extents = tuple(int(n) for n in shape)
        if any(n < 0 or n >= 2**48 for n in extents):
            raise ValueError("a negative extent")
        plain = isinstance(dtype, str) and dtype.isascii() and dtype.isidentifier()
        name = dtype if plain and len(dtype) < 20 else "another type"
        return Stored(shape=extents, dtype=name, raw=partial(bytes, numbers))


def _collect(tree: Any, prefix: str, found: dict[str, Stored]) -> None:
    if isinstance(tree, Stored):
        found[prefix] = tree
    elif isinstance(tree, dict):
        if "__msgpack_chunked_array__" in tree:
            raise ValueError("an array in chunks")
        for key, value in tree.items():
            _collect(value, f"{prefix}.{key}" if prefix else key, found)
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            _collect(value, f"{prefix}.{index}" if prefix else str(index), found)


FORMAT = Format(
    name="msgpack of Flax",
    suffixes=(".msgpack",),
    recognises=lambda path, head: path.suffix.lower() in (".msgpack", ".flax"),
    read=read,
)
