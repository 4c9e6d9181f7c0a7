"""One step of a vanilla network among the operations of a graph: h_next = act(U h + b + W x).

Told are its matrices, the sum of its biases, its activation, and which entry of the input it takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gradflow.networks.formats.onnx import Node
from gradflow.networks.layouts.onnx.values import Values

__all__ = ["PRODUCTS", "Step", "first_step", "matrix_of", "shown_by", "step_of"]

Floats = NDArray[np.float64]

PRODUCTS = ("MatMul", "Gemm")
_ACTIVATIONS = ("Tanh", "Relu", "Sigmoid")
_SHAPING = ("Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Flatten")
_TAKING = ("Slice", "Gather", "Split")
_LONGEST = 12  # operations within one step


@dataclass(frozen=True, eq=False, kw_only=True)
class Step:
    """One step: the state that it reads and gives, its product W x, and where x is taken from.

    ``entry`` is the place of x in the source, counted from its end where the source is flipped.
    """

    old: str
    new: str
    activation: str
    inputs: Node
    bias: Floats
    source: str
    entry: int | None
    flipped: bool


def step_of(product: Node, readers: Mapping[str, list[Node]], values: Values) -> Step | None:
    """Return the step of a product U h, followed to its activation."""
    bias = _own_bias(product, values)
    name = product.outputs[0]
    source = None
    for _ in range(_LONGEST):
        if len(readers[name]) != 1 or bias is None:
            return None
        node = readers[name][0]
        if node.operation == "Add":
            other = next((n for n in node.inputs if n != name), "")
            constant = values.find(other)
            if constant is not None:
                bias = bias + constant.reshape(-1)
            elif source is None:
                source = other
            else:
                return None
        elif node.operation in _ACTIVATIONS and source is not None:
            return _with_input(source, product.inputs[0], node, bias, values)
        elif node.operation not in _SHAPING:
            return None
        name = node.outputs[0]
    return None


def first_step(name: str, values: Values) -> Step | None:
    """Return the first step, whose product with the constant first state is a constant."""
    activation = values.makers.get(shown_by(name, values))
    if activation is None or activation.operation not in _ACTIVATIONS:
        return None
    return _with_input(activation.inputs[0], "", activation, np.zeros(1), values)


def _with_input(
    source: str, old: str, activation: Node, bias: Floats, values: Values
) -> Step | None:
    """Return a step with the product W x behind a value, its biases and the entry of x."""
    product, entry, flipped = None, None, False
    for _ in range(2 * _LONGEST):
        node = values.makers.get(source)
        if node is None or not node.inputs:
            break
        following = node.inputs[0]
        if node.operation == "Add" and product is None:
            constants = [values.find(n) for n in node.inputs]
            known = [c for c in constants if c is not None]
            if len(known) != 1:
                return None
            bias = bias + known[0].reshape(-1)
            following = node.inputs[constants[0] is not None]
        elif node.operation in PRODUCTS and product is None:
            product, own = node, _own_bias(node, values)
            if own is None or values.find(node.inputs[1]) is None:
                return None
            bias = bias + own
        elif node.operation == "Slice" and _stride(node, values) == -1:
            flipped = not flipped
        elif node.operation in _TAKING:
            entry = _entry(node, source, values) if entry is None else entry
        elif node.operation not in _SHAPING:
            break
        source = following
    if product is None:
        return None
    return Step(
        old=old,
        new=activation.outputs[0],
        activation=activation.operation,
        inputs=product,
        bias=bias,
        source=source,
        entry=entry,
        flipped=flipped,
    )


def _stride(node: Node, values: Values) -> int:
    found = values.find(node.inputs[4]) if len(node.inputs) > 4 else None
    return int(found.reshape(-1)[0]) if found is not None and found.size == 1 else 1


def _entry(node: Node, taken: str, values: Values) -> int | None:
    """Return the step whose input is taken from the whole one."""
    if node.operation == "Split":
        return node.outputs.index(taken)
    found = values.find(node.inputs[1]) if len(node.inputs) > 1 else None
    said = node.attributes.get("starts") if found is None else found
    return int(np.reshape(said, -1)[0]) if said is not None and np.size(said) == 1 else None


def _own_bias(product: Node, values: Values) -> Floats | None:
    """Return the bias within a product, 0 where it has none; ``None`` if it is no constant."""
    scaled = any(product.attributes.get(n, 1.0) != 1.0 for n in ("alpha", "beta"))
    if scaled or product.attributes.get("transA"):
        return None
    if product.operation == "MatMul" or len(product.inputs) < 3 or not product.inputs[2]:
        return np.zeros(1)
    found = values.find(product.inputs[2])
    return None if found is None else np.reshape(found, -1)


def matrix_of(product: Node, values: Values) -> Floats | None:
    """Return the matrix of a product, its rows the outputs."""
    found = values.find(product.inputs[1])
    if found is None or found.ndim != 2:
        return None
    turned = product.operation == "Gemm" and product.attributes.get("transB")
    return np.ascontiguousarray(found if turned else found.T)


def shown_by(name: str, values: Values) -> str:
    """Return the value that another shows in other shapes."""
    for _ in range(_LONGEST):
        node = values.makers.get(name)
        if node is None or node.operation not in _SHAPING:
            break
        name = node.inputs[0]
    return name
