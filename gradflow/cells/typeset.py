"""LaTeX of the equations as the author wrote them: same order, same grouping, gates by name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping

from sympy.printing.conventions import split_super_sub
from sympy.printing.latex import translate

from gradflow.cells.language.defined import ALIASES, Definition
from gradflow.cells.language.functions import FUNCTIONS
from gradflow.cells.language.maps import IDENTITY
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
    base, above, below = split_super_sub(name.rstrip("_"))
    plain = str(translate(base))
    word = re.match(r"[A-Za-z]{2,}", plain)
    if word:
        plain = rf"\mathrm{{{word[0]}}}{plain[word.end() :]}"
    if above:
        plain += f"^{{{_index(above)}}}"
    indices = [*([_index(below)] if below else []), *([time] if time else [])]
    return f"{plain}_{{{','.join(indices)}}}" if indices else plain


def is_raised(name: str) -> bool:
    """Whether a name prints with a superscript, so that a power needs parentheses: ``x__2``."""
    return bool(split_super_sub(name.rstrip("_"))[1])


def _index(names: list[str]) -> str:
    parts = [translate(name) for name in names]
    words = [re.fullmatch(r"[A-Za-z]{3,}", part) is not None for part in parts]
    shown = [rf"\mathrm{{{p}}}" if word else p for p, word in zip(parts, words, strict=True)]
    return (r"\," if any(words) else " ").join(shown)


def number_latex(value: float) -> str:
    """Return a number as people write it: ``10^{-5}`` and not ``1e-05``."""
    mantissa, exponent = _digits(value)
    if not exponent:
        return mantissa
    power = f"10^{{{int(exponent)}}}"
    return power if mantissa == "1" else rf"{mantissa} \cdot {power}"


def _digits(value: float) -> tuple[str, str]:
    """Return mantissa and exponent of ten, the latter empty where a number is written without."""
    mantissa, _, exponent = repr(value).partition("e")
    return mantissa, exponent


def time_index(
    name: str, states: tuple[str, ...], moving: frozenset[str], step: str = "t"
) -> tuple[str, str]:
    """Return the base name and the time index of a name inside step ``step``.

    A state part is ``h_{t-1}``, its new value ``h_t``; inputs and equations carry ``t``;
    parameters carry none.
    """
    part = name.removesuffix("_next")
    if name in states:
        return name, f"{step}-1"
    if part != name and part in states:
        return part, step
    return name, step if name in moving else ""


def call_latex(name: str, arguments: Iterable[str], prime: str = "") -> str:
    """Return the LaTeX of a call of a defined function, ``prime`` behind its name."""
    inner = ", ".join(arguments)
    if name == "norm" and not prime:
        return rf"\left\| {inner} \right\|"
    escaped = name.replace("_", r"\_")
    plain = name if len(name) == 1 else rf"\mathrm{{{escaped}}}"
    return rf"{plain}{prime}\left( {inner} \right)"


def transposed_latex(name: str) -> str:
    """Return the LaTeX of the transpose of a named map."""
    text = name_latex(name)
    return rf"\left( {text} \right)^{{\top}}" if is_raised(name) else rf"{text}^{{\top}}"


def definition_latex(definition: Definition) -> tuple[str, str]:
    """Return left and right-hand side of a function's definition in LaTeX."""
    line = Line(definition.name, definition.tree, definition.place)
    left = call_latex(definition.name, map(name_latex, definition.arguments))
    return left, equation_latex(line, (), frozenset(), {})[1]


def equation_latex(
    line: Line,
    states: tuple[str, ...],
    moving: frozenset[str],
    spaces: Mapping[int, str],
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
                return number_latex(value), _PRODUCT if _digits(value)[1] else _ATOM
            case ast.Name(id=name):
                return "I" if name == IDENTITY else symbol(name), _ATOM
            case ast.BinOp(left=left, op=ast.MatMult(), right=right):
                return f"{wrap(left, _UNARY)} \\, {wrap(right, _POWER)}", _UNARY
            case ast.Attribute(value=ast.Name(id=name), attr="T") if name != IDENTITY:
                return transposed_latex(name), _POWER
            case ast.Attribute(value=value, attr="T"):
                return rf"{wrap(value, _ATOM)}^{{\top}}", _POWER
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
        if name == "dot":
            return rf"{wrap(args[0], _ATOM)}^{{\top}} {wrap(args[1], _ATOM)}", _PRODUCT
        name = name if name in FUNCTIONS else ALIASES.get(name, name)
        if name not in FUNCTIONS:
            return call_latex(name, [show(a)[0] for a in args]), _POWER
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
