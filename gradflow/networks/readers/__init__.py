"""Readers of files of numbers, one kind of file a module.

Another package adds its own by an entry point of the group ``gradflow.readers``, or by
``READERS.register("mine", Reader(...))``; its files are then read wherever an input is.
"""

from __future__ import annotations

from gradflow.networks.readers.reader import Reader
from gradflow.registry import Registry

__all__ = ["READERS", "Reader", "kinds", "reader_of"]

READERS: Registry[Reader] = Registry(
    kind="reader",
    group="gradflow.readers",
    type="gradflow.networks.readers.reader:Reader",
    own={name: f"gradflow.networks.readers.{name}:READER" for name in ("npy", "npz", "csv")},
    advice="make your own by Reader(suffixes=..., reads=..., read=...)",
)


def reader_of(suffix: str) -> Reader | None:
    """Return the reader of files that end in ``suffix``, in whatever case; text has none."""
    return next((one for one in READERS if suffix.lower() in one.suffixes), None)


def kinds() -> str:
    """Return what an input may be, for messages."""
    known = [suffix for one in READERS for suffix in one.suffixes]
    return f"a {', '.join(known)} or UTF-8 text file"
