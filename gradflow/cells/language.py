"""From the text of a cell's equations to checked syntax trees and to SymPy.

The text is parsed with Python's own grammar, so what an author wrote is kept, in the author's
order, for typesetting; the SymPy form is made beside it for calculus. A symbol stands for entry
*i* of a vector, ``*`` is the elementwise product, ``W @ v`` is entry *i* of a matrix-vector
product, ``mean(v)`` and ``sum(v)`` reduce over units, ``t`` is the step number (1, 2, ...).
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

import sympy as sp

from gradflow.cells.functions import FUNCTIONS, Apply, modulo
from gradflow.errors import UsageError

TIME = sp.Symbol("t", real=True)
INDEX = sp.Symbol("index", real=True)
REDUCTIONS = ("mean", "sum")
RESERVED = {"t", "index", "row", "column", "identity", "Piecewise", *REDUCTIONS, *FUNCTIONS}

_BINARY: dict[type[ast.operator], Callable[[sp.Expr, sp.Expr], sp.Expr]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: lambda a, b: a**b,
    ast.Mod: modulo,
}
_COMPARE: dict[type[ast.cmpop], Callable[[sp.Expr, sp.Expr], sp.Basic]] = {
    ast.Lt: sp.Lt,
    ast.LtE: sp.Le,
    ast.Gt: sp.Gt,
    ast.GtE: sp.Ge,
    ast.Eq: sp.Eq,
    ast.NotEq: sp.Ne,
}


class row(sp.Function):
    """Entry of a vector at the row of a matrix entry, for masks and fixed maps."""

    is_real = True


class column(sp.Function):
    """Entry of a vector at the column of a matrix entry, for masks and fixed maps."""

    is_real = True


@dataclass(frozen=True)
class Line:
    """One equation ``target = expression`` as written.

    ``tree`` is the Python syntax tree of the right-hand side, ``place`` names the equation in
    error messages.
    """

    target: str
    tree: ast.expr
    place: str


def symbol(name: str) -> sp.Symbol:
    """Return the SymPy symbol that stands for a declared name."""
    return sp.Symbol(name, real=True)


def parse_equations(text: str, cell: str) -> tuple[Line, ...]:
    """Split the text of a declaration into equations.

    Raises ``UsageError`` where the text is not a list of ``name = expression``.
    """
    source = textwrap.dedent(text).strip("\n")
    try:
        module = ast.parse(source)
    except SyntaxError as error:
        shown = (error.text or "").strip() or source.strip()
        raise UsageError(
            f"cell {cell!r}, line {error.lineno} of the equations: {shown!r} is not an equation "
            f"({error.msg}); write one `name = expression` a line."
        ) from None
    lines = []
    for statement in module.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=target)], value=value):
                place = f"cell {cell!r}, equation {target!r}"
                lines.append(Line(target, value, place))
            case _:
                raise UsageError(
                    f"cell {cell!r}, line {statement.lineno} of the equations: found "
                    f"{ast.unparse(statement)!r}; write one `name = expression` a line."
                )
    return tuple(lines)


def parse_entries(text: str, place: str) -> ast.expr:
    """Parse the rule of a mask or of a fixed map's entries: an expression in row and column."""
    try:
        return ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise UsageError(
            f"{place}: {text!r} is not an expression ({error.msg}); write for instance "
            "'row(period) <= column(period)'."
        ) from None


def names_in(tree: ast.expr) -> list[str]:
    """Return the names an expression uses, functions left out, in order of appearance."""
    called = {id(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    found: dict[str, None] = {}

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.Name) and id(node) not in called:
            found.setdefault(node.id)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(tree)
    return list(found)


def to_sympy(tree: ast.expr, place: str) -> sp.Basic:
    """Lower a syntax tree to SymPy; ``W @ v`` becomes an ``Apply`` node.

    Decimal numbers become exact rationals. Raises ``UsageError`` for syntax outside the language.
    """

    def refuse(node: ast.AST, why: str) -> UsageError:
        return UsageError(f"{place}: {ast.unparse(node)!r} {why}.")

    def lower(node: ast.expr) -> sp.Basic:
        match node:
            case ast.Constant(value=bool(flag)):
                return sp.true if flag else sp.false
            case ast.Constant(value=int() | float() as number):
                return sp.Rational(repr(number))
            case ast.Name(id=name):
                return symbol(name)
            case ast.BinOp(left=ast.Name(id="identity"), op=ast.MatMult(), right=right):
                return lower(right)
            case ast.BinOp(left=left, op=ast.MatMult(), right=right):
                if not isinstance(left, ast.Name):
                    raise refuse(
                        node,
                        "multiplies by an expression: the left of `@` is the name of one map, so "
                        "write `A @ (B @ v)`",
                    )
                return Apply(symbol(left.id), lower(right))
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _BINARY:
                return _BINARY[type(operator)](lower(left), lower(right))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -lower(operand)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return lower(operand)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return sp.Not(lower(operand))
            case ast.BoolOp(op=ast.And(), values=values):
                return sp.And(*(lower(v) for v in values))
            case ast.BoolOp(op=ast.Or(), values=values):
                return sp.Or(*(lower(v) for v in values))
            case ast.Compare(left=left, ops=ops, comparators=right):
                sides = [lower(left), *(lower(r) for r in right)]
                if not all(type(op) in _COMPARE for op in ops):
                    raise refuse(node, "compares in a way the language lacks; use < <= > >= == !=")
                pairs = zip(ops, sides[:-1], sides[1:], strict=True)
                return sp.And(*(_COMPARE[type(op)](a, b) for op, a, b in pairs))
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return sp.Piecewise((lower(body), lower(test)), (lower(orelse), True))
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
                return call(node, name, args)
            case _:
                raise refuse(node, "is not part of the equation language (see docs/declare.md)")

    def call(node: ast.Call, name: str, args: list[ast.expr]) -> sp.Basic:
        if name == "Piecewise":
            branches = []
            for arg in args:
                if not (isinstance(arg, ast.Tuple) and len(arg.elts) == 2):
                    raise refuse(node, "needs pairs: Piecewise((value, condition), ...)")
                branches.append((lower(arg.elts[0]), lower(arg.elts[1])))
            if not branches or branches[-1][1] != sp.true:
                raise refuse(node, "has no last branch; end it with (value, True)")
            return sp.Piecewise(*branches)
        if name in REDUCTIONS or name in ("row", "column"):
            if len(args) != 1:
                raise refuse(node, f"gives {name} {len(args)} arguments; it takes one")
            if name in REDUCTIONS:
                return Apply(symbol(name), lower(args[0]))
            if not isinstance(args[0], ast.Name):
                raise refuse(node, f"gives {name} an expression; it takes the name of a vector")
            return {"row": row, "column": column}[name](lower(args[0]))
        if name not in FUNCTIONS:
            known = ", ".join([*FUNCTIONS, *REDUCTIONS, "Piecewise"])
            raise refuse(node, f"calls an unknown function {name!r}; known are {known}")
        function = FUNCTIONS[name]
        if not function.least <= len(args) <= function.most:
            raise refuse(node, f"gives {name} {len(args)} arguments; it takes {function.least}")
        return function.sympy(*(lower(a) for a in args))

    return lower(tree)
