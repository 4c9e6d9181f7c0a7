"""The declared recurrence as Coq definitions: what a theorem is stated for, and its equations."""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp

from gradflow.cells.language.program import Product
from gradflow.cells.language.spaces import ONE
from gradflow.jacobians.derive import Derivatives
from gradflow.proofs.coq.known import kinks
from gradflow.proofs.coq.terms import CoqTerms, slope_name


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


def slopes(terms: CoqTerms) -> str:
    """Return the derivative of every call that mixes units, by each argument."""
    lines = ["(* The derivative of a call by an argument, a map that is applied to d. *)"]
    for site in terms.sites:
        for place, argument in enumerate(site.arguments):
            body = summed(terms, site.derivatives, site.value, {argument: "d"})
            name = slope_name(site, place)
            lines.append(f"Definition {name} (t : nat) (s : state) (d : vec) : vec := {body}.")
    return "\n".join(lines) if terms.sites else ""


def summed(
    terms: CoqTerms, found: Derivatives, target: sp.Symbol, tangents: Mapping[sp.Symbol, str]
) -> str:
    """Return a derivative applied to the tangents of what it is taken by, as a vector."""
    space = terms.cell.spaces[target.name]
    summands = [
        terms.term(term, tangents[source], "s", space)
        for source, several in found.get(target, {}).items()
        for term in several
        if source in tangents
    ]
    return f"fun i => {' + '.join(summands) or '0'}"
