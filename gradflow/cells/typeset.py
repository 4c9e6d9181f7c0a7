"""LaTeX of the equations as the author wrote them: same order, same grouping, gates by name."""

from __future__ import annotations

import ast
import re

import sympy as sp

from gradflow.cells.language.functions import FUNCTIONS
from gradflow.cells.language.spaces import ONE
from gradflow.cells.language.syntax import REDUCTIONS, Line

_LOOSE, _SUM, _PRODUCT, _UNARY, _POWER, _ATOM = range(6)
_COMPARE = {
    ast.Lt: "<",
    ast.LtE: r"\le",
    ast.Gt: ">",
    ast.GtE: r"\ge",
    ast.Eq: "=",
    ast.NotEq: r"\ne",
}


def name_latex(name: str, time: str = "") -> str:
    """Return the LaTeX of a declared name, with a time index: ``b_f`` and ``c_{t-1}``.

    A name that already has a subscript keeps it before the time, as in ``a_{1,t}``.
    """
    plain = sp.latex(sp.Symbol(name.rstrip("_")))
    plain = re.sub(r"([_^])\{([A-Za-z]{3,})\}", r"\1{\\mathrm{\2}}", plain)
    base = re.match(r"[A-Za-z]{2,}", plain)
    if base:
        plain = rf"\mathrm{{{base[0]}}}{plain[base.end() :]}"
    if not time:
        return str(plain)
    match = re.fullmatch(r"(.*)_\{(.*)\}", plain)
    return f"{match[1]}_{{{match[2]},{time}}}" if match else f"{plain}_{{{time}}}"


def number_latex(value: float) -> str:
    """Return a number as people write it: ``10^{-5}`` and not ``1e-05``."""
    mantissa, _, exponent = repr(value).partition("e")
    if not exponent:
        return mantissa
    power = f"10^{{{int(exponent)}}}"
    return power if mantissa == "1" else rf"{mantissa} \cdot {power}"


def time_index(name: str, states: tuple[str, ...], moving: frozenset[str]) -> tuple[str, str]:
    """Return the base name and the time index of a name inside step ``t``.

    A state part is ``h_{t-1}``, its new value ``h_t``; inputs and equations carry ``t``;
    parameters carry none.
    """
    part = name.removesuffix("_next")
    if name in states:
        return name, "t-1"
    if part != name and part in states:
        return part, "t"
    return name, "t" if name in moving else ""


def equation_latex(
    line: Line,
    states: tuple[str, ...],
    moving: frozenset[str],
    spaces: dict[int, str],
) -> tuple[str, str]:
    r"""Return left and right-hand side of one equation in LaTeX.

    ``moving`` are the names that change with time, ``spaces`` the space of each syntax node: a
    product of two vectors prints as ``\\odot``, a product with a scalar by juxtaposition.
    """

    def symbol(name: str) -> str:
        return name_latex(*time_index(name, states, moving))

    def wrap(node: ast.expr, least: int) -> str:
        text, level = show(node)
        return text if level >= least else rf"\left( {text} \right)"

    def show(node: ast.expr) -> tuple[str, int]:
        match node:
            case ast.Constant(value=int() | float() as value):
                text = number_latex(value)
                return text, _PRODUCT if "^" in text else _ATOM
            case ast.Name(id=name):
                return symbol(name), _ATOM
            case ast.BinOp(left=ast.Name(id=name), op=ast.MatMult(), right=right):
                left = "I" if name == "identity" else name_latex(name)
                return f"{left} \\, {wrap(right, _POWER)}", _UNARY
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return f"{wrap(left, _SUM)} + {wrap(right, _SUM)}", _SUM
            case ast.BinOp(left=left, op=ast.Sub(), right=right):
                return f"{wrap(left, _SUM)} - {wrap(right, _PRODUCT)}", _SUM
            case ast.BinOp(left=ast.UnaryOp(op=ast.USub(), operand=left), op=op, right=right) if (
                isinstance(op, (ast.Mult, ast.Div))
            ):
                return f"-{wrap(ast.BinOp(left, op, right), _PRODUCT)}", _SUM
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                vectors = spaces.get(id(left), ONE) != ONE and spaces.get(id(right), ONE) != ONE
                sign = r" \odot " if vectors else r" \, "
                numbers = isinstance(left, ast.Constant) and isinstance(right, ast.Constant)
                sign = r" \cdot " if numbers else sign
                return f"{wrap(left, _PRODUCT)}{sign}{wrap(right, _PRODUCT)}", _PRODUCT
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return rf"\frac{{{show(left)[0]}}}{{{show(right)[0]}}}", _POWER
            case ast.BinOp(left=left, op=ast.Mod(), right=right):
                return rf"{wrap(left, _PRODUCT)} \bmod {wrap(right, _UNARY)}", _LOOSE
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                return f"{wrap(left, _ATOM)}^{{{show(right)[0]}}}", _POWER
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return rf"\neg {wrap(operand, _ATOM)}", _UNARY
            case ast.UnaryOp(op=op, operand=operand):
                return ("-" if isinstance(op, ast.USub) else "") + wrap(operand, _PRODUCT), _SUM
            case ast.BoolOp(op=op, values=values):
                word = "and" if isinstance(op, ast.And) else "or"
                return rf" \text{{ {word} }} ".join(show(v)[0] for v in values), _SUM
            case ast.Compare(left=left, ops=ops, comparators=rest):
                text = show(left)[0]
                for comparison, side in zip(ops, rest, strict=True):
                    text += f" {_COMPARE[type(comparison)]} {show(side)[0]}"
                return text, _SUM
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return cases([(body, test), (orelse, None)]), _LOOSE
            case ast.Call(func=ast.Name(id="Piecewise"), args=args):
                pairs = [a.elts for a in args if isinstance(a, ast.Tuple)]
                return cases([(v, c) for v, c in pairs[:-1]] + [(pairs[-1][0], None)]), _LOOSE
            case ast.Call(func=ast.Name(id=name), args=args):
                return call(name, args)
        raise AssertionError(f"{line.place}: unchecked syntax {ast.unparse(node)}")

    def call(name: str, args: list[ast.expr]) -> tuple[str, int]:
        inner = ", ".join(show(a)[0] for a in args)
        if name in REDUCTIONS or name in ("row", "column"):
            return rf"\operatorname{{{name}}}\left( {inner} \right)", _POWER
        function = FUNCTIONS.get(name)
        if function.fences:
            return inner.join(function.fences), _ATOM
        return rf"{function.latex}\left( {inner} \right)", _POWER

    def cases(branches: list[tuple[ast.expr, ast.expr | None]]) -> str:
        rows = [
            f"{show(v)[0]} & " + (rf"\text{{if }} {show(c)[0]}" if c else r"\text{otherwise}")
            for v, c in branches
        ]
        return r"\begin{cases} " + r" \\ ".join(rows) + r" \end{cases}"

    return symbol(line.target), show(line.tree)[0]
