# ruff: noqa: E501  lines of Coq are as long as their sentences
"""The proof: the same net as a program of the checker, which Coq then runs once."""

from __future__ import annotations

from gradflow.cells.cell import Cell
from gradflow.proofs.certified.theorem.layout import Layout
from gradflow.proofs.certified.theorem.statement import HEADER, loss_term
from gradflow.proofs.coq.terms import CoqTerms, number

THEOREM = "curve"

# the values of a step, as the program and as the equations have them, are equal: sums by ring, once
# what stands inside functions and linear maps has been made equal
_SAME = """Ltac same := plain; match goal with
  | H : forall a, _ -> nth _ _ vz a = _ |- context [nth ?i ?E vz ?a] => rewrite (H a) by assumption; same
  | |- ?x = ?y => match x with context [sigmoid ?u] => match y with context [sigmoid ?v] =>
      lazymatch u with v => fail | _ => replace (sigmoid u) with (sigmoid v) by (apply f_equal; symmetry; same) end end end; same
  | |- ?x = ?y => match x with context [tanh ?u] => match y with context [tanh ?v] =>
      lazymatch u with v => fail | _ => replace (tanh u) with (tanh v) by (apply f_equal; symmetry; same) end end end; same
  | |- ?x = ?y => match x with context [mat ?k ?M ?u ?a] => match y with context [mat k M ?v a] =>
      lazymatch u with v => fail | _ => replace (mat k M u a) with (mat k M v a) by (apply mat_ext; intros; symmetry; same) end end end; same
  | |- _ => ring
  end."""


def proof(cell: Cell, plan: Layout) -> str:
    """Return the text of the proof file."""
    gradient, parts = plan.gradient, plan.parts
    found = gradient.numbers
    header = HEADER.format(title="The proof; what is stated stands in Statement.v.")
    softmax = gradient.scored.kind == "cross-entropy"
    program = "(prog T)" if softmax else "(prog T ++ [readout])"
    tail = "" if softmax else " ++ [readout]"
    zeros = "wR q (repeat 0%Z n)"
    benv = "; ".join(f"bvec C q z0_{k}" if k else "bvec C q (repeat 0%Z n)" for k in plan.start)
    renv = "; ".join(f"s {parts.index(k)}%nat" if k else zeros for k in plan.start)
    lines = [
        header,
        "Require Import Statement.",
        f"Definition ops (t : nat) : list op := [{'; '.join(plan.operations())}].",
        "Fixpoint prog (t : nat) : list op := match t with O => [] | S t => prog t ++ ops t end.",
        "Definition C : ctx := Eval vm_compute in mkctx prec.",
        f"Definition benv := [{benv}].",
        f"Definition renv (s : state) : list vec := [{renv}].",
    ]
    if not softmax:
        lines.append(
            "Definition readout : op := OAff (z_v :: repeat (repeat 0%Z n) (pred n)) "
            "(Z.shiftl z_bias q :: repeat 0%Z (pred n)) 0."
        )
    lines.append(
        """Lemma C_ok : ctx_ok C.
Proof. assert (E : C = mkctx prec) by (vm_compute; reflexivity). rewrite E. apply mkctx_ok. unfold prec; lia. Qed.
Lemma Hq : (0 <= q <= p C)%Z. Proof. change (p C) with prec. unfold q, prec; lia. Qed.
Lemma Hm : (0 <= m <= p C)%Z. Proof. change (p C) with prec. unfold m, prec; lia. Qed.
Lemma n0 : (0 < n)%nat. Proof. unfold n; lia. Qed."""
    )
    for k in found.matrices:
        lines.append(f"Lemma l_{k} : length z_{k} = n. Proof. vm_compute; reflexivity. Qed.")
    for k in found.vectors:
        lines.append(f"Lemma l_{k} : length z_{k} = n. Proof. vm_compute; reflexivity. Qed.")
    for k, rows in found.inputs.items():
        lines.append(
            f"Lemma l_{k} t : (t < T)%nat -> length (nth t z_{k} []) = {len(rows[0])}%nat.\n"
            f"Proof. intros Ht. apply all_len; [vm_compute; reflexivity | exact Ht]. Qed."
        )
    lines += [_step(cell, plan), _run(plan), _loss(plan, tail)]
    lines += [_checked(plan, program), _curve(plan, program, tail)]
    return "\n".join(lines) + "\n"


def _held(plan: Layout, environment: str, state: str) -> list[str]:
    return [
        f"(forall a, (a < n)%nat -> nth {plan.places[k]} {environment} vz a = {state} {i}%nat a)"
        for i, k in enumerate(plan.parts)
    ]


def _each(plan: Layout, environment: str, state: str) -> str:
    return " /\\ ".join(
        f"nth {plan.places[k]} {environment} vz a = {state} {i}%nat a"
        for i, k in enumerate(plan.parts)
    )


def _step(cell: Cell, plan: Layout) -> str:
    terms = CoqTerms(cell)
    names = [f"v_{s.target}" for s in terms.statements][::-1]
    inputs = plan.gradient.numbers.inputs
    vectors = (*plan.gradient.numbers.matrices, *plan.gradient.numbers.vectors)
    given = [f"apply l_{k}" for k in vectors] + [f"(apply l_{k}; assumption)" for k in inputs]
    sizes = (
        "first ["
        + " | ".join(
            [
                "assumption",
                "apply (kall_len n)",
                "(rewrite kmat_len; solve [sizes])",
                "(rewrite kvec_len; solve [sizes])",
                "(apply kadd_len; solve [sizes])",
                *given,
            ]
        )
        + "]"
    )
    bounded = " | ".join(
        ["assumption"]
        + [f"(rewrite l_{k}; assumption)" for k in vectors]
        + [f"(rewrite l_{k} by assumption; assumption)" for k in inputs]
    )
    shifts = {
        line.shift
        for line in plan.gradient.line.lines
        if line.kind in ("affine", "constant") and (line.shift or not line.pieces)
    }
    known = [
        f"Lemma K{i} : IZR ({plan.shift(r)}) / P2 (q + q) = {number(r)}.\nProof. unfold P2; "
        f"replace (2 ^ (q + q))%Z with ({1 << (2 * plan.gradient.numbers.q)})%Z by (vm_compute; "
        "reflexivity); lra. Qed."
        for i, r in enumerate(sorted(shifts))
    ]
    rewrites = [
        "rewrite ?(zeros_ok q n)",
        "repeat (rewrite (kadd_ok q n n0) by (first [assumption | sizes]))",
        "repeat (rewrite (kmat_ok C q Hq n n0) by below)",
        "repeat (rewrite (kvec_ok C q Hq n n0) by below)",
        "repeat (rewrite (kall_ok q n) by below)",
        *(f"rewrite ?l_{k} by assumption" for k in inputs),
        *(f"rewrite ?K{i}" for i in range(len(known))),
    ]
    names_of = " ".join(f"H{i}" for i in range(len(plan.parts)))
    return "\n".join(
        [
            *known,
            f"Ltac sizes := {sizes}.",
            f"Ltac below := first [{bounded}].",
            f"Ltac plain := {'; '.join(rewrites)}.",
            _SAME,
            f"""Lemma step_ok t s E : (t < T)%nat -> {" -> ".join(_held(plan, "E", "s"))} ->
  forall a, (a < n)%nat -> {_each(plan, "(eval q n (ops t) E)", "net t s")}.
Proof.
  intros Ht {names_of} a Ha.
  unfold ops; cbn [eval ev nth]; unfold net, F, {", ".join(names)}; cbv beta iota.
  repeat split; same.
Qed.""",
        ]
    )


def _run(plan: Layout) -> str:
    count = len(plan.parts)
    names = " ".join(f"H{i}" for i in range(count))
    again = " | ".join(["intros; apply IH; [lia | assumption]"] * count)
    start = " | ".join(f"apply H{i}" for i in range(count))
    first = "apply H0; exact Ha" if count == 1 else f"repeat split; [{start}]; exact Ha"
    held = " -> ".join(_held(plan, "E", "s"))
    length = len(plan.gradient.line.lines)
    return f"""Lemma prog_ok s : forall t, (t <= T)%nat -> forall a, (a < n)%nat ->
  {_each(plan, "(eval q n (prog t) (renv s))", "run net t s")}.
Proof.
  induction t as [|t IH]; intros Ht a Ha; [repeat split; reflexivity|].
  cbn [prog run]. rewrite eval_app. apply step_ok; [lia | {again} | exact Ha].
Qed.
Fixpoint progf (k d : nat) : list op := match d with O => [] | S d => progf k d ++ ops (k + d) end.
Lemma prog_cut k d : prog (k + d) = prog k ++ progf k d.
Proof. induction d as [|d IH]; [rewrite Nat.add_0_r; cbn [progf]; rewrite app_nil_r; reflexivity | rewrite Nat.add_succ_r; cbn [prog progf]; rewrite IH, app_assoc; reflexivity]. Qed.
Lemma prog_length k : length (prog k) = ({length} * k)%nat.
Proof. induction k as [|k IH]; [reflexivity|]. cbn [prog]. rewrite app_length, IH. cbn [ops length]. lia. Qed.
Lemma progf_ok k s E : {held} -> forall d, (k + d <= T)%nat -> forall a, (a < n)%nat ->
  {_each(plan, "(eval q n (progf k d) E)", "run (fun t => net (k + t)%nat) d s")}.
Proof.
  intros {names}. induction d as [|d IH]; intros Hd a Ha; [{first}|].
  cbn [progf run]. rewrite eval_app. apply step_ok; [lia | {again} | exact Ha].
Qed."""


def _loss(plan: Layout, tail: str) -> str:
    count = len(plan.parts)
    names = " ".join(f"H{i}" for i in range(count))
    loss = loss_term(plan)
    head = "(P (T - k)%nat ltac:(lia) a Ha)"
    head = head if count == 1 else f"(proj1 {head})"
    state = "(run (fun t => net (k + t)%nat) (T - k) s 0%nat)"
    if not tail:
        end = f"apply (lossV_ext q n {loss} _ {state} n0). intros a Ha. exact {head}."
    else:
        end = f"""unfold L, lossV. f_equal. rewrite eval_app. set (E1 := eval q n (progf k (T - k)) E) in *.
  assert (HE : forall a, (a < n)%nat -> nth 0 E1 vz a = {state} a) by (intros a Ha; exact {head}). clearbody E1.
  unfold top. cbn [eval ev readout nth]. rewrite (mat_ext n _ (nth 0 E1 vz) {state} 0 HE).
  f_equal. unfold kR, yR; cbn [nth]. rewrite shl by (pose proof Hq; lia). rewrite P2_add by (pose proof Hq; lia).
  pose proof (P2_pos q ltac:(pose proof Hq; lia)). field. lra."""
    return f"""Lemma lossf_ok k s E : (k <= T)%nat -> {" -> ".join(_held(plan, "E", "s"))} ->
  lossV q n {loss} (top (eval q n (progf k (T - k){tail}) E)) = L (run (fun t => net (k + t)%nat) (T - k) s).
Proof.
  intros Hk {names}. pose proof (progf_ok k s E {names}) as P.
  {end}
Qed."""


def _pattern(plan: Layout) -> str:
    return "(k, " + ", ".join(f"a{i}, b{i}" for i in range(len(plan.parts))) + ")"


def _checked(plan: Layout, program: str) -> str:
    pattern, length = _pattern(plan), len(plan.gradient.line.lines)
    marks = "; ".join(
        f"(({length} * k)%nat, {plan.places[x]}%nat, a{i}, b{i})" for i, x in enumerate(plan.parts)
    )
    return f"""Definition marks := flat_map (fun m => match m with {pattern} => [{marks}] end) lags.
Lemma benv_ok : envok C n benv (renv s0).
Proof. unfold envok, benv, renv. repeat (apply Forall2_cons; [apply (bvec_ok C q Hq n n0); reflexivity|]). apply Forall2_nil. Qed.
Lemma checked : checkl C q m n {loss_term(plan)} {program} benv marks = true.
Proof. vm_cast_no_check (eq_refl true). Qed.
Lemma lags_T : forallb (fun m => match m with {pattern} => Nat.leb k T end) lags = true.
Proof. vm_compute; reflexivity. Qed."""


def _curve(plan: Layout, program: str, tail: str) -> str:
    parts, start, loss = plan.parts, plan.start, loss_term(plan)
    count, depth = len(parts), len(start)
    pattern, length = _pattern(plan), len(plan.gradient.line.lines)
    names = " ".join(f"a{i} b{i}" for i in range(count))
    index = {x: parts.index(x) for x in parts}

    def listed(state: str, rest: str) -> str:
        found = [f"{state} {index[x]}%nat" if x else f"nth {i} y vz" for i, x in enumerate(start)]
        return " :: ".join(found) + f" :: {rest}"

    below = f"skipn {depth} y"
    here, there = listed("s", below), listed("run net k s0", below)
    tangent = " :: ".join(f"ds {index[x]}%nat" if x else "vz" for x in start)
    held = "apply prog_ok; [exact Hk | exact Ha]" if count == 1 else "apply (prog_ok s0 k Hk a Ha)"
    places = " ".join(f"destruct j as [|j]; [{held if x else 'reflexivity'}|]." for x in start)
    moved = "; ".join(
        "destruct i as [|i]; ["
        + (f"apply (H {index[x]}%nat)" if x else "intros a Ha; cbn [nth]; apply dl_const")
        + "|]"
        for x in start
    )
    heads = " ".join(f"destruct b as [|c{i} b]; [simpl in Lb; lia|]." for i in range(depth))
    cases = " | ".join(f"{i}%nat => nth {plan.places[x]} b vz" for i, x in enumerate(parts))
    goals = "; ".join(f"({plan.places[x]}%nat, a{i}, b{i})" for i, x in enumerate(parts))
    chosen = "destruct Hi as [Hi|[]]"
    for _ in range(count - 1):
        chosen = chosen.replace("[]]", "[Hi|[]]]")
    sides = []
    for i in range(count):
        sides.append("right; " * i + "left; reflexivity")
    injected = f"{chosen}; injection Hi as <- <- <-; [{' | '.join(sides)}]"
    equal = " | ".join("intros; reflexivity" for _ in parts)
    rest = f"(progf k (T - k){tail})"
    one = "apply HB, Hm2; cbn [In]; tauto"
    split = one
    for _ in range(count - 1):
        split = f"split; [{one} | {split}]"
    return f"""Theorem {THEOREM} : stated.
Proof.
  unfold stated. intros k {names} Hin. pose proof lags_T as Hk. rewrite forallb_forall in Hk. specialize (Hk _ Hin). cbv beta iota in Hk. apply Nat.leb_le in Hk.
  set (y := eval q n (prog k) (renv s0)). assert (Ly : length y = ({length} * k + {depth})%nat) by (unfold y; rewrite eval_len, prog_length; reflexivity).
  set (e := {there}).
  assert (Le : length e = length y) by (unfold e; cbn [length]; rewrite skipn_length; lia).
  assert (Xe : forall j a, (a < n)%nat -> nth j y vz a = nth j e vz a).
  {{ intros j a Ha. unfold e. {places}
    cbn [nth]. clear - Ly. assert (G : forall (c : nat) (l : list vec) i, nth (c + i) l vz = nth i (skipn c l) vz) by (induction c as [|c IH]; intros [|u l] i; cbn [skipn plus nth]; [reflexivity | reflexivity | destruct i; reflexivity | apply IH]).
    rewrite <- (G {depth}%nat y j). reflexivity. }}
  assert (Cut : {program} = prog k ++ {rest}) by (replace (prog T) with (prog k ++ progf k (T - k)) by (rewrite <- prog_cut; f_equal; lia); rewrite ?app_assoc; reflexivity).
  destruct (checkl_ok C C_ok q Hq m Hm n n0 {loss} {program} benv (renv s0) marks benv_ok checked (prog k) {rest} e Cut Le Xe) as [HD HB].
  set (b := back q n {loss} {rest} e) in *.
  exists (fun p => match p with {cases} | _ => vz end). split.
  - intros s r ds Hs H.
    apply (dl_ext (fun r => lossV q n {loss} (top (eval q n {rest} ((fun s : state => {here}) (s r)))))); [intros; apply lossf_ok; [exact Hk | {equal}]|].
    eapply dl_eq; [apply (HD (fun r => (fun s : state => {here}) (s r)) r ({tangent} :: map (fun _ => vz) ({below})))|].
    + cbv beta. rewrite Hs. reflexivity.
    + split; [cbn [length]; rewrite map_length; reflexivity|]. intros i. cbv beta.
      {moved}.
      intros a Ha. cbn [nth]. rewrite nth_zeros. apply dl_const.
    + assert (Lb : length b = length y) by (unfold b; rewrite back_length; exact Le). rewrite Ly in Lb.
      clearbody b. {heads}
      cbn [ip nth]. rewrite ip_zeros. assert (Z : forall x, dot n x vz = 0) by (intros x; apply sum0; intros; unfold vz; ring). rewrite ?Z. ring.
  - assert (Hm2 : forall i u w, In (i, u, w) [{goals}] -> In (length (prog k), i, u, w) marks).
    {{ intros i u w Hi. unfold marks. apply in_flat_map. exists {pattern}. split; [exact Hin|]. rewrite prog_length. cbn [In] in *. {injected}. }}
    change (P2 prec) with (P2 (p C)). {split}.
Qed."""
