"""The nested tables and lists of a pickle, by the names of their entries joined with dots."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gradflow.networks.formats.encodings.left_out import QUANTISED
from gradflow.networks.formats.encodings.pickled import Call, Global

__all__ = ["highest", "leaves", "table_of", "visited"]


def visited(root: Any) -> Iterator[tuple[tuple[str, ...], Any, bool]]:
    """Yield the names and values of nested tables and whether each is one, entered once."""
    seen: set[int] = set()
    todo: list[tuple[tuple[str, ...], Any]] = [((), root)]
    while todo:
        name, value = todo.pop()
        table = table_of(value)
        entered = bool(table) and id(value) not in seen and len(name) < 50
        yield name, value, entered
        if entered and table is not None:
            seen.add(id(value))
            todo.extend(((*name, str(k)), v) for k, v in reversed(list(table.items())))


def leaves(root: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield all names and values of nested tables that are no tables themselves."""
    return ((name, value) for name, value, table in visited(root) if not table)


def table_of(value: Any) -> dict[Any, Any] | None:
    """Return a table, or a list of at most 1000 entries as one; ``None`` for anything else."""
    if isinstance(value, Call):
        ordered = isinstance(value.of, Global) and value.of.name in ("OrderedDict", "defaultdict")
        return value.items if ordered else None
    if isinstance(value, list | tuple):
        return {str(i): v for i, v in enumerate(value)} if len(value) <= 1000 else None
    return value if isinstance(value, dict) else None


def highest(others: Mapping[tuple[str, ...], str], found: Iterable[str]) -> dict[str, str]:
    """Return what is no tensor by name, a whole table without any tensor as one."""
    holding = {""}
    for name in found:
        dots = [at for at, letter in enumerate(name) if letter == "."]
        holding.update(name[:at] for at in dots)
    told: dict[str, str] = {}
    for parts, kind in others.items():
        whole = (".".join(parts[:end]) for end in range(1, len(parts)))
        name = next((n for n in whole if n not in holding), ".".join(parts))
        told[name] = kind if kind == QUANTISED else told.get(name, kind)
    return told
