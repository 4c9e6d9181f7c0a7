"""The head of an ONNX graph: the one matrix product that reads what the top layer gives."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gradflow.networks.formats.onnx import Graph, Node
from gradflow.networks.layouts.layout import Reading
from gradflow.networks.layouts.onnx.values import Values
from gradflow.networks.network import Dense, Layer

__all__ = ["head_of"]


def head_of(reading: Reading, graph: Graph, values: Values, layers: list[Layer]) -> Dense | None:
    """Return the one matrix product that reads what the top layer gives, and what is added."""
    top = max(layer.level for layer in layers)
    given = sum(layer.hidden for layer in layers if layer.level == top)
    recurrent = set(values.used)
    fitting: dict[str | None, tuple[Node, NDArray[np.float64]]] = {}
    for node in graph.nodes:
        if node.operation not in ("MatMul", "Gemm") or len(node.inputs) < 2:
            continue
        root = values.root(node.inputs[1])
        if root in recurrent:
            continue
        weight = values.find(node.inputs[1])
        if weight is None or weight.ndim != 2:
            continue
        if not (node.operation == "Gemm" and node.attributes.get("transB")):
            weight = weight.T
        if weight.shape[1] == given:
            fitting[root] = node, np.ascontiguousarray(weight)
    if len(fitting) != 1:
        return None
    ((node, weight),) = fitting.values()
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
    return Dense(name=name, weight=weight, bias=bias)
