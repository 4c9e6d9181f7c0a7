"""LaTeX of the scalar expressions inside a diagonal, as people write them."""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.printing.latex import LatexPrinter

from gradflow.cells.cell import Cell
from gradflow.cells.language.functions import modulo, record_of, step
from gradflow.cells.language.nodes import choose
from gradflow.cells.language.program import Elementwise, Map, Product, Slope, Statement
from gradflow.cells.language.spaces import ONE
from gradflow.cells.language.syntax import TIME, symbol
from gradflow.cells.typeset import (
    call_latex,
    is_raised,
    name_latex,
    number_latex,
    time_index,
    transposed_latex,
)
from gradflow.jacobians.print.signed import Signed, in_sum


def generated(cell: Cell) -> dict[sp.Symbol, Statement]:
    """Return the statements whose targets the program named itself: they print written out."""
    named = {symbol(line.target) for line in cell.lines}
    return {s.target: s for s in cell.program if s.target not in named}


def map_latex(linear_map: Map) -> str:
    """Return the symbol of a linear map; a mean is a row of ``1/n``, a spread a column of ones.

    A sum of maps stands in parentheses.
    """
    fixed = {"spread": r"\mathbf{1}", "sum": r"\mathbf{1}^{\top}"}
    fixed["mean"] = r"\tfrac{1}{n} \mathbf{1}^{\top}"
    if not linear_map.summands:
        return fixed.get(linear_map.kind) or name_latex(linear_map.name)
    found = []
    for part in linear_map.summands:
        name = part.linear_map.name
        matrix = transposed_latex(name) if part.transposed else name_latex(name)
        factor = abs(part.factor)
        number = number_latex(float(factor)) if decimal(factor) else sp.latex(factor)
        found.append(Signed(part.factor < 0, matrix if factor == 1 else rf"{number} \, {matrix}"))
    return str(found[0]) if len(found) == 1 else rf"\left( {' '.join(in_sum(found))} \right)"


def ordered_terms(expr: sp.Add) -> list[sp.Expr]:
    """Return the summands in SymPy's order, a positive one first where there is any."""
    terms = list(expr.as_ordered_terms())
    lead = next((t for t in terms if not t.could_extract_minus_sign()), terms[0])
    terms.remove(lead)
    return [lead, *terms]


def decimal(number: sp.Expr) -> bool:
    """Whether a fraction is written better as a decimal number, 0.95 and not 19/20."""
    if not number.is_Rational or number.q < 10:
        return False
    return bool(sp.Rational(repr(float(number))) == number)


def split_fraction(expr: sp.Mul) -> tuple[sp.Expr, sp.Expr]:
    """Return what stands above and below the bar, without touching the factors themselves."""
    above, below = [], []
    for factor in expr.args:
        if factor.is_Rational:
            above.append(sp.Integer(factor.p))
            below.append(sp.Integer(factor.q))
        elif factor.is_Pow and factor.exp.could_extract_minus_sign():
            below.append(sp.Pow(factor.base, -factor.exp))
        else:
            above.append(factor)
    return sp.Mul(*above), sp.Mul(*below)


class ExpressionLatex(LatexPrinter):
    r"""SymPy's LaTeX printer with time indices, ``\\odot`` between vectors and gate names."""

    def __init__(self, cell: Cell, step: str = "t") -> None:
        """Print the names of ``cell`` with the index ``step``, and ``step-1`` for old values."""
        super().__init__()
        self._cell = cell
        self._step = step
        self._moving = cell.moving
        self._written_out = generated(cell)
        self._calls = {symbol(call.value): call for call in cell.calls}

    def _print_Symbol(self, expr: sp.Symbol, style: str = "plain") -> str:
        statement = self._written_out.get(expr)
        if expr in self._calls:
            call = self._calls[expr]
            return call_latex(call.name, (self._print(a) for a in map(symbol, call.arguments)))
        if isinstance(statement, Elementwise):
            return str(self._print(statement.expression))
        if isinstance(statement, Product):
            operand, name = self._print(statement.operand), statement.linear_map.name
            if statement.linear_map.kind in ("mean", "sum"):
                return rf"\operatorname{{{name}}}\left( {operand} \right)"
            if not statement.linear_map.linear:
                return rf"\max \left( {operand} \right)"
            inner = self._written_out.get(statement.operand)
            if isinstance(inner, Elementwise) and not inner.expression.is_Function:
                operand = rf"\left( {operand} \right)"
            return rf"{map_latex(statement.linear_map)} \, {operand}"
        if expr == TIME:
            return self._step
        return name_latex(*time_index(expr.name, self._cell.states, self._moving, self._step))

    def slope(self, slope: Slope) -> str:
        """Return the derivative of a call, such as ``LN'(a)``."""
        return call_latex(slope.function, [str(self._print(slope.argument))], slope.prime)

    def _is_vector(self, expr: sp.Basic) -> bool:
        return any(self._cell.spaces.get(s.name, ONE) != ONE for s in expr.free_symbols)

    def _print_Mul(self, expr: sp.Mul) -> str:
        coefficient, rest = expr.as_coeff_Mul()
        if coefficient.is_negative:
            return f"-{self._factor(-expr)}"
        if decimal(coefficient):
            return rf"{self._print(coefficient)} \, {self._factor(rest)}"
        numerator, denominator = split_fraction(expr)
        if denominator != 1:
            return rf"\frac{{{self._print(numerator)}}}{{{self._print(denominator)}}}"
        factors = expr.as_ordered_factors()
        scalars = [f for f in factors if not self._is_vector(f)]
        vectors = [f for f in factors if self._is_vector(f)]
        parts = [r" \, ".join(map(self._factor, scalars))] if scalars else []
        parts += [r" \odot ".join(map(self._factor, vectors))] if vectors else []
        return r" \, ".join(parts)

    def _print_Add(self, expr: sp.Add, order: str | None = None) -> str:
        return str(self.signed(expr))

    def signed(self, expr: sp.Expr) -> Signed:
        """Return an expression with its sign, or that of its first summand, apart."""
        if expr.is_Add:
            first, *rest = map(self._summand, ordered_terms(expr))
            return first.times(in_sum([first, *rest])[1:], " ")
        negative = expr.as_coeff_Mul()[0].is_negative
        return Signed(negative, self._factor(-expr) if negative else str(self._print(expr)))

    def _summand(self, term: sp.Expr) -> Signed:
        negative = term.could_extract_minus_sign()
        return Signed(negative, self._factor(-term) if negative else str(self._print(term)))

    def _factor(self, expr: sp.Expr) -> str:
        text = str(self._print(expr))
        return rf"\left( {text} \right)" if self._is_loose(expr) else text

    def _is_loose(self, expr: sp.Basic) -> bool:
        """Whether an expression needs parentheses as a factor."""
        inner = self._written_out.get(expr)
        named = expr in self._calls
        shown = inner.expression if isinstance(inner, Elementwise) and not named else expr
        return isinstance(shown, (sp.Add, modulo, choose)) or shown.could_extract_minus_sign()

    def _print_Rational(self, expr: sp.Rational) -> str:
        return number_latex(float(expr)) if decimal(expr) else str(super()._print_Rational(expr))

    def _print_Pow(self, expr: sp.Pow) -> str:
        base, exponent = expr.args
        if exponent == sp.Rational(1, 2):
            return rf"\sqrt{{{self._print(base)}}}"
        if exponent.could_extract_minus_sign():
            below = base if exponent == -1 else sp.Pow(base, -exponent, evaluate=False)
            return rf"\frac{{1}}{{{self._print(below)}}}"
        power, text = self._print(exponent), str(self._print(base))
        name = self._name(base)
        if name and exponent.is_Integer:
            return f"{name}^{{{power}}}{self._arguments(base)}"
        plain = self.is_name(base)
        delimited = isinstance(base, step) or self._fences(base) is not None
        whole = base.is_Integer and base.is_nonnegative
        wrapped = text if plain or delimited or whole else rf"\left( {text} \right)"
        return f"{wrapped}^{{{power}}}"

    def is_name(self, expr: sp.Basic) -> bool:
        """Whether an expression prints as a name that may bear a superscript."""
        return expr.is_Symbol and expr not in self._written_out and not is_raised(expr.name)

    def _name(self, expr: sp.Basic) -> str:
        """Return the LaTeX name of a function that prints as name and argument."""
        function = record_of(expr)
        if isinstance(expr, step) or function is None or function.fences:
            return ""
        return function.latex

    def _fences(self, expr: sp.Basic) -> tuple[str, str] | None:
        """Return what stands around the argument of a function that prints without its name."""
        function = record_of(expr)
        return function.fences if function else None

    def _print_Function(self, expr: sp.Function, exp: Any = None) -> str:
        inner = ", ".join(str(self._print(a)) for a in expr.args)
        if isinstance(expr, step):
            return rf"\mathbf{{1}}\left[ {inner} > 0 \right]"
        if isinstance(expr, modulo):
            return r" \bmod ".join(self._factor(a) for a in expr.args)
        fences = self._fences(expr)
        if fences:
            return inner.join(fences)
        return f"{self._name(expr)}{self._arguments(expr)}"

    def _arguments(self, expr: sp.Function) -> str:
        return rf"\left( {', '.join(str(self._print(a)) for a in expr.args)} \right)"

    def _print(self, expr: sp.Basic, **kwargs: Any) -> str:
        # SymPy has printers of its own for some functions, by the name of their class
        if isinstance(expr, sp.Function):
            return self._print_Function(expr)
        return str(super()._print(expr, **kwargs))

    def _print_And(self, expr: sp.And) -> str:
        return self._joined(expr, "and")

    def _print_Or(self, expr: sp.Or) -> str:
        return self._joined(expr, "or")

    def _joined(self, expr: sp.Basic, word: str) -> str:
        parts = []
        for part in sorted(expr.args, key=sp.default_sort_key):
            text = str(self._print(part))
            nested = isinstance(part, (sp.And, sp.Or))
            parts.append(rf"\left( {text} \right)" if nested else text)
        return rf" \text{{ {word} }} ".join(parts)

    def _print_choose(self, expr: choose) -> str:
        rows = []
        value: sp.Expr = expr
        while isinstance(value, choose):
            condition, taken, value = value.args
            rows.append(rf"{self._print(taken)} & \text{{if }} {self._print(condition)}")
        rows.append(rf"{self._print(value)} & \text{{otherwise}}")
        return r"\begin{cases} " + r" \\ ".join(rows) + r" \end{cases}"
