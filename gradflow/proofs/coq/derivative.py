"""That the Jacobian of a declared recurrence is its derivative.

For every name of the cell the file defines its tangent in the normal form that gradflow derived,
and proves that it is the derivative of the value along any curve of states. SymPy's derivatives are
thereby checked, not trusted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import sympy as sp

from gradflow.cells.language.program import Elementwise, Product
from gradflow.jacobians.sites import Site
from gradflow.proofs.coq.known import BENDING
from gradflow.proofs.coq.recurrence import summed
from gradflow.proofs.coq.terms import CoqTerms, slope_name
from gradflow.proofs.coq.written import written


def tangents(terms: CoqTerms) -> str:
    """Return the tangent of every name in the normal form, and of the step."""
    parts = {part: f"(ds {k}%nat)" for part, k in terms.parts.items()}
    cases = [f"{k}%nat => t_{p}_next t s ds" for k, p in enumerate(terms.cell.states)]
    lines = ["(* The derivative of each name, in the normal form diag(d0) W1 diag(d1) ... *)"]
    for target in [s.target for s in _moving(terms) if s.target not in terms.inside]:
        body = summed(terms, terms.tangents, target, parts)
        lines.append(f"Definition t_{target} (t : nat) (s ds : state) : vec := {body}.")
    return "\n".join(
        [
            *lines,
            "Definition dF (t : nat) (s ds : state) : state :=",
            f"  fun p => match p with {' | '.join(cases)} | _ => fun _ => 0 end.",
        ]
    )


def derivatives(terms: CoqTerms) -> str:
    """Return the proof that the tangent of every name is its derivative."""
    cell = terms.cell
    sites = {site.value: site for site in terms.sites}
    known = {part: Known(f"(ds {k}%nat)", f"H_{k}") for part, k in terms.parts.items()}
    lines = [inside_calls(terms)] if sites else []
    lines += ["Section Derivative.", "Variables (t : nat) (s : R -> state) (r : R) (ds : state)."]
    lines.append("Hypothesis Hs : smooth t (s r).")
    for part, k in terms.parts.items():
        size = terms.size(cell.spaces[part.name])
        lines.append(f"Hypothesis H_{k} : D {size} (fun r => s r {k}%nat) r (ds {k}%nat).")
    for statement in _moving(terms):
        target = statement.target
        if target in terms.inside:
            continue
        if target in sites:
            lines += _call(terms, sites[target], known)
        else:
            lines.append(_proof(terms, statement, f"d_{target}", f"t_{target} t (s r) ds", known))
        known[target] = Known(f"(t_{target} t (s r) ds)", f"d_{target}", f"t_{target}")
    lines.append("End Derivative.")
    pattern = "p"
    for _ in cell.states:
        pattern = f"[|{pattern}]"
    held = " | ".join(["exact Hs", *(f"exact (H {k}%nat)" for k in range(len(cell.states)))])
    exact = [f"apply d_{p}_next; first [{held}]" for p in cell.states]
    lines.append(f"""Lemma dF_correct : forall t s r ds, smooth t (s r) -> along size s r ds ->
  along size (fun r => F t (s r)) r (dF t (s r) ds).
Proof.
  intros t s r ds Hs H p; destruct p as {pattern};
  [{" | ".join(exact)} | intros i Hi; simpl in Hi; lia].
Qed.""")
    return "\n".join(lines)


@dataclass(frozen=True)
class Known:
    """The tangent of a name, the lemma that it is its derivative, and the definition to unfold."""

    tangent: str
    lemma: str
    unfold: str = ""


def inside_calls(terms: CoqTerms) -> str:
    """Return the tangents inside calls, by those of the arguments, and that slopes are additive."""
    lines = []
    for site in terms.sites:
        names = {a: f"d{k}" for k, a in enumerate(site.arguments)}
        given = f"(t : nat) (s : state) ({' '.join(names.values())} : vec)"
        for statement in site.inside[:-1]:
            body = summed(terms, site.derivatives, statement.target, names)
            lines.append(f"Definition {_inner(site, statement.target)} {given} : vec := {body}.")
        slopes = [f"{slope_name(site, k)} t s {d} i" for k, d in enumerate(names.values())]
        value = _inner(site, site.value)
        lines.append(f"Definition {value} {given} : vec := fun i => {' + '.join(slopes)}.")
        for place in range(len(site.arguments)):
            name = slope_name(site, place)
            lines.append(
                f"Lemma add_{name} t s : additive ({name} t s).\n"
                f"Proof. unfold {name}; additively. Qed."
            )
    return "\n".join(lines)


def _inner(site: Site, name: sp.Symbol) -> str:
    """Return the Coq name of a tangent inside a call."""
    return f"q_{site.value}_{name}"


def _slopes(site: Site) -> str:
    """Return the derivatives of a call, to unfold."""
    return ", ".join(slope_name(site, k) for k in range(len(site.arguments)))


def _call(terms: CoqTerms, site: Site, known: Mapping[sp.Symbol, Known]) -> list[str]:
    """Return the lemmas inside a call, and the one about its value."""
    arguments = [known[a] for a in site.arguments]
    # the tangents of arguments stay whole inside
    inner = {a: replace(k, unfold="") for a, k in zip(site.arguments, arguments, strict=True)}
    given = f"t (s r) {' '.join(k.tangent for k in arguments)}"
    lines = []
    slopes = _slopes(site)
    for statement in site.inside:
        name = _inner(site, statement.target)
        lemma = f"e_{site.value}_{statement.target}"
        lines.append(_proof(terms, statement, lemma, f"{name} {given}", inner, name, slopes))
        inner[statement.target] = Known(f"({name} {given})", lemma, name)
    value, size = site.value, terms.size(terms.cell.spaces[site.value.name])
    unfold = ", ".join(
        [f"t_{value}", _inner(site, value), *(k.unfold for k in arguments if k.unfold)]
    )
    adding = "".join(f"?add_{slope_name(site, k)}, " for k in range(len(arguments)))
    lines.append(
        f"Lemma d_{value} : D {size} (fun r => v_{value} t (s r)) r (t_{value} t (s r) ds).\n"
        f"Proof.\n  eapply D_eq; [apply e_{value}_{value} | intros i; unfold {unfold};\n"
        f"  rewrite {adding}?mat_plus; first [reflexivity | equal | unfold {slopes}; equal]].\nQed."
    )
    return lines


def _moving(terms: CoqTerms) -> list[Elementwise | Product]:
    return [s for s in terms.statements if s.target in terms.moving]


def _proof(
    terms: CoqTerms,
    statement: Elementwise | Product,
    lemma: str,
    tangent: str,
    known: Mapping[sp.Symbol, Known],
    name: str = "",
    more: str = "",
) -> str:
    """Return the lemma that a tangent is the derivative of a name, by those of ``known``."""
    target = statement.target
    size = terms.size(terms.cell.spaces[target.name])
    name = ", ".join(n for n in (name or f"t_{target}", more) if n)
    head = f"Lemma {lemma} : D {size} (fun r => v_{target} t (s r)) r ({tangent}).\nProof.\n"
    if isinstance(statement, Product):
        of = known[statement.operand]
        unfold = f", {of.unfold}" if of.unfold else ""
        null = " | rewrite mat_null by reflexivity; reflexivity" * (not statement.linear_map.linear)
        return head + (
            f"  eapply D_eq; [apply D_mat, {of.lemma} | intros i; unfold {name}{unfold};\n"
            f"  rewrite ?mat_plus; first [reflexivity | equal{null}]].\nQed."
        )
    used = sorted(statement.expression.free_symbols & terms.moving, key=str)
    named = [u for u in used if u not in terms.parts]
    poses = "".join(f"  pose proof {known[u].lemma} as K_{u}.\n" for u in named)
    opened = [known[u].unfold for u in named if known[u].unfold]
    unfold = ", ".join([name, *opened, f"v_{target}"])
    smooth = (
        "  pose proof Hs as Hk; unfold smooth in Hk.\n"
        if written(statement.expression).has(*BENDING)
        else ""
    )
    at = "at_unit Hi; " if smooth else ""
    # values of two calls alike are one by definition, and a tangent of one serves for the other
    alike = [site for site in terms.sites if site.value in named]
    written_out = ", ".join([*map(_slopes, alike), *(f"v_{a.value}" for a in alike)])
    close = f"first [equal | unfold {written_out}; equal]" if alike[1:] else "equal"
    return (
        head
        + poses
        + smooth
        + (
            f"  intros i Hi; {at}unfold v_{target}; eapply dl_eq; [derive |\n"
            f"  unfold {unfold}; rewrite ?step_relu, ?mat_ones; simpl (INR _); simpl pred;\n"
            f"  cbv beta; {close}].\nQed."
        )
    )
