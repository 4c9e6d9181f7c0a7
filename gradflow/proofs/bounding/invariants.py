"""Boxes that the state never leaves, shown by identities: ``|h| <= 1``, ``|c| <= 1/(1 - f_max)``.

A box is invariant if one step maps it into itself; then a run that starts inside stays inside, by
induction over the steps. Both sides of the step are identities in the values of the gates.
"""

from __future__ import annotations

from dataclasses import replace

from gradflow.cells import get
from gradflow.cells.cell import Cell
from gradflow.cells.language.syntax import symbol
from gradflow.given import choice, several
from gradflow.proofs.algebra.finder import find_bound
from gradflow.proofs.algebra.identity import Identity, Summand
from gradflow.proofs.algebra.polynomial import ONE, Polynomial, constant, variable
from gradflow.proofs.bounding.certificates import Invariant
from gradflow.proofs.bounding.facts import Facts, NotPolynomialError, Values
from gradflow.proofs.bounding.gates import bound_product


def unit_invariants(cell: Cell | str, free: frozenset[str] = frozenset()) -> dict[str, Invariant]:
    """Find the state parts that stay in [-1, 1] once they are in it.

    Starts from all parts but those in ``free``, which may be anywhere, and drops those whose step
    cannot be shown to stay, until the rest carry one another.
    """
    cell = get(cell)
    given = several(free, "unit_invariants: free", "names of state parts")
    parts = frozenset(cell.states) - {
        choice(part, "unit_invariants: an item of free", cell.states) for part in given
    }
    while True:
        facts = Facts(cell, parts)
        found = {p: i for p in sorted(parts) if (i := _stays(facts, p))}
        if len(found) == len(parts):
            return found
        parts = frozenset(found)


def _stays(facts: Facts, part: str) -> Invariant | None:
    target = symbol(f"{part}_next")
    try:
        new, values = facts.polynomial(target), facts.values(target)
    except NotPolynomialError:
        return None
    pair = bound_product(values, [new])
    if pair is None or pair[0].bound.variables or pair[0].bound.at({}) > 1:
        return None
    gap = ONE - pair[0].bound
    if gap.terms:
        pair = _raised(pair, gap)
    return _made(part, ONE, pair, values)


def _made(
    part: str,
    height: Polynomial,
    pair: tuple[Identity, Identity],
    values: Values,
    assumes: tuple[Polynomial, ...] = (),
) -> Invariant:
    upper, lower = pair
    return Invariant(
        part=part,
        height=height,
        upper=upper,
        lower=lower,
        assumes=assumes,
        expressions=values.expressions,
    )


def _raised(pair: tuple[Identity, Identity], gap: Polynomial) -> tuple[Identity, Identity]:
    """Weaken a bound by a constant, which becomes one more summand."""
    slack = Summand(gap.at({}))
    upper, lower = (replace(i, bound=i.bound + gap, summands=(*i.summands, slack)) for i in pair)
    return upper, lower


def carousel_invariant(cell: Cell | str, part: str, gate: str) -> Invariant | None:
    """Show ``|part| <= C`` for a part that a gate carries, ``part' = gate * part + rest``.

    For the LSTM: with ``f <= f_max < 1`` and ``C >= 1/(1 - f_max)``, where 1 bounds ``i g``, a cell
    state in [-C, C] stays there. Returns ``None`` where no such identity is found.
    """
    cell = get(cell)
    choice(part, "carousel_invariant: part", cell.states)
    choice(gate, "carousel_invariant: gate", [line.target for line in cell.lines])
    within = frozenset(unit_invariants(cell))
    facts = Facts(cell, within)
    target = symbol(f"{part}_next")
    try:
        new, values = facts.polynomial(target), facts.values(target)
    except NotPolynomialError:
        return None
    height = facts.sup(symbol(part))
    value = variable("value", gate)
    rest = Polynomial.of(
        {m: c for m, c in new.terms if not any(v == ("value", part) for v, _ in m)}
    )
    if new - rest != value * variable("value", part):
        return None
    known = bound_product(values, [rest]) if rest.terms else None
    if known is None or known[0].bound.variables:
        return None
    most = variable("most", gate)
    assumes = (most - value, height - height * most - constant(known[0].bound.at({})))
    hypotheses = (*values.hypotheses([new]), *assumes)
    top = (((("sup", part), 1),),)
    point = dict(values.point(hypotheses))
    point[("most", gate)] = point[("value", gate)]
    point[("sup", part)] = known[0].bound.at({}) / (1 - point[("value", gate)])
    pair = find_bound([new], hypotheses, top, tuple(point.items()))
    if pair is None or pair[0].bound != height:
        return None
    return _made(part, height, pair, values, assumes)
