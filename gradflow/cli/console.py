"""What the commands print with: tables, plain text, and progress beside the output.

On a terminal lines fold at its width; anywhere else, such as in a pipe, a line stays whole.
"""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from gradflow.cli.speaking import is_terminal, unicode_output
from gradflow.files import json_text

__all__ = [
    "Manner",
    "folded",
    "manner",
    "output",
    "plain",
    "print_json",
    "print_table",
    "progress",
    "table",
    "take_manner",
]

# No line of a table is longer; a console without a terminal would fold at 80.
_WHOLE = 100_000


@dataclass(frozen=True)
class Manner:
    """How a command speaks: ``--quiet`` leaves the progress out, ``--no-color`` all colours."""

    quiet: bool = False
    color: bool = True


_NOW = [Manner()]


def manner() -> Manner:
    """Return how this process speaks."""
    return _NOW[0]


def take_manner(arguments: list[str]) -> list[str]:
    """Take ``--quiet`` and ``--no-color`` out of the words of any command, and heed them."""
    own, rest = arguments, []
    if "--" in arguments:
        cut = arguments.index("--")
        own, rest = arguments[:cut], arguments[cut:]
    _NOW[0] = Manner(quiet="--quiet" in own, color="--no-color" not in own)
    return [word for word in own if word not in ("--quiet", "--no-color")] + rest


def output() -> Console:
    """Return the console of stdout."""
    whole = not is_terminal() and "COLUMNS" not in os.environ
    width = _WHOLE if whole else None
    return Console(width=width, no_color=not manner().color, highlight=manner().color)


def table(*columns: str) -> Table:
    """Return a table without lines whose columns have these names."""
    made = Table(box=None, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold", no_wrap=column in ("level", "digest"))
    return made


def print_table(rows: Table) -> None:
    """Print a table; where nobody looks, lines end with their last letter and no blanks."""
    console = output()
    if console.is_terminal:
        console.print(rows)
        return
    with console.capture() as held:
        console.print(rows)
    for line in held.get().splitlines():
        print(line.rstrip())


def folded(line: str) -> str:
    """Return a line folded at the width of the terminal, what is folded further in than it."""
    width = output().width
    if len(line) <= width:
        return line
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.fill(
        line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def plain(text: str) -> str:
    """Return ``text`` so that no bracket in it is read as markup."""
    return text.replace("[", "\\[")


def print_json(data: Any) -> None:
    """Print data on stdout, in letters that it can hold; what is infinite or unknown is null."""
    print(json_text(data, ascii_only=not unicode_output()))


@contextmanager
def progress(stages: int) -> Iterator[Callable[[str], None]]:
    """Show the stages on stderr, where they do not mix with what the command prints."""
    if manner().quiet:
        yield lambda stage: None
        return
    console = Console(stderr=True, no_color=not manner().color)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    # a bar that nobody sees would leave an empty line
    hidden = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as bar:
        task = bar.add_task("starting", total=stages)

        def advance(stage: str) -> None:
            bar.update(task, advance=1, description=stage)

        yield advance
