"""Text files that are either whole or absent."""

from __future__ import annotations

import os

from gradflow.figures.files import write_atomically

__all__ = ["write_text_atomically"]


def write_text_atomically(path: str | os.PathLike[str], text: str) -> None:
    """Write ``text`` to ``path`` in UTF-8 as :func:`gradflow.figures.write_atomically` does.

    Parameters
    ----------
    path : path-like
        Where the file goes.
    text : str
        What it holds; line ends are written as they are.

    Raises
    ------
    UsageError
        The file cannot be written there; the sentence says why.
    UnicodeEncodeError
        The text has lone surrogates, which no file in UTF-8 can hold.
    """
    write_atomically(path, text.encode("utf-8"))
