"""LaTeX of bounds: norms, suprema and least values, and the identities that show a bound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import sympy as sp

from gradflow.cells.cell import Cell
from gradflow.cells.typeset import name_latex
from gradflow.jacobians.print.expression_latex import ExpressionLatex
from gradflow.proofs.algebra.identity import Identity
from gradflow.proofs.algebra.polynomial import Polynomial, Variable
from gradflow.proofs.bounding.certificates import Invariant

FORMULA = {
    "value": "{}",
    "norm": r"\|{}\|_2",
    "sup": r"\|{}\|_\infty",
    "least": r"\min {}",
    "most": r"\max {}",
    "slack": r"(1 - \min {})",
}
"""How the kinds of variables stand in a displayed formula."""

PROSE = FORMULA | {"norm": r"\|{}\|", "sup": r"\sup|{}|"}
"""How they stand inside a sentence."""


class _UnitLatex(ExpressionLatex):
    """Values of one unit: no time indices, ``h'`` for a new value, products without a sign."""

    def _print_Symbol(self, expr: sp.Symbol, style: str = "plain") -> str:
        if expr in self._written_out:
            return str(super()._print_Symbol(expr, style))
        part = expr.name.removesuffix("_next")
        new = part != expr.name and part in self._cell.states
        return name_latex(part) + "'" if new else name_latex(expr.name)

    def _is_vector(self, expr: sp.Basic) -> bool:
        return False


@dataclass(frozen=True)
class Letters:
    """Sets what is stated about one cell.

    Parameters
    ----------
    cell
        The cell.
    expressions
        What the name of each value stands for, from the bound that is set.
    kinds
        ``FORMULA`` or ``PROSE``.
    """

    cell: Cell
    expressions: Mapping[str, sp.Expr]
    kinds: Mapping[str, str]

    def entry(self, expression: sp.Basic) -> str:
        """Return an expression in the values of one unit."""
        return str(_UnitLatex(self.cell).doprint(expression))

    def part(self, name: str) -> str:
        """Return the name of a state part."""
        return name_latex(name)

    def name(self, variable: Variable) -> str:
        """Return what a variable is about: a map, or the expression of a value."""
        kind, name = variable
        if kind != "norm":
            return self.entry(self.expressions[name])
        function, prime, number = name.partition("'")
        if prime and function:
            return rf"\mathrm{{{function}}}'{number}"
        return name_latex(name)

    def variable(self, variable: Variable) -> str:
        """Return a variable of a bound: a norm, a supremum, the least value of a gate."""
        kind, name = variable
        if kind == "norm":
            return self.kinds[kind].format(self.name(variable))
        return self.extreme(kind, self.expressions[name])

    def extreme(self, kind: str, expression: sp.Basic) -> str:
        """Return the value, supremum or least value of an expression; behind min no sum is bare."""
        said = self.entry(expression)
        bare = expression.is_Add and kind in ("least", "most", "slack")
        return self.kinds[kind].format(f"({said})" if bare else said)

    def polynomial(self, polynomial: Polynomial) -> str:
        """Return a polynomial; positive terms first, then by degree."""
        result = ""
        for monomial, coefficient in sorted(
            polynomial.terms, key=lambda t: (t[1] < 0, sum(p for _, p in t[0]), t[0])
        ):
            factors = [self.variable(v) + (f"^{{{p}}}" if p > 1 else "") for v, p in monomial]
            size = abs(coefficient)
            number = [] if size == 1 and factors else [number_latex(size)]
            body = r" \, ".join([*number, *factors])
            sign = "-" if coefficient < 0 else "+"
            result += f" {sign} {body}" if result else (f"-{body}" if sign == "-" else body)
        return result or "0"

    def product(
        self,
        factors: Sequence[Polynomial],
        coefficient: Fraction = Fraction(1),
        squares: Sequence[Polynomial] = (),
    ) -> str:
        """Return a product: factors in parentheses where they are sums, powers gathered."""
        parts = [number_latex(coefficient)] if coefficient != 1 else []
        for factor in dict.fromkeys(factors):
            power = list(factors).count(factor)
            parts.append(self._wrapped(factor) + (f"^{{{power}}}" if power > 1 else ""))
        parts += [f"{self._wrapped(s)}^{{2}}" for s in squares]
        return r" \, ".join(parts) or "1"

    def identity(self, identity: Identity) -> str:
        """Return the proof of a bound, such as ``1/4 - i (1 - i) = (i - 1/2)^2``."""
        sign = "-" if identity.sign > 0 else "+"
        parts = [
            self.product([identity.hypotheses[k] for k in s.hypotheses], s.coefficient, s.squares)
            for s in identity.summands
        ]
        left = f"{self.polynomial(identity.bound)} {sign} {self.product(identity.factors)}"
        return f"{left} = {' + '.join(parts) or '0'}"

    def _wrapped(self, polynomial: Polynomial) -> str:
        body = self.polynomial(polynomial)
        if len(polynomial.terms) != 1:
            return f"({body})"
        ((monomial, coefficient),) = polynomial.terms
        alone = not monomial or (coefficient == 1 and len(monomial) == 1 and self._short(monomial))
        return body if alone and coefficient > 0 else f"({body})"

    def _short(self, monomial: Sequence[tuple[Variable, int]]) -> bool:
        ((variable, _),) = monomial
        return variable[0] != "value" or self.expressions[variable[1]].is_Symbol


def both_sides(cell: Cell, box: Invariant) -> dict[str, str]:
    """Return the identities of an invariant box, ``upper`` and ``lower``."""
    letters = Letters(cell, box.expressions, PROSE)
    return {"upper": letters.identity(box.upper), "lower": letters.identity(box.lower)}


def number_latex(value: Fraction) -> str:
    """Return a fraction that is at least 0."""
    if value.denominator == 1:
        return str(value)
    return rf"\tfrac{{{value.numerator}}}{{{value.denominator}}}"
