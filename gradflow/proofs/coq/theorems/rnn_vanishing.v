Proof.
  intros q lo hi rho [l0 lh] Hq [r0 r1] HU; split; [|intros eps T e0; apply recovery; auto].
  intros T s r ds Sm H; exists (drun F dF T (s r) ds); split;
    [exact (run_derivative size F dF smooth dF_correct T s r ds Sm H)|]; clear Sm H.
  set (Q := fun x : vec => nrm n_hidden (fun i => q i * x i)).
  assert (G : Q (drun F dF T (s r) ds 0%nat) <= rho ^ T * Q (ds 0%nat)).
  { apply (geometric_upper (fun t => Q (drun F dF t (s r) ds 0%nat)) rho T); [lra | intros t Ht].
    set (x := drun F dF t (s r) ds 0%nat).
    change (Q (t_h_next t (run F t (s r)) (drun F dF t (s r) ds)) <= rho * Q x); unfold Q.
    eapply Rle_trans; [|apply (HU x)].
    rewrite <- (Rmult_1_l (nrm n_hidden (fun i => q i * mat n_hidden p_U x i))).
    rewrite (nrm_ext _ (fun i => q i * t_h_next t (run F t (s r)) (drun F dF t (s r) ds) i)
      (fun i => (1 - v_h_next t (run F t (s r)) i ^ 2) * (q i * mat n_hidden p_U x i))).
    - apply nrm_diag; [lra|]; intros i Hi.
      pose proof (tanh_range (v_U_h t (run F t (s r)) i + v_W_x t i + p_b i)
        : -1 < v_h_next t (run F t (s r)) i < 1).
      apply abs_both; nra.
    - intros i Hi; unfold t_h_next; fold x; ring. }
  assert (A : lo * nrm n_hidden (drun F dF T (s r) ds 0%nat) <= Q (drun F dF T (s r) ds 0%nat)).
  { apply nrm_diag_low; intros i Hi; specialize (Hq i Hi); rewrite Rabs_pos_eq; lra. }
  assert (B : Q (ds 0%nat) <= hi * nrm n_hidden (ds 0%nat)).
  { apply nrm_diag; [lra|]; intros i Hi; specialize (Hq i Hi); rewrite Rabs_pos_eq; lra. }
  apply (Rmult_le_reg_l lo); [exact l0|].
  replace (lo * (hi / lo * rho ^ T * nrm n_hidden (ds 0%nat)))
    with (rho ^ T * (hi * nrm n_hidden (ds 0%nat))) by (field; lra).
  eapply Rle_trans; [exact A | eapply Rle_trans; [exact G|]].
  apply Rmult_le_compat_l; [apply pow_le; lra | exact B].
Qed.
