"""Recurrences that an exporter wrote out step by step, without a node for them.

A constant matrix that is applied again to what it made before is a recurrence, however its steps
are written. Where the steps are those of a vanilla network, it is read from them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gradflow.networks.formats.onnx import Graph, Node
from gradflow.networks.layouts.layout import Reading
from gradflow.networks.layouts.making.building import layer_of
from gradflow.networks.layouts.making.kinds import ACTIVATIONS, rnn_cell
from gradflow.networks.layouts.onnx.steps import (
    PRODUCTS,
    Step,
    first_step,
    matrix_of,
    shown_by,
    step_of,
)
from gradflow.networks.layouts.onnx.values import Values
from gradflow.networks.network import Layer

__all__ = ["Chain", "chains", "unrolled_layers"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Chain:
    """One matrix by the name of its array, and the products with it in their order."""

    weight: str
    products: tuple[Node, ...]


def chains(graph: Graph, values: Values) -> list[Chain]:
    """Return the recurrences of a graph: matrices applied again to what they made."""
    products: dict[str, list[Node]] = defaultdict(list)
    for node in graph.nodes:
        if node.operation in PRODUCTS and len(node.inputs) > 1:
            root = values.root(node.inputs[1])
            if root is not None:
                products[root].append(node)
    return [
        Chain(weight=weight, products=tuple(found))
        for weight, found in products.items()
        if len(found) > 1
        if not _before(found[-1].inputs[0], values).isdisjoint(n.outputs[0] for n in found[:-1])
    ]


def _before(name: str, values: Values) -> set[str]:
    """Return the names of all values that a value is made from."""
    seen = {name}
    todo = [name]
    while todo:
        node = values.makers.get(todo.pop())
        fresh = set(node.inputs if node else ()) - seen - {""}
        seen |= fresh
        todo += fresh
    return seen


def unrolled_layers(
    reading: Reading, graph: Graph, values: Values, found: list[Chain]
) -> list[tuple[int, Chain, Layer]]:
    """Return the vanilla networks among the recurrences, each with its place in the graph.

    Two that take their inputs from one value in opposite orders are the directions of one layer and
    share a place.
    """
    readers: dict[str, list[Node]] = defaultdict(list)
    for node in graph.nodes:
        for name in node.inputs:
            readers[name].append(node)
    ways: dict[str, str] = {}
    places: dict[tuple[str, str], int] = {}
    read: list[tuple[int, Chain, Layer]] = []
    for chain in found:
        known = _steps(chain, readers, values)
        if known is None:
            continue
        steps, params = known
        source = steps[0].source
        entries = [one.entry for one in steps if one.entry is not None]
        back = (len(entries) > 1 and entries[0] > entries[-1]) != steps[0].flipped
        way = ways.get(source, "reverse" if back else "forward")
        ways |= dict.fromkeys((one.new for one in steps), way)
        other = "forward" if way == "reverse" else "reverse"
        place = places.get((source, other), graph.nodes.index(steps[0].inputs))
        places[source, way] = place
        layer = _layer(chain, steps, params, values, way)
        read.append((place, chain, layer))
        reading.facts.assume(
            f"{layer.name!r} is written out over {len(steps)} steps, each with the same matrices, "
            "and is read as one recurrent layer"
        )
    return read


def _steps(
    chain: Chain, readers: dict[str, list[Node]], values: Values
) -> tuple[list[Step], dict[str, Floats]] | None:
    """Return the steps of a vanilla network and its arrays, where a chain is one."""
    first = first_step(chain.products[0].inputs[0], values)
    found = [first] if first is not None else []
    for product in chain.products:
        step = step_of(product, readers, values)
        if step is None:
            return None
        found.append(step)
    last = found[-1]
    recurrent, inputs = matrix_of(chain.products[0], values), matrix_of(last.inputs, values)
    if recurrent is None or inputs is None:
        return None
    alike = all(
        one.activation == last.activation
        and values.root(one.inputs.inputs[1]) == values.root(last.inputs.inputs[1])
        and one.bias.size in (1, len(recurrent))
        # the exporter rounds the bias of the first step to its own type
        and np.allclose(one.bias, last.bias, rtol=1e-5, atol=1e-7)
        for one in found
    )
    joined = all(shown_by(b.old, values) == a.new for a, b in pairwise(found))
    square = len(inputs) == len(recurrent) == recurrent.shape[1]
    if not (alike and joined and square):
        return None
    bias = np.zeros(len(recurrent)) + last.bias
    return found, {"W": inputs, "U": recurrent, "b": bias}


def _layer(
    chain: Chain, steps: list[Step], params: dict[str, Floats], values: Values, way: str
) -> Layer:
    hidden = len(params["U"])
    start = values.find(steps[0].old) if steps[0].old else None
    told = start is not None and start.size == hidden and start.any()
    return layer_of(
        rnn_cell(ACTIVATIONS[steps[-1].activation.lower()]),
        params,
        name=chain.weight.rpartition(".")[0] or chain.weight,
        level=0,
        direction=way,
        bias=bool(params["b"].any()),
        dtype=values.dtype(chain.products[0].inputs[1]),
        initial={"h": start.reshape(-1)} if start is not None and told else None,
    )
