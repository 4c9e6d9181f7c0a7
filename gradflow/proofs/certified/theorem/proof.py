# ruff: noqa: E501  lines of Coq are as long as their sentences
"""The proof: the same net as a program of the checker, which Coq then runs once."""

from __future__ import annotations

from collections.abc import Mapping

from gradflow.proofs.certified.theorem.layout import Layout
from gradflow.proofs.certified.theorem.statement import (
    HEADER,
    KINDS,
    mentioned,
    names_with_arguments,
    target_kind,
)
from gradflow.proofs.coq.terms import number

THEOREM = "curve"

_INSIDE = """  | |- ?x = ?y => match x with context [{0} ?u] => match y with context [{0} ?v] =>
      lazymatch u with v => fail | _ => replace ({0} u) with ({0} v) by (apply f_equal; symmetry; same) end end end; same"""
_FUNCTIONS = ("sigmoid", "tanh", "relu", "exp", "ln", "sqrt", "Rinv")
# The values of a step, as the program and as the equations have them, are equal: sums by ring, once
# what stands inside functions and linear maps has been made equal.
_SAME = """Ltac walk y := match goal with |- held _ (eval ?k ?s ?M (Do ?o :: ?l) ?e) _ =>
  rewrite (eval_do k s M o l e); set (y := ev k s M o e); cbn [ev nth fval] in y end.
Ltac settle := repeat match goal with |- context [Rinv ?u] => generalize (Rinv u); intro end; first [ring | unfold frac; field | unfold frac; lra].
Ltac same := match goal with
  | H : held _ ?e ?s |- context [nth ?i ?e vz ?a] => rewrite (H i a) by (first [assumption | solve [cbn; lia]]); same
  | H : forall a, _ -> ?y a = _ |- context [?y ?a] => rewrite (H a) by assumption; same
{inside}
  | |- ?x = ?y => match x with context [mat ?k ?M ?u ?a] => match y with context [mat k M ?v a] =>
      lazymatch u with v => fail | _ => replace (mat k M u a) with (mat k M v a) by (apply mat_ext; intros; plain; symmetry; same) end end end; same
  | |- _ => first [settle | progress deep; plain; same]
  end.""".format(inside="\n".join(map(_INSIDE.format, _FUNCTIONS)))


_UNFOLDED = ("sinh", "cosh", "arcsinh")
"""Functions of Coq's library that the program has by their definitions."""
_STEP = """Lemma step_by_relu x : step x = relu x * / x.
Proof. unfold step, relu; destruct (Rlt_dec 0 x); [field; lra | ring]. Qed."""

_ENGINES = {
    False: """Definition eng : engine := plain C.
Lemma eng_ok : engine_ok C eng. Proof. apply plain_ok. Qed.""",
    True: """Definition L63 : logs := Eval vm_compute in logs_of C.
Definition eng : engine := fast C L63.
Lemma eng_ok : engine_ok C eng. Proof. apply fast_ok; vm_compute; reflexivity. Qed.""",
}


def proof(plan: Layout, *, arrays: bool, machine: bool = False) -> str:
    """Return the text of the proof file; with ``machine`` on the kernel's 63-bit integers."""
    gradient, parts = plan.gradient, plan.parts
    scored = gradient.scored
    kind = KINDS[scored.kind]
    type_, empty = target_kind(plan)
    if gradient.loss.every_step:
        pays = f"match t with O => [] | S u => [head (nth u targets {empty})] end"
        cases = "destruct t as [|u]; cbn [fold_right]; [reflexivity | rewrite Rplus_0_r; apply head_ok; exact H]"
    else:
        pays = f"if Nat.eqb t T then [head (nth 0 targets {empty})] else []"
        cases = "destruct (Nat.eqb t T); cbn [fold_right]; [rewrite Rplus_0_r; apply head_ok; exact H | reflexivity]"
    head = "KLin" if kind == "KLin" else f"({kind} y)"
    width = plan.sizes[plan.read]
    each = " | ".join(["reflexivity"] * len(parts))
    lines = [
        HEADER.format(title="The proof; what is stated stands in Statement.v."),
        *(["Require Import NumGrad63."] if machine else []),
        "Require Import Statement.",
        f"Definition ops (t : nat) : list op := [{'; '.join(plan.operations())}].",
        f"Definition head (y : {type_}) : loss := Head z_V z_c {head}.",
        f"Definition pays (t : nat) : list loss := {pays}.",
        f"Definition z0 : list (list Z) := [{'; '.join(f'z0_{k}' for k in parts)}].",
        "Definition C : ctx := Eval vm_compute in mkctx prec.",
        f"""Lemma C_ok : ctx_ok C.
Proof. assert (E : C = mkctx prec) by (vm_compute; reflexivity). rewrite E. apply mkctx_ok. unfold prec; lia. Qed.
{_ENGINES[machine]}
Lemma Hq : (0 <= q <= p C)%Z. Proof. change (p C) with prec. unfold q, prec; lia. Qed.
Lemma Hm : (0 <= m <= p C)%Z. Proof. change (p C) with prec. unfold m, prec; lia. Qed.
Lemma Hq0 : (0 <= q)%Z. Proof. unfold q; lia. Qed.
Lemma start : held sizes (renv q z0) s0.
Proof. intros p a Hp Ha. destruct p as {_each_part(plan)}; [{each} | cbn in Hp; lia]. Qed.
Lemma head_ok y e s : held sizes e s -> lossV q n (head y) (nth {plan.read} e vz) = L y s.
Proof.
  intros H. change (L y s) with (loss_of q (length z_V) {head} (score q {width} z_V z_c (s {plan.read}%nat))).
  apply loss_ext. intros k. apply score_cut; [unfold n; lia | vm_compute; reflexivity | intros j Hj; apply (H {plan.read}%nat j); [cbn; lia | exact Hj]].
Qed.
Lemma pay_ok t e s : (t <= T)%nat -> held sizes e s -> fold_right (fun l x => lossV q n l (nth {plan.read} e vz) + x) 0 (pays t) = paid t s.
Proof. intros _ H. unfold pays, paid. {cases}. Qed.""",
        _step(plan),
        f"""Lemma okn : oknet n T sizes z0 lags = true. Proof. vm_compute; reflexivity. Qed.
Lemma checked : check C eng q m n tables shapes (rest ops pays {plan.read} T 0) (benv C q n z0) (marks sizes ops pays {plan.read} lags) grads = true.
Proof. vm_cast_no_check (eq_refl true). Qed.""",
        _theorem(plan, arrays=arrays),
    ]
    return "\n".join(lines) + "\n"


def _each_part(plan: Layout) -> str:
    """Return the pattern that takes the number of a part apart, a case each and one beyond."""
    return "[|" * len(plan.parts) + "p" + "]" * len(plan.parts)


def _step(plan: Layout) -> str:
    line, given = plan.gradient.line, names_with_arguments(plan)
    shifts = sorted({one.shift for one in line.lines if one.shift})
    words = mentioned(plan)
    unfolded = [name for name in _UNFOLDED if name in words]
    known = [
        f"Lemma K{i} : IZR ({plan.shift(r)}) / P2 (q + q) = {number(r)}.\nProof. unfold P2; "
        f"replace (2 ^ (q + q))%Z with ({1 << (2 * plan.gradient.numbers.q)})%Z by (vm_compute; "
        "reflexivity); lra. Qed."
        for i, r in enumerate(shifts)
    ]
    shapes = [
        f"Lemma r_{w} : Rw shapes {w} = {t.rows}%nat. Proof. reflexivity. Qed.\n"
        f"Lemma c_{w} : Cw shapes {w} = {t.columns}%nat. Proof. reflexivity. Qed."
        for w, t in enumerate(plan.tables)
    ]
    rewrites = [
        f"cbn [given known]; cbv beta delta [{' '.join(['softplus', *unfolded])}]",
        *(["rewrite ?step_by_relu"] if "step" in words else []),
        "rewrite ?same_of",
        *(f"rewrite ?r_{w}, ?c_{w}" for w in range(len(plan.tables))),
        "repeat (rewrite cut_in by assumption)",
        "rewrite ?(unit_ok q _ _ Hq0), ?(once_ok q _ Hq0)",
        *(f"rewrite ?K{i}" for i in range(len(known))),
    ]
    return "\n".join(
        [
            *([_STEP] if "step" in words else []),
            *known,
            *shapes,
            f"Ltac plain := {'; '.join(rewrites)}.",
            "(* An expression may stand under two names: then all are unfolded. *)",
            f"Ltac deep := cbv beta delta [{' '.join(f'v_{n}' for n in given)}].",
            _SAME,
            "Lemma step_ok M t e s : (t < T)%nat -> held sizes e s -> "
            "held sizes (eval q shapes M (map Do (ops t)) e) (net M t s).",
            "Proof.",
            "  intros Ht H.",
            *_walk(plan, given),
            "Qed.",
        ]
    )


def _walk(plan: Layout, given: Mapping[str, str]) -> list[str]:
    """Return the steps of the proof: an operation at a time, each named value as it is made.

    No term is copied: what an equation defines is known by its name from there on.
    """
    line, first = plan.gradient.line, len(plan.parts)
    named = {v: n for n, v in line.names.items() if n in given}
    inner = [n for n in given if n not in named.values()]
    found, open_ = ["  unfold ops; cbn [map]."], list[str]()
    for k in range(len(line.lines) + first):
        found.append(f"  walk y{k}.")
        open_.append(f"y{k}")
        if (name := named.get(first + k)) is not None:
            unfold = " ".join([*open_, f"v_{name}", *(f"v_{n}" for n in inner)])
            found.append(
                f"  assert (N{k} : forall a, (a < {line.sizes[first + k]})%nat -> y{k} a = {given[name]} a).\n"
                f"  {{ intros a Ha. cbv beta delta [{unfold}]. plain; same. }} clearbody y{k}."
            )
            open_.remove(f"y{k}")
    unfold = " ".join([*open_, *(f"v_{n}" for n in inner)])
    found.append(
        f"  cbn [eval]. intros p a Hp Ha. destruct p as {_each_part(plan)}; [.. | cbn in Hp; lia]; cbn [nth sizes] in Ha |- *; "
        f"unfold net, F; cbv beta iota delta [{unfold}]; plain; same."
    )
    return found


def _theorem(plan: Layout, *, arrays: bool) -> str:
    given = (
        f"C eng C_ok eng_ok q Hq m Hm n tables shapes T sizes ops pays z0 net paid s0 {plan.read} "
        "step_ok pay_ok start lags grads"
    )
    state = f"exact (by_state {given} okn checked)"
    table = f"exact (by_table {given} checked)"
    both = f"split; [{state} | {table}]" if arrays else state
    unfold = "stated, by_states" + (", by_arrays" if arrays else "")
    return f"""Theorem {THEOREM} : stated.
Proof. unfold {unfold}. change prec with (p C). {both}. Qed."""
