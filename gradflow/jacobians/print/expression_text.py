"""Plain text of the scalar expressions inside a diagonal, in the words of the language."""

from __future__ import annotations

import sympy as sp
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.str import StrPrinter

from gradflow.cells.cell import Cell
from gradflow.cells.language.functions import modulo, step
from gradflow.cells.language.nodes import choose
from gradflow.cells.language.program import Elementwise, Map, Product
from gradflow.cells.language.syntax import symbol
from gradflow.jacobians.print.expression_latex import decimal, generated, ordered_terms
from gradflow.jacobians.print.signed import Signed, in_sum


def map_text(linear_map: Map) -> str:
    """Return a linear map in the words of the language, a sum of maps in parentheses."""
    fixed = {"spread": "1", "mean": "(1/n) 1^T", "sum": "1^T"}
    if not linear_map.summands:
        return fixed.get(linear_map.kind, linear_map.name)
    found = []
    for part in linear_map.summands:
        factor, matrix = abs(part.factor), f"{part.linear_map.name}{'.T' * part.transposed}"
        number = repr(float(factor)) if decimal(factor) else str(factor)
        found.append(Signed(part.factor < 0, matrix if factor == 1 else f"{number}*{matrix}"))
    return str(found[0]) if len(found) == 1 else f"({' '.join(in_sum(found))})"


class ExpressionText(StrPrinter):
    """Plain text with ``h'`` for the new value of a part and maps written out."""

    def __init__(self, cell: Cell) -> None:
        """Print the names of ``cell``."""
        super().__init__()
        self._cell = cell
        self._written_out = generated(cell)
        self._calls = {symbol(call.value): call for call in cell.calls}

    def _print_Symbol(self, expr: sp.Symbol) -> str:
        statement = self._written_out.get(expr)
        if expr in self._calls:
            call = self._calls[expr]
            return f"{call.name}({', '.join(str(self._print(symbol(a))) for a in call.arguments)})"
        if isinstance(statement, Elementwise):
            return str(self._print(statement.expression))
        if isinstance(statement, Product):
            name, operand = statement.linear_map.name, self._print(statement.operand)
            if statement.linear_map.kind in ("mean", "sum"):
                return f"{name}({operand})"
            if not statement.linear_map.linear:
                return f"max({operand})"
            return f"{map_text(statement.linear_map)} @ {self.operand(statement.operand)}"
        part = expr.name.removesuffix("_next")
        return f"{part}'" if part != expr.name and part in self._cell.states else str(expr.name)

    def factor(self, linear_map: Map) -> str:
        """Return a map of a term, the derivative of a call as ``LN'(a)``."""
        slope = linear_map.slope
        if slope is None:
            return map_text(linear_map)
        return f"{slope.function}{slope.prime}({self._print(slope.argument)})"

    def operand(self, expr: sp.Basic) -> str:
        """Return an expression in parentheses unless it is a single name, number or call."""
        return self.parenthesize(expr, PRECEDENCE["Atom"], True)

    def parenthesize(self, item: sp.Basic, level: int, strict: bool = False) -> str:
        """Return an operand, in parentheses where what a name stands for needs them."""
        if item in self._written_out:
            text = str(self._print(item))
            return text if self._is_whole(item) else f"({text})"
        return str(super().parenthesize(item, level, strict))

    def _is_whole(self, expr: sp.Basic) -> bool:
        """Whether an expression prints as one name, number or call."""
        statement = self._written_out.get(expr)
        if isinstance(statement, Product):
            return statement.linear_map.kind in ("mean", "sum", "largest")
        if expr in self._calls:
            return True
        if isinstance(statement, Elementwise):
            return self._is_whole(statement.expression)
        return bool(expr.is_Symbol or expr.is_Function or (expr.is_Integer and expr >= 0))

    def _print_Mul(self, expr: sp.Mul) -> str:
        coefficient, rest = expr.as_coeff_Mul()
        if decimal(coefficient):
            return f"{self._print(coefficient)}*{self.parenthesize(rest, PRECEDENCE['Mul'], True)}"
        return str(super()._print_Mul(expr))

    def _print_Add(self, expr: sp.Add, order: str | None = None) -> str:
        return str(self.signed(expr))

    def signed(self, expr: sp.Expr) -> Signed:
        """Return an expression with its sign, or that of its first summand, apart."""
        if expr.is_Add:
            first, *rest = map(self._summand, ordered_terms(expr))
            return first.times(in_sum([first, *rest])[1:], " ")
        negative = expr.as_coeff_Mul()[0].is_negative
        return Signed(negative, str(self._print(-expr if negative else expr)))

    def _summand(self, term: sp.Expr) -> Signed:
        negative = term.could_extract_minus_sign()
        body = self.parenthesize(-term, PRECEDENCE["Mul"], True) if negative else self._print(term)
        return Signed(negative, str(body))

    def _print_Function(self, expr: sp.Function) -> str:
        parts = [str(self._print(a)) for a in expr.args]
        if isinstance(expr, step):
            return f"1[{parts[0]} > 0]"
        if isinstance(expr, modulo):
            both = (self.operand(a) for a in expr.args)
            return f"({' % '.join(both)})"
        return f"{type(expr).__name__}({', '.join(parts)})"

    def _print_Relational(self, expr: sp.core.relational.Relational) -> str:
        return f"{self._print(expr.lhs)} {expr.rel_op} {self._print(expr.rhs)}"

    def _print_And(self, expr: sp.And) -> str:
        return self._joined(expr, " and ")

    def _print_Or(self, expr: sp.Or) -> str:
        return self._joined(expr, " or ")

    def _joined(self, expr: sp.Basic, word: str) -> str:
        parts = sorted(expr.args, key=sp.default_sort_key)
        loose = (sp.And, sp.Or)
        return word.join(
            f"({self._print(p)})" if isinstance(p, loose) else self._print(p) for p in parts
        )

    def _print_Not(self, expr: sp.Not) -> str:
        return f"not ({self._print(expr.args[0])})"

    def _print_choose(self, expr: choose) -> str:
        condition, taken, other = map(self._print, expr.args)
        return f"({taken} if {condition} else {other})"

    def _print_Rational(self, expr: sp.Rational) -> str:
        return repr(float(expr)) if decimal(expr) else str(super()._print_Rational(expr))
