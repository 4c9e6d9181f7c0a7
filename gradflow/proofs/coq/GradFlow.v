(* GradFlow: norms of products of Jacobians, over the reals, from Coq's standard library alone.

   What a reader has to trust are the definitions of this file that a statement uses: vec, sum, dot,
   nrm, mat, ub, sigmoid, relu, step, D, run. Everything else is proved. No theorem mentions a
   singular value: "ub n m A k" says |A x| <= k |x| for every x, and for a matrix the least such k
   is its largest singular value. *)
Require Import Reals Lra Lia Psatz.
Open Scope R_scope.

(* 1. Vectors: the first n entries count. *)
Definition vec := nat -> R.
Fixpoint sum (n : nat) (f : vec) : R := match n with O => 0 | S k => sum k f + f k end.
Definition dot (n : nat) (x y : vec) : R := sum n (fun i => x i * y i).
Definition nrm (n : nat) (x : vec) : R := sqrt (dot n x x).
Definition mat (n : nat) (W : nat -> nat -> R) (x : vec) : vec := fun i => sum n (fun j => W i j * x j).
Definition ub (n m : nat) (A : vec -> vec) (k : R) : Prop := forall x, nrm n (A x) <= k * nrm m x.

Lemma sum_ext n f g : (forall i, (i < n)%nat -> f i = g i) -> sum n f = sum n g.
Proof. induction n as [|n IH]; simpl; intros H; [reflexivity | rewrite IH, (H n); auto]. Qed.
Lemma sum_plus n f g : sum n (fun i => f i + g i) = sum n f + sum n g.
Proof. induction n as [|n IH]; simpl; [lra | rewrite IH; lra]. Qed.
Lemma sum_scal n a f : sum n (fun i => a * f i) = a * sum n f.
Proof. induction n as [|n IH]; simpl; [lra | rewrite IH; lra]. Qed.
Lemma sum_le n f g : (forall i, (i < n)%nat -> f i <= g i) -> sum n f <= sum n g.
Proof. induction n as [|n IH]; simpl; intros H; [lra | apply Rplus_le_compat; auto]. Qed.
Lemma sum_nonneg n f : (forall i, (i < n)%nat -> 0 <= f i) -> 0 <= sum n f.
Proof. induction n as [|n IH]; simpl; intros H; [lra | apply Rplus_le_le_0_compat; auto]. Qed.
Lemma sum_one n f i : (forall j, (j < n)%nat -> 0 <= f j) -> (i < n)%nat -> f i <= sum n f.
Proof.
  induction n as [|n IH]; intros H Hi; [lia | simpl].
  pose proof (sum_nonneg n f (fun j Hj => H j (Nat.lt_lt_succ_r j n Hj))) as P.
  destruct (Nat.eq_dec i n) as [->|Ne]; [lra|].
  assert (f i <= sum n f) by (apply IH; [intros; apply H|]; lia). pose proof (H n (Nat.lt_succ_diag_r n)). lra.
Qed.

Lemma dot_nonneg n x : 0 <= dot n x x.
Proof. apply sum_nonneg; intros; apply Rle_0_sqr. Qed.
Lemma nrm_nonneg n x : 0 <= nrm n x.
Proof. apply sqrt_pos. Qed.
Lemma nrm_sq n x : nrm n x * nrm n x = dot n x x.
Proof. apply sqrt_sqrt, dot_nonneg. Qed.
Lemma nrm_ext n x y : (forall i, (i < n)%nat -> x i = y i) -> nrm n x = nrm n y.
Proof. intros H; unfold nrm, dot; f_equal; apply sum_ext; intros; rewrite H; auto. Qed.
Lemma entry_le_nrm n x i : (i < n)%nat -> Rabs (x i) <= nrm n x.
Proof.
  intros Hi; apply Rsqr_incr_0_var; [|apply nrm_nonneg].
  rewrite <- Rsqr_abs; unfold Rsqr at 2; rewrite nrm_sq.
  apply (sum_one n (fun j => x j * x j)); [intros; apply Rle_0_sqr | exact Hi].
Qed.
Lemma nrm_zero_entries n x : nrm n x = 0 -> forall i, (i < n)%nat -> x i = 0.
Proof.
  intros H i Hi; pose proof (entry_le_nrm n x i Hi) as E; rewrite H in E.
  pose proof (Rabs_pos (x i)); destruct (Req_dec (x i) 0) as [|Ne]; auto.
  pose proof (Rabs_pos_lt _ Ne); lra.
Qed.
Lemma nrm_zero n : nrm n (fun _ => 0) = 0.
Proof.
  unfold nrm; replace (dot n (fun _ => 0) (fun _ => 0)) with 0; [apply sqrt_0|].
  unfold dot; induction n as [|n IH]; simpl; [|rewrite <- IH]; lra.
Qed.
Lemma dot_square n a b x y :
  dot n (fun i => a * x i + b * y i) (fun i => a * x i + b * y i)
  = a * a * dot n x x + 2 * a * b * dot n x y + b * b * dot n y y.
Proof. unfold dot; rewrite <- !sum_scal, <- !sum_plus; apply sum_ext; intros; ring. Qed.
Lemma cauchy_schwarz n x y : dot n x y <= nrm n x * nrm n y.
Proof.
  pose proof (nrm_nonneg n x) as a0; pose proof (nrm_nonneg n y) as b0.
  assert (Z : forall u v, nrm n u = 0 -> dot n u v = 0 /\ dot n v u = 0).
  { intros u v E; pose proof (nrm_zero_entries n u E) as H; split; unfold dot;
    rewrite (sum_ext n _ (fun i => 0 * u i)); try (rewrite sum_scal; ring); intros; rewrite H; auto; ring. }
  destruct (Req_dec (nrm n x) 0) as [E|Ex]; [destruct (Z x y E) as [-> _]; rewrite E; lra|].
  destruct (Req_dec (nrm n y) 0) as [E|Ey]; [destruct (Z y x E) as [_ ->]; rewrite E; lra|].
  pose proof (dot_nonneg n (fun i => nrm n y * x i + - nrm n x * y i)) as P.
  rewrite dot_square, <- !nrm_sq in P.
  assert (0 < nrm n x * nrm n y) by (apply Rmult_lt_0_compat; lra).
  destruct (Rle_or_lt (dot n x y) (nrm n x * nrm n y)); [assumption | exfalso; nra].
Qed.
Lemma nrm_add n x y : nrm n (fun i => x i + y i) <= nrm n x + nrm n y.
Proof.
  apply Rsqr_incr_0_var; [|pose proof (nrm_nonneg n x); pose proof (nrm_nonneg n y); lra].
  unfold Rsqr; rewrite nrm_sq.
  replace (dot n (fun i => x i + y i) (fun i => x i + y i))
    with (dot n (fun i => 1 * x i + 1 * y i) (fun i => 1 * x i + 1 * y i))
    by (apply sum_ext; intros; ring).
  rewrite dot_square, <- !nrm_sq; pose proof (cauchy_schwarz n x y); nra.
Qed.

(* 2. Rules: diagonal, sum, Weyl, product. *)
Lemma nrm_diag n d x k : 0 <= k -> (forall i, (i < n)%nat -> Rabs (d i) <= k) ->
  nrm n (fun i => d i * x i) <= k * nrm n x.
Proof.
  intros k0 H; apply Rsqr_incr_0_var; [|pose proof (nrm_nonneg n x); nra].
  unfold Rsqr; replace (k * nrm n x * (k * nrm n x)) with (k * k * (nrm n x * nrm n x)) by ring.
  rewrite !nrm_sq; unfold dot; rewrite <- sum_scal; apply sum_le; intros i Hi.
  replace (d i * x i * (d i * x i)) with (d i * d i * (x i * x i)) by ring.
  apply Rmult_le_compat_r; [apply Rle_0_sqr|].
  change (d i * d i) with (Rsqr (d i)); change (k * k) with (Rsqr k).
  apply Rsqr_le_abs_1; rewrite (Rabs_pos_eq k); auto.
Qed.
Lemma nrm_diag_low n d x m : (forall i, (i < n)%nat -> m <= Rabs (d i)) ->
  m * nrm n x <= nrm n (fun i => d i * x i).
Proof.
  intros H; pose proof (nrm_nonneg n x) as x0; pose proof (nrm_nonneg n (fun i => d i * x i)).
  destruct (Rle_or_lt 0 m) as [m0|]; [|nra].
  apply Rsqr_incr_0_var; [|assumption].
  unfold Rsqr; replace (m * nrm n x * (m * nrm n x)) with (m * m * (nrm n x * nrm n x)) by ring.
  rewrite !nrm_sq; unfold dot; rewrite <- sum_scal; apply sum_le; intros i Hi.
  replace (d i * x i * (d i * x i)) with (d i * d i * (x i * x i)) by ring.
  apply Rmult_le_compat_r; [apply Rle_0_sqr|].
  change (d i * d i) with (Rsqr (d i)); change (m * m) with (Rsqr m).
  apply Rsqr_le_abs_1; rewrite (Rabs_pos_eq m); auto.
Qed.
Lemma nrm_opp n x : nrm n (fun i => - x i) = nrm n x.
Proof. unfold nrm, dot; f_equal; apply sum_ext; intros; ring. Qed.
Lemma nrm_weyl n x y : nrm n x - nrm n y <= nrm n (fun i => x i + y i).
Proof.
  pose proof (nrm_add n (fun i => x i + y i) (fun i => - y i)) as T; simpl in T.
  rewrite nrm_opp in T.
  rewrite (nrm_ext n (fun i => x i + y i + - y i) x) in T by (intros; ring); lra.
Qed.
Lemma chain a b x y z : 0 <= a -> x <= a * y -> y <= b * z -> x <= a * b * z.
Proof. intros; apply Rle_trans with (a * y); [assumption|]. rewrite Rmult_assoc; apply Rmult_le_compat_l; assumption. Qed.
Lemma abs_mul a b p q : Rabs a <= p -> Rabs b <= q -> Rabs (a * b) <= p * q.
Proof. intros; rewrite Rabs_mult; apply Rmult_le_compat; auto using Rabs_pos. Qed.
Lemma abs_both a p : a <= p -> - a <= p -> Rabs a <= p.
Proof. intros; apply Rabs_le; lra. Qed.
Lemma abs_range a p : Rabs a <= p -> - p <= a <= p.
Proof. unfold Rabs; destruct (Rcase_abs a); lra. Qed.
Lemma abs_near d k : Rabs (1 - d) <= k -> 1 - k <= Rabs d.
Proof. intros H; apply abs_range in H; pose proof (Rle_abs d); lra. Qed.
Lemma mat_plus n W f g i : mat n W (fun j => f j + g j) i = mat n W f i + mat n W g i.
Proof. unfold mat; rewrite <- sum_plus; apply sum_ext; intros; ring. Qed.
Lemma sum_swap n m (f : nat -> nat -> R) : sum n (fun i => sum m (f i)) = sum m (fun j => sum n (fun i => f i j)).
Proof.
  induction n as [|n IH]; simpl; [induction m as [|m IH]; simpl; [reflexivity | rewrite <- IH; ring]|].
  rewrite IH, <- sum_plus; reflexivity.
Qed.
Lemma ub_add n m A B a b : ub n m (mat m A) a -> ub n m (mat m B) b -> ub n m (mat m (fun i j => A i j + B i j)) (a + b).
Proof.
  intros HA HB x; specialize (HA x); specialize (HB x).
  rewrite (nrm_ext n _ (fun i => mat m A x i + mat m B x i)).
  - pose proof (nrm_add n (mat m A x) (mat m B x)); lra.
  - intros i _; unfold mat; rewrite <- sum_plus; apply sum_ext; intros; ring.
Qed.
Lemma ub_scaled n m A k c a : Rabs c <= a -> ub n m (mat m A) k -> ub n m (mat m (fun i j => c * A i j)) (a * k).
Proof.
  intros Hc HA x; pose proof (Rabs_pos c).
  rewrite (nrm_ext n _ (fun i => c * mat m A x i)).
  - eapply Rle_trans; [apply (nrm_diag n (fun _ => c) (mat m A x) a); [lra | auto]|].
    rewrite Rmult_assoc; apply Rmult_le_compat_l; [lra | apply HA].
  - intros i _; unfold mat; rewrite <- sum_scal; apply sum_ext; intros; ring.
Qed.
(* |W^T y|^2 = y . W (W^T y) <= |y| k |W^T y|. *)
Lemma ub_transpose n m W k : 0 <= k -> ub n m (mat m W) k -> ub m n (mat n (fun i j => W j i)) k.
Proof.
  intros k0 H y; set (z := mat n (fun i j => W j i) y); pose proof (nrm_nonneg m z) as z0.
  assert (E : dot m z z = dot n (mat m W z) y).
  { unfold dot, mat at 1. rewrite (sum_ext n _ (fun i => sum m (fun j => z j * W i j * y i))).
    - rewrite sum_swap; apply sum_ext; intros j _.
      unfold z at 2, mat; rewrite <- sum_scal; apply sum_ext; intros; ring.
    - intros i _; rewrite Rmult_comm, <- sum_scal; apply sum_ext; intros; ring. }
  pose proof (cauchy_schwarz n (mat m W z) y) as C; rewrite <- E, <- nrm_sq in C.
  pose proof (H z) as K; pose proof (nrm_nonneg n y) as y0; pose proof (nrm_nonneg n (mat m W z)).
  destruct (Req_dec (nrm m z) 0) as [Z|Z].
  - rewrite Z; apply Rmult_le_pos; assumption.
  - apply (Rmult_le_reg_r (nrm m z)); [lra|].
    apply Rle_trans with (nrm n (mat m W z) * nrm n y); [exact C|].
    replace (k * nrm n y * nrm m z) with (k * nrm m z * nrm n y) by ring.
    apply Rmult_le_compat_r; assumption.
Qed.

(* 3. The functions of a cell, and their ranges. *)
Definition sigmoid (x : R) : R := / (1 + exp (- x)).
Definition step (x : R) : R := if Rlt_dec 0 x then 1 else 0.
Definition relu (x : R) : R := if Rlt_dec 0 x then x else 0.
Lemma sigmoid_range x : 0 < sigmoid x < 1.
Proof.
  unfold sigmoid; pose proof (exp_pos (- x)) as E; split; [apply Rinv_0_lt_compat; lra|].
  apply (Rmult_lt_reg_r (1 + exp (- x))); [lra | rewrite Rinv_l; lra].
Qed.
Lemma sigmoid_le x y : x <= y -> sigmoid x <= sigmoid y.
Proof.
  intros H; unfold sigmoid; pose proof (exp_pos (- y)); apply Rinv_le_contravar; [lra|].
  destruct (Req_dec x y) as [->|]; [lra | left; apply Rplus_lt_compat_l, exp_increasing; lra].
Qed.
(* The slopes of a sigmoid and a tanh, by their values. *)
Lemma sigmoid_slope a : 0 < a < 1 -> Rabs (a * (1 - a)) <= / 4.
Proof.
  intros [A0 A1]; apply Rabs_le; split; [|pose proof (pow2_ge_0 (a - / 2)); lra].
  assert (0 <= a * (1 - a)) by (apply Rmult_le_pos; lra); lra.
Qed.
Lemma tanh_slope a : -1 < a < 1 -> Rabs (1 - a ^ 2) <= 1.
Proof.
  intros [A0 A1]; assert (0 <= (1 - a) * (1 + a)) by (apply Rmult_le_pos; lra).
  pose proof (pow2_ge_0 a); apply Rabs_le; lra.
Qed.
Lemma cosh_pos x : 0 < cosh x.
Proof. unfold cosh; pose proof (exp_pos x); pose proof (exp_pos (- x)); lra. Qed.
Lemma tanh_range x : -1 < tanh x < 1.
Proof.
  unfold tanh; pose proof (cosh_pos x) as C; pose proof (exp_pos x); pose proof (exp_pos (- x)).
  split; [apply (Rmult_lt_reg_r (cosh x)) | apply (Rmult_lt_reg_r (cosh x))]; auto;
  unfold Rdiv; rewrite Rmult_assoc, Rinv_l by lra; unfold sinh, cosh; lra.
Qed.
Lemma step_range x : 0 <= step x <= 1.
Proof. unfold step; destruct (Rlt_dec 0 x); lra. Qed.
Lemma step_relu x : step (relu x) = step x.
Proof. unfold step, relu; destruct (Rlt_dec 0 x); [destruct (Rlt_dec 0 x) | destruct (Rlt_dec 0 0)]; lra. Qed.
Lemma step_square x : step x * step x = step x.
Proof. unfold step; destruct (Rlt_dec 0 x); ring. Qed.
Lemma relu_range x : 0 <= relu x.
Proof. unfold relu; destruct (Rlt_dec 0 x); lra. Qed.
Definition softplus (x : R) : R := ln (1 + exp x).
Lemma softplus_range x : 0 < softplus x.
Proof. unfold softplus; rewrite <- ln_1; apply ln_increasing; pose proof (exp_pos x); lra. Qed.
Lemma sin_range x : -1 <= sin x <= 1.
Proof. apply SIN_bound. Qed.
Lemma cos_range x : -1 <= cos x <= 1.
Proof. apply COS_bound. Qed.
Definition floor (x : R) : R := IZR (Int_part x).

(* 4. Derivatives along a curve, one rule an operation. *)
Definition D (n : nat) (X : R -> vec) (r : R) (v : vec) : Prop :=
  forall i, (i < n)%nat -> derivable_pt_lim (fun r => X r i) r (v i).
Lemma dl_eq f r a b : derivable_pt_lim f r a -> a = b -> derivable_pt_lim f r b.
Proof. intros H <-; exact H. Qed.
Lemma dl_const c r : derivable_pt_lim (fun _ => c) r 0.
Proof. apply derivable_pt_lim_const. Qed.
Lemma dl_plus f g r a b : derivable_pt_lim f r a -> derivable_pt_lim g r b -> derivable_pt_lim (fun r => f r + g r) r (a + b).
Proof. apply derivable_pt_lim_plus. Qed.
Lemma dl_minus f g r a b : derivable_pt_lim f r a -> derivable_pt_lim g r b -> derivable_pt_lim (fun r => f r - g r) r (a - b).
Proof. apply derivable_pt_lim_minus. Qed.
Lemma dl_opp f r a : derivable_pt_lim f r a -> derivable_pt_lim (fun r => - f r) r (- a).
Proof. apply derivable_pt_lim_opp. Qed.
Lemma dl_mult f g r a b : derivable_pt_lim f r a -> derivable_pt_lim g r b -> derivable_pt_lim (fun r => f r * g r) r (a * g r + f r * b).
Proof. apply derivable_pt_lim_mult. Qed.
Lemma dl_comp f phi r a b : derivable_pt_lim f r a -> derivable_pt_lim phi (f r) b -> derivable_pt_lim (fun r => phi (f r)) r (b * a).
Proof. intros; apply (derivable_pt_lim_comp f phi); assumption. Qed.
Lemma dl_pow f k r a : derivable_pt_lim f r a -> derivable_pt_lim (fun r => f r ^ k) r (INR k * f r ^ pred k * a).
Proof. intros; apply (dl_comp f (fun x => x ^ k)); [assumption | apply derivable_pt_lim_pow]. Qed.
Lemma dl_sigmoid f r a : derivable_pt_lim f r a -> derivable_pt_lim (fun r => sigmoid (f r)) r (sigmoid (f r) * (1 - sigmoid (f r)) * a).
Proof.
  intros H; apply (dl_comp f sigmoid); [exact H|]; clear H; set (x := f r); clearbody x; clear.
  pose proof (exp_pos (- x)) as E; unfold sigmoid.
  assert (G : derivable_pt_lim (fun y => 1 + exp (- y)) x (0 + exp (- x) * - 1)).
  { apply (dl_plus (fun _ => 1) (fun y => exp (- y))); [apply dl_const|].
    apply (dl_comp (fun y => - y) exp); [apply (dl_opp (fun y => y)), derivable_pt_lim_id | apply derivable_pt_lim_exp]. }
  pose proof (derivable_pt_lim_div (fun _ => 1) (fun y => 1 + exp (- y)) x 0 _ (dl_const 1 x) G ltac:(lra)) as Q.
  intros eps Heps; destruct (Q eps Heps) as [delta Hd]; exists delta; intros h Hh Hl.
  specialize (Hd h Hh Hl); unfold div_fct, Rdiv in Hd; rewrite !Rmult_1_l in Hd.
  replace (/ (1 + exp (- x)) * (1 - / (1 + exp (- x))))
    with ((0 * (1 + exp (- x)) - (0 + exp (- x) * -1) * 1) * / Rsqr (1 + exp (- x)))
    by (unfold Rsqr; field; lra). exact Hd.
Qed.
Lemma dl_tanh f r a : derivable_pt_lim f r a -> derivable_pt_lim (fun r => tanh (f r)) r ((1 - tanh (f r) ^ 2) * a).
Proof.
  intros H; apply (dl_comp f tanh); [exact H|]; clear H; set (x := f r); clearbody x; clear.
  pose proof (cosh_pos x) as C.
  eapply dl_eq; [apply (derivable_pt_lim_div sinh cosh x); [apply derivable_pt_lim_sinh | apply derivable_pt_lim_cosh | lra]|].
  unfold tanh, Rsqr; field; lra.
Qed.
Lemma dl_relu f r a : f r <> 0 -> derivable_pt_lim f r a -> derivable_pt_lim (fun r => relu (f r)) r (step (f r) * a).
Proof.
  intros N H; apply (dl_comp f relu); [exact H|]; clear H; set (x := f r) in *; clearbody x; clear f r a.
  intros eps Heps; assert (P : 0 < Rabs x) by (apply Rabs_pos_lt; auto).
  exists (mkposreal _ P); simpl; intros h Hh Hl; unfold relu, step.
  destruct (Rlt_dec 0 x) as [L|L]; destruct (Rlt_dec 0 (x + h)) as [M|M].
  - replace ((x + h - x) / h - 1) with 0 by (field; auto); rewrite Rabs_R0; auto.
  - exfalso; rewrite (Rabs_pos_eq x) in Hl by lra; apply Rabs_def2 in Hl; lra.
  - exfalso; rewrite (Rabs_left x) in Hl by lra; apply Rabs_def2 in Hl; lra.
  - replace ((0 - 0) / h - 0) with 0 by (field; auto); rewrite Rabs_R0; auto.
Qed.
Lemma dl_exp f r a : derivable_pt_lim f r a -> derivable_pt_lim (fun r => exp (f r)) r (exp (f r) * a).
Proof. intros; apply (dl_comp f exp); [assumption | apply derivable_pt_lim_exp]. Qed.
Lemma dl_sin f r a : derivable_pt_lim f r a -> derivable_pt_lim (fun r => sin (f r)) r (cos (f r) * a).
Proof. intros; apply (dl_comp f sin); [assumption | apply derivable_pt_lim_sin]. Qed.
Lemma dl_cos f r a : derivable_pt_lim f r a -> derivable_pt_lim (fun r => cos (f r)) r (- sin (f r) * a).
Proof. intros; apply (dl_comp f cos); [assumption | apply derivable_pt_lim_cos]. Qed.
Lemma dl_softplus f r a : derivable_pt_lim f r a -> derivable_pt_lim (fun r => softplus (f r)) r (sigmoid (f r) * a).
Proof.
  intros H; pose proof (exp_pos (f r)) as E; pose proof (exp_pos (- f r)) as G.
  eapply dl_eq; [apply (dl_comp (fun r => 1 + exp (f r)) ln);
    [apply (dl_plus (fun _ => 1)); [apply dl_const | apply dl_exp, H] | apply derivable_pt_lim_ln; lra]|].
  unfold sigmoid; pose proof (exp_plus (f r) (- f r)) as X; rewrite Rplus_opp_r, exp_0 in X.
  set (p := exp (f r)) in *; set (q := exp (- f r)) in *; clearbody p q.
  replace (0 + p * a) with ((1 + q) * p * a * / (1 + q)) by (field; lra).
  replace ((1 + q) * p) with (1 + p) by lra; field; lra.
Qed.
Lemma dl_inv f r a : f r <> 0 -> derivable_pt_lim f r a -> derivable_pt_lim (fun r => / f r) r (- / f r ^ 2 * a).
Proof.
  intros N H; pose proof (derivable_pt_lim_div (fun _ => 1) f r 0 a (dl_const 1 r) H N) as Q.
  replace (- / f r ^ 2 * a) with ((0 * f r - a * 1) / Rsqr (f r)) by (unfold Rsqr; field; exact N).
  intros eps Heps; destruct (Q eps Heps) as [delta Hd]; exists delta; intros h Hh Hl.
  specialize (Hd h Hh Hl); unfold div_fct, Rdiv in *; rewrite !Rmult_1_l in Hd; exact Hd.
Qed.
Lemma dl_sqrt f r a : 0 < f r -> derivable_pt_lim f r a -> derivable_pt_lim (fun r => sqrt (f r)) r (/ (2 * sqrt (f r)) * a).
Proof. intros P H; apply (dl_comp f sqrt); [exact H | apply derivable_pt_lim_sqrt, P]. Qed.
Lemma dl_step f r a : f r <> 0 -> derivable_pt_lim f r a -> derivable_pt_lim (fun r => step (f r)) r 0.
Proof.
  intros N H; eapply dl_eq; [apply (dl_comp f step r a 0); [exact H|] | ring].
  clear H; set (x := f r) in *; clearbody x; clear f r a.
  intros eps Heps; assert (P : 0 < Rabs x) by (apply Rabs_pos_lt; auto).
  exists (mkposreal _ P); simpl; intros h Hh Hl; unfold step.
  destruct (Rlt_dec 0 x) as [L|L]; destruct (Rlt_dec 0 (x + h)) as [M|M].
  - replace ((1 - 1) / h - 0) with 0 by (field; auto); rewrite Rabs_R0; auto.
  - exfalso; rewrite (Rabs_pos_eq x) in Hl by lra; apply Rabs_def2 in Hl; lra.
  - exfalso; rewrite (Rabs_left x) in Hl by lra; apply Rabs_def2 in Hl; lra.
  - replace ((0 - 0) / h - 0) with 0 by (field; auto); rewrite Rabs_R0; auto.
Qed.
Lemma dl_sinh f r a : derivable_pt_lim f r a -> derivable_pt_lim (fun r => sinh (f r)) r (cosh (f r) * a).
Proof. intros; apply (dl_comp f sinh); [assumption | apply derivable_pt_lim_sinh]. Qed.
Lemma dl_cosh f r a : derivable_pt_lim f r a -> derivable_pt_lim (fun r => cosh (f r)) r (sinh (f r) * a).
Proof. intros; apply (dl_comp f cosh); [assumption | apply derivable_pt_lim_cosh]. Qed.
Lemma dl_ln f r a : 0 < f r -> derivable_pt_lim f r a -> derivable_pt_lim (fun r => ln (f r)) r (/ f r * a).
Proof. intros; apply (dl_comp f ln); [assumption | apply derivable_pt_lim_ln; assumption]. Qed.
Lemma dl_atan f r a : derivable_pt_lim f r a -> derivable_pt_lim (fun r => atan (f r)) r (/ (1 + f r ^ 2) * a).
Proof. intros; apply (dl_comp f atan); [assumption|]. eapply dl_eq; [apply derivable_pt_lim_atan | f_equal; unfold Rsqr; ring]. Qed.
Lemma dl_arcsinh f r a : derivable_pt_lim f r a -> derivable_pt_lim (fun r => arcsinh (f r)) r (/ sqrt (1 + f r ^ 2) * a).
Proof. intros; apply (dl_comp f arcsinh); [assumption|]. rewrite (Rplus_comm 1); apply derivable_pt_lim_arcsinh. Qed.
Lemma dl_tan f r a : cos (f r) <> 0 -> derivable_pt_lim f r a -> derivable_pt_lim (fun r => tan (f r)) r ((1 + tan (f r) ^ 2) * a).
Proof.
  intros N H; apply (dl_comp f tan); [exact H|]; clear H; set (x := f r) in *; clearbody x; clear f r a.
  eapply dl_eq; [apply (derivable_pt_lim_div sin cos x); [apply derivable_pt_lim_sin | apply derivable_pt_lim_cos | exact N]|].
  unfold tan, Rsqr; field; exact N.
Qed.
(* Between whole numbers floor is constant. *)
Lemma dl_floor f r a : floor (f r) <> f r -> derivable_pt_lim f r a -> derivable_pt_lim (fun r => floor (f r)) r 0.
Proof.
  intros N H; replace 0 with (0 * a) by ring; apply (dl_comp f floor); [exact H|]; clear H; set (x := f r) in *; clearbody x; clear f r a.
  unfold floor in *; destruct (base_Int_part x) as [L U]; set (k := IZR (Int_part x)) in *.
  assert (P : 0 < Rmin (x - k) (k + 1 - x)) by (apply Rmin_glb_lt; lra).
  intros eps Heps; exists (mkposreal _ P); simpl; intros h Hh Hl.
  pose proof (Rmin_l (x - k) (k + 1 - x)); pose proof (Rmin_r (x - k) (k + 1 - x)); apply Rabs_def2 in Hl.
  assert (E : Int_part (x + h) = Int_part x).
  { unfold Int_part; rewrite <- (tech_up (x + h) (Int_part x + 1)); rewrite ?plus_IZR; fold k; [unfold Int_part; lia | lra | lra]. }
  rewrite E; fold k.
  replace ((k - k) / h - 0) with 0 by (field; exact Hh); rewrite Rabs_R0; exact Heps.
Qed.
(* The error function, an integral; its values are not bounded here. *)
Definition gauss (x : R) : R := exp (- x ^ 2).
Lemma gauss_continuous x : continuity_pt gauss x.
Proof.
  apply derivable_continuous_pt; exists (exp (- x ^ 2) * - (INR 2 * x ^ 1 * 1)).
  apply (dl_exp (fun y => - y ^ 2)), (dl_opp (fun y => y ^ 2)), (dl_pow (fun y => y) 2), derivable_pt_lim_id.
Qed.
Lemma gauss_integrable a b : Riemann_integrable gauss a b.
Proof.
  destruct (Rle_dec a b) as [H|H]; [|apply RiemannInt_P1];
  apply continuity_implies_RiemannInt; try lra; intros; apply gauss_continuous.
Qed.
Definition erf (x : R) : R := 2 / sqrt PI * RiemannInt (gauss_integrable 0 x).
Lemma dl_erf f r a : derivable_pt_lim f r a -> derivable_pt_lim (fun r => erf (f r)) r (2 * / sqrt PI * exp ((-1) * f r ^ 2) * a).
Proof.
  intros H; apply (dl_comp f erf); [exact H|]; clear H; set (x := f r); clearbody x; clear f r a.
  replace ((-1) * x ^ 2) with (- x ^ 2) by ring.
  apply (derivable_pt_lim_scal (fun y => RiemannInt (gauss_integrable 0 y))).
  assert (L : x - 1 <= x + 1) by lra.
  pose proof (@RiemannInt_P28 gauss (x - 1) (x + 1) x L (fun y _ => gauss_continuous y) ltac:(lra)) as Q.
  intros eps Heps; destruct (Q eps Heps) as [[delta Hd] K].
  assert (P : 0 < Rmin delta 1) by (apply Rmin_glb_lt; lra).
  exists (mkposreal _ P); simpl in *; intros h Hh Hl; pose proof (Rmin_l delta 1); pose proof (Rmin_r delta 1).
  specialize (K h Hh ltac:(lra)); apply Rabs_def2 in Hl.
  replace (RiemannInt (gauss_integrable 0 (x + h)) - RiemannInt (gauss_integrable 0 x)) with
    (primitive L (FTC_P1 L (fun y _ => gauss_continuous y)) (x + h) - primitive L (FTC_P1 L (fun y _ => gauss_continuous y)) x); [exact K|].
  unfold primitive; repeat (destruct Rle_dec; [|lra]).
  pose proof (fun y p => RiemannInt_P26 (gauss_integrable 0 (x - 1)) p (gauss_integrable 0 y)) as C.
  rewrite <- (C _ (FTC_P1 L (fun y _ => gauss_continuous y) r r0)), <- (C _ (FTC_P1 L (fun y _ => gauss_continuous y) r1 r2)); ring.
Qed.
Lemma dl_sum n (f : nat -> R -> R) r d : (forall j, (j < n)%nat -> derivable_pt_lim (f j) r (d j)) ->
  derivable_pt_lim (fun r => sum n (fun j => f j r)) r (sum n d).
Proof. intros H; induction n as [|n IH]; simpl; [apply dl_const | apply (dl_plus (fun r => sum n (fun j => f j r)) (f n)); auto]. Qed.
Lemma D_mat n m W X r v : D m X r v -> D n (fun r => mat m W (X r)) r (mat m W v).
Proof.
  intros H i _; unfold mat; apply (dl_sum m (fun j r => W i j * X r j)); intros j Hj.
  eapply dl_eq; [apply (dl_mult (fun _ => W i j) (fun r => X r j)); [apply dl_const | apply H, Hj] | ring].
Qed.
Lemma D_eq n X r v w : D n X r v -> (forall i, v i = w i) -> D n X r w.
Proof. intros H E i Hi; rewrite <- E; apply H, Hi. Qed.
(* A derivative by an argument acts on a sum as on its summands. *)
Definition additive (A : vec -> vec) : Prop := forall f g i, A (fun i => f i + g i) i = A f i + A g i.
Lemma additive_id : additive (fun f i => f i).
Proof. intros f g i; reflexivity. Qed.
Lemma additive_zero : additive (fun _ _ => 0).
Proof. intros f g i; ring. Qed.
Lemma additive_diag d A : additive A -> additive (fun f i => d i * A f i).
Proof. intros H f g i; rewrite H; ring. Qed.
Lemma additive_plus A B : additive A -> additive B -> additive (fun f i => A f i + B f i).
Proof. intros HA HB f g i; rewrite HA, HB; ring. Qed.
Lemma additive_mat n W A : additive A -> additive (fun f i => mat n W (A f) i).
Proof. intros H f g i; rewrite <- mat_plus; apply sum_ext; intros; rewrite H; reflexivity. Qed.
Ltac additively := match goal with
  | |- additive (fun f i => @?A f i + @?B f i) => apply (additive_plus A B); additively
  | |- additive (fun f i => @?d i * @?A f i) => apply (additive_diag d A); additively
  | |- additive (fun f i => mat ?n ?W (@?A f) i) => apply (additive_mat n W A); additively
  | |- additive (fun _ _ => 0) => exact additive_zero
  | |- additive _ => exact additive_id end.
(* An equation between fractions of known numbers. *)
Lemma mat_ones x i : mat 1 (fun _ _ => 1) x i = x 0%nat.
Proof. unfold mat; simpl; ring. Qed.
(* Squares are at least 0, so 1 + x^2 is not 0. *)
Ltac squares := repeat match goal with |- context [?x ^ 2] =>
  lazymatch goal with H : 0 <= x ^ 2 |- _ => fail | _ => pose proof (pow2_ge_0 x) end end.
Ltac nonzero := first [assumption | lra | squares; lra | apply Rgt_not_eq; assumption | apply Rgt_not_eq, sqrt_lt_R0; first [assumption | lra | apply PI_RGT_0]
  | apply pow_nonzero; nonzero | apply Rmult_integral_contrapositive_currified; nonzero].
(* A root of what is known to be above 0 gets a name, and what stands under it is its square. *)
Ltac rooted :=
  match goal with |- context [sqrt ?x] => match goal with H : 0 < x |- _ =>
    let y := fresh "y" in let E := fresh "E" in
    pose proof (sqrt_lt_R0 x H); pose proof (sqrt_def x (Rlt_le _ _ H)) as E;
    set (y := sqrt x) in *; clearbody y; try rewrite <- E end end.
(* Exponents that are one number, written in two ways; of roots of numbers, the squares are known. *)
Ltac roots := repeat match goal with |- context [sqrt ?x] =>
  lazymatch goal with H : sqrt x * sqrt x = x |- _ => fail | _ => assert (sqrt x * sqrt x = x) by (apply sqrt_sqrt; first [lra | left; assumption | left; apply PI_RGT_0]) end end.
Ltac exponents := roots; repeat match goal with |- context [exp ?a] => match goal with |- context [exp ?b] =>
  lazymatch a with b => fail | _ => replace (exp a) with (exp b) by (f_equal;
    first [ring | field | match goal with E : sqrt _ * sqrt _ = _ |- _ => field [E] end]) end end end.
Ltac equal := first [solve [ring] | solve [field] | solve [field; repeat split; nonzero]
  | solve [repeat rooted; field; repeat split; nonzero]
  | solve [exponents; first [ring | field; repeat split; nonzero]]].
(* What is known of every unit, at the unit i < n. *)
Ltac at_unit Hi :=
  repeat match goal with H : _ /\ _ |- _ => destruct H end;
  repeat match goal with H : forall j, (j < ?n)%nat -> _ |- _ => specialize (H _ Hi) end;
  repeat match goal with H : forall j, (j < 1)%nat -> _ |- _ => specialize (H _ Nat.lt_0_1) end.
(* Away from a kink, whichever sign it is written with. *)
Ltac apart := first [assumption
  | match goal with H : ?x <> 0 |- ?y <> 0 => intro; apply H; lra end].
(* Differentiates by the rules; what is known of the parts is among the hypotheses. *)
Ltac derive :=
  match goal with
  | |- derivable_pt_lim (fun _ => ?c) _ _ => apply dl_const
  | H : D ?n ?X ?r ?v |- derivable_pt_lim _ ?r _ => refine (H _ _); first [assumption | lia]
  | |- derivable_pt_lim (fun r => @?f r + @?g r) _ _ => apply (dl_plus f g); derive
  | |- derivable_pt_lim (fun r => @?f r - @?g r) _ _ => apply (dl_minus f g); derive
  | |- derivable_pt_lim (fun r => - @?f r) _ _ => apply (dl_opp f); derive
  | |- derivable_pt_lim (fun r => @?f r * @?g r) _ _ => apply (dl_mult f g); derive
  | |- derivable_pt_lim (fun r => @?f r ^ ?k) _ _ => apply (dl_pow f k); derive
  | |- derivable_pt_lim (fun r => sigmoid (@?f r)) _ _ => apply (dl_sigmoid f); derive
  | |- derivable_pt_lim (fun r => tanh (@?f r)) _ _ => apply (dl_tanh f); derive
  | |- derivable_pt_lim (fun r => relu (@?f r)) _ _ => apply (dl_relu f); [apart | derive]
  | |- derivable_pt_lim (fun r => step (@?f r)) _ _ => eapply (dl_step f); [apart | derive]
  | |- derivable_pt_lim (fun r => exp (@?f r)) _ _ => apply (dl_exp f); derive
  | |- derivable_pt_lim (fun r => softplus (@?f r)) _ _ => apply (dl_softplus f); derive
  | |- derivable_pt_lim (fun r => sin (@?f r)) _ _ => apply (dl_sin f); derive
  | |- derivable_pt_lim (fun r => cos (@?f r)) _ _ => apply (dl_cos f); derive
  | |- derivable_pt_lim (fun r => sinh (@?f r)) _ _ => apply (dl_sinh f); derive
  | |- derivable_pt_lim (fun r => cosh (@?f r)) _ _ => apply (dl_cosh f); derive
  | |- derivable_pt_lim (fun r => atan (@?f r)) _ _ => apply (dl_atan f); derive
  | |- derivable_pt_lim (fun r => arcsinh (@?f r)) _ _ => apply (dl_arcsinh f); derive
  | |- derivable_pt_lim (fun r => erf (@?f r)) _ _ => apply (dl_erf f); derive
  | |- derivable_pt_lim (fun r => ln (@?f r)) _ _ => apply (dl_ln f); [assumption | derive]
  | |- derivable_pt_lim (fun r => tan (@?f r)) _ _ => apply (dl_tan f); [assumption | derive]
  | |- derivable_pt_lim (fun r => floor (@?f r)) _ _ => eapply (dl_floor f); [assumption | derive]
  | |- derivable_pt_lim (fun r => / @?f r) _ _ => apply (dl_inv f); [nonzero | derive]
  | |- derivable_pt_lim (fun r => sqrt (@?f r)) _ _ => apply (dl_sqrt f); [assumption | derive]
  end.

(* 5. A recurrence and its derivative along a curve of initial states: the chain rule over time. *)
Definition state := nat -> vec.  (* the parts of the state, by number *)
Section Recurrence.
Variables (size : nat -> nat) (F : nat -> state -> state) (dF : nat -> state -> state -> state).
Variable smooth : nat -> state -> Prop.
Definition along (s : R -> state) (r : R) (ds : state) : Prop := forall p, D (size p) (fun r => s r p) r (ds p).
Hypothesis dF_correct : forall t s r ds, smooth t (s r) -> along s r ds ->
  along (fun r => F t (s r)) r (dF t (s r) ds).
Fixpoint run (T : nat) (s : state) : state := match T with O => s | S t => F t (run t s) end.
Fixpoint drun (T : nat) (s ds : state) : state := match T with O => ds | S t => dF t (run t s) (drun t s ds) end.
Theorem run_derivative T s r ds : (forall t, (t < T)%nat -> smooth t (run t (s r))) -> along s r ds ->
  along (fun r => run T (s r)) r (drun T (s r) ds).
Proof.
  intros Hs H; induction T as [|T IH]; simpl; [exact H|].
  apply (dF_correct T (fun r => run T (s r))); [apply Hs; lia | apply IH; intros; apply Hs; lia].
Qed.
Lemma run_keeps (box : state -> Prop) (good : nat -> state -> Prop) s T :
  (forall t s, good t s -> box s -> box (F t s)) -> box s ->
  (forall t, (t < T)%nat -> good t (run t s)) -> forall t, (t <= T)%nat -> box (run t s).
Proof. intros H H0 G t; induction t as [|t IH]; intros Ht; simpl; [exact H0 | apply H; [apply G | apply IH]; lia]. Qed.
End Recurrence.

(* 6. Induction over time, on the norms alone. *)
Lemma geometric_upper (p : nat -> R) k T : 0 <= k -> (forall t, (t < T)%nat -> p (S t) <= k * p t) -> p T <= k ^ T * p 0%nat.
Proof.
  intros k0; induction T as [|T IH]; intros H; simpl; [lra|].
  apply Rle_trans with (k * p T); [apply H; lia|]. rewrite Rmult_assoc.
  apply Rmult_le_compat_l; [exact k0 | apply IH; intros; apply H; lia].
Qed.
Lemma geometric_lower (p : nat -> R) m T : 0 <= m -> (forall t, (t < T)%nat -> m * p t <= p (S t)) -> m ^ T * p 0%nat <= p T.
Proof.
  intros m0; induction T as [|T IH]; intros H; simpl; [lra|].
  apply Rle_trans with (m * p T); [|apply H; lia]. rewrite Rmult_assoc.
  apply Rmult_le_compat_l; [exact m0 | apply IH; intros; apply H; lia].
Qed.
(* The cone |q| <= kappa |p| is kept, and in it p shrinks by a - b kappa at most. *)
Theorem cone (p q : nat -> R) a b g d kappa T :
  0 <= kappa -> 0 <= b -> 0 <= d -> 0 <= a - b * kappa -> g + d * kappa <= kappa * (a - b * kappa) ->
  (forall t, 0 <= p t) ->
  (forall t, (t < T)%nat -> a * p t - b * q t <= p (S t)) -> (forall t, (t < T)%nat -> q (S t) <= g * p t + d * q t) ->
  q 0%nat <= kappa * p 0%nat -> (a - b * kappa) ^ T * p 0%nat <= p T /\ q T <= kappa * p T.
Proof.
  intros k0 b0 d0 r0 C P; induction T as [|T IH]; intros Hp Hq H0; simpl; [split; lra|].
  destruct IH as [L K]; auto. pose proof (Hp T (Nat.lt_succ_diag_r T)) as A; pose proof (Hq T (Nat.lt_succ_diag_r T)) as B.
  assert (b * q T <= b * (kappa * p T)) by (apply Rmult_le_compat_l; auto).
  assert (d * q T <= d * (kappa * p T)) by (apply Rmult_le_compat_l; auto).
  assert (G : (a - b * kappa) * p T <= p (S T)) by lra.
  split; [apply Rle_trans with ((a - b * kappa) * p T); [rewrite Rmult_assoc; apply Rmult_le_compat_l; auto | auto]|].
  apply Rle_trans with (kappa * ((a - b * kappa) * p T)); [|apply Rmult_le_compat_l; auto].
  pose proof (Rmult_le_compat_r (p T) _ _ (P T) C); lra.
Qed.
(* A start in the cone has 0 <= kappa unless it is 0, and then 0 <= a - b kappa but where kappa is 0. *)
Theorem cone_kept (p q : nat -> R) a b g d kappa T :
  0 <= b -> 0 <= g -> 0 <= d -> (kappa = 0 -> 0 <= a) -> g + d * kappa <= kappa * (a - b * kappa) ->
  (forall t, 0 <= p t) -> 0 <= q 0%nat ->
  (forall t, (t < T)%nat -> a * p t - b * q t <= p (S t)) -> (forall t, (t < T)%nat -> q (S t) <= g * p t + d * q t) ->
  q 0%nat <= kappa * p 0%nat -> (a - b * kappa) ^ T * p 0%nat <= p T.
Proof.
  intros b0 g0 d0 A0 C P Q0 Hp Hq H0; pose proof (P 0%nat) as P0.
  destruct (Rtotal_order kappa 0) as [K | [K | K]].
  - replace (p 0%nat) with 0 by nra; rewrite Rmult_0_r; apply P.
  - apply (cone p q a b g d kappa T); auto; rewrite ?K in *; lra.
  - assert (R0 : 0 <= a - b * kappa).
    { apply Rmult_le_reg_l with kappa; [exact K|]. rewrite Rmult_0_r.
      apply Rle_trans with (g + d * kappa); [|exact C].
      apply Rplus_le_le_0_compat; [exact g0 | apply Rmult_le_pos; lra]. }
    apply (cone p q a b g d kappa T); auto; lra.
Qed.
(* Only the steps that are active count. *)
Fixpoint count (act : nat -> bool) (T : nat) : nat :=
  match T with O => O | S t => ((if act t then 1 else 0) + count act t)%nat end.
Theorem idle_upper (p : nat -> R) (act : nat -> bool) k T : 0 <= k ->
  (forall t, (t < T)%nat -> p (S t) <= (if act t then k else 1) * p t) -> p T <= k ^ count act T * p 0%nat.
Proof.
  intros k0; induction T as [|T IH]; intros H; simpl; [lra|].
  assert (I : p T <= k ^ count act T * p 0%nat) by (apply IH; intros; apply H; lia).
  pose proof (H T (Nat.lt_succ_diag_r T)) as J; destruct (act T); simpl; [|lra].
  apply Rle_trans with (k * p T); [exact J|]. rewrite Rmult_assoc; apply Rmult_le_compat_l; auto.
Qed.
Theorem vanishes q : 0 <= q < 1 -> forall eps, 0 < eps -> exists N, forall T, (N <= T)%nat -> q ^ T < eps.
Proof.
  intros [q0 q1] eps He; destruct (pow_lt_1_zero q) with (y := eps) as [N HN]; [rewrite Rabs_pos_eq; lra | lra |].
  exists N; intros T HT; specialize (HN T HT); rewrite Rabs_pos_eq in HN; [exact HN | apply pow_le; exact q0].
Qed.

(* 7. Facts that single cells need. *)
Lemma mat_zero n W x i : (forall j, (j < n)%nat -> x j = 0) -> mat n W x i = 0.
Proof. intros H; unfold mat; rewrite (sum_ext n _ (fun j => 0 * x j)); [rewrite sum_scal; ring | intros; rewrite H; auto; ring]. Qed.
Lemma mat_null n W x i : (forall i j, W i j = 0) -> mat n W x i = 0.
Proof. intros H; unfold mat; rewrite (sum_ext n _ (fun j => 0 * x j)); [rewrite sum_scal; ring | intros; rewrite H; ring]. Qed.
Lemma mat_one W x : mat 1 W x 0%nat = W 0%nat 0%nat * x 0%nat.
Proof. unfold mat; simpl; ring. Qed.
Lemma mat_scaled_identity n W a x i : (forall i j, W i j = if Nat.eq_dec i j then a else 0) ->
  (i < n)%nat -> mat n W x i = a * x i.
Proof.
  intros H Hi; unfold mat; induction n as [|n IH]; [lia | simpl].
  rewrite H; destruct (Nat.eq_dec i n) as [->|Ne]; [|rewrite IH by lia; ring].
  rewrite (sum_ext n _ (fun j => 0 * x j)); [rewrite sum_scal; ring|].
  intros j Hj; rewrite H; destruct (Nat.eq_dec n j); [lia | ring].
Qed.
Lemma tanh_zero : tanh 0 = 0.
Proof. unfold tanh, sinh; rewrite Ropp_0, Rminus_diag_eq by reflexivity; unfold Rdiv; ring. Qed.
Lemma sigmoid_zero : sigmoid 0 = 1 / 2.
Proof. unfold sigmoid; rewrite Ropp_0, exp_0; field. Qed.
Lemma step_cases x : step x = 0 \/ step x = 1.
Proof. unfold step; destruct (Rlt_dec 0 x); auto. Qed.
Lemma step_active x : 0 < x -> step x = 1.
Proof. intros H; unfold step; destruct (Rlt_dec 0 x); [reflexivity | contradiction]. Qed.
Lemma nrm_le_sqrt n x : (forall i, (i < n)%nat -> -1 <= x i <= 1) -> nrm n x <= sqrt (INR n).
Proof.
  intros H; unfold nrm; apply sqrt_le_1_alt; unfold dot.
  replace (INR n) with (sum n (fun _ => 1)); [apply sum_le; intros i Hi; specialize (H i Hi); nra|].
  clear H; induction n as [|n IH]; [reflexivity | rewrite S_INR; simpl; lra].
Qed.
Lemma unit_below m n (W : nat -> nat -> R) k x i X : (i < m)%nat -> ub m n (mat n W) k -> 0 <= k -> nrm n x <= X ->
  - (k * X) <= mat n W x i.
Proof.
  intros Hi H k0 Hx; pose proof (entry_le_nrm m (mat n W x) i Hi) as E; specialize (H x).
  assert (k * nrm n x <= k * X) by (apply Rmult_le_compat_l; auto).
  assert (A : Rabs (mat n W x i) <= k * X) by lra; apply abs_range in A; lra.
Qed.
(* A unit of period p is active at the steps p, 2p, ...; steps are counted from 1. *)
Definition ticks (p t : nat) : bool := Nat.eqb (S t mod p) 0.
Theorem count_ticks p T : p <> 0%nat -> count (ticks p) T = (T / p)%nat.
Proof.
  intros P; induction T as [|T IH]; simpl; [symmetry; apply Nat.div_0_l; exact P|].
  rewrite IH; unfold ticks.
  pose proof (Nat.div_mod T p P) as A; pose proof (Nat.mod_upper_bound T p P) as B.
  destruct (Nat.eqb (S T mod p) 0) eqn:E; [apply Nat.eqb_eq in E | apply Nat.eqb_neq in E];
  pose proof (Nat.div_mod (S T) p P) as C; pose proof (Nat.mod_upper_bound (S T) p P) as G; nia.
Qed.
Lemma pow_div a b n : b <> 0 -> (a / b) ^ n * b ^ n = a ^ n.
Proof. intros H; induction n as [|n IH]; simpl; [ring | rewrite <- IH; field; exact H]. Qed.
(* Certified decimals of a power of a fraction, from whole numbers. *)
Lemma power_between (p q low high k f : Z) (n : nat) : (0 < q)%Z -> (0 < k)%Z ->
  (low * q ^ Z.of_nat n <= f * k * p ^ Z.of_nat n)%Z -> (f * k * p ^ Z.of_nat n <= high * q ^ Z.of_nat n)%Z ->
  IZR low / IZR k <= IZR f * (IZR p / IZR q) ^ n <= IZR high / IZR k.
Proof.
  intros q0 k0 L H; apply IZR_le in L, H; rewrite !mult_IZR, <- !pow_IZR in L, H.
  assert (Q : 0 < IZR q) by (apply IZR_lt; exact q0). assert (K : 0 < IZR k) by (apply IZR_lt; exact k0).
  pose proof (pow_lt _ n Q) as N; pose proof (pow_div (IZR p) (IZR q) n ltac:(lra)) as E.
  rewrite <- E in L, H; set (w := (IZR p / IZR q) ^ n) in *; set (d := IZR q ^ n) in *; clearbody w d.
  assert (L2 : IZR low <= IZR f * w * IZR k) by (apply (Rmult_le_reg_r d); [exact N | lra]).
  assert (H2 : IZR f * w * IZR k <= IZR high) by (apply (Rmult_le_reg_r d); [exact N | lra]).
  split; apply (Rmult_le_reg_r (IZR k)); auto.
  - replace (IZR low / IZR k * IZR k) with (IZR low) by (field; lra); exact L2.
  - replace (IZR high / IZR k * IZR k) with (IZR high) by (field; lra); exact H2.
Qed.

(* 8. Contraction: a row by its absolute values, three maps at once, how long it takes. *)
Lemma mat_most n W x i X : (forall j, (j < n)%nat -> Rabs (x j) <= X) ->
  Rabs (mat n W x i) <= sum n (fun j => Rabs (W i j)) * X.
Proof.
  unfold mat; induction n as [|n IH]; simpl; intros H; [rewrite Rabs_R0; lra|].
  eapply Rle_trans; [apply Rabs_triang|]; rewrite Rmult_plus_distr_r; apply Rplus_le_compat; [auto|].
  rewrite Rabs_mult; apply Rmult_le_compat_l; [apply Rabs_pos | auto].
Qed.
(* A gate is at most sigmoid a where its argument is, for every h in [-1, 1]. *)
Lemma gate_most n U h w b a i : (forall j, (j < n)%nat -> -1 <= h j <= 1) ->
  w + b + sum n (fun j => Rabs (U i j)) <= a -> sigmoid (mat n U h i + w + b) <= sigmoid a.
Proof.
  intros Hh Ha; apply sigmoid_le.
  pose proof (mat_most n U h i 1 (fun j Hj => Rabs_le _ _ (Hh j Hj))) as A.
  apply abs_range in A; lra.
Qed.
Lemma nrm_map n m d W k c x : (forall i, (i < n)%nat -> Rabs (d i) <= c) -> 0 <= c -> ub n m (mat m W) k ->
  nrm n (fun i => d i * mat m W x i) <= c * k * nrm m x.
Proof.
  intros Hd c0 HW; eapply Rle_trans; [apply (nrm_diag n d (mat m W x) c c0 Hd)|].
  rewrite Rmult_assoc; apply Rmult_le_compat_l; [exact c0 | apply HW].
Qed.
Lemma nrm_maps n m a b d A B C kA kB kC p q r x :
  (forall i, (i < n)%nat -> Rabs (a i) <= p /\ Rabs (b i) <= q /\ Rabs (d i) <= r) -> 0 <= p -> 0 <= q -> 0 <= r ->
  ub n m (mat m A) kA -> ub n m (mat m B) kB -> ub n m (mat m C) kC ->
  nrm n (fun i => a i * mat m A x i + b i * mat m B x i + d i * mat m C x i) <= (p * kA + q * kB + r * kC) * nrm m x.
Proof.
  intros H p0 q0 r0 HA HB HC.
  pose proof (nrm_add n (fun i => a i * mat m A x i + b i * mat m B x i) (fun i => d i * mat m C x i)) as S.
  pose proof (nrm_add n (fun i => a i * mat m A x i) (fun i => b i * mat m B x i)) as T.
  pose proof (nrm_map n m a A kA p x (fun i Hi => proj1 (H i Hi)) p0 HA).
  pose proof (nrm_map n m b B kB q x (fun i Hi => proj1 (proj2 (H i Hi))) q0 HB).
  pose proof (nrm_map n m d C kC r x (fun i Hi => proj2 (proj2 (H i Hi))) r0 HC).
  cbv beta in *; lra.
Qed.
Theorem recovery rho eps T : 0 < rho < 1 -> 0 < eps -> ln eps / ln rho <= INR T -> rho ^ T <= eps.
Proof.
  intros [r0 r1] e0 H; rewrite <- (exp_ln (rho ^ T)) by (apply pow_lt; exact r0); rewrite <- (exp_ln eps e0).
  assert (L : ln rho < 0) by (rewrite <- ln_1; apply ln_increasing; lra).
  rewrite ln_pow by exact r0.
  assert (K : INR T * ln rho <= ln eps).
  { replace (ln eps) with (ln eps / ln rho * ln rho) by (field; lra).
    apply Rmult_le_compat_neg_l with (r := ln rho) in H; lra. }
  destruct K as [K | ->]; [left; apply exp_increasing; exact K | right; reflexivity].
Qed.

(* Products of things that are at least 0. *)
Ltac nonneg := first [lra | apply pow2_ge_0 | apply Rle_0_sqr | assumption | apply Rmult_le_pos; nonneg
  | apply Rplus_le_le_0_compat; nonneg | apply pow_le; nonneg].
