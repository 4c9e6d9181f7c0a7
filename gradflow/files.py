"""Files that are either whole or absent."""

from __future__ import annotations

import json
import math
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gradflow.errors import UsageError
from gradflow.given import path

__all__ = ["json_text", "require_folder", "write_atomically"]


def json_text(data: Any, *, indent: int = 2, ascii_only: bool = False) -> str:
    """Return data as JSON, which knows no infinity: what is infinite or unknown is null.

    Examples
    --------
    >>> json_text({"horizon": math.inf, "steps": [1, 2.5]}, indent=0).replace(chr(10), " ")
    '{ "horizon": null, "steps": [ 1, 2.5 ] }'
    """
    return json.dumps(_finite(data), indent=indent, ensure_ascii=ascii_only, allow_nan=False)


def _finite(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {name: _finite(value) for name, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


def write_atomically(path: str | os.PathLike[str], content: bytes | str) -> None:
    """Write ``content``, text in UTF-8, to ``path`` so that no reader ever sees half of it.

    It is written aside, in the same folder, and renamed; missing folders are created. When anything
    fails, the file that was at ``path`` before is still there, unchanged. A symbolic link keeps
    pointing where it did, and the file it points to is replaced.

    Raises
    ------
    UsageError
        The file cannot be written there; the sentence says why.
    UnicodeEncodeError
        Text with lone surrogates, which no file in UTF-8 can hold.
    """
    if isinstance(content, str):
        content = content.encode("utf-8")
    try:
        target = Path(path).resolve()
        # A rename would put an ordinary file in place of a device such as /dev/null.
        if target.exists() and not target.is_file():
            raise UsageError(f"{path} is not an ordinary file; choose a file name to write to.")
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.parent / f".{secrets.token_hex(8)}.part"
        try:
            with aside.open("xb") as file:
                file.write(content)
            aside.replace(target)
        finally:
            aside.unlink(missing_ok=True)
    except (OSError, RuntimeError) as error:
        raise _unwritable(path, error) from error


def require_folder(out: str | os.PathLike[str]) -> Path:
    """Return the folder ``out``, made if it was missing, once a file can be written into it.

    Asked before a long computation, so that it is not done in vain. Raises ``UsageError``.
    """
    folder = path(out, "out")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial = folder / f".{secrets.token_hex(8)}.part"
        trial.touch()
        trial.unlink()
    except (OSError, RuntimeError, ValueError) as error:
        raise _unwritable(out, error) from error
    return folder


def _unwritable(path: object, error: Exception) -> UsageError:
    reason = getattr(error, "strerror", None) or error
    return UsageError(
        f"{path} cannot be written: {reason}; choose a folder that exists or can be made, "
        "with room and the right to write."
    )
