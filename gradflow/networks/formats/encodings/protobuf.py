"""Fields of a protocol-buffer message, as they stand on the wire.

The few messages that weights need are read by field number, so that no generated code and no
library of the format is wanted. Encoding: https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

__all__ = ["fields", "floats", "signed", "whole_numbers"]


def fields(message: bytes | memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield (field number, value): whole numbers as they are, bytes as a view, floats as bytes.

    Raises ``ValueError`` for what is no message.

    >>> message = bytes([8, 150, 1, 18, 1, 65])
    >>> [(n, v if isinstance(v, int) else bytes(v)) for n, v in fields(message)]
    [(1, 150), (2, b'A')]
    """
    view = memoryview(message)
    at = 0
    while at < len(view):
        key, at = _varint(view, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = _varint(view, at)
            yield number, value
            continue
        if kind == 2:
            length, at = _varint(view, at)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError("unknown wire type")
        if number == 0 or length > len(view) - at:
            raise ValueError("a field reaches beyond its message")
        yield number, view[at : at + length]
        at += length


def _varint(view: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(view) or shift > 63:
            raise ValueError("a number does not end")
        byte = view[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def signed(value: int) -> int:
    """Return a 64-bit number as the signed one it stands for."""
    value &= 2**64 - 1
    return value - 2**64 if value >= 2**63 else value


def whole_numbers(value: int | memoryview) -> list[int]:
    """Return the whole numbers of a repeated field, packed or not."""
    if isinstance(value, int):
        return [signed(value)]
    found, at = [], 0
    while at < len(value):
        one, at = _varint(value, at)
        found.append(signed(one))
    return found


def floats(value: int | memoryview) -> list[float]:
    """Return the 32-bit numbers of a repeated field, packed or not."""
    if isinstance(value, int):
        raise ValueError("no float")
    return [one for (one,) in struct.iter_unpack("<f", value)]
