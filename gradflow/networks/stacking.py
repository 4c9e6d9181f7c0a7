"""Stacks of freshly drawn layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradflow.arrays import whole_number
from gradflow.cells import get
from gradflow.cells.cell import Cell
from gradflow.errors import UsageError
from gradflow.given import flag, generator
from gradflow.networks.between import Between, Normalisation
from gradflow.networks.network import Layer, Network

__all__ = ["stack"]


def stack(
    cell: Cell | str | Sequence[Cell | str],
    layers: int | None = None,
    *,
    hidden: int,
    inputs: int,
    rng: int | np.random.Generator | None = None,
    residual: bool = False,
    norm: bool = False,
    **init: Any,
) -> Network:
    """Return a network of stacked layers with freshly drawn weights.

    Parameters
    ----------
    cell
        The cell of every layer, or one cell a layer, first the one that reads the input.
    layers
        Number of layers, where one cell is given for all.
    hidden, inputs
        Units of every layer, entries of an input.
    rng
        Seed or generator that the layers draw from in turn.
    residual
        Whether each layer but the first adds its input to its output.
    norm
        Whether each output goes through layer normalisation, with gain 1 and shift 0.
    **init
        What else ``cell.init`` takes, for every layer: ``forget_bias=3.0``.

    Raises
    ------
    UsageError
        A cell whose output ``h`` or input is not one vector, a number of layers below 1, or what
        ``cell.init`` refuses.

    Examples
    --------
    >>> import gradflow as gf
    >>> gf.stack("lstm", 2, hidden=4, inputs=3, rng=0)
    <Network lstm, 2 layers: 2 layers (lstm), 3 inputs, 4 units>
    """
    if isinstance(cell, list | tuple):
        cells = [get(one) for one in cell]
        if layers not in (None, len(cells)) or not cells:
            raise UsageError(
                f"stack: {len(cells)} cells are given and layers is {layers}; give one cell a "
                "layer, or one cell and the number of layers."
            )
    else:
        one = get(cell)  # type: ignore[arg-type]
        cells = [one] * whole_number(1 if layers is None else layers, "stack: layers", 1, 1000)
    residual, norm = flag(residual, "stack: residual"), flag(norm, "stack: norm")
    drawn = generator(rng, "stack: rng")
    built = []
    for level, one in enumerate(cells):
        if "h" not in one.states or len(one.input_names) != 1:
            raise UsageError(
                f"stack: cell {one.name!r} has the state {', '.join(one.states)} and "
                f"{len(one.input_names)} inputs; a layer gives its part h and reads one input."
            )
        params = one.init(hidden=hidden, inputs=hidden if level else inputs, rng=drawn, **init)
        scale = Normalisation(gain=np.ones(hidden), shift=np.zeros(hidden)) if norm else None
        built.append(
            Layer(
                name="",
                level=level,
                direction="forward",
                kind=one.name,
                cell=one,
                params=params,
                inputs=hidden if level else inputs,
                hidden=hidden,
                bias=True,
                dtype="float64",
                between=Between(norm=scale, residual=residual and level > 0),
            )
        )
    names = ", ".join(dict.fromkeys(one.name for one in cells))
    return Network(
        source=f"{names}, {len(cells)} layer{'s' * (len(cells) != 1)}",
        layers=tuple(built),
        drawn=True,
    )
