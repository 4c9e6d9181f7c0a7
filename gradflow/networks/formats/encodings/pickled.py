"""What a pickle describes, read without running it.

Python's own unpickler calls whatever a pickle names. This reader knows the operations that build
numbers, text, lists and tables, and keeps every call as a record of what would have been called;
nothing is imported and nothing is executed.
"""

from __future__ import annotations

import io
import pickletools
from dataclasses import dataclass, field
from typing import Any

from gradflow.errors import InputError

__all__ = ["Call", "Global", "Persistent", "description_of"]

_MOST = 5_000_000


@dataclass(frozen=True)
class Global:
    """A name of a module, as text."""

    module: str
    name: str


@dataclass(eq=False, kw_only=True)
class Call:
    """A call that was not made: of what, with which arguments, and what was put into its result."""

    of: Any
    arguments: Any
    state: Any = None
    items: dict[Any, Any] = field(default_factory=dict)
    listed: list[Any] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Persistent:
    """A reference to something outside the pickle: a storage of torch."""

    id: Any


_MARK = object()
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_VALUES = frozenset(
    f"{prefix}{kind}"
    for kind, prefixes in {
        "INT": ("", "BIN"),
        "LONG": ("",),
        "FLOAT": ("", "BIN"),
        "UNICODE": ("", "BIN", "SHORT_BIN"),
        "STRING": ("", "BIN", "SHORT_BIN"),
        "BYTES": ("BIN", "SHORT_BIN"),
    }.items()
    for prefix in prefixes
) | {"BININT1", "BININT2", "LONG1", "LONG4", "BINUNICODE8", "BINBYTES8", "BYTEARRAY8"}


def description_of(stream: io.BytesIO, where: str) -> Any:
    """Return what the next pickle of a stream describes, and leave the stream behind it.

    Calls become ``Call``, names of modules ``Global``, references to the outside ``Persistent``;
    tables keep entries whose keys are text or numbers. Raises ``InputError`` for anything that is
    no pickle.
    """
    try:
        return _Machine().run(stream)
    except InputError:
        raise
    except Exception:  # a damaged pickle may fail in any way there is
        raise InputError(
            f"{where} is damaged or truncated: its description cannot be read; copy or save it "
            "again."
        ) from None


class _Machine:
    """Stack, memo and one method's worth of meaning for each operation."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, stream: io.BytesIO) -> Any:
        for count, (operation, argument, _) in enumerate(pickletools.genops(stream)):
            if count > _MOST:
                raise ValueError("too long")
            name = operation.name
            if name == "STOP":
                return self.stack.pop()
            if name in _VALUES:
                self.stack.append(argument)
            elif name in _CONSTANTS:
                self.stack.append(_CONSTANTS[name])
            else:
                getattr(self, f"do_{name.lower()}", self.unknown)(argument)
        raise ValueError("no end")

    def unknown(self, argument: Any) -> None:
        raise ValueError("unknown operation")

    def marked(self) -> list[Any]:
        at = len(self.stack) - 1
        while self.stack[at] is not _MARK:
            at -= 1
            if at < 0:
                raise ValueError("no mark")
        found = self.stack[at + 1 :]
        del self.stack[at:]
        return found

    def do_proto(self, argument: Any) -> None: ...

    def do_frame(self, argument: Any) -> None: ...

    def do_mark(self, argument: Any) -> None:
        self.stack.append(_MARK)

    def do_pop(self, argument: Any) -> None:
        self.stack.pop()

    def do_pop_mark(self, argument: Any) -> None:
        self.marked()

    def do_dup(self, argument: Any) -> None:
        self.stack.append(self.stack[-1])

    def do_memoize(self, argument: Any) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def do_put(self, argument: Any) -> None:
        self.memo[int(argument)] = self.stack[-1]

    do_binput = do_long_binput = do_put

    def do_get(self, argument: Any) -> None:
        self.stack.append(self.memo[int(argument)])

    do_binget = do_long_binget = do_get

    def do_empty_tuple(self, argument: Any) -> None:
        self.stack.append(())

    def do_tuple(self, argument: Any) -> None:
        self.stack.append(tuple(self.marked()))

    def _tuple(self, count: int) -> None:
        found = tuple(self.stack[-count:])
        if len(found) != count or _MARK in found:
            raise ValueError("too few")
        del self.stack[-count:]
        self.stack.append(found)

    def do_tuple1(self, argument: Any) -> None:
        self._tuple(1)

    def do_tuple2(self, argument: Any) -> None:
        self._tuple(2)

    def do_tuple3(self, argument: Any) -> None:
        self._tuple(3)

    def do_empty_list(self, argument: Any) -> None:
        self.stack.append([])

    do_empty_set = do_empty_list

    def do_list(self, argument: Any) -> None:
        self.stack.append(self.marked())

    do_frozenset = do_list

    def do_append(self, argument: Any) -> None:
        value = self.stack.pop()
        _append(self.stack[-1], [value])

    def do_appends(self, argument: Any) -> None:
        values = self.marked()
        _append(self.stack[-1], values)

    do_additems = do_appends

    def do_empty_dict(self, argument: Any) -> None:
        self.stack.append({})

    def do_dict(self, argument: Any) -> None:
        table: dict[Any, Any] = {}
        _insert(table, self.marked())
        self.stack.append(table)

    def do_setitem(self, argument: Any) -> None:
        value = self.stack.pop()
        key = self.stack.pop()
        _insert(self.stack[-1], [key, value])

    def do_setitems(self, argument: Any) -> None:
        values = self.marked()
        _insert(self.stack[-1], values)

    def do_global(self, argument: Any) -> None:
        module, _, name = str(argument).partition(" ")
        self.stack.append(Global(module, name))

    def do_stack_global(self, argument: Any) -> None:
        name = self.stack.pop()
        module = self.stack.pop()
        self.stack.append(Global(str(module)[:200], str(name)[:200]))

    def do_inst(self, argument: Any) -> None:
        module, _, name = str(argument).partition(" ")
        self.stack.append(Call(of=Global(module, name), arguments=tuple(self.marked())))

    def do_obj(self, argument: Any) -> None:
        found = self.marked()
        self.stack.append(Call(of=found[0], arguments=tuple(found[1:])))

    def do_reduce(self, argument: Any) -> None:
        arguments = self.stack.pop()
        self.stack.append(Call(of=self.stack.pop(), arguments=arguments))

    do_newobj = do_reduce

    def do_newobj_ex(self, argument: Any) -> None:
        self.stack.pop()
        self.do_reduce(None)

    def do_build(self, argument: Any) -> None:
        state = self.stack.pop()
        if isinstance(self.stack[-1], Call):
            self.stack[-1].state = state

    def do_binpersid(self, argument: Any) -> None:
        self.stack.append(Persistent(self.stack.pop()))

    def do_persid(self, argument: Any) -> None:
        self.stack.append(Persistent(argument))

    def do_ext1(self, argument: Any) -> None:
        self.stack.append(Global("copyreg", "extension"))

    do_ext2 = do_ext4 = do_ext1


def _append(target: Any, values: list[Any]) -> None:
    if isinstance(target, list):
        target.extend(values)
    elif isinstance(target, Call):
        target.listed.extend(values)
    else:
        raise ValueError("no list")


def _insert(target: Any, values: list[Any]) -> None:
    table = target.items if isinstance(target, Call) else target
    if not isinstance(table, dict) or len(values) % 2:
        raise ValueError("no table")
    for key, value in zip(values[::2], values[1::2], strict=True):
        # a nested key could take for ever to hash, and no weight has one
        if isinstance(key, str | int | float):
            table[key] = value
