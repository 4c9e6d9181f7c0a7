(* NumGrad63: the engine of NumGrad.v on the 63-bit integers of Coq's kernel. Each operation is proved to give what
   plain Z gives, so that nothing else changes; the proofs rest on what Uint63 of the standard library says of those integers.
   A whole number is a list of limbs of 31 bits, the lowest first; products of two limbs and what is carried fit 63 bits. *)
Require Import Lia Psatz ZArith List Uint63. Require Import GradFlow NumGrad.
Import ListNotations.
Open Scope Z_scope.
Notation "'$' x" := (Uint63.to_Z x) (at level 5, format "'$' x").
Notation int := Uint63.int.

Definition B : Z := 2147483648.
Fixpoint val (l : list int) : Z := match l with [] => 0 | a :: l => $a + B * val l end.
Definition small (a : int) : Prop := $a < B.
Definition ok (l : list int) : Prop := Forall small l.
(* Notations, since a call costs as much as what it does. *)
Notation low s := (s land 2147483647)%uint63.
Notation high s := (s >> 31)%uint63.
Lemma B_eq : B = 2 ^ 31. Proof. reflexivity. Qed.
Lemma pos a : 0 <= $a. Proof. apply to_Z_bounded. Qed.
Lemma wB_eq : wB = 9223372036854775808. Proof. reflexivity. Qed.
Lemma val_pos l : 0 <= val l.
Proof. induction l as [|a l IH]; cbn [val]; [lia|]. pose proof (pos a). unfold B. lia. Qed.
Lemma low_ok s : $(low s) = $s mod B.
Proof. rewrite land_spec'. change $(2147483647)%uint63 with (Z.ones 31). apply Z.land_ones. lia. Qed.
Lemma high_ok s : $(high s) = $s / B.
Proof. rewrite lsr_spec. reflexivity. Qed.
Lemma low_small s : small (low s).
Proof. unfold small. rewrite low_ok. apply Z.mod_pos_bound. reflexivity. Qed.
Lemma high_small s : $s < B * B -> small (high s).
Proof. intros H. unfold small. rewrite high_ok. apply Z.div_lt_upper_bound; [reflexivity | exact H]. Qed.
Lemma parts s : $(low s) + B * $(high s) = $s.
Proof. rewrite low_ok, high_ok. pose proof (Z.div_mod $s B ltac:(discriminate)). lia. Qed.
Lemma add_small a b : $a + $b < wB -> $(a + b)%uint63 = $a + $b.
Proof. intros H. rewrite add_spec. apply Z.mod_small. pose proof (pos a). pose proof (pos b). lia. Qed.
Lemma mul_small a b : small a -> small b -> $(a * b)%uint63 = $a * $b.
Proof. unfold small, B. intros H K. rewrite mul_spec. apply Z.mod_small. rewrite wB_eq. pose proof (pos a). pose proof (pos b). nia. Qed.
Lemma zero_eq c : (c =? 0)%uint63 = true -> $c = 0.
Proof. rewrite eqb_spec. intros ->. reflexivity. Qed.

(* Sums and products. *)
Fixpoint addc (c : int) (l : list int) : list int :=
  if (c =? 0)%uint63 then l else match l with [] => [c] | a :: l => let s := (a + c)%uint63 in low s :: addc (high s) l end.
Lemma addc_ok : forall l c, ok l -> small c -> val (addc c l) = $c + val l /\ ok (addc c l).
Proof.
  induction l as [|a l IH]; intros c Hl Hc; cbn [addc]; destruct (c =? 0)%uint63 eqn:E.
  - rewrite (zero_eq c E). split; [reflexivity | exact Hl].
  - cbn [val]. split; [ring | constructor; [exact Hc | constructor]].
  - rewrite (zero_eq c E). split; [reflexivity | exact Hl].
  - inversion Hl as [|? ? Ha Hr]; subst. assert (S : $(a + c)%uint63 = $a + $c) by (apply add_small; rewrite wB_eq; unfold small, B in *; lia).
    destruct (IH (high (a + c)%uint63) Hr) as [V O]; [apply high_small; rewrite S; unfold small, B in *; lia|].
    cbn [val]. rewrite V. pose proof (parts (a + c)%uint63). split; [lia | constructor; [apply low_small | exact O]].
Qed.
(* w x + acc + c *)
Fixpoint row (w : int) (x acc : list int) (c : int) : list int :=
  match x with
  | [] => addc c acc
  | a :: x => match acc with
    | [] => let s := (w * a + c)%uint63 in low s :: row w x [] (high s)
    | b :: acc => let s := (w * a + b + c)%uint63 in low s :: row w x acc (high s)
    end
  end.
Lemma row_ok w : small w -> forall x acc c, ok x -> ok acc -> small c -> val (row w x acc c) = $w * val x + val acc + $c /\ ok (row w x acc c).
Proof.
  intros Hw. induction x as [|a x IH]; intros acc c Hx Ha Hc.
  - cbn [row val]. destruct (addc_ok acc c Ha Hc) as [V O]. split; [lia | exact O].
  - inversion Hx as [|? ? Xa Xr]; subst. pose proof (mul_small w a Hw Xa) as M. pose proof (pos w). pose proof (pos a). pose proof (pos c).
    assert (N : 0 <= $w * $a <= 2147483647 * 2147483647) by (unfold small, B in *; nia).
    destruct acc as [|b acc].
    + assert (S : $(w * a + c)%uint63 = $w * $a + $c) by (rewrite add_small; rewrite M; [reflexivity | rewrite wB_eq; unfold small, B in *; lia]).
      cbn [row]. cbv zeta. destruct (IH [] (high (w * a + c)%uint63) Xr Ha) as [V O]; [apply high_small; rewrite S; unfold small, B in *; lia|].
      cbn [val]. rewrite V. pose proof (parts (w * a + c)%uint63). cbn [val]. split; [lia | constructor; [apply low_small | exact O]].
    + inversion Ha as [|? ? Ab Ar]; subst. pose proof (pos b).
      assert (S1 : $(w * a + b)%uint63 = $w * $a + $b) by (rewrite add_small; rewrite M; [reflexivity | rewrite wB_eq; unfold small, B in *; lia]).
      assert (S : $(w * a + b + c)%uint63 = $w * $a + $b + $c) by (rewrite add_small; rewrite S1; [reflexivity | rewrite wB_eq; unfold small, B in *; lia]).
      cbn [row]. cbv zeta. destruct (IH acc (high (w * a + b + c)%uint63) Xr Ar) as [V O]; [apply high_small; rewrite S; unfold small, B in *; lia|].
      cbn [val]. rewrite V. pose proof (parts (w * a + b + c)%uint63). split; [lia | constructor; [apply low_small | exact O]].
Qed.
Lemma ok0 : ok []. Proof. constructor. Qed.
Lemma small0 : small 0. Proof. reflexivity. Qed.
Lemma small1 : small 1. Proof. reflexivity. Qed.
Definition plus (x y : list int) : list int := row 1 x y 0.
Lemma plus_ok x y : ok x -> ok y -> val (plus x y) = val x + val y /\ ok (plus x y).
Proof.
  intros Hx Hy. destruct (row_ok 1 small1 x y 0 Hx Hy small0) as [V O]. split; [|exact O].
  unfold plus. rewrite V. change ($1%uint63) with 1. change ($0%uint63) with 0. ring.
Qed.
(* x y + acc, a row for each limb of x *)
Fixpoint muladd (x y acc : list int) : list int :=
  match x with
  | [] => acc
  | a :: x => match row a y acc 0 with [] => 0%uint63 :: muladd x y [] | h :: t => h :: muladd x y t end
  end.
Lemma muladd_ok y : ok y -> forall x acc, ok x -> ok acc -> val (muladd x y acc) = val x * val y + val acc /\ ok (muladd x y acc).
Proof.
  intros Hy. induction x as [|a x IH]; intros acc Hx Ha; cbn [muladd]; [split; [cbn [val]; ring | exact Ha]|].
  inversion Hx as [|? ? Xa Xr]; subst. destruct (row_ok a Xa y acc 0 Hy Ha small0) as [V O]. change ($0%uint63) with 0 in V.
  destruct (row a y acc 0) as [|h t].
  - destruct (IH [] Xr ok0) as [V2 O2]. cbn [val] in *. rewrite V2. change ($0%uint63) with 0. split; [nia | constructor; [exact small0 | exact O2]].
  - inversion O as [|? ? Oh Ot]; subst. destruct (IH t Xr Ot) as [V2 O2]. cbn [val] in *. rewrite V2. split; [nia | constructor; assumption].
Qed.

(* From Z and back. *)
Fixpoint limbs (p : positive) (w acc : int) : list int :=
  match p with
  | xH => [(acc + w)%uint63]
  | xO p => if (w =? 1073741824)%uint63 then acc :: limbs p 1 0 else limbs p (w + w)%uint63 acc
  | xI p => if (w =? 1073741824)%uint63 then (acc + w)%uint63 :: limbs p 1 0 else limbs p (w + w)%uint63 (acc + w)%uint63
  end.
Lemma limbs_ok : forall p w acc k, 0 <= k <= 30 -> $w = 2 ^ k -> $acc < 2 ^ k -> val (limbs p w acc) = $acc + $w * Zpos p /\ ok (limbs p w acc).
Proof.
  assert (T : forall k, 0 <= k <= 30 -> 2 ^ k <= 1073741824) by (intros k Hk; apply (Z.pow_le_mono_r 2 k 30); lia).
  induction p as [p IH|p IH|]; intros w acc k Hk Hw Ha; pose proof (T k Hk) as Tk; pose proof (pos acc);
    assert (A : $(acc + w)%uint63 = $acc + $w) by (apply add_small; rewrite wB_eq; lia).
  - cbn [limbs]. destruct (w =? 1073741824)%uint63 eqn:E.
    + apply eqb_spec in E. subst w. destruct (IH 1%uint63 0%uint63 0 ltac:(lia) eq_refl ltac:(reflexivity)) as [V O].
      change ($1%uint63) with 1 in V. change ($0%uint63) with 0 in V. change ($1073741824%uint63) with 1073741824 in *.
      cbn [val]. rewrite V, A. split; [unfold B; lia | constructor; [unfold small, B; lia | exact O]].
    + assert (k < 30). { destruct (Z.eq_dec k 30) as [->|]; [|lia]. apply eqb_false_spec in E. elim E. apply to_Z_inj. rewrite Hw. reflexivity. }
      assert (W : $(w + w)%uint63 = 2 ^ (k + 1)) by (rewrite add_small by (rewrite wB_eq; lia); rewrite Z.pow_add_r by lia; lia).
      destruct (IH (w + w)%uint63 (acc + w)%uint63 (k + 1) ltac:(lia) W) as [V O]; [rewrite A, Z.pow_add_r by lia; lia|].
      split; [|exact O]. rewrite V, W, A, Z.pow_add_r by lia. rewrite Hw. lia.
  - cbn [limbs]. destruct (w =? 1073741824)%uint63 eqn:E.
    + apply eqb_spec in E. subst w. destruct (IH 1%uint63 0%uint63 0 ltac:(lia) eq_refl ltac:(reflexivity)) as [V O].
      change ($1%uint63) with 1 in V. change ($0%uint63) with 0 in V. change ($1073741824%uint63) with 1073741824 in *.
      cbn [val]. rewrite V. split; [unfold B; lia | constructor; [unfold small, B; lia | exact O]].
    + assert (k < 30). { destruct (Z.eq_dec k 30) as [->|]; [|lia]. apply eqb_false_spec in E. elim E. apply to_Z_inj. rewrite Hw. reflexivity. }
      assert (W : $(w + w)%uint63 = 2 ^ (k + 1)) by (rewrite add_small by (rewrite wB_eq; lia); rewrite Z.pow_add_r by lia; lia).
      destruct (IH (w + w)%uint63 acc (k + 1) ltac:(lia) W) as [V O]; [rewrite Z.pow_add_r by lia; lia|].
      split; [|exact O]. rewrite V, W, Z.pow_add_r by lia. rewrite Hw. lia.
  - cbn [limbs val]. rewrite A. split; [ring | constructor; [unfold small, B; lia | constructor]].
Qed.
Definition of_Z (z : Z) : list int := match z with Z0 => [] | Zpos p | Zneg p => limbs p 1 0 end.
Lemma of_Z_ok z : val (of_Z z) = Z.abs z /\ ok (of_Z z).
Proof.
  destruct z as [|p|p]; [split; [reflexivity | constructor]| |];
  destruct (limbs_ok p 1%uint63 0%uint63 0 ltac:(lia) eq_refl ltac:(reflexivity)) as [V O]; (split; [|exact O]); cbn [of_Z];
  rewrite V; change ($1%uint63) with 1; change ($0%uint63) with 0; lia.
Qed.
Fixpoint bits (k : nat) (a : int) (p : positive) : positive :=
  match k with O => p | S k => if ((a land 1) =? 0)%uint63 then xO (bits k (a >> 1)%uint63 p) else xI (bits k (a >> 1)%uint63 p) end.
Lemma bits_ok : forall k a p, Zpos (bits k a p) = $a mod 2 ^ Z.of_nat k + 2 ^ Z.of_nat k * Zpos p.
Proof.
  induction k as [|k IH]; intros a p; [cbn [bits]; change (2 ^ Z.of_nat 0) with 1; rewrite Z.mod_1_r; lia|].
  assert (E : $(a land 1)%uint63 = $a mod 2) by (rewrite land_spec'; change ($1%uint63) with (Z.ones 1); apply Z.land_ones; lia).
  assert (H : $(a >> 1)%uint63 = $a / 2) by (rewrite lsr_spec; reflexivity).
  assert (D : $a mod 2 ^ Z.of_nat (S k) = $a mod 2 + 2 * (($a / 2) mod 2 ^ Z.of_nat k)).
  { rewrite Nat2Z.inj_succ, Z.pow_succ_r by lia. apply Z.rem_mul_r; [lia|]. apply Z.pow_pos_nonneg; lia. }
  rewrite D, Nat2Z.inj_succ, Z.pow_succ_r by lia. cbn [bits]. pose proof (IH (a >> 1)%uint63 p) as I. rewrite H in I.
  destruct ((a land 1) =? 0)%uint63 eqn:Q.
  - apply zero_eq in Q. rewrite E in Q. rewrite Q, Pos2Z.inj_xO, I. ring.
  - assert ($a mod 2 = 1).
    { apply eqb_false_spec in Q. assert ($a mod 2 <> 0) by (intros Z0; apply Q; apply to_Z_inj; rewrite E; exact Z0).
      pose proof (Z.mod_pos_bound $a 2 ltac:(lia)). lia. }
    rewrite H0, Pos2Z.inj_xI, I. ring.
Qed.
Fixpoint to_Z (l : list int) : Z :=
  match l with [] => 0 | a :: l => match to_Z l with Zpos p => Zpos (bits 31 a p) | _ => if (a =? 0)%uint63 then 0 else $a end end.
Lemma to_Z_ok l : ok l -> to_Z l = val l.
Proof.
  induction l as [|a l IH]; intros H; [reflexivity|]. inversion H as [|? ? Ha Hr]; subst. cbn [to_Z val]. rewrite (IH Hr).
  pose proof (val_pos l) as P. destruct (val l) as [|p|p]; [|change 31%nat with (Z.to_nat 31)|lia].
  - destruct (a =? 0)%uint63 eqn:E; [rewrite (zero_eq a E); reflexivity | ring].
  - rewrite bits_ok. rewrite Z2Nat.id by lia. rewrite Z.mod_small by (pose proof (pos a); exact (conj (pos a) Ha)). unfold B. lia.
Qed.

(* l / 2^s for s < 31, with t = 31 - s *)
Fixpoint shr (s t : int) (l : list int) : list int :=
  match l with
  | [] => []
  | a :: l => match l with [] => [(a >> s)%uint63] | b :: _ => ((a >> s) + low (b << t))%uint63 :: shr s t l end
  end.
Lemma shr_ok s t : $s < 31 -> $t = 31 - $s -> forall l, ok l -> val (shr s t l) = val l / 2 ^ $s /\ ok (shr s t l).
Proof.
  intros Hs Ht. pose proof (pos s) as P. pose proof (pos t) as Pt.
  assert (BB : B = 2 ^ $t * 2 ^ $s) by (rewrite <- Z.pow_add_r by lia; rewrite Ht; replace (31 - $s + $s) with 31 by lia; reflexivity).
  assert (P1 : 0 < 2 ^ $s) by (apply Z.pow_pos_nonneg; lia). assert (P2 : 0 < 2 ^ $t) by (apply Z.pow_pos_nonneg; lia).
  assert (Q : forall a, small a -> $(a >> s)%uint63 = $a / 2 ^ $s /\ 0 <= $a / 2 ^ $s < 2 ^ $t).
  { intros a Ha. split; [apply lsr_spec|]. pose proof (pos a). split; [apply Z.div_pos; lia|]. apply Z.div_lt_upper_bound; [lia|]. unfold small in Ha. lia. }
  induction l as [|a l IH]; intros Hl; [split; [cbn [shr val]; rewrite Z.div_0_l by lia; reflexivity | constructor]|].
  inversion Hl as [|? ? Ha Hr]; subst. destruct (Q a Ha) as [Va Ra]. destruct l as [|b l].
  - cbn [shr val]. rewrite Va. split; [rewrite Z.mul_0_r, !Z.add_0_r; reflexivity | constructor; [|constructor]].
    unfold small. rewrite Va. assert (2 ^ $t <= B) by nia. lia.
  - destruct (IH Hr) as [V O]. change (shr s t (a :: b :: l)) with (((a >> s) + low (b << t))%uint63 :: shr s t (b :: l)).
    inversion Hr as [|? ? Hb _]; subst. pose proof (pos b). set (v := val (b :: l)) in *.
    assert (T31 : 2 ^ $t <= 2 ^ 31) by (apply Z.pow_le_mono_r; lia).
    assert (Sb : $(b << t)%uint63 = $b * 2 ^ $t).
    { rewrite lsl_spec. apply Z.mod_small. rewrite wB_eq. change (2 ^ 31) with 2147483648 in T31. unfold small, B in Hb. nia. }
    assert (M : ($b * 2 ^ $t) mod B = (v * 2 ^ $t) mod B).
    { unfold v. cbn [val]. rewrite Z.mul_add_distr_r. replace (B * val l * 2 ^ $t) with (val l * 2 ^ $t * B) by ring. rewrite Z.mod_add by discriminate. reflexivity. }
    assert (D : (v * 2 ^ $t) / B = v / 2 ^ $s) by (rewrite BB, (Z.mul_comm (2 ^ $t)); apply Z.div_mul_cancel_r; lia).
    assert (G : (v * 2 ^ $t) mod B = v * 2 ^ $t - B * (v / 2 ^ $s)) by (rewrite <- D; apply Z.mod_eq; discriminate).
    assert (A : $a + B * v = $a + v * 2 ^ $t * 2 ^ $s) by (rewrite BB; ring).
    assert (L : ($a + B * v) / 2 ^ $s = $a / 2 ^ $s + v * 2 ^ $t) by (rewrite A; apply Z.div_add; lia).
    (* the low part has room for what a leaves *)
    assert (F : exists k, (v * 2 ^ $t) mod B = 2 ^ $t * k /\ 0 <= k /\ 2 ^ $t * k + 2 ^ $t <= B).
    { exists (v mod 2 ^ $s). rewrite BB, (Z.mul_comm v), Z.mul_mod_distr_l by lia. pose proof (Z.mod_pos_bound v (2 ^ $s) P1). split; [reflexivity | split; [lia | nia]]. }
    destruct F as (k & F1 & F2 & F3).
    assert (S : $((a >> s) + low (b << t))%uint63 = $a / 2 ^ $s + (v * 2 ^ $t) mod B).
    { rewrite add_small; rewrite Va, low_ok, Sb, M; [reflexivity | rewrite wB_eq; unfold B in *; lia]. }
    cbn [val] in *. fold v. split.
    + change (val (shr s t (b :: l))) with (val (shr s t (b :: l))). rewrite V, S, L, G. ring.
    + constructor; [|exact O]. unfold small. rewrite S, F1. lia.
Qed.
Lemma skip_ok : forall d l, ok l -> val (skipn d l) = val l / B ^ Z.of_nat d /\ ok (skipn d l).
Proof.
  induction d as [|d IH]; intros l H; [change (B ^ Z.of_nat 0) with 1; rewrite Z.div_1_r; split; [reflexivity | exact H]|].
  destruct l as [|a l]; [split; [cbn [skipn val]; rewrite Z.div_0_l; [reflexivity | apply Z.pow_nonzero; [discriminate | lia]] | exact H]|].
  inversion H as [|? ? Ha Hr]; subst. destruct (IH l Hr) as [V O]. cbn [skipn val]. split; [|exact O]. rewrite V, Nat2Z.inj_succ, Z.pow_succ_r by lia.
  rewrite <- Z.div_div; [|discriminate | apply Z.pow_pos_nonneg; [reflexivity | lia]]. f_equal.
  apply (Z.div_unique _ _ _ $a); [left; exact (conj (pos a) Ha) | ring].
Qed.
Definition shift (j : Z) (l : list int) : list int := shr (Uint63.of_Z (j mod 31)) (Uint63.of_Z (31 - j mod 31)) (skipn (Z.to_nat (j / 31)) l).
Lemma div_skip l d s : 0 <= s -> val l / B ^ Z.of_nat d / 2 ^ s = Z.shiftr (val l) (31 * Z.of_nat d + s).
Proof.
  intros Hs. rewrite Z.shiftr_div_pow2 by lia. rewrite B_eq, <- Z.pow_mul_r by lia. rewrite Z.pow_add_r by lia.
  rewrite Z.div_div; [reflexivity | apply Z.pow_nonzero; lia | apply Z.pow_pos_nonneg; lia].
Qed.
Lemma shift_ok j l : 0 <= j -> ok l -> val (shift j l) = Z.shiftr (val l) j /\ ok (shift j l).
Proof.
  intros Hj Hl. pose proof (Z.mod_pos_bound j 31 ltac:(lia)) as M. pose proof (Z.div_mod j 31 ltac:(lia)) as D. pose proof (Z.div_pos j 31 Hj ltac:(lia)) as P.
  destruct (skip_ok (Z.to_nat (j / 31)) l Hl) as [V O].
  assert (Es : $(Uint63.of_Z (j mod 31)) = j mod 31) by (rewrite of_Z_spec; apply Z.mod_small; rewrite wB_eq; lia).
  assert (Et : $(Uint63.of_Z (31 - j mod 31)) = 31 - j mod 31) by (rewrite of_Z_spec; apply Z.mod_small; rewrite wB_eq; lia).
  destruct (shr_ok (Uint63.of_Z (j mod 31)) (Uint63.of_Z (31 - j mod 31)) ltac:(lia) ltac:(lia) _ O) as [V2 O2]. unfold shift. split; [|exact O2].
  rewrite V2, V, Es, div_skip by lia. f_equal. rewrite Z2Nat.id by exact P. lia.
Qed.
Definition nonzero (l : list int) : bool := existsb (fun a => negb (a =? 0)%uint63) l.
Lemma nonzero_ok l : if nonzero l then 0 < val l else val l = 0.
Proof.
  unfold nonzero. induction l as [|a l IH]; cbn [existsb val]; [reflexivity|]. pose proof (pos a). pose proof (val_pos l).
  destruct (a =? 0)%uint63 eqn:E; cbn [negb orb].
  - rewrite (zero_eq a E). destruct (existsb _ l); unfold B; lia.
  - apply eqb_false_spec in E. assert ($a <> 0) by (intros K; apply E, to_Z_inj, K). unfold B. lia.
Qed.
Fixpoint pred (l : list int) : list int := match l with [] => [] | a :: l => if (a =? 0)%uint63 then 2147483647%uint63 :: pred l else (a - 1)%uint63 :: l end.
Lemma pred_ok l : ok l -> 0 < val l -> val (pred l) = val l - 1 /\ ok (pred l).
Proof.
  induction l as [|a l IH]; intros H P; cbn [pred val] in *; [lia|]. inversion H as [|? ? Ha Hr]; subst. pose proof (pos a). pose proof (val_pos l).
  destruct (a =? 0)%uint63 eqn:E.
  - rewrite (zero_eq a E) in *. destruct (IH Hr) as [V O]; [unfold B in *; lia|]. cbn [val]. rewrite V. change ($2147483647%uint63) with 2147483647.
    split; [unfold B; lia | constructor; [reflexivity | exact O]].
  - apply eqb_false_spec in E. assert ($a <> 0) by (intros K; apply E, to_Z_inj, K).
    assert (S : $(a - 1)%uint63 = $a - 1) by (rewrite sub_spec; apply Z.mod_small; change ($1%uint63) with 1; pose proof (to_Z_bounded a); lia).
    cbn [val]. rewrite S. split; [lia | constructor; [unfold small in *; lia | exact Hr]].
Qed.
(* The product of whole numbers, and of balls. *)
Definition signed (a b : Z) (l : list int) : Z := if Bool.eqb (a <? 0) (b <? 0) then to_Z l else - to_Z l.
Definition mul63 (a b : Z) : Z := signed a b (muladd (of_Z a) (of_Z b) []).
Lemma signed_ok a b l : ok l -> val l = Z.abs a * Z.abs b -> signed a b l = a * b.
Proof.
  intros O V. unfold signed. rewrite (to_Z_ok l O), V. destruct (Z.ltb_spec a 0), (Z.ltb_spec b 0); cbn [Bool.eqb];
  rewrite ?(Z.abs_neq a), ?(Z.abs_neq b), ?(Z.abs_eq a), ?(Z.abs_eq b) by lia; ring.
Qed.
Lemma mul63_ok a b : mul63 a b = a * b.
Proof.
  destruct (of_Z_ok a) as [Va Oa], (of_Z_ok b) as [Vb Ob]. destruct (muladd_ok _ Ob _ [] Oa ok0) as [V O].
  apply signed_ok; [exact O|]. rewrite V, Va, Vb. cbn [val]. ring.
Qed.
(* What is shifted is a list of limbs; of a number below 0 the whole number below. *)
Definition shifted (a b j : Z) (l : list int) : Z :=
  if Bool.eqb (a <? 0) (b <? 0) then to_Z (shift j l) else if nonzero l then - to_Z (shift j (pred l)) - 1 else 0.
Lemma shifted_ok a b j l : 0 <= j -> ok l -> val l = Z.abs a * Z.abs b -> shifted a b j l = Z.shiftr (a * b) j.
Proof.
  intros Hj O V. rewrite <- (signed_ok a b l O V). unfold shifted, signed. rewrite (to_Z_ok l O). destruct (Bool.eqb _ _).
  - destruct (shift_ok j l Hj O) as [W Q]. rewrite to_Z_ok by exact Q. exact W.
  - pose proof (nonzero_ok l) as N. destruct (nonzero l); [|rewrite N; symmetry; apply Z.shiftr_0_l].
    destruct (pred_ok l O N) as [W Q]. destruct (shift_ok j _ Hj Q) as [W2 Q2]. rewrite to_Z_ok by exact Q2. rewrite W2, W, !Z.shiftr_div_pow2 by exact Hj.
    assert (P : 0 < 2 ^ j) by (apply Z.pow_pos_nonneg; lia). pose proof (Z.div_mod (val l - 1) (2 ^ j) ltac:(lia)) as D. pose proof (Z.mod_pos_bound (val l - 1) (2 ^ j) P) as M.
    apply (Z.div_unique _ _ _ (2 ^ j - 1 - (val l - 1) mod 2 ^ j)); [left; lia | lia].
Qed.
Definition ball63 (j : Z) (a b : ball) : ball :=
  if (Z.leb 0 j && Z.leb 0 (br a) && Z.leb 0 (br b))%bool then
    let x := of_Z (bc a) in let y := of_Z (bc b) in let s := of_Z (br b) in
    let c := muladd x y [] in let r := muladd x s (muladd (of_Z (br a)) (plus y s) []) in
    if (nonzero c || nonzero r)%bool then Ball (shifted (bc a) (bc b) j c) (to_Z (shift j r) + 2) else Ball 0 0
  else bprod j a b.
Lemma rnd_eq j c r : (c =? 0) = false \/ (r =? 0) = false -> rnd j (Ball c r) = Ball (Z.shiftr c j) (Z.shiftr r j + 2).
Proof. unfold rnd. cbn [bc br]. destruct c, r; intros [H|H]; try discriminate; reflexivity. Qed.
Lemma ball63_ok j a b : ball63 j a b = bprod j a b.
Proof.
  unfold ball63. destruct (Z.leb_spec 0 j) as [Hj|], (Z.leb_spec 0 (br a)) as [Ra|], (Z.leb_spec 0 (br b)) as [Rb|]; try reflexivity. cbn [andb]. cbv zeta. unfold bprod.
  destruct (of_Z_ok (bc a)) as [V1 O1], (of_Z_ok (bc b)) as [V2 O2], (of_Z_ok (br a)) as [V3 O3], (of_Z_ok (br b)) as [V4 O4].
  destruct (muladd_ok _ O2 _ [] O1 ok0) as [V5 O5]. destruct (plus_ok _ _ O2 O4) as [V6 O6]. destruct (muladd_ok _ O6 _ [] O3 ok0) as [V7 O7].
  destruct (muladd_ok _ O4 _ _ O1 O7) as [V8 O8]. set (c := muladd (of_Z (bc a)) (of_Z (bc b)) []) in *. set (r := muladd (of_Z (bc a)) (of_Z (br b)) _) in *.
  assert (Vc : val c = Z.abs (bc a) * Z.abs (bc b)) by (rewrite V5, V1, V2; cbn [val]; ring).
  assert (Vr : val r = Z.abs (bc a) * br b + br a * (Z.abs (bc b) + br b)).
  { rewrite V8, V7, V6, V1, V2, V3, V4. cbn [val]. rewrite (Z.abs_eq (br a)), (Z.abs_eq (br b)) by assumption. ring. }
  rewrite <- Vr. pose proof (nonzero_ok c) as Nc. pose proof (nonzero_ok r) as Nr.
  assert (K : val c = 0 -> bc a * bc b = 0) by (intros Z0; rewrite Vc, <- Z.abs_mul in Z0; apply Z.abs_0_iff, Z0).
  destruct (nonzero c || nonzero r)%bool eqn:E.
  - rewrite rnd_eq.
    + destruct (shift_ok j r Hj O8) as [W Q]. rewrite (to_Z_ok _ Q), W. rewrite (shifted_ok (bc a) (bc b) j c Hj O5 Vc). reflexivity.
    + destruct (nonzero c); [left; apply Z.eqb_neq; intros Z0; rewrite Vc, <- Z.abs_mul, Z0 in Nc; cbn in Nc; lia | right; destruct (nonzero r); [apply Z.eqb_neq; lia | discriminate]].
  - apply Bool.orb_false_iff in E. destruct E as [E1 E2]. rewrite E1 in Nc. rewrite E2 in Nr. rewrite Nr, (K Nc). reflexivity.
Qed.

(* Rows of a matrix against a vector: what is added and what is taken away are summed apart. *)
Definition wide := (bool * list int * list int)%type.
Definition wide_of (b : ball) : wide := (Z.ltb (bc b) 0, of_Z (bc b), of_Z (br b)).
Definition is_wide (b : ball) (t : wide) : Prop := let '(s, c, e) := t in ok c /\ ok e /\ bc b = (if s then - val c else val c) /\ br b = val e.
Lemma wide_ok b : 0 <= br b -> is_wide b (wide_of b).
Proof.
  intros R. destruct (of_Z_ok (bc b)) as [V1 O1], (of_Z_ok (br b)) as [V2 O2]. unfold is_wide, wide_of. rewrite V1, V2.
  split; [exact O1 | split; [exact O2 | split; [destruct (Z.ltb_spec (bc b) 0); lia | lia]]].
Qed.
Lemma wides_ok v : forallb (fun b => Z.leb 0 (br b)) v = true -> Forall2 is_wide v (map wide_of v).
Proof.
  induction v as [|b v IH]; cbn [forallb map]; intros H; constructor; apply andb_prop in H; destruct H as [H1 H2];
  [apply wide_ok, Z.leb_le, H1 | apply IH, H2].
Qed.
Definition sums := (list int * list int * list int)%type.
Definition sum_of (t : sums) : ball := let '(p, n, r) := t in Ball (to_Z p - to_Z n) (to_Z r).
Definition is_sum (b : ball) (t : sums) : Prop := let '(p, n, r) := t in ok p /\ ok n /\ ok r /\ bc b = val p - val n /\ br b = val r.
Lemma sum_of_ok b t : is_sum b t -> sum_of t = b.
Proof.
  destruct t as [[p n] r]. unfold is_sum, sum_of. intros (P & N & R & H & K). rewrite !to_Z_ok by assumption. destruct b as [c e]; cbn [bc br] in *. congruence.
Qed.
Definition take (x : Z) (t : wide) (a : sums) : sums :=
  match x with
  | Z0 => a
  | _ => let '(s, c, e) := t in let '(p, n, r) := a in let y := of_Z x in
    if Bool.eqb (Z.ltb x 0) s then (muladd y c p, n, muladd y e r) else (p, muladd y c n, muladd y e r)
  end.
Lemma take_ok x b t d a : is_wide b t -> is_sum d a -> is_sum (Ball (bc d + x * bc b) (br d + Z.abs x * br b)) (take x t a).
Proof.
  destruct t as [[s c] e], a as [[p n] r]. intros (Oc & Oe & C & R) (Op & On & Or & D & Q). cbn [bc br].
  assert (G : x <> 0 -> is_sum (Ball (bc d + x * bc b) (br d + Z.abs x * br b))
    (let y := of_Z x in if Bool.eqb (Z.ltb x 0) s then (muladd y c p, n, muladd y e r) else (p, muladd y c n, muladd y e r))).
  { intros _. cbv zeta. destruct (of_Z_ok x) as [Vx Ox]. destruct (muladd_ok c Oc _ p Ox Op) as [V1 O1], (muladd_ok c Oc _ n Ox On) as [V2 O2], (muladd_ok e Oe _ r Ox Or) as [V3 O3].
    rewrite Vx in V1, V2, V3. destruct (Z.ltb_spec x 0) as [L|L], s; cbn [Bool.eqb is_sum bc br];
    (repeat split; try assumption; [|rewrite V3, Q, R; ring]); rewrite C, D, ?V1, ?V2, ?(Z.abs_neq x), ?(Z.abs_eq x) by lia; ring. }
  destruct x; [|apply G; discriminate | apply G; discriminate]. cbn [take is_sum bc br].
  repeat split; try assumption; rewrite ?D, ?Q; [ring | change (Z.abs 0) with 0; ring].
Qed.
Fixpoint dot63 (w : list Z) (v : list wide) (a : sums) : ball :=
  match w, v with x :: w, t :: v => dot63 w v (take x t a) | _, _ => sum_of a end.
Lemma dot63_ok v v63 : Forall2 is_wide v v63 -> forall w d a, is_sum d a -> dot63 w v63 a = dotrow w v (bc d) (br d).
Proof.
  intros H. induction H as [|b t v v63 Hb _ IH]; intros [|x w] d a Ha; cbn [dot63 dotrow]; try (rewrite (sum_of_ok d a Ha); destruct d; reflexivity).
  rewrite (IH w _ _ (take_ok x b t d a Hb Ha)). reflexivity.
Qed.
Definition sums_of (z r : Z) : sums := if Z.ltb z 0 then ([], of_Z z, of_Z r) else (of_Z z, [], of_Z r).
Lemma sums_ok z r : 0 <= r -> is_sum (Ball z r) (sums_of z r).
Proof.
  intros R. destruct (of_Z_ok z) as [V O], (of_Z_ok r) as [V2 O2]. unfold sums_of. destruct (Z.ltb_spec z 0); cbn [is_sum bc br val];
  (repeat split; try assumption; try apply ok0); rewrite ?V, ?V2; lia.
Qed.
Definition rows63 (W : list (list Z)) (v : list ball) (k : list Z) : list ball :=
  if forallb (fun b => Z.leb 0 (br b)) v then let t := map wide_of v in map2 (fun w z => dot63 w t (sums_of z 0)) W k else dots W v k.
Lemma rows63_ok W v k : rows63 W v k = dots W v k.
Proof.
  unfold rows63. destruct (forallb _ v) eqn:E; [|reflexivity]. cbv zeta. pose proof (wides_ok v E) as H. unfold dots.
  revert k; induction W as [|w W IH]; intros [|z k]; cbn [map2]; try reflexivity.
  rewrite IH, (dot63_ok v _ H w (Ball z 0)); [reflexivity | apply sums_ok; lia].
Qed.
(* The transpose of a matrix against a vector. *)
Fixpoint axpy63 (w : list Z) (t : wide) (acc : list sums) : list sums :=
  match w, acc with x :: w, a :: acc => take x t a :: axpy63 w t acc | _, _ => acc end.
Lemma axpy63_ok b t : is_wide b t -> forall acc a w, Forall2 is_sum acc a -> Forall2 is_sum (axpy w b acc) (axpy63 w t a).
Proof.
  intros Hb acc a w H. revert w. induction H as [|d s acc a Hd H IH]; intros [|x w]; cbn [axpy axpy63]; constructor; auto using take_ok.
Qed.
Fixpoint tmv63 (W : list (list Z)) (v : list wide) (acc : list sums) : list sums :=
  match W, v with w :: W, t :: v => tmv63 W v (axpy63 w t acc) | _, _ => acc end.
Lemma tmv63_ok v v63 : Forall2 is_wide v v63 -> forall W acc a, Forall2 is_sum acc a -> Forall2 is_sum (tmv W v acc) (tmv63 W v63 a).
Proof.
  intros H. induction H as [|b t v v63 Hb _ IH]; intros [|w W] acc a Ha; cbn [tmv tmv63]; try exact Ha. apply IH, axpy63_ok; assumption.
Qed.
Definition cols63 (W : list (list Z)) (v acc : list ball) : list ball :=
  if (forallb (fun b => Z.leb 0 (br b)) v && forallb (fun b => Z.leb 0 (br b)) acc)%bool
  then map sum_of (tmv63 W (map wide_of v) (map (fun b => sums_of (bc b) (br b)) acc)) else tmv W v acc.
Lemma cols63_ok W v acc : cols63 W v acc = tmv W v acc.
Proof.
  unfold cols63. destruct (forallb _ v) eqn:E; [|reflexivity]. destruct (forallb _ acc) eqn:F; [|reflexivity]. cbn [andb].
  assert (A : Forall2 is_sum acc (map (fun b => sums_of (bc b) (br b)) acc)).
  { clear - F. induction acc as [|b acc IH]; cbn [map forallb] in *; constructor; apply andb_prop in F; destruct F as [F1 F2]; [|apply IH, F2].
    apply Z.leb_le in F1. pose proof (sums_ok (bc b) (br b) F1) as S. destruct b; exact S. }
  pose proof (tmv63_ok v _ (wides_ok v E) W _ _ A) as H. induction H as [|b t l k Hb _ IH]; cbn [map]; [reflexivity|].
  rewrite IH, (sum_of_ok b t Hb). reflexivity.
Qed.

(* exp by factors: lists of one length, compared and subtracted by adding what is missing to B - 1, and d = 1. *)
Notation less a b d := (a + (2147483647 - b) + d)%uint63.
Fixpoint geq (x y : list int) (d : int) : bool := match x, y with a :: x, b :: y => geq x y (high (less a b d)) | _, _ => (d =? 1)%uint63 end.
Fixpoint sub (x y : list int) (d : int) : list int := match x, y with a :: x, b :: y => let s := less a b d in low s :: sub x y (high s) | _, _ => [] end.
Lemma less_ok a b d : small a -> small b -> $d <= 1 -> $(less a b d) = $a - $b + B - 1 + $d /\ $(high (less a b d)) = if Z.ltb $b ($a + $d) then 1 else 0.
Proof.
  intros Ha Hb Hd. pose proof (pos a). pose proof (pos b). pose proof (pos d). unfold small in *.
  assert (N : $(2147483647 - b)%uint63 = 2147483647 - $b).
  { rewrite sub_spec. apply Z.mod_small. change ($2147483647%uint63) with 2147483647. rewrite wB_eq. unfold B in *. lia. }
  assert (V : $(less a b d) = $a - $b + B - 1 + $d).
  { rewrite add_small; rewrite add_small; rewrite N; unfold B in *; rewrite ?wB_eq; lia. }
  split; [exact V|]. rewrite high_ok, V. destruct (Z.ltb_spec $b ($a + $d)); symmetry.
  - apply (Z.div_unique _ _ _ ($a - $b - 1 + $d)); unfold B in *; lia.
  - apply (Z.div_unique _ _ _ ($a - $b + B - 1 + $d)); unfold B in *; lia.
Qed.
Lemma carried a b d X Y : 0 <= a < B -> 0 <= b < B -> 0 <= d <= 1 -> (b + B * Y < a + B * X + d <-> Y < X + if b <? a + d then 1 else 0).
Proof. intros. destruct (Z.ltb_spec b (a + d)); unfold B in *; lia. Qed.
Lemma geq_ok : forall x y d, length x = length y -> ok x -> ok y -> $d <= 1 -> geq x y d = (val y <? val x + $d).
Proof.
  induction x as [|a x IH]; intros [|b y] d L Hx Hy Hd; try discriminate.
  - cbn [geq val]. pose proof (pos d). destruct (d =? 1)%uint63 eqn:E.
    + apply eqb_spec in E. subst d. reflexivity.
    + apply eqb_false_spec in E. symmetry. apply Z.ltb_ge. assert ($d <> 1) by (intros K; apply E, to_Z_inj, K). lia.
  - inversion Hx as [|? ? Xa Xr]; inversion Hy as [|? ? Yb Yr]; subst. destruct (less_ok a b d Xa Yb Hd) as [_ H]. cbn [geq val].
    rewrite IH; [|simpl in L; lia | exact Xr | exact Yr | rewrite H; destruct (_ <? _); lia]. rewrite H.
    pose proof (carried $a $b $d (val x) (val y) (conj (pos a) Xa) (conj (pos b) Yb) (conj (pos d) Hd)) as K.
    destruct (Z.ltb_spec (val y) (val x + (if $b <? $a + $d then 1 else 0))), (Z.ltb_spec ($b + B * val y) ($a + B * val x + $d)); try reflexivity; tauto || lia.
Qed.
Lemma sub_ok : forall x y d, length x = length y -> ok x -> ok y -> $d <= 1 -> val y < val x + $d ->
  val (sub x y d) = val x - val y - 1 + $d /\ ok (sub x y d) /\ length (sub x y d) = length x.
Proof.
  induction x as [|a x IH]; intros [|b y] d L Hx Hy Hd Hl; try discriminate.
  - cbn [sub val] in *. repeat split; [lia | constructor].
  - inversion Hx as [|? ? Xa Xr]; inversion Hy as [|? ? Yb Yr]; subst. destruct (less_ok a b d Xa Yb Hd) as [V H]. cbn [sub val length] in *. cbv zeta.
    pose proof (carried $a $b $d (val x) (val y) (conj (pos a) Xa) (conj (pos b) Yb) (conj (pos d) Hd)) as K.
    destruct (IH y (high (less a b d))) as (W & O & N); [lia | exact Xr | exact Yr | rewrite H; destruct (_ <? _); lia | rewrite H; tauto |].
    rewrite W, N. pose proof (parts (less a b d)). split; [lia | split; [constructor; [apply low_small | exact O] | reflexivity]].
Qed.
(* i, 31 d + s = i, 31 - s, and the ball of ln (1 + 2^-i) *)
Record entry := Entry { at_i : Z; at_d : nat; at_s : int; at_t : int; at_b : list int; at_r : Z }.
Definition pad (K : nat) (l : list int) : list int := firstn K (l ++ repeat 0%uint63 K).
Definition entry_of (K : nat) (x : Z * ball) : entry :=
  let '(i, b) := x in Entry i (Z.to_nat (i / 31)) (Uint63.of_Z (i mod 31)) (Uint63.of_Z (31 - i mod 31)) (pad K (of_Z (bc b))) (br b).
Definition is_entry (K : nat) (x : Z * ball) (e : entry) : Prop :=
  let '(i, b) := x in at_i e = i /\ 0 <= i /\ 31 * Z.of_nat (at_d e) + $(at_s e) = i /\ $(at_s e) < 31 /\ $(at_t e) = 31 - $(at_s e)
  /\ length (at_b e) = K /\ ok (at_b e) /\ val (at_b e) = bc b /\ at_r e = br b.
Definition fits (K : nat) (x : Z * ball) : bool := let '(i, b) := x in (Z.leb 0 i && Z.leb 0 (bc b) && Nat.leb (length (of_Z (bc b))) K)%bool.
Lemma pad_ok K l : ok l -> (length l <= K)%nat -> val (pad K l) = val l /\ ok (pad K l) /\ length (pad K l) = K.
Proof.
  intros H L. assert (Z : forall k, val (repeat 0%uint63 k) = 0 /\ ok (repeat 0%uint63 k)).
  { induction k as [|k [V O]]; [split; [reflexivity | constructor]|]. cbn [repeat val]. rewrite V. split; [reflexivity | constructor; [exact small0 | exact O]]. }
  assert (E : pad K l = l ++ repeat 0%uint63 (K - length l)).
  { unfold pad. rewrite firstn_app, firstn_all2 by exact L. f_equal. clear - L. set (k := (K - length l)%nat). assert (k <= K)%nat by lia. clearbody k. clear L l.
    revert k H. induction K as [|K IH]; intros [|k] H; cbn [repeat firstn]; try reflexivity; [lia|]. rewrite IH by lia. reflexivity. }
  rewrite E, app_length, repeat_length. split; [|split; [apply Forall_app; split; [exact H | apply Z] | lia]].
  generalize (K - length l)%nat. clear - Z. intros k. induction l as [|a l IH]; [apply Z | cbn [app val]; rewrite IH; reflexivity].
Qed.
Lemma entry_ok K x : fits K x = true -> is_entry K x (entry_of K x).
Proof.
  destruct x as [i b]. unfold fits. rewrite !Bool.andb_true_iff, !Z.leb_le, Nat.leb_le. intros [[Hi Hb] L].
  destruct (of_Z_ok (bc b)) as [V O]. destruct (pad_ok K _ O L) as (V2 & O2 & L2). pose proof (Z.mod_pos_bound i 31 ltac:(lia)) as M.
  pose proof (Z.div_mod i 31 ltac:(lia)) as D. pose proof (Z.div_pos i 31 Hi ltac:(lia)) as P.
  unfold entry_of, is_entry. cbn [at_i at_d at_s at_t at_b at_r]. rewrite !of_Z_spec, (Z.mod_small (i mod 31) wB), (Z.mod_small (31 - i mod 31) wB) by (rewrite wB_eq; lia). rewrite Z2Nat.id by exact P.
  repeat split; try assumption; try lia.
Qed.
Definition shrs (r i : Z) : Z := if (Z.leb 0 r && Z.ltb (Z.log2 r) i)%bool then 0 else Z.shiftr r i.
Lemma shrs_ok r i : shrs r i = Z.shiftr r i.
Proof.
  unfold shrs. destruct (Z.leb_spec 0 r), (Z.ltb_spec (Z.log2 r) i); cbn [andb]; try reflexivity. symmetry. apply Z.shiftr_eq_0; assumption.
Qed.
Fixpoint exp63 (t : list entry) (x : list int) (cnt : Z) (v : list int) (r : Z) : list int * Z * list int * Z :=
  match t with
  | [] => (x, cnt, v, r)
  | e :: t =>
    if geq x (at_b e) 1 then exp63 t (sub x (at_b e) 1) (cnt + at_r e) (plus (shr (at_s e) (at_t e) (skipn (at_d e) v)) v) (r + shrs r (at_i e) + 2)
    else exp63 t x cnt v r
  end.
Lemma exp63_ok K t t63 : Forall2 (is_entry K) t t63 -> forall x cnt v r, ok x -> length x = K -> ok v ->
  let '(x', cnt', v', r') := exp63 t63 x cnt v r in factors t (val x) cnt (Ball (val v) r) = (val x', cnt', Ball (val v') r') /\ ok x' /\ ok v'.
Proof.
  intros H. induction H as [|[i b] e t t63 He _ IH]; intros x cnt v r Hx L Hv; cbn [exp63 factors]; [split; [reflexivity | split; assumption]|].
  destruct He as (Ei & Hi & Ed & Es & Et & Lb & Ob & Vb & Er). rewrite geq_ok; [|congruence | exact Hx | exact Ob | discriminate].
  change ($1%uint63) with 1. destruct (Z.ltb_spec (val (at_b e)) (val x + 1)) as [G|G].
  - destruct (sub_ok x (at_b e) 1 ltac:(congruence) Hx Ob ltac:(discriminate) G) as (V & O & N). change ($1%uint63) with 1 in V.
    destruct (skip_ok (at_d e) v Hv) as [V2 O2]. destruct (shr_ok (at_s e) (at_t e) Es Et _ O2) as [V3 O3]. destruct (plus_ok _ _ O3 Hv) as [V4 O4].
    pose proof (IH (sub x (at_b e) 1) (cnt + at_r e) _ (r + shrs r (at_i e) + 2) O ltac:(congruence) O4) as F. rewrite V, V4, V3, V2, shrs_ok in F.
    rewrite div_skip, Ed in F by apply pos. rewrite Ei, Er, Vb in *. cbn [bc br]. rewrite shrs_ok.
    replace (val x - bc b - 1 + 1) with (val x - bc b) in F by ring. replace (Z.shiftr (val v) i + val v) with (val v + Z.shiftr (val v) i) in F by ring.
    destruct (val x - bc b) eqn:Q; [exact F | exact F | lia].
  - rewrite Vb in G. destruct (val x - bc b) eqn:Q; [lia | lia | apply IH; assumption].
Qed.

(* The table of a context in limbs: 1, 1 again, ln 2, the square of 1, what the division needs. *)
Record logs := Logs { l_K : nat; l_one : list int; l_ln2 : list int; l_tab : list entry; l_sq : list int; l_top : int; l_low : int; l_rest : list int; l_digits : nat }.
Definition logs_of (C : ctx) : logs :=
  let o := of_Z (one C) in let K := S (length o) in let s := (- (p C + 2)) mod 31 in let q := Z.to_nat (p C / 31 + 1) in
  Logs K o (of_Z (bc (ln2 C))) (map (entry_of K) (tbl C)) (of_Z (Z.shiftl (one C) (p C))) (Uint63.of_Z s) (Uint63.of_Z (31 - s))
    (pad (Z.to_nat ((p C + 2 + s) / 31)) (of_Z (Z.shiftl (one C) (p C + s - 31 * Z.of_nat q)))) q.
Definition logs_fit (C : ctx) : bool :=
  (Z.leb 0 (p C) && Z.leb 0 (one C) && Z.leb 0 (bc (ln2 C)) && Z.leb 0 (br (ln2 C)) && forallb (fits (S (length (of_Z (one C))))) (tbl C))%bool.
(* exp (- c / S): the ball of expneg0, or nothing where something is larger than was reckoned with. *)
Definition expl (C : ctx) (L : logs) (c : Z) : option (list int * Z) :=
  let k := (Z.shiftr c (p C - 16) / 45425 + 1)%Z in
  let m := muladd (of_Z k) (l_ln2 L) [] in
  let x := of_Z c in
  if (Z.leb 0 k && Z.leb 0 c && Nat.leb (length m) (l_K L) && Nat.leb (length x) (l_K L))%bool then
    let m := pad (l_K L) m in let x := pad (l_K L) x in
    if geq m x 1 then
      let '(x, cnt, v, r) := exp63 (l_tab L) (sub m x 1) (k * br (ln2 C)) (l_one L) 0 in
      let a := plus (plus (l_one L) x) (shift (p C + 1) (muladd x x [])) in
      let y := of_Z r in
      let s := muladd a y (muladd (of_Z (2 * cnt + 2)) (plus v y) []) in
      if (Z.eqb (Z.shiftr (Z.abs (to_Z x) + cnt) (h C)) 0 && Z.leb 0 r && Z.leb 0 (2 * cnt + 2) && nonzero s)%bool then
        Some (shift k (shift (p C) (muladd a v [])), Z.shiftr (to_Z (shift (p C) s) + 2) k + 2)
      else None
    else None
  else None.
Definition exact (C : ctx) (L : logs) : Prop := L = logs_of C /\ logs_fit C = true.
Lemma table_ok C L : exact C L -> Forall2 (is_entry (l_K L)) (tbl C) (l_tab L).
Proof.
  intros [-> F]. unfold logs_fit in F. apply andb_prop in F. destruct F as [_ F]. unfold logs_of; cbv zeta; cbn [l_K l_tab].
  set (K := S (length (of_Z (one C)))) in *. clearbody K. induction (tbl C) as [|x t IH]; cbn [map forallb] in *; constructor; apply andb_prop in F; destruct F; [apply entry_ok; assumption | apply IH; assumption].
Qed.
Lemma expl_ok C L c e r : exact C L -> 0 <= c -> expl C L c = Some (e, r) -> ok e /\ expneg0 C c = Ball (val e) r.
Proof.
  intros HL Hc. pose proof (table_ok C L HL) as T. destruct HL as [EL F].
  unfold logs_fit in F. rewrite !Bool.andb_true_iff, !Z.leb_le in F. destruct F as ((((F1 & F2) & F3) & F4) & _).
  assert (O1 : ok (l_one L) /\ val (l_one L) = one C) by (rewrite EL; unfold logs_of; cbv zeta; cbn [l_one]; destruct (of_Z_ok (one C)) as [V O]; split; [exact O | rewrite V; lia]).
  assert (O2 : ok (l_ln2 L) /\ val (l_ln2 L) = bc (ln2 C)) by (rewrite EL; unfold logs_of; cbv zeta; cbn [l_ln2]; destruct (of_Z_ok (bc (ln2 C))) as [V O]; split; [exact O | rewrite V; lia]).
  clear EL. destruct O1 as [O1 V1], O2 as [O2 V2]. unfold expl, expneg0. set (k := Z.shiftr c (p C - 16) / 45425 + 1). cbv zeta.
  destruct (of_Z_ok k) as [Vk Ok], (of_Z_ok c) as [Vc Oc]. destruct (muladd_ok _ O2 _ [] Ok ok0) as [Vm Om]. set (m := muladd (of_Z k) (l_ln2 L) []) in *.
  destruct (Z.leb_spec 0 k) as [Hk|], (Z.leb_spec 0 c) as [_|], (Nat.leb_spec (length m) (l_K L)) as [Lm|], (Nat.leb_spec (length (of_Z c)) (l_K L)) as [Lc|]; try discriminate. cbn [andb].
  destruct (pad_ok _ _ Om Lm) as (Vp & Op & Lp), (pad_ok _ _ Oc Lc) as (Vq & Oq & Lq). set (mp := pad (l_K L) m) in *. set (cp := pad (l_K L) (of_Z c)) in *. clearbody mp cp.
  rewrite geq_ok by first [assumption | congruence | discriminate]. change ($1%uint63) with 1. destruct (Z.ltb_spec (val cp) (val mp + 1)) as [G|]; [|discriminate].
  destruct (sub_ok mp cp 1 ltac:(congruence) Op Oq ltac:(discriminate) G) as (Vs & Os & Ls). change ($1%uint63) with 1 in Vs.
  pose proof (exp63_ok (l_K L) _ _ T (sub mp cp 1) (k * br (ln2 C)) (l_one L) 0 Os ltac:(congruence) O1) as X.
  destruct (exp63 (l_tab L) (sub mp cp 1) (k * br (ln2 C)) (l_one L) 0) as [[[x cnt] v] rr]. destruct X as (X & Ox & Ov).
  assert (Q : val (sub mp cp 1) = k * bc (ln2 C) - c) by (rewrite Vs, Vp, Vq, Vm, Vk, Vc, V2; cbn [val]; rewrite !Z.abs_eq by assumption; ring).
  rewrite Q, V1 in X. rewrite X. clear X Q. destruct (muladd_ok _ Ox x [] Ox ok0) as [Vh Oh]. destruct (shift_ok (p C + 1) _ ltac:(lia) Oh) as [Vi Oi]. destruct (plus_ok _ _ O1 Ox) as [Vj Oj]. destruct (plus_ok _ _ Oj Oi) as [Va Oa].
  rewrite Vh in Vi. cbn [val] in Vi. rewrite Z.add_0_r in Vi. set (a := plus (plus (l_one L) x) _) in *. set (w := Z.shiftr (val x * val x) (p C + 1)) in *.
  assert (Hw : 0 <= w) by (apply Z.shiftr_nonneg, Z.square_nonneg). destruct (of_Z_ok rr) as [Vr Or], (of_Z_ok (2 * cnt + 2)) as [Vn On].
  destruct (plus_ok _ _ Ov Or) as [Vw Ow]. destruct (muladd_ok _ Ow _ [] On ok0) as [Vu Ou]. destruct (muladd_ok _ Or _ _ Oa Ou) as [Vz Oz]. set (s := muladd a (of_Z rr) _) in *.
  rewrite (to_Z_ok x Ox). destruct (Z.eqb_spec (Z.shiftr (Z.abs (val x) + cnt) (h C)) 0) as [Z0|]; [|discriminate]. destruct (Z.leb_spec 0 rr) as [Hr|], (Z.leb_spec 0 (2 * cnt + 2)) as [Hn|]; try discriminate.
  pose proof (nonzero_ok s) as N. destruct (nonzero s); [|discriminate]. cbn [andb]. intros E. injection E as <- <-.
  destruct (muladd_ok _ Ov _ [] Oa ok0) as [Vg Og]. destruct (shift_ok (p C) _ F1 Og) as [W1 Q1]. destruct (shift_ok k _ Hk Q1) as [W2 Q2]. split; [exact Q2|].
  destruct (shift_ok (p C) _ F1 Oz) as [W3 Q3]. rewrite (to_Z_ok _ Q3), W3, W2, W1.
  assert (Es : val s = Z.abs (one C + val x + w) * rr + (2 * cnt + 2) * (Z.abs (val v) + rr)).
  { rewrite Vz, Vu, Vw, Vn, Vr, Va, Vj, Vi, V1. cbn [val]. pose proof (val_pos x). pose proof (val_pos v). rewrite !Z.abs_eq by lia. ring. }
  assert (Eg : val (muladd a v []) = (one C + val x + w) * val v) by (rewrite Vg, Va, Vj, Vi, V1; cbn [val]; ring).
  unfold bprod. cbn [bc br]. rewrite <- Es, Eg. rewrite (rnd_eq (p C)) by (right; apply Z.eqb_neq; lia).
  rewrite rnd_eq; [reflexivity|]. right. apply Z.eqb_neq. pose proof (proj2 (Z.shiftr_nonneg (val s) (p C)) ltac:(lia)). lia.
Qed.
(* The whole number below 2^(2 p) / d, a limb at a time: nothing of it is trusted. d and the rest r, which is below d, are
   shifted so that the highest limb of d is full; then r B = q d + r', with q from the two highest limbs and put right. *)
Fixpoint last2 (a b : int) (l : list int) : int * int := match l with [] => (a, b) | c :: l => last2 b c l end.
Fixpoint fewer (n : nat) (d r : list int) (q : int) : list int * int := match n with O => (r, q) | S n => if geq r d 1 then fewer n d (sub r d 1) (q + 1)%uint63 else (r, q) end.
Fixpoint divide (n : nat) (d : list int) (top : int) (r : list int) (q : list int) : list int :=
  match n with
  | O => q
  | S n =>
    let r := 0%uint63 :: r in
    let '(b, a) := last2 0 0 r in
    let e := ((a * 2147483648 + b) / (top + 1))%uint63 in
    let '(r, e) := fewer 8 d (sub r (row e d [] 0) 1) e in
    divide n d top (removelast r) (e :: q)
  end.
Definition inverse (L : logs) (d : list int) : list int :=
  let d := firstn (length (l_rest L)) (shr (l_low L) (l_top L) (0%uint63 :: d)) in
  let '(_, top) := last2 0 0 d in
  divide (l_digits L) (d ++ [0%uint63]) top (l_rest L) [].
(* Limbs that s d is given: some of d may be 0. *)
Definition room (L : logs) : nat := S (S (S (length (l_sq L)))).
(* sigmoid (c / S) *)
Definition sig63 (C : ctx) (L : logs) (c : Z) : ball :=
  match expl C L c with
  | Some (e, r) =>
    let d := plus (l_one L) e in let s := inverse L d in let m := muladd s d [] in let K := room L in
    if (forallb (fun a => a <? 2147483648)%uint63 s && Nat.leb (length m) K && Z.leb 0 r)%bool then
      let m := pad K m in let t := pad K (l_sq L) in
      let o := if geq t m 1 then sub t m 1 else sub m t 1 in
      Ball (to_Z s) (to_Z (shift (p C) (muladd s (of_Z r) o)) + 1)
    else sigpos0 C c
  | None => sigpos0 C c
  end.
Lemma sig63_ok C L c : exact C L -> 0 <= c -> exists s, sig63 C L c = near C s (expneg0 C c).
Proof.
  intros HL Hc. unfold sig63. destruct (expl C L c) as [[e r]|] eqn:E; [|apply sigpos0_eq]. cbv zeta.
  destruct (expl_ok C L c e r HL Hc E) as [Oe Ee]. destruct HL as [EL F]. unfold logs_fit in F. rewrite !Bool.andb_true_iff, !Z.leb_le in F. destruct F as ((((F1 & F2) & _) & _) & _).
  set (s := inverse L (plus (l_one L) e)). clearbody s. set (m := muladd s (plus (l_one L) e) []) in *.
  destruct (forallb (fun a => a <? 2147483648)%uint63 s) eqn:Hs; [|apply sigpos0_eq]. destruct (Nat.leb_spec (length m) (room L)) as [Lm|]; [|apply sigpos0_eq].
  destruct (Z.leb_spec 0 r) as [Hr|]; [|apply sigpos0_eq]. cbn [andb]. exists (val s).
  assert (Os : ok s). { clear - Hs. induction s as [|a s IH]; constructor; cbn [forallb] in Hs; apply andb_prop in Hs; destruct Hs as [H1 H2]; [apply ltb_spec in H1; exact H1 | apply IH, H2]. }
  assert (O1 : ok (l_one L) /\ val (l_one L) = one C) by (rewrite EL; unfold logs_of; cbv zeta; cbn [l_one]; destruct (of_Z_ok (one C)) as [V O]; split; [exact O | rewrite V; lia]).
  assert (O2 : ok (l_sq L) /\ val (l_sq L) = Z.shiftl (one C) (p C)).
  { rewrite EL; unfold logs_of; cbv zeta; cbn [l_sq]; destruct (of_Z_ok (Z.shiftl (one C) (p C))) as [V O]; split; [exact O|]. rewrite V. apply Z.abs_eq, Z.shiftl_nonneg, F2. }
  destruct O1 as [O1 V1], O2 as [O2 V2]. clear EL. destruct (plus_ok _ _ O1 Oe) as [Vd Od]. destruct (muladd_ok _ Od s [] Os ok0) as [Vm Om]. fold m in Vm, Om.
  destruct (pad_ok _ _ Om Lm) as (Vp & Op & Lp). destruct (pad_ok (room L) _ O2 ltac:(unfold room; lia)) as (Vt & Ot & Lt).
  set (K := room L) in *. set (mp := pad K m) in *. set (t := pad K (l_sq L)) in *. clearbody mp t.
  set (o := if geq t mp 1 then sub t mp 1 else sub mp t 1).
  assert (Vo : val o = Z.abs (val t - val mp) /\ ok o).
  { unfold o. rewrite geq_ok by first [assumption | congruence | discriminate]. change ($1%uint63) with 1. destruct (Z.ltb_spec (val mp) (val t + 1)) as [G|G].
    - destruct (sub_ok t mp 1 ltac:(congruence) Ot Op ltac:(discriminate) G) as (V & O & _). change ($1%uint63) with 1 in V. split; [rewrite V; lia | exact O].
    - destruct (sub_ok mp t 1 ltac:(congruence) Op Ot ltac:(discriminate) ltac:(change ($1%uint63) with 1; lia)) as (V & O & _). change ($1%uint63) with 1 in V. split; [rewrite V; lia | exact O]. }
  destruct Vo as [Vo Oo]. clearbody o. destruct (of_Z_ok r) as [Vr Or]. destruct (muladd_ok _ Or s o Os Oo) as [Vz Oz]. destruct (shift_ok (p C) _ F1 Oz) as [W Q].
  rewrite (to_Z_ok _ Q), (to_Z_ok _ Os), W. unfold near. rewrite Ee. cbn [bc br]. f_equal. f_equal. f_equal.
  rewrite Vz, Vo, Vr, Vt, Vp, Vm, Vd, V1, V2. cbn [val]. pose proof (val_pos s). rewrite (Z.abs_eq (val s)), (Z.abs_eq r) by lia. replace (val s * (one C + val e) + 0) with (val s * (one C + val e)) by ring. ring.
Qed.
Definition exp_63 (C : ctx) (L : logs) (c : Z) : ball := match expl C L c with Some (e, r) => Ball (to_Z e) r | None => expneg0 C c end.
Lemma exp_63_ok C L c : exact C L -> 0 <= c -> exp_63 C L c = expneg0 C c.
Proof.
  intros HL Hc. unfold exp_63. destruct (expl C L c) as [[e r]|] eqn:E; [|reflexivity]. destruct (expl_ok C L c e r HL Hc E) as [O ->]. rewrite (to_Z_ok e O). reflexivity.
Qed.
Definition fast (C : ctx) (L : logs) : engine := Engine mul63 ball63 rows63 cols63 (exp_63 C L) (sig63 C L).
Theorem fast_ok C L : L = logs_of C -> logs_fit C = true -> engine_ok C (fast C L).
Proof.
  intros E F. assert (HL : exact C L) by (split; assumption).
  split; [exact mul63_ok | split; [exact ball63_ok | split; [exact rows63_ok | split; [exact cols63_ok | split]]]]; intros c Hc.
  - apply exp_63_ok; assumption.
  - apply sig63_ok; assumption.
Qed.
