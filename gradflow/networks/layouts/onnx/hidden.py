"""Recurrences of an ONNX graph that are not a node of it: in loops, branches and functions."""

from __future__ import annotations

from gradflow.networks.formats.onnx import Graph, Node
from gradflow.networks.layouts.onnx.unrolled import Chain

__all__ = ["KINDS", "hidden", "named"]

KINDS = {"LSTM": 4, "GRU": 3, "RNN": 1}
"""Recurrent operations of ONNX and the blocks of rows in their matrices."""

_LOOPS = ("Loop", "Scan")


def hidden(graph: Graph) -> list[str]:
    """Return words for the loops of a graph, and for what holds recurrent nodes of its own."""
    found = []
    for node in graph.nodes:
        kinds = sorted(_within(node, graph, set()))
        recurrent = " and ".join(kind for kind in kinds if kind in KINDS)
        if recurrent or node.operation in _LOOPS or set(kinds) & set(_LOOPS):
            name = node.name if node.name.isprintable() and len(node.name) <= 80 else ""
            words = f"{name} ({node.operation})" if name else f"a {node.operation}"
            found.append(f"{words}, which holds {recurrent or 'a recurrence of its own'}")
    return found


def _within(node: Node, graph: Graph, seen: set[str]) -> set[str]:
    """Return the operations in the graphs and the function that a node runs."""
    inner = [v for v in node.attributes.values() if isinstance(v, Graph)]
    if node.operation in graph.functions and node.operation not in seen:
        seen.add(node.operation)
        inner.append(graph.functions[node.operation])
    found = {n.operation for one in inner for n in one.nodes}
    return found.union(*(_within(n, graph, seen) for one in inner for n in one.nodes))


def named(chain: Chain) -> str:
    """Return words for a recurrence that is written out step by step."""
    name = chain.weight
    plain = name if name.isprintable() and name.isascii() and len(name) <= 80 else "a matrix"
    return f"{len(chain.products)} written-out steps with {plain}"
