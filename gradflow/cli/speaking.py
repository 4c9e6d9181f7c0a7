"""How the command line speaks where the terminal, the pipe or the disk sets limits."""

from __future__ import annotations

import codecs
import io
import os
import re
import sys
from contextlib import suppress
from traceback import extract_tb
from typing import IO, cast

from rich.console import Console

__all__ = [
    "complain",
    "help_console",
    "is_terminal",
    "place_of",
    "silence",
    "speakable",
    "unicode_output",
]


_NEAREST = "gradflow.nearest"
_SIGNS = {
    "\u00a0": " ",
    "\u2212": "-",
    "\u2013": "-",
    "\u00d7": "x",
    "\u00b7": "*",
    "\u2016": "|",
    "\u2019": "'",
    "\u2264": "<=",
    "\u2265": ">=",
    "\u2248": "~",
    "\u00b1": "+-",
    "\u2192": "->",
    "\u221e": "inf",
}
"""Letters that gradflow prints, and what they are on a keyboard."""


def _nearest(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_SIGNS.get(sign, "?") for sign in lacking), error.end


codecs.register_error(_NEAREST, _nearest)


def speakable() -> None:
    """Print the nearest sign of a keyboard for a letter that the terminal's encoding lacks.

    What has none there is a question mark.

    A stdout that was closed before the start swallows what is printed.
    """
    if sys.stdout is None:  # closed by whoever started this
        sys.stdout = io.StringIO()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_NEAREST)


def is_terminal() -> bool:
    """Whether someone looks at stdout."""
    return sys.stdout is not None and sys.stdout.isatty()


class _Whole:
    """Stdout as it is when written to, without blanks at the ends of lines."""

    def write(self, text: str) -> int:
        return sys.stdout.write(re.sub(r" +(?=\n)", "", text))

    def flush(self) -> None:
        sys.stdout.flush()


def help_console() -> Console | None:
    """Return what help is printed on where nobody looks: its lines stay whole."""
    return None if is_terminal() else Console(file=cast(IO[str], _Whole()), width=2000)


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
