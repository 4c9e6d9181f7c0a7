"""The middle of a Coq file: the constants, what is assumed of a step, and the lemmas about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gradflow.cells.language.syntax import symbol
from gradflow.proofs.algebra.polynomial import Variable
from gradflow.proofs.algebra.wording import variable_text
from gradflow.proofs.bounding.invariants import unit_invariants
from gradflow.proofs.coq.known import kinks
from gradflow.proofs.coq.lemmas import StepLemmas
from gradflow.proofs.coq.scripts import Frame, Premise

_EACH = "forall t, (t < T)%nat ->"


def framed(step: StepLemmas, frame: Frame) -> Frame:
    """Return a frame with the constants of the bounds of a step, and the lemmas about it."""
    keeping = _keeping(step)
    conditions = []
    if step.conditions:
        conditions.append("(* What is assumed of every step. *)")
        together = " /\\\n  ".join(f"({c.coq})" for c in step.conditions.values())
        conditions.append(f"Definition good (t : nat) (s : state) : Prop :=\n  {together}.")
    if step.boxes:
        boxes = " /\\ ".join(f"({_box(step, part)})" for part in step.boxes)
        conditions.append("(* What is assumed at the start; every step keeps it. *)")
        conditions.append(f"Definition box (s : state) : Prop := {boxes}.")
    lines = ['Section Step.\nVariables (t : nat) (s : state).\nSet Default Proof Using "All".']
    if step.conditions:
        lines.append("Hypothesis Hgood : good t s.")
        for k, (name, condition) in enumerate(step.conditions.items()):
            proof = _projection("Hgood", k, len(step.conditions))
            lines.append(f"Lemma {name} : {condition.coq}.\nProof. {proof} Qed.")
    if step.boxes:
        lines.append("Hypothesis Hb : box s.")
        for k, part in enumerate(step.boxes):
            proof = _projection("Hb", k, len(step.boxes))
            lines.append(f"Lemma Hbox_{part} : {_box(step, part)}.\nProof. {proof} Qed.")
    lines += [*step.lemmas, "Unset Default Proof Using.\nEnd Step.", keeping]
    return replace(
        frame,
        constants=tuple((name, variable_text(v)) for v, name in step.constants.items()),
        premises=tuple(p for v, name in step.constants.items() for p in _known(step, v, name)),
        conditions="\n".join(conditions),
        bounds="\n".join(line for line in lines if line),
    )


def _known(step: StepLemmas, v: Variable, name: str) -> list[Premise]:
    """Return what is assumed of a constant."""
    positive = Premise(coq=f"0 <= {name}", name=f"{name}_pos")
    if v[0] == "norm":
        found = [positive]
        for linear_map in step.maps.get(v[1], ()):
            out, into = step.terms.size(linear_map.out), step.terms.size(linear_map.into)
            bounds = f"ub {out} {into} (mat {into} {step.terms.map(linear_map)}) {name}"
            held = step.held(name, linear_map)
            found.append(Premise(coq=bounds, about=(v,), name=held))
        return found
    if v[0] == "sup":
        return [positive]
    if v[0] == "least" and v[1] in step.facts.least:
        return [Premise(coq=f"0 <= {name} <= 1", name=f"{name}_range")]
    return []


def premises(step: StepLemmas, given: Sequence[Premise] = ()) -> tuple[Premise, ...]:
    """Return the premises of a theorem about ``T`` steps along a curve of initial states."""
    found = [*given]
    if step.boxes:
        boxes = tuple(("box", part) for part in step.boxes)
        found.append(Premise(coq="box (s r)", about=boxes))
    if step.conditions:
        about = tuple(a for c in step.conditions.values() for a in c.about)
        found.append(Premise(coq=f"{_EACH} good t (run F t (s r))", about=about))
    bends = tuple(about for _, about in kinks(step.terms))
    found.append(Premise(coq=f"{_EACH} smooth t (run F t (s r))", about=bends))
    return (*found, Premise(coq="along size s r ds"))


def intros(step: StepLemmas) -> str:
    """Return the names under which ``premises`` (without ``given``) are introduced."""
    names = (["B0"] if step.boxes else []) + (["G"] if step.conditions else [])
    return " ".join([*names, "Sm", "H"])


def at_step(step: StepLemmas, lemma: str) -> str:
    """Return a row lemma applied at step ``t`` of the run, to the tangent there."""
    facts = ["(G t Ht)"] if step.conditions else []
    if step.boxes:
        kept = "run_keeps F box (fun t s => good t s)" if step.conditions else ""
        kept = kept or "run_keeps F box (fun _ _ => True)"
        good = "G" if step.conditions else "(fun _ _ => Logic.I)"
        facts.append(f"({kept} (s r) T keeps B0 {good} t (Nat.lt_le_incl t T Ht))")
    return f"({lemma} t (run F t (s r)) {' '.join(facts)} (drun F dF t (s r) ds))"


def _box(step: StepLemmas, part: str, value: str = "") -> str:
    size = step.terms.size(step.terms.cell.spaces[part])
    value = value or f"s {step.terms.parts[symbol(part)]}%nat"
    return f"forall i, (i < {size})%nat -> -1 <= {value} i <= 1"


def _projection(hypothesis: str, k: int, count: int) -> str:
    if count == 1:
        return f"exact {hypothesis}."
    names = " & ".join(f"A{j}" for j in range(count))
    return f"destruct {hypothesis} as ({names}); exact A{k}."


def _keeping(step: StepLemmas) -> str:
    """Add the lemmas that a step keeps the box; return the lemma about all parts."""
    if not step.boxes:
        return ""
    known = unit_invariants(step.terms.cell)
    done: list[str] = []
    while len(done) < len(step.boxes):
        part = step.boxes[len(done)]
        done.append(part)
        invariant = known[part]
        step.expressions |= invariant.expressions
        new = f"v_{part}_next t s"
        space = step.terms.cell.spaces[part]
        poses = step.ranges([invariant.upper, invariant.lower], space)
        equal = invariant.upper.factors[0]
        body = step.value(equal, space)
        sides = [step.applied(i, space) for i in (invariant.lower, invariant.upper)]
        inline = step.composites(part)
        unfold = f"unfold {inline}; " if inline else ""
        step.lemmas.append(
            f"Lemma keep_{part} : {_box(step, part, f'({new})')}.\n"
            f"Proof. intros i Hi. {poses}\n"
            f"  assert (E : {new} i = {body}) by ({unfold}equal).\n"
            f"  assert (L : - ({body}) <= 1) by ({sides[0]}).\n"
            f"  assert (U : {body} <= 1) by ({sides[1]}).\n"
            "  try rewrite E; lra. Qed."
        )
    facts = " ".join(["G"] if step.conditions else []) + " B"
    good = "good t s" if step.conditions else "True"
    *others, last = (f"(keep_{p} t s {facts})" for p in step.boxes)
    kept = "".join(f"(conj {one} " for one in others) + last + ")" * len(others)
    return (
        f"Lemma keeps : forall t s, {good} -> box s -> box (F t s).\n"
        f"Proof. intros t s G B. exact {kept}. Qed."
    )
