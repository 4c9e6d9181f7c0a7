r"""A bound as an identity that a person can check: ``1/4 - s (1 - s) = (s - 1/2)^2``.

An :class:`Identity` shows ``bound - sign * product(factors) >= 0`` under hypotheses ``h_k >= 0``:
the left-hand side is written as a sum of products of hypotheses and squares with coefficients that
are not negative. Who found it does not matter: ``check`` multiplies out with fractions and
compares. The hypotheses carry a point at which all of them hold, for from a contradiction
everything follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from gradflow.errors import InputError
from gradflow.proofs.algebra.polynomial import (
    Polynomial,
    Variable,
    constant,
    fraction_from_json,
    from_json,
    product,
    total,
)
from gradflow.proofs.algebra.wording import product_text, text


@dataclass(frozen=True)
class Summand:
    """One term ``coefficient * product(hypotheses) * product(squares)^2`` of a certificate.

    ``hypotheses`` are positions in the identity's list, repeated for powers; ``squares`` are the
    polynomials that are squared.
    """

    coefficient: Fraction
    hypotheses: tuple[int, ...] = ()
    squares: tuple[Polynomial, ...] = ()


@dataclass(frozen=True, kw_only=True, repr=False)
class Identity:
    """A certified inequality ``sign * product(factors) <= bound``.

    Parameters
    ----------
    bound
        The bound, a polynomial.
    sign
        ``1`` for an upper bound of the product, ``-1`` for one of its negative.
    factors
        The factors whose product is bounded, as the cell's equations have them.
    hypotheses
        Polynomials that are at least 0.
    summands
        The certificate.
    witness
        A rational point at which every hypothesis holds: a value by variable.
    """

    bound: Polynomial
    sign: int
    factors: tuple[Polynomial, ...]
    hypotheses: tuple[Polynomial, ...]
    summands: tuple[Summand, ...]
    witness: tuple[tuple[Variable, Fraction], ...] = ()

    def __repr__(self) -> str:
        """Return one line."""
        return f"<Identity {self.proof()}>"

    @property
    def gap(self) -> Polynomial:
        """What has to be shown to be at least 0."""
        return self.bound - product(self.factors).scaled(Fraction(self.sign))

    def fault(self) -> str:
        """Return what is wrong with the certificate, ``""`` if nothing is."""
        point = dict(self.witness)
        for hypothesis in self.hypotheses:
            if any(v not in point for v in hypothesis.variables):
                return f"the witness gives no value to a variable of {text(hypothesis)}"
            if hypothesis.at(point) < 0:
                return f"the hypothesis {text(hypothesis)} >= 0 does not hold at the witness"
        if self.sign not in (1, -1):
            return f"the sign is {self.sign}, not 1 or -1"
        parts = []
        for summand in self.summands:
            if summand.coefficient < 0:
                return f"the coefficient {summand.coefficient} is negative"
            if not all(0 <= k < len(self.hypotheses) for k in summand.hypotheses):
                return f"a term uses hypothesis {max(summand.hypotheses)}, which is not there"
            squared = [s * s for s in summand.squares]
            held = [self.hypotheses[k] for k in summand.hypotheses]
            parts.append(product([constant(summand.coefficient), *held, *squared]))
        left, right = self.gap, total(parts)
        if left != right:
            return f"the two sides differ by {text(left - right)}"
        return ""

    def check(self) -> bool:
        """Whether the identity holds: exact arithmetic, no search, no SymPy."""
        return not self.fault()

    def statement(self) -> str:
        """Return the inequality, such as ``i (1 - i) <= 1/4``."""
        sign = "-" if self.sign < 0 else ""
        return f"{sign}{product_text(self.factors)} <= {text(self.bound)}"

    def proof(self) -> str:
        """Return the one-line proof, such as ``1/4 - i (1 - i) = (i - 1/2)^2``."""
        sign = "-" if self.sign > 0 else "+"
        parts = []
        for summand in self.summands:
            held = [self.hypotheses[k] for k in summand.hypotheses]
            parts.append(product_text(held, summand.coefficient, summand.squares))
        right = " + ".join(parts) or "0"
        return f"{text(self.bound)} {sign} {product_text(self.factors)} = {right}"

    def _repr_html_(self) -> str:
        return f"<code>{self.proof()}</code>"

    def to_json(self) -> dict[str, Any]:
        """Return the certificate as plain data."""
        return {
            "statement": self.statement(),
            "proof": self.proof(),
            "bound": self.bound.to_json(),
            "sign": self.sign,
            "factors": [f.to_json() for f in self.factors],
            "hypotheses": [h.to_json() for h in self.hypotheses],
            "summands": [
                {
                    "coefficient": str(s.coefficient),
                    "hypotheses": list(s.hypotheses),
                    "squares": [q.to_json() for q in s.squares],
                }
                for s in self.summands
            ],
            "witness": [[*v, str(x)] for v, x in self.witness],
        }


def identity_from_json(data: Any) -> Identity:
    """Read what ``to_json`` wrote. Raises ``InputError`` for anything else."""
    try:
        if type(data["sign"]) is not int:
            raise TypeError("the sign is no integer")
        found = Identity(
            bound=from_json(data["bound"]),
            sign=data["sign"],
            factors=tuple(from_json(f) for f in data["factors"]),
            hypotheses=tuple(from_json(h) for h in data["hypotheses"]),
            summands=tuple(_summand(s) for s in data["summands"]),
            witness=tuple(
                ((kind, name), fraction_from_json(x)) for kind, name, x in data["witness"]
            ),
        )
        if found.to_json() != data:
            raise ValueError("its texts are not those of its numbers")
        return found
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"an identity in a certificate cannot be read ({error!r}); write the certificate again."
        ) from None


def _summand(data: Mapping[str, Any]) -> Summand:
    if not all(type(k) is int for k in data["hypotheses"]):
        raise TypeError("the number of a hypothesis is no integer")
    return Summand(
        fraction_from_json(data["coefficient"]),
        tuple(data["hypotheses"]),
        tuple(from_json(q) for q in data["squares"]),
    )
