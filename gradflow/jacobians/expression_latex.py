"""LaTeX and plain text of the scalar expressions inside a diagonal, as people write them."""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.printing.latex import LatexPrinter
from sympy.printing.str import StrPrinter

from gradflow.cells.cell import Cell
from gradflow.cells.functions import FUNCTIONS, choose
from gradflow.cells.language import symbol
from gradflow.cells.program import Elementwise, Product, Statement
from gradflow.cells.spaces import ONE
from gradflow.cells.typeset import name_latex, time_index

_NAMES = {
    "sigmoid": r"\sigma",
    "relu": r"\operatorname{ReLU}",
    "softplus": r"\operatorname{softplus}",
    "signum": r"\operatorname{sign}",
    "maximum": r"\max",
    "minimum": r"\min",
}
_TEXT_NAMES = {"signum": "sign", "maximum": "Max", "minimum": "Min", "absolute": "Abs"}


def generated(cell: Cell) -> dict[sp.Symbol, Statement]:
    """Return the statements whose targets the program named itself: they print written out."""
    named = {symbol(line.target) for line in cell.lines}
    return {s.target: s for s in cell.program if s.target not in named}


def moving_names(cell: Cell) -> frozenset[str]:
    """Return the names that carry the time index ``t``."""
    return frozenset((*cell.input_names, *(line.target for line in cell.lines)))


def ordered_terms(expr: sp.Add) -> list[sp.Expr]:
    """Return the summands in SymPy's order, a positive one first where there is any."""
    terms = list(expr.as_ordered_terms())
    lead = next((t for t in terms if not t.could_extract_minus_sign()), terms[0])
    terms.remove(lead)
    return [lead, *terms]


class ExpressionLatex(LatexPrinter):
    r"""SymPy's LaTeX printer with time indices, ``\\odot`` between vectors and gate names."""

    def __init__(self, cell: Cell, step: str = "t") -> None:
        """Print the names of ``cell`` with the index ``step``, and ``step-1`` for old values."""
        super().__init__()
        self._cell = cell
        self._step = step
        self._moving = moving_names(cell)
        self._written_out = generated(cell)

    def _print_Symbol(self, expr: sp.Symbol, style: str = "plain") -> str:
        statement = self._written_out.get(expr)
        if isinstance(statement, Elementwise):
            return str(self._print(statement.expression))
        if isinstance(statement, Product):
            operand = self._print(statement.operand)
            inner = self._written_out.get(statement.operand)
            if isinstance(inner, Elementwise):
                operand = rf"\left( {operand} \right)"
            name = statement.linear_map.name
            if statement.linear_map.kind in ("mean", "sum"):
                return rf"\operatorname{{{name}}}\left( {operand} \right)"
            return rf"{name_latex(name)} \, {operand}"
        name, time = time_index(expr.name, self._cell.states, self._moving)
        return name_latex(name, time.replace("t", self._step))

    def _is_vector(self, expr: sp.Basic) -> bool:
        return any(self._cell.spaces.get(s.name, ONE) != ONE for s in expr.free_symbols)

    def _print_Mul(self, expr: sp.Mul) -> str:
        numerator, denominator = expr.as_numer_denom()
        if denominator != 1:
            sign = "-" if numerator.could_extract_minus_sign() else ""
            above = self._print(-numerator if sign else numerator)
            return rf"{sign}\frac{{{above}}}{{{self._print(denominator)}}}"
        factors = list(expr.as_ordered_factors())
        sign = ""
        if factors[0].is_number and factors[0] < 0:
            sign, factors[0] = "-", -factors[0]
            factors = factors[1:] if factors[0] == 1 and len(factors) > 1 else factors
        scalars = [f for f in factors if not self._is_vector(f)]
        vectors = [f for f in factors if self._is_vector(f)]
        parts = [r" \, ".join(map(self._factor, scalars))] if scalars else []
        parts += [r" \odot ".join(map(self._factor, vectors))] if vectors else []
        return sign + r" \, ".join(parts)

    def _print_Add(self, expr: sp.Add, order: str | None = None) -> str:
        text = ""
        for term in ordered_terms(expr):
            negative = term.could_extract_minus_sign()
            body = str(self._print(-term if negative else term))
            body = rf"\left( {body} \right)" if negative and (-term).is_Add else body
            sign = ("- " if negative else "+ ") if text else ("-" if negative else "")
            text += f" {sign}{body}" if text else f"{sign}{body}"
        return text

    def _factor(self, expr: sp.Expr) -> str:
        text = str(self._print(expr))
        return rf"\left( {text} \right)" if self._is_sum(expr) else text

    def _is_sum(self, expr: sp.Basic) -> bool:
        inner = self._written_out.get(expr)
        if isinstance(inner, Elementwise):
            return bool(inner.expression.is_Add)
        return bool(expr.is_Add)

    def _print_Pow(self, expr: sp.Pow) -> str:
        if expr.exp == sp.Rational(1, 2):
            return rf"\sqrt{{{self._print(expr.base)}}}"
        if expr.exp.could_extract_minus_sign():
            below = sp.Pow(expr.base, -expr.exp, evaluate=False)
            below = expr.base if expr.exp == -1 else below
            return rf"\frac{{1}}{{{self._print(below)}}}"
        base = self._print(expr.base)
        if isinstance(expr.base, sp.Function):
            name, inner = self._called(expr.base)
            return rf"{name}^{{{self._print(expr.exp)}}}{inner}" if name else f"{base}^{{2}}"
        atom = expr.base.is_Symbol and expr.base not in self._written_out
        wrapped = base if atom or expr.base.is_Integer else rf"\left( {base} \right)"
        return f"{wrapped}^{{{self._print(expr.exp)}}}"

    def _called(self, expr: sp.Function) -> tuple[str, str]:
        kind = type(expr).__name__
        name = _NAMES.get(kind) or (FUNCTIONS[kind].latex if kind in FUNCTIONS else "")
        inner = ", ".join(str(self._print(a)) for a in expr.args)
        return name, rf"\left( {inner} \right)"

    def _print_Function(self, expr: sp.Function, exp: Any = None) -> str:
        kind = type(expr).__name__
        inner = ", ".join(str(self._print(a)) for a in expr.args)
        if kind == "step":
            return rf"\mathbf{{1}}\left[ {inner} > 0 \right]"
        if kind == "absolute":
            return rf"\left| {inner} \right|"
        if kind == "round_down":
            return rf"\left\lfloor {inner} \right\rfloor"
        if kind == "modulo":
            return r" \bmod ".join(str(self._print(a)) for a in expr.args)
        name, wrapped = self._called(expr)
        return f"{name}{wrapped}" if name else str(super()._print_Function(expr, exp))

    def _print_tanh(self, expr: sp.Function, exp: Any = None) -> str:
        return self._print_Function(expr)

    _print_erf = _print_exp = _print_log = _print_tanh

    def _print_choose(self, expr: choose) -> str:
        rows = []
        value: sp.Expr = expr
        while isinstance(value, choose):
            condition, taken, value = value.args
            rows.append(rf"{self._print(taken)} & \text{{if }} {self._print(condition)}")
        rows.append(rf"{self._print(value)} & \text{{otherwise}}")
        return r"\begin{cases} " + r" \\ ".join(rows) + r" \end{cases}"


class ExpressionText(StrPrinter):
    """Plain text with ``h'`` for the new value of a part and maps written out."""

    def __init__(self, cell: Cell) -> None:
        """Print the names of ``cell``."""
        super().__init__()
        self._cell = cell
        self._written_out = generated(cell)

    def _print_Symbol(self, expr: sp.Symbol) -> str:
        statement = self._written_out.get(expr)
        if isinstance(statement, Elementwise):
            return f"({self._print(statement.expression)})"
        if isinstance(statement, Product):
            name, operand = statement.linear_map.name, self._print(statement.operand)
            if statement.linear_map.kind in ("mean", "sum"):
                return f"{name}({operand})"
            return f"({name} @ {operand})"
        part = expr.name.removesuffix("_next")
        return f"{part}'" if part != expr.name and part in self._cell.states else str(expr.name)

    def _print_Add(self, expr: sp.Add, order: str | None = None) -> str:
        text = ""
        for term in ordered_terms(expr):
            negative = term.could_extract_minus_sign()
            body = str(self._print(-term if negative else term))
            sign = ("- " if negative else "+ ") if text else ("-" if negative else "")
            text += f" {sign}{body}" if text else f"{sign}{body}"
        return text

    def _print_Function(self, expr: sp.Function) -> str:
        kind = type(expr).__name__
        inner = ", ".join(str(self._print(a)) for a in expr.args)
        if kind == "step":
            return f"1[{inner} > 0]"
        return f"{_TEXT_NAMES.get(kind, kind)}({inner})"
