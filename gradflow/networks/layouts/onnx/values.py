"""Arrays of an ONNX graph: its constants, and what it makes of them by moving numbers about."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.errors import InputError
from gradflow.networks.formats.encodings.stored import Stored
from gradflow.networks.formats.onnx import Graph, Node

__all__ = ["Values"]

_DEEPEST = 60


class Values:
    """The constant arrays of a graph by name, worked out when asked for."""

    def __init__(self, graph: Graph, path: str) -> None:
        """Keep the graph; nothing is read yet."""
        self.graph, self.path = graph, path
        self.makers = {out: node for node in graph.nodes for out in node.outputs if out}
        self.used: set[str] = set()
        self.known: dict[str, NDArray[Any] | None] = {}

    def root(self, name: str) -> str | None:
        """Return the first stored array that makes up a value, or ``None`` where none does."""
        for _ in range(_DEEPEST):
            if name in self.graph.arrays:
                return name
            node = self.makers.get(name)
            if node is None or not node.inputs or node.operation not in _MOVES:
                break
            name = node.inputs[0]
        return None

    def dtype(self, name: str) -> str:
        """Return the type of the first stored array that makes up a value."""
        root = self.root(name)
        return "float32" if root is None else self.graph.arrays[root].dtype

    def find(self, name: str, depth: int = 0) -> NDArray[Any] | None:
        """Return a constant array, or ``None`` for what depends on the graph's input."""
        if name in self.known or depth > _DEEPEST:
            return self.known.get(name)
        self.known[name] = None
        if name in self.graph.arrays:
            self.used.add(name)
            self.known[name] = self._read(self.graph.arrays[name], name)
        elif name in self.makers:
            self.known[name] = self._made(self.makers[name], depth)
        return self.known[name]

    def _read(self, stored: Stored, name: str) -> NDArray[Any]:
        if stored.dtype in ("int64", "int32"):
            width = 8 if stored.dtype == "int64" else 4
            return np.frombuffer(stored.raw(), f"<i{width}").reshape(stored.shape)
        plain = name if name.isprintable() and name.isascii() and len(name) <= 80 else "an array"
        return stored.read(f"{self.path}, {plain},")

    def _made(self, node: Node, depth: int) -> NDArray[Any] | None:
        if node.operation not in _MOVES:
            return None
        given = [self.find(n, depth + 1) if n else None for n in node.inputs]
        if not given or given[0] is None:
            return None
        try:
            made: NDArray[Any] | None = _MOVES[node.operation](given, node.attributes)
        except (ValueError, IndexError, TypeError):
            raise InputError(
                f"{self.path}: an operation {node.operation} on its weights is not whole; export "
                "the model again."
            ) from None
        return made


def _axes(given: list[Any], attributes: dict[str, Any], index: int) -> tuple[int, ...] | None:
    said = attributes.get("axes")
    if said is None and len(given) > index and given[index] is not None:
        said = given[index]
    return None if said is None else tuple(int(a) for a in np.ravel(said))


def _concat(given: list[Any], attributes: dict[str, Any]) -> NDArray[Any] | None:
    if any(g is None for g in given):
        return None
    return np.concatenate(given, int(attributes.get("axis", 0)))


def _slice(given: list[Any], attributes: dict[str, Any]) -> NDArray[Any]:
    def said(name: str, index: int) -> Any:
        found = attributes.get(name)
        return given[index] if found is None and len(given) > index else found

    starts, ends = np.ravel(said("starts", 1)), np.ravel(said("ends", 2))
    axes = said("axes", 3)
    steps = said("steps", 4)
    axes = range(len(starts)) if axes is None else np.ravel(axes)
    steps = [1] * len(starts) if steps is None else np.ravel(steps)
    index: list[Any] = [slice(None)] * given[0].ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        index[int(axis)] = slice(int(start), int(end), int(step))
    return np.asarray(given[0][tuple(index)])


def _reshape(given: list[Any], attributes: dict[str, Any]) -> NDArray[Any] | None:
    if len(given) < 2 or given[1] is None:
        return None
    old = given[0].shape
    return np.reshape(given[0], [old[i] if n == 0 else int(n) for i, n in enumerate(given[1])])


_MOVES: dict[str, Any] = {
    "Identity": lambda given, attributes: given[0],
    "Cast": lambda given, attributes: given[0],
    "Concat": _concat,
    "Slice": _slice,
    "Reshape": _reshape,
    "Transpose": lambda given, attributes: np.transpose(given[0], attributes.get("perm")),
    "Unsqueeze": lambda given, attributes: np.expand_dims(
        given[0], _axes(given, attributes, 1) or ()
    ),
    "Squeeze": lambda given, attributes: np.squeeze(given[0], _axes(given, attributes, 1)),
}
