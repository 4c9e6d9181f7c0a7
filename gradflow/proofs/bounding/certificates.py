"""Certificates about the values in a cell, as plain data: bounded diagonals, invariant boxes.

Everything here is checked with fractions alone; :mod:`gradflow.proofs.bounding.gates` and
:mod:`gradflow.proofs.bounding.invariants` make them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from gradflow.errors import InputError
from gradflow.proofs.algebra.identity import Identity, identity_from_json
from gradflow.proofs.algebra.polynomial import (
    Polynomial,
    Variable,
    constant,
    fraction_from_json,
    from_json,
    product,
)
from gradflow.proofs.algebra.wording import text, variable_text


@dataclass(frozen=True)
class Direction:
    """A way in which a diagonal factor grows without bound: ``variable -> infinity``.

    At ``point``, which satisfies every hypothesis on the other values, the slope of the factor in
    the variable is ``slope``.
    """

    variable: Variable
    slope: Fraction
    point: tuple[tuple[Variable, Fraction], ...]

    def statement(self) -> str:
        """Return the direction in words."""
        at = ", ".join(f"{variable_text(v)} = {x}" for v, x in self.point)
        where = f" at {at}" if at else ""
        name = variable_text(self.variable)
        return f"unbounded as {name} grows: the slope in {name} is {self.slope}{where}"


@dataclass(frozen=True, kw_only=True, repr=False)
class DiagonalBound:
    """A bound of the entries of one diagonal matrix.

    Parameters
    ----------
    text
        The diagonal's entry as the cell prints it.
    coefficient
        Its rational factor.
    groups
        Identities ``(upper, lower)`` of the groups of factors with values of known range.
    suprema
        ``sup|v|`` of factors that have no bound of their own, as polynomials.
    directions
        How the entry grows without bound where a supremum of a moving value stands in the bound.
    expressions
        What each name in it stands for; empty where the bound was read from a file.
    """

    text: str
    coefficient: Fraction
    groups: tuple[tuple[Identity, Identity], ...]
    suprema: tuple[Polynomial, ...] = ()
    directions: tuple[Direction, ...] = ()
    expressions: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __repr__(self) -> str:
        """Return one line."""
        return f"<DiagonalBound {self.statement()}>"

    @property
    def bound(self) -> Polynomial:
        """The bound of the entry's magnitude."""
        heights = [upper.bound for upper, _ in self.groups]
        return product([constant(abs(self.coefficient)), *heights, *self.suprema])

    def fault(self) -> str:
        """Return what is wrong with the certificates, ``""`` if nothing is."""
        for upper, lower in self.groups:
            for identity in (upper, lower):
                if found := identity.fault():
                    return f"{identity.statement()}: {found}"
            if upper.bound != lower.bound or upper.factors != lower.factors:
                return f"{upper.statement()} and {lower.statement()} are not two sides of one bound"
            if (upper.sign, lower.sign) != (1, -1):
                return f"{upper.statement()}: the two identities do not have the signs 1 and -1"
        for height in self.suprema:
            if [v[0] for v in height.variables] != ["sup"] or height.degree != 1:
                return f"{text(height)} is no supremum"
        return ""

    def statement(self) -> str:
        """Return ``|entry| <= bound``."""
        return f"|{self.text}| <= {text(self.bound)}"

    def proof(self) -> str:
        """Return the identities, one a line; a side that needs none is left out."""
        return "\n".join(upper.proof() for upper, _ in self.groups)

    def identities(self) -> list[Identity]:
        """Return the identities that say more than that a gate lies in its range."""
        return [upper for upper, _ in self.groups if len(upper.factors) > 1 or upper.gap.degree > 1]

    def to_json(self) -> dict[str, Any]:
        """Return the bound as plain data."""
        return {
            "text": self.text,
            "coefficient": str(self.coefficient),
            "groups": [[u.to_json(), w.to_json()] for u, w in self.groups],
            "suprema": [s.to_json() for s in self.suprema],
            "directions": [d.statement() for d in self.directions],
        }


def diagonal_from_json(data: Mapping[str, Any]) -> DiagonalBound:
    """Read what ``to_json`` wrote. Raises ``InputError`` for anything else."""
    try:
        return DiagonalBound(
            text=str(data["text"]),
            coefficient=fraction_from_json(data["coefficient"]),
            groups=tuple((identity_from_json(u), identity_from_json(w)) for u, w in data["groups"]),
            suprema=tuple(from_json(s) for s in data["suprema"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"a diagonal bound cannot be read ({error!r}); write it again.") from None


@dataclass(frozen=True, kw_only=True, repr=False)
class Invariant:
    """``|part| <= height`` holds after a step if it held before.

    ``upper`` and ``lower`` show ``part' <= height`` and ``-part' <= height``; what they assume
    about the gates beyond their ranges stands in ``assumes``, what each name stands for in
    ``expressions``.
    """

    part: str
    height: Polynomial
    upper: Identity
    lower: Identity
    assumes: tuple[Polynomial, ...] = ()
    expressions: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __repr__(self) -> str:
        """Return one line."""
        return f"<Invariant {self.statement()}>"

    def fault(self) -> str:
        """Return what is wrong with the certificates, ``""`` if nothing is."""
        for identity, sign in ((self.upper, 1), (self.lower, -1)):
            if found := identity.fault():
                return f"{identity.statement()}: {found}"
            if identity.bound != self.height or identity.sign != sign:
                return f"{identity.statement()} is not the statement about {self.part}"
        same = self.upper.factors == self.lower.factors
        return "" if same else "the two sides bound different values"

    def statement(self) -> str:
        """Return the invariant in words."""
        given = "".join(f", if {text(a)} >= 0" for a in self.assumes)
        return f"|{self.part}| <= {text(self.height)} is kept by every step{given}"

    def to_json(self) -> dict[str, Any]:
        """Return the invariant as plain data."""
        return {
            "part": self.part,
            "height": self.height.to_json(),
            "upper": self.upper.to_json(),
            "lower": self.lower.to_json(),
        }


def invariant_from_json(data: Mapping[str, Any]) -> Invariant:
    """Read what ``to_json`` wrote. Raises ``InputError`` for anything else."""
    try:
        return Invariant(
            part=str(data["part"]),
            height=from_json(data["height"]),
            upper=identity_from_json(data["upper"]),
            lower=identity_from_json(data["lower"]),
        )
    except (KeyError, TypeError) as error:
        raise InputError(f"an invariant cannot be read ({error!r}); write it again.") from None
