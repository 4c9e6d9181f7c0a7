"""What the commands print with: tables, plain text, and progress beside the output."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from gradflow.errors import GradflowError

__all__ = ["output", "plain", "progress", "table"]

# Errors of writing to what is open already.
_UNWRITTEN = {errno.EPIPE, errno.ENOSPC, errno.EFBIG, errno.EIO, errno.EDQUOT}
# What rich exits with as well.
_PIPE_CLOSED = 1


def table(*columns: str) -> Table:
    """Return a table without lines whose columns have these names."""
    made = Table(box=None, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold", no_wrap=column in ("level", "digest"))
    return made


def plain(text: str) -> str:
    """Return ``text`` so that no bracket in it is read as markup."""
    return text.replace("[", "\\[")


@contextmanager
def output() -> Iterator[None]:
    """Write what is printed meanwhile to stdout, in whatever encoding and however far it goes.

    A letter that the terminal's encoding lacks is escaped. Where nobody reads on (``| head``) the
    process ends with 1 and without a word.

    Raises
    ------
    GradflowError
        If the output cannot be written, to a full disk for one.
    """
    with suppress(AttributeError, ValueError):
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        try:
            yield
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except OSError as error:
        if error.filename is not None or error.errno not in _UNWRITTEN:
            raise
        # what is still in the buffer would be tried once more, at the end
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno == errno.EPIPE:
            sys.exit(_PIPE_CLOSED)
        raise GradflowError(
            f"the output cannot be written: {error.strerror}; make room or write elsewhere."
        ) from error


@contextmanager
def progress(stages: int) -> Iterator[Callable[[str], None]]:
    """Show the stages on stderr, where they do not mix with what the command prints."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=stages)

        def advance(stage: str) -> None:
            bar.update(task, advance=1, description=stage)

        yield advance
