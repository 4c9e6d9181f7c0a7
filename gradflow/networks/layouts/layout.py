"""What a layout of weights is: where the recurrent layers of a framework are among its arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gradflow.errors import InputError
from gradflow.networks.formats.encodings.stored import Contents, Stored
from gradflow.networks.layouts.facts import Facts
from gradflow.networks.network import Dense, Layer

__all__ = ["Finding", "Layout", "Reading", "require", "split"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Reading:
    """A file that is being read: its name, what it holds and what was said of it."""

    path: str
    contents: Contents
    facts: Facts

    def where(self, name: str) -> str:
        """Return words for an array in a message; odd names are not printed."""
        plain = name if name.isprintable() and name.isascii() and len(name) <= 80 else "an array"
        return f"{self.path}, {plain},"

    def array(self, name: str, shape: tuple[int | None, ...] | None = None) -> Floats:
        """Return an array. Raises ``InputError`` if it is missing or has another shape."""
        stored = self.stored(name)
        if shape is not None and (
            len(stored.shape) != len(shape)
            or any(w is not None and w != n for w, n in zip(shape, stored.shape, strict=True))
        ):
            wanted = ", ".join("any" if n is None else str(n) for n in shape)
            raise InputError(
                f"{self.where(name)} has the shape {stored.shape}, where the other arrays of its "
                f"layer need ({wanted}); the arrays do not belong together, so save them again."
            )
        return stored.read(self.where(name))

    def stored(self, name: str) -> Stored:
        """Return an array that was not read yet. Raises ``InputError`` if it is missing."""
        if name in self.contents.others:
            raise InputError(
                f"{self.where(name)} is {self.contents.others[name]}, where a layer needs a dense "
                "tensor with numbers; save the network again with one."
            )
        if name not in self.contents.arrays:
            raise InputError(
                f"{self.where(name)} is missing; the layer it belongs to is not whole, so save "
                "the network again."
            )
        return self.contents.arrays[name]


@dataclass(frozen=True, eq=False, kw_only=True)
class Finding:
    """What a layout found: layers, names of the arrays it used, and what stands around them."""

    layers: list[Layer]
    used: set[str]
    head: Dense | None = None
    embedding: Floats | None = None
    skipped: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How one framework names, orders and transposes the arrays of its recurrent layers.

    Parameters
    ----------
    name
        Whose layout it is, for the assumptions that are told.
    find
        Returns what it finds in a file, or ``None`` where nothing is laid out its way. Arrays that
        are its own and do not fit each other are an ``InputError``.
    """

    name: str
    find: Callable[[Reading], Finding | None]


def require(condition: bool, where: str, found: str) -> None:
    """Raise ``InputError`` where arrays of one layer disagree."""
    if not condition:
        raise InputError(
            f"{where} {found}; the arrays do not belong together or are of another kind of layer, "
            "so save them again or declare the cell yourself."
        )


def split(array: Floats, order: Iterable[str], axis: int = 0) -> dict[str, Floats]:
    """Return the blocks of an array along an axis by gate, each its own array."""
    gates = list(order)
    return {
        gate: np.ascontiguousarray(block)
        for gate, block in zip(gates, np.split(array, len(gates), axis), strict=True)
    }
