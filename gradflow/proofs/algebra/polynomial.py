"""Exact polynomials over the rationals: all the algebra that checking a certificate needs.

A variable is a pair ``(kind, name)`` and compares as such, so that the value ``f`` and the bound
``sup |f|`` never meet because their names look alike. Nothing here knows SymPy: a certificate is
re-checked with Python's integers alone.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from typing import Any

from gradflow.errors import InputError

Variable = tuple[str, str]
Monomial = tuple[tuple[Variable, int], ...]

_FRACTION = re.compile(r"-?[0-9]{1,4000}(/[0-9]{1,4000})?")
_HIGHEST = 64

KINDS = ("value", "sup", "norm", "least", "most", "slack")
"""Kinds of variables: the value of a gate or state in one unit; ``sup |v|`` of an expression over
units and steps; the norm of a map; the least and the largest value of a gate over units and steps;
one minus the least."""


@dataclass(frozen=True)
class Polynomial:
    """A polynomial as its non-zero terms, sorted: equal polynomials are equal objects."""

    terms: tuple[tuple[Monomial, Fraction], ...] = ()

    @staticmethod
    def of(terms: Mapping[Monomial, Fraction]) -> Polynomial:
        """Make a polynomial from coefficients by monomial."""
        return Polynomial(tuple(sorted((m, Fraction(c)) for m, c in terms.items() if c)))

    @property
    def coefficients(self) -> dict[Monomial, Fraction]:
        """Coefficient by monomial, zero ones left out."""
        return dict(self.terms)

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The variables that occur, sorted."""
        return tuple(sorted({v for monomial, _ in self.terms for v, _ in monomial}))

    @property
    def degree(self) -> int:
        """Total degree; 0 for a constant."""
        return max((sum(p for _, p in m) for m, _ in self.terms), default=0)

    def __add__(self, other: Polynomial) -> Polynomial:
        """Return the sum."""
        total = self.coefficients
        for monomial, coefficient in other.terms:
            total[monomial] = total.get(monomial, Fraction(0)) + coefficient
        return Polynomial.of(total)

    def __sub__(self, other: Polynomial) -> Polynomial:
        """Return the difference."""
        return self + other.scaled(Fraction(-1))

    def __mul__(self, other: Polynomial) -> Polynomial:
        """Return the product."""
        total: dict[Monomial, Fraction] = {}
        for a, x in self.terms:
            for b, y in other.terms:
                monomial = times(a, b)
                total[monomial] = total.get(monomial, Fraction(0)) + x * y
        return Polynomial.of(total)

    def __pow__(self, exponent: int) -> Polynomial:
        """Return a power with an exponent of 0 or more."""
        return product([self] * exponent)

    def scaled(self, factor: Fraction) -> Polynomial:
        """Return a rational multiple."""
        return Polynomial.of({m: factor * c for m, c in self.terms})

    def without(self, variables: Collection[Variable]) -> Polynomial:
        """Return what is left where some variables are 0."""
        return Polynomial.of({m: c for m, c in self.terms if not any(v in variables for v, _ in m)})

    def at(self, point: Mapping[Variable, Fraction]) -> Fraction:
        """Return the value at a rational point that covers every variable."""
        total = Fraction(0)
        for monomial, coefficient in self.terms:
            for variable, power in monomial:
                coefficient *= point[variable] ** power
            total += coefficient
        return total

    def number(self, point: Mapping[Variable, float]) -> float:
        """Return the value at a point of floats."""
        total = 0.0
        for monomial, coefficient in self.terms:
            part = float(coefficient)
            for variable, power in monomial:
                part *= point[variable] ** power
            total += part
        return total

    def to_json(self) -> list[Any]:
        """Return ``[[coefficient, [[kind, name, power], ...]], ...]``."""
        return [[str(c), [[*v, p] for v, p in m]] for m, c in self.terms]


def times(a: Monomial, b: Monomial) -> Monomial:
    """Return the product of two monomials."""
    powers = dict(a)
    for variable, power in b:
        powers[variable] = powers.get(variable, 0) + power
    return tuple(sorted(powers.items()))


def constant(value: Fraction | int) -> Polynomial:
    """Return a constant."""
    return Polynomial.of({(): Fraction(value)})


def variable(kind: str, name: str) -> Polynomial:
    """Return the polynomial that is one variable."""
    return Polynomial.of({(((kind, name), 1),): Fraction(1)})


ONE = constant(1)


def product(factors: Iterable[Polynomial]) -> Polynomial:
    """Return the product of any number of polynomials."""
    return reduce(Polynomial.__mul__, factors, ONE)


def total(summands: Iterable[Polynomial]) -> Polynomial:
    """Return the sum of any number of polynomials."""
    return reduce(Polynomial.__add__, summands, Polynomial())


def from_json(data: Any) -> Polynomial:
    """Read what ``to_json`` wrote. Raises ``InputError`` for anything else."""
    try:
        terms: dict[Monomial, Fraction] = {}
        for coefficient, powers in data:
            monomial: Monomial = ()
            for kind, name, power in powers:
                if kind not in KINDS or not isinstance(name, str) or type(power) is not int:
                    raise ValueError(f"variable {[kind, name, power]!r}")
                if not 1 <= power <= _HIGHEST:
                    raise ValueError(f"power {power}, which is not from 1 to {_HIGHEST}")
                monomial = times(monomial, (((kind, name), power),))
            terms[monomial] = terms.get(monomial, Fraction(0)) + exact(coefficient)
        return Polynomial.of(terms)
    except (ValueError, TypeError, ZeroDivisionError) as error:
        raise InputError(
            f"a polynomial in a certificate cannot be read ({error}); it is a list of "
            "[coefficient, [[kind, name, power], ...]], so write the certificate again."
        ) from None


def exact(text: Any) -> Fraction:
    """Read a fraction such as ``-3/4``: no exponent, no more than 4000 digits a number.

    Raises ``ValueError`` or ``ZeroDivisionError``.
    """
    if not isinstance(text, str) or not _FRACTION.fullmatch(text):
        raise ValueError(f"{str(text)[:40]!r} is no number such as '-3/4'")
    return Fraction(text)


def fraction_from_json(text: Any) -> Fraction:
    """Read a fraction written as text. Raises ``InputError`` for anything else."""
    try:
        return exact(text)
    except (ValueError, ZeroDivisionError) as error:
        raise InputError(
            f"a number in a certificate cannot be read ({error}); it is a text such as '1/4', so "
            "write the certificate again."
        ) from None
