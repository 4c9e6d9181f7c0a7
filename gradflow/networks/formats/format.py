"""What a format of weight files is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gradflow.networks.formats.encodings.stored import Contents

__all__ = ["Format"]


@dataclass(frozen=True, kw_only=True)
class Format:
    """One kind of file, or folder, that holds the weights of a network.

    Parameters
    ----------
    name
        What it is, in words: ``"safetensors"``.
    suffixes
        Endings of such files, in small letters with the dot.
    recognises
        Whether the path and the first 4096 bytes (none for a folder) look like one.
    read
        Returns what the file holds. What it cannot use is an ``InputError``, one sentence without a
        byte of the file in it. It never runs anything in the file.
    """

    name: str
    suffixes: tuple[str, ...]
    recognises: Callable[[Path, bytes], bool]
    read: Callable[[Path], Contents]
