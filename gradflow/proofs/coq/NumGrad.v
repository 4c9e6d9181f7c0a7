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
Lemma inb_br k b x : inb k b x -> 0 <= IZR (br b).
Proof. unfold inb; intros H; pose proof (Rabs_pos (x * P2 k - IZR (bc b))); lra. Qed.
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
Definition bmul (j : Z) (a b : ball) : ball :=
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
Lemma bmul_ok j k a b x y : (0 <= j)%Z -> (0 <= k)%Z -> inb j a x -> inb k b y -> inb k (bmul j a b) (x * y).
Proof.
  intros Hj Hk A B; apply rnd_ok; auto; unfold inb in *; simpl.
  rewrite P2_add, plus_IZR, !mult_IZR, plus_IZR, !abs_IZR by assumption.
  replace (x * y * (P2 k * P2 j)) with ((x * P2 j) * (y * P2 k)) by ring.
  apply mul_real; assumption.
Qed.
(* Fewer bits. *)
Lemma short_ok p m b x : (0 <= m <= p)%Z -> inb p b x -> inb m (rnd (p - m) b) x.
Proof. intros H I; apply rnd_ok; [lia | lia | replace (m + (p - m))%Z with p by lia; exact I]. Qed.
Lemma inb_widen k c r s x : inb k (Ball c r) x -> (r <= s)%Z -> inb k (Ball c s) x.
Proof. unfold inb; simpl; intros H L; apply IZR_le in L; lra. Qed.
Definition bZ (c : Z) : ball := Ball c 0.
Lemma bZ_ok k c : (0 <= k)%Z -> inb k (bZ c) (IZR c / P2 k).
Proof. intros H; unfold inb, bZ; simpl; pose proof (P2_pos k H).
  replace (IZR c / P2 k * P2 k - IZR c) with 0 by (field; lra); rewrite Rabs_R0; lra. Qed.

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
Definition lnq (alt : bool) (p i : Z) : Z := Z.shiftr (lnsum alt (p + 12) i (Z.to_nat ((p + 12) / i))) 12.
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
Record ctx := Ctx { p : Z; one : Z; h : Z; ln2 : ball; tbl : tab }.
Definition ctx_ok (C : ctx) := (32 <= p C)%Z /\ one C = (2 ^ p C)%Z /\ (0 <= h C)%Z /\ (2 * h C + 1 <= p C)%Z /\ inb (p C) (ln2 C) (ln 2) /\ tab_ok (p C) (tbl C).
Definition mkctx (p : Z) : ctx := Ctx p (2 ^ p) (p / 2 - 1) (lnball false p 1) (mktab p 1 (Z.to_nat (p / 2 + 3))).
Lemma mkctx_ok P : (32 <= P)%Z -> ctx_ok (mkctx P).
Proof.
  intros H; unfold ctx_ok, mkctx; cbn [p one h ln2 tbl]. pose proof (Z.mul_div_le P 2 ltac:(lia)).
  pose proof (Z.div_le_lower_bound P 2 16 ltac:(lia) ltac:(lia)).
  split; [exact H | split; [reflexivity | split; [lia | split; [lia | split]]]].
  - pose proof (ln_ok false P 1 ltac:(lia) ltac:(lia)) as L. cbv iota in L.
    replace (ln 2) with (- ln (1 - / P2 1)); [exact L|]. change (P2 1) with 2.
    rewrite <- ln_Rinv by lra. apply f_equal. field.
  - apply mktab_ok; lia.
Qed.
Section Ctx.
Variable C : ctx.
Notation pp := (p C).
Notation S_ := (P2 pp).
(* exp (- c / S), c >= 0 *)
Definition expneg (c : Z) : ball :=
  let k := (Z.shiftr c (pp - 16) / 45425 + 1)%Z in
  let '(rem, cnt, v) := factors (tbl C) (k * bc (ln2 C) - c)%Z (k * br (ln2 C))%Z (Ball (one C) 0) in
  if (Z.shiftr (Z.abs rem + cnt) (h C) =? 0)%Z then rnd k (bmul pp (Ball (one C + rem) (cnt + 1)) v)
  else Ball 0 (one C).
Hypothesis HC : ctx_ok C.
Lemma p0 : (0 <= pp)%Z. Proof. destruct HC; lia. Qed.
Lemma S0 : 0 < S_. Proof. apply P2_pos, p0. Qed.
Lemma one_S : IZR (one C) = S_. Proof. destruct HC as (_ & -> & _). reflexivity. Qed.
Lemma expneg_ok c : (0 <= c)%Z -> inb pp (expneg c) (exp (- (IZR c / S_))).
Proof.
  intros Hc. pose proof p0 as Hp. pose proof S0 as HS. unfold expneg.
  set (k := (Z.shiftr c (pp - 16) / 45425 + 1)%Z).
  assert (Hk : (0 <= k)%Z).
  { unfold k. destruct HC as (P32 & _). assert (0 <= Z.shiftr c (pp - 16))%Z by (apply Z.shiftr_nonneg; exact Hc).
    pose proof (Z.div_pos (Z.shiftr c (pp - 16)) 45425 ltac:(lia) ltac:(lia)). lia. }
  assert (H1 : inb pp (Ball (one C) 0) 1).
  { unfold inb; cbn [bc br]; rewrite one_S. replace (1 * S_ - S_) with 0 by ring. rewrite Rabs_R0; lra. }
  assert (Hr : Rabs ((IZR k * ln 2 - IZR c / S_) * S_ - IZR (k * bc (ln2 C) - c)) <= IZR (k * br (ln2 C))).
  { destruct HC as (_ & _ & _ & _ & L & _). unfold inb in L. rewrite minus_IZR, !mult_IZR.
    replace ((IZR k * ln 2 - IZR c / S_) * S_ - (IZR k * IZR (bc (ln2 C)) - IZR c)) with (IZR k * (ln 2 * S_ - IZR (bc (ln2 C)))) by (field; lra).
    apply IZR_le in Hk. rewrite Rabs_mult, (Rabs_pos_eq (IZR k)) by exact Hk. apply Rmult_le_compat_l; assumption. }
  assert (HT : tab_ok pp (tbl C)) by (destruct HC as (_ & _ & _ & _ & _ & T); exact T).
  pose proof (factors_ok pp (tbl C) Hp HT _ _ _ _ _ H1 Hr) as F.
  destruct (factors (tbl C) (k * bc (ln2 C) - c) (k * br (ln2 C)) (Ball (one C) 0)) as [[rem cnt] v].
  destruct F as (V & rho & A & B & E).
  assert (Ex : exp (- (IZR c / S_)) * P2 k = V * exp rho).
  { rewrite E, Rmult_1_l. unfold Rminus. rewrite exp_plus. rewrite Rmult_comm. f_equal. unfold P2.
    rewrite <- (Z2Nat.id k Hk). set (n := Z.to_nat k). clearbody n. rewrite <- pow_IZR, <- INR_IZR_INZ.
    clear. induction n as [|n IH]; [simpl; rewrite Rmult_0_l, exp_0; reflexivity|].
    rewrite S_INR. simpl pow. rewrite IH, Rmult_plus_distr_r, exp_plus, Rmult_1_l, exp_ln by lra. ring. }
  destruct (Z.eqb_spec (Z.shiftr (Z.abs rem + cnt) (h C)) 0) as [Z0|_].
  - destruct HC as (P32 & _ & Hh & Hh2 & _).
    apply rnd_ok; [exact Hp | exact Hk |].
    assert (I : inb pp (bmul pp (Ball (one C + rem) (cnt + 1)) v) (exp rho * V)).
    { apply bmul_ok; [exact Hp | exact Hp | | exact A]. unfold inb; cbn [bc br].
      pose proof (shr (Z.abs rem + cnt) (h C) Hh) as Q. rewrite Z0 in Q. rewrite plus_IZR, abs_IZR in Q.
      pose proof (P2_pos (h C) Hh) as Ph.
      assert (Q2 : Rabs (IZR rem) + IZR cnt < P2 (h C)).
      { destruct Q as [_ Q]. apply (Rmult_lt_compat_r (P2 (h C))) in Q; [|exact Ph].
        unfold Rdiv in Q; rewrite Rmult_assoc, Rinv_l in Q by lra. lra. }
      assert (SS : 2 * (P2 (h C) * P2 (h C)) <= S_).
      { rewrite <- P2_add by lia. change 2 with (P2 1). rewrite <- P2_add by lia. apply IZR_le. apply Z.pow_le_mono_r; lia. }
      assert (R2 : Rabs (rho * S_) < P2 (h C)).
      { pose proof (Rabs_triang (rho * S_ - IZR rem) (IZR rem)) as T.
        replace (rho * S_ - IZR rem + IZR rem) with (rho * S_) in T by ring. lra. }
      pose proof (P2_ge1 (h C) Hh) as Ph1.
      assert (LSq : 2 * (rho * rho) * S_ <= 1).
      { assert (K : (rho * S_) * (rho * S_) <= P2 (h C) * P2 (h C)).
        { rewrite <- (Rabs_pos_eq ((rho * S_) * (rho * S_))) by (apply Rle_0_sqr). rewrite Rabs_mult.
          pose proof (Rabs_pos (rho * S_)). apply Rmult_le_compat; lra. }
        apply (Rmult_le_reg_r S_); [exact HS|]. nra. }
      assert (Rho : - (1 / 2) <= rho <= 1 / 2).
      { pose proof (abs_range (rho * S_) _ (Rlt_le _ _ R2)) as W. 
        assert (P2 (h C) <= S_ / 2) by nra. split; apply (Rmult_le_reg_r S_); try exact HS; lra. }
      pose proof (exp_near rho Rho) as N. rewrite !plus_IZR, one_S. apply abs_range in B. 
      destruct N as [N1 N2]. apply (Rmult_le_compat_r S_) in N1, N2; try lra. apply Rabs_le. lra. }
    unfold inb in *. rewrite P2_add by assumption. replace (exp (- (IZR c / S_)) * (S_ * P2 k)) with (exp rho * V * S_); [exact I|].
    replace (exp (- (IZR c / S_)) * (S_ * P2 k)) with (exp (- (IZR c / S_)) * P2 k * S_) by ring. rewrite Ex. ring.
  - unfold inb; cbn [bc br]; rewrite one_S, Rminus_0_r.
    pose proof (exp_pos (- (IZR c / S_))) as EP. rewrite Rabs_pos_eq by (apply Rmult_le_pos; lra).
    assert (exp (- (IZR c / S_)) <= 1).
    { rewrite <- exp_0. apply IZR_le in Hc. assert (0 <= IZR c / S_) by (apply Rmult_le_pos; [exact Hc | left; apply Rinv_0_lt_compat; exact HS]).
      destruct (Req_dec (IZR c / S_) 0) as [->|]; [rewrite Ropp_0; lra | left; apply exp_increasing; lra]. }
    apply Rle_trans with (1 * S_); [apply Rmult_le_compat_r; lra | lra].
Qed.
(* 1 / (1 + e) by Newton's iteration; what it returns is checked, not trusted. d = 1 + e at scale pp, in [1, 2]. *)
Fixpoint levels (n : nat) (l : Z) : list Z := match n with O => [] | S k => levels k ((l + 1) / 2 + 2) ++ [l] end.
Definition recip (d : Z) : Z :=
  let step (s : Z * Z) (l : Z) :=
    let '(m, s) := s in  (* s = 2^m / d roughly *)
    let t := Z.shiftl s (l - m) in
    let r := (Z.shiftl 1 (2 * l) - t * Z.shiftr d (pp - l))%Z in
    (l, t + Z.shiftr (s * Z.shiftr r l) m)%Z in
  snd (fold_left step (filter (fun l => Z.ltb 24 l && Z.leb l pp)%bool (levels 6 pp)) (24%Z, (Z.shiftl 1 48 / Z.shiftr d (pp - 24))%Z)).
(* sigmoid (c / S) for c >= 0 *)
Definition sigpos (c : Z) : ball :=
  let e := expneg c in
  let d := (one C + bc e)%Z in
  let s := recip d in
  Ball s (Z.shiftr (Z.abs (Z.shiftl (one C) pp - s * d) + Z.abs s * br e) pp + 1).
Lemma sigpos_ok c : (0 <= c)%Z -> inb pp (sigpos c) (sigmoid (IZR c / S_)).
Proof.
  intros Hc. pose proof p0 as Hp. pose proof S0 as HS. unfold sigpos.
  pose proof (expneg_ok c Hc) as E. set (e := expneg c) in *. clearbody e.
  set (s := recip (one C + bc e)). clearbody s. unfold inb; cbn [bc br].
  unfold sigmoid. set (x := exp (- (IZR c / S_))) in *. assert (X : 0 < x) by apply exp_pos. clearbody x.
  rewrite plus_IZR. set (N := (Z.abs (Z.shiftl (one C) pp - s * (one C + bc e)) + Z.abs s * br e)%Z).
  pose proof (shr N pp Hp) as [_ Q]. left. eapply Rle_lt_trans; [|exact Q]. clear Q.
  apply (Rmult_le_reg_r S_); [exact HS|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
  unfold N. rewrite plus_IZR, mult_IZR, !abs_IZR, minus_IZR, mult_IZR, plus_IZR, shl, one_S by exact Hp.
  unfold inb in E.
  rewrite <- (Rabs_pos_eq S_) at 2 by lra. rewrite <- Rabs_mult.
  apply Rle_trans with (Rabs ((1 + x) * ((/ (1 + x) * S_ - IZR s) * S_))).
  { rewrite (Rabs_mult (1 + x)). rewrite (Rabs_pos_eq (1 + x)) by lra.
    pose proof (Rabs_pos ((/ (1 + x) * S_ - IZR s) * S_)). rewrite <- (Rmult_1_l (Rabs _)) at 1. apply Rmult_le_compat_r; lra. }
  replace ((1 + x) * ((/ (1 + x) * S_ - IZR s) * S_)) with ((S_ * S_ - IZR s * (S_ + IZR (bc e))) + - (IZR s * (x * S_ - IZR (bc e)))) by (field; lra).
  eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_Ropp, (Rabs_mult (IZR s)).
  apply Rplus_le_compat_l. apply Rmult_le_compat_l; [apply Rabs_pos | exact E].
Qed.
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
Fixpoint dotrow (w : list Z) (v : list ball) (c r : Z) : ball :=
  match w, v with x :: w, b :: v => dotrow w v (c + x * bc b) (r + Z.abs x * br b) | _, _ => Ball c r end.
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
Fixpoint map2 {A B D} (f : A -> B -> D) (l : list A) (k : list B) : list D :=
  match l, k with a :: l, b :: k => f a b :: map2 f l k | _, _ => [] end.
Lemma map2_length {A B D} (f : A -> B -> D) l : forall k, length l = length k -> length (map2 f l k) = length k.
Proof. induction l as [|a l IH]; intros [|b k]; simpl; intros; try lia. rewrite IH; lia. Qed.
Lemma map2_nth {A B D} (f : A -> B -> D) da db dd l : forall k i, (i < length l)%nat -> (i < length k)%nat -> nth i (map2 f l k) dd = f (nth i l da) (nth i k db).
Proof. induction l as [|a l IH]; intros [|b k] i; simpl; intros; try lia. destruct i; [reflexivity | apply IH; lia]. Qed.
Definition baff (W : list (list Z)) (k : list Z) (v : list ball) : list ball :=
  map2 (fun w z => rnd q (dotrow w v (Z.shiftl z (pp - q)) 0)) W k.
Lemma baff_ok W k v x : length W = n -> length k = n -> inv v x -> inv (baff W k v) (fun i => mat n (matR W) x i + kR k i).
Proof.
  intros HW Hk [Hl Hv]. pose proof p0 as Hp. split; [unfold baff; rewrite map2_length; congruence|]. intros i Hi.
  unfold baff. rewrite (map2_nth _ [] 0%Z) by lia. apply rnd_ok; [exact Hp | lia |].
  eapply inb_eq; [apply (dotrow_ok v _ x _ _ (kR k i)); [intros; apply Hv; lia|]|].
  - unfold inb; cbn [bc br]. rewrite shl by lia. unfold kR. rewrite !P2_add by lia. pose proof (P2_pos q ltac:(lia)).
    assert (E : S_ = P2 (pp - q) * P2 q) by (rewrite <- P2_add by lia; f_equal; lia). rewrite E.
    match goal with |- Rabs ?a <= _ => replace a with 0 by (field; lra) end. rewrite Rabs_R0; lra.
  - rewrite Hl. unfold mat, matR. ring.
Qed.
Definition matT (W : nat -> nat -> R) (x : vec) : vec := fun j => sum n (fun i => W i j * x i).
Fixpoint axpy (w : list Z) (a : ball) (acc : list ball) : list ball :=
  match w, acc with x :: w, b :: acc => Ball (bc b + x * bc a) (br b + Z.abs x * br a) :: axpy w a acc | _, _ => acc end.
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
Fixpoint tmv (W : list (list Z)) (a acc : list ball) : list ball :=
  match W, a with w :: W, b :: a => tmv W a (axpy w b acc) | _, _ => acc end.
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
Definition btaff (W : list (list Z)) (a : list ball) : list ball := map (rnd q) (tmv W a (repeat b0 n)).
Lemma btaff_ok W a x : inv a x -> inv (btaff W a) (matT (matR W) x).
Proof.
  intros [Hl Ha]. pose proof p0 as Hp. split; [unfold btaff; rewrite map_length, tmv_length, repeat_length; reflexivity|].
  intros i Hi. unfold btaff. rewrite (nth_indep _ b0 (rnd q b0)) by (rewrite map_length, tmv_length, repeat_length; exact Hi).
  rewrite map_nth. apply rnd_ok; [exact Hp | lia |].
  eapply inb_eq; [apply (tmv_ok a W x (repeat b0 n) (fun _ => 0))|].
  - intros; apply Ha; lia.
  - intros j Hj. rewrite repeat_length in Hj. rewrite (nth_repeat _ _ j). apply b0_ok.
  - rewrite repeat_length; exact Hi.
  - rewrite Hl. unfold matT. ring.
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

(* Part 4: straight-line programs, their value, their gradient. *)
Inductive op := OAff (W : list (list Z)) (k : list Z) (i : nat) | OAdd (i j : nat) | OMul (i j : nat) | OSig (i : nat) | OTan (i : nat) | ONeg (i : nat).
Definition vz : vec := fun _ => 0.
Definition ev (o : op) (e : list vec) : vec :=
  match o with
  | OAff W k i => fun a => mat n (matR W) (nth i e vz) a + kR k a
  | OAdd i j => fun a => nth i e vz a + nth j e vz a
  | OMul i j => fun a => nth i e vz a * nth j e vz a
  | OSig i => fun a => sigmoid (nth i e vz a)
  | OTan i => fun a => tanh (nth i e vz a)
  | ONeg i => fun a => 1 - nth i e vz a
  end.
Fixpoint eval (l : list op) (e : list vec) : list vec := match l with [] => e | o :: l => eval l (ev o e :: e) end.
Lemma eval_app l k e : eval (l ++ k) e = eval k (eval l e).
Proof. revert e; induction l as [|o l IH]; intros e; simpl; auto. Qed.
Definition dv (o : op) (e de : list vec) : vec :=
  match o with
  | OAff W k i => mat n (matR W) (nth i de vz)
  | OAdd i j => fun a => nth i de vz a + nth j de vz a
  | OMul i j => fun a => nth i de vz a * nth j e vz a + nth i e vz a * nth j de vz a
  | OSig i => fun a => ev o e a * (1 - ev o e a) * nth i de vz a
  | OTan i => fun a => (1 - ev o e a * ev o e a) * nth i de vz a
  | ONeg i => fun a => - nth i de vz a
  end.
Definition Dl (E : R -> list vec) (r : R) (de : list vec) : Prop :=
  length (E r) = length de /\ forall i, D n (fun r => nth i (E r) vz) r (nth i de vz).
Lemma dv_ok o E r de : Dl E r de -> D n (fun r => ev o (E r)) r (dv o (E r) de).
Proof.
  intros [_ H] a Ha. destruct o as [W k i|i j|i j|i|i|i]; simpl.
  - eapply dl_eq; [apply (dl_plus (fun r => mat n (matR W) (nth i (E r) vz) a) (fun _ => kR k a)); [|apply dl_const] |].
    + apply (D_mat n n (matR W) (fun r => nth i (E r) vz) r _ (H i) a Ha).
    + ring.
  - apply (dl_plus (fun r => nth i (E r) vz a) (fun r => nth j (E r) vz a)); apply H, Ha.
  - apply (dl_mult (fun r => nth i (E r) vz a) (fun r => nth j (E r) vz a)); apply H, Ha.
  - apply (dl_sigmoid (fun r => nth i (E r) vz a)); apply H, Ha.
  - eapply dl_eq; [apply (dl_tanh (fun r => nth i (E r) vz a)); apply H, Ha | simpl; ring].
  - eapply dl_eq; [apply (dl_minus (fun _ => 1) (fun r => nth i (E r) vz a)); [apply dl_const | apply H, Ha] | ring].
Qed.
Lemma Dl_cons E r de o : Dl E r de -> Dl (fun r => ev o (E r) :: E r) r (dv o (E r) de :: de).
Proof. intros H; split; [simpl; f_equal; apply H|]. intros [|i]; [apply dv_ok, H | apply H]. Qed.

Fixpoint addat (i : nat) (v : vec) (l : list vec) : list vec :=
  match l with [] => [] | x :: l => match i with O => (fun a => x a + v a) :: l | S i => x :: addat i v l end end.
Definition push (o : op) (e : list vec) (y a : vec) (l : list vec) : list vec :=
  match o with
  | OAff W k i => addat i (matT (matR W) a) l
  | OAdd i j => addat i a (addat j a l)
  | OMul i j => addat i (fun b => nth j e vz b * a b) (addat j (fun b => nth i e vz b * a b) l)
  | OSig i => addat i (fun b => y b * (1 - y b) * a b) l
  | OTan i => addat i (fun b => (1 - y b * y b) * a b) l
  | ONeg i => addat i (fun b => - a b) l
  end.
Fixpoint ip (l k : list vec) : R := match l, k with x :: l, y :: k => dot n x y + ip l k | _, _ => 0 end.
Lemma addat_length v : forall l i, length (addat i v l) = length l.
Proof. induction l as [|x l IH]; intros [|i]; simpl; auto. Qed.
Lemma push_length o e y a l : length (push o e y a l) = length l.
Proof. destruct o; simpl; rewrite ?addat_length; reflexivity. Qed.
Lemma dot_plus_l x y z : dot n (fun a => x a + y a) z = dot n x z + dot n y z.
Proof. unfold dot. rewrite <- sum_plus. apply sum_ext; intros; ring. Qed.
Lemma ip_addat v : forall l k i, length l = length k -> ip (addat i v l) k = ip l k + dot n v (nth i k vz).
Proof.
  assert (Z : forall x, dot n x vz = 0) by (intros x; apply sum0; intros; unfold vz; ring).
  induction l as [|x l IH]; intros [|y k] i H; try discriminate.
  - destruct i; simpl; rewrite Z; ring.
  - destruct i as [|i]; simpl.
    + rewrite dot_plus_l; ring.
    + rewrite IH by (simpl in H; lia). ring.
Qed.
Lemma sum_swap a b f : sum a (fun i => sum b (fun j => f i j)) = sum b (fun j => sum a (fun i => f i j)).
Proof. induction a as [|a IH]; simpl; [rewrite sum0; auto | rewrite IH, <- sum_plus; reflexivity]. Qed.
Lemma matT_dot W x y : dot n (matT W x) y = dot n x (mat n W y).
Proof.
  unfold dot, matT, mat. rewrite (sum_ext n _ (fun j => sum n (fun i => x i * (W i j * y j)))).
  - rewrite sum_swap. apply sum_ext; intros i _. rewrite sum_scal. reflexivity.
  - intros j _. rewrite Rmult_comm, <- sum_scal. apply sum_ext; intros; ring.
Qed.
Lemma push_ok o e de a l : length l = length de -> ip (push o e (ev o e) a l) de = dot n a (dv o e de) + ip l de.
Proof.
  intros H. destruct o as [W k i|i j|i j|i|i|i]; simpl; rewrite ?ip_addat by (rewrite ?addat_length; exact H).
  - rewrite matT_dot. ring.
  - assert (Q : dot n a (fun b => nth i de vz b + nth j de vz b) = dot n a (nth i de vz) + dot n a (nth j de vz)).
    { unfold dot. rewrite <- sum_plus. apply sum_ext; intros; ring. }
    rewrite Q. ring.
  - assert (Q : dot n a (fun b => nth i de vz b * nth j e vz b + nth i e vz b * nth j de vz b)
       = dot n (fun b => nth j e vz b * a b) (nth i de vz) + dot n (fun b => nth i e vz b * a b) (nth j de vz)).
    { unfold dot. rewrite <- sum_plus. apply sum_ext; intros; ring. }
    rewrite Q. ring.
  - rewrite Rplus_comm. f_equal. apply sum_ext; intros; ring.
  - rewrite Rplus_comm. f_equal. apply sum_ext; intros; ring.
  - rewrite Rplus_comm. f_equal. apply sum_ext; intros; ring.
Qed.

(* The loss is a function of the first entry z of the last vector. *)
Inductive loss := LLin | LSq (y : Z) | LLog (y : Z) | LX (V : list (list Z)) (b : list Z) (y : nat).
Definition yR (y : Z) : R := IZR y / P2 q.
Definition lossR (l : loss) (z : R) : R :=
  match l with LLin => z | LSq y => (z - yR y) * (z - yR y) / 2 | LLog y => ln (1 + exp z) - yR y * z | LX _ _ _ => 0 end.
Definition dloss (l : loss) (z : R) : R := match l with LLin => 1 | LSq y => z - yR y | LLog y => sigmoid z - yR y | LX _ _ _ => 0 end.
Lemma dloss_ok l f r a : derivable_pt_lim f r a -> derivable_pt_lim (fun r => lossR l (f r)) r (dloss l (f r) * a).
Proof.
  intros H. destruct l as [|y|y|V b y]; simpl.
  - eapply dl_eq; [exact H | ring].
  - eapply dl_eq; [apply (dl_mult (fun r => (f r - yR y) * (f r - yR y)) (fun _ => / 2)); [|apply dl_const]|].
    + apply (dl_mult (fun r => f r - yR y) (fun r => f r - yR y)); apply (dl_minus f (fun _ => yR y)); first [exact H | apply dl_const].
    + field.
  - eapply dl_eq; [apply (dl_minus (fun r => ln (1 + exp (f r))) (fun r => yR y * f r))|].
    + pose proof (exp_pos (f r)). apply (dl_comp (fun r => 1 + exp (f r)) ln); [|apply derivable_pt_lim_ln; lra].
      apply (dl_plus (fun _ => 1) (fun r => exp (f r))); [apply dl_const | apply (dl_comp f exp); [exact H | apply derivable_pt_lim_exp]].
    + apply (dl_mult (fun _ => yR y) f); [apply dl_const | exact H].
    + pose proof (exp_pos (f r)). unfold sigmoid. rewrite exp_Ropp. field. split; lra.
  - eapply dl_eq; [apply dl_const | ring].
Qed.
(* Cross-entropy: the class scores are V h + b. *)
Definition score (V : list (list Z)) (b : list Z) (x : vec) (k : nat) : R := mat n (matR V) x k + kR b k.
Definition lossV (lo : loss) (x : vec) : R :=
  match lo with LX V b y => ln (sum (length V) (fun k => exp (score V b x k))) - score V b x y | _ => lossR lo (x 0%nat) end.
Definition delta (y k : nat) : R := if Nat.eqb k y then 1 else 0.
Definition dscore (V : list (list Z)) (b : list Z) (y : nat) (x : vec) (k : nat) : R :=
  exp (score V b x k) / sum (length V) (fun k => exp (score V b x k)) - delta y k.
Definition dlossV (lo : loss) (x : vec) : vec :=
  match lo with LX V b y => fun j => sum (length V) (fun k => matR V k j * dscore V b y x k)
  | _ => fun a => match a with O => dloss lo (x 0%nat) | _ => 0 end end.
Definition okloss (lo : loss) : bool := match lo with LX V b y => (Nat.ltb y (length V) && Nat.eqb (length b) (length V))%bool | _ => true end.
Lemma sum_swap2 a b f : sum a (fun i => sum b (fun j => f i j)) = sum b (fun j => sum a (fun i => f i j)).
Proof. induction a as [|a IH]; simpl; [rewrite sum0; auto | rewrite IH, <- sum_plus; reflexivity]. Qed.
Lemma sum_pos k f : (0 < k)%nat -> (forall i, (i < k)%nat -> 0 < f i) -> 0 < sum k f.
Proof. induction k as [|k IH]; intros H P; [lia|]. simpl. pose proof (P k ltac:(lia)). destruct k; [simpl; lra|]. pose proof (IH ltac:(lia) ltac:(intros; apply P; lia)). lra. Qed.
Lemma sum_delta k y f : (y < k)%nat -> sum k (fun i => delta y i * f i) = f y.
Proof. induction k as [|k IH]; intros H; [lia|]. simpl. unfold delta at 2. destruct (Nat.eqb_spec k y) as [->|N].
  - rewrite sum0; [ring|]. intros i Hi. unfold delta. destruct (Nat.eqb_spec i y); [lia | ring].
  - rewrite IH by lia. ring. Qed.
Lemma dlossV_ok lo X r dx : (0 < n)%nat -> okloss lo = true -> D n X r dx -> derivable_pt_lim (fun r => lossV lo (X r)) r (dot n (dlossV lo (X r)) dx).
Proof.
  intros n1 K H. assert (G : forall c : unit, derivable_pt_lim (fun r => lossR lo (X r 0%nat)) r (dloss lo (X r 0%nat) * dx 0%nat)) by (intros _; apply dloss_ok, H, n1).
  assert (G2 : dot n (fun a => match a with O => dloss lo (X r 0%nat) | _ => 0 end) dx = dloss lo (X r 0%nat) * dx 0%nat).
  { clear - n1. destruct n as [|k]; [lia|]. unfold dot. rewrite sum_head, sum0; [ring|]. intros; ring. }
  destruct lo as [|y|y|V b y]; try (eapply dl_eq; [exact (G tt) | symmetry; exact G2]).
  unfold lossV. cbn [okloss] in K. rewrite Bool.andb_true_iff, Nat.ltb_lt, Nat.eqb_eq in K. destruct K as [K _].
  assert (DS : forall k, derivable_pt_lim (fun r => score V b (X r) k) r (mat n (matR V) dx k)).
  { intros k. unfold score. eapply dl_eq; [apply (dl_plus (fun r => mat n (matR V) (X r) k) (fun _ => kR b k)); [|apply dl_const] | apply Rplus_0_r].
    apply (D_mat (S k) n (matR V) X r dx H k). lia. }
  assert (P : 0 < sum (length V) (fun k => exp (score V b (X r) k))) by (apply sum_pos; [lia | intros; apply exp_pos]).
  eapply dl_eq.
  - apply (dl_minus (fun r => ln (sum (length V) (fun k => exp (score V b (X r) k)))) (fun r => score V b (X r) y)); [|apply DS].
    apply (dl_comp (fun r => sum (length V) (fun k => exp (score V b (X r) k))) ln); [|apply derivable_pt_lim_ln; exact P].
    apply (dl_sum (length V) (fun k r => exp (score V b (X r) k))). intros j _.
    apply (dl_comp (fun r => score V b (X r) j) exp); [apply DS | apply derivable_pt_lim_exp].
  - set (Z := sum (length V) (fun k => exp (score V b (X r) k))) in *. unfold dlossV, dot.
    symmetry. transitivity (sum n (fun j => sum (length V) (fun k => dscore V b y (X r) k * (matR V k j * dx j)))).
    { apply sum_ext; intros j _. rewrite Rmult_comm, <- sum_scal. apply sum_ext; intros; ring. }
    rewrite (sum_swap2 n (length V) (fun j k => dscore V b y (X r) k * (matR V k j * dx j))).
    transitivity (sum (length V) (fun k => / Z * (exp (score V b (X r) k) * mat n (matR V) dx k) + -1 * (delta y k * mat n (matR V) dx k))).
    { apply sum_ext; intros k _. rewrite (sum_scal n (dscore V b y (X r) k) (fun j => matR V k j * dx j)). unfold dscore. fold Z. unfold mat, Rdiv. ring. }
    rewrite (sum_plus (length V) (fun k => / Z * (exp (score V b (X r) k) * mat n (matR V) dx k)) (fun k => -1 * (delta y k * mat n (matR V) dx k))).
    rewrite (sum_scal (length V) (/ Z) (fun k => exp (score V b (X r) k) * mat n (matR V) dx k)).
    rewrite (sum_scal (length V) (-1) (fun k => delta y k * mat n (matR V) dx k)).
    rewrite (sum_delta (length V) y (fun k => mat n (matR V) dx k)) by exact K. ring.
Qed.
Lemma lossV_ext lo x y : (0 < n)%nat -> (forall i, (i < n)%nat -> x i = y i) -> lossV lo x = lossV lo y.
Proof.
  intros n1 H. assert (S1 : forall V b k, score V b x k = score V b y k) by (intros; unfold score, mat; f_equal; apply sum_ext; intros; rewrite H; auto).
  destruct lo; simpl; rewrite ?(H 0%nat n1); try reflexivity. rewrite S1. f_equal. f_equal. apply sum_ext; intros; rewrite S1; reflexivity.
Qed.
Definition top (e : list vec) : vec := nth 0 e vz.
Definition seed (l : loss) (e : list vec) : list vec :=
  match e with [] => [] | x :: t => dlossV l x :: map (fun _ => vz) t end.
Fixpoint back (lo : loss) (l : list op) (e : list vec) : list vec :=
  match l with
  | [] => seed lo e
  | o :: l => let y := ev o e in match back lo l (y :: e) with a :: t => push o e y a t | [] => [] end
  end.
Lemma back_length lo l : forall e, length (back lo l e) = length e.
Proof.
  induction l as [|o l IH]; intros e; simpl.
  - destruct e; simpl; [|rewrite map_length]; reflexivity.
  - pose proof (IH (ev o e :: e)) as H. destruct (back lo l (ev o e :: e)); simpl in H; [discriminate|]. rewrite push_length. congruence.
Qed.
(* back is the gradient: along every curve of environments. *)
Theorem back_ok lo l : (0 < n)%nat -> okloss lo = true -> forall E r de, (0 < length de)%nat -> Dl E r de ->
  derivable_pt_lim (fun r => lossV lo (top (eval l (E r)))) r (ip (back lo l (E r)) de).
Proof.
  intros n0 K. induction l as [|o l IH]; intros E r de Hd H; simpl.
  - eapply dl_eq; [apply (dlossV_ok lo (fun r => top (E r)) r (nth 0 de vz) n0 K), (proj2 H 0%nat)|].
    destruct H as [H _]. destruct (E r) as [|x t] eqn:Er; destruct de as [|y de]; try discriminate; simpl in *; [lia|].
    assert (Z : forall (k : list vec) d, ip (map (fun _ => vz) k) d = 0).
    { induction k as [|u k IHk]; intros [|w d]; simpl; auto. rewrite IHk. unfold dot. rewrite sum0; [ring|]. intros; unfold vz; ring. }
    rewrite Z, Rplus_0_r. reflexivity.
  - eapply dl_eq; [apply (IH (fun r => ev o (E r) :: E r) r (dv o (E r) de :: de)); [simpl; lia | apply Dl_cons, H]|].
    pose proof (back_length lo l (ev o (E r) :: E r)) as L. destruct (back lo l (ev o (E r) :: E r)) as [|a t]; [discriminate|].
    simpl in L. simpl ip at 1. symmetry. apply push_ok. destruct H as [H _]. rewrite <- H. congruence.
Qed.

(* Part 5: the same program on balls. *)
Definition bev (o : op) (e : list (list ball)) : list ball :=
  match o with
  | OAff W k i => baff W k (nth i e [])
  | OAdd i j => map2 badd (nth i e []) (nth j e [])
  | OMul i j => map2 (bmul pp) (nth i e []) (nth j e [])
  | OSig i => map bsig (nth i e [])
  | OTan i => map btanh (nth i e [])
  | ONeg i => map (bsub (Ball (one C) 0)) (nth i e [])
  end.
Definition okop (o : op) (k : nat) : bool :=
  match o with
  | OAff W z i => (Nat.eqb (length W) n && Nat.eqb (length z) n && Nat.ltb i k)%bool
  | OAdd i j | OMul i j => (Nat.ltb i k && Nat.ltb j k)%bool
  | OSig i | OTan i | ONeg i => Nat.ltb i k
  end.
Fixpoint okops (l : list op) (k : nat) : bool := match l with [] => Nat.ltb 0 k | o :: l => (okop o k && okops l (S k))%bool end.
Definition sh (b : ball) : ball := rnd (pp - m) b.
Definition onem : ball := Ball (Z.shiftl 1 m) 0.
Definition vadd (u v : list ball) : list ball := match u, v with [], _ => v | _, [] => u | _, _ => map2 badd u v end.
Fixpoint baddat (i : nat) (v : list ball) (l : list (list ball)) : list (list ball) :=
  match l with [] => [] | x :: l => match i with O => vadd x v :: l | S i => x :: baddat i v l end end.
Definition dsig (y : ball) : ball := let s := sh y in bmul m s (bsub onem s).
Definition dtan (y : ball) : ball := let s := sh y in bsub onem (bmul m s s).
Definition bopp (b : ball) : ball := Ball (- bc b) (br b).
Definition bpush (o : op) (e : list (list ball)) (y a : list ball) (l : list (list ball)) : list (list ball) :=
  match a with [] => l | _ =>
  match o with
  | OAff W k i => baddat i (btaff W a) l
  | OAdd i j => baddat i a (baddat j a l)
  | OMul i j => baddat i (map2 (bmul m) (map sh (nth j e [])) a) (baddat j (map2 (bmul m) (map sh (nth i e [])) a) l)
  | OSig i => baddat i (map2 (bmul m) (map dsig y) a) l
  | OTan i => baddat i (map2 (bmul m) (map dtan y) a) l
  | ONeg i => baddat i (map bopp a) l
  end end.
Definition bdloss (l : loss) (z : ball) : ball :=
  match l with
  | LLin => Ball (one C) 0
  | LSq y => bsub z (Ball (Z.shiftl y (pp - q)) 0)
  | LLog y => bsub (bsig z) (Ball (Z.shiftl y (pp - q)) 0)
  | LX _ _ _ => b0
  end.
(* exp (x - M / S) for a ball around c <= M *)
Definition okexp (M : Z) (b : ball) : bool := (Z.leb (bc b) M && Z.leb (2 * br b) (one C))%bool.
Definition bexp (M : Z) (b : ball) : ball := let e := expneg (M - bc b) in Ball (bc e) (br e + 2 * br b).
Definition okdiv (d : ball) : bool := Z.leb (one C) (2 * (bc d - br d)).
Definition brecip (d : ball) : ball :=
  let s := recip (bc d) in Ball s (2 * (Z.shiftr (Z.abs (Z.shiftl (one C) pp - s * bc d) + Z.abs s * br d) pp + 1)).
Definition bscores (V : list (list Z)) (b : list Z) (v : list ball) : list ball := map2 (fun w z => rnd q (dotrow w v (Z.shiftl z (pp - q)) 0)) V b.
Definition bmax (l : list ball) : Z := fold_right (fun b m => Z.max (bc b) m) (match l with b :: _ => bc b | [] => 0%Z end) l.
Definition bsum (l : list ball) : ball := fold_right (fun b s => badd s b) b0 l.
Definition bdscore (V : list (list Z)) (b : list Z) (y : nat) (v : list ball) : list ball :=
  let l := bscores V b v in let M := bmax l in let e := map (bexp M) l in let d := bsum e in
  if (forallb (okexp M) l && okdiv d)%bool then
    let i := brecip d in map2 (fun e k => let s := bmul pp e i in if Nat.eqb k y then bsub s (Ball (one C) 0) else s) e (seq 0 (length V))
  else repeat (Ball 0 (one C)) (length V).
Definition bseed (l : loss) (e : list (list ball)) : list (list ball) :=
  match e with [] => [] | v :: t =>
  match l with LX V b y => map (rnd q) (tmv V (bdscore V b y v) (repeat b0 n)) | _ => bdloss l (nth 0 v b0) :: repeat b0 (pred n) end :: map (fun _ => []) t end.
Fixpoint bback (lo : loss) (l : list op) (e : list (list ball)) : list (list ball) :=
  match l with
  | [] => bseed lo e
  | o :: l => let y := bev o e in match bback lo l (y :: e) with a :: t => bpush o e y a t | [] => [] end
  end.
Hypothesis n0 : (0 < n)%nat.
Lemma one_ok : inb pp (Ball (one C) 0) 1.
Proof. unfold inb; cbn [bc br]; rewrite one_S, Rmult_1_l, Rminus_diag_eq, Rabs_R0 by reflexivity; lra. Qed.
Lemma onem_ok : inb m onem 1.
Proof. unfold inb, onem; cbn [bc br]. rewrite shl by lia. rewrite Rminus_diag_eq, Rabs_R0 by ring; lra. Qed.
Lemma yball k : inb pp (Ball (Z.shiftl k (pp - q)) 0) (yR k).
Proof. unfold inb, yR; cbn [bc br]. rewrite shl by lia. assert (E : S_ = P2 (pp - q) * P2 q) by (rewrite <- P2_add by lia; f_equal; lia).
  rewrite E. pose proof (P2_pos q ltac:(lia)). match goal with |- Rabs ?a <= _ => replace a with 0 by (field; lra) end. rewrite Rabs_R0; lra. Qed.
Lemma inv_inva v x : inv v x -> inva v x.
Proof. destruct v; [intros [H _]; simpl in H; lia | auto]. Qed.
Lemma inv_ext v x y : inv v x -> (forall i, (i < n)%nat -> x i = y i) -> inv v y.
Proof. intros [H K] E; split; [exact H|]. intros i Hi. rewrite <- E by exact Hi. apply K, Hi. Qed.
Lemma inva_ext v x y : inva v x -> (forall i, (i < n)%nat -> x i = y i) -> inva v y.
Proof. destruct v; intros H E; [intros i Hi; rewrite <- E by exact Hi; apply H, Hi | apply (inv_ext _ x); assumption]. Qed.
Lemma sh_ok b x : inb pp b x -> inb m (sh b) x. Proof. apply short_ok; lia. Qed.
Definition envok := Forall2 inv.
Lemma env_nth be e i : envok be e -> (i < length e)%nat -> inv (nth i be []) (nth i e vz).
Proof. intros H; revert i; induction H as [|v x be e Hv _ IH]; intros [|i] Hi; simpl in *; try lia; [exact Hv | apply IH; lia]. Qed.
Lemma env_length be e : envok be e -> length be = length e.
Proof. intros H; induction H; simpl; congruence. Qed.
Ltac split_ok H := repeat (let K := fresh in apply andb_prop in H; destruct H as [H K]); rewrite ?Nat.ltb_lt, ?Nat.eqb_eq in *.
Lemma bev_ok o be e : envok be e -> okop o (length e) = true -> inv (bev o be) (ev o e).
Proof.
  intros H K. pose proof p0 as Hp. destruct o as [W k i|i j|i j|i|i|i]; cbn [okop bev ev] in *; rewrite ?Bool.andb_true_iff, ?Nat.ltb_lt, ?Nat.eqb_eq in K.
  - destruct K as [[K1 K2] K3]. apply baff_ok; auto. apply env_nth; auto.
  - destruct K. apply (map2_ok badd Rplus); [apply badd_ok | apply env_nth; auto | apply env_nth; auto].
  - destruct K. apply (map2_ok (bmul pp) Rmult); [intros; apply bmul_ok; auto | apply env_nth; auto | apply env_nth; auto].
  - apply (map_ok bsig sigmoid); [apply bsig_ok | apply env_nth; auto].
  - apply (map_ok btanh tanh); [apply btanh_ok | apply env_nth; auto].
  - apply (map_ok (bsub (Ball (one C) 0)) (fun x => 1 - x)); [intros; apply bsub_ok; [apply one_ok | assumption] | apply env_nth; auto].
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
Lemma bpush_ok o be e y yR a aR bl l : envok be e -> okop o (length e) = true -> inv y yR -> inva a aR -> Forall2 inva bl l ->
  Forall2 inva (bpush o be y a bl) (push o e yR aR l).
Proof.
  intros He K Hy Ha Hl. pose proof p0 as Hp. destruct a as [|b a].
  - simpl in Ha. destruct o as [W k i|i j|i j|i|i|i]; simpl; repeat apply addat_zero; auto; intros s Hs;
    try (rewrite Ha by exact Hs; ring). unfold matT. apply sum0. intros; rewrite Ha by assumption; ring.
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
    destruct o as [W k i|i j|i j|i|i|i]; cbn [okop] in K; rewrite ?Bool.andb_true_iff, ?Nat.ltb_lt, ?Nat.eqb_eq in K; unfold bpush, push.
    + apply baddat_ok; [apply inv_inva, btaff_ok, Ha | exact Hl].
    + apply baddat_ok; [exact Ha | apply baddat_ok; [exact Ha | exact Hl]].
    + destruct K. apply baddat_ok; [apply inv_inva, M, env_nth; auto | apply baddat_ok; [apply inv_inva, M, env_nth; auto | exact Hl]].
    + apply baddat_ok; [|exact Hl]. apply inv_inva. apply (M2 dsig (fun t => t * (1 - t))); [|exact Hy].
      intros c t Hc. unfold dsig. apply bmul_ok; [lia | lia | apply sh_ok, Hc | apply bsub_ok; [apply onem_ok | apply sh_ok, Hc]].
    + apply baddat_ok; [|exact Hl]. apply inv_inva. apply (M2 dtan (fun t => 1 - t * t)); [|exact Hy].
      intros c t Hc. unfold dtan. apply bsub_ok; [apply onem_ok | apply bmul_ok; [lia | lia | apply sh_ok, Hc | apply sh_ok, Hc]].
    + apply baddat_ok; [|exact Hl]. apply inv_inva. apply (map_ok bopp Ropp); [|exact Ha].
      intros c t Hc. unfold inb, bopp in *; cbn [bc br]. rewrite opp_IZR. replace (- t * S_ - - IZR (bc c)) with (- (t * S_ - IZR (bc c))) by ring.
      rewrite Rabs_Ropp; exact Hc.
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
  unfold brecip. set (s := recip (bc d)). clearbody s. unfold inb in *; cbn [bc br]. pose proof (abs_range _ _ H) as Hr.
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
Lemma bdscore_ok V b y v x : length b = length V -> (y < length V)%nat -> inv v x ->
  length (bdscore V b y v) = length V /\ forall k, (k < length V)%nat -> inb pp (nth k (bdscore V b y v) b0) (dscore V b y x k).
Proof.
  intros Hb Hy [Hl Hv]. pose proof p0 as Hp. pose proof S0 as HS.
  set (l := bscores V b v). assert (Ll : length l = length V) by (unfold l, bscores; rewrite map2_length; lia).
  assert (Sc : forall k, (k < length V)%nat -> inb pp (nth k l b0) (score V b x k)).
  { intros k Hk. unfold l, bscores. rewrite (map2_nth _ [] 0%Z) by lia. apply rnd_ok; [exact Hp | lia |].
    eapply inb_eq; [apply (dotrow_ok v _ x _ _ (kR b k)); [intros; apply Hv; lia|]|].
    - unfold inb; cbn [bc br]. rewrite shl by lia. unfold kR. rewrite !P2_add by lia. pose proof (P2_pos q ltac:(lia)).
      assert (E : S_ = P2 (pp - q) * P2 q) by (rewrite <- P2_add by lia; f_equal; lia). rewrite E.
      match goal with |- Rabs ?a <= _ => replace a with 0 by (field; lra) end. rewrite Rabs_R0; lra.
    - rewrite Hl. unfold score, mat, matR. ring. }
  assert (Pz : 0 < sum (length V) (fun k => exp (score V b x k))) by (apply sum_pos; [lia | intros; apply exp_pos]).
  unfold bdscore. fold l. set (M := bmax l). set (e := map (bexp M) l). assert (Le : length e = length V) by (unfold e; rewrite map_length; exact Ll).
  destruct (forallb (okexp M) l && okdiv (bsum e))%bool eqn:K.
  - apply andb_prop in K. destruct K as [K1 K2]. rewrite forallb_forall in K1.
    split; [rewrite map2_length; rewrite ?seq_length; lia|]. intros k Hk.
    assert (Ee : forall k, (k < length V)%nat -> inb pp (nth k e b0) (exp (score V b x k - IZR M / S_))).
    { intros j Hj. unfold e. rewrite (nth_indep _ b0 (bexp M b0)) by (rewrite map_length; lia). rewrite map_nth.
      apply bexp_ok; [apply K1, nth_In; lia | apply Sc, Hj]. }
    pose proof (bsum_ok e (fun k => exp (score V b x k - IZR M / S_)) ltac:(rewrite Le; exact Ee)) as Su. rewrite Le in Su.
    pose proof (brecip_ok _ _ K2 Su) as Re. rewrite (map2_nth _ b0 0%nat) by (rewrite ?seq_length; lia). rewrite seq_nth by exact Hk. cbn [plus].
    pose proof (bmul_ok pp pp _ _ _ _ Hp Hp (Ee k Hk) Re) as Mu.
    assert (Eq : exp (score V b x k - IZR M / S_) * / sum (length V) (fun k => exp (score V b x k - IZR M / S_)) = exp (score V b x k) / sum (length V) (fun k => exp (score V b x k))).
    { rewrite (sum_ext (length V) (fun k => exp (score V b x k - IZR M / S_)) (fun k => exp (- (IZR M / S_)) * exp (score V b x k))).
      2: { intros j _. rewrite <- exp_plus. f_equal. ring. }
      rewrite sum_scal. unfold Rminus. rewrite exp_plus. pose proof (exp_pos (- (IZR M / S_))). field. split; lra. }
    rewrite Eq in Mu. unfold dscore, delta. destruct (Nat.eqb k y); [apply bsub_ok; [exact Mu | apply one_ok] | rewrite Rminus_0_r; exact Mu].
  - split; [apply repeat_length|]. intros k Hk. rewrite (nth_indep _ b0 (Ball 0 (one C))) by (rewrite repeat_length; exact Hk). rewrite nth_repeat.
    unfold inb; cbn [bc br]. rewrite one_S, Rminus_0_r, Rabs_mult, (Rabs_pos_eq S_) by lra. apply Rle_trans with (1 * S_); [|lra]. apply Rmult_le_compat_r; [lra|].
    assert (R0 : 0 <= exp (score V b x k) / sum (length V) (fun k => exp (score V b x k)) <= 1).
    { pose proof (exp_pos (score V b x k)). split; [apply Rmult_le_pos; [lra | left; apply Rinv_0_lt_compat; exact Pz]|].
      apply (Rmult_le_reg_r (sum (length V) (fun k => exp (score V b x k)))); [exact Pz|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l, Rmult_1_r, Rmult_1_l by lra.
      apply (sum_one (length V) (fun k => exp (score V b x k))); [intros; left; apply exp_pos | exact Hk]. }
    unfold dscore, delta. destruct (Nat.eqb k y); apply Rabs_le; lra.
Qed.
Lemma bseed_ok lo be e : okloss lo = true -> envok be e -> Forall2 inva (bseed lo be) (seed lo e).
Proof.
  intros K H. pose proof p0 as Hp. destruct H as [|v x be e Hv H]; simpl; constructor.
  - apply inv_inva. assert (Z : inb pp (nth 0 v b0) (x 0%nat)) by (apply Hv; exact n0).
    assert (G : forall t z, inb pp t z -> inv (t :: repeat b0 (pred n)) (fun a => match a with O => z | _ => 0 end)).
    { intros t z Ht. split; [simpl; rewrite repeat_length; lia|]. intros [|i] Hi; cbn [nth]; [exact Ht | rewrite nth_repeat; apply b0_ok]. }
    destruct lo as [|y|y|V b y]; [apply G; apply one_ok | apply G; apply bsub_ok; [exact Z | apply yball] | apply G; apply bsub_ok; [apply bsig_ok, Z | apply yball] |].
    cbn [okloss] in K. rewrite Bool.andb_true_iff, Nat.ltb_lt, Nat.eqb_eq in K. destruct K as [K1 K2].
    destruct (bdscore_ok V b y v x K2 K1 Hv) as [L Hd].
    split; [rewrite map_length, tmv_length, repeat_length; reflexivity|]. intros i Hi.
    rewrite (nth_indep _ b0 (rnd q b0)) by (rewrite map_length, tmv_length, repeat_length; exact Hi). rewrite map_nth. apply rnd_ok; [exact Hp | lia |].
    eapply inb_eq; [apply (tmv_ok (bdscore V b y v) V (dscore V b y x) (repeat b0 n) (fun _ => 0))|].
    + intros j Hj. apply Hd. lia.
    + intros j Hj. rewrite nth_repeat. apply b0_ok.
    + rewrite repeat_length; exact Hi.
    + rewrite L. unfold dlossV. ring.
  - induction H; simpl; constructor; auto. intros i _; reflexivity.
Qed.
Theorem bback_ok lo l : okloss lo = true -> forall be e, envok be e -> okops l (length e) = true -> Forall2 inva (bback lo l be) (back lo l e).
Proof.
  intros KL. induction l as [|o l IH]; intros be e H K.
  - apply bseed_ok; [exact KL | exact H].
  - simpl in K. apply andb_prop in K. destruct K as [K1 K2]. simpl.
    assert (H2 : envok (bev o be :: be) (ev o e :: e)) by (constructor; [apply bev_ok; assumption | exact H]).
    specialize (IH _ _ H2 K2). inversion IH as [|a aR t tR Ha Ht E1 E2]; [constructor|].
    apply bpush_ok; [exact H | exact K1 | apply bev_ok; assumption | exact Ha | exact Ht].
Qed.
(* The norm of a vector of balls, against whole numbers of scale pp. *)
Fixpoint sq_low (v : list ball) : Z := match v with [] => 0 | b :: v => let a := Z.max 0 (Z.abs (bc b) - br b) in a * a + sq_low v end.
Fixpoint sq_up (v : list ball) : Z := match v with [] => 0 | b :: v => let a := (Z.abs (bc b) + br b)%Z in a * a + sq_up v end.
Definition normok (v : list ball) (lo hi : Z) : bool :=
  (Z.leb 0 lo && Z.leb 0 hi && Z.leb (lo * lo) (sq_low v) && Z.leb (sq_up v) (hi * hi))%bool.
Lemma sq_ok : forall v k x, length v = k -> (forall i, (i < k)%nat -> inb pp (nth i v b0) (x i)) ->
  IZR (sq_low v) <= dot k x x * (S_ * S_) <= IZR (sq_up v).
Proof.
  induction v as [|b v IH]; intros k x <- H.
  - simpl. unfold dot; simpl. lra.
  - specialize (IH (length v) (fun i => x (S i)) eq_refl (fun i Hi => H (S i) ltac:(simpl; lia))).
    pose proof (H 0%nat ltac:(simpl; lia)) as B. cbn [nth] in B. unfold inb in B.
    cbn [length sq_low sq_up]. unfold dot in *. rewrite sum_head, !plus_IZR, !mult_IZR.
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
Lemma normok_ok v x lo hi : inva v x -> normok v lo hi = true -> IZR lo / S_ <= nrm n x <= IZR hi / S_.
Proof.
  intros H K. unfold normok in K. rewrite !Bool.andb_true_iff, !Z.leb_le in K. destruct K as [[[K1 K2] K3] K4].
  pose proof S0 as HS. apply IZR_le in K1, K2, K3, K4. rewrite mult_IZR in K3, K4.
  assert (B : IZR (sq_low v) <= dot n x x * (S_ * S_) <= IZR (sq_up v)).
  { destruct v as [|b v]; [simpl | apply sq_ok; apply H]. simpl in H. unfold dot. rewrite sum0; [lra|]. intros; rewrite H by assumption; ring. }
  assert (E : dot n x x * (S_ * S_) = (nrm n x * S_) * (nrm n x * S_)) by (rewrite <- nrm_sq; ring).
  pose proof (nrm_nonneg n x) as N. assert (N2 : 0 <= nrm n x * S_) by (apply Rmult_le_pos; lra). rewrite E in B.
  split; apply (Rmult_le_reg_r S_); try exact HS; unfold Rdiv; rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra;
  apply Rsqr_incr_0_var; unfold Rsqr; lra.
Qed.
(* The checker. *)
Fixpoint all_ok (g : list (list ball)) (l : list (nat * Z * Z)) : bool :=
  match l with [] => true | (i, lo, hi) :: l => (normok (nth i g []) lo hi && all_ok g l)%bool end.
Definition check (lo : loss) (l : list op) (be : list (list ball)) (goals : list (nat * Z * Z)) : bool :=
  (okloss lo && Nat.ltb 0 (length be) && okops l (length be) && forallb (fun g => Nat.ltb (fst (fst g)) (length be)) goals && all_ok (bback lo l be) goals)%bool.
Lemma F2_nth (bl : list (list ball)) (l : list vec) i : Forall2 inva bl l -> (i < length l)%nat -> inva (nth i bl []) (nth i l vz).
Proof. intros H; revert i; induction H as [|v x be e Hv _ IH]; intros [|i] Hi; simpl in *; try lia; [exact Hv | apply IH; lia]. Qed.
Theorem check_ok lo l be e goals : envok be e -> check lo l be goals = true ->
  (forall E r de, E r = e -> Dl E r de -> derivable_pt_lim (fun r => lossV lo (top (eval l (E r)))) r (ip (back lo l e) de)) /\
  (forall i a b, In (i, a, b) goals -> IZR a / S_ <= nrm n (nth i (back lo l e) vz) <= IZR b / S_).
Proof.
  intros H K. unfold check in K. rewrite !Bool.andb_true_iff in K. destruct K as [[[[KL KN] K1] K2] K3]. apply Nat.ltb_lt in KN. split.
  - intros E r de <- HD. apply back_ok; [assumption | exact KL | destruct HD as [HD _]; rewrite <- HD, <- (env_length _ _ H); exact KN | exact HD].
  - rewrite (env_length _ _ H) in *. pose proof (bback_ok lo l KL be e H K1) as F.
    induction goals as [|[[j c] d] goals IH]; intros i a b Hi; [contradiction|].
    simpl in K2, K3. apply andb_prop in K2, K3. destruct K2 as [K2 K2'], K3 as [K3 K3'].
    destruct Hi as [Eq|Hi]; [|apply IH; assumption]. injection Eq as -> -> ->.
    apply (normok_ok (nth i (bback lo l be) [])); [|exact K3]. apply F2_nth; [exact F|]. rewrite back_length. apply Nat.ltb_lt, K2.
Qed.
(* Every lag at once: the adjoints at all places of the program, from one pass. *)
Fixpoint beval (l : list op) (be : list (list ball)) : list (list ball) := match l with [] => be | o :: l => beval l (bev o be :: be) end.
Fixpoint bbackl (lo : loss) (l : list op) (be : list (list ball)) : list (list (list ball)) :=
  match l with
  | [] => [bseed lo be]
  | o :: l => let y := bev o be in let r := bbackl lo l (y :: be) in match r with (a :: t) :: _ => bpush o be y a t :: r | _ => [] :: r end
  end.
Lemma bbackl_head lo l : forall be, exists r, bbackl lo l be = bback lo l be :: r.
Proof.
  induction l as [|o l IH]; intros be; simpl; [eexists; reflexivity|]. destruct (IH (bev o be :: be)) as [r ->].
  destruct (bback lo l (bev o be :: be)) as [|a t]; eexists; reflexivity.
Qed.
Lemma bbackl_nth lo l : forall j be, (j <= length l)%nat -> nth j (bbackl lo l be) [] = bback lo (skipn j l) (beval (firstn j l) be).
Proof.
  induction l as [|o l IH]; intros [|j] be Hj; try (simpl in Hj; lia).
  - reflexivity.
  - destruct (bbackl_head lo (o :: l) be) as [r E]. rewrite E. reflexivity.
  - simpl in Hj. cbn [skipn firstn beval]. rewrite <- IH by lia. cbn [bbackl]. destruct (bbackl_head lo l (bev o be :: be)) as [r ->].
    destruct (bback lo l (bev o be :: be)) as [|a t]; reflexivity.
Qed.
Lemma beval_ok l k : forall be e, envok be e -> okops (l ++ k) (length e) = true -> envok (beval l be) (eval l e) /\ okops k (length (eval l e)) = true.
Proof.
  induction l as [|o l IH]; intros be e H K; [split; assumption|]. simpl in K. apply andb_prop in K. destruct K as [K1 K2]. cbn [beval eval].
  apply IH; [constructor; [apply bev_ok; assumption | exact H] | exact K2].
Qed.
Lemma eval_length l : forall e, length (eval l e) = (length l + length e)%nat.
Proof. induction l as [|o l IH]; intros e; simpl; [reflexivity | rewrite IH; simpl; lia]. Qed.
Lemma envok_ext be : forall e e', envok be e -> length e' = length e -> (forall k a, (a < n)%nat -> nth k e vz a = nth k e' vz a) -> envok be e'.
Proof.
  induction be as [|v be IH]; intros e e' H L X; inversion H as [|? x ? t Hv Ht]; subst.
  - destruct e'; [constructor | discriminate].
  - destruct e' as [|x' t']; [discriminate|]. constructor; [apply (inv_ext v x); [exact Hv | intros i Hi; apply (X 0%nat i Hi)]|].
    apply (IH t); [exact Ht | simpl in L; congruence | intros k a Ha; apply (X (S k) a Ha)].
Qed.
Definition markok (g : list (list (list ball))) (len k : nat) (m : nat * nat * Z * Z) : bool :=
  let '(j, i, a, b) := m in (Nat.leb j len && Nat.ltb i k && normok (nth i (nth j g []) []) a b)%bool.
Definition checkl (lo : loss) (l : list op) (be : list (list ball)) (marks : list (nat * nat * Z * Z)) : bool :=
  (okloss lo && Nat.ltb 0 (length be) && okops l (length be) && (let g := bbackl lo l be in let len := length l in let k := length be in forallb (markok g len k) marks))%bool.
Theorem checkl_ok lo l be e marks : envok be e -> checkl lo l be marks = true -> forall l1 l2 e', l = l1 ++ l2 ->
  length e' = length (eval l1 e) -> (forall k a, (a < n)%nat -> nth k (eval l1 e) vz a = nth k e' vz a) ->
  (forall E r de, E r = e' -> Dl E r de -> derivable_pt_lim (fun r => lossV lo (top (eval l2 (E r)))) r (ip (back lo l2 e') de)) /\
  (forall i a b, In (length l1, i, a, b) marks -> IZR a / S_ <= nrm n (nth i (back lo l2 e') vz) <= IZR b / S_).
Proof.
  intros H K l1 l2 e' -> HL HX. unfold checkl in K. rewrite !Bool.andb_true_iff in K. destruct K as [[[KL KN] K1] K2]. apply Nat.ltb_lt in KN.
  rewrite (env_length _ _ H) in *. destruct (beval_ok l1 l2 be e H K1) as [B1 B2].
  pose proof (envok_ext _ _ _ B1 HL HX) as B3. rewrite <- HL in B2. split.
  - intros E r de <- HD. apply back_ok; [assumption | exact KL | destruct HD as [HD _]; rewrite <- HD, HL, eval_length; lia | exact HD].
  - intros i a b Hi. rewrite forallb_forall in K2. specialize (K2 _ Hi). unfold markok in K2. rewrite !Bool.andb_true_iff, Nat.ltb_lt in K2. destruct K2 as [[_ K3] K4].
    rewrite bbackl_nth in K4 by (rewrite app_length; lia).
    rewrite skipn_app, skipn_all, Nat.sub_diag, firstn_app, firstn_all, Nat.sub_diag in K4. cbn [skipn firstn app] in K4. rewrite app_nil_r in K4.
    apply (normok_ok (nth i (bback lo l2 (beval l1 be)) [])); [|exact K4]. apply F2_nth; [apply bback_ok; [exact KL | exact B3 | exact B2]|].
    rewrite back_length, HL, eval_length. lia.
Qed.
Lemma ip_zeros : forall k (d : list vec), ip k (map (fun _ => vz) d) = 0.
Proof. induction k as [|u k IHk]; intros [|w d]; simpl; auto. rewrite IHk. unfold dot. rewrite sum0; [ring|]. intros; unfold vz; ring. Qed.
Lemma nth_zeros : forall (d : list vec) i, nth i (map (fun _ => vz) d) vz = vz.
Proof. induction d as [|w d IH]; intros [|i]; simpl; auto. Qed.
(* Exact vectors and the constant part W x + b of a pre-activation. *)
Definition bvec (l : list Z) : list ball := map (fun z => Ball (Z.shiftl z (pp - q)) 0) l.
Lemma bvec_ok l : length l = n -> inv (bvec l) (wR l).
Proof.
  intros H; split; [unfold bvec; rewrite map_length; exact H|]. intros i Hi. unfold bvec.
  rewrite (nth_indep _ b0 (Ball (Z.shiftl 0 (pp - q)) 0)) by (rewrite map_length; lia).
  rewrite (map_nth (fun z => Ball (Z.shiftl z (pp - q)) 0) l 0%Z i). apply yball.
Qed.
Fixpoint dotZ (w x : list Z) (s : Z) : Z := match w, x with a :: w, 0%Z :: x => dotZ w x s | a :: w, b :: x => dotZ w x (s + a * b) | _, _ => s end.
Definition affk (W : list (list Z)) (x b : list Z) : list Z := map2 (fun w z => dotZ w x (Z.shiftl z q)) W b.
Lemma dotZ_ok : forall x w s, IZR (dotZ w x s) / P2 (q + q) = IZR s / P2 (q + q) + sum (length x) (fun j => wR w j * wR x j).
Proof.
  pose proof (P2_pos q ltac:(lia)) as Pq. pose proof (P2_add q q ltac:(lia) ltac:(lia)) as PP.
  induction x as [|b x IH]; intros w s; [destruct w; simpl; ring|]. destruct w as [|a w].
  - cbn [dotZ]. rewrite sum0; [ring|]. intros i _. unfold wR. destruct i; unfold nth, Rdiv; ring.
  - cbn [length]. rewrite sum_head. assert (G : IZR (dotZ w x (s + a * b)) / P2 (q + q) = IZR s / P2 (q + q) + (wR (a :: w) 0%nat * wR (b :: x) 0%nat + sum (length x) (fun j => wR w j * wR x j))).
    { rewrite IH. rewrite plus_IZR, mult_IZR, PP. unfold wR at 3 4; cbn [nth]. field. lra. }
    destruct b; [|exact G|exact G]. cbn [dotZ]. eapply eq_trans; [|exact G]. rewrite Z.mul_0_r, Z.add_0_r. reflexivity.
Qed.
Lemma affk_ok W x b i : length W = n -> length b = n -> (i < n)%nat -> kR (affk W x b) i = mat (length x) (matR W) (wR x) i + wR b i.
Proof.
  intros HW Hb Hi. unfold kR, affk. rewrite (map2_nth _ [] 0%Z) by lia. rewrite dotZ_ok, shl by lia.
  pose proof (P2_pos q ltac:(lia)).
  assert (E : IZR (nth i b 0%Z) * P2 q / P2 (q + q) = wR b i) by (unfold wR; rewrite P2_add by lia; field; lra).
  rewrite E. unfold mat, matR. ring.
Qed.
Lemma mat_ext (W : nat -> nat -> R) x y i : (forall j, (j < n)%nat -> x j = y j) -> mat n W x i = mat n W y i.
Proof. intros H. unfold mat. apply sum_ext; intros; rewrite H; auto. Qed.
(* The constant part of a pre-activation, piece by piece, of scale 2q. *)
Definition kmat (W : list (list Z)) (x : list Z) : list Z := map (fun w => dotZ w x 0) W.
Definition kvec (b : list Z) : list Z := map (fun z => Z.shiftl z q) b.
Definition kall (z : Z) : list Z := repeat z n.
Definition kadd (a b : list Z) : list Z := map2 Z.add a b.
Lemma kmat_ok W x i : (i < length W)%nat -> kR (kmat W x) i = mat (length x) (matR W) (wR x) i.
Proof.
  intros H. unfold kR, kmat. rewrite (nth_indep _ 0%Z (dotZ [] x 0)) by (rewrite map_length; exact H). rewrite (map_nth (fun w => dotZ w x 0)). rewrite dotZ_ok.
  unfold Rdiv; rewrite Rmult_0_l, Rplus_0_l. reflexivity.
Qed.
Lemma kvec_ok b i : (i < length b)%nat -> kR (kvec b) i = wR b i.
Proof.
  intros H. unfold kR, kvec, wR. rewrite (nth_indep _ 0%Z (Z.shiftl 0 q)) by (rewrite map_length; exact H). rewrite (map_nth (fun z => Z.shiftl z q)).
  rewrite shl, P2_add by lia. pose proof (P2_pos q ltac:(lia)). field. lra.
Qed.
Lemma kall_ok z i : (i < n)%nat -> kR (kall z) i = IZR z / P2 (q + q).
Proof. intros H. unfold kR, kall. rewrite (nth_indep _ 0%Z z) by (rewrite repeat_length; exact H). rewrite nth_repeat. reflexivity. Qed.
Lemma kadd_ok a b i : length a = n -> length b = n -> (i < n)%nat -> kR (kadd a b) i = kR a i + kR b i.
Proof.
  intros Ha Hb Hi. unfold kR, kadd. rewrite (map2_nth Z.add 0%Z 0%Z) by lia. rewrite plus_IZR. unfold Rdiv. ring.
Qed.
Lemma kmat_len W x : length (kmat W x) = length W. Proof. apply map_length. Qed.
Lemma kvec_len b : length (kvec b) = length b. Proof. apply map_length. Qed.
Lemma kall_len z : length (kall z) = n. Proof. apply repeat_length. Qed.
Lemma kadd_len a b : length a = n -> length b = n -> length (kadd a b) = n.
Proof. intros Ha Hb. unfold kadd. rewrite map2_length; congruence. Qed.
(* A matrix of zeros makes a constant vector of an affine operation. *)
Definition zeros : list (list Z) := repeat (repeat 0%Z n) n.
Lemma zeros_ok x a : mat n (matR zeros) x a = 0.
Proof.
  unfold mat. apply sum0. intros i _. unfold matR, wR, zeros.
  assert (E : nth i (nth a (repeat (repeat 0%Z n) n) []) 0%Z = 0%Z).
  { destruct (nth_in_or_default a (repeat (repeat 0%Z n) n) []) as [H|H].
    - apply repeat_spec in H. rewrite H. apply nth_repeat.
    - rewrite H. destruct i; reflexivity. }
  rewrite E. unfold Rdiv. ring.
Qed.
End Ctx.
Lemma dl_ext f g r l : (forall x, f x = g x) -> derivable_pt_lim f r l -> derivable_pt_lim g r l.
Proof. intros H D1 eps He. destruct (D1 eps He) as [d Hd]. exists d. intros h0 H1 H2. rewrite <- !H. apply Hd; assumption. Qed.
(* Small things for instances. *)
Lemma aff_eq (x y k w b : R) : x = y -> k = w + b -> x + k = y + w + b.
Proof. intros -> ->; ring. Qed.
Lemma one_minus (x y : R) : x = y -> 1 - x = 1 + -1 * y.
Proof. intros ->; ring. Qed.
Lemma dec_bounds (P a b lo hi k : Z) (x : R) : (0 <= P)%Z -> (0 <= k)%Z -> IZR lo / P2 P <= x <= IZR hi / P2 P ->
  (Z.leb (a * 2 ^ P) (lo * 10 ^ k) && Z.leb (hi * 10 ^ k) (b * 2 ^ P))%bool = true -> IZR a / IZR (10 ^ k) <= x <= IZR b / IZR (10 ^ k).
Proof.
  intros HP Hk [L H] K. rewrite Bool.andb_true_iff, !Z.leb_le in K. destruct K as [A B]. apply IZR_le in A, B. rewrite !mult_IZR in A, B.
  fold (P2 P) in A, B. pose proof (P2_pos P HP) as PP. assert (T : 0 < IZR (10 ^ k)) by (apply IZR_lt, Z.pow_pos_nonneg; lia).
  apply (Rmult_le_compat_r (P2 P)) in L, H; try lra. unfold Rdiv in L, H. rewrite Rmult_assoc, Rinv_l, Rmult_1_r in L, H by lra.
  apply (Rmult_le_compat_r (IZR (10 ^ k))) in L, H; try lra.
  split; apply (Rmult_le_reg_r (IZR (10 ^ k))); try exact T; apply (Rmult_le_reg_r (P2 P)); try exact PP; unfold Rdiv.
  - rewrite (Rmult_assoc (IZR a)), Rinv_l, Rmult_1_r by lra. lra.
  - rewrite (Rmult_assoc (IZR b)), Rinv_l, Rmult_1_r by lra. lra.
Qed.
Lemma all_len {A} (l : list (list A)) k t : forallb (fun x => Nat.eqb (length x) k) l = true -> (t < length l)%nat -> length (nth t l []) = k.
Proof.
  intros H Ht. rewrite forallb_forall in H. apply Nat.eqb_eq, H, nth_In, Ht.
Qed.
Lemma eval_len q n l : forall e, length (eval q n l e) = (length l + length e)%nat.
Proof. induction l as [|o l IH]; intros e; simpl; [reflexivity | rewrite IH; simpl; lia]. Qed.
