"""Sizes of a cell are named spaces; this infers and checks them on the equations as written.

Every vector lives in a space (``hidden``, ``input``, ``context``, ...), every linear map goes
from one to another. Elementwise operations need one space on all sides; the space ``one`` (scalars,
results of ``mean`` and ``sum``, the time ``t``) broadcasts. A map's missing sizes are found by
unification: ``W @ x`` takes its input size from ``x`` and its output size from what it is added to.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field

from gradflow.cells.language.maps import shares
from gradflow.cells.language.syntax import PI, REDUCTIONS, Line
from gradflow.errors import UsageError

ONE = "one"


@dataclass
class _Unifier:
    """Union-find over unknown spaces, which are written ``?name``."""

    parent: dict[str, str] = field(default_factory=dict)

    def find(self, space: str) -> str:
        while space in self.parent:
            space = self.parent[space]
        return space

    def unify(self, a: str, b: str) -> bool:
        a, b = self.find(a), self.find(b)
        if a == b:
            return True
        if a.startswith("?"):
            self.parent[a] = b
        elif b.startswith("?"):
            self.parent[b] = a
        else:
            return False
        return True


@dataclass(frozen=True)
class Spaces:
    """Result of the inference.

    ``vectors`` gives the space of each named vector, ``maps`` the pair (output, input) of each
    linear map, ``nodes`` the space of each node of a syntax tree (by ``id``).
    """

    vectors: dict[str, str]
    maps: dict[str, tuple[str, str]]
    nodes: dict[int, str]


def infer_spaces(
    lines: tuple[Line, ...],
    vectors: Mapping[str, str | None],
    maps: Mapping[str, tuple[str | None, str | None]],
    cell: str,
) -> Spaces:
    """Find the space of every vector, map and expression.

    ``vectors`` and ``maps`` hold what was declared, ``None`` where nothing was. The target of an
    equation that is not among ``vectors`` is a new name. Raises ``UsageError`` on a mismatch or
    where a size stays unknown.
    """
    unifier = _Unifier()
    vector_space = {name: space or f"?{name}" for name, space in vectors.items()}
    map_space = {
        name: (out or f"?{name}.out", into or f"?{name}.in") for name, (out, into) in maps.items()
    }
    vector_space["t"] = ONE
    nodes: dict[int, str] = {}

    def combine(node: ast.expr, operands: list[ast.expr], place: str) -> str:
        result, source = ONE, None
        for operand in operands:
            space = visit(operand, place)
            if unifier.find(space) == ONE:
                continue
            if result == ONE:
                result, source = space, operand
            elif not unifier.unify(result, space):
                left, right = unifier.find(result), unifier.find(space)
                assert source is not None
                raise UsageError(
                    f"{place}: sizes differ in {ast.unparse(node)!r}: {ast.unparse(source)!r} has "
                    f"one entry a unit of {left!r}, {ast.unparse(operand)!r} of {right!r}; an "
                    "elementwise operation needs one size, a map `W @ v` changes it."
                )
        return result

    def visit(node: ast.expr, place: str) -> str:
        space = _visit(node, place)
        nodes[id(node)] = space
        return space

    def _visit(node: ast.expr, place: str) -> str:
        match node:
            case ast.Constant():
                return ONE
            case ast.Name(id=name):
                return vector_space.get(name, ONE) if name == PI else vector_space[name]
            case ast.BinOp(left=left, op=ast.MatMult(), right=right):
                space = visit(right, place)
                out, into = sides(left, space, place)
                if not unifier.unify(space, into):
                    word = ast.unparse(left)
                    raise UsageError(
                        f"{place}: sizes differ in {ast.unparse(node)!r}: {word} acts on "
                        f"{unifier.find(into)!r} and {ast.unparse(right)!r} has one entry a unit "
                        f"of {unifier.find(space)!r}; declare a map of the right size."
                    )
                return out
            case ast.Call(func=ast.Name(id=name), args=[arg]) if name in REDUCTIONS:
                visit(arg, place)
                return ONE
            case _:
                operands = [c for c in _operands(node) if isinstance(c, ast.expr)]
                return combine(node, operands, place)

    def sides(tree: ast.expr, acts_on: str, place: str) -> tuple[str, str]:
        """Return output and input space of a map expression; the identity keeps ``acts_on``."""
        found: tuple[str, str] | None = None
        for share in shares(tree, maps):
            for factor in (*share.factors, *share.divisors):
                if unifier.find(visit(factor, place)) != ONE:
                    text = ast.unparse(factor)
                    raise UsageError(
                        f"{place}: {text!r} multiplies a map in {ast.unparse(tree)!r} and is no "
                        f"scalar; write `{text} * (W @ v)` to scale the rows of W, or "
                        f"`W @ ({text} * v)` its columns."
                    )
            own = map_space.get(share.name, (acts_on, acts_on))
            own = own[::-1] if share.transposed else own
            found = found or own
            for a, b in zip(found, own, strict=True):
                if not unifier.unify(a, b):
                    raise UsageError(
                        f"{place}: sizes differ in {ast.unparse(tree)!r}: {share.name}"
                        f"{'.T' * share.transposed} goes from {unifier.find(own[1])!r} to "
                        f"{unifier.find(own[0])!r}, the map before it from "
                        f"{unifier.find(found[1])!r} to {unifier.find(found[0])!r}; maps that are "
                        "added have the same sizes."
                    )
        assert found is not None
        return found

    for line in lines:
        space = visit(line.tree, line.place)
        target = vector_space.setdefault(line.target, space)
        if unifier.find(space) != ONE and not unifier.unify(space, target):
            raise UsageError(
                f"{line.place}: the right-hand side has one entry a unit of "
                f"{unifier.find(space)!r} but {line.target} is declared as "
                f"{unifier.find(target)!r}; declare the part's size or use a map `W @ v`."
            )

    def settle(space: str, what: str) -> str:
        found = unifier.find(space)
        if found.startswith("?"):
            raise UsageError(
                f"cell {cell!r}: the size of {what} does not follow from the equations; declare "
                "it, for instance 'b[hidden]' or 'W[hidden,input]'."
            )
        return found

    # maps first: a call's own names are nothing to complain about
    settled = {
        name: (settle(a, f"map {name!r}"), settle(b, f"map {name!r}"))
        for name, (a, b) in map_space.items()
    }
    return Spaces(
        {name: settle(space, f"vector {name!r}") for name, space in vector_space.items()},
        settled,
        {node: unifier.find(space) for node, space in nodes.items()},
    )


def _operands(node: ast.expr) -> list[ast.AST]:
    match node:
        case ast.Call(args=args):
            return [e for a in args for e in (a.elts if isinstance(a, ast.Tuple) else [a])]
        case _:
            return list(ast.iter_child_nodes(node))
