"""The statement: the declared recurrence, the numbers, the loss, and a few lines to read."""

from __future__ import annotations

from gradflow.cells.cell import Cell
from gradflow.proofs.certified.theorem.layout import Layout, row, rows
from gradflow.proofs.coq.recurrence import equations, variables
from gradflow.proofs.coq.terms import CoqTerms

HEADER = """(* {title} *)
Require Import Reals Lra Lia GradFlow.
Require Import ZArith List NumGrad.
Import ListNotations.
Open Scope R_scope.
"""
KINDS = {"cross-entropy": "KX", "squared": "KSq", "logistic": "KLog", "linear": "KLin"}
_LOSSES = {
    "cross-entropy": "ln (sum (length z_V) (fun k => exp (z k))) - z y",
    "squared": "sum (length z_V) (fun k => (z k - wR q y k) * (z k - wR q y k) / 2)",
    "logistic": "sum (length z_V) (fun k => ln (1 + exp (z k)) - wR q y k * z k)",
    "linear": "sum (length z_V) z",
}
_BY_STATES = """(* After k steps: the gradient, by the state there, of the losses from then on. *)
Definition by_states : Prop := forall k bounds, In (k, bounds) lags -> exists g : state,
  (forall (s : R -> state) (r : R) (ds : state),
     s r = run (net weights) k s0 -> along (fun p => nth p sizes O) s r ds ->
     derivable_pt_lim (fun r => total (net weights) paid (T - k) k (s r)) r
       (sum (length sizes) (fun p => dot (nth p sizes O) (g p) (ds p))))
  /\\ forall p, (p < length bounds)%nat -> IZR (fst (nth p bounds (0, 0)%Z)) / P2 prec
       <= nrm (nth p sizes O) (g p) <= IZR (snd (nth p bounds (0, 0)%Z)) / P2 prec."""
_BY_ARRAYS = """(* The gradient of all losses by the arrays, together along any curve of them. *)
Definition by_arrays : Prop := exists g : vals,
  (forall (M : R -> vals) (r : R) (dM : vals), M r = weights ->
     (forall w i j, (i < Rw shapes w)%nat -> (j < Cw shapes w)%nat ->
        derivable_pt_lim (fun r => M r w i j) r (dM w i j)) ->
     derivable_pt_lim (fun r => total (net (M r)) paid T 0 s0) r (pair shapes g dM))
  /\\ forall w a b, In (w, a, b) grads ->
       IZR a / P2 prec <= frob (Rw shapes w) (Cw shapes w) (g w) <= IZR b / P2 prec."""


def recurrence(cell: Cell) -> str:
    """Return the declared equations in a section of their own."""
    terms = CoqTerms(cell)
    lines = [f"Variable {name} : {type}." for name, type in variables(terms)]
    return "\n".join(["Section Cell.", *lines, equations(terms), "End Cell."])


def definitions(plan: Layout, lags: list[int], *, arrays: bool) -> str:
    """Return everything that the statement speaks of, and what it states."""
    gradient = plan.gradient
    found, parts = gradient.numbers, plan.parts
    p, m = gradient.bits
    lines = [
        recurrence(plan.cell),
        "(* The numbers: whole numbers, to be divided by 2^q. *)",
        f"Definition q : Z := {found.q}. Definition m : Z := {m}. Definition prec : Z := {p}.",
        f"Definition n : nat := {plan.units}. Definition T : nat := {gradient.steps}.",
    ]
    used = {table.name for table in plan.tables}
    lines += [f"Definition z_{k} := {rows(v)}%Z." for k, v in found.matrices.items() if k in used]
    lines += [f"Definition z_{k} := {row(v)}%Z." for k, v in found.vectors.items()]
    lines += [f"Definition z_{k} := {rows(v)}%Z." for k, v in found.inputs.items()]
    lines += [f"Definition z0_{k} := {row(v)}%Z." for k, v in found.start.items()]
    tables = "; ".join(f"column z_{t.name}" if t.vector else f"z_{t.name}" for t in plan.tables)
    shapes = "; ".join(f"({t.rows}, {t.columns})" for t in plan.tables)
    cases = " | ".join(f"{i}%nat => wR q z0_{k}" for i, k in enumerate(parts))
    lines += [
        "(* The arrays in order, with their shapes; a vector is a matrix of one column. *)",
        f"Definition tables : list (list (list Z)) := [{tables}].",
        f"Definition shapes : list (nat * nat) := [{shapes}]%nat.",
        "Definition weights : vals := vals_of q tables.",
        "(* The net with any arrays, the sizes of the state's parts, the state it starts in. *)",
        f"Definition net (M : vals) : nat -> state -> state := F {arguments(plan)}.",
        f"Definition sizes : list nat := [{'; '.join(map(str, plan.sizes))}]%nat.",
        f"Definition s0 : state := fun p => match p with {cases} | _ => fun _ => 0 end.",
    ]
    lines += _loss(plan)
    bounds = ";\n  ".join(f"({k}%nat, {_pairs(plan, k)}%Z)" for k in lags)
    lines += [
        "(* Bounds of the gradient's norm by each part after k steps, over 2^prec. *)",
        f"Definition lags : list (nat * list (Z * Z)) := [\n  {bounds}].",
    ]
    norms = gradient.found.parameters
    ends = "; ".join(
        f"({w}%nat, {_whole(norms[t.name][0])}%Z, {_whole(norms[t.name][1])}%Z)"
        for w, t in enumerate(plan.tables if arrays else ())
        if t.name in norms
    )
    lines += [f"Definition grads : list (nat * Z * Z) := [{ends}].", _BY_STATES]
    if arrays:
        lines.append(_BY_ARRAYS)
    stated = "by_states /\\ by_arrays" if arrays else "by_states"
    return "\n".join([*lines, f"Definition stated : Prop := {stated}."])


def arguments(plan: Layout) -> str:
    """Return the arguments of F: sizes, parameters and inputs that its equations mention."""
    return " ".join(_given(plan, mentioned(plan)))


def mentioned(plan: Layout) -> set[str]:
    """Return the words of the equations."""
    return _words(equations(CoqTerms(plan.cell)))


def names_with_arguments(plan: Layout) -> dict[str, str]:
    """Return every name that an equation defines, applied to all it needs, at ``t``, ``s``."""
    terms = CoqTerms(plan.cell)
    texts = {
        line.split()[1]: line.partition(":=")[2]
        for line in equations(terms).splitlines()
        if line.startswith("Definition v_")
    }
    reach: dict[str, set[str]] = {}
    found = {}
    for statement in terms.statements:
        name = f"v_{statement.target}"
        words = _words(texts[name])
        reach[name] = words.union(*(reach[w] for w in words if w in reach))
        state = " s" if statement.target in terms.moving else ""
        arguments = " ".join(_given(plan, reach[name]))
        found[str(statement.target)] = f"{name} {arguments} t{state}"
    return found


def _given(plan: Layout, mentioned: set[str]) -> list[str]:
    """Return, of the variables of a section, those that are mentioned, as the net has them."""
    numbers = plan.gradient.numbers
    widths = spaces(plan)
    found = []
    for name, kind in plan.kinds.items():
        if name not in mentioned:
            continue
        plain = name[2:]
        if name.startswith("n_"):
            found.append(f"{widths[plain]}%nat")
        elif plain in numbers.inputs:
            found.append(f"(fun t => wR q (nth t z_{plain} []))")
        elif kind == "R":
            found.append(f"(wR q z_{plain} 0%nat)")
        elif (w := plan.table(plain)) >= 0:
            found.append(f"(fun a => M {w}%nat a 0%nat)" if kind == "vec" else f"(M {w}%nat)")
        else:
            found.append(f"(wR q z_{plain})")
    return found


def spaces(plan: Layout) -> dict[str, int]:
    """Return the size of every space of the cell that an array shows."""
    cell, numbers = plan.cell, plan.gradient.numbers
    found = {cell.spaces[p]: size for p, size in zip(plan.parts, plan.sizes, strict=True)}
    for name, rows_of in numbers.inputs.items():
        found[cell.spaces[name]] = len(rows_of[0]) if rows_of else 0
    for name, vector in numbers.vectors.items():
        found[cell.spaces[name]] = len(vector)
    for m in cell.linear_maps.values():
        if m.name in numbers.matrices:
            matrix = numbers.matrices[m.name]
            found[m.out], found[m.into] = len(matrix), len(matrix[0])
    return found


def _words(text: str) -> set[str]:
    marks = "()[],.:;|"
    return set(text.translate(str.maketrans(marks, " " * len(marks))).split())


def target_kind(plan: Layout) -> tuple[str, str]:
    """Return the type of a target in Coq, and the value that stands where there is none."""
    return ("nat", "O") if plan.gradient.scored.kind == "cross-entropy" else ("list Z", "[]")


def targets(plan: Layout) -> list[str]:
    """Return the target of each step that counts as a term."""
    found = plan.gradient.scored.targets.values()
    if plan.gradient.scored.kind == "linear":
        return ["[]" for _ in found]
    return [str(y) if isinstance(y, int) else row(y) for y in found]


def _loss(plan: Layout) -> list[str]:
    scored, q = plan.gradient.scored, plan.gradient.numbers.q
    kind, empty = target_kind(plan)
    scope = "nat" if kind == "nat" else "Z"
    width = plan.sizes[plan.read]
    lines = [
        "(* The loss of a state, with the head z = V s + c, and what is paid after k steps. *)",
        f"Definition z_V := {rows(scored.weight)}%Z.",
        f"Definition z_c := {row(tuple(b << q for b in scored.bias))}%Z.",
        f"Definition L (y : {kind}) (s : state) : R := let z := score q {width} z_V z_c "
        f"(s {plan.read}%nat) in {_LOSSES[scored.kind]}.",
        f"Definition targets : list ({kind}) := [{'; '.join(targets(plan))}]%{scope}.",
    ]
    if plan.gradient.loss.every_step:
        paid = f"match k with O => 0 | S t => L (nth t targets {empty}) s end"
    else:
        paid = f"if Nat.eqb k T then L (nth 0 targets {empty}) s else 0"
    return [*lines, f"Definition paid (k : nat) (s : state) : R := {paid}."]


def _pairs(plan: Layout, k: int) -> str:
    found = plan.gradient.found.states[k]
    ends = (", ".join(map(_whole, found[p])) for p in plan.parts)
    return "[" + "; ".join(f"({both})" for both in ends) + "]"


def _whole(number: int) -> str:
    """Return a number for Coq, which reads hundreds of bits slowly where they are decimal."""
    return str(number) if number < 10**40 else f"{number:#x}"
