"""What made a file: the versions of everything that computed it, and the command."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from gradflow import __version__

__all__ = ["command", "readable", "versions"]

_LIBRARIES = ("numpy", "scipy", "sympy", "matplotlib")


def versions(libraries: Sequence[str] = _LIBRARIES) -> dict[str, str]:
    """Return the versions of gradflow, Python and the libraries that are installed, by name.

    >>> list(versions(("numpy", "no such library")))
    ['gradflow', 'python', 'numpy']
    """
    found = {"gradflow": __version__, "python": platform.python_version()}
    for name in libraries:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def command(*words: object) -> str:
    """Return the words of a command line as a shell reads them, without ``None`` and ``False``.

    >>> command("gradflow", "report", "my cell.py", "--seed", 0)
    "gradflow report 'my cell.py' --seed 0"
    """
    return readable(shlex.join(str(w) for w in words if w is not None and w is not False))


def readable(name: str) -> str:
    r"""Return a name that the system gave, such as a file's, as text that UTF-8 can hold.

    Python keeps bytes that its encoding cannot read as lone surrogates. They are read as UTF-8,
    which they are where the locale alone is ASCII, and what is none is marked.

    >>> readable("caf\udcc3\udca9"), ascii(readable("x\udcff"))
    ('café', "'x\\ufffd'")
    """
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
