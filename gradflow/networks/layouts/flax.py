"""Arrays as Flax names them: a kernel a gate (``ii``, ``hf``, ``ir``), or nnx' stacked ones.

Kernels are (inputs, units) and are transposed here. z keeps the old state, and the reset gate acts
after the product.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.networks.layouts.layout import Finding, Layout, Reading, require, split
from gradflow.networks.layouts.making.building import gated_params, layer_of
from gradflow.networks.layouts.making.chain import chained
from gradflow.networks.layouts.making.kinds import (
    ACTIVATIONS,
    gru_cell,
    lstm_cell,
    minimal_cell,
    rnn_cell,
)
from gradflow.networks.layouts.making.surroundings import surroundings
from gradflow.networks.network import Layer

__all__ = ["LAYOUT"]

Floats = NDArray[np.float64]

_LSTM = frozenset(["ii", "if", "ig", "io", "hi", "hf", "hg", "ho"])
_GRU = frozenset(["ir", "iz", "in", "hr", "hz", "hn"])
_MGU = frozenset(["if", "in", "hf", "hn"])


def find(reading: Reading) -> Finding | None:
    """Find the recurrent cells of Flax' linen and nnx by the names of their parts."""
    cells: dict[str, dict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    for name in reading.contents.arrays:
        parts = [p for p in name.split(".") if p not in ("value", "raw_value")]
        if len(parts) >= 2 and parts[-1] in ("kernel", "bias"):
            cells[".".join(parts[:-2])][parts[-2].rstrip("_")][parts[-1]] = name
    layers: list[Layer] = []
    used: set[str] = set()
    for prefix, gates in cells.items():
        layer = _layer(reading, prefix, gates)
        if layer is not None:
            layers.append(layer)
            used |= {n for g in gates.values() for n in g.values() if _is_own(n)}
    if not layers:
        return None
    layers = chained(reading, [[layer] for layer in layers])
    head, embedding, around = surroundings(
        reading, layers, "kernel", "bias", transposed=True, recurrent=used
    )
    return Finding(layers=layers, used=used | around, head=head, embedding=embedding)


def _is_own(name: str) -> bool:
    return name.split(".")[-2 if not name.endswith("value") else -3].rstrip("_") in (
        _LSTM | _GRU | _MGU | {"dense_i", "dense_h", "i", "h"}
    )


def _layer(reading: Reading, prefix: str, gates: dict[str, dict[str, str]]) -> Layer | None:
    def kernel(gate: str) -> Floats:
        found = reading.array(gates[gate]["kernel"], (None, None))
        return np.ascontiguousarray(found.T)

    def bias(gate: str, size: int) -> Floats:
        name = gates.get(gate, {}).get("bias")
        return np.zeros(size) if name is None else reading.array(name, (size,))

    def blocks(names: Iterable[str], side: str) -> dict[str, Floats]:
        found = {("g" if n == "n" else n): kernel(side + n) for n in names}
        shapes = {block.shape for block in found.values()}
        require(len(shapes) == 1, reading.where(prefix), "has gates of different shapes")
        return found

    present = {g for g, arrays in gates.items() if "kernel" in arrays}
    if present >= {"dense_i", "dense_h"}:
        return _stacked(reading, prefix, kernel("dense_i"), kernel("dense_h"), gates, bias)
    said: dict[str, Any] = {
        "name": prefix,
        "level": 0,
        "direction": "forward",
        "bias": any("bias" in arrays for arrays in gates.values()),
    }
    if present >= _LSTM:
        order, cell, after = "ifgo", lstm_cell(), ""
    elif present >= _GRU:
        order, cell, after = "rzn", gru_cell(after=True), "n"
    elif present >= _MGU:
        order, cell, after = "fn", minimal_cell(), "n"
    elif present == {"i", "h"}:
        return _simple(
            reading, kernel("i"), kernel("h"), bias, said | {"dtype": _type(reading, gates["i"])}
        )
    else:
        return None
    said["dtype"] = _type(reading, gates[f"i{order[0]}"])
    inputs, recurrent = blocks(order, "i"), blocks(order, "h")
    hidden = next(iter(recurrent.values())).shape[0]
    _check(reading, prefix, next(iter(inputs.values())), next(iter(recurrent.values())))
    biases = {}
    for gate in order:
        own = bias(f"i{gate}", hidden)
        biases["g" if gate == "n" else gate] = (
            own if gate == after else own + bias(f"h{gate}", hidden)
        )
    params = gated_params(inputs, recurrent, biases)
    if after:
        params["d_g"] = bias("hn", hidden)
    return layer_of(cell, params, **said)


def _stacked(
    reading: Reading,
    prefix: str,
    inputs: Floats,
    recurrent: Floats,
    gates: dict[str, dict[str, str]],
    bias: Callable[[str, int], Floats],
) -> Layer:
    hidden = recurrent.shape[1]
    rows = recurrent.shape[0]
    count = rows // max(hidden, 1)
    require(
        rows == count * hidden and count in (1, 3, 4) and inputs.shape[0] == rows,
        reading.where(prefix),
        f"has kernels of {inputs.shape} and {recurrent.shape}",
    )
    said: dict[str, Any] = {
        "name": prefix,
        "level": 0,
        "direction": "forward",
        "bias": any("bias" in arrays for arrays in gates.values()),
        "dtype": _type(reading, gates["dense_i"]),
    }
    first, second = bias("dense_i", rows), bias("dense_h", rows)
    if count == 1:
        return _simple(reading, inputs, recurrent, bias, said, ("dense_i", "dense_h"))
    order = reading.facts.order("ifgo" if count == 4 else "rzn")
    named = {"n": "g"} if count == 3 else {}
    w, u, b, d = (
        {named.get(gate, gate): block for gate, block in split(array, order).items()}
        for array in (inputs, recurrent, first, second)
    )
    if count == 4:
        return layer_of(
            lstm_cell(), gated_params(w, u, {gate: b[gate] + d[gate] for gate in b}), **said
        )
    biases = {gate: b[gate] + d[gate] for gate in "rz"} | {"g": b["g"]}
    return layer_of(gru_cell(after=True), gated_params(w, u, biases) | {"d_g": d["g"]}, **said)


def _simple(
    reading: Reading,
    inputs: Floats,
    recurrent: Floats,
    bias: Callable[[str, int], Floats],
    said: dict[str, Any],
    names: tuple[str, str] = ("i", "h"),
) -> Layer:
    _check(reading, said["name"], inputs, recurrent)
    facts = reading.facts
    said_so = facts.take("nonlinearity")
    if said_so is None:
        facts.assume(
            "SimpleCell does not save its activation; tanh is assumed, say nonlinearity='relu' "
            "where it is not",
            warn=True,
        )
    hidden = len(recurrent)
    cell = rnn_cell(ACTIVATIONS[said_so or "tanh"])
    total = bias(names[0], hidden) + bias(names[1], hidden)
    return layer_of(cell, {"W": inputs, "U": recurrent, "b": total}, **said)


def _check(reading: Reading, prefix: str, inputs: Floats, recurrent: Floats) -> None:
    require(
        recurrent.shape[0] == recurrent.shape[1] == inputs.shape[0] and 0 not in inputs.shape,
        reading.where(prefix),
        f"has kernels of {inputs.shape[::-1]} for the input and {recurrent.shape[::-1]} for the "
        "state",
    )


def _type(reading: Reading, arrays: dict[str, str]) -> str:
    return reading.stored(arrays["kernel"]).dtype


LAYOUT = Layout(name="Flax", find=find)
