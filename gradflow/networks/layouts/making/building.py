"""From the gates' blocks of a layer to a cell with its arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.cells.cell import Cell
from gradflow.networks.network import Layer

__all__ = ["gated_params", "layer_of", "turned_layer"]

Floats = NDArray[np.float64]


def layer_of(cell: Cell, params: Mapping[str, Floats], **said: Any) -> Layer:
    """Return a layer; ``said`` are the fields of `Layer` that are not read off the arrays."""
    kind = said.pop("kind", None) or cell.name.removesuffix("_variant")
    first = next(n for n in params if n == "W" or n.startswith("W_"))
    hidden = params[next(n for n in params if n == "U" or n.startswith("U_"))].shape[1]
    return Layer(
        kind=kind,
        cell=cell,
        params=params,
        inputs=params[first].shape[1],
        hidden=hidden,
        **said,
    )


def gated_params(
    inputs: Mapping[str, Floats], recurrent: Mapping[str, Floats], biases: Mapping[str, Floats]
) -> dict[str, Floats]:
    """Return the arrays of a gated cell by its names: W, U and b of each gate."""
    return {
        **{f"W_{gate}": block for gate, block in inputs.items()},
        **{f"U_{gate}": block for gate, block in recurrent.items()},
        **{f"b_{gate}": block for gate, block in biases.items()},
    }


def turned_layer(layer: Layer, which: str) -> Layer:
    """Return a layer with its square maps transposed: ``"recurrent"``, ``"inputs"`` or ``"both"``.

    Maps of other shapes stay, since theirs tells which way round they are.
    """
    recurrent = set(layer.cell.recurrent_maps())
    params = {}
    for name, array in layer.params.items():
        chosen = array.ndim == 2 and (
            which == "both" or (name in recurrent) == (which == "recurrent")
        )
        square = chosen and array.shape[0] == array.shape[1]
        params[name] = np.ascontiguousarray(array.T) if square else array
    return replace(layer, params=params)
