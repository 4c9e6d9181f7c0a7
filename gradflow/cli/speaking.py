"""How the command line speaks where the terminal, the pipe or the disk sets limits."""

from __future__ import annotations

import codecs
import io
import os
import sys
from contextlib import suppress
from traceback import extract_tb

from rich.console import Console

__all__ = ["complain", "is_terminal", "place_of", "silence", "speakable", "unicode_output"]


def speakable() -> None:
    """Print a question mark for a letter that the terminal's encoding lacks, and go on.

    A stdout that was closed before the start swallows what is printed.
    """
    if sys.stdout is None:  # closed by whoever started this
        sys.stdout = io.StringIO()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def is_terminal() -> bool:
    """Whether someone looks at stdout."""
    return sys.stdout is not None and sys.stdout.isatty()


def unicode_output() -> bool:
    """Whether every letter can be printed."""
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    return codecs.lookup(encoding).name.startswith("utf")


def complain(sentence: str) -> None:
    """Print what went wrong on stderr, on one line; where that is closed too, nothing."""
    line = " ".join(sentence.split())
    try:
        console = Console(stderr=True)
        console.print(f"gradflow: {line}", style="red", markup=False, soft_wrap=True)
    except OSError:
        pass


def silence() -> None:
    """Let nothing more be written to stdout, whose reader is gone or whose disk is full."""
    null = os.open(os.devnull, os.O_WRONLY)
    with suppress(OSError):  # what stands for stdout may be no file
        os.dup2(null, sys.stdout.fileno())
    os.close(null)


def place_of(error: BaseException) -> str:
    """Return file and line where an error was raised."""
    frames = extract_tb(error.__traceback__)
    return f"{os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else "?"
