"""Limits that a process puts on itself before it looks at what others wrote."""

from __future__ import annotations

from importlib.util import find_spec


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
