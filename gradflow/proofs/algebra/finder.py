"""The untrusted half of gate bounds: a linear programme looks for an identity.

The bound of ``|p|`` is sought as a sum of given monomials, the certificate among products of the
hypotheses and squares ``(x - x0)^2``. The linear programme works in floating point and gives
away only which products to use; the coefficients are then solved for exactly. What comes out is
checked by :meth:`gradflow.proofs.algebra.identity.Identity.check`, so an error here can lose a
bound and cannot make a false one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import combinations_with_replacement

import numpy as np
from scipy.optimize import linprog

from gradflow.proofs.algebra.identity import Identity, Summand
from gradflow.proofs.algebra.polynomial import (
    Monomial,
    Polynomial,
    Variable,
    constant,
    product,
    variable,
)

CENTRES = tuple(Fraction(n, d) for n, d in ((0, 1), (1, 2), (1, 3), (2, 3), (1, 4), (3, 4)))
"""Points ``x0`` of the squares; their negatives are tried as well."""

_MOST = 4000
_HEAVY = 1000.0
_SMALL = 1e-9


def find_bound(
    factors: Sequence[Polynomial],
    hypotheses: Sequence[Polynomial],
    candidates: Sequence[Monomial],
    witness: Sequence[tuple[Variable, Fraction]],
) -> tuple[Identity, Identity] | None:
    """Look for the least ``K`` with ``|product(factors)| <= sum of K_m m``.

    Parameters
    ----------
    factors
        The factors whose product is bounded.
    hypotheses
        Polynomials that are at least 0.
    candidates
        Monomials ``m`` the bound may be made of; each must be at least 0 under the hypotheses.
    witness
        A point at which the hypotheses hold.

    Returns
    -------
    (Identity, Identity) or None
        Upper bounds of the product and of its negative, with the same bound; ``None`` if this
        search finds none, which proves nothing.
    """
    return _sought(tuple(factors), tuple(hypotheses), tuple(candidates), tuple(witness))


@lru_cache(maxsize=512)  # the theorems of a cell and their files ask for the same bounds
def _sought(
    factors: tuple[Polynomial, ...],
    hypotheses: tuple[Polynomial, ...],
    candidates: tuple[Monomial, ...],
    witness: tuple[tuple[Variable, Fraction], ...],
) -> tuple[Identity, Identity] | None:
    target = product(factors)
    bounds = [Polynomial.of({m: Fraction(1)}) for m in candidates]
    degree = max([target.degree, 2, *(b.degree for b in bounds)])
    summands = list(_summands(hypotheses, target.variables, degree))
    if len(summands) > _MOST:
        return None
    columns = [_multiply(s, hypotheses) for s in summands]
    found = _solve(target, bounds, columns)
    if found is None:
        return None
    heights, upper, lower = found
    bound = Polynomial.of(dict(zip(candidates, heights, strict=True)))
    pair = tuple(
        Identity(
            bound=bound,
            sign=sign,
            factors=tuple(factors),
            hypotheses=tuple(hypotheses),
            summands=tuple(
                Summand(c, s.hypotheses, s.squares)
                for c, s in zip(chosen, summands, strict=True)
                if c
            ),
            witness=tuple(witness),
        )
        for sign, chosen in ((1, upper), (-1, lower))
    )
    return (pair[0], pair[1]) if all(i.check() for i in pair) else None


def _summands(
    hypotheses: Sequence[Polynomial], variables: Sequence[Variable], degree: int
) -> Iterator[Summand]:
    """Yield products of hypotheses, alone and with one square, up to a degree."""
    centres = {c for x in CENTRES for c in (x, -x)}
    squares = [
        variable(*v) - constant(c) for v in variables if v[0] == "value" for c in sorted(centres)
    ]
    for count in range(degree + 1):
        for chosen in combinations_with_replacement(range(len(hypotheses)), count):
            used = sum(hypotheses[k].degree for k in chosen)
            if used <= degree:
                yield Summand(Fraction(1), chosen)
            if used + 2 <= degree:
                for square in squares:
                    yield Summand(Fraction(1), chosen, (square,))


def _multiply(summand: Summand, hypotheses: Sequence[Polynomial]) -> Polynomial:
    squared = [s * s for s in summand.squares]
    return product([*(hypotheses[k] for k in summand.hypotheses), *squared])


Coefficients = list[Fraction]


def _solve(
    target: Polynomial, bounds: list[Polynomial], columns: list[Polynomial]
) -> tuple[Coefficients, Coefficients, Coefficients] | None:
    """Solve ``bound -+ target = sum of columns`` for heights and coefficients of 0 or more."""
    monomials = sorted(
        {m for p in [target, *bounds, *columns] for m in p.coefficients}, key=lambda m: (len(m), m)
    )
    place = {m: k for k, m in enumerate(monomials)}
    rows, heights, width = len(monomials), len(bounds), len(columns)
    matrix: list[dict[int, Fraction]] = []
    right = [Fraction(0)] * (2 * rows)
    for k in range(heights + 2 * width):
        column: dict[int, Fraction] = {}
        if k < heights:
            for m, c in bounds[k].terms:
                column[place[m]] = column[place[m] + rows] = c
        else:
            half, j = divmod(k - heights, width)
            for m, c in columns[j].terms:
                column[place[m] + half * rows] = -c
        matrix.append(column)
    for m, c in target.terms:
        right[place[m]], right[place[m] + rows] = c, -c
    dense = np.zeros((2 * rows, len(matrix)))
    for k, column in enumerate(matrix):
        for r, c in column.items():
            dense[r, k] = float(c)
    weights = np.array([_HEAVY] * heights + [1.0] * (2 * width))
    outcome = linprog(weights, A_eq=dense, b_eq=[float(r) for r in right], method="highs-ds")
    if outcome.status != 0:
        return None
    support = [k for k, x in enumerate(np.asarray(outcome.x)) if x > _SMALL]
    exact = solve_exactly([matrix[k] for k in support], right)
    if exact is None:
        return None
    values = [Fraction(0)] * len(matrix)
    for k, x in zip(support, exact, strict=True):
        values[k] = x
    return (
        values[:heights],
        values[heights : heights + width],
        values[heights + width :],
    )


def solve_exactly(
    columns: list[dict[int, Fraction]], right: list[Fraction]
) -> list[Fraction] | None:
    """Solve a sparse linear system by exact elimination; free unknowns are 0.

    ``columns`` give the entries of each unknown by row. Returns ``None`` if there is no solution.
    """
    system = [[column.get(r, Fraction(0)) for column in columns] + [b] for r, b in enumerate(right)]
    pivots: list[int] = []
    for k in range(len(columns)):
        done = len(pivots)
        pivot = next((r for r in range(done, len(system)) if system[r][k]), None)
        if pivot is None:
            continue
        system[done], system[pivot] = system[pivot], system[done]
        head = system[done]
        for r, line in enumerate(system):
            if r != done and line[k]:
                ratio = line[k] / head[k]
                system[r] = [x - ratio * y for x, y in zip(line, head, strict=True)]
        pivots.append(k)
    if any(line[-1] for line in system[len(pivots) :]):
        return None
    solution = [Fraction(0)] * len(columns)
    for row, k in enumerate(pivots):
        solution[k] = system[row][-1] / system[row][k]
    return solution
