"""The normal form of a Jacobian block: a sum of terms ``diag(d0) W1 diag(d1) W2 ... diag(dk)``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sympy as sp

from gradflow.cells.language.program import Map


@dataclass(frozen=True)
class Term:
    """One term of a block and the path it takes.

    Parameters
    ----------
    diagonals
        ``d0, ..., dk``: scalar expressions, entry *i* of each diagonal.
    maps
        ``W1, ..., Wk``, kept whole; ``d0`` stands left of ``W1``.
    path
        Names of the equations passed on the way from the denominator to the numerator.
    """

    diagonals: tuple[sp.Expr, ...]
    maps: tuple[Map, ...] = ()
    path: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check that diagonals and maps alternate."""
        if len(self.diagonals) != len(self.maps) + 1:
            raise ValueError(
                f"a term with {len(self.maps)} maps has {len(self.maps) + 1} diagonals, "
                f"not {len(self.diagonals)}"
            )

    @property
    def is_zero(self) -> bool:
        """Whether some diagonal is identically zero."""
        return any(d == 0 for d in self.diagonals)

    @property
    def is_identity(self) -> bool:
        """Whether the term is the identity map."""
        return not self.maps and self.diagonals == (1,)

    def after(self, right: Term) -> Term:
        """Return the product ``self @ right``; the path runs through ``right`` first."""
        joint = self.diagonals[-1] * right.diagonals[0]
        return Term(
            (*self.diagonals[:-1], joint, *right.diagonals[1:]),
            self.maps + right.maps,
            right.path + self.path,
        )


IDENTITY = Term((sp.S.One,))


def collect(terms: Iterable[Term]) -> tuple[Term, ...]:
    """Add terms that share path, maps and all diagonals but the first; drop zeros."""
    sums: dict[tuple[object, ...], list[sp.Expr]] = {}
    kept: dict[tuple[object, ...], Term] = {}
    for term in terms:
        if term.is_zero:
            continue
        key = (term.path, term.maps, term.diagonals[1:])
        sums.setdefault(key, []).append(term.diagonals[0])
        kept.setdefault(key, term)
    merged = (
        Term((sp.Add(*sums[key]), *term.diagonals[1:]), term.maps, term.path)
        for key, term in kept.items()
    )
    return tuple(term for term in merged if not term.is_zero)
