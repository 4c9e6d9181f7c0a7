"""The .pt and .pth file: what torch.save writes, read without torch and without unpickling.

A zip of a pickle and one member a storage; before torch 1.6, pickles in a row and the storages
behind them. Of the pickle only tensors, tables and lists are kept; what else it would have made is
never made (`gradflow.networks.formats.encodings.pickled`).
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gradflow.errors import InputError
from gradflow.networks.formats.encodings.left_out import PICKLED, QUANTISED, kind_of
from gradflow.networks.formats.encodings.pickled import Call, Global, Persistent, description_of
from gradflow.networks.formats.encodings.stored import Contents, Stored
from gradflow.networks.formats.encodings.tables import highest, leaves, table_of, visited
from gradflow.networks.formats.encodings.zipped import member, opened
from gradflow.networks.formats.format import Format

__all__ = ["FORMAT"]

_LONGEST = 256 * 2**20
_TYPES = {
    "HalfStorage": ("float16", 2),
    "BFloat16Storage": ("bfloat16", 2),
    "FloatStorage": ("float32", 4),
    "DoubleStorage": ("float64", 8),
    "LongStorage": ("int64", 8),
    "IntStorage": ("int32", 4),
    "ShortStorage": ("int16", 2),
    "CharStorage": ("int8", 1),
    "ByteStorage": ("uint8", 1),
    "BoolStorage": ("bool", 1),
    "ComplexFloatStorage": ("complex64", 8),
    "ComplexDoubleStorage": ("complex128", 16),
}
_REBUILD = {"_rebuild_tensor_v2", "_rebuild_tensor", "_rebuild_tensor_v3"}
_REPEATED = 2**22  # numbers that a tensor may have beyond those of its storage, by strides of 0
_MAGIC = 0x1950A86A20F9469CFC6C
_EXPORT = (
    "model = torch.load(FILE, weights_only=False)  # only if you trust the file\n"
    'torch.save(model.state_dict(), "weights.pt")'
)


def read(path: Path) -> Contents:
    """Read the tensors of a state_dict or a checkpoint.

    Raises
    ------
    InputError
        A damaged file, tensors that lie outside their storage, TorchScript, or a pickled module
        (the message says how to save its state_dict).
    """
    with path.open("rb") as file:
        zipped = file.read(2) == b"PK"
    found = _zipped(path) if zipped else _legacy(path)
    kinds = set(found.others.values())
    if found.arrays or QUANTISED in kinds:
        return found
    if PICKLED in kinds:
        raise InputError(
            f"{path} holds no table of tensors with numbers; if it is a whole pickled module, "
            "which can only be made by running code, save its state_dict instead: "
            f"{_one_line(_EXPORT)}."
        )
    name, kind = next(iter(found.others.items()))
    plain = name.isascii() and name.isprintable() and 0 < len(name) < 80
    more = f", and {len(found.others) - 1} more" if len(found.others) > 1 else ""
    raise InputError(
        f"{path} holds no tensor with numbers ({name if plain else 'it'} is {kind}{more}); save "
        'the state_dict of the module: torch.save(model.state_dict(), "weights.pt").'
    )


def _zipped(path: Path) -> Contents:
    with opened(path) as archive:
        names = archive.namelist()
        pickles = [n for n in names if n.endswith("data.pkl")]
        if any(n.endswith("constants.pkl") for n in names):
            raise InputError(
                f"{path} is TorchScript, a program; save the weights instead: "
                "model = torch.jit.load(FILE); torch.save(model.state_dict(), 'weights.pt')."
            )
        if len(pickles) != 1:
            raise InputError(
                f"{path} is a zip file without the one data.pkl that torch.save writes; save the "
                "state_dict with torch.save."
            )
        content = member(archive, pickles[0], _LONGEST)
        folder = pickles[0][: -len("data.pkl")]
        order = f"{folder}byteorder"
        big = order in names and member(archive, order, 64).strip() == b"big"
    described = description_of(io.BytesIO(content), str(path))

    def storage(key: str) -> bytes:
        with opened(path) as archive:
            if f"{folder}data/{key}" not in archive.namelist():
                raise InputError(f"{path} lacks the numbers of a tensor; copy or save it again.")
            return member(archive, f"{folder}data/{key}")

    return _tensors(described, storage, path, big)


def _legacy(path: Path) -> Contents:
    if path.stat().st_size > 2**32:
        raise InputError(f"{path} is over 4 GB; save the network's state_dict with a newer torch.")
    stream = io.BytesIO(path.read_bytes())
    magic = description_of(stream, str(path))
    if magic != _MAGIC:
        raise InputError(
            f"{path} is a pickle that torch.save did not write, which can only be used by running "
            "code; save arrays by numpy.savez or a state_dict by torch.save."
        )
    description_of(stream, str(path))  # the version of the protocol
    system = description_of(stream, str(path))
    described = description_of(stream, str(path))
    keys = description_of(stream, str(path))
    places, content = {}, stream.getbuffer()
    sizes = {s.key: s.items * s.width for s in _storages(described)}
    at = stream.tell()
    for key in keys if isinstance(keys, list) else []:
        places[str(key)] = (at + 8, sizes.get(str(key), 0))
        at += 8 + sizes.get(str(key), 0)
    if at > len(content):
        raise InputError(f"{path} is truncated: tensors are missing; copy or save it again.")

    def storage(key: str) -> bytes:
        if key not in places:
            raise InputError(f"{path} lacks the numbers of a tensor; copy or save it again.")
        begin, size = places[key]
        return bytes(content[begin : begin + size])

    big = isinstance(system, dict) and system.get("little_endian") is False
    return _tensors(described, storage, path, big)


@dataclass(frozen=True)
class _Storage:
    dtype: str
    width: int
    key: str
    items: int


def _storage_of(reference: Any) -> _Storage | None:
    if not isinstance(reference, Persistent) or not isinstance(reference.id, tuple):
        return None
    parts = reference.id
    if len(parts) < 5 or parts[0] != "storage" or not isinstance(parts[1], Global):
        return None
    dtype, width = _TYPES.get(parts[1].name, (parts[1].name, 1))
    key, items = parts[2], parts[4]
    if not isinstance(key, str) or type(items) is not int or not 0 <= items < 2**48:
        return None
    return _Storage(dtype, width, key, items)


def _storages(root: Any) -> Iterator[_Storage]:
    for _, value in leaves(root):
        tensor = _tensor(value)
        if tensor is not None:
            yield tensor[0]


def _tensor(value: Any) -> tuple[_Storage, int, tuple[int, ...], tuple[int, ...]] | None:
    """Return storage, offset, shape and strides of a call that would have made a tensor."""
    while (
        isinstance(value, Call)
        and isinstance(value.of, Global)
        and value.of.name in ("_rebuild_parameter", "_rebuild_parameter_with_state")
        and isinstance(value.arguments, tuple)
        and value.arguments
    ):
        value = value.arguments[0]
    if (
        not isinstance(value, Call)
        or not isinstance(value.of, Global)
        or value.of.module != "torch._utils"
        or value.of.name not in _REBUILD
        or not isinstance(value.arguments, tuple)
        or len(value.arguments) < 4
    ):
        return None
    storage = _storage_of(value.arguments[0])
    offset, shape, strides = value.arguments[1:4]
    whole = [offset, *_extents(shape), *_extents(strides)]
    if storage is None or not all(type(v) is int and 0 <= v < 2**48 for v in whole):
        return None
    if len(_extents(shape)) != len(_extents(strides)):
        return None
    typed = value.arguments[6:7]
    if value.of.name == "_rebuild_tensor_v3" and typed and isinstance(typed[0], Global):
        storage = replace(storage, dtype=typed[0].name)  # its storage has no type
    return storage, offset, tuple(_extents(shape)), tuple(_extents(strides))


def _extents(value: Any) -> list[Any]:
    if isinstance(value, Call):  # torch.Size
        value = value.arguments[0] if isinstance(value.arguments, tuple) and value.arguments else ()
    return list(value) if isinstance(value, tuple | list) and len(value) <= 16 else [None]


def _tensors(described: Any, storage: Callable[[str], bytes], path: Path, big: bool) -> Contents:
    found: dict[str, Stored] = {}
    others = {}
    for name, value in leaves(described):
        tensor = _tensor(value)
        if tensor is None:
            table = table_of(value)
            others[name] = kind_of(value) if table is None else "empty" if not table else "a copy"
            continue
        kept, offset, shape, strides = tensor
        last = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
        repeated = math.prod(shape) > max(kept.items, _REPEATED)
        if 0 not in shape and (last >= kept.items or repeated):
            raise InputError(
                f"{path}: a tensor reaches beyond its numbers; the file is damaged, so save it "
                "again."
            )
        found[".".join(name)] = Stored(
            shape=shape,
            dtype=kept.dtype,
            raw=partial(_gathered, storage, kept, offset, shape, strides, big, path),
        )
    lists = [
        ".".join(name)
        for name, value, entered in visited(described)
        if entered and isinstance(value, list | tuple)
    ]
    return Contents(arrays=found, others=highest(others, found), facts={"lists": tuple(lists)})


def _gathered(
    storage: Callable[[str], bytes],
    kept: _Storage,
    offset: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    big: bool,
    path: Path,
) -> bytes:
    raw = storage(kept.key)
    if len(raw) < kept.items * kept.width:
        raise InputError(f"{path} is truncated: numbers are missing; copy or save it again.")
    words = np.frombuffer(raw, f"{'>' if big else '<'}u{kept.width}", kept.items)
    if 0 in shape:
        return b""
    view = np.lib.stride_tricks.as_strided(
        words[offset:], shape, [s * kept.width for s in strides], writeable=False
    )
    return np.ascontiguousarray(view, f"<u{kept.width}").tobytes()


def _one_line(code: str) -> str:
    return "; ".join(line.split("  #")[0] for line in code.splitlines())


def _recognises(path: Path, head: bytes) -> bool:
    if path.suffix.lower() in (".pt", ".pth", ".ckpt", ".bin"):
        return head.startswith(b"PK") or head[:1] == b"\x80" or path.suffix.lower() != ".bin"
    return head[:1] == b"\x80" or (head.startswith(b"PK") and b"data.pkl" in head)


FORMAT = Format(name="torch", suffixes=(".pt", ".pth", ".ckpt"), recognises=_recognises, read=read)
