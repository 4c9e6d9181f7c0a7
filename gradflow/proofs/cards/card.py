"""A theorem as a reader meets it: title, statement, level, and what it says of the run at hand."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

from gradflow.given import flag, instance
from gradflow.proofs.cards.environment import sentence
from gradflow.proofs.cards.sources import bibtex
from gradflow.proofs.claims.claim import MEANING, REFUTED, Claim
from gradflow.proofs.measuring.margin import Margin
from gradflow.prose import ascii_text


@dataclass(frozen=True, kw_only=True, repr=False)
class Card:
    """One theorem, told; texts carry formulas between dollars.

    Parameters
    ----------
    claim
        What is stated.
    level
        One of the levels of :mod:`gradflow.proofs.claims.claim`.
    checked
        What that level means, and why it is no higher.
    """

    claim: Claim
    level: str
    checked: str

    def __repr__(self) -> str:
        """Return one line."""
        return f"<Card {self.claim.name}: {self.title}; {self.level}>"

    @property
    def title(self) -> str:
        """The theorem's title in words, its name where it has none."""
        return self.claim.title or self.claim.name

    @property
    def on_this_run(self) -> str:
        """Whether the theorem holds on the run at hand, or does not apply and why."""
        return verdict(self.claim.margin)

    def text(self) -> str:
        """Return the card as plain text for a terminal."""
        said = self.claim.plain()
        rows = [("level", f"{self.level}: {self.checked}"), ("says", said.words)]
        rows += [("assumes", text) for text in said.hypotheses]
        rows += [("not true", said.false), ("left out", said.scope)]
        rows += [("this run", ascii_text(self.on_this_run))]
        rows += [("", self.claim.margin.bar() if self.claim.margin else "")]
        lines = [f"{sentence(self.title)} ({said.name})"]
        return "\n".join([*lines, *(f"  {word:<9} {text}" for word, text in rows if text)])

    def latex(self) -> str:
        """Return the theorem environment and its proof, with the source as comments."""
        cited = "\n".join(f"% {line}" for line in bibtex(self.claim).splitlines())
        return f"{self.claim.latex()}\n{cited}\n"

    def markdown(self) -> str:
        """Return the card as Markdown with formulas between dollars."""
        claim = self.claim
        lines = [
            f"### {sentence(self.title)} (`{claim.name}`)",
            f"**{self.level}**: {self.checked}.",
        ]
        lines += [f"{sentence(claim.words)}.", f"$$ {claim.formula} $$"]
        if claim.hypotheses:
            lines += ["\n".join(["Assumed:", "", *(f"- {text}" for text in claim.hypotheses)])]
        lines += [f"*Not true:* {claim.false}."] if claim.false else []
        lines += [f"*Left out:* {claim.scope}."] if claim.scope else []
        lines += [f"*On this run:* {self.on_this_run}."] if self.on_this_run else []
        return "\n\n".join([*lines, f"```bibtex\n{bibtex(claim)}\n```"]) + "\n"

    def to_json(self) -> dict[str, Any]:
        """Return the card as plain data; formulas stand between dollars."""
        claim, margin = self.claim, self.claim.margin
        found: dict[str, Any] = {
            "name": claim.name,
            "title": self.title,
            "cell": claim.cell,
            "level": self.level,
            "checked": self.checked,
            "words": claim.words,
            "formula": claim.formula,
            "hypotheses": list(claim.hypotheses),
            "false": claim.false,
            "scope": claim.scope,
            "bibtex": bibtex(claim),
        }
        if margin is not None:
            condition = margin.condition
            found["run"] = {
                "says": self.on_this_run,
                "informs": margin.informs,
                "measured": margin.measured,
                "bound": margin.bound,
                "side": margin.side,
                "condition": None
                if condition is None
                else {
                    "quantity": condition.quantity,
                    "value": condition.value,
                    "need": condition.need,
                    "limit": condition.limit,
                    "holds": condition.holds,
                },
            }
        return found

    def _repr_html_(self) -> str:
        claim, margin = self.claim, self.claim.margin
        rows = [("Assumed", text) for text in claim.hypotheses]
        rows += [("Not true", claim.false), ("Left out", claim.scope)]
        rows += [("On this run", self.on_this_run)]
        listed = "".join(
            f"<tr><td>{word}</td><td>{escape(text)}</td></tr>" for word, text in rows if text
        )
        bar = ""
        if margin is not None and margin.share is not None:
            bar = f'<meter min="0" max="1" value="{margin.share:.3f}"></meter>'
        return (
            f"<p><b>{escape(sentence(self.title))}</b> ({escape(claim.name)}) [{self.level}]<br>"
            f"{escape(sentence(claim.words))}.<br>$\\displaystyle {escape(claim.formula)}$</p>"
            f"<table>{listed}</table>{bar}"
        )


def card(claim: Claim, *, coq: bool = True) -> Card:
    """Return a claim as a card.

    Parameters
    ----------
    claim
        From :func:`gradflow.prove`.
    coq
        Whether Coq may run; without it the level is that of the exact arithmetic.

    Raises
    ------
    UsageError
        For what is no claim.

    Examples
    --------
    >>> import gradflow as gf
    >>> card(gf.prove("lstm")["lstm.contracting"], coq=False)
    <Card lstm.contracting: contraction and recovery time; CERTIFIED>
    """
    instance(claim, "card: claim", Claim, "gradflow.prove")
    if flag(coq, "card: coq"):
        level, why = claim.verdict
    else:
        level, why = claim.without_coq()
        if claim.script and level != REFUTED:
            why = "Coq was not asked"
    checked = "; ".join(text for text in (MEANING[level], why) if text and text != claim.scope)
    return Card(claim=claim, level=level, checked=checked)


def verdict(margin: Margin | None) -> str:
    """Return in words what became of a theorem on a run, ``""`` where there is none."""
    if margin is None:
        return ""
    if margin.bound is None:
        return f"does not apply: {margin.said()}"
    if not margin.informs:
        return f"holds, and {margin.said()}"
    return f"holds: {margin}"
