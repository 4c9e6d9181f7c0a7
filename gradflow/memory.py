"""How much memory a computation may take, and the refusal of one that would take more.

What a call will need is known from its sizes alone, so it is asked for before anything is made:
``require`` either returns or raises at once, with the number of bytes and what to ask instead. A
call may take 3.2 GB for its arrays, or half of the memory that is free if that is less; the
environment variable ``GRADFLOW_MEMORY`` names another number of bytes.
"""

from __future__ import annotations

import math
import os
from contextlib import suppress
from pathlib import Path

from gradflow.errors import UsageError

__all__ = ["CHUNK", "FLOAT", "as_bytes", "budget", "require", "rows_together"]

# Bytes of a float64.
FLOAT = 8
# Bytes that a long run makes at a time where it streams.
CHUNK = 2**26
_MOST = 3_200_000_000
# So little is not asked about.
_SMALL = 2**26
_UNITS = ((10**18, "EB"), (10**15, "PB"), (10**12, "TB"), (10**9, "GB"), (10**6, "MB"))


def budget() -> int:
    """Return the bytes that one call may take. Raises ``UsageError`` for a wrong setting."""
    given = os.environ.get("GRADFLOW_MEMORY")
    if given is None:
        return min(_MOST, _free() // 2)
    try:
        number = float(given)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 1):
        raise UsageError(
            f"GRADFLOW_MEMORY is {given!r}; it must be a number of bytes, such as 8e9, so set it "
            "or unset it."
        )
    return int(number)


def require(needed: int, where: str, what: str, instead: str) -> None:
    """Raise ``UsageError`` if so many bytes are more than a call may take.

    Parameters
    ----------
    needed
        Bytes, of all arrays that exist at one time.
    where, what
        Beginning of the message: the call, and what would take the memory.
    instead
        What to ask instead, in the imperative.

    >>> require(8 * 10**16, "run", "10^16 states", "give fewer steps")
    Traceback (most recent call last):
    gradflow.errors.UsageError: run: 10^16 states would take 80 PB (80000000000000000 bytes), ...
    """
    if needed <= _SMALL:
        return
    may = budget()
    if needed > may:
        exact = f" ({needed} bytes)" if needed < 10**21 else ""
        raise UsageError(
            f"{where}: {what} would take {as_bytes(needed)}{exact}, and {as_bytes(may)} may be "
            f"taken; {instead}, or set GRADFLOW_MEMORY to allow more."
        )


def as_bytes(number: int) -> str:
    """Return a number of bytes in words.

    >>> as_bytes(33_554_432_000), as_bytes(5)
    ('33.6 GB', '5 bytes')
    """
    for size, unit in _UNITS:
        if number >= size:
            digits = len(str(number // size))
            return f"{number / size:.3g} {unit}" if digits <= 3 else f"10^{len(str(number)) - 1} B"
    return f"{number} bytes"


def _free() -> int:
    """Return bytes that are free: of the machine, of its control group, of the address space."""
    found = [_MOST * 2]
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        found.append(1024 * int(next(x for x in lines if x.startswith("MemAvailable")).split()[1]))
    with suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        most = int((group / "memory.max").read_text("ascii"))
        found.append(most - int((group / "memory.current").read_text("ascii")))
    with suppress(ImportError, OSError, ValueError):
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit != resource.RLIM_INFINITY:
            pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
            found.append(limit - pages * resource.getpagesize())
    return max(0, min(found))


def rows_together(width: int) -> int:
    """Return how many rows of so many numbers a compiled call, with 24 arrays like them, takes."""
    return max(1, CHUNK // (24 * FLOAT * width))
