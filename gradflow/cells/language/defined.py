"""Functions made of others: those of a declaration (``LN(v) = ...``) and some that papers use.

A call whose definition acts on each unit alone is written out. One that mixes units (by a mean or
a sum) becomes a value of its own, so that its derivative can stay one factor: see ``Call``.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gradflow.cells.language.names import Names
from gradflow.cells.language.syntax import (
    PI,
    REDUCTIONS,
    Line,
    names_in,
    parse_definitions,
    shorten,
)
from gradflow.errors import UsageError

KNOWN = """
silu(a) = a * sigmoid(a)
swish(a) = a * sigmoid(a)
gelu(a) = a * (1 + erf(a / sqrt(2))) / 2
elu(a) = a if a >= 0 else exp(Min(a, 0)) - 1
elu(a, alpha) = a if a >= 0 else alpha * (exp(Min(a, 0)) - 1)
leaky_relu(a) = a if a > 0 else a / 100
leaky_relu(a, slope) = a if a > 0 else slope * a
logsigmoid(a) = -softplus(-a)
hard_sigmoid(a) = Min(Max(a / 6 + 1 / 2, 0), 1)
hard_tanh(a) = Min(Max(a, -1), 1)
clip(a, low, high) = Min(Max(a, low), high)
dot(a, b) = sum(a * b)
norm(v) = sqrt(sum(v * v)) if sum(v * v) > 0 else 0
softmax(v) = exp(v - _largest(v)) / sum(exp(v - _largest(v)))
"""
"""Functions that every cell may call and that need no code of their own in any backend."""


ALIASES = {
    "abs": "Abs",
    "max": "Max",
    "min": "Min",
    "ln": "log",
    "arctan": "atan",
    "arcsinh": "asinh",
    "heaviside": "step",
}
"""Other words by which equations may call a function of the registry."""


@dataclass(frozen=True, kw_only=True)
class Definition:
    """``name(arguments) = tree``; ``own`` says whether the declaration brings it."""

    name: str
    arguments: tuple[str, ...]
    tree: ast.expr
    place: str
    own: bool = True


Definitions = Mapping[tuple[str, int], Definition]
"""What a call may mean, by name and number of arguments."""


@dataclass(frozen=True)
class Call:
    """A call that mixes units, ``value = name(arguments)``; all of them names of the program."""

    name: str
    value: str
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class Expanded:
    """Equations without calls of defined functions.

    ``lines`` are those of the author in order, each after what its calls need; ``same`` are pairs
    of a node as written and the one that stands for it.
    """

    lines: tuple[Line, ...]
    calls: tuple[Call, ...]
    same: tuple[tuple[ast.expr, ast.expr], ...]


def known_definitions() -> dict[tuple[str, int], Definition]:
    """Return the definitions of ``KNOWN``."""
    return {
        (name, len(arguments)): Definition(
            name=name, arguments=arguments, tree=tree, place=place, own=False
        )
        for name, arguments, tree, place in parse_definitions(KNOWN, "gradflow")
    }


def read_definitions(text: str, place: str) -> dict[tuple[str, int], Definition]:
    """Return the definitions of a declaration. Raises ``UsageError``."""
    if not isinstance(text, str):
        raise UsageError(f"{place}: {text!r} is no text; write a string.")
    found: dict[tuple[str, int], Definition] = {}
    for name, arguments, tree, where in parse_definitions(text, place):
        key = name, len(arguments)
        if key in found:
            raise UsageError(f"{where}: is defined twice; keep one.")
        product = next((n for n in ast.walk(tree) if _is_product(n)), None)
        if product is not None:
            raise UsageError(
                f"{where}: {shorten(ast.unparse(product))!r} has a map; a function takes vectors, "
                f"so call it as in `{name}(W @ x)`."
            )
        for used in names_in(tree):
            if used not in (*arguments, PI):
                more = ", ".join((*arguments, used))
                raise UsageError(
                    f"{where}: uses {used!r}, which is no argument of it; pass it: "
                    f"`{name}({more}) = ...`."
                )
        found[key] = Definition(name=name, arguments=arguments, tree=tree, place=where)
    return found


def _is_product(node: ast.AST) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult)


def expand(lines: Iterable[Line], definitions: Definitions, taken: Iterable[str]) -> Expanded:
    """Return equations with all calls of ``definitions`` replaced; ``taken`` are names in use."""
    expander = _Expander(definitions=definitions, names=Names(taken))
    for line in lines:
        expander.place = line.place
        tree = expander.visit(line.tree)
        expander.lines.append(Line(line.target, tree, line.place))
    return Expanded(tuple(expander.lines), tuple(expander.calls), tuple(expander.same))


@dataclass(kw_only=True)
class _Expander:
    definitions: Definitions
    names: Names
    place: str = ""
    lines: list[Line] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    same: list[tuple[ast.expr, ast.expr]] = field(default_factory=list)

    def visit(self, node: ast.expr) -> ast.expr:
        """Return an expression without calls: the node itself where there are none."""
        match node:
            case ast.Call(func=ast.Name(id=name), args=args) if (
                name,
                len(args),
            ) in self.definitions:
                new = self._called(self.definitions[name, len(args)], args)
            case _:
                new = self._rebuilt(node)
        if new is not node:
            self.same.append((node, new))
        return new

    def _rebuilt(self, node: ast.expr) -> ast.expr:
        fields: dict[str, object] = {}
        for key, value in ast.iter_fields(node):
            if isinstance(value, ast.expr):
                new: object = self.visit(value)
            elif isinstance(value, list):
                new = [self.visit(v) if isinstance(v, ast.expr) else v for v in value]
            else:
                continue
            if new != value:
                fields[key] = new
        if not fields:
            return node
        made = copy.copy(node)
        for key, new in fields.items():
            setattr(made, key, new)
        return made

    def _called(self, definition: Definition, args: list[ast.expr]) -> ast.expr:
        given = [self.visit(a) for a in args]
        if not mixes_units(definition.tree, self.definitions):
            return self.visit(_with(definition.tree, definition.arguments, given))
        given = [
            a if isinstance(a, (ast.Name, ast.Constant)) else self._named(definition, formal, a)
            for formal, a in zip(definition.arguments, given, strict=True)
        ]
        body = self.visit(_with(definition.tree, definition.arguments, given))
        value = self._line(f"{definition.name}_value", body, definition)
        names = tuple(dict.fromkeys(a.id for a in given if isinstance(a, ast.Name)))
        self.calls.append(Call(definition.name, value.id, names))
        return value

    def _named(self, definition: Definition, formal: str, argument: ast.expr) -> ast.expr:
        return self._line(f"{definition.name}_{formal}", argument, definition)

    def _line(self, name: str, tree: ast.expr, definition: Definition) -> ast.Name:
        name = self.names.fresh(name)
        place = f"{self.place}, {definition.name}({', '.join(definition.arguments)})"
        self.lines.append(Line(name, tree, place))
        return ast.Name(id=name, ctx=ast.Load())


def _with(tree: ast.expr, formal: Iterable[str], given: Iterable[ast.expr]) -> ast.expr:
    """Return a copy of a definition with its arguments put in."""
    values = dict(zip(formal, given, strict=True))

    class Put(ast.NodeTransformer):
        def visit_Call(self, node: ast.Call) -> ast.Call:
            return ast.Call(node.func, [self.visit(a) for a in node.args], [])

        def visit_Name(self, node: ast.Name) -> ast.expr:
            return values.get(node.id, node)

    put: ast.expr = Put().visit(copy.deepcopy(tree))
    return put


def mixes_units(tree: ast.expr, definitions: Definitions) -> bool:
    """Whether a definition mixes units, so that its derivative is no diagonal."""
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
    for call in calls:
        assert isinstance(call.func, ast.Name)
        inner = definitions.get((call.func.id, len(call.args)))
        if call.func.id in REDUCTIONS or (inner and mixes_units(inner.tree, definitions)):
            return True
    return False
