"""Calls that mix units, such as a layer norm, from inside: the chain rule from arguments to value.

In the normal form the derivative of such a call by an argument is one map, whose entries follow
from what is kept here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sympy as sp

from gradflow.cells.cell import Cell
from gradflow.cells.language.program import Map, Statement
from gradflow.cells.language.syntax import symbol
from gradflow.jacobians.derive import Calls, Derivatives, chain_rule
from gradflow.jacobians.slopes import inside_of, slopes_of


@dataclass(frozen=True, kw_only=True)
class Site:
    """One call.

    Parameters
    ----------
    value
        The name of what it returns.
    arguments
        The names it is called with that depend on the state.
    inside
        The statements that make the value from them, in order.
    derivatives
        Those of every name inside by the arguments.
    maps
        The derivative of the value by an argument where it is one map.
    """

    value: sp.Symbol
    arguments: tuple[sp.Symbol, ...]
    inside: tuple[Statement, ...]
    derivatives: Derivatives
    maps: Mapping[sp.Symbol, Map]


def sites_of(cell: Cell, moving: set[sp.Symbol]) -> tuple[tuple[Site, ...], Calls]:
    """Return the calls with a derivative of one map, and what the chain rule needs of them.

    ``moving`` are the names that the state reaches. Other calls are differentiated statement by
    statement.
    """
    links, hidden = slopes_of(cell).calls.links, set(slopes_of(cell).calls.hidden)
    found = []
    for call in cell.calls:
        value, arguments = symbol(call.value), [symbol(a) for a in call.arguments]
        inside = inside_of(cell.program, value, arguments)
        maps = {
            argument: term.maps[0]
            for term, argument in links[value]
            if argument in moving and any(m.kind == "slope" for m in term.maps)
        }
        if not maps:
            hidden -= {s.target for s in inside}
            continue
        reached = tuple(a for a in arguments if a in moving)
        found.append(
            Site(
                value=value,
                arguments=reached,
                inside=tuple(s for s in inside if s.target in moving),
                derivatives=chain_rule(cell, inside, {*reached}),
                maps=maps,
            )
        )
    return tuple(found), Calls({s.value: links[s.value] for s in found}, frozenset(hidden))
