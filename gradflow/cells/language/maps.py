"""Maps made of named ones: ``W.T``, ``A + B``, ``W - W.T - 0.1 * identity``, on the left of ``@``.

What is added here is kept as one map, so that a step multiplies once and a formula shows it whole.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

import sympy as sp

IDENTITY = "identity"

Parts = tuple[tuple[str, bool, sp.Rational], ...]
"""A map made of others: name, whether transposed, and factor of each."""


@dataclass(frozen=True, kw_only=True)
class Share:
    """One summand of a map as written: a named map or its transpose, times numbers and scalars."""

    name: str
    transposed: bool = False
    negative: bool = False
    factors: tuple[ast.expr, ...] = ()
    divisors: tuple[ast.expr, ...] = ()


class NotAMapError(Exception):
    """An expression that stands for no map, and why."""

    def __init__(self, node: ast.expr, why: str) -> None:
        super().__init__(why)
        self.node, self.why = node, why


def has_map(tree: ast.AST, maps: Collection[str]) -> bool:
    """Whether the name of a map stands in an expression, other than in an inner product."""
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.MatMult):
        return False
    if isinstance(tree, ast.Name):
        return tree.id in maps or tree.id == IDENTITY
    return any(has_map(child, maps) for child in ast.iter_child_nodes(tree))


def shares(tree: ast.expr, maps: Collection[str]) -> list[Share]:
    """Return the summands of a map expression. Raises ``NotAMapError``."""
    match tree:
        case ast.Name(id=name) if name in maps or name == IDENTITY:
            return [Share(name=name)]
        case ast.Attribute(value=value, attr="T"):
            return [_turned(share) for share in shares(value, maps)]
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return shares(operand, maps)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return [_negated(share) for share in shares(operand, maps)]
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as sign, right=right):
            second = shares(right, maps)
            if isinstance(sign, ast.Sub):
                second = [_negated(share) for share in second]
            return [*shares(left, maps), *second]
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            if has_map(left, maps) and has_map(right, maps):
                raise NotAMapError(
                    tree, "multiplies two maps; one acts after the other, as in `A @ (B @ v)`"
                )
            if has_map(left, maps):
                left, right = right, left
            return [replace(s, factors=(*s.factors, left)) for s in shares(right, maps)]
        case ast.BinOp(left=left, op=ast.Div(), right=right) if not has_map(right, maps):
            return [replace(s, divisors=(*s.divisors, right)) for s in shares(left, maps)]
        case ast.BinOp(op=ast.MatMult()):
            raise NotAMapError(
                tree, "multiplies two maps; let one act after the other: `A @ (B @ v)`"
            )
        case ast.Name(id=name):
            raise NotAMapError(
                tree,
                "is no map, and the left of `@` needs one; declare it among the maps, or use * "
                "for the elementwise product",
            )
    raise NotAMapError(
        tree,
        "is no map, and the left of `@` needs one: sums and multiples of maps and their "
        "transposes, as in `(W - W.T - 0.1 * identity) @ v`",
    )


def _turned(share: Share) -> Share:
    return replace(share, transposed=not share.transposed and share.name != IDENTITY)


def _negated(share: Share) -> Share:
    return replace(share, negative=not share.negative)


def map_names(tree: ast.expr, maps: Collection[str]) -> Iterator[ast.Name]:
    """Yield the nodes of a map expression that name maps."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and (node.id in maps or node.id == IDENTITY):
            yield node


def grouped(
    found: list[Share], number: Callable[[ast.expr], sp.Expr]
) -> dict[sp.Expr, dict[tuple[str, bool], sp.Rational]]:
    """Return the summands by what multiplies them: the scalar factor, then the rational ones.

    ``number`` reads a factor. Summands that cancel are left out.
    """
    groups: dict[sp.Expr, dict[tuple[str, bool], sp.Rational]] = {}
    for share in found:
        whole = sp.Mul(*map(number, share.factors), *(1 / number(d) for d in share.divisors))
        coefficient, scalar = (-whole if share.negative else whole).as_coeff_Mul()
        own = groups.setdefault(scalar, {})
        key = share.name, share.transposed
        own[key] = own.get(key, sp.S.Zero) + coefficient
    kept = {s: {k: c for k, c in own.items() if c != 0} for s, own in groups.items()}
    return {scalar: own for scalar, own in kept.items() if own}


def spelled(parts: Parts) -> str:
    """Return a sum of maps as one word, the same for the same sum."""
    return " + ".join(f"{c} {name}{'.T' * turned}" for name, turned, c in parts)
