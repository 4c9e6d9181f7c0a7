"""LaTeX of bounds: norms, suprema and least values as a paper writes them."""

from __future__ import annotations

import re
from fractions import Fraction

from gradflow.cells.typeset import name_latex
from gradflow.proofs.algebra.polynomial import Polynomial, Variable


def variable_latex(v: Variable) -> str:
    """Return a variable of a bound: a norm, a supremum, the least value of a gate."""
    kind, name = v
    if re.fullmatch(r"\w+", name):
        inner = name_latex(name)
    else:
        plain = name.replace("_", r"\_").replace("**", "^")
        inner = rf"\mathtt{{{plain}}}"
    return {
        "value": inner,
        "norm": rf"\|{inner}\|_2",
        "sup": rf"\|{inner}\|_\infty",
        "least": rf"\min {inner}",
        "most": rf"\max {inner}",
        "slack": rf"(1 - \min {inner})",
    }[kind]


def polynomial_latex(polynomial: Polynomial) -> str:
    """Return a polynomial; positive terms first."""
    result = ""
    for monomial, coefficient in sorted(polynomial.terms, key=lambda t: (t[1] < 0, len(t[0]), t)):
        factors = [variable_latex(v) + (f"^{{{p}}}" if p > 1 else "") for v, p in monomial]
        size = abs(coefficient)
        body = r" \, ".join([*([] if size == 1 and factors else [number_latex(size)]), *factors])
        sign = "-" if coefficient < 0 else "+"
        result += f" {sign} {body}" if result else (f"-{body}" if sign == "-" else body)
    return result or "0"


def number_latex(value: Fraction) -> str:
    """Return a fraction that is at least 0."""
    if value.denominator == 1:
        return str(value)
    return rf"\tfrac{{{value.numerator}}}{{{value.denominator}}}"
