Proof.
  intros per p k Hp k0 HW HA HK T s r ds Sm H H0; exists (drun F dF T (s r) ds); split;
    [exact (run_derivative size F dF smooth dF_correct T s r ds Sm H)|]; clear Sm H.
  assert (Z : forall t i, (i < n_hidden)%nat -> (p < per i)%nat -> drun F dF t (s r) ds 0%nat i = 0).
  { induction t as [|t IH]; intros i Hi Hs; [apply H0; assumption|].
    change (t_h_next t (run F t (s r)) (drun F dF t (s r) ds) i = 0); unfold t_h_next.
    rewrite (IH i Hi Hs). replace (mat n_hidden p_W_H (drun F dF t (s r) ds 0%nat) i) with 0; [ring|].
    symmetry; unfold mat; rewrite (sum_ext _ _ (fun j => 0 * p_W_H i j)); [rewrite sum_scal; ring|].
    intros j Hj; destruct (HW i j) as [L | ->]; [|ring].
    rewrite (IH j Hj) by lia; ring. }
  split; [intros i Hi Hs; apply Z; assumption|].
  rewrite <- (count_ticks p T Hp).
  apply (idle_upper (fun t => nrm n_hidden (part per p (drun F dF t (s r) ds 0%nat))) (ticks p) k T);
    [exact k0 | intros t Ht].
  set (x := drun F dF t (s r) ds 0%nat).
  change (nrm n_hidden (part per p (t_h_next t (run F t (s r)) (drun F dF t (s r) ds)))
    <= (if ticks p t then k else 1) * nrm n_hidden (part per p x)).
  destruct (ticks p t) eqn:E.
  - eapply Rle_trans; [|apply (HK (part per p x))].
    rewrite <- (Rmult_1_l (nrm n_hidden (part per p (mat n_hidden p_W_H (part per p (part per p x)))))).
    rewrite (nrm_ext _ (part per p (t_h_next t (run F t (s r)) (drun F dF t (s r) ds)))
      (fun i => (1 - v_a t (run F t (s r)) i ^ 2)
      * part per p (mat n_hidden p_W_H (part per p (part per p x))) i)).
    + apply nrm_diag; [lra|]; intros i Hi.
      pose proof (tanh_range (v_W_H_h t (run F t (s r)) i + v_W_I_x t i + p_b i)
        : -1 < v_a t (run F t (s r)) i < 1).
      apply abs_both; nra.
    + intros i Hi; unfold part at 1 2; destruct (Nat.eqb (per i) p) eqn:Q; [|ring].
      apply Nat.eqb_eq in Q; unfold t_h_next; rewrite (HA t i Hi), Q, E; fold x.
      replace (mat n_hidden p_W_H (part per p (part per p x)) i) with (mat n_hidden p_W_H x i); [ring|].
      unfold mat; apply sum_ext; intros j Hj; unfold part.
      destruct (Nat.eqb (per j) p) eqn:P; [reflexivity|]; apply Nat.eqb_neq in P.
      destruct (HW i j) as [L | ->]; [|ring].
      unfold x; rewrite (Z t j Hj) by lia; ring.
  - rewrite Rmult_1_l; apply Req_le, nrm_ext; intros i Hi; unfold part.
    destruct (Nat.eqb (per i) p) eqn:Q; [|reflexivity].
    apply Nat.eqb_eq in Q; unfold t_h_next; rewrite (HA t i Hi), Q, E; fold x; ring.
Qed.
