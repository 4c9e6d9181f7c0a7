"""A claim: what is said, under which hypotheses, why it holds, and at which level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from html import escape
from textwrap import shorten
from typing import Any

from gradflow.proofs.cards.environment import environment
from gradflow.proofs.claims import evidence
from gradflow.proofs.coq import check as coq_check
from gradflow.proofs.coq.scripts import Script
from gradflow.proofs.measuring.margin import Margin, Measure
from gradflow.prose import ascii_text

PROVED, CERTIFIED, CORROBORATED, OBSERVED = "PROVED", "CERTIFIED", "CORROBORATED", "OBSERVED"
DERIVED = "DERIVED"
"""Printed of random networks of many units where a written argument is all there is."""
REFUTED = "REFUTED"
"""Printed where a check fails: the statement must not be used."""
FOREIGN = "foreign"
"""Printed for a bundle whose statement is not the one that gradflow makes under its name."""
NOT_PROVED = "not proved (script)"
"""Printed where Coq rejects the script of a proof, which says nothing against the statement."""

MEANING = {
    PROVED: "Coq accepted the file, and its axioms are those of the real numbers",
    CERTIFIED: "exact arithmetic, re-checked without SymPy",
    CORROBORATED: "two independent solvers agree",
    OBSERVED: "floating point",
    DERIVED: "a written argument about random networks of infinitely many units",
    REFUTED: "a check failed",
    FOREIGN: "the statement is not gradflow's own: nothing was checked",
    NOT_PROVED: "Coq did not accept the script: the statement may be true, and is not proved",
}


@dataclass(frozen=True, kw_only=True, repr=False)
class Claim:
    r"""One theorem about one cell; its texts carry formulas between dollar signs.

    Parameters
    ----------
    name
        Such as ``"lstm.lower"``; names the folder of its bundle.
    cell
        The cell's name.
    words, formula
        The statement in words, and in LaTeX without dollar signs, quantifiers included.
    hypotheses
        What is assumed, a sentence each.
    proof
        Why it holds, as a derivation or a few sentences, a step a line.
    evidence
        Exact data that certify the statement or what it rests on.
    script
        The Coq files of the theorem, if there are any.
    declaration
        What was declared, as plain data (:func:`gradflow.proofs.claims.seal.plain_declaration`);
        :func:`gradflow.prove` fills it in.
    assumes
        Those of the hypotheses that are about a run, and not about norms.
    witness
        An instance of all hypotheses, so that the statement is not vacuous.
    false
        What a reader may think and is not true, with its counterexample.
    scope
        What the Coq file or the evidence leaves out, if anything.
    measure
        Measures the margin on a run.
    title
        What it is about, in a few words.
    display
        The formula a line each where it is long, for a narrow page; by default the formula.
    sources
        Keys of the literature that it comes from, as in :mod:`gradflow.proofs.cards.sources`.
    """

    name: str
    cell: str
    words: str
    formula: str
    hypotheses: tuple[str, ...] = ()
    proof: tuple[str, ...] = ()
    evidence: tuple[Mapping[str, Any], ...] = ()
    script: Script | None = None
    declaration: Mapping[str, Any] = field(default_factory=dict)
    assumes: tuple[str, ...] = ()
    witness: str = ""
    false: str = ""
    scope: str = ""
    measure: Measure | None = field(default=None, compare=False)
    margin: Margin | None = None
    title: str = ""
    display: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Return one line; the level only where it has been asked for, for it may run Coq."""
        level = f" {self.level}," if "verdict" in vars(self) else ""
        margin = f"; {ascii_text(str(self.margin))}" if self.margin else ""
        words = shorten(ascii_text(self.words), 100, placeholder=" ...")
        return f"<Claim {self.name}:{level} {words}{margin}>"

    def fault(self) -> str:
        """Return what is wrong with the exact evidence, ``""`` if nothing is."""
        for item in self.evidence:
            if found := evidence.check(item):
                return found
        return ""

    def without_coq(self) -> tuple[str, str]:
        """Level of the exact evidence alone, and what that leaves out or what is wrong with it."""
        if found := self.fault():
            return REFUTED, found
        return self.basis, self.scope

    @property
    def basis(self) -> str:
        """The level of the evidence alone, where nothing is wrong with it."""
        if any(item.get("kind") == "laws" for item in self.evidence):
            return DERIVED
        return CERTIFIED if self.evidence else OBSERVED

    @cached_property
    def verdict(self) -> tuple[str, str]:
        """Level, and why it is no higher or what it rests on. Runs Coq where it is installed."""
        level, why = self.without_coq()
        if level == REFUTED or not self.script:
            return level, why
        if not coq_check.available():
            return level, "install the system package coq to reach PROVED"
        answer = coq_check.check(coq_check.shared_workshop(), self.script)
        return PROVED if answer.proved else NOT_PROVED, answer.reason

    @property
    def level(self) -> str:
        """One of the words of this module, such as ``PROVED``."""
        return self.verdict[0]

    def latex(self) -> str:
        """Return the statement as a LaTeX theorem, with its proof."""
        return environment(
            title=self.title or self.name,
            words=self.words,
            display=self.display or (self.formula,),
            hypotheses=self.hypotheses,
            proof=self.proof,
        )

    def plain(self) -> Claim:
        """Return the claim with its texts as a terminal and a bundle show them."""
        return replace(
            self,
            words=ascii_text(self.words),
            hypotheses=tuple(map(ascii_text, self.hypotheses)),
            proof=tuple(map(ascii_text, self.proof)),
            witness=ascii_text(self.witness),
            false=ascii_text(self.false),
            scope=ascii_text(self.scope),
        )

    def text(self) -> str:
        """Return the claim as plain text."""
        said = self.plain()
        lines = [f"{said.name}: {said.words}"]
        lines += [f"  assumes   {h}" for h in said.hypotheses]
        lines += [f"  proof     {line}" for line in said.proof]
        for word, value in (
            ("instance", said.witness),
            ("false", said.false),
            ("scope", said.scope),
            ("margin", ascii_text(str(said.margin)) if said.margin else ""),
        ):
            if value:
                lines.append(f"  {word:<9} {value}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        margin = f"<br><small>{escape(str(self.margin))}</small>" if self.margin else ""
        return (
            f"<p><b>{escape(self.name)}</b> [{self.level}] {escape(self.words)}<br>"
            f"$\\displaystyle {self.formula}${margin}</p>"
        )
