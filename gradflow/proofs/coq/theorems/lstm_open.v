Proof.
  intros k_i k_f k_o k_g l C b kappa (i0 & f0 & o0 & g0 & C0) (Hi & Hf & Ho & Hg) Hb Cone T s r ds G B S0 H.
  exists (drun F dF T (s r) ds); split;
    [apply (run_derivative size F dF smooth dF_correct); [intros; exact Logic.I | exact H]|]; clear H.
  set (p := fun t => nrm n_hidden (drun F dF t (s r) ds 1%nat)).
  set (q := fun t => nrm n_hidden (drun F dF t (s r) ds 0%nat)).
  assert (P0 : forall t, 0 <= p t) by (intros; apply nrm_nonneg).
  assert (Q0 : forall t, 0 <= q t) by (intros; apply nrm_nonneg).
  destruct (Nat.eq_dec T 0) as [None | Some]; [subst T; simpl; split; [split; lra | exact S0]|].
  destruct (Nat.eq_dec n_hidden 0) as [Empty | Units].
  { rewrite Empty; assert (Z : forall x, nrm 0 x = 0) by (intros; unfold nrm, dot; simpl; apply sqrt_0).
    rewrite !Z, !Rmult_0_r; split; [split|]; lra. }
  assert (Hl : l < 1).
  { apply Rle_lt_trans with (v_f 0%nat (run F 0%nat (s r)) 0%nat); [apply G; lia | apply sigmoid_range]. }
  assert (b0 : 0 <= b) by (rewrite Hb; repeat apply Rplus_le_le_0_compat; repeat apply Rmult_le_pos; lra).
  assert (S : forall t, (t < T)%nat -> l * p t - b * q t <= p (S t) <= p t + b * q t
    /\ q (S t) <= p t + (b + / 4 * k_o) * q t).
  { intros t Ht; set (z := run F t (s r)); set (x := drun F dF t (s r) ds 0%nat); set (y := drun F dF t (s r) ds 1%nat).
    set (rest := fun i => (z 1%nat i * v_f t z i * (1 - v_f t z i)) * mat n_hidden p_U_f x i
      + (v_i t z i * (1 - v_g t z i ^ 2)) * mat n_hidden p_U_g x i
      + (v_g t z i * v_i t z i * (1 - v_i t z i)) * mat n_hidden p_U_i x i).
    set (kept := fun i => v_f t z i * y i).
    assert (L : forall i, (i < n_hidden)%nat -> (0 < v_i t z i < 1 /\ (0 < v_f t z i < 1 /\ l <= v_f t z i) /\ 0 < v_o t z i < 1)
      /\ (-1 < v_g t z i < 1 /\ -1 < tanh (v_c_next t z i) < 1 /\ Rabs (z 1%nat i) <= C)).
    { intros i Li; repeat split; try apply sigmoid_range; try apply tanh_range;
      [apply (G t i Ht Li) | apply (B t i Ht Li)]. }
    assert (shut : forall a, 0 < a < 1 /\ l <= a -> Rabs (a * (1 - a)) <= 1 - l).
    { intros a [[A0 A1] A2]; apply Rle_trans with (1 * (1 - l)); [apply abs_mul; apply Rabs_le; lra | lra]. }
    assert (R : nrm n_hidden rest <= b * q t).
    { replace b with ((1 - l) * C * k_f + 1 * k_g + / 4 * k_i) by (rewrite Hb; ring).
      apply nrm_maps; try assumption; try lra; [|apply Rmult_le_pos; lra].
      intros i Li; destruct (L i Li) as ((I0 & F0 & O0) & (G0 & N0 & Z0)); repeat split.
      - rewrite (Rmult_comm (1 - l)), Rmult_assoc; apply abs_mul; [exact Z0 | apply shut, F0].
      - apply Rle_trans with (1 * 1); [apply abs_mul; [apply Rabs_le; lra | apply tanh_slope, G0] | lra].
      - rewrite <- (Rmult_1_l (/ 4)), Rmult_assoc; apply abs_mul; [apply Rabs_le; lra | apply sigmoid_slope, I0]. }
    assert (Kp : l * p t <= nrm n_hidden kept <= p t).
    { split; [apply nrm_diag_low | rewrite <- (Rmult_1_l (p t)); apply nrm_diag; [lra|]];
      intros i Li; destruct (L i Li) as ((_ & [[F0 F1] F2] & _) & _); rewrite Rabs_pos_eq; lra. }
    assert (Cn : p (S t) = nrm n_hidden (fun i => kept i + rest i)).
    { change (p (S t)) with (nrm n_hidden (t_c_next t z (drun F dF t (s r) ds))); apply nrm_ext; intros i Li.
      unfold t_c_next, kept, rest; fold x; fold y; ring. }
    pose proof (nrm_add n_hidden kept rest) as A; pose proof (nrm_weyl n_hidden kept rest) as W; cbv beta in A, W.
    split; [rewrite Cn; lra|].
    set (side := fun i => (tanh (v_c_next t z i) * (v_o t z i * (1 - v_o t z i))) * mat n_hidden p_U_o x i).
    set (slope := fun i => v_o t z i * (1 - tanh (v_c_next t z i) ^ 2)).
    assert (Hn : q (S t) = nrm n_hidden (fun i => slope i * (kept i + rest i) + side i)).
    { change (q (S t)) with (nrm n_hidden (t_h_next t z (drun F dF t (s r) ds))); apply nrm_ext; intros i Li.
      unfold t_h_next, kept, rest, slope, side; fold x; fold y; ring. }
    rewrite Hn; eapply Rle_trans; [apply nrm_add|].
    assert (M : nrm n_hidden (fun i => slope i * (kept i + rest i)) <= 1 * nrm n_hidden (fun i => kept i + rest i)).
    { apply nrm_diag; [lra|]; intros i Li; destruct (L i Li) as ((_ & _ & O0) & (_ & N0 & _)); unfold slope.
      apply Rle_trans with (1 * 1); [apply abs_mul; [apply Rabs_le; lra | apply tanh_slope, N0] | lra]. }
    assert (N : nrm n_hidden side <= / 4 * k_o * q t).
    { apply nrm_map; [|lra | assumption]; intros i Li; destruct (L i Li) as ((_ & _ & O0) & (_ & N0 & _)).
      rewrite <- (Rmult_1_l (/ 4)); apply abs_mul; [apply Rabs_le; lra | apply sigmoid_slope, O0]. }
    lra. }
  destruct (Rtotal_order kappa 0) as [K0 | [K0 | K0]].
  { assert (Z : forall t, (t <= T)%nat -> p t = 0 /\ q t = 0).
    { induction t as [|t IH]; intros Ht.
      - pose proof (P0 0%nat); pose proof (Q0 0%nat); change (q 0%nat <= kappa * p 0%nat) in S0; split; nra.
      - destruct (IH ltac:(lia)) as [Zp Zq]; destruct (S t ltac:(lia)) as [[_ U] V].
        rewrite Zp, Zq in U, V; pose proof (P0 (Datatypes.S t)); pose proof (Q0 (Datatypes.S t)); split; lra. }
    destruct (Z 0%nat ltac:(lia)) as [Zp _]; destruct (Z T ltac:(lia)) as [Wp Wq].
    change (((l - b * kappa) ^ T * p 0%nat <= p T <= (1 + b * kappa) ^ T * p 0%nat) /\ q T <= kappa * p T).
    rewrite Zp, Wp, Wq, !Rmult_0_r; split; [split|]; lra. }
  { exfalso; rewrite K0 in Cone; lra. }
  assert (d0 : 0 <= b + / 4 * k_o) by lra.
  assert (R0 : 0 <= l - b * kappa).
  { apply Rmult_le_reg_l with kappa; [exact K0|]; rewrite Rmult_0_r.
    apply Rle_trans with (1 + (b + / 4 * k_o) * kappa); [|exact Cone].
    apply Rplus_le_le_0_compat; [lra | apply Rmult_le_pos; lra]. }
  destruct (cone p q l b 1 (b + / 4 * k_o) kappa T) as [Low Keep]; auto; try lra;
    try (intros t Ht; destruct (S t Ht); lra).
  split; [split; [exact Low|] | exact Keep].
  assert (Inside : forall t, (t <= T)%nat -> q t <= kappa * p t).
  { intros t Ht; apply (cone p q l b 1 (b + / 4 * k_o) kappa t); auto; try lra;
    intros k Hk; destruct (S k ltac:(lia)); lra. }
  apply (geometric_upper p (1 + b * kappa) T); [apply Rplus_le_le_0_compat; [lra | apply Rmult_le_pos; lra]|].
  intros t Ht; destruct (S t Ht) as [[_ U] _]; pose proof (Rmult_le_compat_l b _ _ b0 (Inside t ltac:(lia))); lra.
Qed.
