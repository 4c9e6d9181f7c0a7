"""The folder of compiled code: whose it has to be, and files that are whole or as good as absent.

What is kept here is machine code, so to read a file is to let whoever wrote it run anything. A
folder is used only if nobody but the user and root can change what it holds:

- it belongs to one of them and others may not write to it;
- the same holds of every folder above it, links followed, but that all may write to one with the
  sticky bit, such as ``/tmp``, where nobody renames what is another's;
- the user's private group, which has the user's name and no other member, counts as the user.

A file must be an ordinary one that fulfils the first of these, no link, and hold the digest of its
content. Where folder or file does not, nothing is read, and nothing is written into the folder:
the code is compiled in each process. So it is where the folder is read-only, the disk is full, or
there is no home.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import tempfile
from contextlib import suppress
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_MAGIC = b"gradflow compiled 1\n"
_START = len(_MAGIC) + hashlib.sha256().digest_size
_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def chosen_folder() -> Path | None:
    """Return the folder for compiled code, ``GRADFLOW_CACHE`` or the user's cache, if any."""
    try:
        if named := os.environ.get("GRADFLOW_CACHE"):
            return Path(named).expanduser()
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gradflow"
    except RuntimeError:  # a user without a home
        return None


def is_trusted(folder: Path) -> bool:
    """Whether nobody but the user and root can change what a folder that exists holds."""
    if os.name != "posix":
        return True
    try:
        whole = folder.resolve(strict=True)
        if not _is_own(found := os.stat(whole)) or not stat.S_ISDIR(found.st_mode):
            return False
        above = [os.stat(each) for each in whole.parents]
    except (OSError, RuntimeError):
        return False
    return all(_is_own(each, sticky=True) for each in above)


def _is_own(found: os.stat_result, sticky: bool = False) -> bool:
    if found.st_uid not in (os.geteuid(), 0):
        return False
    writers = found.st_mode & _OTHERS
    if writers and sticky and found.st_mode & stat.S_ISVTX:
        return True
    return not writers or (writers == stat.S_IWGRP and _is_private(found.st_gid))


@cache
def _is_private(group: int) -> bool:
    import grp
    import pwd

    try:
        user, found = pwd.getpwuid(os.geteuid()), grp.getgrgid(group)
    except KeyError:
        return False
    alone = not set(found.gr_mem) - {user.pw_name}
    return group == user.pw_gid and found.gr_name == user.pw_name and alone


def kept(name: str) -> bytes | None:
    """Return what was kept under a name; ``None`` where there is nothing whole and trusted."""
    folder = chosen_folder()
    if folder is None or not is_trusted(folder):
        return None
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        handle = os.open(folder / name, flags | getattr(os, "O_BINARY", 0))
        with os.fdopen(handle, "rb") as file:
            found = os.fstat(handle)
            if os.name == "posix" and not (stat.S_ISREG(found.st_mode) and _is_own(found)):
                return None
            content = file.read()
    except OSError:
        return None
    payload = content[_START:]
    whole = content[:_START] == _MAGIC + hashlib.sha256(payload).digest()
    return payload if whole else None


def keep(name: str, payload: bytes) -> None:
    """Keep ``payload`` under a name, all of it or nothing: aside, then renamed.

    Others may do the same at the same time. Where it cannot be kept, nothing happens.
    """
    folder = chosen_folder()
    with suppress(OSError):
        if folder is None:
            return
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not is_trusted(folder):
            return
        handle, aside = tempfile.mkstemp(prefix=".", suffix=".part", dir=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_MAGIC + hashlib.sha256(payload).digest() + payload)
            os.replace(aside, folder / name)
        finally:
            with suppress(OSError):
                os.remove(aside)


@cache
def versions() -> str:
    """Return what a name has in the middle: whose compiled code it is, Python's and numba's."""
    try:
        return f"{sys.implementation.cache_tag}-numba-{version('numba')}"
    except PackageNotFoundError:
        return f"{sys.implementation.cache_tag}"


def all_kept() -> frozenset[str]:
    """Return what the folder holds for these versions, as module.function."""
    folder = chosen_folder()
    try:
        return frozenset() if folder is None else _listed(folder, os.stat(folder).st_mtime_ns)
    except OSError:
        return frozenset()


@lru_cache(maxsize=4)
def _listed(folder: Path, changed: int) -> frozenset[str]:
    if not is_trusted(folder):
        return frozenset()
    middle = f".{versions()}."
    return frozenset(name.partition(middle)[0] for name in os.listdir(folder) if middle in name)
