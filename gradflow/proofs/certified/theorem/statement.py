"""The statement: the declared recurrence, the numbers, the loss, and five lines to read."""

from __future__ import annotations

from gradflow.cells.cell import Cell
from gradflow.proofs.certified.theorem.layout import Layout, row, rows
from gradflow.proofs.coq.derivative import equations, variables
from gradflow.proofs.coq.terms import CoqTerms

HEADER = """(* {title} *)
Require Import Reals Lra Lia GradFlow.
Require Import ZArith List NumGrad.
Import ListNotations.
Open Scope R_scope.
"""


def recurrence(cell: Cell) -> str:
    """Return the declared equations in a section of their own."""
    terms = CoqTerms(cell)
    lines = [f"Variable {name} : {type}." for name, type in variables(terms)]
    return "\n".join(["Section Cell.", *lines, equations(terms), "End Cell."])


def definitions(cell: Cell, plan: Layout, lags: list[int]) -> str:
    """Return everything that the statement speaks of."""
    gradient = plan.gradient
    found, scored, parts = gradient.numbers, gradient.scored, plan.parts
    p, m = gradient.bits
    lines = [
        recurrence(cell),
        "(* The numbers: whole numbers, to be divided by 2^q. *)",
        f"Definition q : Z := {found.q}. Definition m : Z := {m}. Definition prec : Z := {p}.",
        f"Definition n : nat := {plan.units}. Definition T : nat := {gradient.steps}.",
    ]
    lines += [f"Definition z_{k} := {rows(v)}%Z." for k, v in found.matrices.items()]
    lines += [f"Definition z_{k} := {row(v)}%Z." for k, v in found.vectors.items()]
    lines += [f"Definition z_{k} := {rows(v)}%Z." for k, v in found.inputs.items()]
    lines += [f"Definition z0_{k} := {row(v)}%Z." for k, v in found.start.items()]
    cases = " | ".join(f"{i}%nat => wR q z0_{k}" for i, k in enumerate(parts))
    lines += [
        "(* The net, the state it starts in, and the loss of the state after T steps. *)",
        f"Definition net : nat -> state -> state := F {arguments(cell, plan)}.",
        f"Definition s0 : state := fun p => match p with {cases} | _ => fun _ => 0 end.",
    ]
    lines += _loss(plan)
    bounds = ";\n  ".join(
        f"({k}%nat, {', '.join(f'{a}%Z, {b}%Z' for a, b in _pairs(plan, k))})" for k in lags
    )
    lines += [
        "(* Bounds of the gradient's norm by each part after k steps, over 2^prec. *)",
        f"Definition lags := [\n  {bounds}].",
        f"Definition stated : Prop := {claim(plan)}.",
    ]
    assert scored.kind
    return "\n".join(lines)


def arguments(cell: Cell, plan: Layout) -> str:
    """Return the arguments of F: sizes, parameters and inputs that its equations mention."""
    terms = CoqTerms(cell)
    text = equations(terms)
    found, numbers = [], plan.gradient.numbers
    for name, _ in variables(terms):
        if name not in _words(text):
            continue
        plain = name[2:]
        if name.startswith("n_"):
            width = next((len(x[0]) for x in numbers.inputs.values()), 0)
            found.append(f"{width}%nat" if _is_input(cell, plain) else "n")
        elif plain in numbers.matrices:
            found.append(f"(matR q z_{plain})")
        elif plain in numbers.inputs:
            found.append(f"(fun t => wR q (nth t z_{plain} []))")
        else:
            found.append(f"(wR q z_{plain})")
    return " ".join(found)


def _is_input(cell: Cell, space: str) -> bool:
    return any(cell.spaces[name] == space for name in cell.input_names)


def _words(text: str) -> set[str]:
    marks = "()[],.:;|"
    return set(text.translate(str.maketrans(marks, " " * len(marks))).split())


def _loss(plan: Layout) -> list[str]:
    scored, q = plan.gradient.scored, plan.gradient.numbers.q
    target = next(iter(scored.targets.values()))
    if scored.kind == "cross-entropy":
        return [
            f"Definition z_V := {rows(scored.weight)}%Z. Definition label : nat := {target}.",
            f"Definition z_c := {row(tuple(b << q for b in scored.bias))}%Z.",
            "Definition L (s : state) : R := ln (sum (length z_V) (fun k => exp (score q n z_V z_c "
            "(s 0%nat) k))) - score q n z_V z_c (s 0%nat) label.",
        ]
    assert not isinstance(target, int)
    return [
        f"Definition z_v := {row(scored.weight[0])}%Z.",
        f"Definition z_bias : Z := {scored.bias[0]}%Z.",
        f"Definition z_label : Z := {target[0]}%Z.",
        f"Definition L (s : state) : R := lossR q {loss_term(plan)} "
        "(dot n (wR q z_v) (s 0%nat) + yR q z_bias).",
    ]


def loss_term(plan: Layout) -> str:
    """Return the loss as the checker names it."""
    words = {"linear": "LLin", "squared": "(LSq z_label)", "logistic": "(LLog z_label)"}
    return words.get(plan.gradient.scored.kind, "(LX z_V z_c label)")


def _pairs(plan: Layout, k: int) -> list[tuple[int, int]]:
    return [plan.gradient.found.states[k][p] for p in plan.parts]


def claim(plan: Layout) -> str:
    """Return the theorem: five lines."""
    count = range(len(plan.parts))
    names = " ".join(f"a{i} b{i}" for i in count)
    pattern = "(k, " + ", ".join(f"a{i}, b{i}" for i in count) + ")"
    dots = " + ".join(f"dot n (g {i}%nat) (ds {i}%nat)" for i in count)
    bounds = " /\\ ".join(
        f"IZR a{i} / P2 prec <= nrm n (g {i}%nat) <= IZR b{i} / P2 prec" for i in count
    )
    sizes = " | ".join(f"{i}%nat => n" for i in count)
    return f"""forall k {names}, In {pattern} lags -> exists g : state,
  (forall (s : R -> state) (r : R) (ds : state),
     s r = run net k s0 -> along (fun p => match p with {sizes} | _ => O end) s r ds ->
     derivable_pt_lim (fun r => L (run (fun t => net (k + t)%nat) (T - k) (s r))) r ({dots}))
  /\\ {bounds}"""
