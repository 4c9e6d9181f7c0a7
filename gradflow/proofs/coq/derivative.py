"""The first half of a Coq file: the declared recurrence, and that its Jacobian is its derivative.

For every name of the cell the file defines its value as declared and its tangent in the normal form
that gradflow derived, and proves that the second is the derivative of the first along any curve of
states. SymPy's derivatives are thereby checked, not trusted.
"""

from __future__ import annotations

import sympy as sp

from gradflow.cells.language.functions import relu, step
from gradflow.cells.language.program import Elementwise, Product
from gradflow.cells.language.spaces import ONE
from gradflow.jacobians.derive import Derivatives, accumulate
from gradflow.proofs.coq.terms import CoqTerms, written


def tangents_of(terms: CoqTerms) -> Derivatives:
    """Return the normal form of every name's derivative with respect to the state parts."""
    return accumulate(terms.cell, terms.parts)


def variables(terms: CoqTerms) -> tuple[tuple[str, str], ...]:
    """Return what theorems are stated for, with types: sizes, parameters, inputs."""
    cell = terms.cell
    found = [(terms.size(s), "nat") for s in cell.sizes]
    for name in (*cell.parameters, *cell.constant_names):
        if name in cell.linear_maps:
            found.append((f"p_{name}", "nat -> nat -> R"))
        else:
            found.append((f"p_{name}", "R" if cell.spaces[name] == ONE else "vec"))
    found += [
        (f"p_{name}", "nat -> nat -> R")
        for name, m in cell.linear_maps.items()
        if m.kind == "fixed"
    ]
    found += [(f"x_{name}", "nat -> vec") for name in cell.input_names]
    found += [(f"u_{name}", "nat -> vec") for name in terms.given]
    return tuple(found)


def equations(terms: CoqTerms) -> str:
    """Return the declared equations, one a line, and the step as a function of the state."""
    cell = terms.cell
    parts = ", ".join(f"{k}: {p}" for k, p in enumerate(cell.states))
    lines = [
        "(* The declared equations; t counts steps from 0, s holds the parts "
        f"{parts}; x_ is an input, u_ what is taken as given at each step. *)"
    ]
    for statement in terms.statements:
        target = statement.target
        state = " (s : state)" if target in terms.moving else ""
        if isinstance(statement, Product):
            size = terms.size(statement.linear_map.into)
            operand = terms.vector(statement.operand, "s")
            body = f"mat {size} {terms.map(statement.linear_map)} {operand}"
        else:
            space = cell.spaces[target.name]
            body = f"fun i => {terms.scalar(statement.expression, 's', space)}"
        lines.append(f"Definition v_{target} (t : nat){state} : vec := {body}.")
    cases = [f"{k}%nat => v_{p}_next t s" for k, p in enumerate(cell.states)]
    sizes = [f"{k}%nat => {terms.size(cell.spaces[p])}" for k, p in enumerate(cell.states)]
    smooth = " /\\ ".join(coq for coq, _ in kinks(terms)) or "True"
    lines += [
        f"Definition size (p : nat) : nat := match p with {' | '.join(sizes)} | _ => O end.",
        "Definition F (t : nat) (s : state) : state :=",
        f"  fun p => match p with {' | '.join(cases)} | _ => fun _ => 0 end.",
        "(* Away from the kinks of relu, where there is one. *)",
        f"Definition smooth (t : nat) (s : state) : Prop := {smooth}.",
    ]
    return "\n".join(lines)


def kinks(terms: CoqTerms) -> list[tuple[str, tuple[str, sp.Expr]]]:
    """Return where a step has a derivative: conditions in Coq, and what each is about."""
    found = []
    for statement in terms.statements:
        if isinstance(statement, Elementwise) and statement.target in terms.moving:
            space = terms.cell.spaces[statement.target.name]
            size = terms.size(space)
            for node in sorted(written(statement.expression).atoms(relu, step, sp.Pow), key=str):
                inner = node.args[0]
                if isinstance(node, sp.Pow) and node.exp.is_Integer and node.exp > 0:
                    continue
                root = isinstance(node, sp.Pow) and not node.exp.is_Integer
                body = terms.scalar(inner, "s", space)
                condition = f"0 < {body}" if root else f"{body} <> 0"
                kind = "kink" if isinstance(node, (relu, step)) else "root" if root else "division"
                found.append((f"(forall i, (i < {size})%nat -> {condition})", (kind, inner)))
    return found


def tangents(terms: CoqTerms) -> str:
    """Return the tangent of every name in the normal form, and of the step."""
    derived = tangents_of(terms)
    cases = [f"{k}%nat => t_{p}_next t s ds" for k, p in enumerate(terms.cell.states)]
    return "\n".join(
        [
            "(* The derivative of each name, in the normal form diag(d0) W1 diag(d1) ... *)",
            *(_tangent(terms, derived, s.target) for s in _moving(terms)),
            "Definition dF (t : nat) (s ds : state) : state :=",
            f"  fun p => match p with {' | '.join(cases)} | _ => fun _ => 0 end.",
        ]
    )


def derivatives(terms: CoqTerms) -> str:
    """Return the proof that the tangent of every name is its derivative."""
    cell = terms.cell
    lines = ["Section Derivative."]
    lines.append("Variables (t : nat) (s : R -> state) (r : R) (ds : state).")
    lines.append("Hypothesis Hs : smooth t (s r).")
    for part, k in terms.parts.items():
        size = terms.size(cell.spaces[part.name])
        lines.append(f"Hypothesis H_{k} : D {size} (fun r => s r {k}%nat) r (ds {k}%nat).")
    lines += [_proof(terms, statement) for statement in _moving(terms)]
    lines.append("End Derivative.")
    pattern = "p"
    for _ in cell.states:
        pattern = f"[|{pattern}]"
    known = " | ".join(["exact Hs", *(f"exact (H {k}%nat)" for k in range(len(cell.states)))])
    exact = [f"apply d_{p}_next; first [{known}]" for p in cell.states]
    lines.append(f"""Lemma dF_correct : forall t s r ds, smooth t (s r) -> along size s r ds ->
  along size (fun r => F t (s r)) r (dF t (s r) ds).
Proof.
  intros t s r ds Hs H p; destruct p as {pattern};
  [{" | ".join(exact)} | intros i Hi; simpl in Hi; lia].
Qed.""")
    return "\n".join(lines)


def _moving(terms: CoqTerms) -> list[Elementwise | Product]:
    return [s for s in terms.statements if s.target in terms.moving]


def _tangent(terms: CoqTerms, found: Derivatives, target: sp.Symbol) -> str:
    space = terms.cell.spaces[target.name]
    summands = [
        terms.term(term, f"(ds {terms.parts[part]}%nat)", "s", space)
        for part, several in found.get(target, {}).items()
        for term in several
    ]
    body = " + ".join(summands) or "0"
    return f"Definition t_{target} (t : nat) (s ds : state) : vec := fun i => {body}."


def _proof(terms: CoqTerms, statement: Elementwise | Product) -> str:
    target = statement.target
    size = terms.size(terms.cell.spaces[target.name])
    statement_text = f"D {size} (fun r => v_{target} t (s r)) r (t_{target} t (s r) ds)"
    lemma = f"Lemma d_{target} : {statement_text}.\nProof.\n"
    if isinstance(statement, Product):
        operand = statement.operand
        known = f"H_{terms.parts[operand]}" if operand in terms.parts else f"d_{operand}"
        unfold = "" if operand in terms.parts else f", t_{operand}"
        return lemma + (
            f"  eapply D_eq; [apply D_mat, {known} | intros i; unfold t_{target}{unfold};\n"
            "  rewrite ?mat_plus; first [reflexivity | equal]].\nQed."
        )
    used = sorted(statement.expression.free_symbols & terms.moving, key=str)
    named = [u for u in used if u not in terms.parts]
    poses = "".join(f"  pose proof d_{u} as K_{u}.\n" for u in named)
    unfold = ", ".join([f"t_{target}", *(f"t_{u}" for u in named), f"v_{target}"])
    smooth = (
        "  pose proof Hs as Hk; unfold smooth in Hk.\n"
        if written(statement.expression).has(relu, step, sp.Pow)
        else ""
    )
    at = "at_unit Hi; " if smooth else ""
    return (
        lemma
        + poses
        + smooth
        + (
            f"  intros i Hi; {at}unfold v_{target}; eapply dl_eq; [derive |\n"
            f"  unfold {unfold}; rewrite ?step_relu, ?mat_ones; simpl (INR _); simpl pred;\n"
            "  cbv beta; equal].\nQed."
        )
    )
