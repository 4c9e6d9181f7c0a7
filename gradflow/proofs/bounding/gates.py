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
from gradflow.proofs.bounding.facts import Facts, NotPolynomialError, Values


def bound_diagonal(facts: Facts, expression: sp.Expr) -> DiagonalBound:
    """Bound the entries of ``diag(expression)``, whatever it is.

    Factors that cannot be bounded stay as ``sup|...|``, with the direction in which they grow.
    """
    number, rest = expression.as_coeff_Mul()
    if not number.is_Rational:
        number, rest = sp.S.One, expression
    suprema: list[sp.Expr] = []
    moving: list[str] = []
    bounded: list[tuple[sp.Expr, Polynomial]] = []
    for factor in _factors(rest):
        try:
            if not facts.is_unbounded(factor):
                bounded.append((factor, facts.polynomial(factor)))
                continue
        except NotPolynomialError:
            pass
        suprema.append(factor)
        if not facts.is_given(factor):
            moving.append(facts.text(factor))
    values = facts.values(*(e for e, _ in bounded))
    whole = product(p for _, p in bounded)
    directions = [_direction(values, name, whole) for name in moving]
    groups: list[tuple[Identity, Identity]] = []
    for group in _grouped(bounded):
        found = bound_product(values, [p for _, p in group])
        if found is None:
            suprema.append(sp.Mul(*(e for e, _ in group)))
            growing = {v for _, p in group for v in p.variables if len(values.ranges[v]) == 1}
            directions += [_direction(values, name, _slope(whole, name)) for _, name in growing]
            continue
        groups.append(found)
        for kind, name in found[0].bound.variables:
            if kind == "sup" and name not in _given(facts):
                directions.append(_direction(values, name, _slope(whole, name)))
    return DiagonalBound(
        text=facts.text(expression),
        coefficient=Fraction(int(number.p), int(number.q)),
        groups=tuple(groups),
        suprema=tuple(facts.sup(e) for e in suprema),
        directions=tuple(d for d in directions if d),
        expressions={**values.expressions, **{facts.text(e): e for e in suprema}},
    )


def bound_product(values: Values, factors: list[Polynomial]) -> tuple[Identity, Identity] | None:
    """Bound a product both ways, by one minus a least gate where that is possible."""
    hypotheses = values.hypotheses(factors)
    witness = values.point(hypotheses)
    slacks = [v for v in _variables(hypotheses) if v[0] == "slack"]
    for slack in slacks:
        found = find_bound(factors, hypotheses, [((slack, 1),)], witness)
        if found:
            return found
    plain = [h for h in hypotheses if not any(v[0] == "slack" for v in h.variables)]
    point = [(v, x) for v, x in witness if v[0] != "slack"]
    return find_bound(factors, plain, candidates(values, product(factors)), point)


def candidates(values: Values, target: Polynomial) -> list[Monomial]:
    """Return the monomials in suprema that a bound of ``target`` is made of."""
    found: set[Monomial] = set()
    for monomial, _ in target.terms:
        heights: dict[Variable, int] = {}
        for (kind, name), power in monomial:
            if values.is_open((kind, name)):
                heights[("sup", name)] = power
        found.add(tuple(sorted(heights.items())))
    return sorted(found, key=lambda m: (len(m), m))


def _slope(target: Polynomial, name: str) -> Polynomial:
    """Return the coefficient of the first power of a value in a polynomial."""
    power = (("value", name), 1)
    return Polynomial.of(
        {tuple(f for f in m if f != power): c for m, c in target.terms if power in m}
    )


def _direction(known: Values, name: str, slope: Polynomial) -> Direction | None:
    """Find values of the others at which the slope in an unbounded value is not 0."""
    point = dict(known.point(known.hypotheses([slope])))
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
