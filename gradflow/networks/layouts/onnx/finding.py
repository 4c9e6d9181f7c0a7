"""The LSTM, GRU and RNN nodes of an ONNX graph.

W (directions, gates * units, inputs), R and B = [Wb, Rb]; gates in the order i o f c of an LSTM and
z r h of a GRU; peepholes P in the order i o f (ONNX operators LSTM, GRU, RNN). An array that the
graph makes from others by moving numbers about is worked out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.errors import InputError
from gradflow.networks.formats.onnx import Graph, Node
from gradflow.networks.layouts.layout import Finding, Layout, Reading, require, split
from gradflow.networks.layouts.making.building import gated_params, layer_of
from gradflow.networks.layouts.making.kinds import gru_cell, lstm_cell, rnn_cell
from gradflow.networks.layouts.onnx.functions import activations
from gradflow.networks.layouts.onnx.values import Values
from gradflow.networks.network import Dense, Layer

__all__ = ["LAYOUT"]

Floats = NDArray[np.float64]

_KINDS = {"LSTM": 4, "GRU": 3, "RNN": 1}
_ORDER = {"LSTM": "iofg", "GRU": "zrg", "RNN": "h"}
_LOOPS = ("Loop", "Scan")


def find(reading: Reading) -> Finding | None:
    """Find the recurrent nodes of a graph; one within a loop is named and not read."""
    graph = reading.contents.facts.get("onnx")
    if not isinstance(graph, Graph):
        return None
    layers: list[Layer] = []
    skipped: list[str] = []
    values = Values(graph, reading.path)
    nodes = [n for n in graph.nodes if n.operation in _KINDS]
    for level, node in enumerate(nodes):
        layers += [replace(one, level=level) for one in _layers(reading, node, values)]
    for loop, inner in _hidden(graph, None):
        words = f"{loop.name or loop.operation} ({loop.operation})"
        skipped.append(f"{words}, which holds {inner or 'a recurrence of its own'}")
    if skipped:
        told = "; ".join(skipped)
        if not layers:
            raise InputError(
                f"{reading.path} keeps its recurrence in {told[:300]}, which cannot be read; "
                "export the layer as an LSTM, GRU or RNN node."
            )
        reading.facts.assume(
            f"{told[:300]} was not read, and the network has that recurrence too", warn=True
        )
    if not layers:
        return None
    head, used = _head(reading, graph, values, layers)
    return Finding(layers=layers, used=used | values.used, head=head, skipped=skipped)


def _hidden(graph: Graph, loop: Node | None) -> Iterator[tuple[Node, str]]:
    """Yield the loops of a graph, and the recurrent nodes in its branches and loops."""
    for node in graph.nodes:
        outer = node if node.operation in _LOOPS else loop
        inner = [v for v in node.attributes.values() if isinstance(v, Graph)]
        if node.operation in _LOOPS:
            names = sorted({n.operation for g in inner for n in g.nodes if n.operation in _KINDS})
            yield node, " and ".join(names)
        for one in inner:
            if node.operation not in _LOOPS:
                for n in one.nodes:
                    if n.operation in _KINDS:
                        yield node, n.operation
            yield from _hidden(one, outer)


def _layers(reading: Reading, node: Node, values: Values) -> list[Layer]:
    kind, count = node.operation, _KINDS[node.operation]
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
        if array is None or array.ndim != 3 or array.shape[-1] != hidden:
            continue
        rows = array[:, d] if node.attributes.get("layout", 0) else array[d]
        if len(rows) and rows.any():
            found[part] = rows[0]
    if not found:
        return None
    parts = ("h", "c") if node.operation == "LSTM" else ("h",)
    return {part: found.get(part, np.zeros(hidden)) for part in parts}


def _head(
    reading: Reading, graph: Graph, values: Values, layers: list[Layer]
) -> tuple[Dense | None, set[str]]:
    """Return the one matrix product that reads what the top layer gives, and what is added."""
    top = max(layer.level for layer in layers)
    given = sum(layer.hidden for layer in layers if layer.level == top)
    fitting = []
    for node in graph.nodes:
        if node.operation not in ("MatMul", "Gemm") or len(node.inputs) < 2:
            continue
        weight = values.find(node.inputs[1])
        if weight is None or weight.ndim != 2:
            continue
        if not (node.operation == "Gemm" and node.attributes.get("transB")):
            weight = weight.T
        if weight.shape[1] == given:
            fitting.append((node, np.ascontiguousarray(weight)))
    if len(fitting) != 1:
        return None, set()
    node, weight = fitting[0]
    bias = None
    if node.operation == "Gemm" and len(node.inputs) > 2:
        bias = values.find(node.inputs[2])
    for other in graph.nodes:
        if other.operation == "Add" and node.outputs[0] in other.inputs:
            added = [n for n in other.inputs if n != node.outputs[0]]
            bias = values.find(added[0]) if added else None
    if bias is not None and bias.shape != (len(weight),):
        bias = None
    name = node.name or node.operation
    reading.facts.assume(f"{name!r} is taken as the head, since its shape fits")
    return Dense(name=name, weight=weight, bias=bias), set()


LAYOUT = Layout(name="ONNX", find=find)
