"""A theorem as two Coq files: what is stated, and why it holds.

``Statement.v`` has the definitions a reader must read and ends in ``Definition claim : Prop``.
``Proof.v`` repeats them, proves lemmas, and ends in the theorem. The checker compiles
``Definition final : claim := Proof.NAME``: Coq compares the two as it understood them, so nothing
in the text of a proof can change what is stated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gradflow.given import instance

HEADER = """(* {title} *)
Require Import Reals Lra Lia GradFlow.
Open Scope R_scope.
"""


@dataclass(frozen=True, kw_only=True)
class Premise:
    """One thing that a theorem assumes, or a variable that it is about.

    Parameters
    ----------
    coq
        A proposition, or binders such as ``(a : R)`` where ``binds`` is set.
    words
        What a reader is told, formulas between dollars.
    about
        In place of ``words``, kinds of sentences and what each is about: ``("norm", "U")``, or a
        SymPy expression where a name does not do. Neither words nor these: part of the quantifiers,
        as the curve of initial states is.
    name
        The hypothesis of a section that it becomes in the proof.
    """

    coq: str
    words: str = ""
    about: tuple[tuple[str, Any], ...] = ()
    binds: bool = False
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Theorem:
    """What is stated under a name, and its proof.

    ``definitions`` belong to the statement; ``tangent`` says that it speaks of ``dF``, the
    derivative of a step as gradflow writes it.
    """

    name: str
    premises: tuple[Premise, ...]
    conclusion: str
    proof: str
    definitions: str = ""
    tangent: bool = False

    @property
    def statement(self) -> str:
        """The proposition."""
        return implied(self.premises, self.conclusion)


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What stands around the theorems of a cell.

    Parameters
    ----------
    title
        The first comment.
    variables
        Names and types of what a theorem is stated for: sizes, parameters, inputs.
    equations
        Definitions of the recurrence.
    tangents
        Definitions of its derivative.
    lemmas
        The proof that they are.
    constants
        Names of the numbers that stand in a bound, with their meaning.
    premises
        What is assumed of them.
    conditions
        Definitions of what is assumed of a step.
    bounds
        Lemmas about a step.
    """

    title: str
    variables: tuple[tuple[str, str], ...] = ()
    equations: str = ""
    tangents: str = ""
    lemmas: str = ""
    constants: tuple[tuple[str, str], ...] = ()
    premises: tuple[Premise, ...] = ()
    conditions: str = ""
    bounds: str = ""


@dataclass(frozen=True, kw_only=True)
class Script:
    """The two files of a theorem, its name in the second, and all that it assumes, in order."""

    theorem: str
    statement: str
    proof: str
    premises: tuple[Premise, ...] = ()


def implied(premises: Sequence[Premise], conclusion: str) -> str:
    """Return the proposition that premises imply a conclusion, a premise a line."""
    lines = [f"forall {p.coq}," if p.binds else f"({p.coq}) ->" for p in premises]
    return "\n  ".join([*lines, conclusion])


def script(frame: Frame, *theorems: Theorem) -> Script:
    """Return the files of the last of some theorems; those before it may be used in its proof."""
    for one in theorems:
        instance(one, "theorem", Theorem, "gradflow.proofs.Theorem")
    theorem = theorems[-1]
    stated = implied(frame.premises, theorem.statement)
    variables = [f"Variable {name} : {type}." for name, type in frame.variables]
    constants = [f"Variable {name} : R.  (* {meaning} *)" for name, meaning in frame.constants]
    names = " ".join(name for name, _ in (*frame.variables, *frame.constants))
    using = '#[using="All"] ' if names else ""
    quantified = f"forall {names}, stated {names}" if names else "stated"
    statement = [
        HEADER.format(title=f"{frame.title}. What is stated: the definitions, then the claim."),
        "Section Cell.",
        *variables,
        frame.equations,
        frame.tangents if theorem.tangent else "",
        *constants,
        frame.conditions,
        theorem.definitions,
        f"{using}Definition stated : Prop :=\n  {stated}.",
        "End Cell.",
        f"Definition claim : Prop := {quantified}.",
    ]
    proof = [
        HEADER.format(title=f"{frame.title}. The same definitions, lemmas, and the proof."),
        "Section Cell.",
        *variables,
        frame.equations,
        frame.tangents,
        frame.lemmas,
        *constants,
        *(f"Hypothesis {p.name} : {p.coq}." for p in frame.premises),
        frame.conditions,
        frame.bounds,
        'Set Default Proof Using "All".',
        *(
            f"{t.definitions}\nTheorem {t.name} : {t.statement}.\n{t.proof.strip()}"
            for t in theorems
        ),
        "End Cell.",
    ]
    return Script(
        theorem=theorem.name,
        statement=_lines(statement),
        proof=_lines(proof),
        premises=(*frame.premises, *theorem.premises),
    )


def _lines(parts: Sequence[str]) -> str:
    return "\n".join(part.strip("\n") for part in parts if part.strip()) + "\n"
