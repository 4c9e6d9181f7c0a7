Proof.
  intros p Hp HA T s r ds Sm H; exists (drun F dF T (s r) ds); split;
    [exact (run_derivative size F dF smooth dF_correct T s r ds Sm H)|]; clear Sm H.
  rewrite <- (count_ticks p T Hp).
  apply (idle_upper (fun t => nrm n_hidden (drun F dF t (s r) ds 0%nat)) (ticks p) k_W_H T);
    [exact k_W_H_pos | intros t Ht].
  set (x := drun F dF t (s r) ds 0%nat).
  change (nrm n_hidden (t_h_next t (run F t (s r)) (drun F dF t (s r) ds))
    <= (if ticks p t then k_W_H else 1) * nrm n_hidden x).
  destruct (ticks p t) eqn:E.
  - eapply Rle_trans; [|apply (k_W_H_ub x)].
    rewrite <- (Rmult_1_l (nrm n_hidden (mat n_hidden p_W_H x))).
    rewrite (nrm_ext _ _ (fun i => (1 - v_a t (run F t (s r)) i ^ 2) * mat n_hidden p_W_H x i)).
    + apply nrm_diag; [lra|]; intros i Hi.
      pose proof (tanh_range (v_W_H_h t (run F t (s r)) i + v_W_I_x t i + p_b i)
        : -1 < v_a t (run F t (s r)) i < 1).
      apply abs_both; nra.
    + intros i Hi; unfold t_h_next; rewrite (HA t i Hi), E; fold x; ring.
  - rewrite Rmult_1_l; apply Req_le, nrm_ext; intros i Hi.
    unfold t_h_next; rewrite (HA t i Hi), E; fold x; ring.
Qed.
