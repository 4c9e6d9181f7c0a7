"""Lower bounds of whole products: the cone theorem read off the normal form of any cell.

A part whose block by itself has a term without a map, ``diag(f)``, carries a gradient; the other
terms can take away no more than their norms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import sympy as sp

from gradflow.cells import get
from gradflow.cells.cell import Cell
from gradflow.cells.language.syntax import symbol
from gradflow.errors import UsageError
from gradflow.jacobians import jacobian
from gradflow.jacobians.terms import Term
from gradflow.proofs.algebra.polynomial import ONE, Polynomial, Variable, constant, total
from gradflow.proofs.algebra.wording import text, variable_text
from gradflow.proofs.bounding.certificates import DiagonalBound
from gradflow.proofs.bounding.cone import Cone, best_cone
from gradflow.proofs.bounding.gates import bound_diagonal
from gradflow.proofs.bounding.norms import StepBound
from gradflow.proofs.bounding.step import bounds, facts_of

_NORMS = ("norm", "sup")
"""Kinds of variables that are never below 0."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Carousel:
    """The lower bound of a cell's products along one carousel.

    Parameters
    ----------
    part
        State part that carries the gradient.
    term
        Its term without a map, such as ``diag(f)``.
    least
        A lower bound of that diagonal's magnitude: ``min f``, or ``1 - K`` where ``|1 - d| <= K``.
    near_one
        The certificate of ``|1 - d| <= K`` in the second case.
    rest
        The bound of the part's other terms by itself.
    b, g, d
        Bounds of the blocks from the rest of the state to the part, from the part to the rest, and
        within the rest.
    step
        The derivation of all of them.
    """

    cell: Cell
    part: str
    term: Term
    least: Polynomial
    near_one: DiagonalBound | None
    rest: Polynomial
    b: Polynomial
    g: Polynomial
    d: Polynomial
    step: StepBound

    def __repr__(self) -> str:
        """Return one line."""
        where = f"{self.cell.name}: |{self.part}'|"
        return f"<Carousel {where} >= ({text(self.kept)}) |{self.part}| - b |rest|>"

    @property
    def variables(self) -> tuple[Variable, ...]:
        """Everything the bound is stated in, slacks by their gates' least values."""
        sizes = (self.b, self.g, self.d) if self.beside else ()
        used = {v for p in (self.least, self.rest, *sizes) for v in p.variables}
        return tuple(sorted({("least", v[1]) if v[0] == "slack" else v for v in used}))

    @property
    def expressions(self) -> dict[str, sp.Expr]:
        """What each name of a value stands for."""
        (diagonal,) = self.term.diagonals
        found = self.step.expressions | {name: diagonal for _, name in self.least.variables}
        return found | dict(self.near_one.expressions if self.near_one else {})

    @property
    def step_least(self) -> tuple[str, ...]:
        """Gates whose least value stands in the bounds of the blocks."""
        equations = {line.target for line in self.cell.lines}
        return tuple(n for k, n in self.least.variables if k == "least" and n in equations)

    @property
    def kept(self) -> Polynomial:
        """``a``: what the part keeps of itself, least entry less the other terms' norms."""
        return self.least - self.rest

    @property
    def beside(self) -> tuple[str, ...]:
        """The parts that reach the carousel's; where there are none, no cone is needed."""
        return tuple(p for p in self.cell.states if p != self.part) if self.b.terms else ()

    @property
    def nothing(self) -> tuple[Variable, ...]:
        """The norms that are 0 where ``g`` is."""
        alone = [m[0][0] for m, c in self.g.terms if c > 0 and len(m) == 1 and m[0][1] == 1]
        return tuple(v for v in alone if v[0] in _NORMS)

    @property
    def rate_follows(self) -> bool:
        """Whether ``a - b kappa >= 0`` follows from the condition of the cone.

        It does where kappa > 0, for ``kappa (a - b kappa) >= g + d kappa >= 0``. Where kappa is 0
        that says ``g = 0``, which is impossible or leaves an ``a`` that is no less than 0.
        """
        left = self.kept.without(self.nothing)
        positive = all(c >= 0 for _, c in left.terms)
        of_norms = all(kind in _NORMS for kind, _ in left.variables)
        return self.g.coefficients.get((), Fraction(0)) > 0 or (positive and of_norms)

    @property
    def possible(self) -> bool:
        """Whether some network satisfies the condition of the bound and keeps something by it."""
        for largest in (1, 10**6):
            point = {v: Fraction(largest if v[0] == "least" else 0) for v in self.variables}
            found = self.cone(point | {("slack", n): Fraction(0) for k, n in point if k == "least"})
            if found is not None and found.rate > 0:
                return True
        return False

    def cone(self, values: Mapping[Variable, Fraction]) -> Cone | None:
        """Return the best cone at exact values, ``None`` where the theorem does not apply.

        Raises ``UsageError`` where a value is missing.
        """
        a, b, g, d = self.sizes(values)
        return best_cone(a, b, g, d) if a >= 0 else None

    def sizes(self, values: Mapping[Variable, Fraction]) -> tuple[Fraction, ...]:
        """Return ``a, b, g, d`` at exact values; the last three are 0 where ``beside`` is empty.

        Raises ``UsageError`` where a value is missing.
        """
        missing = [variable_text(v) for v in self.variables if v not in values]
        if missing:
            raise UsageError(f"lower bound: no value for {', '.join(missing)}; pass each of them.")
        point = dict(values)
        for kind, name in self.variables:
            if kind == "least":
                point[("slack", name)] = 1 - Fraction(values[("least", name)])
        if not self.beside:
            return self.kept.at(point), Fraction(0), Fraction(0), Fraction(0)
        return tuple(p.at(point) for p in (self.kept, self.b, self.g, self.d))


@lru_cache(maxsize=64)
def carousel(cell: Cell | str, free: frozenset[str] = frozenset()) -> Carousel | None:
    """Find the carousel of a cell and bound everything beside it; ``None`` if there is none.

    Parts in ``free`` may start outside [-1, 1]. Of several carousels the last declared part's is
    taken, as a cell's memory (``c``, ``s``) is declared.
    """
    cell = get(cell)
    for part in reversed(cell.states):
        for term in jacobian(cell)[part, part].terms:
            if term.maps:
                continue
            found = _along(cell, part, term, free)
            if found:
                return found
    return None


def _along(cell: Cell, part: str, term: Term, free: frozenset[str]) -> Carousel | None:
    (diagonal,) = term.diagonals
    gate = diagonal.name if diagonal.is_Symbol else ""
    facts = facts_of(cell, free=free)
    near_one = None
    if diagonal.is_Rational:
        least = constant(abs(Fraction(int(diagonal.p), int(diagonal.q))))
    elif gate and facts.known(gate) and not facts.is_signed(symbol(gate)):
        facts = facts_of(cell, frozenset({gate}), free)
        least = facts.smallest(diagonal)
    elif facts.is_given(diagonal):
        least = facts.smallest(diagonal)
    else:
        near_one = bound_diagonal(facts, 1 - diagonal)
        least = ONE - near_one.bound
        if near_one.directions or not least.terms:
            return None
    step = bounds(cell, facts.least, free)
    others = [p for p in cell.states if p != part]
    rest = total(t.bound for t in step[part, part].terms if (t.maps, t.path) != ((), term.path))
    return Carousel(
        cell=cell,
        part=part,
        term=term,
        least=least,
        near_one=near_one,
        rest=rest,
        b=total(step[part, q].bound for q in others),
        g=total(step[q, part].bound for q in others),
        d=total(step[p, q].bound for p in others for q in others),
        step=step,
    )
