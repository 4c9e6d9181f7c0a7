r"""Derivatives of calls that mix units, such as a layer norm, kept as one factor each.

The body of such a call is made of elementwise values and of reductions :math:`z_k` (means, sums),
so its derivative by a vector argument is a diagonal and one rank a reduction:

.. math::  D = \operatorname{diag}(d) + \sum_k u_k \rho_k^\top, \qquad
           \rho_k = \frac{\mathrm{d} z_k}{\mathrm{d} v}

where ``d`` and ``u_k`` follow from the chain rule with the ``z_k`` as variables of their own. A
product of several of them multiplied out would have a term for each choice of summands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import sympy as sp

from gradflow.cells.cell import Cell
from gradflow.cells.language.names import Names
from gradflow.cells.language.program import Elementwise, Map, Product, Slope, Statement
from gradflow.cells.language.spaces import ONE
from gradflow.cells.language.syntax import symbol
from gradflow.jacobians.derive import Calls, chain_rule, no_calls, reads
from gradflow.jacobians.partials import partial
from gradflow.jacobians.terms import Term


@dataclass(frozen=True)
class Slopes:
    """What differentiating the calls of a cell needs.

    ``calls`` are their links for the chain rule, ``statements`` what the slopes compute beside the
    program, and ``spaces`` the space of each name those define.
    """

    calls: Calls
    statements: tuple[Statement, ...] = ()
    spaces: Mapping[str, str] = field(default_factory=dict)


@lru_cache(maxsize=64)
def slopes_of(cell: Cell) -> Slopes:
    """Return the derivatives of every call of a cell by its arguments, the others held."""
    if not cell.calls:
        return Slopes(no_calls())
    made = _Made(cell)
    links: dict[sp.Symbol, tuple[tuple[Term, sp.Symbol], ...]] = {}
    hidden: set[sp.Symbol] = set()
    for call in cell.calls:
        value, arguments = symbol(call.value), [symbol(a) for a in call.arguments]
        inside = inside_of(cell.program, value, arguments)
        found: list[tuple[Term, sp.Symbol]] = []
        for place, argument in enumerate(arguments):
            prime = f"'_{place + 1}" if place else "'"
            both = cell.spaces[value.name], cell.spaces[argument.name]
            if ONE in both:
                whole = chain_rule(cell, inside, {argument})
                found += [(t, argument) for t in whole.get(value, {}).get(argument, ())]
            else:
                found += [
                    (t, argument) for t in made.terms(call.name, prime, inside, value, argument)
                ]
        links[value] = tuple(found)
        hidden |= {s.target for s in inside} - {value}
    # what a call shares with an equation is differentiated for that, with all that it is made of
    wanted = {symbol(a) for call in cell.calls for a in call.arguments}
    for statement in reversed(cell.program):
        if statement.target not in links and statement.target not in hidden - wanted:
            wanted |= reads(statement)
    hidden -= wanted
    return Slopes(Calls(links, frozenset(hidden)), tuple(made.statements), made.spaces)


def inside_of(
    program: Sequence[Statement], value: sp.Symbol, arguments: Iterable[sp.Symbol]
) -> list[Statement]:
    """Return the statements that make ``value`` from the ``arguments``, in order."""
    wanted, found = {value}, []
    stop = {*arguments}
    for statement in reversed(program):
        if statement.target in wanted - stop:
            found.append(statement)
            wanted |= reads(statement)
    return found[::-1]


class _Made:
    """Slopes of one cell, and the sums over units that they need beside its program."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.names = Names([*cell.spaces, *cell.linear_maps, *cell.parameters])
        self.statements: list[Statement] = []
        self.spaces: dict[str, str] = {}
        self._known: dict[tuple[sp.Expr, Map], sp.Symbol] = {}

    def terms(
        self,
        name: str,
        prime: str,
        inside: Sequence[Statement],
        value: sp.Symbol,
        argument: sp.Symbol,
    ) -> list[Term]:
        """Return ``d value / d argument``: a diagonal, or one factor that is kept whole."""
        diagonals: dict[sp.Symbol, sp.Expr] = {argument: sp.S.One}
        columns: dict[sp.Symbol, dict[int, sp.Expr]] = {argument: {}}
        rows: list[tuple[sp.Expr, Map]] = []
        for statement in inside:
            target = statement.target
            if isinstance(statement, Elementwise):
                self._elementwise(statement, diagonals, columns)
                continue
            operand, reduction = statement.operand, statement.linear_map
            if operand not in columns or not reduction.linear:
                continue
            columns[target] = {k: self._reduced(u, reduction) for k, u in columns[operand].items()}
            columns[target][len(rows)] = sp.S.One
            rows.append((diagonals.get(operand, sp.S.Zero), reduction))
        diagonal = diagonals.get(value, sp.S.Zero)
        kept = {k: u for k, u in columns.get(value, {}).items() if u != 0 and rows[k][0] != 0}
        if not kept:
            return [] if diagonal == 0 else [Term((diagonal,))]
        space = self.cell.spaces[value.name]
        slope = Slope(
            function=name,
            prime=prime,
            argument=argument,
            diagonal=diagonal,
            columns=tuple(kept.values()),
            rows=tuple(rows[k] for k in kept),
        )
        whole = Map(
            name=f"{name}{prime}",
            out=space,
            into=self.cell.spaces[argument.name],
            kind="slope",
            slope=slope,
        )
        return [Term((sp.S.One, sp.S.One), (whole,))]

    def _elementwise(
        self,
        statement: Elementwise,
        diagonals: dict[sp.Symbol, sp.Expr],
        columns: dict[sp.Symbol, dict[int, sp.Expr]],
    ) -> None:
        used = [v for v in sorted(reads(statement), key=str) if v in columns]
        if not used:
            return
        diagonal: sp.Expr = sp.S.Zero
        found: dict[int, sp.Expr] = {}
        for variable in used:
            slope = partial(statement, variable)
            diagonal += slope * diagonals.get(variable, sp.S.Zero)
            for k, u in columns[variable].items():
                found[k] = found.get(k, sp.S.Zero) + slope * u
        diagonals[statement.target], columns[statement.target] = diagonal, found

    def _reduced(self, column: sp.Expr, reduction: Map) -> sp.Expr:
        """Return the mean or sum over units of a column, by a name of its own."""
        spaces = {**self.cell.spaces, **self.spaces}
        even = all(spaces[s.name] == ONE for s in column.free_symbols)
        if column == 0 or (even and reduction.kind == "mean"):
            return column
        known = self._by_known_sums(column, reduction, spaces)
        if known is not None:
            return known
        if (column, reduction) not in self._known:
            inner = self._fresh("column", reduction.into)
            whole = self._fresh("total", ONE)
            self.statements += [Elementwise(inner, column), Product(whole, reduction, inner)]
            self._known[column, reduction] = whole
        return self._known[column, reduction]

    def _by_known_sums(
        self, column: sp.Expr, reduction: Map, spaces: Mapping[str, str]
    ) -> sp.Expr | None:
        """Return a linear column's reduction by those of the program: mean(v - mean(v)) = 0."""
        sums = {
            s.operand: s.target
            for s in self.cell.program
            if isinstance(s, Product) and s.linear_map == reduction
        }
        total = sp.S.Zero
        for summand in sp.Add.make_args(sp.expand(column)):
            vectors = [s for s in summand.free_symbols if spaces[s.name] != ONE]
            if not vectors and reduction.kind == "mean":
                total += summand
            elif len(vectors) == 1 and vectors[0] in sums and summand.diff(vectors[0], 2) == 0:
                scale = summand / vectors[0]
                if vectors[0] in scale.free_symbols:
                    return None
                total += scale * sums[vectors[0]]
            else:
                return None
        return total

    def _fresh(self, stem: str, space: str) -> sp.Symbol:
        name = self.names.fresh(stem)
        self.spaces[name] = space
        return symbol(name)
