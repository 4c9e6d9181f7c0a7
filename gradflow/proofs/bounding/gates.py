"""Bounds of the diagonal factors of a Jacobian, each with its certificate.

The factor ``c f (1 - f)`` falls into groups of factors that share values: ``c`` alone and
``f (1 - f)``. Each group has a bound with an identity; the product of the bounds holds for the
whole, and loses nothing, since the groups vary independently.
"""

from __future__ import annotations

from fractions import Fraction

import sympy as sp

from gradflow.proofs.algebra.finder import find_bound
from gradflow.proofs.algebra.identity import Identity
from gradflow.proofs.algebra.polynomial import Monomial, Polynomial, Variable, product
from gradflow.proofs.bounding.certificates import DiagonalBound, Direction
from gradflow.proofs.bounding.facts import Facts, NotPolynomialError


def bound_diagonal(facts: Facts, expression: sp.Expr) -> DiagonalBound:
    """Bound the entries of ``diag(expression)``, whatever it is.

    Factors that cannot be bounded stay as ``sup|...|``, with the direction in which they grow.
    """
    number, rest = expression.as_coeff_Mul()
    if not number.is_Rational:
        number, rest = sp.S.One, expression
    suprema: list[Polynomial] = []
    moving: list[str] = []
    bounded: list[tuple[sp.Expr, Polynomial]] = []
    for factor in _factors(rest):
        try:
            if not facts.is_unbounded(factor):
                bounded.append((factor, facts.polynomial(factor)))
                continue
        except NotPolynomialError:
            pass
        suprema.append(facts.sup(factor))
        if not facts.is_given(factor):
            moving.append(facts.text(factor))
    whole = product(p for _, p in bounded)
    directions = [_direction(facts, name, whole) for name in moving]
    groups: list[tuple[Identity, Identity]] = []
    for group in _grouped(bounded):
        found = bound_product(facts, [p for _, p in group])
        if found is None:
            suprema.append(facts.sup(sp.Mul(*(e for e, _ in group))))
            growing = {v for _, p in group for v in p.variables if len(facts.ranges[v]) == 1}
            directions += [_direction(facts, name, _slope(whole, name)) for _, name in growing]
            continue
        groups.append(found)
        for kind, name in found[0].bound.variables:
            if kind == "sup" and name not in _given(facts):
                directions.append(_direction(facts, name, _slope(whole, name)))
    coefficient = Fraction(int(number.p), int(number.q))
    return DiagonalBound(
        facts.text(expression),
        coefficient,
        tuple(groups),
        tuple(suprema),
        tuple(d for d in directions if d),
    )


def bound_product(facts: Facts, factors: list[Polynomial]) -> tuple[Identity, Identity] | None:
    """Bound a product both ways, by one minus a least gate where that is possible."""
    hypotheses = facts.hypotheses(factors)
    witness = facts.point(hypotheses)
    slacks = [v for v in _variables(hypotheses) if v[0] == "slack"]
    for slack in slacks:
        found = find_bound(factors, hypotheses, [((slack, 1),)], witness)
        if found:
            return found
    plain = [h for h in hypotheses if not any(v[0] == "slack" for v in h.variables)]
    point = [(v, x) for v, x in witness if v[0] != "slack"]
    return find_bound(factors, plain, candidates(facts, product(factors)), point)


def candidates(facts: Facts, target: Polynomial) -> list[Monomial]:
    """Return the monomials in suprema that a bound of ``target`` is made of."""
    found: set[Monomial] = set()
    for monomial, _ in target.terms:
        heights: dict[Variable, int] = {}
        for (kind, name), power in monomial:
            if ("sup", name) in facts.expressions and _is_open(facts, (kind, name)):
                heights[("sup", name)] = power
        found.add(tuple(sorted(heights.items())))
    return sorted(found, key=lambda m: (len(m), m))


def _is_open(facts: Facts, name: Variable) -> bool:
    return any(v[0] == "sup" for h in facts.ranges.get(name, ()) for v in h.variables)


def _slope(target: Polynomial, name: str) -> Polynomial:
    """Return the coefficient of the first power of a value in a polynomial."""
    power = (("value", name), 1)
    return Polynomial.of(
        {tuple(f for f in m if f != power): c for m, c in target.terms if power in m}
    )


def _direction(facts: Facts, name: str, slope: Polynomial) -> Direction | None:
    """Find values of the others at which the slope in an unbounded value is not 0."""
    point = dict(facts.point(facts.hypotheses([slope])))
    middle = {v: point[v] for v in slope.variables}
    others = [middle, *({**middle, v: Fraction(0)} for v in middle)]
    for values in others:
        if slope.at(values):
            return Direction(("value", name), slope.at(values), tuple(values.items()))
    return None


def _given(facts: Facts) -> tuple[str, ...]:
    return (*facts.cell.parameters, *facts.cell.constant_names)


def _variables(polynomials: tuple[Polynomial, ...]) -> list[Variable]:
    return sorted({v for p in polynomials for v in p.variables})


def _factors(expression: sp.Expr) -> list[sp.Expr]:
    """Return the factors of an expression, powers with whole exponents written out."""
    found: list[sp.Expr] = []
    for factor in sp.Mul.make_args(expression):
        base, exponent = factor.as_base_exp()
        whole = exponent.is_Integer and exponent > 0
        found += [base] * int(exponent) if whole else [factor]
    return [f for f in found if f != 1]


def _grouped(
    factors: list[tuple[sp.Expr, Polynomial]],
) -> list[list[tuple[sp.Expr, Polynomial]]]:
    """Collect factors that share a variable."""
    groups: list[tuple[set[Variable], list[tuple[sp.Expr, Polynomial]]]] = []
    for expression, polynomial in factors:
        names = {v for v in polynomial.variables if v[0] == "value"}
        touched = [g for g in groups if g[0] & names]
        merged = (set(names), [(expression, polynomial)])
        for group in reversed(touched):
            merged = (merged[0] | group[0], group[1] + merged[1])
            groups.remove(group)
        groups.append(merged)
    return [members for _, members in groups]
