"""The intermediate form between calculus and source text: a routine of a few kinds of statement.

A target (NumPy, mpmath, later ones) prints routines; it knows nothing about derivatives.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field

import sympy as sp

from gradflow.cells.language.names import Names
from gradflow.cells.language.program import Map
from gradflow.cells.language.spaces import ONE
from gradflow.cells.language.syntax import symbol
from gradflow.jacobians.terms import Term


@dataclass(frozen=True)
class Let:
    """``target = expression``, elementwise over the units of ``space``."""

    target: sp.Symbol
    expression: sp.Expr
    space: str


@dataclass(frozen=True)
class Matvec:
    """``target = M operand``, or ``M^T operand`` where ``transposed``."""

    target: sp.Symbol
    linear_map: Map
    operand: sp.Symbol
    transposed: bool = False


@dataclass(frozen=True)
class Fill:
    """Write the sum of ``terms`` into block (``out``, ``wrt``) of the matrix being returned."""

    out: str
    wrt: str
    terms: tuple[Term, ...]


@dataclass(frozen=True)
class Gradient:
    """Add to the gradient of ``parameter`` the outer product ``adjoint operand^T``.

    For a vector the operand is ``None`` and the adjoint itself is added.
    """

    parameter: str
    adjoint: sp.Symbol
    operand: sp.Symbol | None


Statement = Let | Matvec | Fill | Gradient


@dataclass(frozen=True, kw_only=True)
class Routine:
    """One generated function.

    Parameters
    ----------
    name
        Its name.
    summary
        First line of its docstring: what it computes.
    statements
        In the order of execution, common subexpressions named, nothing computed in vain.
    returns
        Symbols returned, empty where the result is a matrix or a set of gradients.
    extra
        Arguments after those every routine takes: pairs of symbol and space.
    matrix
        Row parts and column parts of the matrix the routine fills, if it does.
    """

    name: str
    summary: str
    statements: tuple[Statement, ...]
    returns: tuple[sp.Symbol, ...] = ()
    extra: tuple[tuple[sp.Symbol, str], ...] = ()
    matrix: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    spaces: dict[str, str] = field(default_factory=dict)

    @property
    def expressions(self) -> list[sp.Basic]:
        """Every scalar expression of the routine."""
        return _expressions(self.statements)


def _expressions(statements: Iterable[Statement]) -> list[sp.Basic]:
    found = [s.expression for s in statements if isinstance(s, Let)]
    fills = [s for s in statements if isinstance(s, Fill)]
    return found + [d for s in fills for t in s.terms for d in t.diagonals]


def reads(statement: Statement) -> set[sp.Symbol]:
    """Return the symbols a statement needs."""
    match statement:
        case Let(expression=expression):
            return set(expression.free_symbols)
        case Matvec(operand=operand):
            return {operand}
        case Fill(terms=terms):
            return {s for t in terms for d in t.diagonals for s in d.free_symbols}
        case Gradient(adjoint=adjoint, operand=operand):
            return {adjoint} | ({operand} if operand is not None else set())


def live(statements: list[Statement], wanted: set[sp.Symbol]) -> list[Statement]:
    """Drop statements whose result nobody reads."""
    kept: list[Statement] = []
    wanted = set(wanted)
    for statement in reversed(statements):
        if isinstance(statement, (Let, Matvec)) and statement.target not in wanted:
            continue
        kept.append(statement)
        wanted |= reads(statement)
    return kept[::-1]


def common_space(expression: sp.Basic, spaces: Mapping[str, str]) -> str:
    """Return the space an elementwise expression lives in, ``one`` where no symbol has units."""
    found = {spaces[s.name] for s in expression.free_symbols} - {ONE}
    return found.pop() if found else ONE


def share(statements: list[Statement], spaces: dict[str, str], names: Names) -> list[Statement]:
    """Name common subexpressions once, each right before its first use.

    ``spaces`` holds the space of every symbol and is given those of the new names, which ``names``
    makes. The order is deterministic: that of the statements, then SymPy's canonical order.
    """
    replaced, reduced = sp.cse(
        _expressions(statements),
        symbols=map(symbol, names.numbered("v")),
        order="canonical",
        list=False,
    )
    rest = iter(reduced)
    rewritten: list[Statement] = [
        Let(s.target, next(rest), s.space) if isinstance(s, Let) else s for s in statements
    ]
    rewritten = [
        Fill(
            s.out,
            s.wrt,
            tuple(Term(tuple(next(rest) for _ in t.diagonals), t.maps, t.path) for t in s.terms),
        )
        if isinstance(s, Fill)
        else s
        for s in rewritten
    ]
    values: dict[sp.Symbol, Let] = {}
    for name, expression in replaced:
        spaces[name.name] = common_space(expression, spaces)
        values[name] = Let(name, expression, spaces[name.name])
    placed: set[sp.Symbol] = set()
    result: list[Statement] = []

    def place(name: sp.Symbol) -> None:
        if name in values and name not in placed:
            placed.add(name)
            for inner in sorted(values[name].expression.free_symbols, key=str):
                place(inner)
            result.append(values[name])

    for statement in rewritten:
        known = len(result)
        for name in sorted(reads(statement), key=str):
            place(name)
        result.append(statement)
        if isinstance(statement, Let) and statement.expression in values:
            result = _absorb(result, known)
    return _rename(result, values)


def _absorb(statements: list[Statement], known: int) -> list[Statement]:
    """Turn ``v0 = a*b; y = v0``, where v0 was placed for y alone, into ``y = a*b; v0 = y``.

    Not where y copies one value to many units: v0 may be needed as the one value.
    """
    *rest, last = statements
    if len(statements) - known < 2 or not (isinstance(last, Let) and isinstance(rest[-1], Let)):
        return statements
    temporary = rest[-1]
    if temporary.target != last.expression or temporary.space != last.space:
        return statements
    return [
        *rest[:-1],
        Let(last.target, temporary.expression, last.space),
        Let(temporary.target, last.target, last.space),
    ]


def _rename(statements: list[Statement], temporaries: Container[sp.Symbol]) -> list[Statement]:
    """Drop temporaries that only stand for another name."""
    alias: dict[sp.Symbol, sp.Symbol] = {}
    result: list[Statement] = []
    for statement in statements:
        match statement:
            case Let(target=target, expression=expression, space=space):
                expression = expression.xreplace(alias)
                if target in temporaries and expression.is_Symbol:
                    alias[target] = expression
                    continue
                result.append(Let(target, expression, space))
            case Fill(out=out, wrt=wrt, terms=terms):
                renamed = tuple(
                    Term(tuple(d.xreplace(alias) for d in t.diagonals), t.maps, t.path)
                    for t in terms
                )
                result.append(Fill(out, wrt, renamed))
            case _:
                result.append(statement)
    return result
