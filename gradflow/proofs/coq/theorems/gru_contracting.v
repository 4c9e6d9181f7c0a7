Proof.
  intros a_z a_r k_g k_z k_r rho (g0 & z0 & r0) Az Ar HU HR r1.
  pose proof (sigmoid_range a_z) as [Z0 Z1]; pose proof (sigmoid_range a_r) as [R0 R1].
  set (m := k_g * (sigmoid a_r + / 4 * k_r)) in *.
  assert (m0 : 0 <= m) by (apply Rmult_le_pos; lra).
  assert (rho0 : 0 < rho) by (assert (0 <= (1 - sigmoid a_z) * m) by (apply Rmult_le_pos; lra); lra).
  assert (m1 : m < 1) by (apply (Rmult_lt_reg_l (1 - sigmoid a_z)); lra).
  split; [|intros eps T e0; apply recovery; auto].
  intros T s r ds M B H D0; exists (drun F dF T (s r) ds); split;
    [apply (run_derivative size F dF smooth dF_correct); [intros; exact Logic.I | exact H]|]; clear H.
  assert (Box : forall t, box (run F t (s r))).
  { intros t; apply (run_keeps F box (fun _ _ => True) (s r) t keeps B (fun _ _ => Logic.I) t (le_n t)). }
  assert (Sc : forall W n x c i, (forall j, (j < n)%nat -> Rabs (x j) <= c) -> 0 <= c ->
    forall k, sum n (fun j => Rabs (W i j)) <= k -> Rabs (mat n W x i) <= k * c).
  { intros W n x c i Hx c0 k Hk; eapply Rle_trans; [apply (mat_most n W x i c Hx)|].
    apply Rmult_le_compat_r; [exact c0 | exact Hk]. }
  induction T as [|t IH]; [intros i Hi; rewrite pow_O, Rmult_1_l; apply D0, Hi|].
  intros i Hi.
  set (z := run F t (s r)) in *; set (x := drun F dF t (s r) ds 0%nat) in *.
  set (c := rho ^ t * M) in *.
  assert (c0 : 0 <= c) by (pose proof (IH i Hi); pose proof (Rabs_pos (x i)); lra).
  pose proof (Box t) as Bt; fold z in Bt.
  assert (inner : forall j, (j < n_hidden)%nat ->
    Rabs (v_r t z j * x j + (z 0%nat j * v_r t z j * (1 - v_r t z j)) * mat n_hidden p_U_r x j)
      <= (sigmoid a_r + / 4 * k_r) * c).
  { intros j Hj; destruct (HU j Hj) as (_ & _ & Kr).
    pose proof (gate_most n_hidden p_U_r (z 0%nat) (v_W_r_x t j) (p_b_r j) a_r j Bt (Ar t j Hj)) as Rm.
    pose proof (sigmoid_range (v_U_r_h t z j + v_W_r_x t j + p_b_r j)) as Rr.
    change (0 < v_r t z j < 1) in Rr; change (v_r t z j <= sigmoid a_r) in Rm.
    pose proof (Sc p_U_r n_hidden x c j IH c0 k_r Kr) as U; pose proof (Bt j Hj) as Bj.
    rewrite Rmult_plus_distr_r; eapply Rle_trans; [apply Rabs_triang|]; apply Rplus_le_compat.
    - apply abs_mul; [apply Rabs_le; lra | apply IH, Hj].
    - rewrite (Rmult_assoc (/ 4)); apply abs_mul; [|exact U].
      rewrite Rmult_assoc, <- (Rmult_1_l (/ 4)); apply abs_mul; [apply Rabs_le; lra | apply sigmoid_slope, Rr]. }
  destruct (HU i Hi) as (Kg & Kz & _); pose proof (Bt i Hi) as Bi.
  pose proof (gate_most n_hidden p_U_z (z 0%nat) (v_W_z_x t i) (p_b_z i) a_z i Bt (Az t i Hi)) as Zm.
  pose proof (sigmoid_range (v_U_z_h t z i + v_W_z_x t i + p_b_z i)) as Zr.
  change (0 < v_z t z i < 1) in Zr; change (v_z t z i <= sigmoid a_z) in Zm.
  pose proof (tanh_range (v_U_g_out t z i + v_W_g_x t i + p_b_g i) : -1 < v_g t z i < 1) as G.
  pose proof (Sc p_U_z n_hidden x c i IH c0 k_z Kz) as Uz.
  pose proof (Sc p_U_g n_hidden _ ((sigmoid a_r + / 4 * k_r) * c) i inner
    ltac:(apply Rmult_le_pos; lra) k_g Kg) as Ug.
  rewrite mat_plus in Ug.
  set (A := mat n_hidden p_U_g (fun j => v_r t z j * x j) i
    + mat n_hidden p_U_g (fun j => (z 0%nat j * v_r t z j * (1 - v_r t z j)) * mat n_hidden p_U_r x j) i) in *.
  change (Rabs (t_h_next t z (drun F dF t (s r) ds) i) <= rho ^ S t * M).
  replace (t_h_next t z (drun F dF t (s r) ds) i) with (v_z t z i * x i
    + (1 - v_z t z i) * (1 - v_g t z i ^ 2) * A
    + (v_z t z i * (1 - v_z t z i) * (z 0%nat i - v_g t z i)) * mat n_hidden p_U_z x i).
  2: { unfold t_h_next, A; fold x.
    replace (mat n_hidden p_U_g (fun j => (z 0%nat j * v_r t z j * (1 - v_r t z j)) * mat n_hidden p_U_r x j) i)
      with (mat n_hidden p_U_g (fun j => (z 0%nat j * v_r t z j * (1 + (-1) * v_r t z j)) * mat n_hidden p_U_r x j) i)
      by (unfold mat; apply sum_ext; intros; ring).
    ring. }
  assert (P1 : Rabs (v_z t z i * x i) <= v_z t z i * c) by (apply abs_mul; [rewrite Rabs_pos_eq; lra | apply IH, Hi]).
  assert (P2 : Rabs ((1 - v_z t z i) * (1 - v_g t z i ^ 2) * A) <= (1 - v_z t z i) * (m * c)).
  { rewrite Rmult_assoc; apply abs_mul; [apply Rabs_le; lra|]; rewrite <- (Rmult_1_l (m * c)); apply abs_mul.
    - apply tanh_slope, G.
    - unfold m; rewrite Rmult_assoc; exact Ug. }
  assert (P3 : Rabs ((v_z t z i * (1 - v_z t z i) * (z 0%nat i - v_g t z i)) * mat n_hidden p_U_z x i) <= / 2 * (k_z * c)).
  { apply abs_mul; [|exact Uz]; replace (/ 2) with (/ 4 * 2) by field; apply abs_mul; [apply sigmoid_slope, Zr | apply Rabs_le; lra]. }
  eapply Rle_trans; [apply Rabs_triang|]; eapply Rle_trans; [apply Rplus_le_compat; [apply Rabs_triang | apply Rle_refl]|].
  eapply Rle_trans; [apply Rplus_le_compat; [apply Rplus_le_compat; [exact P1 | exact P2] | exact P3]|].
  replace (rho ^ S t * M) with (rho * c) by (unfold c; simpl; ring).
  assert (Q : v_z t z i + (1 - v_z t z i) * m <= sigmoid a_z + (1 - sigmoid a_z) * m).
  { assert (0 <= (sigmoid a_z - v_z t z i) * (1 - m)) by (apply Rmult_le_pos; lra). lra. }
  assert (E : (v_z t z i + (1 - v_z t z i) * m + / 2 * k_z) * c <= rho * c) by (apply Rmult_le_compat_r; lra).
  lra.
Qed.
