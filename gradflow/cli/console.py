"""What the commands print with: tables, plain text, and progress beside the output."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

__all__ = ["plain", "progress", "table"]


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
def progress(stages: int) -> Iterator[Callable[[str], None]]:
    """Show the stages on stderr, where they do not mix with what the command prints."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=stages)

        def advance(stage: str) -> None:
            bar.update(task, advance=1, description=stage)

        yield advance
