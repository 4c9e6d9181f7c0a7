"""The terms of a Jacobian with each slope as the function that keeps its digits."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import sympy as sp

from gradflow.cells.cell import Cell
from gradflow.cells.language.program import Elementwise, Map
from gradflow.codegen.logarithms.evaluation import program
from gradflow.codegen.lowering.slopes import kept
from gradflow.jacobians.labels import path_labels
from gradflow.jacobians.step import jacobian


@dataclass(frozen=True, kw_only=True)
class LogTerm:
    """A term of the normal form with the block and the path it belongs to."""

    out: str
    wrt: str
    path: str
    diagonals: tuple[sp.Expr, ...]
    maps: tuple[Map, ...]


@dataclass(frozen=True, kw_only=True)
class Jacobian:
    """The terms of a Jacobian, and the columns it has: state parts or inputs.

    ``entries`` are the products each of whose factors is an expression or a map, from which the
    entries are sums. ``outer`` are the expressions among them that are no number, in the names of
    the cell, ``inner`` those of derivatives of calls that mix units.
    """

    columns: tuple[str, ...]
    terms: tuple[LogTerm, ...]
    entries: tuple[tuple[sp.Expr | Map, ...], ...]
    outer: tuple[sp.Expr, ...]
    inner: tuple[sp.Expr, ...]


@lru_cache(maxsize=64)
def jacobian_terms(cell: Cell, by_inputs: bool) -> Jacobian:
    """Return the terms of the step Jacobian, or of the derivatives by the inputs."""
    meanings = {s.target: s.expression for s in cell.program if isinstance(s, Elementwise)}
    extra = {s.target for s in program(cell)} - {s.target for s in cell.program}
    meanings |= {s.target: s.expression for s in program(cell) if isinstance(s, Elementwise)}
    if by_inputs:
        derived, columns = jacobian(cell), cell.input_names
        labelled = {
            (o, c, t): "" for o in cell.states for c in columns for t in derived[o, c].terms
        }
    else:
        labelled, columns = path_labels(cell), cell.states
    terms = tuple(
        LogTerm(
            out=out,
            wrt=wrt,
            path=path,
            diagonals=tuple(kept(d, meanings) for d in term.diagonals),
            maps=tuple(_kept_slope(m, meanings) for m in term.maps),
        )
        for (out, wrt, term), path in labelled.items()
    )
    entries = tuple(
        tuple(e for factor in (term.diagonals, *several) for e in factor)
        for term in terms
        for several in itertools.product(*(_factors(m) for m in term.maps))
    )
    found = dict.fromkeys(
        e for entry in entries for e in entry if not isinstance(e, Map) and not e.is_Number
    )
    inner = tuple(e for e in found if e.free_symbols & extra)
    outer = tuple(e for e in found if e not in inner)
    return Jacobian(columns=columns, terms=terms, entries=entries, outer=outer, inner=inner)


def _kept_slope(linear_map: Map, meanings: Mapping[sp.Basic, sp.Expr]) -> Map:
    slope = linear_map.slope
    if slope is None:
        return linear_map
    return replace(
        linear_map,
        slope=replace(
            slope,
            diagonal=kept(slope.diagonal, meanings),
            columns=tuple(kept(u, meanings) for u in slope.columns),
            rows=tuple((kept(e, meanings), m) for e, m in slope.rows),
        ),
    )


def _factors(linear_map: Map) -> list[tuple[sp.Expr | Map, ...]]:
    """The products whose sums are the entries of a map."""
    slope = linear_map.slope
    if slope is None:
        return [(linear_map,)]
    ranks = [(u, e, m) for u, (e, m) in zip(slope.columns, slope.rows, strict=True)]
    return [*([] if slope.diagonal == 0 else [(slope.diagonal,)]), *ranks]
