Proof.
  intros e m He HU m0 T s r ds Hm Sm H; exists (drun F dF T (s r) ds); split;
    [exact (run_derivative size F dF smooth dF_correct T s r ds Sm H)|]; clear Sm H.
  assert (S : forall t, (t < T)%nat ->
    m * (1 - e) * nrm n_hidden (drun F dF t (s r) ds 0%nat) <= nrm n_hidden (drun F dF (S t) (s r) ds 0%nat)
    <= (1 + e) * nrm n_hidden (drun F dF t (s r) ds 0%nat)).
  { intros t Ht; set (x := drun F dF t (s r) ds 0%nat); destruct (HU x) as [A B].
    change (drun F dF (S t) (s r) ds 0%nat) with (t_h_next t (run F t (s r)) (drun F dF t (s r) ds)).
    rewrite (nrm_ext _ (t_h_next t (run F t (s r)) (drun F dF t (s r) ds))
      (fun i => (1 - v_h_next t (run F t (s r)) i ^ 2) * mat n_hidden p_U x i))
      by (intros i Hi; unfold t_h_next; fold x; ring).
    split.
    - eapply Rle_trans; [|apply (nrm_diag_low n_hidden _ (mat n_hidden p_U x) m)].
      + rewrite Rmult_assoc; apply Rmult_le_compat_l; [exact m0 | exact A].
      + intros i Hi; eapply Rle_trans; [apply (Hm t i Ht Hi) | apply Rle_abs].
    - eapply Rle_trans; [apply (nrm_diag n_hidden _ (mat n_hidden p_U x) 1); [lra|] | lra].
      intros i Hi; pose proof (tanh_range (v_U_h t (run F t (s r)) i + v_W_x t i + p_b i)
        : -1 < v_h_next t (run F t (s r)) i < 1).
      apply abs_both; nra. }
  split.
  - apply (geometric_lower (fun t => nrm n_hidden (drun F dF t (s r) ds 0%nat)) (m * (1 - e)) T); [nonneg | apply S].
  - apply (geometric_upper (fun t => nrm n_hidden (drun F dF t (s r) ds 0%nat)) (1 + e) T); [lra | apply S].
Qed.
