"""The index of weights in several files: ``model.safetensors.index.json`` beside its shards."""

from __future__ import annotations

import json
from pathlib import Path

from gradflow.errors import InputError
from gradflow.networks.formats.encodings.stored import Contents, Stored
from gradflow.networks.formats.format import Format
from gradflow.networks.formats.safetensors import arrays_of

__all__ = ["FORMAT"]


def read(path: Path) -> Contents:
    """Read an index and the headers of its shards, which lie in the same folder.

    Raises ``InputError`` for an index of another form, a shard that is missing or lies elsewhere,
    and an array that its shard does not hold.
    """
    if path.stat().st_size > 100 * 2**20:
        raise InputError(
            f"{path} is over 100 MB; an index of shards is shorter, so check the path."
        )
    try:
        index = json.loads(path.read_bytes())
        table = index["weight_map"]
        pairs = [(str(name), str(shard)) for name, shard in table.items()]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InputError(
            f"{path} has no table 'weight_map' of arrays and files; name the index that lies "
            "beside the shards, or one of the shards."
        ) from None
    shards: dict[str, dict[str, Stored]] = {}
    found = {}
    for name, shard in pairs:
        if shard not in shards:
            beside = path.parent / Path(shard).name
            if Path(shard).name != shard or not beside.is_file():
                raise InputError(
                    f"{path} names a file of weights that is not beside it; put all shards into "
                    "the folder of the index."
                )
            shards[shard] = arrays_of(beside)
        if name not in shards[shard]:
            raise InputError(f"{path} names an array that its file lacks; save the network again.")
        found[name] = shards[shard][name]
    return Contents(arrays=found)


FORMAT = Format(
    name="safetensors in shards",
    suffixes=(".safetensors.index.json",),
    recognises=lambda path, head: path.name.lower().endswith(".index.json"),
    read=read,
)
