"""Processes that look at what others wrote, and the limits that they put on themselves."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

_ROOT = str(Path(__file__).resolve().parents[2])


def command_of(module: str) -> list[str]:
    """Return the command that runs a module of gradflow in a process of its own.

    The folder one happens to be in, which may be somebody else's, is no place to import from.
    """
    return [sys.executable, "-P", "-m", module]


def environment() -> dict[str, str]:
    """Return the environment of such a process: one thread, and the gradflow that started it."""
    path = os.pathsep.join([_ROOT, *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def limited(command: list[str], seconds: float, memory: int, files: int) -> list[str]:
    """Return the command that sets limits and then becomes ``command``; see :func:`limit`.

    A process of its own sets them, since code between fork and exec is unsafe where a library of
    this one runs threads. Where the system knows no such limits it is ``command`` itself.
    """
    if find_spec("resource") is None:
        return command
    return [sys.executable, "-P", __file__, str(seconds), str(memory), str(files), *command]


def limit(seconds: float, memory: int, files: int) -> None:
    """Bound this process: seconds of work, bytes of memory, bytes of any file it writes.

    Where the system knows no such limits nothing happens; who waits for the process must then
    watch the clock.
    """
    if find_spec("resource") is None:
        return
    import resource

    for what, value in (
        (resource.RLIMIT_CPU, int(seconds) + 1),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, files),
        (resource.RLIMIT_CORE, 0),
    ):
        _, most = resource.getrlimit(what)
        if most != resource.RLIM_INFINITY:
            value = min(value, most)
        resource.setrlimit(what, (value, value))


if __name__ == "__main__":
    limit(float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    try:
        os.execvp(sys.argv[4], sys.argv[4:])
    except OSError as error:
        print(f"{sys.argv[4]} cannot be started ({error.strerror})", file=sys.stderr)
        sys.exit(127)
