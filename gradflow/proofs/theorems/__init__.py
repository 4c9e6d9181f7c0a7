"""The theorems of each cell: those of any declaration, and what is registered for one cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from gradflow.cells.cell import Cell
from gradflow.given import function, instance
from gradflow.proofs.claims.claim import Claim
from gradflow.proofs.claims.seal import plain_declaration
from gradflow.proofs.theorems.any_cell import automatic
from gradflow.registry import Registry

__all__ = ["SETS", "TheoremSet", "register_theorems", "theorems"]


@dataclass(frozen=True)
class TheoremSet:
    """The theorems about one declared cell: ``claims(cell)`` returns them, without running Coq."""

    cell: Cell
    claims: Callable[[Cell], Sequence[Claim]]


SETS: Registry[TheoremSet] = Registry(
    kind="theorem set",
    group="gradflow.theorems",
    type="gradflow.proofs.theorems:TheoremSet",
    own={
        "rnn": "gradflow.proofs.theorems.rnn:THEOREMS",
        "irnn": "gradflow.proofs.theorems.irnn:THEOREMS",
        "lstm": "gradflow.proofs.theorems.lstm:THEOREMS",
        "gru": "gradflow.proofs.theorems.gru:THEOREMS",
        "scrn": "gradflow.proofs.theorems.scrn:THEOREMS",
        "clockwork": "gradflow.proofs.theorems.clockwork:THEOREMS",
        "scalar": "gradflow.proofs.theorems.scalar:THEOREMS",
    },
    advice="add one with gradflow.proofs.register_theorems(cell, claims)",
)
"""Theorem sets by the name of their cell."""


def theorems(cell: Cell) -> tuple[Claim, ...]:
    """Return every claim about a cell, without running Coq.

    A theorem set is about one declaration: another cell that happens to share its name gets only
    the theorems of any cell.
    """
    own = SETS.get(cell.name) if cell.name in SETS else None
    added = own.claims(cell) if own and own.cell == cell else ()
    declaration = plain_declaration(cell.declaration)
    found = (*automatic(cell)[0], *added)
    return tuple(replace(claim, declaration=declaration) for claim in found)


def register_theorems(cell: Cell, claims: Callable[[Cell], Sequence[Claim]]) -> TheoremSet:
    """Add theorems about a cell of one's own: ``gradflow.prove(cell)`` lists them after the others.

    Parameters
    ----------
    cell
        The declared cell; the theorems are about this declaration alone.
    claims
        ``claims(cell)`` returns the :class:`Claim` of each theorem.

    Raises
    ------
    UsageError
        If other theorems are registered for a cell of that name.

    Notes
    -----
    Another package names its set in its ``pyproject.toml`` instead, by its cell's name::

        [project.entry-points."gradflow.theorems"]
        my_cell = "my_package.theorems:THEOREMS"  # a TheoremSet
    """
    instance(cell, "register_theorems: cell", Cell)
    function(claims, "register_theorems: claims")
    known = SETS.get(cell.name) if cell.name in SETS else None
    if known and known.cell == cell and _text(known.claims) == _text(claims):
        return known  # the file that declares them is run again
    return SETS.register(cell.name, TheoremSet(cell, claims))


def _text(claims: Callable[[Cell], Sequence[Claim]]) -> object:
    """Return what a function was written as, the same where its file is run again."""
    return getattr(claims, "__code__", claims)
