"""The .onnx file: a graph of operations with its weights, read without onnx.

Field numbers are those of onnx.proto (ONNX IR): ModelProto.graph 7, functions 25;
FunctionProto.name 1, node 7; GraphProto.node 1, name 2, initializer 5; NodeProto.input 1,
output 2, name 3, op_type 4, attribute 5, domain 7;
AttributeProto.name 1, f 2, i 3, s 4, t 5, g 6, floats 7, ints 8, strings 9; TensorProto.dims 1,
data_type 2, float_data 4, int32_data 5, int64_data 7, name 8, raw_data 9, double_data 10,
external_data 13, data_location 14.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from gradflow.errors import InputError
from gradflow.networks.formats.encodings.protobuf import fields, floats, signed, whole_numbers
from gradflow.networks.formats.encodings.stored import Contents, Stored
from gradflow.networks.formats.format import Format

__all__ = ["FORMAT", "Graph", "Node"]

_TYPES = {1: "float32", 6: "int32", 7: "int64", 10: "float16", 11: "float64", 16: "bfloat16"}
_OTHER = {2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 9: "bool", 12: "uint32", 13: "uint64"}
_WIDTH = {1: 4, 6: 4, 7: 8, 10: 2, 11: 8, 16: 2}
_LARGEST = 2**31
_DEEPEST = 20


@dataclass(frozen=True, eq=False, kw_only=True)
class Node:
    """One operation: its type, name, inputs and outputs by name, and its attributes."""

    operation: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Graph:
    """The operations of a graph in their order, its arrays, and the functions of its model."""

    nodes: list[Node] = field(default_factory=list)
    arrays: dict[str, Stored] = field(default_factory=dict)
    functions: dict[str, Graph] = field(default_factory=dict)


def read(path: Path) -> Contents:
    """Read the graph of a model and where its arrays lie, in the file or beside it.

    Raises ``InputError`` for a damaged file, one over 2 GB, and arrays in files that are not beside
    it.
    """
    if path.stat().st_size > _LARGEST:
        raise InputError(f"{path} is over 2 GB, which no .onnx file may be; check the path.")
    try:
        graph = None
        functions: dict[str, Graph] = {}
        for number, value in fields(path.read_bytes()):
            if number == 7 and isinstance(value, memoryview):
                graph = _graph(value, path, 0)
            elif number == 25 and isinstance(value, memoryview):
                functions |= _function(value, path)
    except InputError:
        raise
    except (ValueError, struct.error, UnicodeDecodeError, OverflowError):
        raise InputError(f"{path} is a damaged .onnx file; copy or export it again.") from None
    if graph is None or not graph.nodes:
        raise InputError(f"{path} holds no ONNX graph; export the model again.")
    graph.functions.update(functions)
    return Contents(arrays=graph.arrays, facts={"onnx": graph})


def _graph(message: memoryview, path: Path, depth: int) -> Graph:
    if depth > _DEEPEST:
        raise ValueError("too deep")
    graph = Graph()
    for number, value in fields(message):
        if number == 1 and isinstance(value, memoryview):
            node = _node(value, path, depth)
            graph.nodes.append(node)
            if node.operation == "Constant" and isinstance(node.attributes.get("value"), Stored):
                graph.arrays[node.outputs[0]] = node.attributes["value"]
        elif number == 5 and isinstance(value, memoryview):
            name, array = _array(value, path)
            graph.arrays[name] = array
    return graph


def _function(message: memoryview, path: Path) -> dict[str, Graph]:
    name, body = "", Graph()
    for number, value in fields(message):
        if number == 1:
            name = _text(value)
        elif number == 7 and isinstance(value, memoryview):
            body.nodes.append(_node(value, path, 1))
    return {name: body}


def _node(message: memoryview, path: Path, depth: int) -> Node:
    inputs: list[str] = []
    outputs: list[str] = []
    kept = {"name": "", "operation": ""}
    attributes: dict[str, Any] = {}
    for number, value in fields(message):
        if number == 1:
            inputs.append(_text(value))
        elif number == 2:
            outputs.append(_text(value))
        elif number == 3:
            kept["name"] = _text(value)
        elif number == 4:
            kept["operation"] = _text(value)
        elif number == 5 and isinstance(value, memoryview):
            name, found = _attribute(value, path, depth)
            attributes[name] = found
    return Node(inputs=tuple(inputs), outputs=tuple(outputs), attributes=attributes, **kept)


def _attribute(message: memoryview, path: Path, depth: int) -> tuple[str, Any]:
    name: str = ""
    found: Any = None
    lists: dict[int, list[Any]] = {7: [], 8: [], 9: []}
    for number, value in fields(message):
        if number == 1:
            name = _text(value)
        elif number == 2:
            found = floats(value)[0]
        elif number == 3 and isinstance(value, int):
            found = signed(value)
        elif number == 4:
            found = _text(value)
        elif number == 5 and isinstance(value, memoryview):
            found = _array(value, path)[1]
        elif number == 6 and isinstance(value, memoryview):
            found = _graph(value, path, depth + 1)
        elif number == 7:
            lists[7].extend(floats(value))
        elif number == 8:
            lists[8].extend(whole_numbers(value))
        elif number == 9:
            lists[9].append(_text(value))
    return name, next((v for v in lists.values() if v), found)


def _array(message: memoryview, path: Path) -> tuple[str, Stored]:
    shape: list[int] = []
    name, kind, raw, outside = "", 0, b"", False
    external: dict[str, str] = {}
    listed: dict[int, list[Any]] = {4: [], 5: [], 7: [], 10: []}
    for number, value in fields(message):
        if number == 1:
            shape.extend(whole_numbers(value))
        elif number == 2 and isinstance(value, int):
            kind = value
        elif number == 4:
            listed[4].extend(floats(value))
        elif number in (5, 7):
            listed[number].extend(whole_numbers(value))
        elif number == 8:
            name = _text(value)
        elif number == 9 and isinstance(value, memoryview):
            raw = bytes(value)
        elif number == 10 and isinstance(value, memoryview):
            listed[10].extend(one for (one,) in struct.iter_unpack("<d", value))
        elif number == 13 and isinstance(value, memoryview):
            pair = {n: _text(v) for n, v in fields(value)}
            external[pair.get(1, "")] = pair.get(2, "")
        elif number == 14:
            outside = value == 1
    if any(extent < 0 or extent >= 2**48 for extent in shape):
        raise ValueError("a negative extent")
    size = math.prod(shape) * _WIDTH.get(kind, 1)
    if outside:
        reading = partial(_beside, path, external, size)
    else:
        packed = raw or _packed(kind, listed)
        reading = partial(bytes, packed)
    dtype = _TYPES.get(kind) or _OTHER.get(kind, "another type")
    return name, Stored(shape=tuple(shape), dtype=dtype, raw=reading)


def _packed(kind: int, listed: dict[int, list[Any]]) -> bytes:
    """Return the bytes of numbers that stand in a list of their own type."""
    if kind == 1:
        return struct.pack(f"<{len(listed[4])}f", *listed[4])
    if kind == 11:
        return struct.pack(f"<{len(listed[10])}d", *listed[10])
    if kind == 7:
        return struct.pack(f"<{len(listed[7])}q", *listed[7])
    if kind == 6:
        return struct.pack(f"<{len(listed[5])}i", *listed[5])
    if kind in (10, 16):
        return struct.pack(f"<{len(listed[5])}H", *(v & 0xFFFF for v in listed[5]))
    return b""


def _beside(path: Path, external: dict[str, str], size: int) -> bytes:
    """Return the bytes of an array in a file beside the model."""
    name = external.get("location", "")
    beside = path.parent / Path(name).name
    if not name or Path(name).name != name or not beside.is_file() or beside.is_symlink():
        raise InputError(
            f"{path} keeps its weights in a file that is not beside it; put that file (usually "
            f"{path.name}.data) into the same folder."
        )
    try:
        begin, length = int(external.get("offset", "0")), int(external.get("length", size))
    except ValueError:
        begin = length = -1
    if begin < 0 or length != size or begin + length > beside.stat().st_size:
        raise InputError(
            f"{path}: an array lies outside the file of weights beside it; export the model again."
        )
    with beside.open("rb") as file:
        file.seek(begin)
        return file.read(length)


def _text(value: int | memoryview) -> str:
    if isinstance(value, int):
        raise ValueError("no text")
    return bytes(value).decode("utf-8")


FORMAT = Format(
    name="ONNX",
    suffixes=(".onnx",),
    recognises=lambda path, head: path.suffix.lower() == ".onnx",
    read=read,
)
