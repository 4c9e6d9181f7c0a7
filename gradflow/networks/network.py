"""A network as it was read: recurrent layers, what stands around them, and what was assumed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gradflow.cells.cell import Cell

__all__ = ["Dense", "Layer", "Network"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Layer:
    """One recurrent layer in one direction.

    Attributes
    ----------
    name : str
        Where it stands in the file: ``"rnn"``, ``"memory"``.
    level : int
        Number of the layer from the input, counted from 0; both directions of one share it.
    direction : str
        ``"forward"``, or ``"reverse"`` where it reads the input from its end.
    kind : str
        What it is: ``"lstm"``, ``"gru"``, ``"gru_reset_after"``, ``"rnn"``, ``"rnn_relu"``, ...
    cell : Cell
        Its equations.
    params : mapping of str to array
        Its arrays by the names of the cell, float64.
    inputs, hidden : int
        Entries of an input and of ``h`` (the projected ones, where ``h`` is projected).
    bias : bool
        Whether the file holds biases; without, they are zeros here.
    dtype : str
        Type of the numbers in the file.
    initial : mapping of str to array, or None
        First state by part, where the file holds one.
    """

    name: str
    level: int
    direction: str
    kind: str
    cell: Cell
    params: Mapping[str, Floats]
    inputs: int
    hidden: int
    bias: bool
    dtype: str
    initial: Mapping[str, Floats] | None = None

    def __repr__(self) -> str:
        """Return one line: place, kind and sizes."""
        back = ", reverse" if self.direction == "reverse" else ""
        return (
            f"<Layer {self.level} {self.name!r}: {self.kind}, {self.inputs} inputs, "
            f"{self.hidden} units{back}>"
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class Dense:
    """A linear map beside the recurrent layers: the head, ``y = weight @ h + bias``.

    Attributes
    ----------
    name : str
        Where it stands in the file.
    weight : (outputs, inputs) float64
    bias : (outputs,) float64, or None
    """

    name: str
    weight: Floats
    bias: Floats | None

    def __repr__(self) -> str:
        """Return one line: place and sizes."""
        outputs, inputs = self.weight.shape
        return f"<Dense {self.name!r}: {inputs} inputs, {outputs} outputs>"


@dataclass(frozen=True, eq=False, kw_only=True)
class Network:
    """The recurrent layers of a network, lower to upper, forward before reverse.

    Attributes
    ----------
    source : str
        The file they were read from and its format.
    layers : tuple of Layer
    head : Dense, or None
        The linear map behind the last layer, where the file has one that fits.
    embedding : (symbols, inputs) float64, or None
        The table whose rows are the first layer's inputs, where the file has one that fits.
    assumed : tuple of str
        What the file does not say, a sentence each.
    skipped : tuple of str
        Names of the arrays and layers that were not read.
    """

    source: str
    layers: tuple[Layer, ...]
    head: Dense | None = None
    embedding: Floats | None = None
    assumed: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Return one line: source, kinds and sizes."""
        kinds = ", ".join(dict.fromkeys(layer.kind for layer in self.layers))
        both = {layer.direction for layer in self.layers} == {"forward", "reverse"}
        widths = ", ".join(dict.fromkeys(str(layer.hidden) for layer in self.layers))
        count = len({(layer.name, layer.level) for layer in self.layers})
        return (
            f"<Network {self.source}: {count} layer{'s' * (count != 1)} ({kinds}), "
            f"{self.layers[0].inputs} inputs, {widths} units{', both directions' * both}>"
        )
