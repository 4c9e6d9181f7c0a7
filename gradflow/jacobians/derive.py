"""The chain rule over a cell's program: every derivative as terms of the normal form."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

import sympy as sp

from gradflow.cells.cell import Cell
from gradflow.cells.language.program import Elementwise, Product, Statement, spread
from gradflow.cells.language.spaces import ONE
from gradflow.cells.language.syntax import TIME
from gradflow.jacobians.partials import partial
from gradflow.jacobians.terms import IDENTITY, Term, collect

Derivatives = Mapping[sp.Symbol, Mapping[sp.Symbol, tuple[Term, ...]]]


def local_term(cell: Cell, statement: Elementwise, variable: sp.Symbol) -> Term:
    """Return ``d target / d variable`` of one statement, all other symbols held.

    A variable of space ``one`` in an equation with units acts on each of them: its term ends in
    the column of ones that spreads one value.
    """
    derivative = partial(statement, variable)
    space = cell.spaces[statement.target.name]
    if cell.spaces[variable.name] == ONE and space != ONE:
        return Term((derivative, sp.S.One), (spread(space),))
    return Term((derivative,))


Links = Sequence[tuple[Term, sp.Symbol]]


@dataclass(frozen=True)
class Calls:
    """Values whose derivatives are known, ``links`` by value, and names that need none then."""

    links: Mapping[sp.Symbol, Links]
    hidden: frozenset[sp.Symbol]


def no_calls() -> Calls:
    """Return what is known of nothing."""
    return Calls({}, frozenset())


def reads(statement: Statement) -> set[sp.Symbol]:
    """Return the names of the program that a statement reads, time left out."""
    if isinstance(statement, Product):
        return {statement.operand}
    return set(statement.expression.free_symbols) - {TIME}


def accumulate(
    cell: Cell,
    sources: Iterable[sp.Symbol],
    stops: Iterable[sp.Symbol] = (),
    calls: Calls | None = None,
) -> Derivatives:
    """Differentiate every statement of the program with respect to ``sources``, forward.

    Parameters
    ----------
    cell
        The declared cell.
    sources
        Symbols to differentiate by: state parts, inputs, parameters, or names the program itself
        defines (whose own derivative is then the identity).
    stops
        Sources behind which the chain rule does not look: their derivatives with respect to the
        other sources are left out, so that a block can be written with them.
    calls
        Values whose derivatives are kept whole.

    Returns
    -------
    dict
        ``result[y][s]`` are the terms of ``dy/ds``.
    """
    return chain_rule(cell, cell.program, set(sources), set(stops), calls or no_calls())


def chain_rule(
    cell: Cell,
    program: Iterable[Statement],
    sources: set[sp.Symbol],
    stops: Container[sp.Symbol] = (),
    calls: Calls | None = None,
) -> Derivatives:
    """Return :func:`accumulate` over some statements of a cell's program."""
    calls = calls or no_calls()
    equations = {line.target for line in cell.lines}
    result: dict[sp.Symbol, dict[sp.Symbol, tuple[Term, ...]]] = {
        s: {s: (IDENTITY,)} for s in sources
    }
    for statement in program:
        if statement.target in calls.hidden:
            continue
        if statement.target in calls.links:
            links = [(t, v) for t, v in calls.links[statement.target] if v in result]
        elif isinstance(statement, Elementwise):
            used = sorted(reads(statement), key=str)
            links = [(local_term(cell, statement, v), v) for v in used if v in result]
        else:
            whole = Term((sp.S.One, sp.S.One), (statement.linear_map,))
            known = statement.operand in result and statement.linear_map.linear
            links = [(whole, statement.operand)] if known else []
        found: dict[sp.Symbol, list[Term]] = {}
        if statement.target not in stops:
            for link, variable in links:
                hop = (variable.name,) if variable.name in equations else ()
                for source, terms in result[variable].items():
                    passed = () if variable == source else hop
                    step = Term(link.diagonals, link.maps, passed)
                    found.setdefault(source, []).extend(step.after(term) for term in terms)
        collected = {s: collect(terms) for s, terms in found.items()}
        if statement.target in sources:
            collected[statement.target] = (IDENTITY,)
        kept = {s: terms for s, terms in collected.items() if terms}
        if kept:
            result[statement.target] = kept
    return result
