"""A network as it was read: recurrent layers, what stands around them, and what was assumed."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow.arrays import real_array, real_numbers
from gradflow.cells.cell import Cell
from gradflow.errors import UsageError, shown
from gradflow.given import several
from gradflow.jacobians.blocks import counted
from gradflow.networks.between import Between
from gradflow.networks.joined import NetworkTrajectory, joined
from gradflow.prose import table_html
from gradflow.spectra.running import run as run_cell
from gradflow.spectra.trajectory import Trajectory

__all__ = ["Dense", "Layer", "Network", "as_read"]

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
T = TypeVar("T", bound=np.generic)


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
    between : Between
        What stands behind the layer: normalisation, residual connection.
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
    between: Between = field(default_factory=Between)

    def __repr__(self) -> str:
        """Return one line: place, kind and sizes."""
        back = ", reverse" if self.direction == "reverse" else ""
        return f"<Layer {self.level} {self.name!r}: {self.kind}, {self.sizes}{back}>"

    @property
    def sizes(self) -> str:
        """In words, such as ``"3 inputs, 8 units projected to 2"``."""
        return f"{counted(self.inputs, 'input')}, {_units(self)}"


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
    drawn : bool
        Whether the weights were freshly drawn, by ``gradflow.stack``.

    Examples
    --------
    >>> import gradflow as gf
    >>> gf.stack("lstm", 2, hidden=4, inputs=3, rng=0)
    <Network lstm, 2 layers: 2 layers (lstm), 3 inputs, 4 units>
    """

    source: str
    layers: tuple[Layer, ...]
    head: Dense | None = None
    embedding: Floats | None = None
    assumed: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    drawn: bool = False

    def __repr__(self) -> str:
        """Return one line: source, kinds and sizes."""
        kinds = ", ".join(dict.fromkeys(layer.kind for layer in self.layers))
        both = {layer.direction for layer in self.layers} == {"forward", "reverse"}
        widths = list(dict.fromkeys(layer.hidden for layer in self.layers))
        units = f"{', '.join(map(str, widths))} units"
        if len({_units(layer) for layer in self.layers}) == 1:
            units = _units(self.layers[0])
        count = len({layer.level for layer in self.layers})
        return (
            f"<Network {self.source}: {counted(count, 'layer')} ({kinds}), "
            f"{counted(self.layers[0].inputs, 'input')}, {units}{', both directions' * both}>"
        )

    def _repr_html_(self) -> str:
        rows = [
            [str(k.level + 1), k.name, k.kind, str(k.inputs), str(k.hidden), k.direction]
            for k in self.layers
        ]
        head = ("layer", "name", "kind", "inputs", "units", "way")
        return f"<b>{html.escape(self.source)}</b>{table_html(rows, head)}"

    def run(
        self,
        x: ArrayLike,
        state: Sequence[Mapping[str, ArrayLike] | None] | None = None,
        *,
        backend: str = "auto",
    ) -> NetworkTrajectory:
        """Run all layers over an input, as one run with one step Jacobian.

        Parameters
        ----------
        x : (..., T, inputs)
        state
            First state of each layer by part; that of the file where there is one, else zeros.
        backend
            As in :func:`gradflow.run`.

        Raises
        ------
        UsageError
            A network that reads its input from both ends (its state after a step needs the whole
            input, so that there is no Jacobian of one step; run its layers), layers that do not
            read what the ones below give, or what ``gradflow.run`` refuses.

        Examples
        --------
        >>> import gradflow as gf, numpy as np
        >>> network = gf.stack("rnn", 2, hidden=3, inputs=2, rng=0)
        >>> run = network.run(np.ones((5, 2)))
        >>> run
        <NetworkTrajectory rnn, 2 layers: 5 steps, units 1.h: 3, 2.h: 3, batch axes ()>
        >>> run.jacobian(5).shape
        (6, 6)
        """
        back = [layer for layer in self.layers if layer.direction == "reverse"]
        if back:
            raise UsageError(
                f"{self.source}: {back[0].name or 'a layer'!r} reads its input from the end, so "
                "that no step of the whole network has a Jacobian of its own; take "
                "layer_runs(x), one run a layer and direction."
            )
        runs = self.layer_runs(x, state, backend=backend)
        return joined(self.source, runs, [layer.between for layer in self.layers])

    def layer_runs(
        self,
        x: ArrayLike,
        state: Sequence[Mapping[str, ArrayLike] | None] | None = None,
        *,
        lengths: ArrayLike | None = None,
        backend: str = "auto",
    ) -> tuple[Trajectory, ...]:
        """Run the layers over an input (..., T, inputs), each on what the ones below give.

        A reverse layer's run goes from the end of the input to its beginning. Of padded sequences
        (sequences, T, inputs) ``lengths`` (sequences,) says where each ends: a reverse layer starts
        there, and goes on over the padding after the first step. Other parameters as in
        :meth:`run`.
        """
        given = real_array(x, self.source, "the input x")
        ends = _ends(lengths, given.shape, self.source)
        starts: list[Any] = [layer.initial for layer in self.layers]
        starts = starts if state is None else several(state, f"{self.source}: state", "states")
        if len(starts) != len(self.layers):
            raise UsageError(
                f"{self.source}: state has {len(starts)} entries; give one a layer, "
                f"{len(self.layers)}, or None for zeros."
            )
        runs: list[Trajectory] = []
        levels = sorted({layer.level for layer in self.layers})
        for level in levels:
            outputs = []
            for layer, start in zip(self.layers, starts, strict=True):
                if layer.level != level:
                    continue
                if given.shape[-1:] != (layer.inputs,) and level > levels[0]:
                    first = next(one.name for one in self.layers if one.level == levels[0])
                    raise UsageError(
                        f"{self.source}: layer {level + 1} ({layer.name!r}) reads {layer.inputs} "
                        f"entries and the layer below gives {given.shape[-1]}, so they are no "
                        "stack, as an encoder and a decoder are none; read one of them, for "
                        f"instance only={first!r}."
                    )
                if given.shape[-1:] != (layer.inputs,):
                    raise UsageError(
                        f"{self.source}: layer {level + 1} reads {layer.inputs} entries and is "
                        f"given an array of shape {given.shape}; the last axis must have "
                        f"{layer.inputs}."
                    )
                read = as_read(layer, given, ends)
                try:
                    run = run_cell(layer.cell, layer.params, read, start, backend=backend)
                except UsageError as error:  # such as a state that stops being finite
                    where = f"{self.source}, layer {level + 1}: {error}"
                    raise UsageError(where) from None
                runs.append(run)
                h = as_read(layer, run.states["h"][..., 1:, :], ends)
                outputs.append(layer.between.value(h, given))
            given = np.concatenate(outputs, axis=-1)
        return tuple(runs)


def _units(layer: Layer) -> str:
    projection = layer.params.get("P")
    if projection is not None and len(projection) == layer.hidden:
        return f"{counted(projection.shape[1], 'unit')} projected to {layer.hidden}"
    return counted(layer.hidden, "unit")


def _ends(lengths: ArrayLike | None, shape: tuple[int, ...], source: str) -> Whole | None:
    """Return the lengths of padded sequences (sequences, T, inputs), checked."""
    if lengths is None:
        return None
    found = real_numbers(lengths, f"{source}: lengths", "its entries")
    most = shape[1] if len(shape) == 3 else 0
    fits = found.dtype.kind in "iu" and len(shape) == 3 and found.shape == shape[:1]
    if not fits or not found.size or found.min() < 1 or found.max() > most:
        raise UsageError(
            f"{source}: lengths is {shown(lengths)} and the input has the shape {shape}; give a "
            "whole number from 1 to T for each of the sequences (sequences, T, inputs)."
        )
    return found.astype(np.int64)


def as_read(layer: Layer, values: NDArray[T], lengths: Whole | None) -> NDArray[T]:
    """Return values (..., T, units) in the order in which a layer reads, or back: the same.

    For a reverse layer that is from the length of each sequence down; what comes after it stays.
    """
    if layer.direction != "reverse":
        return values
    if lengths is None:
        return values[..., ::-1, :]
    steps = np.arange(values.shape[-2])
    own = lengths[:, None]
    order = np.where(steps < own, own - 1 - steps, steps)
    return np.take_along_axis(values, order[..., None], axis=-2)
