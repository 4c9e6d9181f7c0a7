"""Polynomials, variables and products as plain text."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from gradflow.proofs.algebra.polynomial import Monomial, Polynomial, Variable


def variable_text(variable: Variable) -> str:
    """Return a variable as a reader knows it: ``f``, ``sup|c|``, ``|U_f|``, ``min f``."""
    kind, name = variable
    return {
        "value": "{}",
        "sup": "sup|{}|",
        "norm": "|{}|",
        "least": "min {}",
        "most": "max {}",
        "slack": "(1 - min {})",
    }[kind].format(name)


def monomial_text(monomial: Monomial) -> str:
    """Return a monomial, ``1`` if it is empty."""
    parts = [variable_text(v) + (f"^{p}" if p > 1 else "") for v, p in monomial]
    return " ".join(parts) or "1"


def text(polynomial: Polynomial) -> str:
    """Return a polynomial: ``1 - g^2``; positive terms first, then by degree."""
    result = ""
    ordered = sorted(polynomial.terms, key=lambda t: (t[1] < 0, sum(p for _, p in t[0]), t[0]))
    for monomial, coefficient in ordered:
        size = abs(coefficient)
        body = monomial_text(monomial)
        body = body if size == 1 or not monomial else f"{size} {body}"
        body = str(size) if not monomial else body
        if result:
            result += f" {'-' if coefficient < 0 else '+'} {body}"
        else:
            result = f"-{body}" if coefficient < 0 else body
    return result or "0"


def product_text(
    factors: Sequence[Polynomial],
    coefficient: Fraction = Fraction(1),
    squares: Sequence[Polynomial] = (),
) -> str:
    """Return ``2 z (1 - z) (z - 1/2)^2``: factors in parentheses where they are sums."""
    parts = [str(coefficient)] if coefficient != 1 else []
    done: list[Polynomial] = []
    for factor in factors:
        if factor not in done:
            done.append(factor)
            power = list(factors).count(factor)
            parts.append(_wrapped(factor) + (f"^{power}" if power > 1 else ""))
    parts += [f"{_wrapped(s)}^2" for s in squares]
    return " ".join(parts) or "1"


def _wrapped(polynomial: Polynomial) -> str:
    body = text(polynomial)
    return (
        body if len(polynomial.terms) == 1 and " " not in body and body[0] != "-" else f"({body})"
    )
