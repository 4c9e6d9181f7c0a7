"""A cell as a straight-line program: elementwise expressions and products with linear maps.

Every analysis starts here. Each ``W @ v`` of the equations becomes a ``Product`` with a name of
its own and each equation an ``Elementwise`` over names, so derivatives need SymPy only for scalar
expressions and never meet a matrix.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sympy as sp

from gradflow.cells.language.maps import Parts, spelled
from gradflow.cells.language.names import Names
from gradflow.cells.language.nodes import Apply
from gradflow.cells.language.spaces import ONE
from gradflow.cells.language.syntax import REDUCTIONS, symbol


@dataclass(frozen=True)
class Summand:
    """``factor W``, or ``factor W^T`` where ``transposed``, in a sum of maps."""

    factor: sp.Rational
    linear_map: Map
    transposed: bool


@dataclass(frozen=True, kw_only=True)
class Slope:
    """The derivative of a call by one argument: ``diag(diagonal) + sum of columns[k] row_k``.

    A row is ``M diag(e)``, by its pair of ``e`` and a mean or sum ``M`` over units. ``prime`` is
    what marks the derivative: that by the second argument is ``f'_2``.
    """

    function: str
    prime: str
    argument: sp.Symbol
    diagonal: sp.Expr
    columns: tuple[sp.Expr, ...]
    rows: tuple[tuple[sp.Expr, Map], ...]


@dataclass(frozen=True, kw_only=True)
class Map:
    """A named linear map from the space ``into`` to the space ``out``.

    ``kind`` is ``learned``, ``constant`` (given as an array, not trained), ``fixed`` (entries
    follow from ``entries``), ``combined`` (the sum of ``summands``: ``W.T``, ``A + B``), ``mean``,
    ``sum``, ``spread`` (one value to every unit) or ``largest``: the largest unit, which is not
    linear, and held in every derivative, as what uses it does not depend on it. In derivatives
    stands ``slope``, that of a call which mixes units: its entries move with the state.
    ``mask`` is the condition under which an entry may be non-zero, in ``row`` and ``column``.
    """

    name: str
    out: str
    into: str
    kind: str
    mask: sp.Basic | None = None
    entries: sp.Basic | None = None
    summands: tuple[Summand, ...] = ()
    slope: Slope | None = None

    @property
    def stored(self) -> bool:
        """Whether the entries lie in an array; those of a mean, sum or copy are all alike."""
        return self.kind in ("learned", "constant", "fixed", "combined")

    @property
    def linear(self) -> bool:
        """Whether it has a derivative: the largest unit is held in every one."""
        return self.kind != "largest"

    @property
    def bases(self) -> tuple[Map, ...]:
        """The named maps it is made of: itself, unless it is combined."""
        return tuple(dict.fromkeys(s.linear_map for s in self.summands)) or (self,)


@dataclass(frozen=True)
class Elementwise:
    """``target[i] = expression`` over entry *i* of vectors of one space, or of space ``one``."""

    target: sp.Symbol
    expression: sp.Expr


@dataclass(frozen=True)
class Product:
    """``target = linear_map operand``."""

    target: sp.Symbol
    linear_map: Map
    operand: sp.Symbol


Statement = Elementwise | Product


def spread(space: str) -> Map:
    """Return the map that copies one value to every unit of ``space``: a column of ones."""
    return Map(name=f"ones_{space}", out=space, into=ONE, kind="spread")


def named_maps(sums: Iterable[Parts], maps: Mapping[str, Map], taken: Names) -> dict[str, Map]:
    """Return each sum of maps as one map with a name of its own, by how it is spelled."""
    made = {}
    for parts in dict.fromkeys(sums):
        first, turned, _ = parts[0]
        out, into = maps[first].out, maps[first].into
        if turned:
            out, into = into, out
        bases = list(dict.fromkeys(name for name, _, _ in parts))
        stem = f"{first}_transposed" if len(parts) == 1 else "_".join([*bases, "combined"])
        made[spelled(parts)] = Map(
            name=taken.fresh(stem),
            out=out,
            into=into,
            kind="combined",
            summands=tuple(Summand(c, maps[name], turned) for name, turned, c in parts),
        )
    return made


def build_program(
    equations: list[tuple[str, sp.Expr]],
    maps: dict[str, Map],
    spaces: dict[str, str],
) -> tuple[tuple[Statement, ...], dict[str, str]]:
    """Flatten equations into statements.

    Parameters
    ----------
    equations
        Pairs of target name and SymPy expression, in a usable order.
    maps
        The linear maps by name, those made of others by how they are spelled.
    spaces
        Space of every named vector.

    Returns
    -------
    statements
        The program, in the order of the equations.
    spaces
        ``spaces`` with the names the program added.
    """
    statements: list[Statement] = []
    spaces = dict(spaces)
    seen: dict[tuple[Map, sp.Basic], sp.Symbol] = {}
    names = Names([*spaces, *(m.name for m in maps.values())])

    def fresh(name: str, space: str) -> sp.Symbol:
        name = names.fresh(name)
        spaces[name] = space
        return symbol(name)

    def flatten(expression: sp.Basic) -> sp.Basic:
        if isinstance(expression, Apply):
            return product(expression)
        if not expression.has(Apply):
            return expression
        return expression.func(*(flatten(a) for a in expression.args))

    def product(node: Apply) -> sp.Symbol:
        name = node.linear_map.name
        operand = flatten(node.operand)
        if name in REDUCTIONS:
            word = name.strip("_")
            linear_map = Map(name=word, out=ONE, into=node.size, kind=word)
        else:
            linear_map = maps[name]
        key = (linear_map, operand)
        if key not in seen:
            named = isinstance(operand, sp.Symbol) and spaces[operand.name] == linear_map.into
            suffix = operand.name if named else "out"
            if not named:
                inner = fresh(f"{linear_map.name}_in", linear_map.into)
                statements.append(Elementwise(inner, operand))
                operand = inner
            seen[key] = fresh(f"{linear_map.name}_{suffix}", linear_map.out)
            statements.append(Product(seen[key], linear_map, operand))
        return seen[key]

    for target, expression in equations:
        statements.append(Elementwise(symbol(target), flatten(expression)))
    return tuple(statements), spaces
