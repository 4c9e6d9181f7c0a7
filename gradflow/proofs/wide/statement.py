"""A statement about random networks of infinitely many units, and the claims that bundles hold.

Its level is ``DERIVED``: an argument is written out beside it, for weights drawn afresh at every
step and units to infinity first. It is lower than ``PROVED`` and ``CERTIFIED``, which a program has
checked, and says nothing of one network of given weights. What Coq proves of the argument is a
claim of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gradflow.ensembles.laws import Laws
from gradflow.proofs.claims.claim import DERIVED, Claim
from gradflow.proofs.claims.seal import plain_declaration
from gradflow.proofs.claims.stating import assumed, texts, theorem_of, told
from gradflow.proofs.claims.typeset import PROSE, Letters
from gradflow.proofs.coq.files import alone
from gradflow.proofs.wide.plain_laws import data_of, sentences

__all__ = ["Derived"]

_MOMENTS = "carousel_moments"


@dataclass(frozen=True, kw_only=True)
class Derived:
    """A statement with its derivation.

    Attributes
    ----------
    name
        ``cell.what``.
    words
        The statement, with LaTeX between dollars.
    formula
        What it says of the leading exponent or of chi, in LaTeX.
    derivation
        The argument, in LaTeX.
    value
        The bound or number at the stated laws, nats per step.
    laws
        What weights, biases and inputs are drawn from.
    gate
        The sigmoid gate of a carousel, in LaTeX, where the argument is about one.
    level
        Always ``"DERIVED"``.
    """

    name: str
    words: str
    formula: str
    derivation: str
    value: float
    laws: Laws = field(repr=False)
    gate: str = ""
    level: str = DERIVED

    def __repr__(self) -> str:
        return f"<Derived {self.name}: {self.value:.4g} nats a step>"

    def claims(self) -> tuple[Claim, ...]:
        """Return the statement as a claim, and what Coq proves of its argument, if anything.

        The first is at the level ``DERIVED``; `gradflow.proofs.write` makes bundles of both.

        >>> from gradflow.proofs import derived
        >>> [claim.name for claim in derived("lstm")[0].claims()]
        ['lstm.carousel', 'lstm.carousel_moments']
        """
        cell = self.laws.cell
        declared = plain_declaration(cell.declaration)
        own = Claim(
            name=self.name,
            cell=cell.name,
            title=self.name.rpartition(".")[2].replace("_", " "),
            words=f"of random networks with fresh weights, units to infinity: {self.words}",
            formula=self.formula,
            hypotheses=sentences(self.laws),
            proof=(self.derivation,),
            evidence=(data_of(self.laws),),
            declaration=declared,
            scope="a written argument, which no program has checked",
        )
        return (own, self._moments(own)) if self.gate else (own,)

    def _moments(self, own: Claim) -> Claim:
        """Return the inequality between second moments that the argument ends with."""
        cell, said = self.laws.cell, texts(_MOMENTS)
        gate = self.gate if len(self.gate) == 1 else f"{{({self.gate})}}"
        values = {"cell": cell.name, "gate": gate, "whole": self.name}
        theorem = alone(cell, said["title"], theorem_of(_MOMENTS))
        return Claim(
            cell=cell.name,
            hypotheses=assumed(theorem.premises, Letters(cell, {}, PROSE), values),
            evidence=own.evidence,
            declaration=own.declaration,
            script=theorem,
            **told(said, values),
        )
