"""Norm bounds of any declared cell, read off the normal form of its Jacobian."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from functools import lru_cache
from itertools import product

import sympy as sp

from gradflow.cells import get
from gradflow.cells.cell import Cell
from gradflow.cells.language.program import Map, Summand
from gradflow.jacobians import jacobian
from gradflow.jacobians.terms import Term
from gradflow.proofs.algebra.polynomial import Polynomial, constant, total, variable
from gradflow.proofs.bounding.facts import Facts
from gradflow.proofs.bounding.gates import bound_diagonal
from gradflow.proofs.bounding.invariants import unit_invariants
from gradflow.proofs.bounding.norms import BlockBound, StepBound, TermBound


@lru_cache(maxsize=64)
def facts_of(
    cell: Cell | str, least: frozenset[str] = frozenset(), free: frozenset[str] = frozenset()
) -> Facts:
    """Return what is known about a cell, invariant boxes of its state included.

    ``least`` names gates whose least value may stand in bounds, ``free`` state parts that may start
    outside [-1, 1].
    """
    cell = get(cell)
    return Facts(cell, frozenset(unit_invariants(cell, free)), least)


@lru_cache(maxsize=64)
def bounds(
    cell: Cell | str, least: frozenset[str] = frozenset(), free: frozenset[str] = frozenset()
) -> StepBound:
    """Bound every block of a cell's step Jacobian in terms of the norms of its maps.

    Parameters
    ----------
    cell
        Any declared cell, or its name.
    least
        Gates whose least value over units and steps may stand in the bounds, as ``1 - min f``;
        by default bounds hold whatever the gates do.
    free
        State parts that may start outside [-1, 1]; they enter by ``sup|h|``.

    Returns
    -------
    StepBound
        The derivation. Other state parts that
        :func:`gradflow.proofs.bounding.invariants.unit_invariants` keeps in [-1, 1] are assumed to
        start there.
    """
    cell = get(cell)
    facts = facts_of(cell, least, free)
    blocks = (
        BlockBound(out, wrt, tuple(term_bound(facts, t) for t in in_named_maps(block.terms)))
        for (out, wrt), block in jacobian(cell).blocks().items()
    )
    return StepBound(cell.states, tuple(blocks))


def in_named_maps(terms: Iterable[Term]) -> tuple[Term, ...]:
    """Return terms with sums of maps multiplied out: a bound is stated in norms of named maps.

    ``|W^T| = |W|``, so a transposed map stands as itself.
    """
    found: list[Term] = []
    for term in terms:
        for summands in product(*(m.summands or (Summand(sp.S.One, m, False),) for m in term.maps)):
            first = sp.Mul(term.diagonals[0], *(s.factor for s in summands))
            maps = tuple(s.linear_map for s in summands)
            found.append(Term((first, *term.diagonals[1:]), maps, term.path))
    return tuple(found)


def term_bound(facts: Facts, term: Term) -> TermBound:
    """Bound one term of the normal form by the product rule."""
    return TermBound(
        tuple(bound_diagonal(facts, d) for d in term.diagonals),
        tuple(m.name for m in term.maps),
        term.path,
    )


def map_norm(linear_map: Map) -> Polynomial:
    """Return the bound of the norm of a map; that of a sum of maps is the sum of theirs."""
    if not linear_map.summands:
        return variable("norm", linear_map.name)
    return total(
        constant(Fraction(abs(int(s.factor.p)), int(s.factor.q))) * map_norm(s.linear_map)
        for s in linear_map.summands
    )
