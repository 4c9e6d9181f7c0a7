(* NumGrad: a checker, proved once, for the gradient of a loss of ONE concrete recurrent net.
   Part 1: balls of whole numbers. A ball (c, r) of scale k holds x when |x 2^k - c| <= r. *)
Require Import Reals Lra Lia Psatz ZArith List. Require Import GradFlow.
Import ListNotations.
Open Scope R_scope.

Definition P2 (k : Z) : R := IZR (2 ^ k).
Lemma P2_pos k : (0 <= k)%Z -> 0 < P2 k.
Proof. intros H; apply IZR_lt; apply Z.pow_pos_nonneg; lia. Qed.
Lemma P2_ge1 k : (0 <= k)%Z -> 1 <= P2 k.
Proof. intros H; apply (IZR_le 1). pose proof (Z.pow_pos_nonneg 2 k ltac:(lia) H); lia. Qed.
Lemma P2_add a b : (0 <= a)%Z -> (0 <= b)%Z -> P2 (a + b) = P2 a * P2 b.
Proof. intros; unfold P2; rewrite Z.pow_add_r, mult_IZR by lia; reflexivity. Qed.

Lemma shr a k : (0 <= k)%Z -> IZR (Z.shiftr a k) <= IZR a / P2 k < IZR (Z.shiftr a k) + 1.
Proof.
  intros H; rewrite Z.shiftr_div_pow2 by exact H; pose proof (P2_pos k H) as P.
  assert (Q : (0 < 2 ^ k)%Z) by (apply Z.pow_pos_nonneg; lia).
  pose proof (Z.div_mod a (2 ^ k) ltac:(lia)) as E; pose proof (Z.mod_pos_bound a (2 ^ k) Q) as M.
  set (d := (a / 2 ^ k)%Z) in *; set (m := (a mod 2 ^ k)%Z) in *.
  assert (E2 : IZR a = P2 k * IZR d + IZR m) by (rewrite E, plus_IZR, mult_IZR; reflexivity).
  destruct M as [M0 M1]; apply IZR_le in M0; apply IZR_lt in M1; fold (P2 k) in M1.
  replace (IZR a / P2 k) with (IZR d + IZR m / P2 k) by (rewrite E2; field; lra).
  assert (0 <= IZR m / P2 k) by (apply Rmult_le_pos; [exact M0 | left; apply Rinv_0_lt_compat; exact P]).
  assert (IZR m / P2 k < 1) by (apply (Rmult_lt_reg_r (P2 k)); [exact P | unfold Rdiv; rewrite Rmult_assoc, Rinv_l, Rmult_1_r, Rmult_1_l by lra; exact M1]).
  lra.
Qed.
Lemma shl a k : (0 <= k)%Z -> IZR (Z.shiftl a k) = IZR a * P2 k.
Proof. intros H; rewrite Z.shiftl_mul_pow2, mult_IZR by exact H; reflexivity. Qed.

Record ball := Ball { bc : Z; br : Z }.
Definition inb (k : Z) (b : ball) (x : R) : Prop := Rabs (x * P2 k - IZR (bc b)) <= IZR (br b).
Lemma inb_abs k b x : inb k b x -> Rabs (x * P2 k) <= Rabs (IZR (bc b)) + IZR (br b).
Proof. unfold inb; intros H; pose proof (Rabs_triang (x * P2 k - IZR (bc b)) (IZR (bc b))) as T.
  replace (x * P2 k - IZR (bc b) + IZR (bc b)) with (x * P2 k) in T by ring; lra. Qed.

Definition badd (a b : ball) : ball := Ball (bc a + bc b) (br a + br b).
Definition bsub (a b : ball) : ball := Ball (bc a - bc b) (br a + br b).
Lemma badd_ok k a b x y : inb k a x -> inb k b y -> inb k (badd a b) (x + y).
Proof. unfold inb, badd; simpl; intros A B; rewrite !plus_IZR.
  replace ((x + y) * P2 k - (IZR (bc a) + IZR (bc b))) with ((x * P2 k - IZR (bc a)) + (y * P2 k - IZR (bc b))) by ring.
  eapply Rle_trans; [apply Rabs_triang | lra]. Qed.
Lemma bsub_ok k a b x y : inb k a x -> inb k b y -> inb k (bsub a b) (x - y).
Proof. unfold inb, bsub; simpl; intros A B; rewrite minus_IZR, plus_IZR.
  replace ((x - y) * P2 k - (IZR (bc a) - IZR (bc b))) with ((x * P2 k - IZR (bc a)) + - (y * P2 k - IZR (bc b))) by ring.
  eapply Rle_trans; [apply Rabs_triang |]. rewrite Rabs_Ropp; lra. Qed.

(* From scale k + j to scale k. *)
Definition rnd (j : Z) (b : ball) : ball :=
  match bc b, br b with Z0, Z0 => Ball 0 0 | _, _ => Ball (Z.shiftr (bc b) j) (Z.shiftr (br b) j + 2) end.
Lemma rnd_0 k j x : (0 <= k)%Z -> (0 <= j)%Z -> inb (k + j) (Ball 0 0) x -> inb k (Ball 0 0) x.
Proof.
  unfold inb; simpl; intros Hk Hj H. rewrite P2_add in H by assumption. pose proof (P2_pos j Hj) as P. pose proof (P2_pos k Hk) as Q.
  rewrite Rminus_0_r in *. assert (E : Rabs (x * P2 k) * P2 j <= 0).
  { rewrite <- (Rabs_pos_eq (P2 j)) by lra. rewrite <- Rabs_mult. replace (x * P2 k * P2 j) with (x * (P2 k * P2 j)) by ring. exact H. }
  pose proof (Rabs_pos (x * P2 k)). nra.
Qed.
Lemma rnd_some k j b x : (0 <= k)%Z -> (0 <= j)%Z -> inb (k + j) b x -> inb k (Ball (Z.shiftr (bc b) j) (Z.shiftr (br b) j + 2)) x.
Proof.
  unfold inb; simpl; intros Hk Hj H; rewrite P2_add in H by assumption; rewrite plus_IZR.
  pose proof (P2_pos j Hj) as P; pose proof (shr (bc b) j Hj) as C; pose proof (shr (br b) j Hj) as E.
  assert (A : Rabs (x * P2 k - IZR (bc b) / P2 j) <= IZR (br b) / P2 j).
  { replace (x * P2 k - IZR (bc b) / P2 j) with ((x * (P2 k * P2 j) - IZR (bc b)) / P2 j) by (field; lra).
    unfold Rdiv; rewrite Rabs_mult, (Rabs_pos_eq (/ P2 j)) by (left; apply Rinv_0_lt_compat; exact P).
    apply Rmult_le_compat_r; [left; apply Rinv_0_lt_compat; exact P | exact H]. }
  apply abs_range in A. apply Rabs_le; lra.
Qed.
Lemma rnd_ok k j b x : (0 <= k)%Z -> (0 <= j)%Z -> inb (k + j) b x -> inb k (rnd j b) x.
Proof.
  intros Hk Hj H. pose proof (rnd_some k j b x Hk Hj H) as G. unfold rnd. destruct b as [c r]; cbn [bc br] in *.
  destruct c; try exact G. destruct r; try exact G. apply (rnd_0 k j); assumption.
Qed.
(* A ball of scale j times a ball of scale k, of scale k; the first factor should be the shorter one. *)
Definition bprod (j : Z) (a b : ball) : ball :=
  rnd j (Ball (bc a * bc b) (Z.abs (bc a) * br b + br a * (Z.abs (bc b) + br b))).
Lemma mul_real a b c d r s : Rabs (a - c) <= r -> Rabs (b - d) <= s ->
  Rabs (a * b - c * d) <= Rabs c * s + r * (Rabs d + s).
Proof.
  intros A B; replace (a * b - c * d) with (c * (b - d) + (a - c) * b) by ring.
  eapply Rle_trans; [apply Rabs_triang|]; rewrite !Rabs_mult.
  assert (Rabs b <= Rabs d + s).
  { pose proof (Rabs_triang (b - d) d) as T; replace (b - d + d) with b in T by ring; lra. }
  apply Rplus_le_compat.
  - apply Rmult_le_compat_l; [apply Rabs_pos | exact B].
  - apply Rmult_le_compat; auto using Rabs_pos.
Qed.
Lemma bprod_ok j k a b x y : (0 <= j)%Z -> (0 <= k)%Z -> inb j a x -> inb k b y -> inb k (bprod j a b) (x * y).
Proof.
  intros Hj Hk A B; apply rnd_ok; auto; unfold inb in *; simpl.
  rewrite P2_add, plus_IZR, !mult_IZR, plus_IZR, !abs_IZR by assumption.
  replace (x * y * (P2 k * P2 j)) with ((x * P2 j) * (y * P2 k)) by ring.
  apply mul_real; assumption.
Qed.
(* Fewer bits. *)
Lemma short_ok p m b x : (0 <= m <= p)%Z -> inb p b x -> inb m (rnd (p - m) b) x.
Proof. intros H I; apply rnd_ok; [lia | lia | replace (m + (p - m))%Z with p by lia; exact I]. Qed.

(* Part 2: ln(1 + x), exp(-y), sigmoid, tanh. *)
(* lnser n x = sum of -(-x)^k / k for k = 1..n *)
Fixpoint lnser (n : nat) (x : R) : R := match n with O => 0 | S k => lnser k x - (- x) ^ S k / INR (S k) end.
Lemma lnser_d n x : derivable_pt_lim (lnser n) x (sum n (fun k => (- x) ^ k)).
Proof.
  induction n as [|n IH]; [exact (dl_const 0 x)|].
  change (derivable_pt_lim (fun y => lnser n y - (- y) ^ S n / INR (S n)) x (sum n (fun k => (- x) ^ k) + (- x) ^ n)).
  eapply dl_eq.
  - apply (dl_minus (lnser n)); [exact IH|].
    apply (dl_mult (fun y => (- y) ^ S n) (fun _ => / INR (S n))); [|apply dl_const].
    apply (dl_pow (fun y => - y)). apply (dl_opp (fun y => y)), derivable_pt_lim_id.
  - simpl pred. pose proof (lt_0_INR (S n) (Nat.lt_0_succ n)). field. lra.
Qed.
Lemma geo n x : 1 + x <> 0 -> / (1 + x) - sum n (fun k => (- x) ^ k) = (- x) ^ n / (1 + x).
Proof. intros H; induction n as [|n IH]; simpl; [field; exact H|].
  replace (/ (1 + x) - (sum n (fun k => (- x) ^ k) + (- x) ^ n)) with (/ (1 + x) - sum n (fun k => (- x) ^ k) - (- x) ^ n) by ring.
  rewrite IH; field; exact H. Qed.
Lemma ln_taylor n x : - (1 / 2) <= x <= 1 / 2 -> Rabs (ln (1 + x) - lnser n x) <= 2 * Rabs x ^ S n.
Proof.
  intros Hx.
  destruct (MVT_abs (fun y => ln (1 + y) - lnser n y) (fun y => (- y) ^ n / (1 + y)) 0 x) as [z [E Hz]].
  { intros c Hc. assert (- (1 / 2) <= c <= 1 / 2).
    { unfold Rmin, Rmax in Hc; destruct (Rle_dec 0 x); lra. }
    eapply dl_eq; [apply (dl_minus (fun y => ln (1 + y)) (lnser n)); [|apply lnser_d]|].
    - apply (dl_comp (fun y => 1 + y) ln); [apply (dl_plus (fun _ => 1) (fun y => y)); [apply dl_const | apply derivable_pt_lim_id]|].
      apply derivable_pt_lim_ln; lra.
    - rewrite <- geo by lra. ring. }
  rewrite Rplus_0_r, ln_1 in E. assert (L0 : lnser n 0 = 0).
  { clear; induction n as [|n IH]; [reflexivity|]. change (lnser n 0 - (- 0) ^ S n / INR (S n) = 0).
    rewrite IH, Ropp_0, pow_i by lia. unfold Rdiv; ring. }
  rewrite L0 in E. replace (0 - 0) with 0 in E by ring. rewrite !Rminus_0_r in E. rewrite E.
  assert (Rabs z <= Rabs x /\ - (1 / 2) <= z) as [Z1 Z2].
  { unfold Rmin, Rmax in Hz; destruct (Rle_dec 0 x); [rewrite !Rabs_pos_eq by lra | rewrite !Rabs_left1 by lra]; lra. }
  unfold Rdiv; rewrite Rabs_mult, <- RPow_abs, Rabs_Ropp.
  assert (A : Rabs (/ (1 + z)) <= 2).
  { rewrite Rabs_pos_eq by (left; apply Rinv_0_lt_compat; lra). replace 2 with (/ (1 / 2)) by field. apply Rinv_le_contravar; lra. }
  pose proof (pow_le (Rabs z) n (Rabs_pos z)). pose proof (pow_incr (Rabs z) (Rabs x) n (conj (Rabs_pos z) Z1)).
  simpl. pose proof (Rabs_pos x). pose proof (Rabs_pos (/ (1 + z))).
  replace (2 * (Rabs x * Rabs x ^ n)) with (Rabs x ^ n * 2 * Rabs x) by ring.
  apply Rmult_le_compat_r; [assumption|]. apply Rmult_le_compat; assumption.
Qed.
Lemma zdiv a b : (0 < b)%Z -> IZR (a / b) <= IZR a / IZR b < IZR (a / b) + 1.
Proof.
  intros H; pose proof (Z.div_mod a b ltac:(lia)) as E; pose proof (Z.mod_pos_bound a b H) as M.
  set (d := (a / b)%Z) in *; set (m := (a mod b)%Z) in *. apply IZR_lt in H.
  assert (E2 : IZR a = IZR b * IZR d + IZR m) by (rewrite E, plus_IZR, mult_IZR; reflexivity).
  destruct M as [M0 M1]; apply IZR_le in M0; apply IZR_lt in M1.
  replace (IZR a / IZR b) with (IZR d + IZR m / IZR b) by (rewrite E2; field; lra).
  assert (0 <= IZR m / IZR b) by (apply Rmult_le_pos; [exact M0 | left; apply Rinv_0_lt_compat; exact H]).
  assert (IZR m / IZR b < 1) by (apply (Rmult_lt_reg_r (IZR b)); [exact H | unfold Rdiv; rewrite Rmult_assoc, Rinv_l, Rmult_1_r, Rmult_1_l by lra; exact M1]).
  lra.
Qed.
Lemma inv_pow i k : (0 <= i)%Z -> (/ P2 i) ^ k = / P2 (i * Z.of_nat k).
Proof.
  intros H; pose proof (P2_pos i H); rewrite pow_inv; f_equal; unfold P2; rewrite Z.pow_mul_r by lia.
  rewrite pow_IZR; reflexivity.
Qed.
(* sum of (+-) 2^(w - i k) / k, k = 1..n; alt: signs + - + -, else all + *)
Fixpoint lnsum (alt : bool) (w i : Z) (n : nat) : Z :=
  match n with
  | O => 0
  | S k => let K := Z.of_nat n in let t := (2 ^ (w - i * K) / K)%Z in
           (lnsum alt w i k + (if (alt && Z.even K)%bool then - t else t))%Z
  end.
Lemma lnsum_ok (alt : bool) (w i : Z) (n : nat) : (0 <= i)%Z -> (i * Z.of_nat n <= w)%Z ->
  Rabs ((if alt then lnser n (/ P2 i) else - lnser n (- / P2 i)) * P2 w - IZR (lnsum alt w i n)) <= INR n.
Proof.
  intros Hi; induction n as [|n IH]; intros Hw.
  { simpl. replace ((if alt then 0 else - 0) * P2 w - 0) with 0 by (destruct alt; ring). rewrite Rabs_R0; lra. }
  assert (IH1 := IH ltac:(nia)); clear IH.
  set (x := / P2 i) in *. set (K := Z.of_nat (S n)) in *.
  set (t := (2 ^ (w - i * K) / K)%Z).
  assert (T : IZR t <= x ^ S n / INR (S n) * P2 w < IZR t + 1).
  { pose proof (zdiv (2 ^ (w - i * K)) K ltac:(lia)) as B. fold t in B. fold (P2 (w - i * K)) in B.
    replace (x ^ S n / INR (S n) * P2 w) with (P2 (w - i * K) / IZR K); [exact B|].
    unfold x; rewrite inv_pow by exact Hi. fold K. rewrite INR_IZR_INZ. fold K.
    assert (0 <= i * K)%Z by (unfold K; nia).
    replace (P2 w) with (P2 (w - i * K) * P2 (i * K)) by (rewrite <- P2_add by lia; f_equal; lia).
    pose proof (P2_pos (i * K) ltac:(lia)). assert (0 < IZR K) by (apply IZR_lt; unfold K; lia). field; split; lra. }
  assert (Sg : (- x) ^ S n = if Z.even K then x ^ S n else - x ^ S n).
  { unfold K; rewrite Nat2Z.inj_succ, Z.even_succ, <- Z.negb_even.
    clear; induction n as [|n IH]; [simpl; ring|].
    change ((- x) ^ S (S n)) with (- x * (- x) ^ S n). rewrite IH.
    rewrite Nat2Z.inj_succ, Z.even_succ, <- Z.negb_even. destruct (Z.even (Z.of_nat n)); simpl; ring. }
  change (lnsum alt w i (S n)) with (lnsum alt w i n + (if (alt && Z.even K)%bool then - t else t))%Z.
  rewrite plus_IZR, S_INR. set (u := x ^ S n / INR (S n) * P2 w) in *.
  assert (Eq : (if alt then lnser (S n) x else - lnser (S n) (- x)) * P2 w
     = (if alt then lnser n x else - lnser n (- x)) * P2 w + (if (alt && Z.even K)%bool then - u else u)).
  { destruct alt.
    - change (lnser (S n) x) with (lnser n x - (- x) ^ S n / INR (S n)). rewrite Sg. unfold u, Rdiv. destruct (Z.even K); simpl; ring.
    - change (lnser (S n) (- x)) with (lnser n (- x) - (- - x) ^ S n / INR (S n)). rewrite Ropp_involutive. unfold u, Rdiv; simpl andb; cbv iota. ring. }
  rewrite Eq. apply abs_range in IH1. apply Rabs_le.
  destruct (alt && Z.even K)%bool; rewrite ?opp_IZR; lra.
Qed.
(* ln (1 + 2^-i), and ln 2, of scale p, radius 2 *)
Definition lnball (alt : bool) (p i : Z) : ball := rnd 12 (Ball (lnsum alt (p + 12) i (Z.to_nat ((p + 12) / i))) ((p + 12) / i + 2)).
Lemma ln_ok (alt : bool) (p i : Z) : (0 <= p)%Z -> (1 <= i)%Z -> inb p (lnball alt p i) (if alt then ln (1 + / P2 i) else - ln (1 - / P2 i)).
Proof.
  intros Hp Hi; apply rnd_ok; [exact Hp | lia |]. set (w := (p + 12)%Z). unfold inb; cbn [bc br].
  assert (D0 : (0 <= w / i)%Z) by (apply Z.div_pos; lia).
  pose proof (Z.mul_div_le w i ltac:(lia)) as D1. pose proof (Z.mul_succ_div_gt w i ltac:(lia)) as D2.
  set (n := Z.to_nat (w / i)). assert (En : Z.of_nat n = (w / i)%Z) by (apply Z2Nat.id; exact D0).
  pose proof (lnsum_ok alt w i n ltac:(lia) ltac:(lia)) as A.
  pose proof (P2_pos i ltac:(lia)) as Pi. pose proof (P2_pos w ltac:(lia)) as Pw.
  assert (Pi2 : 2 <= P2 i). { apply (IZR_le 2). replace i with (1 + (i - 1))%Z by lia. rewrite Z.pow_add_r by lia.
    pose proof (Z.pow_pos_nonneg 2 (i - 1) ltac:(lia) ltac:(lia)). lia. }
  set (x := / P2 i) in *. assert (X : 0 < x <= 1 / 2).
  { unfold x; split; [apply Rinv_0_lt_compat; exact Pi|]. replace (1 / 2) with (/ 2) by field. apply Rinv_le_contravar; lra. }
  assert (Rm : x ^ S n * P2 w <= 1).
  { unfold x; rewrite inv_pow by lia. assert (Q : (w <= i * Z.of_nat (S n))%Z) by lia.
    replace (i * Z.of_nat (S n))%Z with (w + (i * Z.of_nat (S n) - w))%Z by lia. rewrite P2_add by lia.
    set (o := (i * Z.of_nat (S n) - w)%Z). pose proof (P2_ge1 o ltac:(unfold o; lia)).
    rewrite Rinv_mult by lra. replace (/ P2 w * / P2 o * P2 w) with (/ P2 o) by (field; lra).
    rewrite <- Rinv_1. apply Rinv_le_contravar; lra. }
  assert (B : Rabs ((if alt then ln (1 + x) else - ln (1 - x)) * P2 w - (if alt then lnser n x else - lnser n (- x)) * P2 w) <= 2).
  { destruct alt.
    - pose proof (ln_taylor n x ltac:(lra)) as L. rewrite (Rabs_pos_eq x) in L by lra.
      rewrite <- Rmult_minus_distr_r, Rabs_mult, (Rabs_pos_eq (P2 w)) by lra.
      apply Rle_trans with (2 * x ^ S n * P2 w); [apply Rmult_le_compat_r; lra | lra].
    - pose proof (ln_taylor n (- x) ltac:(lra)) as L. rewrite Rabs_Ropp, (Rabs_pos_eq x) in L by lra.
      rewrite <- Rmult_minus_distr_r, Rabs_mult, (Rabs_pos_eq (P2 w)) by lra.
      replace (- ln (1 - x) - - lnser n (- x)) with (- (ln (1 + - x) - lnser n (- x))) by (unfold Rminus; ring). rewrite Rabs_Ropp.
      apply Rle_trans with (2 * x ^ S n * P2 w); [apply Rmult_le_compat_r; lra | lra]. }
  fold w. fold n.
  rewrite plus_IZR. rewrite INR_IZR_INZ, En in A.
  match goal with |- Rabs (?v - ?z) <= _ => apply Rle_trans with (Rabs (v - (if alt then lnser n x else - lnser n (- x)) * P2 w) + Rabs ((if alt then lnser n x else - lnser n (- x)) * P2 w - z)) end.
  - match goal with |- Rabs (?a - ?c) <= Rabs (?a - ?b) + Rabs (?b - ?c) => replace (a - c) with ((a - b) + (b - c)) by ring end. apply Rabs_triang.
  - unfold w in *; lra.
Qed.

(* exp by factors 1 + 2^-i: the table holds (i, ball of ln (1 + 2^-i)). *)
Definition tab := list (Z * ball).
Definition tab_ok (p : Z) (t : tab) := forall i b, In (i, b) t -> (0 <= i)%Z /\ inb p b (ln (1 + / P2 i)).
Fixpoint mktab (p : Z) (i : Z) (n : nat) : tab :=
  match n with O => [] | S k => (i, lnball true p i) :: mktab p (i + 1) k end.
Lemma mktab_ok p n : forall i, (0 <= p)%Z -> (1 <= i)%Z -> tab_ok p (mktab p i n).
Proof.
  induction n as [|n IH]; intros i Hp Hi j b H; [contradiction|].
  destruct H as [E|H]; [injection E as <- <-; split; [lia | exact (ln_ok true p i Hp Hi)] | apply (IH (i + 1)%Z); [lia | lia | exact H]].
Qed.
Fixpoint factors (t : tab) (rem cnt : Z) (v : ball) : Z * Z * ball :=
  match t with
  | [] => (rem, cnt, v)
  | (i, b) :: t => let r := (rem - bc b)%Z in
    match r with
    | Zneg _ => factors t rem cnt v
    | _ => factors t r (cnt + br b) (Ball (bc v + Z.shiftr (bc v) i) (br v + Z.shiftr (br v) i + 2))
    end
  end.
Lemma factors_ok p t : (0 <= p)%Z -> tab_ok p t -> forall rem cnt v V rho, inb p v V -> Rabs (rho * P2 p - IZR rem) <= IZR cnt ->
  let '(rem', cnt', v') := factors t rem cnt v in
  exists V' rho', inb p v' V' /\ Rabs (rho' * P2 p - IZR rem') <= IZR cnt' /\ V' * exp rho' = V * exp rho.
Proof.
  intros Hp; induction t as [|[i b] t IH]; intros Ht rem cnt v V rho Hv Hr; [exists V, rho; auto|].
  assert (Ht2 : tab_ok p t) by (intros j c H; apply Ht; right; exact H).
  destruct (Ht i b (or_introl eq_refl)) as [Hi Hb]. simpl.
  assert (G : let '(rem', cnt', v') := factors t (rem - bc b) (cnt + br b) (Ball (bc v + Z.shiftr (bc v) i) (br v + Z.shiftr (br v) i + 2)) in
     exists V' rho', inb p v' V' /\ Rabs (rho' * P2 p - IZR rem') <= IZR cnt' /\ V' * exp rho' = V * exp rho).
  { pose proof (P2_pos i Hi) as Pi. assert (X : 0 < / P2 i) by (apply Rinv_0_lt_compat; exact Pi).
    assert (HV : inb p (Ball (bc v + Z.shiftr (bc v) i) (br v + Z.shiftr (br v) i + 2)) (V * (1 + / P2 i))).
    { unfold inb in *; cbn [bc br]. rewrite !plus_IZR. pose proof (shr (bc v) i Hi) as C. pose proof (shr (br v) i Hi) as E.
      unfold Rdiv in C, E. apply abs_range in Hv. 
      assert (Y : - IZR (br v) * / P2 i <= (V * P2 p - IZR (bc v)) * / P2 i <= IZR (br v) * / P2 i)
        by (split; apply Rmult_le_compat_r; lra).
      apply Rabs_le. lra. }
    assert (HR : Rabs ((rho - ln (1 + / P2 i)) * P2 p - IZR (rem - bc b)) <= IZR (cnt + br b)).
    { unfold inb in Hb. rewrite minus_IZR, plus_IZR. apply abs_range in Hb, Hr. apply Rabs_le. lra. }
    specialize (IH Ht2 _ _ _ _ _ HV HR).
    destruct (factors t (rem - bc b) (cnt + br b) (Ball (bc v + Z.shiftr (bc v) i) (br v + Z.shiftr (br v) i + 2))) as [[rem' cnt'] v'].
    destruct IH as (V' & rho' & A & B & C). exists V', rho'; split; [exact A | split; [exact B|]]. rewrite C.
    unfold Rminus. rewrite exp_plus, exp_Ropp, exp_ln by lra. field. split; lra. }
  destruct (rem - bc b)%Z; [exact G | exact G | exact (IH Ht2 _ _ _ _ _ Hv Hr)].
Qed.
Lemma exp_near x : - (1 / 2) <= x <= 1 / 2 -> 1 + x <= exp x <= 1 + x + 2 * (x * x).
Proof.
  intros H. assert (G : forall y, 1 + y <= exp y).
  { intros y; destruct (Req_dec y 0) as [->|N]; [rewrite exp_0; lra | left; apply exp_ineq1; exact N]. }
  split; [apply G|]. pose proof (G (- x)) as B. rewrite exp_Ropp in B. pose proof (exp_pos x) as P.
  assert (exp x * (1 - x) <= 1).
  { apply (Rmult_le_compat_l (exp x)) in B; [|lra]. rewrite Rinv_r in B by lra. lra. }
  apply (Rmult_le_reg_r (1 - x)); [lra|]. nra.
Qed.
Lemma exp_nearer x : - (1 / 2) <= x <= 1 / 2 -> Rabs (exp x - (1 + x + x * x / 2)) <= 2 * (Rabs x * Rabs x * Rabs x).
Proof.
  intros Hx. destruct (MVT_abs (fun y => exp y - (1 + y + y * y / 2)) (fun y => exp y - (1 + y)) 0 x) as [z [E Hz]].
  { intros c _. eapply dl_eq; [apply (dl_minus exp (fun y => 1 + y + y * y / 2)); [apply derivable_pt_lim_exp|]|].
    - apply (dl_plus (fun y => 1 + y) (fun y => y * y / 2)); [apply (dl_plus (fun _ => 1) (fun y => y)); [apply dl_const | apply derivable_pt_lim_id]|].
      apply (dl_mult (fun y => y * y) (fun _ => / 2)); [apply (dl_mult (fun y => y) (fun y => y)); apply derivable_pt_lim_id | apply dl_const].
    - field. }
  rewrite exp_0 in E. replace (exp x - (1 + x + x * x / 2) - (1 - (1 + 0 + 0 * 0 / 2))) with (exp x - (1 + x + x * x / 2)) in E by field.
  rewrite Rminus_0_r in E. rewrite E. assert (Z1 : Rabs z <= Rabs x /\ - (1 / 2) <= z <= 1 / 2).
  { unfold Rmin, Rmax in Hz; destruct (Rle_dec 0 x); [rewrite !Rabs_pos_eq by lra | rewrite !Rabs_left1 by lra]; lra. }
  destruct Z1 as [Z1 Z2]. pose proof (exp_near z Z2) as N. replace (2 * (Rabs x * Rabs x * Rabs x)) with (2 * (Rabs x * Rabs x) * Rabs x) by ring.
  apply Rmult_le_compat_r; [apply Rabs_pos|]. apply Rle_trans with (2 * (z * z)); [apply Rabs_le; pose proof (Rle_0_sqr z) as Q; unfold Rsqr in Q; lra|].
  apply Rmult_le_compat_l; [lra|]. replace (z * z) with (Rabs z * Rabs z) by (rewrite <- Rabs_mult; apply Rabs_pos_eq; apply Rle_0_sqr).
  apply Rmult_le_compat; auto using Rabs_pos.
Qed.
Lemma exp_pow k : (0 <= k)%Z -> exp (IZR k * ln 2) = P2 k.
Proof.
  intros Hk. unfold P2. rewrite <- (Z2Nat.id k Hk). set (n := Z.to_nat k). clearbody n. rewrite <- pow_IZR, <- INR_IZR_INZ.
  clear. induction n as [|n IH]; [simpl; rewrite Rmult_0_l, exp_0; reflexivity|].
  rewrite S_INR. simpl pow. rewrite <- IH, Rmult_plus_distr_r, exp_plus, Rmult_1_l, exp_ln by lra. ring.
Qed.
Record ctx := Ctx { p : Z; one : Z; h : Z; ln2 : ball; tbl : tab }.
Definition ctx_ok (C : ctx) := (32 <= p C)%Z /\ one C = (2 ^ p C)%Z /\ (0 <= h C)%Z /\ (3 * h C + 1 <= 2 * p C)%Z /\ (h C + 1 <= p C)%Z /\ inb (p C) (ln2 C) (ln 2) /\ tab_ok (p C) (tbl C).
Definition mkctx (p : Z) : ctx := Ctx p (2 ^ p) (2 * p / 3 - 1) (lnball false p 1) (mktab p 1 (Z.to_nat (p / 3 + 4))).
Lemma mkctx_ok P : (32 <= P)%Z -> ctx_ok (mkctx P).
Proof.
  intros H; unfold ctx_ok, mkctx; cbn [p one h ln2 tbl]. pose proof (Z.mul_div_le (2 * P) 3 ltac:(lia)).
  pose proof (Z.div_le_lower_bound (2 * P) 3 16 ltac:(lia) ltac:(lia)).
  split; [exact H | split; [reflexivity | split; [lia | split; [lia | split; [lia | split]]]]].
  - pose proof (ln_ok false P 1 ltac:(lia) ltac:(lia)) as L. cbv iota in L.
    replace (ln 2) with (- ln (1 - / P2 1)); [exact L|]. change (P2 1) with 2.
    rewrite <- ln_Rinv by lra. apply f_equal. field.
  - apply mktab_ok; lia.
Qed.
Section Exp.
Variable C : ctx.
Notation pp := (p C).
Notation S_ := (P2 pp).
(* exp (- c / S), c >= 0 *)
Definition expneg0 (c : Z) : ball :=
  let k := (Z.shiftr c (pp - 16) / 45425 + 1)%Z in
  let '(rem, cnt, v) := factors (tbl C) (k * bc (ln2 C) - c)%Z (k * br (ln2 C))%Z (Ball (one C) 0) in
  if (Z.shiftr (Z.abs rem + cnt) (h C) =? 0)%Z then rnd k (bprod pp (Ball (one C + rem + Z.shiftr (rem * rem) (pp + 1)) (2 * cnt + 2)) v)
  else Ball 0 (one C).
(* 1 / (1 + e) by Newton's iteration; what it returns is checked, not trusted. d = 1 + e at scale pp, in [1, 2]. *)
Fixpoint levels (n : nat) (l : Z) : list Z := match n with O => [] | S k => levels k ((l + 1) / 2 + 2) ++ [l] end.
Definition recip (mul : Z -> Z -> Z) (d : Z) : Z :=
  let step (s : Z * Z) (l : Z) :=
    let '(m, s) := s in  (* s = 2^m / d roughly *)
    let t := Z.shiftl s (l - m) in
    let r := (Z.shiftl 1 (2 * l) - mul t (Z.shiftr d (pp - l)))%Z in
    (l, t + Z.shiftr (mul s (Z.shiftr r l)) m)%Z in
  snd (fold_left step (filter (fun l => Z.ltb 24 l && Z.leb l pp)%bool (levels 6 pp)) (24%Z, (Z.shiftl 1 48 / Z.shiftr d (pp - 24))%Z)).
(* To the whole number below: what is left over, r = N - s d, goes along. *)
Fixpoint settle (n : nat) (d s r : Z) : Z * Z :=
  match n with
  | O => (s, r)
  | S n => if Z.ltb r 0 then settle n d (s - 1) (r + d) else if Z.leb d r then settle n d (s + 1) (r - d) else (s, r)
  end%Z.
Lemma settle_ok N d : forall n s r, r = (N - s * d)%Z -> let '(s, r) := settle n d s r in r = (N - s * d)%Z.
Proof.
  induction n as [|n IH]; intros s r H; cbn [settle]; [exact H|].
  destruct (Z.ltb r 0); [apply IH; rewrite H; ring|]. destruct (Z.leb d r); [apply IH; rewrite H; ring | exact H].
Qed.
(* sigmoid (c / S) for c >= 0: what an inverse s of 1 + e is worth, and the one that plain Z takes. *)
Definition near (s : Z) (e : ball) : ball :=
  Ball s (Z.shiftr (Z.abs (Z.shiftl (one C) pp - s * (one C + bc e)) + Z.abs s * br e) pp + 1).
Definition sigpos0 (c : Z) : ball :=
  let e := expneg0 c in
  let d := (one C + bc e)%Z in
  let s := recip Z.mul d in
  let '(s, r) := settle 4 d s (Z.shiftl (one C) pp - s * d) in
  Ball s (Z.shiftr (Z.abs r + Z.abs s * br e) pp + 1).
Lemma sigpos0_eq c : exists s, sigpos0 c = near s (expneg0 c).
Proof.
  unfold sigpos0. cbv zeta. set (e := expneg0 c). set (d := (one C + bc e)%Z). set (s := recip Z.mul d).
  pose proof (settle_ok (Z.shiftl (one C) pp) d 4 s _ eq_refl) as H. destruct (settle 4 d s _) as [s' r]. exists s'. unfold near. fold d. rewrite H. reflexivity.
Qed.
Hypothesis HC : ctx_ok C.
Lemma p0_ : (0 <= pp)%Z. Proof. destruct HC; lia. Qed.
Lemma S0_ : 0 < S_. Proof. apply P2_pos, p0_. Qed.
Lemma one_S_ : IZR (one C) = S_. Proof. destruct HC as (_ & -> & _). reflexivity. Qed.
Lemma expneg0_ok c : (0 <= c)%Z -> inb pp (expneg0 c) (exp (- (IZR c / S_))).
Proof.
  intros Hc. pose proof p0_ as Hp. pose proof S0_ as HS. unfold expneg0.
  set (k := (Z.shiftr c (pp - 16) / 45425 + 1)%Z).
  assert (Hk : (0 <= k)%Z).
  { unfold k. destruct HC as (P32 & _). assert (0 <= Z.shiftr c (pp - 16))%Z by (apply Z.shiftr_nonneg; exact Hc).
    pose proof (Z.div_pos (Z.shiftr c (pp - 16)) 45425 ltac:(lia) ltac:(lia)). lia. }
  assert (H1 : inb pp (Ball (one C) 0) 1).
  { unfold inb; cbn [bc br]; rewrite one_S_. replace (1 * S_ - S_) with 0 by ring. rewrite Rabs_R0; lra. }
  assert (Hr : Rabs ((IZR k * ln 2 - IZR c / S_) * S_ - IZR (k * bc (ln2 C) - c)) <= IZR (k * br (ln2 C))).
  { destruct HC as (_ & _ & _ & _ & _ & L & _). unfold inb in L. rewrite minus_IZR, !mult_IZR.
    replace ((IZR k * ln 2 - IZR c / S_) * S_ - (IZR k * IZR (bc (ln2 C)) - IZR c)) with (IZR k * (ln 2 * S_ - IZR (bc (ln2 C)))) by (field; lra).
    apply IZR_le in Hk. rewrite Rabs_mult, (Rabs_pos_eq (IZR k)) by exact Hk. apply Rmult_le_compat_l; assumption. }
  assert (HT : tab_ok pp (tbl C)) by (destruct HC as (_ & _ & _ & _ & _ & _ & T); exact T).
  pose proof (factors_ok pp (tbl C) Hp HT _ _ _ _ _ H1 Hr) as F.
  destruct (factors (tbl C) (k * bc (ln2 C) - c) (k * br (ln2 C)) (Ball (one C) 0)) as [[rem cnt] v].
  destruct F as (V & rho & A & B & E).
  assert (Ex : exp (- (IZR c / S_)) * P2 k = V * exp rho).
  { rewrite E, Rmult_1_l. unfold Rminus. rewrite exp_plus. rewrite Rmult_comm. f_equal. symmetry. apply exp_pow, Hk. }
  destruct (Z.eqb_spec (Z.shiftr (Z.abs rem + cnt) (h C)) 0) as [Z0|_].
  - destruct HC as (P32 & _ & Hh & Hh2 & Hh3 & _).
    apply rnd_ok; [exact Hp | exact Hk |].
    assert (I : inb pp (bprod pp (Ball (one C + rem + Z.shiftr (rem * rem) (pp + 1)) (2 * cnt + 2)) v) (exp rho * V)).
    { apply bprod_ok; [exact Hp | exact Hp | | exact A]. unfold inb; cbn [bc br].
      pose proof (shr (Z.abs rem + cnt) (h C) Hh) as Q. rewrite Z0 in Q. rewrite plus_IZR, abs_IZR in Q.
      pose proof (P2_pos (h C) Hh) as Ph.
      assert (Q2 : Rabs (IZR rem) + IZR cnt < P2 (h C)).
      { destruct Q as [_ Q]. apply (Rmult_lt_compat_r (P2 (h C))) in Q; [|exact Ph].
        unfold Rdiv in Q; rewrite Rmult_assoc, Rinv_l in Q by lra. lra. }
      assert (SS : 2 * (P2 (h C) * P2 (h C) * P2 (h C)) <= S_ * S_).
      { rewrite <- !P2_add by lia. change 2 with (P2 1). rewrite <- P2_add by lia. apply IZR_le. apply Z.pow_le_mono_r; lia. }
      assert (S2 : 2 * P2 (h C) <= S_).
      { change 2 with (P2 1). rewrite <- P2_add by lia. apply IZR_le. apply Z.pow_le_mono_r; lia. }
      assert (R2 : Rabs (rho * S_) < P2 (h C)).
      { pose proof (Rabs_triang (rho * S_ - IZR rem) (IZR rem)) as T.
        replace (rho * S_ - IZR rem + IZR rem) with (rho * S_) in T by ring. lra. }
      assert (LCu : 2 * (Rabs rho * Rabs rho * Rabs rho) * S_ <= 1).
      { assert (K : Rabs (rho * S_) * Rabs (rho * S_) * Rabs (rho * S_) <= P2 (h C) * P2 (h C) * P2 (h C)).
        { pose proof (Rabs_pos (rho * S_)). apply Rmult_le_compat; [apply Rmult_le_pos; lra | lra | apply Rmult_le_compat; lra | lra]. }
        rewrite Rabs_mult, (Rabs_pos_eq S_) in K by lra. apply (Rmult_le_reg_r (S_ * S_)); [apply Rmult_lt_0_compat; exact HS|].
        replace (2 * (Rabs rho * Rabs rho * Rabs rho) * S_ * (S_ * S_)) with (2 * (Rabs rho * S_ * (Rabs rho * S_) * (Rabs rho * S_))) by ring. lra. }
      assert (Rho : - (1 / 2) <= rho <= 1 / 2).
      { pose proof (abs_range (rho * S_) _ (Rlt_le _ _ R2)) as W. split; apply (Rmult_le_reg_r S_); try exact HS; lra. }
      pose proof (exp_nearer rho Rho) as N.
      (* the square of rho beside that of rem *)
      pose proof (shr (rem * rem) (pp + 1) ltac:(lia)) as G. rewrite mult_IZR, P2_add in G by lia. change (P2 1) with 2 in G.
      set (g := IZR (Z.shiftr (rem * rem) (pp + 1))) in *.
      assert (cnt0 : 0 <= IZR cnt) by (eapply Rle_trans; [apply Rabs_pos | exact B]).
      assert (D : Rabs (rho * rho / 2 * S_ - IZR rem * IZR rem / (S_ * 2)) <= IZR cnt).
      { replace (rho * rho / 2 * S_ - IZR rem * IZR rem / (S_ * 2)) with ((rho * S_ - IZR rem) * ((rho * S_ + IZR rem) * / (2 * S_))) by (field; lra).
        rewrite Rabs_mult. rewrite <- (Rmult_1_r (IZR cnt)). apply Rmult_le_compat; try apply Rabs_pos; [exact B|].
        rewrite Rabs_mult, (Rabs_pos_eq (/ (2 * S_))) by (left; apply Rinv_0_lt_compat; lra). pose proof (Rabs_triang (rho * S_) (IZR rem)) as T.
        apply (Rmult_le_reg_r (2 * S_)); [lra|]. rewrite Rmult_assoc, Rinv_l, Rmult_1_r, Rmult_1_l by lra. lra. }
      apply (Rmult_le_compat_r S_) in N; [|lra]. rewrite <- (Rabs_pos_eq S_) in N at 1 by lra. rewrite <- Rabs_mult in N.
      replace ((exp rho - (1 + rho + rho * rho / 2)) * S_) with (exp rho * S_ - (S_ + rho * S_ + rho * rho / 2 * S_)) in N by ring.
      rewrite !plus_IZR, mult_IZR, one_S_. fold g. apply abs_range in N. apply abs_range in D. apply abs_range in B. apply Rabs_le. lra. }
    unfold inb in *. rewrite P2_add by assumption. replace (exp (- (IZR c / S_)) * (S_ * P2 k)) with (exp rho * V * S_); [exact I|].
    replace (exp (- (IZR c / S_)) * (S_ * P2 k)) with (exp (- (IZR c / S_)) * P2 k * S_) by ring. rewrite Ex. ring.
  - unfold inb; cbn [bc br]; rewrite one_S_, Rminus_0_r.
    pose proof (exp_pos (- (IZR c / S_))) as EP. rewrite Rabs_pos_eq by (apply Rmult_le_pos; lra).
    assert (exp (- (IZR c / S_)) <= 1).
    { rewrite <- exp_0. apply IZR_le in Hc. assert (0 <= IZR c / S_) by (apply Rmult_le_pos; [exact Hc | left; apply Rinv_0_lt_compat; exact HS]).
      destruct (Req_dec (IZR c / S_) 0) as [->|]; [rewrite Ropp_0; lra | left; apply exp_increasing; lra]. }
    apply Rle_trans with (1 * S_); [apply Rmult_le_compat_r; lra | lra].
Qed.
Lemma near_ok s c : (0 <= c)%Z -> inb pp (near s (expneg0 c)) (sigmoid (IZR c / S_)).
Proof.
  intros Hc. pose proof p0_ as Hp. pose proof S0_ as HS. unfold near.
  pose proof (expneg0_ok c Hc) as E. set (e := expneg0 c) in *. clearbody e. unfold inb; cbn [bc br].
  unfold sigmoid. set (x := exp (- (IZR c / S_))) in *. assert (X : 0 < x) by apply exp_pos. clearbody x.
  rewrite plus_IZR. set (N := (Z.abs (Z.shiftl (one C) pp - s * (one C + bc e)) + Z.abs s * br e)%Z).
  pose proof (shr N pp Hp) as [_ Q]. left. eapply Rle_lt_trans; [|exact Q]. clear Q.
  apply (Rmult_le_reg_r S_); [exact HS|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
  unfold N. rewrite plus_IZR, mult_IZR, !abs_IZR, minus_IZR, mult_IZR, plus_IZR, shl, one_S_ by exact Hp.
  unfold inb in E.
  rewrite <- (Rabs_pos_eq S_) at 2 by lra. rewrite <- Rabs_mult.
  apply Rle_trans with (Rabs ((1 + x) * ((/ (1 + x) * S_ - IZR s) * S_))).
  { rewrite (Rabs_mult (1 + x)). rewrite (Rabs_pos_eq (1 + x)) by lra.
    pose proof (Rabs_pos ((/ (1 + x) * S_ - IZR s) * S_)). rewrite <- (Rmult_1_l (Rabs _)) at 1. apply Rmult_le_compat_r; lra. }
  replace ((1 + x) * ((/ (1 + x) * S_ - IZR s) * S_)) with ((S_ * S_ - IZR s * (S_ + IZR (bc e))) + - (IZR s * (x * S_ - IZR (bc e)))) by (field; lra).
  eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_Ropp, (Rabs_mult (IZR s)).
  apply Rplus_le_compat_l. apply Rmult_le_compat_l; [apply Rabs_pos | exact E].
Qed.
End Exp.
(* Rows of W against v, each with a number that is added; the transpose of W against a, added to what is there. *)
Fixpoint dotrow (w : list Z) (v : list ball) (c r : Z) : ball :=
  match w, v with x :: w, b :: v => dotrow w v (c + x * bc b) (r + Z.abs x * br b) | _, _ => Ball c r end.
Fixpoint map2 {A B D} (f : A -> B -> D) (l : list A) (k : list B) : list D :=
  match l, k with a :: l, b :: k => f a b :: map2 f l k | _, _ => [] end.
Fixpoint axpy (w : list Z) (a : ball) (acc : list ball) : list ball :=
  match w, acc with x :: w, b :: acc => Ball (bc b + x * bc a) (br b + Z.abs x * br a) :: axpy w a acc | _, _ => acc end.
Fixpoint tmv (W : list (list Z)) (a acc : list ball) : list ball :=
  match W, a with w :: W, b :: a => tmv W a (axpy w b acc) | _, _ => acc end.
(* How the whole numbers are worked out. All that is asked of an engine is that it gives what plain Z gives, for a
   sigmoid with any inverse; the one
   below is plain Z itself, NumGrad63.v has one on the 63-bit integers of Coq's kernel. *)
Record engine := Engine {
  e_mul : Z -> Z -> Z;
  e_ball : Z -> ball -> ball -> ball;
  e_rows : list (list Z) -> list ball -> list Z -> list ball;
  e_cols : list (list Z) -> list ball -> list ball -> list ball;
  e_exp : Z -> ball;
  e_sig : Z -> ball }.
Definition dots (W : list (list Z)) (v : list ball) (k : list Z) : list ball := map2 (fun w z => dotrow w v z 0) W k.
Definition engine_ok (C : ctx) (E : engine) :=
  (forall a b, e_mul E a b = (a * b)%Z) /\ (forall j a b, e_ball E j a b = bprod j a b) /\
  (forall W v k, e_rows E W v k = dots W v k) /\ (forall W a acc, e_cols E W a acc = tmv W a acc) /\
  (forall c, (0 <= c)%Z -> e_exp E c = expneg0 C c) /\ (forall c, (0 <= c)%Z -> exists s, e_sig E c = near C s (expneg0 C c)).
Definition plain (C : ctx) : engine := Engine Z.mul bprod dots tmv (expneg0 C) (sigpos0 C).
Lemma plain_ok C : engine_ok C (plain C).
Proof. repeat split. intros c _. apply sigpos0_eq. Qed.
(* The losses still to be paid from state s after k steps on, when d steps remain. *)
Fixpoint total (net : nat -> state -> state) (paid : nat -> state -> R) (d k : nat) (s : state) : R :=
  match d with O => paid k s | S d => paid k s + total net paid d (S k) (net k s) end.
Section Ctx.
Variable C : ctx.
Variable eng : engine.
Notation pp := (p C).
Notation S_ := (P2 pp).
Definition bmul : Z -> ball -> ball -> ball := e_ball eng.
Definition expneg : Z -> ball := e_exp eng.
Definition sigpos : Z -> ball := e_sig eng.
Hypothesis HC : ctx_ok C.
Hypothesis HEng : engine_ok C eng.
Lemma bmul_ok j k a b x y : (0 <= j)%Z -> (0 <= k)%Z -> inb j a x -> inb k b y -> inb k (bmul j a b) (x * y).
Proof. unfold bmul. destruct HEng as (_ & -> & _). apply bprod_ok. Qed.
Lemma mul_eq a b : e_mul eng a b = (a * b)%Z. Proof. apply HEng. Qed.
Lemma p0 : (0 <= pp)%Z. Proof. exact (p0_ C HC). Qed.
Lemma S0 : 0 < S_. Proof. exact (S0_ C HC). Qed.
Lemma one_S : IZR (one C) = S_. Proof. exact (one_S_ C HC). Qed.
Lemma expneg_ok c : (0 <= c)%Z -> inb pp (expneg c) (exp (- (IZR c / S_))).
Proof. intros H. unfold expneg. destruct HEng as (_ & _ & _ & _ & E & _). rewrite (E c H). apply expneg0_ok; assumption. Qed.
Lemma sigpos_ok c : (0 <= c)%Z -> inb pp (sigpos c) (sigmoid (IZR c / S_)).
Proof. intros H. unfold sigpos. destruct HEng as (_ & _ & _ & _ & _ & E). destruct (E c H) as [s ->]. apply near_ok; assumption. Qed.
Lemma sigmoid_opp x : sigmoid (- x) = 1 - sigmoid x.
Proof. unfold sigmoid. rewrite Ropp_involutive, exp_Ropp. pose proof (exp_pos x). field. lra. Qed.
Definition sigc (c : Z) : ball :=
  match c with Zneg m => bsub (Ball (one C) 0) (sigpos (Zpos m)) | _ => sigpos c end.
Lemma sigc_ok c : inb pp (sigc c) (sigmoid (IZR c / S_)).
Proof.
  destruct c as [|m|m]; simpl; [apply sigpos_ok; lia | apply sigpos_ok; lia |].
  replace (IZR (Zneg m) / S_) with (- (IZR (Zpos m) / S_)) by (change (IZR (Zneg m)) with (- IZR (Zpos m)); unfold Rdiv; ring).
  rewrite sigmoid_opp. apply bsub_ok; [|apply sigpos_ok; lia].
  unfold inb; cbn [bc br]; rewrite one_S. rewrite Rmult_1_l. rewrite Rminus_diag_eq by reflexivity. rewrite Rabs_R0; lra.
Qed.
Lemma sig_lip x y k r : Rabs (x - y) <= r -> (forall z, Rabs (z - y) <= r -> sigmoid z * (1 - sigmoid z) <= k) ->
  Rabs (sigmoid x - sigmoid y) <= k * Rabs (x - y).
Proof.
  intros H K. destruct (MVT_abs sigmoid (fun z => sigmoid z * (1 - sigmoid z)) y x) as [z [E Hz]].
  { intros c _. eapply dl_eq; [apply (dl_sigmoid (fun y => y)), derivable_pt_lim_id | ring]. }
  rewrite E. pose proof (sigmoid_range z) as Z1. apply Rmult_le_compat_r; [apply Rabs_pos|].
  rewrite Rabs_pos_eq by (apply Rmult_le_pos; lra). apply K.
  apply abs_range in H. apply Rabs_le. unfold Rmin, Rmax in Hz. destruct (Rle_dec y x); lra.
Qed.
Lemma sig_quarter x y : Rabs (sigmoid x - sigmoid y) <= 1 / 4 * Rabs (x - y).
Proof. apply sig_lip with (r := Rabs (x - y)); [lra|]. intros z _. pose proof (Rle_0_sqr (sigmoid z - 1 / 2)) as Q. unfold Rsqr in Q. lra. Qed.
(* the slope s (1 - s) + r / 4, from above, scale 16 *)
Definition slope (s e r : Z) : Z :=
  let a := Z.shiftr s (pp - 24) in
  let f := (Z.shiftr e (pp - 24) + 2)%Z in
  (Z.shiftr ((Z.abs a + f) * (Z.abs (16777216 - a) + f)) 32 + Z.shiftr r (pp - 14) + 2)%Z.
Definition bsig (b : ball) : ball :=
  let s := sigc (bc b) in
  Ball (bc s) (Z.shiftr (slope (bc s) (br s) (br b) * br b) 16 + 1 + br s).
Lemma slope_ok s e r x y : inb pp (Ball s e) (sigmoid y) -> Rabs (x - y) * S_ <= IZR r ->
  sigmoid x * (1 - sigmoid x) * P2 16 <= IZR (slope s e r).
Proof.
  intros E D. assert (P32 : (32 <= pp)%Z) by (destruct HC; assumption). pose proof S0 as HS.
  unfold inb in E; cbn [bc br] in E. unfold slope. set (a := Z.shiftr s (pp - 24)). set (f := (Z.shiftr e (pp - 24) + 2)%Z).
  pose proof (sigmoid_range x) as X. pose proof (sigmoid_range y) as Y. pose proof (sig_quarter x y) as Q.
  pose proof (shr s (pp - 24) ltac:(lia)) as A. fold a in A. pose proof (shr e (pp - 24) ltac:(lia)) as F.
  assert (F2 : IZR e / P2 (pp - 24) < IZR f - 1) by (unfold f; rewrite plus_IZR; lra). clear F. clearbody a f.
  assert (P24 : S_ = P2 24 * P2 (pp - 24)) by (rewrite <- P2_add by lia; f_equal; lia).
  pose proof (P2_pos (pp - 24) ltac:(lia)) as Pq. assert (P24v : P2 24 = 16777216) by reflexivity.
  set (y1 := sigmoid y) in *. set (x1 := sigmoid x) in *.
  assert (T : Rabs (y1 * P2 24 - IZR s / P2 (pp - 24)) <= IZR e / P2 (pp - 24)).
  { replace (y1 * P2 24 - IZR s / P2 (pp - 24)) with ((y1 * S_ - IZR s) * / P2 (pp - 24)) by (rewrite P24; field; lra).
    rewrite Rabs_mult, (Rabs_pos_eq (/ _)) by (left; apply Rinv_0_lt_compat; exact Pq).
    apply Rmult_le_compat_r; [left; apply Rinv_0_lt_compat; exact Pq | exact E]. }
  apply abs_range in T. rewrite P24v in T.
  assert (U1 : y1 * 16777216 <= IZR (Z.abs a + f)) by (rewrite plus_IZR, abs_IZR; pose proof (Rle_abs (IZR a)); lra).
  assert (U2 : (1 - y1) * 16777216 <= IZR (Z.abs (16777216 - a) + f)).
  { rewrite plus_IZR, abs_IZR, minus_IZR. pose proof (Rle_abs (16777216 - IZR a)). lra. }
  pose proof (shr ((Z.abs a + f) * (Z.abs (16777216 - a) + f)) 32 ltac:(lia)) as [_ G]. rewrite mult_IZR in G.
  assert (U3 : y1 * 16777216 * ((1 - y1) * 16777216) <= IZR (Z.abs a + f) * IZR (Z.abs (16777216 - a) + f)) by (apply Rmult_le_compat; lra).
  assert (P32v : P2 32 = 4294967296) by reflexivity. assert (P16v : P2 16 = 65536) by reflexivity. rewrite P32v in G. rewrite P16v.
  assert (U4 : y1 * (1 - y1) * 65536 <= IZR (Z.shiftr ((Z.abs a + f) * (Z.abs (16777216 - a) + f)) 32) + 1) by lra.
  pose proof (shr r (pp - 14) ltac:(lia)) as [_ K].
  assert (P14 : S_ = P2 14 * P2 (pp - 14)) by (rewrite <- P2_add by lia; f_equal; lia). assert (P14v : P2 14 = 16384) by reflexivity.
  pose proof (P2_pos (pp - 14) ltac:(lia)) as Pk.
  assert (U5 : Rabs (x - y) * 16384 <= IZR r / P2 (pp - 14)).
  { apply (Rmult_le_reg_r (P2 (pp - 14))); [exact Pk|]. unfold Rdiv. rewrite (Rmult_assoc (IZR r)), Rinv_l, Rmult_1_r by lra.
    rewrite P14, P14v in D. lra. }
  assert (U6 : x1 * (1 - x1) <= y1 * (1 - y1) + Rabs (x1 - y1)).
  { pose proof (Rle_abs (x1 - y1)) as V1. pose proof (Rle_abs (- (x1 - y1))) as V2. rewrite Rabs_Ropp in V2.
    pose proof (Rabs_pos (x1 - y1)). replace (x1 * (1 - x1)) with (y1 * (1 - y1) + (x1 - y1) * (1 - x1 - y1)) by ring.
    apply Rplus_le_compat_l. eapply Rle_trans; [apply Rle_abs|]. rewrite Rabs_mult. rewrite <- (Rmult_1_r (Rabs (x1 - y1))) at 2.
    apply Rmult_le_compat_l; [assumption|]. apply Rabs_le; lra. }
  rewrite !plus_IZR. lra.
Qed.
Lemma bsig_ok b x : inb pp b x -> inb pp (bsig b) (sigmoid x).
Proof.
  intros H. pose proof p0 as Hp. pose proof S0 as HS. unfold bsig. pose proof (sigc_ok (bc b)) as A. set (s := sigc (bc b)) in *. clearbody s.
  set (y := IZR (bc b) / S_) in *.
  assert (D : Rabs (x - y) * S_ <= IZR (br b)).
  { unfold inb in H. unfold y. rewrite <- (Rabs_pos_eq S_) at 2 by lra. rewrite <- Rabs_mult.
    replace ((x - IZR (bc b) / S_) * S_) with (x * S_ - IZR (bc b)) by (field; lra). exact H. }
  set (k := slope (bc s) (br s) (br b)).
  assert (P16 : 0 < P2 16) by (apply P2_pos; lia).
  assert (L : Rabs (sigmoid x - sigmoid y) <= IZR k / P2 16 * Rabs (x - y)).
  { apply sig_lip with (r := Rabs (x - y)); [lra|]. intros z Hz. apply (Rmult_le_reg_r (P2 16)); [exact P16|].
    replace (IZR k / P2 16 * P2 16) with (IZR k) by (field; lra). apply slope_ok with (y := y); [destruct s; exact A|].
    apply Rle_trans with (Rabs (x - y) * S_); [apply Rmult_le_compat_r; lra | exact D]. }
  assert (k0 : 0 <= IZR k).
  { apply Rle_trans with (sigmoid y * (1 - sigmoid y) * P2 16).
    - pose proof (sigmoid_range y). apply Rmult_le_pos; [apply Rmult_le_pos; lra | lra].
    - apply slope_ok with (y := y); [destruct s; exact A|]. rewrite Rminus_diag_eq, Rabs_R0 by reflexivity. 
      pose proof (Rabs_pos (x - y)). nra. }
  unfold inb in *; cbn [bc br]. rewrite !plus_IZR. pose proof (shr (k * br b) 16 ltac:(lia)) as [_ Q]. rewrite mult_IZR in Q.
  assert (M : Rabs (sigmoid x - sigmoid y) * S_ <= IZR k * IZR (br b) / P2 16).
  { apply Rle_trans with (IZR k / P2 16 * Rabs (x - y) * S_); [apply Rmult_le_compat_r; lra|].
    replace (IZR k * IZR (br b) / P2 16) with (IZR k / P2 16 * IZR (br b)) by (field; lra). rewrite Rmult_assoc.
    apply Rmult_le_compat_l; [apply Rmult_le_pos; [exact k0 | left; apply Rinv_0_lt_compat; exact P16] | exact D]. }
  replace (sigmoid x * S_ - IZR (bc s)) with ((sigmoid x - sigmoid y) * S_ + (sigmoid y * S_ - IZR (bc s))) by ring.
  eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_mult, (Rabs_pos_eq S_) by lra. lra.
Qed.
Lemma tanh_sigmoid x : tanh x = 2 * sigmoid (2 * x) - 1.
Proof.
  unfold tanh, sinh, cosh, sigmoid. replace (- (2 * x)) with (- x + - x) by ring. rewrite exp_plus.
  pose proof (exp_pos x) as A. pose proof (exp_pos (- x)) as B. assert (E : exp x * exp (- x) = 1) by (rewrite <- exp_plus, Rplus_opp_r; apply exp_0).
  set (u := exp (- x)) in *. set (v := exp x) in *. clearbody u v.
  assert (N : 0 < u * u) by (apply Rmult_lt_0_compat; exact B).
  apply (Rmult_eq_reg_r ((v + u) * (1 + u * u))); [|apply Rgt_not_eq; apply Rmult_lt_0_compat; lra].
  replace ((v - u) / 2 / ((v + u) / 2) * ((v + u) * (1 + u * u))) with ((v - u) * (1 + u * u)) by (field; lra).
  replace ((2 * / (1 + u * u) - 1) * ((v + u) * (1 + u * u))) with ((2 - (1 + u * u)) * (v + u)) by (field; lra).
  replace ((v - u) * (1 + u * u)) with (v - u + (v * u) * u - u * u * u) by ring. rewrite E.
  replace ((2 - (1 + u * u)) * (v + u)) with (v + u - (v * u) * u - u * u * u) by ring. rewrite E. ring.
Qed.
Definition btanh (b : ball) : ball :=
  let s := bsig (Ball (2 * bc b) (2 * br b)) in Ball (2 * bc s - one C) (2 * br s).
Lemma btanh_ok b x : inb pp b x -> inb pp (btanh b) (tanh x).
Proof.
  intros H. assert (A : inb pp (bsig (Ball (2 * bc b) (2 * br b))) (sigmoid (2 * x))).
  { apply bsig_ok. unfold inb in *; cbn [bc br]. rewrite !mult_IZR. replace (2 * x * S_ - 2 * IZR (bc b)) with (2 * (x * S_ - IZR (bc b))) by ring.
    rewrite Rabs_mult, (Rabs_pos_eq 2) by lra. lra. }
  unfold btanh. set (s := bsig (Ball (2 * bc b) (2 * br b))) in *. clearbody s. rewrite tanh_sigmoid. unfold inb in *; cbn [bc br].
  rewrite minus_IZR, !mult_IZR, one_S. replace ((2 * sigmoid (2 * x) - 1) * S_ - (2 * IZR (bc s) - S_)) with (2 * (sigmoid (2 * x) * S_ - IZR (bc s))) by ring.
  rewrite Rabs_mult, (Rabs_pos_eq 2) by lra. lra.
Qed.

(* Functions that are not defined everywhere, or have no bound: each ball function below holds where its test says so. *)
Inductive fn := FExp | FLog | FRoot | FInv.
Definition fval (f : fn) (x : R) : R := match f with FExp => exp x | FLog => ln x | FRoot => sqrt x | FInv => / x end.
(* The slope at x, where the value is y. *)
Definition fslope (f : fn) (x y : R) : R := match f with FExp => y | FLog => / x | FRoot => y * / (2 * x) | FInv => - (y * y) end.
Definition fdom (f : fn) (x : R) : Prop := match f with FExp => True | FInv => x <> 0 | _ => 0 < x end.
Definition above0 (b : ball) : bool := Z.ltb (br b) (bc b).
Definition off0 (b : ball) : bool := Z.ltb (br b) (Z.abs (bc b)).
Lemma ball_near b x : inb pp b x -> exists d, x * S_ = IZR (bc b) + d /\ Rabs d <= IZR (br b).
Proof. intros H. exists (x * S_ - IZR (bc b)). split; [ring | exact H]. Qed.
Lemma above0_ok b x : above0 b = true -> inb pp b x -> 0 < x.
Proof. unfold above0, inb. rewrite Z.ltb_lt. intros K H. apply IZR_lt in K. apply abs_range in H. pose proof S0. nra. Qed.
Lemma off0_ok b x : off0 b = true -> inb pp b x -> x <> 0.
Proof. unfold off0, inb. rewrite Z.ltb_lt. intros K H E. apply IZR_lt in K. rewrite abs_IZR in K. rewrite E, Rmult_0_l, Rminus_0_l, Rabs_Ropp in H. lra. Qed.
Lemma radius0 k b x : inb k b x -> 0 <= IZR (br b).
Proof. intros H. eapply Rle_trans; [apply Rabs_pos | exact H]. Qed.
(* 1 / x *)
Definition binv (b : ball) : ball :=
  let c := Z.abs (bc b) in let s := Z.shiftl (one C) pp in
  Ball (s / bc b) (Z.shiftl (br b) (pp + pp) / (c * (c - br b)) + 2).
Lemma zdiv_near a b : (b <> 0)%Z -> Rabs (IZR a / IZR b - IZR (a / b)) <= 1.
Proof.
  intros H. assert (B : IZR b <> 0) by (intros E; apply H, eq_IZR, E). destruct (Z.lt_trichotomy b 0) as [L|[L|L]]; [|contradiction|].
  - pose proof (zdiv (- a) (- b) ltac:(lia)) as Q. rewrite Z.div_opp_opp, !opp_IZR in Q by lia.
    replace (- IZR a / - IZR b) with (IZR a / IZR b) in Q by (field; lra). apply Rabs_le; lra.
  - pose proof (zdiv a b L). apply Rabs_le; lra.
Qed.
Lemma binv_ok b x : off0 b = true -> inb pp b x -> inb pp (binv b) (/ x).
Proof.
  intros K H. pose proof (off0_ok _ _ K H) as X. pose proof (radius0 _ _ _ H) as R0. unfold off0 in K. rewrite Z.ltb_lt in K. pose proof p0 as Hp. pose proof S0 as HS.
  destruct (ball_near b x H) as [d [E D]]. unfold binv, inb; cbn [bc br]. set (c := bc b) in *. set (r := br b) in *.
  assert (r0 : (0 <= r)%Z) by (apply le_IZR; exact R0). assert (c0 : (c <> 0)%Z) by lia.
  assert (Cn : IZR c <> 0) by (intros F; apply c0, eq_IZR, F).
  pose proof (zdiv_near (Z.shiftl (one C) pp) c c0) as Q1. pose proof (zdiv (Z.shiftl r (pp + pp)) (Z.abs c * (Z.abs c - r)) ltac:(nia)) as [_ Q2].
  rewrite shl, one_S in Q1 by exact Hp. rewrite shl, P2_add, mult_IZR, minus_IZR, abs_IZR in Q2 by lia.
  apply IZR_lt in K. rewrite abs_IZR in K. rewrite plus_IZR. set (A := Rabs (IZR c)) in *.
  assert (A0 : 0 < A) by lra.
  assert (M : Rabs (/ x * S_ - S_ * S_ / IZR c) <= IZR r * (S_ * S_) / (A * (A - IZR r))).
  { assert (Y : IZR c + d <> 0) by (rewrite <- E; apply Rmult_integral_contrapositive_currified; lra).
    replace (/ x * S_ - S_ * S_ / IZR c) with (- (d * (S_ * S_)) / (IZR c * (IZR c + d))).
    2: { replace (/ x) with (S_ / (IZR c + d)) by (rewrite <- E; field; lra). field. split; assumption. }
    unfold Rdiv. rewrite Rabs_mult, Rabs_Ropp, Rabs_mult, (Rabs_pos_eq (S_ * S_)) by nra. rewrite Rabs_inv, Rabs_mult. fold A.
    assert (L : A - IZR r <= Rabs (IZR c + d)).
    { unfold A. pose proof (Rabs_triang (IZR c + d) (- d)) as T. replace (IZR c + d + - d) with (IZR c) in T by ring. rewrite Rabs_Ropp in T. lra. }
    pose proof (Rabs_pos d). apply Rmult_le_compat; [nra | left; apply Rinv_0_lt_compat, Rmult_lt_0_compat; lra | apply Rmult_le_compat_r; [nra | exact D] |].
    apply Rinv_le_contravar; [apply Rmult_lt_0_compat; lra|]. apply Rmult_le_compat_l; lra. }
  replace (/ x * S_ - IZR (Z.shiftl (one C) pp / c)) with ((/ x * S_ - S_ * S_ / IZR c) + (S_ * S_ / IZR c - IZR (Z.shiftl (one C) pp / c))) by ring.
  eapply Rle_trans; [apply Rabs_triang|]. lra.
Qed.
(* sqrt x *)
Definition broot (b : ball) : ball :=
  let s := Z.sqrt (Z.shiftl (bc b) pp) in Ball s (Z.shiftl (br b) pp / s + 2).
Lemma broot_ok b x : above0 b = true -> inb pp b x -> inb pp (broot b) (sqrt x).
Proof.
  intros K H. pose proof (above0_ok _ _ K H) as X. pose proof (radius0 _ _ _ H) as R0. unfold above0 in K. rewrite Z.ltb_lt in K. pose proof p0 as Hp. pose proof S0 as HS.
  destruct (ball_near b x H) as [d [E D]]. unfold broot, inb; cbn [bc br]. set (c := bc b) in *. set (r := br b) in *.
  assert (r0 : (0 <= r)%Z) by (apply le_IZR; exact R0). apply IZR_lt in K.
  assert (G : (1 <= Z.shiftl c pp)%Z). { rewrite Z.shiftl_mul_pow2 by exact Hp. pose proof (Z.pow_pos_nonneg 2 pp ltac:(lia) Hp). assert (0 < c)%Z by (apply lt_IZR; lra). nia. }
  pose proof (Z.sqrt_spec (Z.shiftl c pp) ltac:(lia)) as [Q1 Q2]. pose proof (Z.sqrt_le_mono 1 _ G) as S1. change (Z.sqrt 1) with 1%Z in S1.
  set (s := Z.sqrt (Z.shiftl c pp)) in *. apply IZR_le in Q1. apply IZR_lt in Q2. unfold Z.succ in Q2. rewrite mult_IZR, shl in Q1 by exact Hp. rewrite mult_IZR, plus_IZR, shl in Q2 by exact Hp.
  pose proof (zdiv (Z.shiftl r pp) s ltac:(lia)) as [_ Q3]. rewrite shl in Q3 by exact Hp. assert (s1 : 1 <= IZR s) by (apply (IZR_le 1); exact S1). rewrite plus_IZR.
  set (y := sqrt x * S_). set (z := sqrt (IZR c * S_)).
  assert (Z2 : z * z = IZR c * S_) by (apply sqrt_sqrt; nra). assert (Y2 : y * y = (IZR c + d) * S_).
  { unfold y. replace (sqrt x * S_ * (sqrt x * S_)) with (sqrt x * sqrt x * S_ * S_) by ring. rewrite sqrt_sqrt by lra. rewrite E. ring. }
  assert (z0 : 0 <= z) by apply sqrt_pos. assert (y0 : 0 <= y) by (apply Rmult_le_pos; [apply sqrt_pos | lra]).
  assert (Zs : IZR s <= z < IZR s + 1).
  { split; [destruct (Rle_or_lt (IZR s) z) as [L|L] | destruct (Rlt_or_le z (IZR s + 1)) as [L|L]]; try exact L; exfalso.
    - assert (z * z < IZR s * IZR s) by (apply Rmult_le_0_lt_compat; lra). lra.
    - assert ((IZR s + 1) * (IZR s + 1) <= z * z) by (apply Rmult_le_compat; lra). lra. }
  assert (Yz : Rabs (y - z) <= IZR r * S_ / IZR s).
  { apply (Rmult_le_reg_r (IZR s)); [lra|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
    apply Rle_trans with (Rabs (y - z) * (y + z)); [apply Rmult_le_compat_l; [apply Rabs_pos | lra]|].
    rewrite <- (Rabs_pos_eq (y + z)), <- Rabs_mult by lra. replace ((y - z) * (y + z)) with (d * S_) by (replace ((y - z) * (y + z)) with (y * y - z * z) by ring; rewrite Y2, Z2; ring).
    rewrite Rabs_mult, (Rabs_pos_eq S_) by lra. apply Rmult_le_compat_r; lra. }
  apply abs_range in Yz. apply Rabs_le. lra.
Qed.
(* exp x of any x: 2^k exp (- y) with y = k ln 2 - x. *)
Definition halves (c : Z) : Z := if Z.leb c 0 then 0 else (Z.shiftr c (pp - 16) / 45425 + 1)%Z.
Definition bexpo (b : ball) : ball :=
  let k := halves (bc b) in
  let e := expneg (k * bc (ln2 C) - bc b) in
  let r := (br b + k * br (ln2 C))%Z in
  Ball (Z.shiftl (bc e) k) (Z.shiftl (br e + Z.shiftr ((Z.abs (bc e) + br e) * (r + Z.shiftr (2 * (r * r)) pp + 1)) pp + 1) k).
Definition okexpo (b : ball) : bool :=
  let k := halves (bc b) in (Z.leb (bc b) (k * bc (ln2 C)) && Z.leb (2 * (br b + k * br (ln2 C))) (one C))%bool.
Lemma halves_pos c : (0 <= halves c)%Z.
Proof.
  unfold halves. destruct (Z.leb_spec c 0); [lia|]. assert (0 <= Z.shiftr c (pp - 16))%Z by (apply Z.shiftr_nonneg; lia).
  pose proof (Z.div_pos (Z.shiftr c (pp - 16)) 45425 ltac:(lia) ltac:(lia)). lia.
Qed.
Lemma bexpo_ok b x : okexpo b = true -> inb pp b x -> inb pp (bexpo b) (exp x).
Proof.
  intros K H. unfold okexpo in K. unfold bexpo. pose proof (halves_pos (bc b)) as Hk. set (k := halves (bc b)) in *. clearbody k.
  rewrite Bool.andb_true_iff, !Z.leb_le in K. destruct K as [K1 K2]. pose proof S0 as HS. pose proof p0 as Hp. pose proof (radius0 _ _ _ H) as R0.
  set (y := (k * bc (ln2 C) - bc b)%Z). pose proof (expneg_ok y ltac:(unfold y; lia)) as E. set (e := expneg y) in *. clearbody e.
  set (u := - (IZR y / S_)) in *. set (d := x - IZR k * ln 2 - u).
  assert (L : inb pp (ln2 C) (ln 2)) by (destruct HC as (_ & _ & _ & _ & _ & L & _); exact L). pose proof (radius0 _ _ _ L) as L0.
  set (r := (br b + k * br (ln2 C))%Z) in *. assert (k0 : 0 <= IZR k) by (apply (IZR_le 0); exact Hk).
  assert (Ir : IZR r = IZR (br b) + IZR k * IZR (br (ln2 C))) by (unfold r; rewrite plus_IZR, mult_IZR; reflexivity).
  assert (r0 : 0 <= IZR r) by (rewrite Ir; pose proof (Rmult_le_pos _ _ k0 L0); lra).
  assert (Du : Rabs (d * S_) <= IZR r).
  { replace (d * S_) with ((x * S_ - IZR (bc b)) + - (IZR k * (ln 2 * S_ - IZR (bc (ln2 C))))).
    2: { unfold d, u, y. rewrite minus_IZR, mult_IZR. field. lra. }
    eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_Ropp, Rabs_mult, (Rabs_pos_eq (IZR k)) by exact k0. rewrite Ir.
    apply Rplus_le_compat; [exact H | apply Rmult_le_compat_l; [exact k0 | exact L]]. }
  apply IZR_le in K2. rewrite mult_IZR, one_S in K2. pose proof (abs_range _ _ Du) as Dr.
  assert (D2 : - (1 / 2) <= d <= 1 / 2) by (split; apply (Rmult_le_reg_r S_); try exact HS; lra).
  pose proof (exp_near d D2) as N. pose proof (exp_pos u) as U0.
  assert (Ex : exp x = P2 k * (exp u * exp d)) by (rewrite <- (exp_pow k Hk), <- !exp_plus; f_equal; unfold d; ring).
  unfold inb in *; cbn [bc br]. pose proof (inb_abs pp e (exp u) E) as Ea. rewrite Rabs_pos_eq in Ea by (apply Rmult_le_pos; lra).
  set (w := (r + Z.shiftr (2 * (r * r)) pp + 1)%Z).
  assert (W : Rabs ((exp d - 1) * S_) <= IZR w).
  { unfold w. rewrite !plus_IZR. pose proof (shr (2 * (r * r)) pp Hp) as [_ Q]. rewrite !mult_IZR in Q.
    assert (Sq : 2 * (d * S_ * (d * S_)) / S_ <= 2 * (IZR r * IZR r) / S_).
    { unfold Rdiv. apply Rmult_le_compat_r; [left; apply Rinv_0_lt_compat; exact HS|]. apply Rmult_le_compat_l; [lra|]. 
      rewrite <- (Rabs_pos_eq (d * S_ * (d * S_))) by apply Rle_0_sqr. rewrite Rabs_mult. apply Rmult_le_compat; auto using Rabs_pos. }
    replace (2 * (d * S_ * (d * S_)) / S_) with (2 * (d * d) * S_) in Sq by (field; lra).
    destruct N as [N1 N2]. apply (Rmult_le_compat_r S_) in N1, N2; try lra. pose proof (Rle_0_sqr d) as Sd. unfold Rsqr in Sd. apply Rabs_le. split; nra. }
  set (NN := ((Z.abs (bc e) + br e) * w)%Z). pose proof (shr NN pp Hp) as [_ Q]. unfold NN in Q at 1. rewrite mult_IZR, plus_IZR, abs_IZR in Q.
  assert (V : Rabs (exp u * ((exp d - 1) * S_)) <= IZR (Z.shiftr NN pp) + 1).
  { left. eapply Rle_lt_trans; [|exact Q]. rewrite Rabs_mult, (Rabs_pos_eq (exp u)) by lra.
    apply (Rmult_le_reg_r S_); [exact HS|]. replace ((Rabs (IZR (bc e)) + IZR (br e)) * IZR w / S_ * S_) with ((Rabs (IZR (bc e)) + IZR (br e)) * IZR w) by (field; lra).
    replace (exp u * Rabs ((exp d - 1) * S_) * S_) with (exp u * S_ * Rabs ((exp d - 1) * S_)) by ring.
    apply Rmult_le_compat; [apply Rmult_le_pos; lra | apply Rabs_pos | exact Ea | exact W]. }
  rewrite !shl by exact Hk. rewrite !plus_IZR. pose proof (P2_pos k Hk) as Pk. rewrite Ex.
  replace (P2 k * (exp u * exp d) * S_ - IZR (bc e) * P2 k) with (((exp u * S_ - IZR (bc e)) + exp u * ((exp d - 1) * S_)) * P2 k) by ring.
  rewrite Rabs_mult, (Rabs_pos_eq (P2 k)) by lra. apply Rmult_le_compat_r; [lra|]. eapply Rle_trans; [apply Rabs_triang|]. fold NN. lra.
Qed.
(* ln x = k ln 2 + ln y with y near [1, 2]; ln y by Newton's iteration, whose residual is what counts. *)
Definition scaled (k : Z) (b : ball) : ball := match k with Zneg j => Ball (Z.shiftl (bc b) (Zpos j)) (Z.shiftl (br b) (Zpos j)) | _ => rnd k b end.
Lemma scaled_ok k b x : inb pp b x -> inb pp (scaled k b) (x * exp (- (IZR k * ln 2))).
Proof.
  intros H. pose proof p0 as Hp. assert (G : forall j, (0 <= j)%Z -> inb pp (rnd j b) (x * exp (- (IZR j * ln 2)))).
  { intros j Hj. rewrite exp_Ropp, exp_pow by exact Hj. pose proof (P2_pos j Hj). apply rnd_ok; [exact Hp | exact Hj|]. unfold inb in *. rewrite P2_add by assumption.
    replace (x * / P2 j * (S_ * P2 j)) with (x * S_) by (field; lra). exact H. }
  destruct k as [|j|j]; [apply (G 0%Z); lia | apply (G (Zpos j)); lia |]. cbn [scaled].
  replace (- (IZR (Zneg j) * ln 2)) with (IZR (Zpos j) * ln 2) by (change (IZR (Zneg j)) with (- IZR (Zpos j)); ring). rewrite exp_pow by lia.
  pose proof (P2_pos (Zpos j) ltac:(lia)). unfold inb in *; cbn [bc br]. rewrite !shl by lia.
  replace (x * P2 (Zpos j) * S_ - IZR (bc b) * P2 (Zpos j)) with ((x * S_ - IZR (bc b)) * P2 (Zpos j)) by ring.
  rewrite Rabs_mult, (Rabs_pos_eq (P2 _)) by lra. apply Rmult_le_compat_r; [lra | exact H].
Qed.
Fixpoint newton (n : nat) (y s : Z) : Z :=
  match n with O => s | S n => newton n y (Z.max 0 (s + Z.shiftr (y * bc (expneg s)) pp - one C)) end.
Definition halved (b : ball) : Z := (Z.log2 (bc b) - pp)%Z.
Definition guess (b : ball) : Z := let y := bc (scaled (halved b) b) in newton (Z.to_nat (Z.log2 pp)) y (Z.max 0 (y - one C)).
(* |y exp (- s) - 1|, of scale pp *)
Definition residual (b : ball) : Z := let w := bmul pp (expneg (guess b)) (scaled (halved b) b) in (Z.abs (bc w - one C) + br w)%Z.
Definition blog (b : ball) : ball :=
  let k := halved b in let t := residual b in
  Ball (guess b + k * bc (ln2 C)) (t + Z.shiftr (2 * (t * t)) pp + 1 + Z.abs k * br (ln2 C)).
Definition oklog (b : ball) : bool := (above0 b && Z.leb 0 (guess b) && Z.leb (2 * residual b) (one C))%bool.
Lemma blog_ok b x : oklog b = true -> inb pp b x -> inb pp (blog b) (ln x).
Proof.
  unfold oklog. rewrite !Bool.andb_true_iff, !Z.leb_le. intros [[K0 K1] K2] H. pose proof (above0_ok _ _ K0 H) as X. pose proof p0 as Hp. pose proof S0 as HS.
  unfold blog, residual in *. set (k := halved b) in *. set (s := guess b) in *. pose proof (scaled_ok k b x H) as Y. clearbody k s.
  set (y := x * exp (- (IZR k * ln 2))) in *. pose proof (bmul_ok pp pp _ _ _ _ Hp Hp (expneg_ok s K1) Y) as W.
  set (w := bmul pp (expneg s) (scaled k b)) in *. clearbody w. set (t := (Z.abs (bc w - one C) + br w)%Z) in *.
  set (v := exp (- (IZR s / S_)) * y) in *. assert (T : Rabs ((v - 1) * S_) <= IZR t).
  { unfold t. rewrite plus_IZR, abs_IZR, minus_IZR, one_S. unfold inb in W. replace ((v - 1) * S_) with ((v * S_ - IZR (bc w)) + (IZR (bc w) - S_)) by ring.
    eapply Rle_trans; [apply Rabs_triang | lra]. }
  apply IZR_le in K2. rewrite mult_IZR, one_S in K2. pose proof (abs_range _ _ T) as Tr.
  assert (V : - (1 / 2) <= v - 1 <= 1 / 2) by (split; apply (Rmult_le_reg_r S_); try exact HS; lra).
  pose proof (exp_pos (- (IZR k * ln 2))) as P1. pose proof (exp_pos (- (IZR s / S_))) as P3. assert (Y0 : 0 < y) by (apply Rmult_lt_0_compat; assumption).
  assert (E : ln x = IZR s / S_ + IZR k * ln 2 + ln v).
  { unfold v. rewrite ln_mult by assumption. unfold y at 1. rewrite ln_mult, !ln_exp by assumption. ring. }
  pose proof (ln_taylor 1 (v - 1) V) as N. replace (1 + (v - 1)) with v in N by ring. replace (lnser 1 (v - 1)) with (v - 1) in N by (simpl; field).
  set (a := v - 1) in *. pose proof (shr (2 * (t * t)) pp Hp) as [_ Q]. rewrite !mult_IZR in Q.
  assert (Sq : 2 * Rabs a ^ 2 * S_ <= 2 * (IZR t * IZR t) / S_).
  { apply (Rmult_le_reg_r S_); [exact HS|]. replace (2 * (IZR t * IZR t) / S_ * S_) with (2 * (IZR t * IZR t)) by (field; lra).
    replace (2 * Rabs a ^ 2 * S_ * S_) with (2 * (Rabs a * S_ * (Rabs a * S_))) by ring. apply Rmult_le_compat_l; [lra|].
    rewrite Rabs_mult, (Rabs_pos_eq S_) in T by lra. pose proof (Rabs_pos a). apply Rmult_le_compat; try exact T; apply Rmult_le_pos; lra. }
  assert (L : inb pp (ln2 C) (ln 2)) by (destruct HC as (_ & _ & _ & _ & _ & L & _); exact L).
  unfold inb in *; cbn [bc br]. rewrite E, !plus_IZR, !mult_IZR, abs_IZR.
  assert (G1 : Rabs (ln v * S_) <= IZR t + IZR (Z.shiftr (2 * (t * t)) pp) + 1).
  { replace (ln v * S_) with ((ln v - a) * S_ + a * S_) by ring. eapply Rle_trans; [apply Rabs_triang|].
    rewrite (Rabs_mult (ln v - a)), (Rabs_pos_eq S_) by lra. pose proof (Rmult_le_compat_r S_ _ _ (Rlt_le _ _ HS) N). lra. }
  assert (G2 : Rabs (IZR k * (ln 2 * S_ - IZR (bc (ln2 C)))) <= Rabs (IZR k) * IZR (br (ln2 C))) by (rewrite Rabs_mult; apply Rmult_le_compat_l; [apply Rabs_pos | exact L]).
  replace ((IZR s / S_ + IZR k * ln 2 + ln v) * S_ - (IZR s + IZR k * IZR (bc (ln2 C)))) with (ln v * S_ + IZR k * (ln 2 * S_ - IZR (bc (ln2 C)))) by (field; lra).
  eapply Rle_trans; [apply Rabs_triang | lra].
Qed.
Definition bval (f : fn) : ball -> ball := match f with FExp => bexpo | FLog => blog | FRoot => broot | FInv => binv end.
Definition bdom (f : fn) : ball -> bool := match f with FExp => okexpo | FLog => oklog | FRoot => above0 | FInv => off0 end.
Lemma bval_ok f b x : bdom f b = true -> inb pp b x -> inb pp (bval f b) (fval f x).
Proof. destruct f; [apply bexpo_ok | apply blog_ok | apply broot_ok | apply binv_ok]. Qed.
Lemma bdom_ok f b x : bdom f b = true -> inb pp b x -> fdom f x.
Proof.
  destruct f; cbn [bdom fdom]; intros K H; [exact I | | exact (above0_ok _ _ K H) | exact (off0_ok _ _ K H)].
  unfold oklog in K. rewrite !Bool.andb_true_iff in K. apply (above0_ok b); [apply K | exact H].
Qed.
Lemma fval_d f (g : R -> R) r d : fdom f (g r) -> derivable_pt_lim g r d -> derivable_pt_lim (fun r => fval f (g r)) r (fslope f (g r) (fval f (g r)) * d).
Proof.
  destruct f; cbn [fdom fval fslope]; intros I D.
  - apply (dl_exp g), D.
  - apply (dl_comp g ln); [exact D | apply derivable_pt_lim_ln, I].
  - eapply dl_eq; [apply (dl_sqrt g); [exact I | exact D]|]. f_equal. pose proof (sqrt_lt_R0 _ I). rewrite <- (sqrt_sqrt (g r)) at 3 by lra. field. lra.
  - eapply dl_eq; [apply (dl_inv g); [exact I | exact D]|]. field. exact I.
Qed.

(* Part 3: vectors of balls. *)
Variable q : Z.                      (* bits of a weight *)
Hypothesis Hq : (0 <= q <= pp)%Z.
Variable m : Z.                      (* bits of a coefficient in the backward pass *)
Hypothesis Hm : (0 <= m <= pp)%Z.
Variable n : nat.                    (* entries of every vector *)

Definition b0 : ball := Ball 0 0.
Definition inv (v : list ball) (x : vec) : Prop := length v = n /\ forall i, (i < n)%nat -> inb pp (nth i v b0) (x i).
(* In the backward pass [] stands for zeros. *)
Definition inva (v : list ball) (x : vec) : Prop := match v with [] => forall i, (i < n)%nat -> x i = 0 | _ => inv v x end.
Definition wR (w : list Z) : vec := fun j => IZR (nth j w 0%Z) / P2 q.
Definition matR (W : list (list Z)) (i j : nat) : R := wR (nth i W []) j.
Definition kR (k : list Z) : vec := fun i => IZR (nth i k 0%Z) / P2 (q + q).
Lemma sum_head k f : sum (S k) f = f 0%nat + sum k (fun j => f (S j)).
Proof. induction k as [|k IH]; [simpl; ring|]. change (sum (S (S k)) f) with (sum (S k) f + f (S k)). rewrite IH. simpl. ring. Qed.
Lemma sum0 k f : (forall i, (i < k)%nat -> f i = 0) -> sum k f = 0.
Proof. induction k as [|k IH]; intros H; simpl; [reflexivity | rewrite IH, H by auto; ring]. Qed.
Lemma inb_eq k b x y : inb k b x -> x = y -> inb k b y. Proof. intros H <-; exact H. Qed.
Lemma wball k w b x : (0 <= k)%Z -> inb k b x -> inb (k + q) (Ball (w * bc b) (Z.abs w * br b)) (IZR w / P2 q * x).
Proof.
  intros Hk H. pose proof (P2_pos q ltac:(lia)) as Pq. unfold inb in *; cbn [bc br]. rewrite P2_add, !mult_IZR, abs_IZR by lia.
  replace (IZR w / P2 q * x * (P2 k * P2 q) - IZR w * IZR (bc b)) with (IZR w * (x * P2 k - IZR (bc b))) by (field; lra).
  rewrite Rabs_mult. apply Rmult_le_compat_l; [apply Rabs_pos | exact H].
Qed.
Lemma b0_ok k : inb k b0 0.
Proof. unfold inb, b0; cbn [bc br]. rewrite Rmult_0_l, Rminus_0_r, Rabs_R0; lra. Qed.
Lemma dotrow_ok : forall v w x c r y, (forall i, (i < length v)%nat -> inb pp (nth i v b0) (x i)) -> inb (pp + q) (Ball c r) y ->
  inb (pp + q) (dotrow w v c r) (y + sum (length v) (fun j => wR w j * x j)).
Proof.
  pose proof p0 as Hp.
  induction v as [|b v IH]; intros w x c r y Hv Hy.
  - destruct w; simpl; rewrite Rplus_0_r; exact Hy.
  - destruct w as [|z w].
    + cbn [dotrow]. rewrite sum0; [rewrite Rplus_0_r; exact Hy|]. intros i _. unfold wR. destruct i; unfold nth, Rdiv; ring.
    + cbn [dotrow length]. rewrite sum_head.
      eapply inb_eq; [apply (IH w (fun j => x (S j)) _ _ (y + IZR z / P2 q * x 0%nat))|].
      * intros i Hi. apply (Hv (S i)). simpl; lia.
      * change (inb (pp + q) (badd (Ball c r) (Ball (z * bc b) (Z.abs z * br b))) (y + IZR z / P2 q * x 0%nat)).
        apply badd_ok; [exact Hy | apply wball; [exact Hp | apply (Hv 0%nat); simpl; lia]].
      * unfold wR; simpl. ring.
Qed.
Lemma map2_length {A B D} (f : A -> B -> D) l : forall k, length l = length k -> length (map2 f l k) = length k.
Proof. induction l as [|a l IH]; intros [|b k]; simpl; intros; try lia. rewrite IH; lia. Qed.
Lemma map2_nth {A B D} (f : A -> B -> D) da db dd l : forall k i, (i < length l)%nat -> (i < length k)%nat -> nth i (map2 f l k) dd = f (nth i l da) (nth i k db).
Proof. induction l as [|a l IH]; intros [|b k] i; simpl; intros; try lia. destruct i; [reflexivity | apply IH; lia]. Qed.
Definition fit {A} (d : A) (l : list A) : list A := firstn n (l ++ repeat d n).
Lemma fit_length {A} (d : A) l : length (fit d l) = n.
Proof. unfold fit. rewrite firstn_length, app_length, repeat_length. lia. Qed.
Lemma fit_nth {A} (d : A) l i : (i < n)%nat -> nth i (fit d l) d = nth i l d.
Proof.
  intros H. transitivity (nth i (l ++ repeat d n) d).
  - pose proof (fit_length d l) as L. unfold fit in *. rewrite <- (firstn_skipn n (l ++ repeat d n)) at 2. rewrite app_nth1 by lia. reflexivity.
  - destruct (Nat.lt_ge_cases i (length l)); [rewrite app_nth1 by lia; reflexivity|].
    rewrite app_nth2 by lia. rewrite nth_repeat, nth_overflow by lia. reflexivity.
Qed.
Lemma sum_short k l f : (k <= l)%nat -> (forall i, (k <= i < l)%nat -> f i = 0) -> sum l f = sum k f.
Proof.
  intros H. induction H as [|l H IH]; intros Z; [reflexivity|]. cbn [sum]. rewrite Z, IH by (intros; try apply Z; lia). ring.
Qed.
Lemma wR_short w j : (length w <= j)%nat -> wR w j = 0.
Proof. intros H. unfold wR. rewrite nth_overflow by exact H. unfold Rdiv. ring. Qed.
Lemma wR_nil j : wR [] j = 0. Proof. apply wR_short. simpl; lia. Qed.
Lemma matR_short W i j : (length W <= i)%nat -> matR W i j = 0.
Proof. intros H. unfold matR. rewrite nth_overflow by exact H. apply wR_nil. Qed.
(* The first k entries, and zeros. *)
Definition cut (k : nat) (x : vec) : vec := fun a => if Nat.ltb a k then x a else 0.
Lemma cut_in k x a : (a < k)%nat -> cut k x a = x a.
Proof. intros H. unfold cut. apply Nat.ltb_lt in H. rewrite H. reflexivity. Qed.
Lemma cut_out k x a : (k <= a)%nat -> cut k x a = 0.
Proof. intros H. unfold cut. apply Nat.ltb_ge in H. rewrite H. reflexivity. Qed.
Lemma sum_cut k l f g : (k <= l)%nat -> sum l (fun a => f a * cut k g a) = sum k (fun a => f a * g a).
Proof.
  intros H. rewrite (sum_short k l) by (try exact H; intros; rewrite cut_out by lia; ring).
  apply sum_ext; intros; rewrite cut_in by assumption; reflexivity.
Qed.
Lemma dot_cut k x y : (k <= n)%nat -> dot n x (cut k y) = dot k x y. Proof. apply sum_cut. Qed.
Lemma dot_cut_l k x y : (k <= n)%nat -> dot n (cut k x) y = dot k x y.
Proof.
  intros H. transitivity (sum n (fun a => y a * cut k x a)); [apply sum_ext; intros; ring|].
  rewrite sum_cut by exact H. apply sum_ext; intros; ring.
Qed.
(* W v + k, a row at a time; rows and columns beyond those of W are zero. *)
Definition baff (W : list (list Z)) (k : list Z) (v : list ball) : list ball :=
  map (rnd q) (e_rows eng (fit [] W) v (map (fun z => Z.shiftl z (pp - q)) k)).
Lemma rows_eq W v k : map (rnd q) (e_rows eng W v (map (fun z => Z.shiftl z (pp - q)) k)) = map2 (fun w z => rnd q (dotrow w v (Z.shiftl z (pp - q)) 0)) W k.
Proof. destruct HEng as (_ & _ & -> & _). unfold dots. revert k; induction W as [|w W IH]; intros [|z k]; cbn [map map2]; [..| rewrite IH]; reflexivity. Qed.
Lemma baff_eq W k v : baff W k v = map2 (fun w z => rnd q (dotrow w v (Z.shiftl z (pp - q)) 0)) (fit [] W) k.
Proof. apply rows_eq. Qed.
Lemma kball z : inb (pp + q) (Ball (Z.shiftl z (pp - q)) 0) (IZR z / P2 (q + q)).
Proof.
  unfold inb; cbn [bc br]. rewrite shl by lia. rewrite !P2_add by lia. pose proof (P2_pos q ltac:(lia)).
  assert (E : S_ = P2 (pp - q) * P2 q) by (rewrite <- P2_add by lia; f_equal; lia). rewrite E.
  match goal with |- Rabs ?a <= _ => replace a with 0 by (field; lra) end. rewrite Rabs_R0; lra.
Qed.
Lemma baff_ok W k v x : length k = n -> inv v x -> inv (baff W k v) (fun i => mat n (matR W) x i + kR k i).
Proof.
  intros Hk [Hl Hv]. pose proof p0 as Hp. rewrite baff_eq. split; [rewrite map2_length; rewrite ?fit_length; congruence|]. intros i Hi.
  rewrite (map2_nth _ [] 0%Z) by (rewrite ?fit_length; lia). apply rnd_ok; [exact Hp | lia |]. rewrite fit_nth by exact Hi.
  eapply inb_eq; [apply (dotrow_ok v _ x _ _ (kR k i)); [intros; apply Hv; lia | apply kball]|].
  rewrite Hl. unfold mat, matR. ring.
Qed.
Lemma axpy_length a : forall acc w, length (axpy w a acc) = length acc.
Proof. induction acc as [|b acc IH]; intros [|x w]; simpl; auto. Qed.
Lemma axpy_ok a z : inb pp a z -> forall acc w y, (forall j, (j < length acc)%nat -> inb (pp + q) (nth j acc b0) (y j)) ->
  forall j, (j < length acc)%nat -> inb (pp + q) (nth j (axpy w a acc) b0) (y j + wR w j * z).
Proof.
  intros Ha. pose proof p0 as Hp. induction acc as [|b acc IH]; intros w y Hy j Hj; [simpl in Hj; lia|].
  destruct w as [|x w].
  - cbn [axpy]. eapply inb_eq; [apply Hy, Hj | unfold wR; destruct j; unfold nth, Rdiv; ring].
  - cbn [axpy]. destruct j as [|j].
    + change (inb (pp + q) (badd b (Ball (x * bc a) (Z.abs x * br a))) (y 0%nat + IZR x / P2 q * z)).
      apply badd_ok; [apply (Hy 0%nat); simpl; lia | apply wball; assumption].
    + apply (IH w (fun j => y (S j))); [intros i Hi; apply (Hy (S i)); simpl; lia | simpl in Hj; lia].
Qed.
Lemma tmv_length a : forall W acc, length (tmv W a acc) = length acc.
Proof. induction a as [|b a IH]; intros [|w W] acc; simpl; auto. rewrite IH, axpy_length; reflexivity. Qed.
Lemma tmv_ok : forall a W x acc y, (forall i, (i < length a)%nat -> inb pp (nth i a b0) (x i)) ->
  (forall j, (j < length acc)%nat -> inb (pp + q) (nth j acc b0) (y j)) ->
  forall j, (j < length acc)%nat -> inb (pp + q) (nth j (tmv W a acc) b0) (y j + sum (length a) (fun i => matR W i j * x i)).
Proof.
  induction a as [|b a IH]; intros W x acc y Ha Hy j Hj.
  - destruct W; simpl; rewrite Rplus_0_r; apply Hy, Hj.
  - destruct W as [|w W].
    + cbn [tmv]. rewrite sum0; [rewrite Rplus_0_r; apply Hy, Hj|]. intros i _. unfold matR, wR. destruct i, j; unfold nth, Rdiv; ring.
    + cbn [tmv length]. rewrite sum_head. eapply inb_eq; [apply (IH W (fun i => x (S i)) _ (fun j => y j + wR w j * x 0%nat))|].
      * intros i Hi. apply (Ha (S i)). simpl; lia.
      * rewrite axpy_length. apply axpy_ok; [apply (Ha 0%nat); simpl; lia | exact Hy].
      * rewrite axpy_length; exact Hj.
      * unfold matR; simpl. ring.
Qed.
Definition btaff (W : list (list Z)) (a : list ball) : list ball := map (rnd q) (e_cols eng W a (repeat b0 n)).
Lemma btaff_ok W a x k : length a = k -> (forall i, (i < k)%nat -> inb pp (nth i a b0) (x i)) -> inv (btaff W a) (fun j => sum k (fun i => matR W i j * x i)).
Proof.
  intros Hl Ha. pose proof p0 as Hp. assert (Q : btaff W a = map (rnd q) (tmv W a (repeat b0 n))) by (unfold btaff; destruct HEng as (_ & _ & _ & -> & _); reflexivity).
  rewrite Q. split; [rewrite map_length, tmv_length, repeat_length; reflexivity|].
  intros i Hi. rewrite (nth_indep _ b0 (rnd q b0)) by (rewrite map_length, tmv_length, repeat_length; exact Hi).
  rewrite map_nth. apply rnd_ok; [exact Hp | lia |].
  eapply inb_eq; [apply (tmv_ok a W x (repeat b0 n) (fun _ => 0))|].
  - intros; apply Ha; lia.
  - intros j Hj. rewrite repeat_length in Hj. rewrite (nth_repeat _ _ j). apply b0_ok.
  - rewrite repeat_length; exact Hi.
  - rewrite Hl. ring.
Qed.
Lemma map_ok (f : ball -> ball) (g : R -> R) v x : (forall b y, inb pp b y -> inb pp (f b) (g y)) -> inv v x -> inv (map f v) (fun i => g (x i)).
Proof.
  intros H [Hl Hv]. split; [rewrite map_length; exact Hl|]. intros i Hi.
  rewrite (nth_indep _ b0 (f b0)) by (rewrite map_length; lia). rewrite map_nth. apply H, Hv, Hi.
Qed.
Lemma map2_ok (f : ball -> ball -> ball) (g : R -> R -> R) v u x y : (forall a b s t, inb pp a s -> inb pp b t -> inb pp (f a b) (g s t)) ->
  inv v x -> inv u y -> inv (map2 f v u) (fun i => g (x i) (y i)).
Proof.
  intros H [Hl Hv] [Hk Hu]. split; [rewrite map2_length; congruence|]. intros i Hi. rewrite (map2_nth f b0 b0) by lia. apply H; auto.
Qed.


(* Part 4: straight-line programs, their value, their gradient.
   Tables hold the weights; shp holds rows and columns of each. A program is evaluated at any real
   matrices of these shapes (vals), so that it has a gradient by them too. *)
Definition vals := nat -> nat -> nat -> R.
Variable tables : list (list (list Z)).
Variable shp : list (nat * nat).
Definition Rw (w : nat) : nat := fst (nth w shp (0%nat, 0%nat)).
Definition Cw (w : nat) : nat := snd (nth w shp (0%nat, 0%nat)).
Definition tab_at (w : nat) : list (list Z) := nth w tables [].
Definition vals_of : vals := fun w => matR (tab_at w).
(* OAff: a matrix times vector i, plus matrices times exact vectors (ps), plus numbers of scale 2q (ks). *)
Inductive op := OAff (w i : nat) (ps : list (nat * list Z)) (ks : list Z) | OCst (ps : list (nat * list Z)) (ks : list Z)
  | OAdd (i j : nat) | OMul (i j : nat) | OSig (i : nat) | OTan (i : nat) | ORel (r i : nat) | OLin (a : Z) (d : positive) (b : Z) (e : positive) (i : nat) | OFun (f : fn) (r i : nat).
Definition vz : vec := fun _ => 0.
Definition frac (a : Z) (d : positive) : R := IZR a / IZR (Zpos d).
Fixpoint given (M : vals) (ps : list (nat * list Z)) (a : nat) : R :=
  match ps with [] => 0 | (w, x) :: ps => cut (Rw w) (mat (Cw w) (M w) (wR x)) a + given M ps a end.
Fixpoint known (ks : list Z) : R := match ks with [] => 0 | k :: ks => IZR k / P2 (q + q) + known ks end.
Definition ev (M : vals) (o : op) (e : list vec) : vec :=
  match o with
  | OAff w i ps ks => fun a => cut (Rw w) (mat (Cw w) (M w) (nth i e vz)) a + (given M ps a + known ks)
  | OCst ps ks => fun a => given M ps a + known ks
  | OAdd i j => fun a => nth i e vz a + nth j e vz a
  | OMul i j => fun a => nth i e vz a * nth j e vz a
  | OSig i => fun a => sigmoid (nth i e vz a)
  | OTan i => fun a => tanh (nth i e vz a)
  | ORel r i => cut r (fun a => relu (nth i e vz a))
  | OLin a d b e' i => fun x => frac a d * nth i e vz x + frac b e'
  | OFun f r i => cut r (fun a => fval f (nth i e vz a))
  end.
Definition dv (M : vals) (o : op) (e de : list vec) : vec :=
  match o with
  | OAff w i ps ks => cut (Rw w) (mat (Cw w) (M w) (nth i de vz))
  | OCst ps ks => vz
  | OAdd i j => fun a => nth i de vz a + nth j de vz a
  | OMul i j => fun a => nth i de vz a * nth j e vz a + nth i e vz a * nth j de vz a
  | OSig i => fun a => ev M o e a * (1 - ev M o e a) * nth i de vz a
  | OTan i => fun a => (1 - ev M o e a * ev M o e a) * nth i de vz a
  | ORel r i => cut r (fun a => step (nth i e vz a) * nth i de vz a)
  | OLin a d b e' i => fun x => frac a d * nth i de vz x
  | OFun f r i => cut r (fun a => fslope f (nth i e vz a) (ev M o e a) * nth i de vz a)
  end.
Definition dw (dM : vals) (o : op) (e : list vec) : vec :=
  match o with
  | OAff w i ps ks => fun a => cut (Rw w) (mat (Cw w) (dM w) (nth i e vz)) a + given dM ps a
  | OCst ps ks => given dM ps
  | _ => vz
  end.
Definition Dl (E : R -> list vec) (r : R) (de : list vec) : Prop :=
  length (E r) = length de /\ forall i, D n (fun r => nth i (E r) vz) r (nth i de vz).
Definition DM (M : R -> vals) (r : R) (dM : vals) : Prop :=
  forall w i j, (i < Rw w)%nat -> (j < Cw w)%nat -> derivable_pt_lim (fun r => M r w i j) r (dM w i j).
Definition away (o : op) (e : list vec) : Prop := match o with ORel r i => forall a, (a < r)%nat -> nth i e vz a <> 0 | OFun f r i => forall a, (a < r)%nat -> fdom f (nth i e vz a) | _ => True end.
Definition okpiece (p : nat * list Z) : bool := Nat.ltb (fst p) (length shp).
Definition okop (o : op) (k : nat) : bool :=
  match o with
  | OAff w i ps ks => (Nat.ltb w (length shp) && Nat.leb (Cw w) n && Nat.ltb i k && forallb okpiece ps)%bool
  | OCst ps ks => forallb okpiece ps
  | OAdd i j | OMul i j => (Nat.ltb i k && Nat.ltb j k)%bool
  | OSig i | OTan i | OLin _ _ _ _ i => Nat.ltb i k
  | ORel r i | OFun _ r i => (Nat.leb r n && Nat.ltb i k)%bool
  end.
Lemma dl_ext f g r l : (forall x, f x = g x) -> derivable_pt_lim f r l -> derivable_pt_lim g r l.
Proof. intros H D1 eps He. destruct (D1 eps He) as [d Hd]. exists d. intros h0 H1 H2. rewrite <- !H. apply Hd; assumption. Qed.
Lemma d_given M r dM ps a : DM M r dM -> derivable_pt_lim (fun r => given (M r) ps a) r (given dM ps a).
Proof.
  intros H. induction ps as [|[w x] ps IH]; [exact (dl_const 0 r)|]. cbn [given].
  apply (dl_plus (fun r => cut (Rw w) (mat (Cw w) (M r w) (wR x)) a)); [|exact IH].
  destruct (Nat.lt_ge_cases a (Rw w)) as [L|L].
  - rewrite cut_in by exact L. apply (dl_ext (fun r => sum (Cw w) (fun j => M r w a j * wR x j))); [intros; rewrite cut_in by exact L; reflexivity|].
    apply (dl_sum (Cw w) (fun j r => M r w a j * wR x j)). intros j Hj.
    eapply dl_eq; [apply (dl_mult (fun r => M r w a j) (fun _ => wR x j)); [apply H; assumption | apply dl_const] | ring].
  - rewrite cut_out by exact L. apply (dl_ext (fun _ => 0)); [intros; rewrite cut_out by exact L; reflexivity | apply dl_const].
Qed.
Lemma dv_ok o M E r dM de : okop o (length de) = true -> DM M r dM -> Dl E r de -> away o (E r) ->
  D n (fun r => ev (M r) o (E r)) r (fun a => dv (M r) o (E r) de a + dw dM o (E r) a).
Proof.
  intros K HM [_ H] A a Ha. destruct o as [w i ps ks|ps ks|i j|i j|i|i|k i|x d y e' i|f k i]; cbn [ev dv dw okop away] in *; rewrite ?Bool.andb_true_iff, ?Nat.ltb_lt, ?Nat.leb_le in K.
  - destruct K as [[[K1 K2] K3] K4]. eapply dl_eq; [apply (dl_plus (fun r => cut (Rw w) (mat (Cw w) (M r w) (nth i (E r) vz)) a) (fun r => given (M r) ps a + known ks) r
      (cut (Rw w) (fun a => sum (Cw w) (fun j => dM w a j * nth i (E r) vz j + M r w a j * nth i de vz j)) a) (given dM ps a))|].
    + destruct (Nat.lt_ge_cases a (Rw w)) as [L|L].
      * rewrite cut_in by exact L. apply (dl_ext (fun r => sum (Cw w) (fun j => M r w a j * nth i (E r) vz j))); [intros; rewrite cut_in by exact L; reflexivity|].
        apply (dl_sum (Cw w) (fun j r => M r w a j * nth i (E r) vz j)). intros j Hj.
        apply (dl_mult (fun r => M r w a j) (fun r => nth i (E r) vz j)); [apply HM; assumption | apply H; lia].
      * rewrite cut_out by exact L. apply (dl_ext (fun _ => 0)); [intros; rewrite cut_out by exact L; reflexivity | apply dl_const].
    + eapply dl_eq; [apply (dl_plus (fun r => given (M r) ps a) (fun _ => known ks)); [apply d_given, HM | apply dl_const] | apply Rplus_0_r].
    + rewrite <- Rplus_assoc. f_equal. destruct (Nat.lt_ge_cases a (Rw w)) as [L|L]; [rewrite !cut_in by exact L | rewrite !cut_out by exact L; ring].
      unfold mat. rewrite sum_plus. ring.
  - eapply dl_eq; [apply (dl_plus (fun r => given (M r) ps a) (fun _ => known ks)); [apply d_given, HM | apply dl_const] | unfold vz; ring].
  - eapply dl_eq; [apply (dl_plus (fun r => nth i (E r) vz a) (fun r => nth j (E r) vz a)); apply H, Ha | unfold vz; ring].
  - eapply dl_eq; [apply (dl_mult (fun r => nth i (E r) vz a) (fun r => nth j (E r) vz a)); apply H, Ha | unfold vz; ring].
  - eapply dl_eq; [apply (dl_sigmoid (fun r => nth i (E r) vz a)); apply H, Ha | unfold vz; ring].
  - eapply dl_eq; [apply (dl_tanh (fun r => nth i (E r) vz a)); apply H, Ha | unfold vz; simpl; ring].
  - destruct (Nat.lt_ge_cases a k) as [L|L].
    + rewrite cut_in by exact L. apply (dl_ext (fun r => relu (nth i (E r) vz a))); [intros; rewrite cut_in by exact L; reflexivity|].
      eapply dl_eq; [apply (dl_relu (fun r => nth i (E r) vz a)); [apply A, L | apply H, Ha] | unfold vz; ring].
    + rewrite cut_out by exact L. apply (dl_ext (fun _ => 0)); [intros; rewrite cut_out by exact L; reflexivity|]. eapply dl_eq; [apply dl_const | unfold vz; ring].
  - eapply dl_eq; [apply (dl_plus (fun r => frac x d * nth i (E r) vz a) (fun _ => frac y e')); [|apply dl_const]; apply (dl_mult (fun _ => frac x d) (fun r => nth i (E r) vz a)); [apply dl_const | apply H, Ha] | unfold vz; ring].
  - destruct (Nat.lt_ge_cases a k) as [L|L].
    + rewrite !cut_in by exact L. apply (dl_ext (fun r => fval f (nth i (E r) vz a))); [intros; rewrite cut_in by exact L; reflexivity|].
      eapply dl_eq; [apply (fval_d f (fun r => nth i (E r) vz a)); [apply A, L | apply H, Ha] | unfold vz; ring].
    + rewrite cut_out by exact L. apply (dl_ext (fun _ => 0)); [intros; rewrite cut_out by exact L; reflexivity|]. eapply dl_eq; [apply dl_const | unfold vz; ring].
Qed.
Lemma Dl_cons E r de x dx : Dl E r de -> D n x r dx -> Dl (fun r => x r :: E r) r (dx :: de).
Proof. intros H K; split; [simpl; f_equal; apply H|]. intros [|i]; [exact K | apply H]. Qed.

Fixpoint addat (i : nat) (v : vec) (l : list vec) : list vec :=
  match l with [] => [] | x :: l => match i with O => (fun a => x a + v a) :: l | S i => x :: addat i v l end end.
Definition matT (w : nat) (W : nat -> nat -> R) (a : vec) : vec := cut (Cw w) (fun j => sum (Rw w) (fun i => W i j * a i)).
Definition push (M : vals) (o : op) (e : list vec) (y a : vec) (l : list vec) : list vec :=
  match o with
  | OAff w i ps ks => addat i (matT w (M w) a) l
  | OCst ps ks => l
  | OAdd i j => addat i a (addat j a l)
  | OMul i j => addat i (fun b => nth j e vz b * a b) (addat j (fun b => nth i e vz b * a b) l)
  | OSig i => addat i (fun b => y b * (1 - y b) * a b) l
  | OTan i => addat i (fun b => (1 - y b * y b) * a b) l
  | ORel r i => addat i (cut r (fun b => step (nth i e vz b) * a b)) l
  | OLin x d _ _ i => addat i (fun b => frac x d * a b) l
  | OFun f r i => addat i (cut r (fun b => fslope f (nth i e vz b) (y b) * a b)) l
  end.
(* What an operation gives to the gradient by the matrices. *)
Fixpoint use_given (ps : list (nat * list Z)) (a : vec) : vals :=
  match ps with [] => fun _ _ _ => 0 | (v, x) :: ps => fun w i j => (if Nat.eqb w v then a i * wR x j else 0) + use_given ps a w i j end.
Definition use (o : op) (e : list vec) (a : vec) : vals :=
  match o with
  | OAff v k ps ks => fun w i j => (if Nat.eqb w v then a i * nth k e vz j else 0) + use_given ps a w i j
  | OCst ps ks => use_given ps a
  | _ => fun _ _ _ => 0
  end.
Fixpoint ip (l k : list vec) : R := match l, k with x :: l, y :: k => dot n x y + ip l k | _, _ => 0 end.
Definition pair_at (w : nat) (G H : nat -> nat -> R) : R := sum (Rw w) (fun i => sum (Cw w) (fun j => G i j * H i j)).
Definition pair (G H : vals) : R := sum (length shp) (fun w => pair_at w (G w) (H w)).
Lemma addat_length v : forall l i, length (addat i v l) = length l.
Proof. induction l as [|x l IH]; intros [|i]; simpl; auto. Qed.
Lemma push_length M o e y a l : length (push M o e y a l) = length l.
Proof. destruct o; simpl; rewrite ?addat_length; reflexivity. Qed.
Lemma dot_plus_l x y z : dot n (fun a => x a + y a) z = dot n x z + dot n y z.
Proof. unfold dot. rewrite <- sum_plus. apply sum_ext; intros; ring. Qed.
Lemma dot_plus_r x y z : dot n z (fun a => x a + y a) = dot n z x + dot n z y.
Proof. unfold dot. rewrite <- sum_plus. apply sum_ext; intros; ring. Qed.
Lemma dot_vz x : dot n x vz = 0. Proof. apply sum0; intros; unfold vz; ring. Qed.
Lemma ip_addat v : forall l k i, length l = length k -> ip (addat i v l) k = ip l k + dot n v (nth i k vz).
Proof.
  induction l as [|x l IH]; intros [|y k] i H; try discriminate.
  - destruct i; simpl; rewrite dot_vz; ring.
  - destruct i as [|i]; simpl.
    + rewrite dot_plus_l; ring.
    + rewrite IH by (simpl in H; lia). ring.
Qed.
Lemma sum_swap a b f : sum a (fun i => sum b (fun j => f i j)) = sum b (fun j => sum a (fun i => f i j)).
Proof. induction a as [|a IH]; simpl; [rewrite sum0; auto | rewrite IH, <- sum_plus; reflexivity]. Qed.
(* Shapes of the tables, and that rows fit into the vectors. *)
Definition okshape (W : list (list Z)) (s : nat * nat) : bool := (Nat.eqb (length W) (fst s) && Nat.leb (fst s) n && forallb (fun w => Nat.leb (length w) (snd s)) W)%bool.
Definition okshapes : bool := (Nat.eqb (length tables) (length shp) && forallb (fun x => okshape (fst x) (snd x)) (combine tables shp))%bool.
Lemma shapes w : okshapes = true -> length (tab_at w) = Rw w /\ (Rw w <= n)%nat /\ forall i, (length (nth i (tab_at w) []) <= Cw w)%nat.
Proof.
  unfold okshapes. rewrite Bool.andb_true_iff, Nat.eqb_eq, forallb_forall. intros [L H]. unfold tab_at, Rw, Cw.
  destruct (Nat.lt_ge_cases w (length tables)) as [K|K].
  - specialize (H (nth w tables [], nth w shp (0%nat, 0%nat))). rewrite <- (combine_nth _ _ _ _ _ L) in H.
    specialize (H ltac:(apply nth_In; rewrite combine_length; lia)). rewrite combine_nth in H by exact L. cbn [fst snd] in H.
    unfold okshape in H. rewrite !Bool.andb_true_iff, Nat.eqb_eq, Nat.leb_le, forallb_forall in H. destruct H as [[H1 H2] H3].
    split; [exact H1 | split; [exact H2|]]. intros i. destruct (Nat.lt_ge_cases i (length (nth w tables []))) as [Hi|Hi].
    + apply Nat.leb_le, H3, nth_In, Hi.
    + rewrite (nth_overflow _ _ Hi). simpl; lia.
  - rewrite (nth_overflow tables) by exact K. rewrite (nth_overflow shp) by lia. cbn [fst snd length]. split; [reflexivity | split; [lia|]].
    intros [|i]; simpl; lia.
Qed.
Section Shapes.
Hypothesis Hs : okshapes = true.
Lemma matT_dot w W a y : (Cw w <= n)%nat -> dot n (matT w W a) y = dot n a (cut (Rw w) (mat (Cw w) W y)).
Proof.
  intros Hc. destruct (shapes w Hs) as (_ & Hr & _). unfold matT. rewrite dot_cut, dot_cut_l by assumption. unfold dot, mat.
  rewrite (sum_ext (Cw w) _ (fun j => sum (Rw w) (fun i => a i * (W i j * y j)))).
  - rewrite sum_swap. apply sum_ext; intros i _. rewrite sum_scal. reflexivity.
  - intros j _. rewrite Rmult_comm, <- sum_scal. apply sum_ext; intros; ring.
Qed.
Lemma push_ok M o e de a l : okop o (length de) = true -> length l = length de -> ip (push M o e (ev M o e) a l) de = dot n a (dv M o e de) + ip l de.
Proof.
  intros K H. destruct o as [w i ps ks|ps ks|i j|i j|i|i|r i|x d y e' i|f r i]; cbn [push dv okop] in *; rewrite ?ip_addat by (rewrite ?addat_length; exact H).
  - rewrite !Bool.andb_true_iff, Nat.leb_le in K. rewrite matT_dot by apply K. ring.
  - rewrite dot_vz; ring.
  - rewrite (dot_plus_r (nth i de vz)). ring.
  - assert (Q : dot n a (fun b => nth i de vz b * nth j e vz b + nth i e vz b * nth j de vz b)
       = dot n (fun b => nth j e vz b * a b) (nth i de vz) + dot n (fun b => nth i e vz b * a b) (nth j de vz)).
    { unfold dot. rewrite <- sum_plus. apply sum_ext; intros; ring. }
    rewrite Q. ring.
  - rewrite Rplus_comm. f_equal. apply sum_ext; intros; ring.
  - rewrite Rplus_comm. f_equal. apply sum_ext; intros; ring.
  - rewrite Bool.andb_true_iff, Nat.leb_le in K. rewrite Rplus_comm. f_equal. rewrite dot_cut, dot_cut_l by apply K. apply sum_ext; intros; ring.
  - rewrite Rplus_comm. f_equal. apply sum_ext; intros; ring.
  - rewrite Bool.andb_true_iff, Nat.leb_le in K. rewrite Rplus_comm. f_equal. rewrite dot_cut, dot_cut_l by apply K. apply sum_ext; intros; ring.
Qed.
Lemma pair_plus F G H : pair (fun w i j => F w i j + G w i j) H = pair F H + pair G H.
Proof.
  unfold pair. rewrite <- sum_plus. apply sum_ext; intros w _. unfold pair_at. rewrite <- sum_plus. apply sum_ext; intros i _.
  rewrite <- sum_plus. apply sum_ext; intros; ring.
Qed.
Lemma pair_zero G : pair (fun _ _ _ => 0) G = 0.
Proof. apply sum0; intros w _. apply sum0; intros i _. apply sum0; intros; ring. Qed.
Lemma sum_one_of k v f : (v < k)%nat -> sum k (fun w => if Nat.eqb w v then f w else 0) = f v.
Proof.
  induction k as [|k IH]; intros H; [lia|]. cbn [sum]. destruct (Nat.eqb_spec k v) as [->|N].
  - rewrite sum0; [ring|]. intros i Hi. destruct (Nat.eqb_spec i v); [lia | reflexivity].
  - rewrite IH by lia. ring.
Qed.
Lemma pair_outer v a x dM : (v < length shp)%nat -> pair (fun w i j => if Nat.eqb w v then a i * x j else 0) dM = dot n a (cut (Rw v) (mat (Cw v) (dM v) x)).
Proof.
  intros Hv. unfold pair. rewrite (sum_ext _ _ (fun w => if Nat.eqb w v then pair_at w (fun i j => a i * x j) (dM w) else 0)).
  - rewrite sum_one_of by exact Hv. destruct (shapes v Hs) as (_ & Hr & _). rewrite dot_cut by exact Hr. unfold pair_at, dot, mat. apply sum_ext; intros i _.
    rewrite <- sum_scal. apply sum_ext; intros; ring.
  - intros w _. destruct (Nat.eqb w v); [reflexivity|]. apply sum0; intros i _. apply sum0; intros; ring.
Qed.
Lemma use_given_ok ps a dM : forallb okpiece ps = true -> pair (use_given ps a) dM = dot n a (given dM ps).
Proof.
  induction ps as [|[v x] ps IH]; cbn [forallb use_given given]; intros K.
  - rewrite pair_zero. symmetry. apply dot_vz.
  - apply andb_prop in K. destruct K as [K1 K2]. apply Nat.ltb_lt in K1. cbn [fst] in K1.
    rewrite (pair_plus (fun w i j => if Nat.eqb w v then a i * wR x j else 0)), pair_outer, IH by assumption. symmetry. apply dot_plus_r.
Qed.
Lemma use_ok o e a dM k : okop o k = true -> pair (use o e a) dM = dot n a (dw dM o e).
Proof.
  intros K. destruct o as [w i ps ks|ps ks|i j|i j|i|i|r i|x d y e' i|f r i]; cbn [use dw okop] in *; try (rewrite pair_zero; symmetry; apply dot_vz).
  - rewrite !Bool.andb_true_iff, Nat.ltb_lt in K. destruct K as [[[K1 _] _] K2].
    rewrite (pair_plus (fun u i0 j0 => if Nat.eqb u w then a i0 * nth i e vz j0 else 0)), pair_outer, use_given_ok by assumption. symmetry. apply dot_plus_r.
  - apply use_given_ok, K.
Qed.
End Shapes.
(* Losses of the scores V x + b of a vector: V of width c. *)
Inductive kind := KLin | KSq (y : list Z) | KLog (y : list Z) | KX (y : nat).
Inductive loss := Head (V : list (list Z)) (b : list Z) (k : kind).
Definition score (c : nat) (V : list (list Z)) (b : list Z) (x : vec) (k : nat) : R := mat c (matR V) x k + kR b k.
Definition delta (y k : nat) : R := if Nat.eqb k y then 1 else 0.
Definition loss_of (K : nat) (kd : kind) (z : vec) : R :=
  match kd with
  | KLin => sum K z
  | KSq y => sum K (fun k => (z k - wR y k) * (z k - wR y k) / 2)
  | KLog y => sum K (fun k => ln (1 + exp (z k)) - wR y k * z k)
  | KX y => ln (sum K (fun k => exp (z k))) - z y
  end.
Definition dloss (K : nat) (kd : kind) (z : vec) (k : nat) : R :=
  match kd with
  | KLin => 1
  | KSq y => z k - wR y k
  | KLog y => sigmoid (z k) - wR y k
  | KX y => exp (z k) / sum K (fun k => exp (z k)) - delta y k
  end.
Definition lossV (lo : loss) (x : vec) : R := match lo with Head V b k => loss_of (length V) k (score n V b x) end.
Definition dlossV (lo : loss) (x : vec) : vec :=
  match lo with Head V b kd => fun j => sum (length V) (fun k => matR V k j * dloss (length V) kd (score n V b x) k) end.
Definition okloss (lo : loss) : bool := match lo with Head V b k => (Nat.eqb (length b) (length V) && match k with KX y => Nat.ltb y (length V) | KSq y | KLog y => Nat.eqb (length y) (length V) | KLin => true end)%bool end.
Lemma sum_pos k f : (0 < k)%nat -> (forall i, (i < k)%nat -> 0 < f i) -> 0 < sum k f.
Proof. induction k as [|k IH]; intros H P; [lia|]. simpl. pose proof (P k ltac:(lia)). destruct k; [simpl; lra|]. pose proof (IH ltac:(lia) ltac:(intros; apply P; lia)). lra. Qed.
Lemma sum_delta k y f : (y < k)%nat -> sum k (fun i => delta y i * f i) = f y.
Proof. induction k as [|k IH]; intros H; [lia|]. simpl. unfold delta at 2. destruct (Nat.eqb_spec k y) as [->|N].
  - rewrite sum0; [ring|]. intros i Hi. unfold delta. destruct (Nat.eqb_spec i y); [lia | ring].
  - rewrite IH by lia. ring. Qed.
Lemma dloss_ok K kd (z : R -> vec) r dz : match kd with KX y => Nat.ltb y K | _ => true end = true ->
  (forall k, derivable_pt_lim (fun r => z r k) r (dz k)) ->
  derivable_pt_lim (fun r => loss_of K kd (z r)) r (sum K (fun k => dloss K kd (z r) k * dz k)).
Proof.
  intros Hk H. destruct kd as [|y|y|y]; cbn [loss_of dloss].
  - eapply dl_eq; [apply (dl_sum K (fun k r => z r k)); intros; apply H | apply sum_ext; intros; ring].
  - apply (dl_sum K (fun k r => (z r k - wR y k) * (z r k - wR y k) / 2)). intros k _.
    eapply dl_eq; [apply (dl_mult (fun r => (z r k - wR y k) * (z r k - wR y k)) (fun _ => / 2)); [|apply dl_const]|].
    + apply (dl_mult (fun r => z r k - wR y k) (fun r => z r k - wR y k)); apply (dl_minus (fun r => z r k) (fun _ => wR y k)); first [apply H | apply dl_const].
    + field.
  - apply (dl_sum K (fun k r => ln (1 + exp (z r k)) - wR y k * z r k)). intros k _.
    eapply dl_eq; [apply (dl_minus (fun r => ln (1 + exp (z r k))) (fun r => wR y k * z r k))|].
    + pose proof (exp_pos (z r k)). apply (dl_comp (fun r => 1 + exp (z r k)) ln); [|apply derivable_pt_lim_ln; lra].
      apply (dl_plus (fun _ => 1) (fun r => exp (z r k))); [apply dl_const | apply (dl_comp (fun r => z r k) exp); [apply H | apply derivable_pt_lim_exp]].
    + apply (dl_mult (fun _ => wR y k) (fun r => z r k)); [apply dl_const | apply H].
    + pose proof (exp_pos (z r k)). unfold sigmoid. rewrite exp_Ropp. field. split; lra.
  - apply Nat.ltb_lt in Hk. assert (P : 0 < sum K (fun k => exp (z r k))) by (apply sum_pos; [lia | intros; apply exp_pos]).
    eapply dl_eq; [apply (dl_minus (fun r => ln (sum K (fun k => exp (z r k)))) (fun r => z r y)); [|apply H]|].
    + apply (dl_comp (fun r => sum K (fun k => exp (z r k))) ln); [|apply derivable_pt_lim_ln; exact P].
      apply (dl_sum K (fun k r => exp (z r k))). intros j _. apply (dl_comp (fun r => z r j) exp); [apply H | apply derivable_pt_lim_exp].
    + set (Z := sum K (fun k => exp (z r k))) in *. symmetry.
      transitivity (sum K (fun k => / Z * (exp (z r k) * dz k) + -1 * (delta y k * dz k))); [apply sum_ext; intros; unfold Rdiv; ring|].
      rewrite (sum_plus K (fun k => / Z * (exp (z r k) * dz k)) (fun k => -1 * (delta y k * dz k))), sum_scal, sum_scal.
      rewrite (sum_delta K y dz) by exact Hk. ring.
Qed.
Lemma dlossV_ok lo X r dx : okloss lo = true -> D n X r dx -> derivable_pt_lim (fun r => lossV lo (X r)) r (dot n (dlossV lo (X r)) dx).
Proof.
  intros K H. destruct lo as [V b kd]. cbn [okloss] in K. apply andb_prop in K. destruct K as [_ K]. unfold lossV.
  assert (DS : forall k, derivable_pt_lim (fun r => score n V b (X r) k) r (mat n (matR V) dx k)).
  { intros k. unfold score. eapply dl_eq; [apply (dl_plus (fun r => mat n (matR V) (X r) k) (fun _ => kR b k)); [|apply dl_const] | apply Rplus_0_r].
    apply (D_mat (S k) n (matR V) X r dx H k). lia. }
  eapply dl_eq; [apply (dloss_ok (length V) kd (fun r => score n V b (X r)) r (mat n (matR V) dx)); [destruct kd; auto | exact DS]|].
  unfold dlossV, dot. symmetry.
  transitivity (sum n (fun j => sum (length V) (fun k => dloss (length V) kd (score n V b (X r)) k * (matR V k j * dx j)))).
  { apply sum_ext; intros j _. rewrite Rmult_comm, <- sum_scal. apply sum_ext; intros; ring. }
  rewrite (sum_swap n (length V) (fun j k => dloss (length V) kd (score n V b (X r)) k * (matR V k j * dx j))).
  apply sum_ext; intros k _. rewrite sum_scal. reflexivity.
Qed.
Lemma score_cut c V b x y k : (c <= n)%nat -> forallb (fun w => Nat.leb (length w) c) V = true -> (forall j, (j < c)%nat -> x j = y j) ->
  score n V b x k = score c V b y k.
Proof.
  intros Hc HV H. unfold score, mat. f_equal. rewrite (sum_short c n).
  - apply sum_ext; intros; rewrite H by assumption; reflexivity.
  - exact Hc.
  - intros j Hj. unfold matR. rewrite wR_short; [ring|]. destruct (Nat.lt_ge_cases k (length V)) as [L|L]; [|rewrite nth_overflow by exact L; simpl; lia].
    rewrite forallb_forall in HV. pose proof (HV _ (nth_In V [] L)) as G. apply Nat.leb_le in G. lia.
Qed.
Lemma loss_ext K kd z u : (forall k, z k = u k) -> loss_of K kd z = loss_of K kd u.
Proof.
  intros H. destruct kd; cbn [loss_of]; rewrite ?H; try (apply sum_ext; intros; rewrite ?H; reflexivity).
  f_equal. f_equal. apply sum_ext; intros; rewrite H; reflexivity.
Qed.
(* A program: operations, and losses that are paid on the way. *)
Inductive act := Do (o : op) | Pay (l : loss) (i : nat).
Fixpoint eval (M : vals) (l : list act) (e : list vec) : list vec :=
  match l with [] => e | Do o :: l => eval M l (ev M o e :: e) | Pay _ _ :: l => eval M l e end.
Fixpoint cost (M : vals) (l : list act) (e : list vec) : R :=
  match l with [] => 0 | Do o :: l => cost M l (ev M o e :: e) | Pay lo i :: l => lossV lo (nth i e vz) + cost M l e end.
Lemma eval_app M l k : forall e, eval M (l ++ k) e = eval M k (eval M l e).
Proof. induction l as [|[o|lo i] l IH]; intros e; simpl; auto. Qed.
Lemma cost_app M l k : forall e, cost M (l ++ k) e = cost M l e + cost M k (eval M l e).
Proof. induction l as [|[o|lo i] l IH]; intros e; simpl; rewrite ?IH; ring. Qed.
Fixpoint okacts (l : list act) (k : nat) : bool :=
  match l with [] => true | Do o :: l => (okop o k && okacts l (S k))%bool | Pay lo i :: l => (okloss lo && Nat.ltb i k && okacts l k)%bool end.
Fixpoint smooths (M : vals) (l : list act) (e : list vec) : Prop :=
  match l with [] => True | Do o :: l => away o e /\ smooths M l (ev M o e :: e) | Pay _ _ :: l => smooths M l e end.
Fixpoint back (M : vals) (l : list act) (e : list vec) : list vec :=
  match l with
  | [] => map (fun _ => vz) e
  | Do o :: l => let y := ev M o e in match back M l (y :: e) with a :: t => push M o e y a t | [] => [] end
  | Pay lo i :: l => addat i (dlossV lo (nth i e vz)) (back M l e)
  end.
Fixpoint gradM (M : vals) (l : list act) (e : list vec) : vals :=
  match l with
  | [] => fun _ _ _ => 0
  | Do o :: l => let y := ev M o e in fun w i j => use o e (nth 0 (back M l (y :: e)) vz) w i j + gradM M l (y :: e) w i j
  | Pay _ _ :: l => gradM M l e
  end.
Lemma back_length M l : forall e, length (back M l e) = length e.
Proof.
  induction l as [|[o|lo i] l IH]; intros e; cbn [back].
  - apply map_length.
  - pose proof (IH (ev M o e :: e)) as H. destruct (back M l (ev M o e :: e)); simpl in H; [discriminate|]. rewrite push_length. congruence.
  - rewrite addat_length. apply IH.
Qed.
Lemma ip_zeros : forall (k d : list vec), ip (map (fun _ => vz) k) d = 0.
Proof. induction k as [|u k IHk]; intros [|w d]; simpl; auto. rewrite (IHk d). unfold dot. rewrite sum0; [ring|]. intros; unfold vz; ring. Qed.
(* back and gradM are the gradient: along every curve of environments and matrices. *)
Theorem back_ok l : okshapes = true -> forall E M r de dM, okacts l (length de) = true -> Dl E r de -> DM M r dM -> smooths (M r) l (E r) ->
  derivable_pt_lim (fun r => cost (M r) l (E r)) r (ip (back (M r) l (E r)) de + pair (gradM (M r) l (E r)) dM).
Proof.
  intros Hs. induction l as [|[o|lo i] l IH]; intros E M r de dM K H HM S1; cbn [cost back gradM okacts smooths] in *.
  - rewrite (ip_zeros (E r)), pair_zero, Rplus_0_r. exact (dl_const 0 r).
  - apply andb_prop in K. destruct K as [K1 K2]. destruct S1 as [A S1].
    set (dx := fun a => dv (M r) o (E r) de a + dw dM o (E r) a).
    assert (G : Dl (fun r => ev (M r) o (E r) :: E r) r (dx :: de)) by (apply (Dl_cons E r de (fun r => ev (M r) o (E r))); [exact H | apply dv_ok; assumption]).
    eapply dl_eq; [apply (IH (fun r => ev (M r) o (E r) :: E r) M r (dx :: de) dM K2 G HM S1)|].
    pose proof (back_length (M r) l (ev (M r) o (E r) :: E r)) as L. destruct (back (M r) l (ev (M r) o (E r) :: E r)) as [|a t] eqn:B; [discriminate|].
    cbn [ip nth]. rewrite push_ok by (try exact K1; try exact Hs; destruct H as [H _]; simpl in L; congruence).
    rewrite (pair_plus (use o (E r) a)), (use_ok Hs o (E r) a dM (length de) K1). unfold dx. rewrite (dot_plus_r (dv (M r) o (E r) de)). ring.
  - apply andb_prop in K. destruct K as [K K2]. apply andb_prop in K. destruct K as [K1 K3].
    eapply dl_eq; [apply (dl_plus (fun r => lossV lo (nth i (E r) vz)) (fun r => cost (M r) l (E r))); [apply dlossV_ok; [exact K1 | apply H] | apply (IH E M r de dM K2 H HM S1)]|].
    rewrite ip_addat by (rewrite back_length; apply H). ring.
Qed.
Fixpoint dotZ (w x : list Z) (s : Z) : Z := match w, x with a :: w, 0%Z :: x => dotZ w x s | a :: w, b :: x => dotZ w x (s + a * b) | _, _ => s end.

(* Part 5: the same program on balls, at the weights of the tables. *)
Definition consts (ps : list (nat * list Z)) (ks : list Z) : list Z :=
  fold_right (fun p acc => map2 (fun w z => dotZ w (snd p) z) (fit [] (tab_at (fst p))) acc) (repeat (fold_right Z.add 0%Z ks) n) ps.
Definition bfrac (a : Z) (d : positive) : ball :=
  let z := Z.shiftl a pp in Ball (z / Zpos d) (if Z.eqb (z mod Zpos d) 0 then 0 else 1).
Definition blin (a : Z) (d : positive) (s : ball) (x : ball) : ball :=
  match d with xH => Ball (a * bc x + bc s) (Z.abs a * br x + br s) | _ => badd (bmul pp (bfrac a d) x) s end.
Definition brelu (b : ball) : ball :=
  if Z.ltb 0 (bc b - br b) then b else if Z.ltb (bc b + br b) 0 then b0 else Ball 0 (Z.abs (bc b) + br b).
Definition bev (o : op) (e : list (list ball)) : list ball :=
  match o with
  | OAff w i ps ks => baff (tab_at w) (consts ps ks) (nth i e [])
  | OCst ps ks => map (fun z => rnd q (Ball (Z.shiftl z (pp - q)) 0)) (consts ps ks)
  | OAdd i j => map2 badd (nth i e []) (nth j e [])
  | OMul i j => map2 (bmul pp) (nth i e []) (nth j e [])
  | OSig i => map bsig (nth i e [])
  | OTan i => map btanh (nth i e [])
  | ORel r i => fit b0 (map brelu (firstn r (nth i e [])))
  | OLin a d b e' i => let s := bfrac b e' in map (blin a d s) (nth i e [])
  | OFun f r i => fit b0 (map (bval f) (firstn r (nth i e [])))
  end.
Definition decided (b : ball) : bool := (Z.ltb 0 (bc b - br b) || Z.ltb (bc b + br b) 0)%bool.
Definition baway (o : op) (e : list (list ball)) : bool := match o with ORel r i => forallb decided (firstn r (nth i e [])) | OFun f r i => forallb (bdom f) (firstn r (nth i e [])) | _ => true end.
Definition sh (b : ball) : ball := rnd (pp - m) b.
Definition onem : ball := Ball (Z.shiftl 1 m) 0.
Definition vadd (u v : list ball) : list ball := match u, v with [], _ => v | _, [] => u | _, _ => map2 badd u v end.
Fixpoint baddat (i : nat) (v : list ball) (l : list (list ball)) : list (list ball) :=
  match l with [] => [] | x :: l => match i with O => vadd x v :: l | S i => x :: baddat i v l end end.
Definition dsig (y : ball) : ball := let s := sh y in bmul m s (bsub onem s).
Definition dtan (y : ball) : ball := let s := sh y in bsub onem (bmul m s s).
Definition bslope (f : fn) (x y : ball) : ball :=
  match f with
  | FExp => sh y
  | FLog => sh (binv x)
  | FRoot => bmul m (sh y) (sh (binv (Ball (2 * bc x) (2 * br x))))
  | FInv => let s := sh y in bsub b0 (bmul m s s)
  end.
Definition brs (x b : ball) : ball :=
  if Z.ltb 0 (bc x - br x) then b else if Z.ltb (bc x + br x) 0 then b0 else Ball 0 (Z.abs (bc b) + br b).
Definition bpush (o : op) (e : list (list ball)) (y a : list ball) (l : list (list ball)) : list (list ball) :=
  match a with [] => l | _ =>
  match o with
  | OAff w i ps ks => baddat i (btaff (tab_at w) a) l
  | OCst ps ks => l
  | OAdd i j => baddat i a (baddat j a l)
  | OMul i j => baddat i (map2 (bmul m) (map sh (nth j e [])) a) (baddat j (map2 (bmul m) (map sh (nth i e [])) a) l)
  | OSig i => baddat i (map2 (bmul m) (map dsig y) a) l
  | OTan i => baddat i (map2 (bmul m) (map dtan y) a) l
  | ORel r i => baddat i (fit b0 (map2 brs (firstn r (nth i e [])) a)) l
  | OLin x d _ _ i => baddat i (map (blin x d b0) a) l
  | OFun f r i => baddat i (fit b0 (map2 (bmul m) (map2 (bslope f) (firstn r (nth i e [])) (firstn r y)) a)) l
  end end.
(* exp (x - M / S) for a ball around c <= M *)
Definition okexp (M : Z) (b : ball) : bool := (Z.leb (bc b) M && Z.leb (2 * br b) (one C))%bool.
Definition bexp (M : Z) (b : ball) : ball := let e := expneg (M - bc b) in Ball (bc e) (br e + 2 * br b).
Definition okdiv (d : ball) : bool := Z.leb (one C) (2 * (bc d - br d)).
Definition brecip (d : ball) : ball :=
  let s := recip C (e_mul eng) (bc d) in Ball s (2 * (Z.shiftr (Z.abs (Z.shiftl (one C) pp - s * bc d) + Z.abs s * br d) pp + 1)).
Definition bscores (V : list (list Z)) (b : list Z) (v : list ball) : list ball := map (rnd q) (e_rows eng V v (map (fun z => Z.shiftl z (pp - q)) b)).
Definition bmax (l : list ball) : Z := fold_right (fun b m => Z.max (bc b) m) (match l with b :: _ => bc b | [] => 0%Z end) l.
Definition bsum (l : list ball) : ball := fold_right (fun b s => badd s b) b0 l.
Definition bexact (y : Z) : ball := Ball (Z.shiftl y (pp - q)) 0.
Definition bdloss (K : nat) (kd : kind) (l : list ball) : list ball :=
  match kd with
  | KLin => map (fun _ => Ball (one C) 0) l
  | KSq y => map2 (fun z t => bsub z (bexact t)) l y
  | KLog y => map2 (fun z t => bsub (bsig z) (bexact t)) l y
  | KX y => let M := bmax l in let e := map (bexp M) l in let d := bsum e in
    if (forallb (okexp M) l && okdiv d)%bool then
      let i := brecip d in map2 (fun e k => let s := bmul pp e i in if Nat.eqb k y then bsub s (Ball (one C) 0) else s) e (seq 0 K)
    else repeat (Ball 0 (one C)) K
  end.
Definition bdlossV (lo : loss) (v : list ball) : list ball :=
  match lo with Head V b kd => btaff V (bdloss (length V) kd (bscores V b v)) end.
Lemma one_ok : inb pp (Ball (one C) 0) 1.
Proof. unfold inb; cbn [bc br]; rewrite one_S, Rmult_1_l, Rminus_diag_eq, Rabs_R0 by reflexivity; lra. Qed.
Lemma onem_ok : inb m onem 1.
Proof. unfold inb, onem; cbn [bc br]. rewrite shl by lia. rewrite Rminus_diag_eq, Rabs_R0 by ring; lra. Qed.
Lemma yball k : inb pp (bexact k) (IZR k / P2 q).
Proof. unfold inb, bexact; cbn [bc br]. rewrite shl by lia. assert (E : S_ = P2 (pp - q) * P2 q) by (rewrite <- P2_add by lia; f_equal; lia).
  rewrite E. pose proof (P2_pos q ltac:(lia)). match goal with |- Rabs ?a <= _ => replace a with 0 by (field; lra) end. rewrite Rabs_R0; lra. Qed.
Lemma inv_inva v x : inv v x -> inva v x.
Proof. destruct v; [intros [H _] i Hi; simpl in H; lia | auto]. Qed.
Lemma inv_ext v x y : inv v x -> (forall i, (i < n)%nat -> x i = y i) -> inv v y.
Proof. intros [H K] E; split; [exact H|]. intros i Hi. rewrite <- E by exact Hi. apply K, Hi. Qed.
Lemma inva_ext v x y : inva v x -> (forall i, (i < n)%nat -> x i = y i) -> inva v y.
Proof. destruct v; intros H E; [intros i Hi; rewrite <- E by exact Hi; apply H, Hi | apply (inv_ext _ x); assumption]. Qed.
Lemma sh_ok b x : inb pp b x -> inb m (sh b) x. Proof. apply short_ok; lia. Qed.
Lemma bslope_ok f bx y x yR : bdom f bx = true -> inb pp bx x -> inb pp y yR -> inb m (bslope f bx y) (fslope f x yR).
Proof.
  intros K Hx Hy. destruct f; cbn [bslope fslope bdom] in *.
  - apply sh_ok, Hy.
  - apply sh_ok, binv_ok; [|exact Hx]. unfold oklog in K. rewrite !Bool.andb_true_iff in K. destruct K as [[K _] _]. unfold off0, above0 in *. rewrite Z.ltb_lt in *. lia.
  - apply bmul_ok; [lia | lia | apply sh_ok, Hy | apply sh_ok, binv_ok]; cbn [bc br].
    + unfold off0, above0 in *; cbn [bc br]. rewrite Z.ltb_lt in *. lia.
    + unfold inb in *; cbn [bc br]. rewrite !mult_IZR. replace (2 * x * S_ - 2 * IZR (bc bx)) with (2 * (x * S_ - IZR (bc bx))) by ring.
      rewrite Rabs_mult, (Rabs_pos_eq 2) by lra. lra.
  - replace (- (yR * yR)) with (0 - yR * yR) by ring. apply bsub_ok; [apply b0_ok | apply bmul_ok; [lia | lia | apply sh_ok, Hy | apply sh_ok, Hy]].
Qed.
Definition envok := Forall2 inv.
Lemma env_nth be e i : envok be e -> (i < length e)%nat -> inv (nth i be []) (nth i e vz).
Proof. intros H; revert i; induction H as [|v x be e Hv _ IH]; intros [|i] Hi; simpl in *; try lia; [exact Hv | apply IH; lia]. Qed.
Lemma env_length be e : envok be e -> length be = length e.
Proof. intros H; induction H; simpl; congruence. Qed.
Lemma dotZ_short : forall w x s c, (length w <= c)%nat -> IZR (dotZ w x s) / P2 (q + q) = IZR s / P2 (q + q) + sum c (fun j => wR w j * wR x j).
Proof.
  pose proof (P2_pos q ltac:(lia)) as Pq. pose proof (P2_add q q ltac:(lia) ltac:(lia)) as PP.
  induction w as [|a w IH]; intros x s c Hc.
  - cbn [dotZ]. rewrite sum0; [ring|]. intros i _. rewrite wR_nil. ring.
  - destruct c as [|c]; [simpl in Hc; lia|]. destruct x as [|b x].
    + cbn [dotZ]. rewrite sum0; [ring|]. intros i _. rewrite (wR_nil i). ring.
    + rewrite sum_head. assert (G : IZR (dotZ w x (s + a * b)) / P2 (q + q) = IZR s / P2 (q + q) + (wR (a :: w) 0%nat * wR (b :: x) 0%nat + sum c (fun j => wR w j * wR x j))).
      { rewrite (IH x _ c) by (simpl in Hc; lia). rewrite plus_IZR, mult_IZR, PP. unfold wR at 3 4; cbn [nth]. field. lra. }
      destruct b; [|exact G|exact G]. cbn [dotZ]. eapply eq_trans; [|exact G]. rewrite Z.mul_0_r, Z.add_0_r. reflexivity.
Qed.
Lemma known_ok ks : IZR (fold_right Z.add 0%Z ks) / P2 (q + q) = known ks.
Proof. induction ks as [|k ks IH]; cbn [fold_right known]; [unfold Rdiv; ring|]. rewrite <- IH, plus_IZR. unfold Rdiv; ring. Qed.
Lemma consts_length ps ks : length (consts ps ks) = n.
Proof. induction ps as [|p ps IH]; [apply repeat_length|]. unfold consts in *; cbn [fold_right]. rewrite map2_length; rewrite ?fit_length; congruence. Qed.
Lemma nth_first {A} (d : A) k l i : (i < k)%nat -> nth i (firstn k l) d = nth i l d.
Proof.
  revert l i. induction k as [|k IH]; intros [|x l] [|i] H; try lia; cbn [firstn nth]; auto. apply IH; lia.
Qed.
Lemma first_in r (v : list ball) a : (a < r)%nat -> (r <= length v)%nat -> In (nth a v b0) (firstn r v).
Proof. intros H K. rewrite <- (nth_first b0 r v a) by exact H. apply nth_In. rewrite firstn_length. lia. Qed.
Lemma map_ok' (f : ball -> ball) (g : R -> R) v x k : (forall b y, In b (firstn k v) -> inb pp b y -> inb pp (f b) (g y)) -> (k <= n)%nat -> inv v x -> inv (fit b0 (map f (firstn k v))) (cut k (fun i => g (x i))).
Proof.
  intros H Hk [Hl Hv]. split; [apply fit_length|]. intros i Hi. rewrite fit_nth by exact Hi.
  assert (Lk : length (firstn k v) = k) by (rewrite firstn_length; lia).
  destruct (Nat.lt_ge_cases i k) as [L|L].
  - rewrite cut_in by exact L. rewrite (nth_indep _ b0 (f b0)) by (rewrite map_length; lia). rewrite map_nth, nth_first by exact L.
    apply H; [apply first_in; lia | apply Hv, Hi].
  - rewrite cut_out by exact L. rewrite nth_overflow by (rewrite map_length; lia). apply b0_ok.
Qed.
Lemma brelu_ok b x : inb pp b x -> inb pp (brelu b) (relu x).
Proof.
  intros H. pose proof S0 as HS. unfold brelu. pose proof (inb_abs _ _ _ H) as A. pose proof H as H2. unfold inb in H2. apply abs_range in H2.
  destruct (Z.ltb_spec 0 (bc b - br b)) as [L|_]; [|destruct (Z.ltb_spec (bc b + br b) 0) as [L|_]].
  - apply IZR_lt in L. rewrite minus_IZR in L. assert (0 < x) by nra. unfold relu. destruct (Rlt_dec 0 x); [exact H | lra].
  - apply IZR_lt in L. rewrite plus_IZR in L. assert (x < 0) by nra. unfold relu. destruct (Rlt_dec 0 x); [lra | apply b0_ok].
  - unfold inb; cbn [bc br]. rewrite plus_IZR, abs_IZR, Rminus_0_r. eapply Rle_trans; [|exact A]. rewrite !Rabs_mult. apply Rmult_le_compat_r; [apply Rabs_pos|].
    unfold relu. destruct (Rlt_dec 0 x); [lra | rewrite Rabs_R0; apply Rabs_pos].
Qed.
Lemma brs_ok c x b y : inb pp c x -> inb pp b y -> inb pp (brs c b) (step x * y).
Proof.
  intros Hc H. pose proof S0 as HS. unfold brs. pose proof (inb_abs _ _ _ H) as A. unfold inb in Hc. apply abs_range in Hc.
  destruct (Z.ltb_spec 0 (bc c - br c)) as [L|_]; [|destruct (Z.ltb_spec (bc c + br c) 0) as [L|_]].
  - apply IZR_lt in L. rewrite minus_IZR in L. assert (0 < x) by nra. unfold step. destruct (Rlt_dec 0 x); [rewrite Rmult_1_l; exact H | lra].
  - apply IZR_lt in L. rewrite plus_IZR in L. assert (x < 0) by nra. unfold step. destruct (Rlt_dec 0 x); [lra | rewrite Rmult_0_l; apply b0_ok].
  - unfold inb; cbn [bc br]. rewrite plus_IZR, abs_IZR, Rminus_0_r. eapply Rle_trans; [|exact A]. pose proof (step_range x) as P.
    rewrite !Rabs_mult. rewrite (Rabs_pos_eq (step x)) by lra. rewrite <- (Rmult_1_l (Rabs y * Rabs S_)), Rmult_assoc. apply Rmult_le_compat_r; [|lra]. apply Rmult_le_pos; apply Rabs_pos.
Qed.
Lemma bfrac_ok a d : inb pp (bfrac a d) (frac a d).
Proof.
  pose proof p0 as Hp. unfold bfrac, frac, inb; cbn [bc br]. set (z := Z.shiftl a pp). pose proof (zdiv z (Zpos d) ltac:(lia)) as Q.
  assert (D0 : 0 < IZR (Zpos d)) by (apply IZR_lt; lia).
  assert (E : IZR a / IZR (Zpos d) * S_ = IZR z / IZR (Zpos d)) by (unfold z; rewrite shl by exact Hp; field; lra). rewrite E.
  destruct (Z.eqb_spec (z mod Zpos d) 0) as [M|_].
  - pose proof (Z.div_mod z (Zpos d) ltac:(lia)) as G. rewrite M, Z.add_0_r in G. set (k := (z / Zpos d)%Z) in *. rewrite G, mult_IZR.
    match goal with |- Rabs ?t <= _ => replace t with 0 by (field; lra) end. rewrite Rabs_R0; lra.
  - apply Rabs_le. lra.
Qed.
Lemma blin_ok a d s t b x : inb pp s t -> inb pp b x -> inb pp (blin a d s b) (frac a d * x + t).
Proof.
  intros Hs Hb. pose proof p0 as Hp. assert (G : inb pp (badd (bmul pp (bfrac a d) b) s) (frac a d * x + t)) by (apply badd_ok; [apply bmul_ok; auto using bfrac_ok | exact Hs]).
  destruct d; try exact G. clear G. unfold blin, frac, inb in *; cbn [bc br] in *. rewrite !plus_IZR, !mult_IZR, abs_IZR.
  replace ((IZR a / 1 * x + t) * S_ - (IZR a * IZR (bc b) + IZR (bc s))) with (IZR a * (x * S_ - IZR (bc b)) + (t * S_ - IZR (bc s))) by (field; lra).
  eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_mult. apply Rplus_le_compat; [apply Rmult_le_compat_l; [apply Rabs_pos | exact Hb] | exact Hs].
Qed.
Section Checked.
Hypothesis Hs : okshapes = true.
Lemma mat_vals w x i : (Cw w <= n)%nat -> mat n (vals_of w) x i = cut (Rw w) (mat (Cw w) (vals_of w) x) i.
Proof.
  intros Hc. destruct (shapes w Hs) as (Hl & Hr & Hk). unfold mat, vals_of.
  assert (E : sum n (fun j => matR (tab_at w) i j * x j) = sum (Cw w) (fun j => matR (tab_at w) i j * x j)).
  { apply sum_short; [exact Hc|]. intros j Hj. unfold matR. rewrite wR_short; [ring|]. pose proof (Hk i); lia. }
  rewrite E. destruct (Nat.lt_ge_cases i (Rw w)) as [L|L]; [rewrite cut_in by exact L; reflexivity|].
  rewrite cut_out by exact L. apply sum0. intros j _. rewrite matR_short by lia. ring.
Qed.
Lemma consts_ok ps ks i : (i < n)%nat -> kR (consts ps ks) i = given vals_of ps i + known ks.
Proof.
  intros Hi. induction ps as [|[w x] ps IH].
  - unfold kR, consts; cbn [fold_right given]. rewrite (nth_indep _ 0%Z (fold_right Z.add 0%Z ks)) by (rewrite repeat_length; exact Hi). rewrite nth_repeat, known_ok. ring.
  - pose proof (consts_length ps ks) as L. cbn [given]. rewrite Rplus_assoc, <- IH. unfold kR, consts in *; cbn [fold_right fst snd].
    rewrite (map2_nth _ [] 0%Z) by (rewrite ?fit_length; lia). rewrite fit_nth by exact Hi. destruct (shapes w Hs) as (Hl & _ & Hk).
    rewrite (dotZ_short _ _ _ (Cw w)) by apply Hk. rewrite Rplus_comm. f_equal.
    destruct (Nat.lt_ge_cases i (Rw w)) as [G|G]; [rewrite cut_in by exact G; reflexivity|].
    rewrite cut_out by exact G. apply sum0. intros j _. rewrite nth_overflow by lia. rewrite wR_nil. ring.
Qed.
Lemma bev_ok o be e : envok be e -> okop o (length e) = true -> baway o be = true -> inv (bev o be) (ev vals_of o e).
Proof.
  intros H K B. pose proof p0 as Hp. destruct o as [w i ps ks|ps ks|i j|i j|i|i|r i|a d b e' i|f r i]; cbn [okop bev ev baway] in *; rewrite ?Bool.andb_true_iff, ?Nat.ltb_lt, ?Nat.leb_le in K.
  - destruct K as [[[K1 K2] K3] K4]. eapply inv_ext; [apply baff_ok; [apply consts_length | apply env_nth; [exact H | exact K3]]|].
    intros a Ha. cbv beta. change (matR (tab_at w)) with (vals_of w). rewrite mat_vals, consts_ok by assumption. reflexivity.
  - split; [rewrite map_length; apply consts_length|]. intros a Ha. rewrite (nth_indep _ b0 (rnd q (Ball (Z.shiftl 0 (pp - q)) 0))) by (rewrite map_length, consts_length; exact Ha).
    rewrite (map_nth (fun z => rnd q (Ball (Z.shiftl z (pp - q)) 0))). apply rnd_ok; [exact Hp | lia |]. rewrite <- consts_ok by exact Ha. apply kball.
  - destruct K. apply (map2_ok badd Rplus); [apply badd_ok | apply env_nth; auto | apply env_nth; auto].
  - destruct K. apply (map2_ok (bmul pp) Rmult); [intros; apply bmul_ok; auto | apply env_nth; auto | apply env_nth; auto].
  - apply (map_ok bsig sigmoid); [apply bsig_ok | apply env_nth; auto].
  - apply (map_ok btanh tanh); [apply btanh_ok | apply env_nth; auto].
  - destruct K. apply (map_ok' brelu relu); [intros b y _; apply brelu_ok | assumption | apply env_nth; auto].
  - apply (map_ok (blin a d (bfrac b e')) (fun x => frac a d * x + frac b e')); [intros; apply blin_ok; [apply bfrac_ok | assumption] | apply env_nth; auto].
  - destruct K. rewrite forallb_forall in B. apply (map_ok' (bval f) (fval f)); [intros b y Hb; apply bval_ok, B, Hb | assumption | apply env_nth; auto].
Qed.
Lemma baway_ok o be e : envok be e -> okop o (length e) = true -> baway o be = true -> away o e.
Proof.
  intros H K B. destruct o as [w i ps ks|ps ks|i j|i j|i|i|r i|a d b e' i|f r i]; cbn [away baway okop] in *; auto; intros a Ha;
  rewrite Bool.andb_true_iff, Nat.ltb_lt, Nat.leb_le in K; destruct K as [K1 K2]; destruct (env_nth _ _ _ H K2) as [Hl Hv]; specialize (Hv a ltac:(lia));
  rewrite forallb_forall in B; specialize (B _ (first_in r (nth i be []) a Ha ltac:(lia))).
  - unfold decided in B. apply Bool.orb_true_iff in B. rewrite !Z.ltb_lt in B. unfold inb in Hv. apply abs_range in Hv.
    intros E. rewrite E, Rmult_0_l in Hv. destruct B as [B|B]; apply IZR_lt in B; rewrite ?minus_IZR, ?plus_IZR in B; lra.
  - exact (bdom_ok f _ _ B Hv).
Qed.
Lemma vadd_ok u v x y : inva u x -> inva v y -> inva (vadd u v) (fun a => x a + y a).
Proof.
  intros Hu Hv. destruct u as [|b u]; [|destruct v as [|d v]].
  - simpl in Hu. apply (inva_ext v y); [destruct v; exact Hv | intros i Hi; rewrite Hu by exact Hi; ring].
  - simpl in Hv. apply (inva_ext (b :: u) x); [exact Hu | intros i Hi; rewrite Hv by exact Hi; ring].
  - apply inv_inva. apply (map2_ok badd Rplus (b :: u) (d :: v)); [apply badd_ok | exact Hu | exact Hv].
Qed.
Lemma baddat_ok v x : inva v x -> forall bl l i, Forall2 inva bl l -> Forall2 inva (baddat i v bl) (addat i x l).
Proof.
  intros Hv bl l i H; revert i; induction H as [|u y bl l Hu Hl IH]; intros [|i]; simpl; constructor; auto.
  apply vadd_ok; assumption.
Qed.
Lemma addat_zero x : (forall i, (i < n)%nat -> x i = 0) -> forall bl l i, Forall2 inva bl l -> Forall2 inva bl (addat i x l).
Proof.
  intros Hx bl l i H; revert i; induction H as [|u y bl l Hu Hl IH]; intros [|i]; simpl; constructor; auto.
  apply (inva_ext u y); [exact Hu | intros a Ha; rewrite Hx by exact Ha; ring].
Qed.
Lemma map2_len {A B D} (f : A -> B -> D) : forall l k, length (map2 f l k) = Nat.min (length l) (length k).
Proof. induction l as [|a l IH]; intros [|b k]; simpl; auto. Qed.
Lemma bpush_ok o be e y yR a aR bl l : envok be e -> okop o (length e) = true -> baway o be = true -> inv y yR -> inva a aR -> Forall2 inva bl l ->
  Forall2 inva (bpush o be y a bl) (push vals_of o e yR aR l).
Proof.
  intros He K B Hy Ha Hl. pose proof p0 as Hp. destruct a as [|b a].
  - simpl in Ha. destruct o as [w i ps ks|ps ks|i j|i j|i|i|r i|c d z e' i|f r i]; cbn [bpush push]; repeat apply addat_zero; auto; intros s HS;
    try (rewrite Ha by exact HS; ring).
    + unfold matT. destruct (Nat.lt_ge_cases s (Cw w)); [rewrite cut_in by assumption | apply cut_out; assumption]. destruct (shapes w Hs) as (_ & Hr & _).
      apply sum0. intros; rewrite Ha by lia; ring.
    + destruct (Nat.lt_ge_cases s r); [rewrite cut_in by assumption; rewrite Ha by exact HS; ring | apply cut_out; assumption].
    + destruct (Nat.lt_ge_cases s r); [rewrite cut_in by assumption; rewrite Ha by exact HS; ring | apply cut_out; assumption].
  - change (inv (b :: a) aR) in Ha.
    assert (M : forall v x, inv v x -> inv (map2 (bmul m) (map sh v) (b :: a)) (fun s => x s * aR s)).
    { intros v x Hv. destruct Hv as [L Hv]. split; [rewrite map2_length; rewrite ?map_length; destruct Ha; congruence|].
      intros i Hi. destruct Ha as [La Ha]. rewrite (map2_nth (bmul m) b0 b0) by (rewrite ?map_length; lia).
      apply bmul_ok; [lia | exact Hp | | apply Ha, Hi]. rewrite (nth_indep _ b0 (sh b0)) by (rewrite map_length; lia).
      rewrite map_nth. apply sh_ok, Hv, Hi. }
    assert (M2 : forall f g v x, (forall c t, inb pp c t -> inb m (f c) (g t)) -> inv v x -> inv (map2 (bmul m) (map f v) (b :: a)) (fun s => g (x s) * aR s)).
    { intros f g v x Hf Hv. destruct Hv as [L Hv]. split; [rewrite map2_length; rewrite ?map_length; destruct Ha; congruence|].
      intros i Hi. destruct Ha as [La Ha]. rewrite (map2_nth (bmul m) b0 b0) by (rewrite ?map_length; lia).
      apply bmul_ok; [lia | exact Hp | | apply Ha, Hi]. rewrite (nth_indep _ b0 (f b0)) by (rewrite map_length; lia).
      rewrite map_nth. apply Hf, Hv, Hi. }
    destruct o as [w i ps ks|ps ks|i j|i j|i|i|r i|c d z e' i|f r i]; cbn [okop baway] in K, B; rewrite ?Bool.andb_true_iff, ?Nat.ltb_lt, ?Nat.leb_le in K; unfold bpush, push.
    + destruct K as [[[K1 K2] K3] K4]. apply baddat_ok; [|exact Hl]. apply inv_inva. destruct Ha as [La Ha].
      eapply inv_ext; [apply (btaff_ok (tab_at w) (b :: a) aR n La Ha)|]. intros j Hj. cbv beta. destruct (shapes w Hs) as (Hl2 & Hr & Hk). unfold matT, vals_of.
      rewrite (sum_short (Rw w) n) by (try exact Hr; intros i0 Hi0; rewrite matR_short by lia; ring).
      destruct (Nat.lt_ge_cases j (Cw w)); [rewrite cut_in by assumption; reflexivity|]. rewrite cut_out by assumption. apply sum0. intros i0 _.
      unfold matR. rewrite wR_short; [ring|]. pose proof (Hk i0); lia.
    + exact Hl.
    + apply baddat_ok; [exact Ha | apply baddat_ok; [exact Ha | exact Hl]].
    + destruct K. apply baddat_ok; [apply inv_inva, M, env_nth; auto | apply baddat_ok; [apply inv_inva, M, env_nth; auto | exact Hl]].
    + apply baddat_ok; [|exact Hl]. apply inv_inva. apply (M2 dsig (fun t => t * (1 - t))); [|exact Hy].
      intros c t Hc. unfold dsig. apply bmul_ok; [lia | lia | apply sh_ok, Hc | apply bsub_ok; [apply onem_ok | apply sh_ok, Hc]].
    + apply baddat_ok; [|exact Hl]. apply inv_inva. apply (M2 dtan (fun t => 1 - t * t)); [|exact Hy].
      intros c t Hc. unfold dtan. apply bsub_ok; [apply onem_ok | apply bmul_ok; [lia | lia | apply sh_ok, Hc | apply sh_ok, Hc]].
    + apply baddat_ok; [|exact Hl]. apply inv_inva. destruct K as [K1 K2]. destruct (env_nth _ _ _ He K2) as [Lv Hv]. destruct Ha as [La Ha].
      split; [apply fit_length|]. intros j Hj. rewrite fit_nth by exact Hj.
      assert (Lk : length (firstn r (nth i be [])) = r) by (rewrite firstn_length; lia).
      destruct (Nat.lt_ge_cases j r) as [L|L].
      * rewrite cut_in by exact L. rewrite (map2_nth brs b0 b0) by lia. apply brs_ok; [|apply Ha, Hj].
        replace (nth j (firstn r (nth i be [])) b0) with (nth j (nth i be []) b0); [apply Hv, Hj|]. rewrite <- (firstn_skipn r (nth i be [])) at 1. apply app_nth1. lia.
      * rewrite cut_out by exact L. rewrite nth_overflow by (rewrite map2_len; lia). apply b0_ok.
    + apply baddat_ok; [|exact Hl]. apply inv_inva. apply (map_ok (blin c d b0) (fun x => frac c d * x)); [|exact Ha].
      intros u t Hu. eapply inb_eq; [apply blin_ok; [apply b0_ok | exact Hu] | ring].
    + apply baddat_ok; [|exact Hl]. apply inv_inva. destruct K as [K1 K2]. destruct (env_nth _ _ _ He K2) as [Lv Hv]. destruct Ha as [La Ha], Hy as [Ly Hy].
      rewrite forallb_forall in B. split; [apply fit_length|]. intros j Hj. rewrite fit_nth by exact Hj. destruct (Nat.lt_ge_cases j r) as [L|L].
      * rewrite cut_in by exact L. rewrite (map2_nth (bmul m) b0 b0) by (rewrite ?map2_len, ?firstn_length; lia). apply bmul_ok; [lia | exact Hp | | apply Ha, Hj].
        rewrite (map2_nth (bslope f) b0 b0) by (rewrite firstn_length; lia). rewrite !nth_first by exact L. apply bslope_ok; [apply B, first_in; lia | apply Hv, Hj | apply Hy, Hj].
      * rewrite cut_out by exact L. rewrite nth_overflow by (rewrite !map2_len, !firstn_length; lia). apply b0_ok.
Qed.
Lemma bexp_ok M b x : okexp M b = true -> inb pp b x -> inb pp (bexp M b) (exp (x - IZR M / S_)).
Proof.
  intros K H. unfold okexp in K. rewrite Bool.andb_true_iff, !Z.leb_le in K. destruct K as [K1 K2]. pose proof S0 as HS.
  pose proof (expneg_ok (M - bc b) ltac:(lia)) as E. unfold bexp. set (e := expneg (M - bc b)) in *. clearbody e.
  assert (Z : 0 <= IZR (M - bc b) / S_) by (apply Rmult_le_pos; [apply IZR_le; lia | left; apply Rinv_0_lt_compat; exact HS]).
  set (u := - (IZR (M - bc b) / S_)) in *. set (d := x - IZR (bc b) / S_).
  assert (Ex : exp (x - IZR M / S_) = exp u * exp d) by (rewrite <- exp_plus; f_equal; unfold u, d; rewrite minus_IZR; field; lra).
  assert (Du : Rabs (d * S_) <= IZR (br b)) by (unfold d; replace ((x - IZR (bc b) / S_) * S_) with (x * S_ - IZR (bc b)) by (field; lra); exact H).
  apply IZR_le in K2. rewrite mult_IZR, one_S in K2. pose proof (abs_range _ _ Du) as Dr.
  assert (D2 : - (1 / 2) <= d <= 1 / 2) by (split; apply (Rmult_le_reg_r S_); try exact HS; lra).
  pose proof (exp_near d D2) as N. assert (U1 : exp u <= 1).
  { rewrite <- exp_0. destruct (Req_dec u 0) as [->|]; [lra | left; apply exp_increasing; unfold u in *; lra]. }
  pose proof (exp_pos u) as U0. unfold inb in *; cbn [bc br]. rewrite Ex, plus_IZR, mult_IZR.
  replace (exp u * exp d * S_ - IZR (bc e)) with ((exp u * S_ - IZR (bc e)) + exp u * ((exp d - 1) * S_)) by ring.
  eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat; [exact E|]. rewrite Rabs_mult, (Rabs_pos_eq (exp u)) by lra.
  assert (Rabs ((exp d - 1) * S_) <= 2 * Rabs (d * S_)).
  { rewrite !Rabs_mult, (Rabs_pos_eq S_) by lra. rewrite <- Rmult_assoc. apply Rmult_le_compat_r; [lra|].
    destruct (Rle_or_lt 0 d); [rewrite (Rabs_pos_eq d) by lra; apply Rabs_le; nra | rewrite (Rabs_left d) by lra; apply Rabs_le; nra]. }
  pose proof (Rabs_pos ((exp d - 1) * S_)). apply Rle_trans with (1 * (2 * Rabs (d * S_))); [apply Rmult_le_compat; lra | lra].
Qed.
Lemma brecip_ok d x : okdiv d = true -> inb pp d x -> inb pp (brecip d) (/ x).
Proof.
  intros K H. unfold okdiv in K. rewrite Z.leb_le in K. pose proof S0 as HS. pose proof p0 as Hp. apply IZR_le in K. rewrite mult_IZR, minus_IZR, one_S in K.
  unfold brecip. set (s := recip C (e_mul eng) (bc d)). clearbody s. unfold inb in *; cbn [bc br]. pose proof (abs_range _ _ H) as Hr.
  assert (X : 1 / 2 <= x) by (apply (Rmult_le_reg_r S_); [exact HS | lra]).
  set (N := (Z.abs (Z.shiftl (one C) pp - s * bc d) + Z.abs s * br d)%Z). pose proof (shr N pp Hp) as [_ Q].
  rewrite mult_IZR, plus_IZR. apply Rle_trans with (2 * (IZR N / S_)); [|lra]. clear Q.
  apply (Rmult_le_reg_r S_); [exact HS|]. replace (2 * (IZR N / S_) * S_) with (2 * IZR N) by (field; lra).
  unfold N. rewrite plus_IZR, mult_IZR, !abs_IZR, minus_IZR, mult_IZR, shl, one_S by exact Hp.
  rewrite <- (Rabs_pos_eq S_) at 2 by lra. rewrite <- Rabs_mult.
  assert (E : (/ x * S_ - IZR s) * S_ = / x * ((S_ * S_ - IZR s * IZR (bc d)) + - (IZR s * (x * S_ - IZR (bc d))))) by (field; lra).
  rewrite E, Rabs_mult. assert (I : Rabs (/ x) <= 2).
  { rewrite Rabs_pos_eq by (left; apply Rinv_0_lt_compat; lra). replace 2 with (/ (1 / 2)) by field. apply Rinv_le_contravar; lra. }
  apply Rmult_le_compat; [apply Rabs_pos | apply Rabs_pos | exact I |].
  eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_Ropp, (Rabs_mult (IZR s)). apply Rplus_le_compat_l, Rmult_le_compat_l; [apply Rabs_pos | exact H].
Qed.
Lemma bsum_ok : forall l f, (forall k, (k < length l)%nat -> inb pp (nth k l b0) (f k)) -> inb pp (bsum l) (sum (length l) f).
Proof.
  induction l as [|b l IH]; intros f H; [apply b0_ok|]. cbn [bsum fold_right length]. rewrite sum_head, Rplus_comm.
  apply badd_ok; [apply (IH (fun k => f (S k))); intros k Hk; apply (H (S k)); simpl; lia | apply (H 0%nat); simpl; lia].
Qed.
Lemma bdloss_ok V b kd v x : okloss (Head V b kd) = true -> inv v x ->
  length (bdloss (length V) kd (bscores V b v)) = length V /\ forall k, (k < length V)%nat -> inb pp (nth k (bdloss (length V) kd (bscores V b v)) b0) (dloss (length V) kd (score n V b x) k).
Proof.
  intros K [Hl Hv]. pose proof p0 as Hp. pose proof S0 as HS. cbn [okloss] in K. rewrite Bool.andb_true_iff, Nat.eqb_eq in K. destruct K as [Hb K].
  set (l := bscores V b v). assert (Ll : length l = length V) by (unfold l, bscores; rewrite rows_eq, map2_length; lia).
  assert (Sc : forall k, (k < length V)%nat -> inb pp (nth k l b0) (score n V b x k)).
  { intros k Hk. unfold l, bscores. rewrite rows_eq, (map2_nth _ [] 0%Z) by lia. apply rnd_ok; [exact Hp | lia |].
    eapply inb_eq; [apply (dotrow_ok v _ x _ _ (kR b k)); [intros; apply Hv; lia | apply kball]|]. rewrite Hl. unfold score, mat, matR. ring. }
  clearbody l. destruct kd as [|y|y|y]; cbn [bdloss dloss].
  - split; [rewrite map_length; exact Ll|]. intros k Hk. rewrite (nth_indep _ b0 (Ball (one C) 0)) by (rewrite map_length; lia).
    rewrite (map_nth (fun _ => Ball (one C) 0) l b0). apply one_ok.
  - apply Nat.eqb_eq in K. split; [rewrite map2_length; lia|]. intros k Hk. rewrite (map2_nth _ b0 0%Z) by lia. apply bsub_ok; [apply Sc, Hk | apply yball].
  - apply Nat.eqb_eq in K. split; [rewrite map2_length; lia|]. intros k Hk. rewrite (map2_nth _ b0 0%Z) by lia. apply bsub_ok; [apply bsig_ok, Sc, Hk | apply yball].
  - apply Nat.ltb_lt in K. set (z := score n V b x) in *.
    assert (Pz : 0 < sum (length V) (fun k => exp (z k))) by (apply sum_pos; [lia | intros; apply exp_pos]).
    set (M := bmax l). set (e := map (bexp M) l). assert (Le : length e = length V) by (unfold e; rewrite map_length; exact Ll).
    destruct (forallb (okexp M) l && okdiv (bsum e))%bool eqn:Kd.
    + apply andb_prop in Kd. destruct Kd as [K1 K2]. rewrite forallb_forall in K1.
      split; [rewrite map2_length; rewrite ?seq_length; lia|]. intros k Hk.
      assert (Ee : forall k, (k < length V)%nat -> inb pp (nth k e b0) (exp (z k - IZR M / S_))).
      { intros j Hj. unfold e. rewrite (nth_indep _ b0 (bexp M b0)) by (rewrite map_length; lia). rewrite map_nth.
        apply bexp_ok; [apply K1, nth_In; lia | apply Sc, Hj]. }
      pose proof (bsum_ok e (fun k => exp (z k - IZR M / S_)) ltac:(rewrite Le; exact Ee)) as Su. rewrite Le in Su.
      pose proof (brecip_ok _ _ K2 Su) as Re. rewrite (map2_nth _ b0 0%nat) by (rewrite ?seq_length; lia). rewrite seq_nth by exact Hk. cbn [plus].
      pose proof (bmul_ok pp pp _ _ _ _ Hp Hp (Ee k Hk) Re) as Mu.
      assert (Eq : exp (z k - IZR M / S_) * / sum (length V) (fun k => exp (z k - IZR M / S_)) = exp (z k) / sum (length V) (fun k => exp (z k))).
      { rewrite (sum_ext (length V) (fun k => exp (z k - IZR M / S_)) (fun k => exp (- (IZR M / S_)) * exp (z k))).
        2: { intros j _. rewrite <- exp_plus. f_equal. ring. }
        rewrite sum_scal. unfold Rminus. rewrite exp_plus. pose proof (exp_pos (- (IZR M / S_))). field. split; lra. }
      rewrite Eq in Mu. unfold delta. destruct (Nat.eqb k y); [apply bsub_ok; [exact Mu | apply one_ok] | rewrite Rminus_0_r; exact Mu].
    + split; [apply repeat_length|]. intros k Hk. rewrite (nth_indep _ b0 (Ball 0 (one C))) by (rewrite repeat_length; exact Hk). rewrite nth_repeat.
      unfold inb; cbn [bc br]. rewrite one_S, Rminus_0_r, Rabs_mult, (Rabs_pos_eq S_) by lra. apply Rle_trans with (1 * S_); [|lra]. apply Rmult_le_compat_r; [lra|].
      assert (R0 : 0 <= exp (z k) / sum (length V) (fun k => exp (z k)) <= 1).
      { pose proof (exp_pos (z k)). split; [apply Rmult_le_pos; [lra | left; apply Rinv_0_lt_compat; exact Pz]|].
        apply (Rmult_le_reg_r (sum (length V) (fun k => exp (z k)))); [exact Pz|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l, Rmult_1_r, Rmult_1_l by lra.
        apply (sum_one (length V) (fun k => exp (z k))); [intros; left; apply exp_pos | exact Hk]. }
      unfold delta. destruct (Nat.eqb k y); apply Rabs_le; lra.
Qed.
Lemma bdlossV_ok lo v x : okloss lo = true -> inv v x -> inv (bdlossV lo v) (dlossV lo x).
Proof.
  intros K Hv. pose proof p0 as Hp. destruct lo as [V b kd]. destruct (bdloss_ok V b kd v x K Hv) as [L Hd]. cbn [bdlossV dlossV].
  apply (btaff_ok V _ (dloss (length V) kd (score n V b x)) (length V) L Hd).
Qed.
Fixpoint bback (l : list act) (e : list (list ball)) : list (list ball) :=
  match l with
  | [] => map (fun _ => []) e
  | Do o :: l => let y := bev o e in match bback l (y :: e) with a :: t => bpush o e y a t | [] => [] end
  | Pay lo i :: l => baddat i (bdlossV lo (nth i e [])) (bback l e)
  end.
Lemma back_zeros be e : envok be e -> Forall2 inva (map (fun _ => []) be) (map (fun _ => vz) e).
Proof. intros H. induction H; simpl; constructor; auto. intros i _; reflexivity. Qed.
(* Everything is evaluated once: the environment at every place, then the adjoints at every place. *)
Fixpoint beval (l : list act) (be : list (list ball)) : list (list ball) :=
  match l with [] => be | Do o :: l => beval l (bev o be :: be) | Pay _ _ :: l => beval l be end.
Fixpoint tape (l : list act) (be : list (list ball)) : list (list (list ball)) :=
  be :: match l with [] => [] | Do o :: l => tape l (bev o be :: be) | Pay _ _ :: l => tape l be end.
Fixpoint bsmooth (l : list act) (tp : list (list (list ball))) : bool :=
  match l with [] => true | Do o :: l => (baway o (hd [] tp) && bsmooth l (tl tp))%bool | Pay _ _ :: l => bsmooth l (tl tp) end.
Theorem bback_ok l : forall be e, envok be e -> okacts l (length e) = true -> bsmooth l (tape l be) = true -> Forall2 inva (bback l be) (back vals_of l e).
Proof.
  induction l as [|[o|lo i] l IH]; intros be e H K B; cbn [bback back okacts bsmooth tape hd tl] in *.
  - apply back_zeros, H.
  - apply andb_prop in K, B. destruct K as [K1 K2], B as [B1 B2].
    assert (H2 : envok (bev o be :: be) (ev vals_of o e :: e)) by (constructor; [apply bev_ok; assumption | exact H]).
    specialize (IH _ _ H2 K2 B2). inversion IH as [|a aR t tR Ha Ht E1 E2]; [constructor|].
    apply bpush_ok; [exact H | exact K1 | exact B1 | apply bev_ok; assumption | exact Ha | exact Ht].
  - apply andb_prop in K. destruct K as [K K2]. apply andb_prop in K. destruct K as [K1 K3]. apply Nat.ltb_lt in K3.
    apply baddat_ok; [apply inv_inva, bdlossV_ok; [exact K1 | apply env_nth; assumption] | apply IH; assumption].
Qed.
Fixpoint bbackl (l : list act) (tp : list (list (list ball))) : list (list (list ball)) :=
  match l with
  | [] => [map (fun _ => []) (hd [] tp)]
  | Do o :: l => let r := bbackl l (tl tp) in match hd [] r with a :: t => bpush o (hd [] tp) (hd [] (hd [] (tl tp))) a t :: r | [] => [] :: r end
  | Pay lo i :: l => let r := bbackl l (tl tp) in baddat i (bdlossV lo (nth i (hd [] tp) [])) (hd [] r) :: r
  end.
Lemma tape_hd l be : hd [] (tape l be) = be. Proof. destruct l; reflexivity. Qed.
Lemma bbackl_hd l : forall be, hd [] (bbackl l (tape l be)) = bback l be.
Proof.
  induction l as [|[o|lo i] l IH]; intros be; cbn [bbackl tape hd tl bback]; [reflexivity| |].
  - rewrite tape_hd, IH. cbn [hd]. destruct (bback l (bev o be :: be)); reflexivity.
  - rewrite IH. reflexivity.
Qed.
Lemma bbackl_app l k : forall be, nth (length l) (bbackl (l ++ k) (tape (l ++ k) be)) [] = bback k (beval l be).
Proof.
  induction l as [|[o|lo i] l IH]; intros be.
  - cbn [app length beval]. rewrite <- bbackl_hd. destruct (bbackl k (tape k be)); reflexivity.
  - cbn [app length beval bbackl tape tl]. rewrite <- IH. rewrite tape_hd, bbackl_hd. destruct (bback (l ++ k) (bev o be :: be)); reflexivity.
  - cbn [app length beval bbackl tape tl]. rewrite <- IH. reflexivity.
Qed.
Lemma bsmooth_ok l : forall be e, envok be e -> okacts l (length e) = true -> bsmooth l (tape l be) = true -> smooths vals_of l e.
Proof.
  induction l as [|[o|lo i] l IH]; intros be e H K B; cbn [bsmooth tape tl hd smooths okacts] in *; [exact I| |].
  - apply andb_prop in K, B. destruct K as [K1 K2], B as [B1 B2]. split; [apply (baway_ok o be); assumption|].
    apply (IH (bev o be :: be)); [constructor; [apply bev_ok; assumption | exact H] | exact K2 | exact B2].
  - apply andb_prop in K. destruct K as [_ K2]. apply (IH be); assumption.
Qed.
(* The gradient by a matrix: [] for zeros, or rows. *)
Definition inm (r c : nat) (A : list (list ball)) (G : nat -> nat -> R) : Prop :=
  match A with
  | [] => forall i j, (i < r)%nat -> (j < c)%nat -> G i j = 0
  | _ => length A = r /\ forall i, (i < r)%nat -> length (nth i A []) = c /\ forall j, (j < c)%nat -> inb pp (nth j (nth i A []) b0) (G i j)
  end.
Definition madd (A B : list (list ball)) : list (list ball) := match A, B with [], _ => B | _, [] => A | _, _ => map2 (map2 badd) A B end.
Definition bmulZ (z : Z) (b : ball) : ball := match z with Z0 => b0 | _ => rnd q (Ball (z * bc b) (Z.abs z * br b)) end.
Definition outer (r c : nat) (a v : list ball) : list (list ball) := let v := firstn c v in map (fun b => map (fun x => bmul pp b x) v) (firstn r a).
Definition outerZ (r c : nat) (a : list ball) (x : list Z) : list (list ball) :=
  let x := firstn c (x ++ repeat 0%Z c) in map (fun b => map (fun z => bmulZ z b) x) (firstn r a).
Fixpoint buse_given (w : nat) (ps : list (nat * list Z)) (a : list ball) (acc : list (list ball)) : list (list ball) :=
  match ps with [] => acc | (v, x) :: ps => buse_given w ps a (if Nat.eqb w v then madd acc (outerZ (Rw w) (Cw w) a x) else acc) end.
Definition buse (w : nat) (o : op) (e : list (list ball)) (a : list ball) (acc : list (list ball)) : list (list ball) :=
  match a with [] => acc | _ =>
  match o with
  | OAff v k ps ks => buse_given w ps a (if Nat.eqb w v then madd acc (outer (Rw w) (Cw w) a (nth k e [])) else acc)
  | OCst ps ks => buse_given w ps a acc
  | _ => acc
  end end.
Fixpoint bgrad (w : nat) (l : list act) (tp bl : list (list (list ball))) (acc : list (list ball)) : list (list ball) :=
  match l with
  | [] => acc
  | Do o :: l => bgrad w l (tl tp) (tl bl) (buse w o (hd [] tp) (hd [] (hd [] (tl bl))) acc)
  | Pay _ _ :: l => bgrad w l (tl tp) (tl bl) acc
  end.
Lemma inm_ext r c A F G : inm r c A F -> (forall i j, (i < r)%nat -> (j < c)%nat -> F i j = G i j) -> inm r c A G.
Proof.
  destruct A as [|a A]; intros H E; [intros i j Hi Hj; rewrite <- E by assumption; apply H; assumption|].
  destruct H as [L H]. split; [exact L|]. intros i Hi. destruct (H i Hi) as [Lc Hc]. split; [exact Lc|]. intros j Hj. rewrite <- E by assumption. apply Hc, Hj.
Qed.
Lemma madd_ok r c A B F G : inm r c A F -> inm r c B G -> inm r c (madd A B) (fun i j => F i j + G i j).
Proof.
  destruct A as [|a A]; [|destruct B as [|b B]]; intros HA HB.
  - apply (inm_ext r c B G); [destruct B; exact HB|]. intros i j Hi Hj. simpl in HA. rewrite HA by assumption. ring.
  - apply (inm_ext r c (a :: A) F); [exact HA|]. intros i j Hi Hj. simpl in HB. rewrite HB by assumption. ring.
  - destruct HA as [LA HA], HB as [LB HB]. change (madd (a :: A) (b :: B)) with (map2 (map2 badd) (a :: A) (b :: B)).
    assert (L : length (map2 (map2 badd) (a :: A) (b :: B)) = r) by (rewrite map2_length; congruence).
    assert (G0 : forall i, (i < r)%nat -> length (nth i (map2 (map2 badd) (a :: A) (b :: B)) []) = c /\ forall j, (j < c)%nat -> inb pp (nth j (nth i (map2 (map2 badd) (a :: A) (b :: B)) []) b0) (F i j + G i j)).
    { intros i Hi. destruct (HA i Hi) as [LA2 HA2], (HB i Hi) as [LB2 HB2]. rewrite (map2_nth (map2 badd) [] []) by lia.
      split; [rewrite map2_length; congruence|]. intros j Hj. rewrite (map2_nth badd b0 b0) by lia. apply badd_ok; [apply HA2, Hj | apply HB2, Hj]. }
    destruct (map2 (map2 badd) (a :: A) (b :: B)) as [|u U]; [intros i j Hi; simpl in L; lia | split; [exact L | exact G0]].
Qed.
Lemma rows_ok {A} (f : ball -> A -> ball) (d : A) (g : R -> nat -> R) r c a aR (v : list A) : (forall b x j y, inb pp b y -> (j < c)%nat -> nth j v d = x -> inb pp (f b x) (g y j)) ->
  (r <= n)%nat -> length v = c -> inv a aR -> inm r c (map (fun b => map (fun x => f b x) v) (firstn r a)) (fun i j => g (aR i) j).
Proof.
  intros H Hr Lv [La Ha]. assert (L : length (map (fun b => map (fun x => f b x) v) (firstn r a)) = r) by (rewrite map_length, firstn_length; lia).
  assert (G0 : forall i, (i < r)%nat -> length (nth i (map (fun b => map (fun x => f b x) v) (firstn r a)) []) = c /\ forall j, (j < c)%nat -> inb pp (nth j (nth i (map (fun b => map (fun x => f b x) v) (firstn r a)) []) b0) (g (aR i) j)).
  { intros i Hi. rewrite (nth_indep _ [] (map (fun x => f b0 x) v)) by lia. rewrite (map_nth (fun b => map (fun x => f b x) v)).
    split; [rewrite map_length; exact Lv|]. intros j Hj. rewrite (nth_indep _ b0 (f (nth i (firstn r a) b0) d)) by (rewrite map_length; lia).
    rewrite (map_nth (fun x => f (nth i (firstn r a) b0) x)). apply H; [|exact Hj | reflexivity]. rewrite nth_first by exact Hi. apply Ha. lia. }
  destruct (map (fun b => map (fun x => f b x) v) (firstn r a)) as [|u U]; [intros i j Hi; simpl in L; lia | split; [exact L | exact G0]].
Qed.
Lemma outer_ok r c a aR v x : (r <= n)%nat -> (c <= n)%nat -> inv a aR -> inv v x -> inm r c (outer r c a v) (fun i j => aR i * x j).
Proof.
  intros Hr Hc Ha [Lv Hv]. pose proof p0 as Hp. unfold outer. apply (rows_ok (fun b x => bmul pp b x) b0 (fun y j => y * x j)); [|exact Hr | rewrite firstn_length; lia | exact Ha].
  intros b t j y Hb Hj <-. apply bmul_ok; [exact Hp | exact Hp | exact Hb|]. rewrite nth_first by exact Hj. apply Hv. lia.
Qed.
Lemma outerZ_ok r c a aR x : (r <= n)%nat -> inv a aR -> inm r c (outerZ r c a x) (fun i j => aR i * wR x j).
Proof.
  intros Hr Ha. pose proof p0 as Hp. unfold outerZ. apply (rows_ok (fun b z => bmulZ z b) 0%Z (fun y j => y * wR x j)); [|exact Hr | rewrite firstn_length, app_length, repeat_length; lia | exact Ha].
  intros b z j y Hb Hj Hz. rewrite nth_first in Hz by exact Hj.
  assert (E : wR x j = IZR z / P2 q).
  { unfold wR. rewrite <- Hz. destruct (Nat.lt_ge_cases j (length x)) as [L|L]; [rewrite app_nth1 by exact L; reflexivity|].
    rewrite app_nth2 by exact L. rewrite nth_repeat, nth_overflow by exact L. reflexivity. }
  rewrite E. assert (G : inb pp (rnd q (Ball (z * bc b) (Z.abs z * br b))) (y * (IZR z / P2 q))).
  { apply rnd_ok; [exact Hp | lia|]. eapply inb_eq; [apply wball; [exact Hp | exact Hb] | ring]. }
  destruct z; exact G.
Qed.
Lemma use_given_zero ps a : (forall i, (i < n)%nat -> a i = 0) -> forall w i j, (i < n)%nat -> use_given ps a w i j = 0.
Proof. intros H w i j Hi. induction ps as [|[v x] ps IH]; cbn [use_given]; [reflexivity|]. rewrite IH, H by exact Hi. destruct (Nat.eqb w v); ring. Qed.
Lemma buse_given_ok w ps a aR : inv a aR -> forall acc G, inm (Rw w) (Cw w) acc G ->
  inm (Rw w) (Cw w) (buse_given w ps a acc) (fun i j => G i j + use_given ps aR w i j).
Proof.
  intros Ha. destruct (shapes w Hs) as (_ & Hr & _). induction ps as [|[v x] ps IH]; intros acc G H; cbn [buse_given use_given].
  - apply (inm_ext _ _ _ _ _ H). intros; ring.
  - destruct (Nat.eqb w v).
    + apply (inm_ext _ _ _ _ _ (IH _ _ (madd_ok _ _ _ _ _ _ H (outerZ_ok _ _ _ _ x Hr Ha)))). intros; ring.
    + apply (inm_ext _ _ _ _ _ (IH _ _ H)). intros; ring.
Qed.
Lemma buse_ok w o be e a aR acc G : okop o (length e) = true -> envok be e -> inva a aR -> inm (Rw w) (Cw w) acc G ->
  inm (Rw w) (Cw w) (buse w o be a acc) (fun i j => G i j + use o e aR w i j).
Proof.
  intros K He Ha H. destruct (shapes w Hs) as (_ & Hr & _). destruct a as [|b a].
  - simpl in Ha. apply (inm_ext _ _ _ _ _ H). intros i j Hi Hj.
    destruct o as [v k ps ks|ps ks| | | | | | |]; cbn [use]; rewrite ?use_given_zero by (try exact Ha; lia); try ring. rewrite Ha by lia. destruct (Nat.eqb w v); ring.
  - change (inv (b :: a) aR) in Ha. destruct o as [v k ps ks|ps ks|i j|i j|i|i|r i|c d z e' i|f r i]; cbn [buse use okop] in *; try (apply (inm_ext _ _ _ _ _ H); intros; ring).
    + rewrite !Bool.andb_true_iff, !Nat.ltb_lt, Nat.leb_le in K. destruct K as [[[K1 K2] K3] K4]. destruct (Nat.eqb_spec w v) as [->|_].
      * apply (inm_ext _ _ _ _ _ (buse_given_ok v ps _ _ Ha _ _ (madd_ok _ _ _ _ _ _ H (outer_ok _ _ _ _ _ _ Hr K2 Ha (env_nth _ _ _ He K3))))). intros; ring.
      * apply (inm_ext _ _ _ _ _ (buse_given_ok w ps _ _ Ha _ _ H)). intros; ring.
    + apply buse_given_ok; assumption.
Qed.
Lemma bgrad_ok w l : forall be e acc G, envok be e -> okacts l (length e) = true -> bsmooth l (tape l be) = true -> inm (Rw w) (Cw w) acc G ->
  inm (Rw w) (Cw w) (bgrad w l (tape l be) (bbackl l (tape l be)) acc) (fun i j => G i j + gradM vals_of l e w i j).
Proof.
  induction l as [|[o|lo i] l IH]; intros be e acc G H K B HG; cbn [bgrad tape tl gradM okacts].
  - apply (inm_ext _ _ _ _ _ HG). intros; ring.
  - cbn [okacts bsmooth tape hd tl] in K, B. apply andb_prop in K, B. destruct K as [K1 K2], B as [B1 B2].
    assert (H2 : envok (bev o be :: be) (ev vals_of o e :: e)) by (constructor; [apply bev_ok; assumption | exact H]).
    assert (T : tl (bbackl (Do o :: l) (tape (Do o :: l) be)) = bbackl l (tape l (bev o be :: be))) by (cbn [bbackl tape tl hd]; destruct (hd [] (bbackl l (tape l (bev o be :: be)))); reflexivity).
    cbn [tape] in T. rewrite T, bbackl_hd. cbn [hd].
    assert (A : inva (hd [] (bback l (bev o be :: be))) (nth 0 (back vals_of l (ev vals_of o e :: e)) vz)).
    { pose proof (bback_ok l _ _ H2 K2 B2) as F. inversion F; [intros i Hi; reflexivity | assumption]. }
    apply (inm_ext _ _ _ _ _ (IH _ _ _ _ H2 K2 B2 (buse_ok w o be e _ _ acc G K1 H A HG))). intros; ring.
  - cbn [okacts bsmooth tape hd tl] in K, B. apply andb_prop in K. destruct K as [_ K2].
    change (tl (bbackl (Pay lo i :: l) (be :: tape l be))) with (bbackl l (tape l be)). apply IH; assumption.
Qed.
End Checked.
Fixpoint sq_low (v : list ball) : Z := match v with [] => 0 | b :: v => let a := Z.max 0 (Z.abs (bc b) - br b) in e_mul eng a a + sq_low v end.
Fixpoint sq_up (v : list ball) : Z := match v with [] => 0 | b :: v => let a := (Z.abs (bc b) + br b)%Z in e_mul eng a a + sq_up v end.
Lemma sq_ok : forall v k x, length v = k -> (forall i, (i < k)%nat -> inb pp (nth i v b0) (x i)) ->
  IZR (sq_low v) <= dot k x x * (S_ * S_) <= IZR (sq_up v).
Proof.
  induction v as [|b v IH]; intros k x <- H.
  - simpl. unfold dot; simpl. lra.
  - specialize (IH (length v) (fun i => x (S i)) eq_refl (fun i Hi => H (S i) ltac:(simpl; lia))).
    pose proof (H 0%nat ltac:(simpl; lia)) as B. cbn [nth] in B. unfold inb in B.
    cbn [length sq_low sq_up]. unfold dot in *. cbv zeta. rewrite !mul_eq, sum_head, !plus_IZR, !mult_IZR.
    assert (E : Rabs (x 0%nat * S_) * Rabs (x 0%nat * S_) = x 0%nat * x 0%nat * (S_ * S_)).
    { rewrite <- Rabs_mult, Rabs_pos_eq by apply Rle_0_sqr. ring. }
    pose proof (Rabs_pos (x 0%nat * S_)) as Pz.
    assert (L : 0 <= IZR (Z.max 0 (Z.abs (bc b) - br b)) <= Rabs (x 0%nat * S_)).
    { split; [apply IZR_le; lia|]. destruct (Z.max_spec 0 (Z.abs (bc b) - br b)) as [[_ ->]|[_ ->]]; [|exact Pz].
      rewrite minus_IZR, abs_IZR. pose proof (Rabs_triang (x 0%nat * S_) (IZR (bc b) - x 0%nat * S_)) as T.
      replace (x 0%nat * S_ + (IZR (bc b) - x 0%nat * S_)) with (IZR (bc b)) in T by ring.
      rewrite (Rabs_minus_sym (IZR (bc b))) in T. lra. }
    assert (U : Rabs (x 0%nat * S_) <= IZR (Z.abs (bc b) + br b)).
    { rewrite plus_IZR, abs_IZR. exact (inb_abs _ b _ B). }
    assert (L2 : IZR (Z.max 0 (Z.abs (bc b) - br b)) * IZR (Z.max 0 (Z.abs (bc b) - br b)) <= x 0%nat * x 0%nat * (S_ * S_))
      by (rewrite <- E; apply Rmult_le_compat; lra).
    assert (U2 : x 0%nat * x 0%nat * (S_ * S_) <= IZR (Z.abs (bc b) + br b) * IZR (Z.abs (bc b) + br b))
      by (rewrite <- E; apply Rmult_le_compat; lra).
    rewrite Rmult_plus_distr_r. lra.
Qed.
(* Norms against whole numbers of scale pp. *)
Definition normok (low up lo hi : Z) : bool := (Z.leb 0 lo && Z.leb 0 hi && Z.leb (e_mul eng lo lo) low && Z.leb up (e_mul eng hi hi))%bool.
Lemma root_ok low up lo hi x : IZR low <= x * (S_ * S_) <= IZR up -> 0 <= x -> normok low up lo hi = true -> IZR lo / S_ <= sqrt x <= IZR hi / S_.
Proof.
  intros B X K. unfold normok in K. rewrite !mul_eq, !Bool.andb_true_iff, !Z.leb_le in K. destruct K as [[[K1 K2] K3] K4].
  pose proof S0 as HS. apply IZR_le in K1, K2, K3, K4. rewrite mult_IZR in K3, K4.
  assert (E : x * (S_ * S_) = (sqrt x * S_) * (sqrt x * S_)).
  { replace ((sqrt x * S_) * (sqrt x * S_)) with (sqrt x * sqrt x * (S_ * S_)) by ring. rewrite sqrt_sqrt by exact X. reflexivity. }
  pose proof (sqrt_pos x) as N. assert (N2 : 0 <= sqrt x * S_) by (apply Rmult_le_pos; lra). rewrite E in B.
  split; apply (Rmult_le_reg_r S_); try exact HS; unfold Rdiv; rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra;
  apply Rsqr_incr_0_var; unfold Rsqr; lra.
Qed.
Lemma nrm_ok v x k lo hi : (k <= n)%nat -> inva v x -> normok (sq_low (firstn k v)) (sq_up (firstn k v)) lo hi = true -> IZR lo / S_ <= nrm k x <= IZR hi / S_.
Proof.
  intros Hk H K. apply (root_ok _ _ lo hi (dot k x x)) in K; [exact K | | apply dot_nonneg]. destruct v as [|b v].
  - rewrite firstn_nil. simpl. unfold dot. rewrite sum0; [lra|]. intros; rewrite H by lia; ring.
  - destruct H as [L H]. apply sq_ok; [rewrite firstn_length; lia|]. intros i Hi. rewrite nth_first by exact Hi. apply H; lia.
Qed.
Definition frob (r c : nat) (G : nat -> nat -> R) : R := sqrt (sum r (fun i => sum c (fun j => G i j * G i j))).
Fixpoint sqm (f : list ball -> Z) (A : list (list ball)) : Z := match A with [] => 0 | a :: A => (f a + sqm f A)%Z end.
Lemma sqm_ok c : forall A r G, length A = r -> (forall i, (i < r)%nat -> length (nth i A []) = c /\ forall j, (j < c)%nat -> inb pp (nth j (nth i A []) b0) (G i j)) ->
  IZR (sqm sq_low A) <= sum r (fun i => sum c (fun j => G i j * G i j)) * (S_ * S_) <= IZR (sqm sq_up A).
Proof.
  induction A as [|a A IH]; intros r G <- H; [simpl; lra|]. cbn [length sqm]. rewrite sum_head, !plus_IZR.
  specialize (IH (length A) (fun i j => G (S i) j) eq_refl (fun i Hi => H (S i) ltac:(simpl; lia))).
  destruct (H 0%nat ltac:(simpl; lia)) as [L H0]. pose proof (sq_ok a c (G 0%nat) L H0) as Q. unfold dot in Q. lra.
Qed.
Lemma frob_ok r c A G lo hi : inm r c A G -> normok (sqm sq_low A) (sqm sq_up A) lo hi = true -> IZR lo / S_ <= frob r c G <= IZR hi / S_.
Proof.
  intros H K. apply (root_ok _ _ lo hi (sum r (fun i => sum c (fun j => G i j * G i j)))) in K; [exact K | |].
  - destruct A as [|a A]; [|destruct H as [L H]; apply sqm_ok; assumption].
    simpl. rewrite sum0; [lra|]. intros i Hi. apply sum0. intros j Hj. rewrite H by assumption. ring.
  - apply sum_nonneg; intros i _. apply sum_nonneg; intros j _. apply Rle_0_sqr.
Qed.
(* The checker: bounds of adjoints (place, vector, entries, low, high) and of gradients by tables. *)
Definition markok (g : list (list (list ball))) (len k : nat) (m : nat * nat * nat * Z * Z) : bool :=
  let '(j, i, s, a, b) := m in (Nat.leb j len && Nat.ltb i k && Nat.leb s n && let v := firstn s (nth i (nth j g []) []) in normok (sq_low v) (sq_up v) a b)%bool.
Definition tableok (l : list act) (tp bl : list (list (list ball))) (m : nat * Z * Z) : bool :=
  let '(w, a, b) := m in let A := bgrad w l tp bl [] in normok (sqm sq_low A) (sqm sq_up A) a b.
Definition check (l : list act) (be : list (list ball)) (marks : list (nat * nat * nat * Z * Z)) (grads : list (nat * Z * Z)) : bool :=
  (okshapes && okacts l (length be) && let tp := tape l be in let bl := bbackl l tp in let len := length l in let k := length be in
   bsmooth l tp && forallb (markok bl len k) marks && forallb (tableok l tp bl) grads)%bool.
Lemma beval_ok l k : okshapes = true -> forall be e, envok be e -> okacts (l ++ k) (length e) = true -> bsmooth (l ++ k) (tape (l ++ k) be) = true ->
  envok (beval l be) (eval vals_of l e) /\ okacts k (length (eval vals_of l e)) = true /\ bsmooth k (tape k (beval l be)) = true.
Proof.
  intros Hs. induction l as [|[o|lo i] l IH]; intros be e H K B; [repeat split; assumption| |]; cbn [app okacts beval eval bsmooth tape hd tl] in *; apply andb_prop in K; destruct K as [K1 K2].
  - apply andb_prop in B. destruct B as [B1 B2]. apply IH; [constructor; [apply bev_ok; assumption | exact H] | exact K2 | exact B2].
  - apply IH; assumption.
Qed.
Lemma eval_longer M l : forall e, (length e <= length (eval M l e))%nat.
Proof. induction l as [|[o|lo i] l IH]; intros e; cbn [eval]; [lia | | apply IH]. specialize (IH (ev M o e :: e)). simpl in IH. lia. Qed.
Lemma envok_ext be : forall e e', envok be e -> length e' = length e -> (forall k a, (a < n)%nat -> nth k e vz a = nth k e' vz a) -> envok be e'.
Proof.
  induction be as [|v be IH]; intros e e' H L X; inversion H as [|? x ? t Hv Ht]; subst.
  - destruct e'; [constructor | discriminate].
  - destruct e' as [|x' t']; [discriminate|]. constructor; [apply (inv_ext v x); [exact Hv | intros i Hi; apply (X 0%nat i Hi)]|].
    apply (IH t); [exact Ht | simpl in L; congruence | intros k a Ha; apply (X (S k) a Ha)].
Qed.
Theorem check_ok l be e marks grads : envok be e -> check l be marks grads = true ->
  (forall l1 l2 e', l = l1 ++ l2 -> length e' = length (eval vals_of l1 e) -> (forall k a, (a < n)%nat -> nth k (eval vals_of l1 e) vz a = nth k e' vz a) ->
    (forall E M r de dM, E r = e' -> M r = vals_of -> Dl E r de -> DM M r dM -> derivable_pt_lim (fun r => cost (M r) l2 (E r)) r (ip (back vals_of l2 e') de + pair (gradM vals_of l2 e') dM)) /\
    (forall i s a b, In (length l1, i, s, a, b) marks -> IZR a / S_ <= nrm s (nth i (back vals_of l2 e') vz) <= IZR b / S_)) /\
  (forall w a b, In (w, a, b) grads -> IZR a / S_ <= frob (Rw w) (Cw w) (gradM vals_of l e w) <= IZR b / S_).
Proof.
  intros H K. unfold check in K. cbv zeta in K. rewrite !Bool.andb_true_iff in K. destruct K as [[Hs K1] [[K2 K3] K4]].
  rewrite (env_length _ _ H) in *. split.
  - intros l1 l2 e' -> HL HX. destruct (beval_ok l1 l2 Hs be e H K1 K2) as (B1 & B2 & B0).
    pose proof (envok_ext _ _ _ B1 HL HX) as B3. rewrite <- HL in B2. split.
    + intros E M r de dM HE HM HD HDM. rewrite <- HE, <- HM. apply back_ok; [exact Hs | | exact HD | exact HDM |].
      * destruct HD as [HD _]. rewrite <- HD, HE. exact B2.
      * rewrite HE, HM. apply (bsmooth_ok Hs l2 (beval l1 be)); [exact B3 | exact B2 | exact B0].
    + intros i s a b Hi. rewrite forallb_forall in K3. specialize (K3 _ Hi). unfold markok in K3. cbv zeta in K3. rewrite !Bool.andb_true_iff, Nat.ltb_lt, !Nat.leb_le in K3. destruct K3 as [[[_ K5] K6] K7].
      rewrite bbackl_app in K7. apply (nrm_ok (nth i (bback l2 (beval l1 be)) [])); [exact K6 | | exact K7].
      assert (F : Forall2 inva (bback l2 (beval l1 be)) (back vals_of l2 e')) by (apply bback_ok; assumption).
      pose proof (eval_longer vals_of l1 e) as Lo. assert (Li : (i < length (back vals_of l2 e'))%nat) by (rewrite back_length, HL; lia).
      clear - F Li. revert i Li. induction F as [|u x bl l Hu _ IH]; intros [|i] Li; simpl in *; try lia; [exact Hu | apply IH; lia].
  - intros w a b Hw. rewrite forallb_forall in K4. specialize (K4 _ Hw). unfold tableok in K4. cbv zeta in K4.
    apply (frob_ok _ _ _ _ _ _) with (2 := K4). eapply inm_ext; [apply (bgrad_ok Hs w l be e [] (fun _ _ => 0)); [exact H | exact K1 | exact K2 | intros i j _ _; reflexivity]|].
    intros; cbv beta; ring.
Qed.
Lemma nth_zeros : forall (d : list vec) i, nth i (map (fun _ => vz) d) vz = vz.
Proof. induction d as [|w d IH]; intros [|i]; simpl; auto. Qed.

(* Part 6: a recurrent net. Its step is a list of operations that ends with the new state, part 0 last. *)
Section Net.
Variable T : nat.
Variable sizes : list nat.
Variable ops : nat -> list op.
Variable pays : nat -> list loss.
Variable z0 : list (list Z).
Variable net : vals -> nat -> state -> state.
Variable paid : nat -> state -> R.
Variable s0 : state.
Notation count := (length sizes).
Notation size := (fun p => nth p sizes O).
Definition held (e : list vec) (s : state) : Prop := forall p a, (p < count)%nat -> (a < size p)%nat -> nth p e vz a = s p a.
Variable part : nat.                 (* the part that is read *)
Definition pay (t : nat) : list act := map (fun l => Pay l part) (pays t).
Fixpoint prefix (k : nat) : list act := match k with O => [] | S k => prefix k ++ pay k ++ map Do (ops k) end.
Fixpoint rest (d k : nat) : list act := match d with O => pay k | S d => pay k ++ map Do (ops k) ++ rest d (S k) end.
Hypothesis step_ok : forall M t e s, (t < T)%nat -> held e s -> held (eval M (map Do (ops t)) e) (net M t s).
Hypothesis pay_ok : forall t e s, (t <= T)%nat -> held e s -> fold_right (fun l x => lossV l (nth part e vz) + x) 0 (pays t) = paid t s.
Definition benv : list (list ball) := map (fun z => fit b0 (map bexact z)) z0.
Definition renv : list vec := map wR z0.
Hypothesis start : held renv s0.
Lemma benv_ok : envok benv renv.
Proof.
  unfold envok, benv, renv. induction z0 as [|z l IH]; constructor; [|exact IH]. split; [apply fit_length|]. intros i Hi. rewrite fit_nth by exact Hi.
  destruct (Nat.lt_ge_cases i (length z)) as [L|L].
  - rewrite (nth_indep _ b0 (bexact 0)) by (rewrite map_length; exact L). rewrite map_nth. apply yball.
  - rewrite nth_overflow by (rewrite map_length; exact L). rewrite wR_short by exact L. apply b0_ok.
Qed.
Lemma eval_pay M l i : forall e, eval M (map (fun l => Pay l i) l) e = e.
Proof. induction l as [|x l IH]; intros e; [reflexivity | apply IH]. Qed.
Lemma cost_pay M l i e : cost M (map (fun l => Pay l i) l) e = fold_right (fun l x => lossV l (nth i e vz) + x) 0 l.
Proof. induction l as [|x l IH]; [reflexivity|]. cbn [map cost fold_right]. rewrite IH. reflexivity. Qed.
Lemma cost_ops M l e : cost M (map Do l) e = 0.
Proof. revert e. induction l as [|x l IH]; intros e; [reflexivity | apply IH]. Qed.
Lemma prefix_rest k : forall d, prefix k ++ rest d k = rest (k + d) 0.
Proof.
  induction k as [|k IH]; intros d; [reflexivity|]. cbn [prefix]. rewrite <- !app_assoc. rewrite Nat.add_succ_comm, <- (IH (S d)). reflexivity.
Qed.
Lemma cost_rest M d : forall k e s, (k + d <= T)%nat -> held e s -> cost M (rest d k) e = total (net M) paid d k s.
Proof.
  induction d as [|d IH]; intros k e s Hk H; cbn [rest total].
  - unfold pay. rewrite cost_pay. apply pay_ok; [lia | exact H].
  - rewrite !cost_app. unfold pay. rewrite cost_pay, cost_ops, eval_pay, Rplus_0_l. f_equal; [apply pay_ok; [lia | exact H]|].
    apply IH; [lia|]. apply step_ok; [lia | exact H].
Qed.
Lemma held_prefix M k : (k <= T)%nat -> held (eval M (prefix k) renv) (run (net M) k s0).
Proof.
  induction k as [|k IH]; intros Hk; [exact start|]. cbn [prefix run]. rewrite !eval_app. unfold pay. rewrite eval_pay. apply step_ok; [lia | apply IH; lia].
Qed.
(* Environments in which the state is free. *)
Definition put (k : nat) (x y : vec) : vec := fun a => if Nat.ltb a k then x a else y a.
Fixpoint free (sz : list nat) (p : nat) (s : state) (y : list vec) : list vec :=
  match sz, y with k :: sz, u :: y => put k (s p) u :: free sz (S p) s y | _, _ => y end.
Fixpoint moved (sz : list nat) (p : nat) (ds : state) (y : list vec) : list vec :=
  match sz, y with k :: sz, _ :: y => cut k (ds p) :: moved sz (S p) ds y | _, _ => map (fun _ => vz) y end.
Lemma free_length sz : forall p s y, length (free sz p s y) = length y.
Proof. induction sz as [|k sz IH]; intros p s [|u y]; simpl; auto. Qed.
Lemma moved_length sz : forall p s y, length (moved sz p s y) = length y.
Proof. induction sz as [|k sz IH]; intros p s [|u y]; simpl; rewrite ?map_length; auto. Qed.
Lemma free_at sz : forall p s y i a, (i < length sz)%nat -> (length sz <= length y)%nat -> (a < nth i sz 0)%nat -> nth i (free sz p s y) vz a = s (p + i)%nat a.
Proof.
  induction sz as [|k sz IH]; intros p s [|u y] i a Hi Hy Ha; simpl in Hi, Hy; try lia. destruct i as [|i]; cbn [free nth] in *.
  - rewrite Nat.add_0_r. unfold put. apply Nat.ltb_lt in Ha. rewrite Ha. reflexivity.
  - rewrite IH by lia. f_equal. lia.
Qed.
Lemma free_same sz : forall p s y, (forall i a, (i < length sz)%nat -> (a < nth i sz 0)%nat -> nth i y vz a = s (p + i)%nat a) -> forall i a, nth i (free sz p s y) vz a = nth i y vz a.
Proof.
  induction sz as [|k sz IH]; intros p s [|u y] H i a; try reflexivity. cbn [free]. destruct i as [|i]; cbn [nth].
  - unfold put. destruct (Nat.ltb_spec a k) as [L|L]; [|reflexivity]. specialize (H 0%nat a ltac:(simpl; lia) L). cbn [nth] in H. rewrite H, Nat.add_0_r. reflexivity.
  - apply IH. intros j b Hj Hb. specialize (H (S j) b ltac:(simpl; lia) Hb). cbn [nth] in H. rewrite H. f_equal; lia.
Qed.
Lemma free_D sz (s : R -> state) r ds : forall p y, (forall i, (i < length sz)%nat -> D (nth i sz O) (fun r => s r (p + i)%nat) r (ds (p + i)%nat)) ->
  forall i, D n (fun r => nth i (free sz p (s r) y) vz) r (nth i (moved sz p ds y) vz).
Proof.
  induction sz as [|k sz IH]; intros p y H i.
  - replace (moved [] p ds y) with (map (fun _ : vec => vz) y) by (destruct y; reflexivity). cbn [free]. intros a _. rewrite nth_zeros. apply dl_const.
  - destruct y as [|u y]; [intros a _; destruct i; exact (dl_const 0 r)|]. cbn [free moved]. destruct i as [|i]; cbn [nth].
    + intros a Ha. unfold put, cut. destruct (Nat.ltb_spec a k) as [L|L]; [|apply dl_const]. specialize (H 0%nat ltac:(simpl; lia) a L). rewrite Nat.add_0_r in H. exact H.
    + apply IH. intros j Hj. specialize (H (S j) ltac:(simpl; lia)). cbn [nth] in H. rewrite <- Nat.add_succ_comm in H. exact H.
Qed.
Lemma ip_moved sz ds : (forall k, In k sz -> (k <= n)%nat) -> forall p y b, length b = length y -> (length sz <= length y)%nat ->
  ip b (moved sz p ds y) = sum (length sz) (fun i => dot (nth i sz O) (nth i b vz) (ds (p + i)%nat)).
Proof.
  induction sz as [|k sz IH]; intros Hk p y b Hb Hy.
  - cbn [length sum]. replace (moved [] p ds y) with (map (fun _ : vec => vz) y) by (destruct y; reflexivity). clear. revert b. induction y as [|u y IH]; intros [|w b]; simpl; auto. rewrite IH. rewrite dot_vz. ring.
  - destruct y as [|u y], b as [|w b]; simpl in Hy, Hb; try lia. cbn [length moved ip]. rewrite sum_head. cbn [nth]. rewrite Nat.add_0_r.
    rewrite dot_cut by (apply Hk; left; reflexivity). rewrite (IH (fun j Hj => Hk j (or_intror Hj)) (S p) y b) by lia.
    f_equal. apply sum_ext; intros; rewrite <- Nat.add_succ_comm; reflexivity.
Qed.
Variable lags : list (nat * list (Z * Z)).
Variable grads : list (nat * Z * Z).
Definition marks_of (k : nat) (bs : list (Z * Z)) : list (nat * nat * nat * Z * Z) :=
  let l := length (prefix k) in map (fun x => (l, snd x, nth (snd x) sizes O, fst (fst x), snd (fst x))) (combine bs (seq 0 (length bs))).
Definition marks : list (nat * nat * nat * Z * Z) := flat_map (fun m => marks_of (fst m) (snd m)) lags.
Definition oknet : bool := (Nat.leb count (length z0) && forallb (fun k => Nat.leb k n) sizes && forallb (fun m => Nat.leb (fst m) T) lags)%bool.
Hypothesis okn : oknet = true.
Hypothesis checked : check (rest T 0) benv marks grads = true.
Lemma marks_in k bs p : In (k, bs) lags -> (p < length bs)%nat -> In (length (prefix k), p, nth p sizes O, fst (nth p bs (0, 0)%Z), snd (nth p bs (0, 0)%Z)) marks.
Proof.
  intros Hin Hp. unfold marks. apply in_flat_map. exists (k, bs). split; [exact Hin|]. unfold marks_of; cbn [fst snd]. apply in_map_iff. exists (nth p bs (0, 0)%Z, p).
  split; [reflexivity|]. replace p with (nth p (seq 0 (length bs)) 0%nat) at 2 by (rewrite seq_nth by exact Hp; reflexivity).
  rewrite <- combine_nth by (rewrite seq_length; reflexivity). apply nth_In. rewrite combine_length, seq_length. lia.
Qed.
Theorem by_state : forall k bs, In (k, bs) lags -> exists g : state,
  (forall (s : R -> state) (r : R) (ds : state), s r = run (net vals_of) k s0 -> along size s r ds ->
     derivable_pt_lim (fun r => total (net vals_of) paid (T - k) k (s r)) r (sum count (fun p => dot (size p) (g p) (ds p))))
  /\ forall p, (p < length bs)%nat -> IZR (fst (nth p bs (0, 0)%Z)) / S_ <= nrm (size p) (g p) <= IZR (snd (nth p bs (0, 0)%Z)) / S_.
Proof.
  intros k bs Hin. pose proof okn as O. unfold oknet in O. rewrite !Bool.andb_true_iff, Nat.leb_le, !forallb_forall in O. destruct O as [[O1 O2] O3].
  pose proof (O3 _ Hin) as Hk. cbn [fst] in Hk. apply Nat.leb_le in Hk.
  set (y := eval vals_of (prefix k) renv). assert (Ly : (count <= length y)%nat) by (pose proof (eval_longer vals_of (prefix k) renv) as L; fold y in L; unfold renv in L; rewrite map_length in L; lia).
  set (e := free sizes 0 (run (net vals_of) k s0) y).
  assert (Cut : rest T 0 = prefix k ++ rest (T - k) k) by (rewrite prefix_rest; f_equal; lia).
  destruct (check_ok _ _ _ marks grads benv_ok checked) as [B _].
  destruct (B (prefix k) (rest (T - k) k) e Cut) as [HD HB].
  { unfold e. rewrite free_length. reflexivity. }
  { intros i a Ha. symmetry. apply (free_same sizes 0). intros j b Hj Hb. apply (held_prefix vals_of k Hk j b Hj Hb). }
  exists (fun p => nth p (back vals_of (rest (T - k) k) e) vz). split.
  - intros s r ds Hsr Hal.
    apply (dl_ext (fun r => cost vals_of (rest (T - k) k) (free sizes 0 (s r) y))).
    { intros x. apply cost_rest; [lia|]. intros p a Hp Ha. apply (free_at sizes 0); assumption. }
    eapply dl_eq; [apply (HD (fun r => free sizes 0 (s r) y) (fun _ => vals_of) r (moved sizes 0 ds y) (fun _ _ _ => 0))|].
    + cbv beta. rewrite Hsr. reflexivity.
    + reflexivity.
    + split; [rewrite free_length, moved_length; reflexivity|]. intros i. apply (free_D sizes s r ds 0 y). intros j Hj. apply Hal.
    + intros w i j _ _. apply dl_const.
    + rewrite ip_moved; [|intros j Hj; apply Nat.leb_le, O2, Hj | rewrite back_length; unfold e; rewrite free_length; reflexivity | exact Ly].
      assert (Z : pair (gradM vals_of (rest (T - k) k) e) (fun _ _ _ => 0) = 0) by (apply sum0; intros w _; apply sum0; intros i _; apply sum0; intros; ring).
      rewrite Z, Rplus_0_r. reflexivity.
  - intros p Hp. apply HB. apply marks_in; assumption.
Qed.
Theorem by_table : exists g : vals,
  (forall (M : R -> vals) (r : R) (dM : vals), M r = vals_of -> (forall w i j, (i < Rw w)%nat -> (j < Cw w)%nat -> derivable_pt_lim (fun r => M r w i j) r (dM w i j)) ->
     derivable_pt_lim (fun r => total (net (M r)) paid T 0 s0) r (pair g dM))
  /\ forall w a b, In (w, a, b) grads -> IZR a / S_ <= frob (Rw w) (Cw w) (g w) <= IZR b / S_.
Proof.
  destruct (check_ok _ _ _ marks grads benv_ok checked) as [B G]. exists (gradM vals_of (rest T 0) renv). split; [|exact G].
  intros M r dM HM HD. apply (dl_ext (fun r => cost (M r) (rest T 0) renv)); [intros; apply cost_rest; [lia | exact start]|].
  destruct (B [] (rest T 0) renv eq_refl eq_refl ltac:(reflexivity)) as [H _].
  eapply dl_eq; [apply (H (fun _ => renv) M r (map (fun _ => vz) renv) dM eq_refl HM)|].
  - split; [rewrite map_length; reflexivity|]. intros i a _. rewrite nth_zeros. apply dl_const.
  - exact HD.
  - assert (Z : forall b, ip b (map (fun _ => vz) renv) = 0) by (intros b; clear; revert b; induction renv as [|u l IH]; intros [|w b]; simpl; auto; rewrite IH, dot_vz; ring).
    rewrite Z. ring.
Qed.
End Net.
End Ctx.
(* Small things for instances. *)
Definition column (z : list Z) : list (list Z) := map (fun a => [a]) z.
Definition unit (q : Z) : list Z := [Z.shiftl 1 q].
Lemma unit_ok q W a : (0 <= q)%Z -> mat 1 W (wR q (unit q)) a = W a 0%nat.
Proof. intros H. unfold mat, wR, unit; cbn [sum nth]. rewrite shl by exact H. pose proof (P2_pos q H). field. lra. Qed.
Definition once (q : Z) (z : list Z) : Z := Z.shiftl (nth 0 z 0%Z) q.
Lemma once_ok q z : (0 <= q)%Z -> IZR (once q z) / P2 (q + q) = wR q z 0%nat.
Proof. intros H. unfold wR, once. rewrite shl, P2_add by exact H. pose proof (P2_pos q H). field. lra. Qed.
Lemma same_of x : frac 1 1 * x + frac 0 1 = x.
Proof. unfold frac. field. Qed.
Lemma mat_ext n (W : nat -> nat -> R) x y i : (forall j, (j < n)%nat -> x j = y j) -> mat n W x i = mat n W y i.
Proof. intros H. unfold mat. apply sum_ext; intros; rewrite H; auto. Qed.
Lemma eval_do q s M o l e : eval q s M (Do o :: l) e = eval q s M l (ev q s M o e :: e).
Proof. reflexivity. Qed.
