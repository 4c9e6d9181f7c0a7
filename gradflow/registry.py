"""Named records of one kind: gradflow's own, those registered by a call, and other packages'.

Cells, elementwise functions, backends, theorems, report sections and readers are all found this
way. A record of gradflow itself is loaded when it is first asked for; another package adds its own
by an entry point of the kind's group, or by `Registry.register`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from operator import attrgetter
from typing import Any, Generic, TypeVar

from gradflow.errors import GradflowError, InputError, UsageError, close_to

__all__ = ["Registry", "located"]

T = TypeVar("T")


@dataclass(frozen=True, eq=False, kw_only=True)
class Registry(Generic[T]):
    """The records of one kind by name.

    Parameters
    ----------
    kind
        What a record is, for messages: ``"cell"``.
    group
        Group of entry points that other packages use: ``"gradflow.cells"``.
    type
        ``"module:Class"`` that every record is an instance of.
    own
        Name to ``"module:attribute"``, where gradflow's own records are; or the record itself.
    advice
        What the message for an unknown name ends with: how to make a record of one's own.
    """

    kind: str
    group: str
    type: str
    own: Mapping[str, Any]
    advice: str = ""
    _added: dict[str, T] = field(default_factory=dict, repr=False)

    @cached_property
    def _foreign(self) -> Mapping[str, EntryPoint]:
        found = entry_points(group=self.group)
        return {e.name: e for e in sorted(found, key=lambda e: e.name) if e.name not in self.own}

    def names(self) -> tuple[str, ...]:
        """Return all names: gradflow's own, then other packages', then those registered."""
        return tuple(dict.fromkeys((*self.own, *self._foreign, *self._added)))

    def __iter__(self) -> Iterator[T]:
        """Iterate over all records in the order of ``names``."""
        return (self.get(name) for name in self.names())

    def usable(self) -> Iterator[tuple[str, T]]:
        """Yield names and records, without those of other packages that cannot be loaded.

        For work that goes through all of them and needs none in particular; ``get`` says why.
        """
        for name in self.names():
            try:
                record = self.get(name)
            except GradflowError:
                if name in self.own or name in self._added:
                    raise
            else:
                yield name, record

    def __contains__(self, name: object) -> bool:
        """Whether there is a record of that name."""
        return isinstance(name, str) and (
            name in self.own or name in self._added or name in self._foreign
        )

    def get(self, name: str) -> T:
        """Return a record. Raises ``UsageError`` for an unknown name, with the nearest known one.

        Raises ``InputError`` for another package's entry point that cannot be loaded.
        """
        if name in self._added:
            return self._added[name]
        if name in self.own:
            found = self.own[name]
            return self._checked(located(found) if isinstance(found, str) else found, name)
        if name in self._foreign:
            entry = self._foreign[name]
            try:
                loaded = entry.load()
            except GradflowError:
                raise
            except Exception as error:
                raise InputError(
                    f"{self.kind} {name!r}: loading its entry point {entry.value} failed with "
                    f"{type(error).__name__}: {error}"
                ) from None
            return self._checked(loaded, name)
        hint = close_to(name, self.names())
        end = f"; {self.advice}" if self.advice else ""
        raise UsageError(
            f"unknown {self.kind} {name!r}: {hint}known are {', '.join(self.names())}{end}."
        )

    def register(self, name: str, record: T) -> T:
        """Add a record under a name that is free, and return it. Raises ``UsageError``."""
        if name in self:
            raise UsageError(f"{self.kind} {name!r} is there already; choose another name.")
        self._added[name] = self._checked(record, name)
        return record

    def _checked(self, value: Any, name: str) -> T:
        wanted = located(self.type)
        if not isinstance(value, wanted):
            raise InputError(
                f"{self.kind} {name!r} is a {type(value).__name__}, no {wanted.__name__}; "
                f"register what gradflow calls a {wanted.__name__}."
            )
        return value  # type: ignore[no-any-return]


def located(where: str) -> Any:
    """Return what ``"module:attribute"`` names."""
    module, _, attribute = where.partition(":")
    return attrgetter(attribute)(importlib.import_module(module))
