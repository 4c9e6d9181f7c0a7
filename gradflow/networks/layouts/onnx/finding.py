"""The LSTM, GRU and RNN nodes of an ONNX graph.

W (directions, gates * units, inputs), R and B = [Wb, Rb]; gates in the order i o f c of an LSTM and
z r h of a GRU; peepholes P in the order i o f (ONNX operators LSTM, GRU, RNN). An array that the
graph makes from others by moving numbers about is worked out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.errors import InputError
from gradflow.networks.formats.onnx import Graph, Node
from gradflow.networks.layouts import torch
from gradflow.networks.layouts.layout import Finding, Layout, Reading, require, split
from gradflow.networks.layouts.making.building import gated_params, layer_of
from gradflow.networks.layouts.making.kinds import gru_cell, lstm_cell, rnn_cell
from gradflow.networks.layouts.onnx.functions import activations
from gradflow.networks.layouts.onnx.heads import head_of
from gradflow.networks.layouts.onnx.hidden import KINDS, hidden, named
from gradflow.networks.layouts.onnx.unrolled import chains, unrolled_layers
from gradflow.networks.layouts.onnx.values import Values
from gradflow.networks.network import Layer

__all__ = ["LAYOUT"]

Floats = NDArray[np.float64]

_ORDER = {"LSTM": "iofg", "GRU": "zrg", "RNN": "h"}


def find(reading: Reading) -> Finding | None:
    """Find the recurrent nodes of a graph, and recurrences written out step by step.

    One that is within a loop, a branch or a function, or in steps that are not those of a vanilla
    network, is read where its arrays have the names of torch, and else named.
    """
    graph = reading.contents.facts.get("onnx")
    if not isinstance(graph, Graph):
        return None
    values = Values(graph, reading.path)
    written = chains(graph, values)
    unrolled = unrolled_layers(reading, graph, values, written)
    placed = [(place, [layer]) for place, _, layer in unrolled]
    for place, node in enumerate(graph.nodes):
        if node.operation in KINDS:
            placed.append((place, _layers(reading, node, values)))
    levels = {place: level for level, place in enumerate(sorted({place for place, _ in placed}))}
    layers = [
        replace(one, level=levels[place])
        for place, found in sorted(placed, key=lambda one: one[0])
        for one in sorted(found, key=lambda layer: layer.direction)
    ]
    left = [chain for chain in written if chain not in [one for _, one, _ in unrolled]]
    skipped = [*hidden(graph), *(named(chain) for chain in left)]
    told = "; ".join(skipped)
    if not layers:
        return _by_names(reading, told, {chain.weight for chain in left}) if told else None
    if told:
        reading.facts.assume(
            f"{told[:300]} was not read, and the network has that recurrence too", warn=True
        )
    head = head_of(reading, graph, values, layers)
    arrays = reading.contents.arrays
    places = {n for n, one in arrays.items() if "int" in one.dtype and len(one.shape) < 2}
    # whole numbers of a graph say shapes and places; they are no weights that were left out
    return Finding(layers=layers, used=values.used | places, head=head, skipped=skipped)


def _by_names(reading: Reading, told: str, weights: set[str]) -> Finding:
    """Return what torch's names say of a graph that keeps its recurrence elsewhere."""
    found = torch.LAYOUT.find(reading)
    if found is None or not weights <= found.used:
        raise InputError(
            f"{reading.path} keeps its recurrence in {told[:300]}, which cannot be read; pass the "
            "weights that were exported (a state_dict), or export the layer as an LSTM, GRU or "
            "RNN node."
        )
    reading.facts.assume(
        f"the recurrence is in {told[:300]}; its arrays have the names of torch and are read as "
        "torch has them",
        warn=True,
    )
    return found


def _layers(reading: Reading, node: Node, values: Values) -> list[Layer]:
    kind, count = node.operation, KINDS[node.operation]
    where = reading.where(node.name or kind)

    def given(index: int) -> Floats | None:
        name = node.inputs[index] if index < len(node.inputs) else ""
        return values.find(name) if name else None

    inputs, recurrent, biases = given(1), given(2), given(3)
    if inputs is None or recurrent is None:
        raise InputError(
            f"{where} has weights that are given or computed while the graph runs; export the "
            "model with its constants in the file."
        )
    if len(node.inputs) > 3 and node.inputs[3] and biases is None:
        raise InputError(
            f"{where} has a bias that is given or computed while the graph runs; export the "
            "model with its constants in the file."
        )
    require(inputs.ndim == recurrent.ndim == 3, where, "has weights that are not three-dimensional")
    directions, rows, entries = inputs.shape
    hidden = recurrent.shape[2]
    require(
        directions in (1, 2)
        and hidden > 0
        and entries > 0
        and rows == count * hidden
        and recurrent.shape == (directions, rows, hidden)
        and node.attributes.get("hidden_size", hidden) == hidden
        and (biases is None or biases.shape == (directions, 2 * rows)),
        where,
        f"has weights of {inputs.shape} and {recurrent.shape}",
    )
    way = node.attributes.get("direction") or "forward"
    require(
        way in ("forward", "reverse", "bidirectional")
        and (way == "bidirectional") == (directions == 2),
        where,
        f"has {directions} directions and says {str(way)[:20]!r}",
    )
    functions = activations(node, directions, where)
    found = []
    for d in range(directions):
        both = np.zeros(2 * rows) if biases is None else biases[d]
        layer = _direction(
            reading,
            node,
            values,
            d,
            inputs[d],
            recurrent[d],
            both[:rows],
            both[rows:],
            functions[d],
        )
        back = way == "reverse" or d == 1
        found.append(
            replace(layer, direction="reverse" if back else "forward", bias=biases is not None)
        )
    return found


def _direction(
    reading: Reading,
    node: Node,
    values: Values,
    d: int,
    inputs: Floats,
    recurrent: Floats,
    first: Floats,
    second: Floats,
    functions: tuple[str, ...],
) -> Layer:
    kind = node.operation
    hidden = recurrent.shape[1]
    clip = node.attributes.get("clip")
    clip = float(clip) if isinstance(clip, float) and clip > 0 else None
    dtype = values.dtype(node.inputs[1])
    said: dict[str, Any] = {
        "name": node.name or kind,
        "level": 0,
        "direction": "forward",
        "bias": True,
        "dtype": dtype,
    }
    starts = _initial(reading, node, values, d, hidden)
    said["initial"] = starts
    if kind == "RNN":
        params = {"W": inputs, "U": recurrent, "b": first + second}
        return layer_of(rnn_cell(functions[0], clip), params, **said)
    w, u, b, e = (
        split(a, reading.facts.order(_ORDER[kind])) for a in (inputs, recurrent, first, second)
    )
    if kind == "GRU":
        after = bool(node.attributes.get("linear_before_reset", 0))
        cell = gru_cell(after=after, gate=functions[0], candidate=functions[1], clip=clip)
        total = {g: b[g] + e[g] for g in "zrg"}
        if not after:
            return layer_of(cell, gated_params(w, u, total), **said)
        return layer_of(cell, gated_params(w, u, {**total, "g": b["g"]}) | {"d_g": e["g"]}, **said)
    coupled = bool(node.attributes.get("input_forget", 0))
    peep = values.find(node.inputs[7]) if len(node.inputs) > 7 and node.inputs[7] else None
    gates = [g for g in "ifog" if not (coupled and g == "f")]
    cell = lstm_cell(
        gate=functions[0],
        candidate=functions[1],
        output=functions[2],
        peepholes=peep is not None,
        coupled=coupled,
        clip=clip,
    )
    params = gated_params(
        {g: w[g] for g in gates}, {g: u[g] for g in gates}, {g: b[g] + e[g] for g in gates}
    )
    if peep is not None:
        require(
            peep.ndim == 2 and peep.shape[1] == 3 * hidden and d < len(peep),
            reading.where(node.name or kind),
            f"has peepholes of {peep.shape}",
        )
        params |= {f"p_{g}": p for g, p in split(peep[d], "iof").items() if g in gates}
    return layer_of(cell, params, **said)


def _initial(
    reading: Reading, node: Node, values: Values, d: int, hidden: int
) -> dict[str, Floats] | None:
    """Return the first state where the file has one that is not zero."""
    found = {}
    for index, part in ((5, "h"), (6, "c")):
        name = node.inputs[index] if index < len(node.inputs) else ""
        array = values.find(name) if name else None
        if array is None or array.ndim != 3:
            continue
        require(
            array.shape[-1] == hidden,
            reading.where(node.name or node.operation),
            f"has a first state of {array.shape[-1]} entries for {hidden} units, as exporters of "
            "torch write a projected LSTM, whose projection is lost",
        )
        rows = array[:, d] if node.attributes.get("layout", 0) else array[d]
        if len(rows) and rows.any():
            found[part] = rows[0]
    if not found:
        return None
    parts = ("h", "c") if node.operation == "LSTM" else ("h",)
    return {part: found.get(part, np.zeros(hidden)) for part in parts}


LAYOUT = Layout(name="ONNX", find=find)
