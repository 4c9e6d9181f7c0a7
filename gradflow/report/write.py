"""Files that are either whole or absent."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from gradflow.errors import UsageError

__all__ = ["write_text_atomically"]


def write_text_atomically(path: str | os.PathLike[str], text: str) -> None:
    """Write ``text`` to ``path`` in UTF-8, so that no reader ever sees half of it.

    The text is written aside, in the same folder, and renamed; missing folders are created. When
    anything fails, the file that was at ``path`` before is still there, unchanged. A symbolic link
    keeps pointing where it did, and the file it points to is replaced.

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
    content = text.encode("utf-8")
    try:
        target = Path(path).resolve()
        # A rename would put an ordinary file in place of a device such as /dev/null.
        if target.exists() and not target.is_file():
            raise UsageError(f"{path} is not an ordinary file; choose a file name to write to")
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.parent / f".{secrets.token_hex(8)}.part"
        try:
            with aside.open("xb") as file:
                file.write(content)
            aside.replace(target)
        finally:
            aside.unlink(missing_ok=True)
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"{path} cannot be written: {reason}; choose a folder that exists or can be made, "
            "with room and the right to write"
        ) from error
