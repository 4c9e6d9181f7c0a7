Proof.
  intros e always He HE T s r ds Sm H A Z; exists (drun F dF T (s r) ds); split;
    [exact (run_derivative size F dF smooth dF_correct T s r ds Sm H)|]; clear Sm H.
  set (x := fun t => drun F dF t (s r) ds 0%nat). set (v := ds 0%nat).
  set (d := fun t i => step (v_h_next t (run F t (s r)) i)).
  assert (d1 : forall t i, Rabs (d t i) <= 1).
  { intros t i; unfold d; destruct (step_cases (v_h_next t (run F t (s r)) i)) as [-> | ->];
    [rewrite Rabs_R0 | rewrite Rabs_R1]; lra. }
  assert (X : forall t i, x (S t) i = d t i * mat n_hidden p_U (x t) i).
  { intros t i; change (x (S t) i) with (t_h_next t (run F t (s r)) (drun F dF t (s r) ds) i).
    unfold t_h_next, d, x; ring. }
  assert (E : forall t, nrm n_hidden (mat n_hidden p_U (x t)) <= (1 + e) * nrm n_hidden (x t)).
  { intros t; rewrite (nrm_ext _ _ (fun i => x t i + (mat n_hidden p_U (x t) i - x t i))) by (intros; ring).
    eapply Rle_trans; [apply nrm_add|]; pose proof (HE (x t)) as B; cbv beta in B; lra. }
  assert (U : forall t, nrm n_hidden (x t) <= (1 + e) ^ t * nrm n_hidden v).
  { intros t; apply (geometric_upper (fun t => nrm n_hidden (x t)) (1 + e) t); [lra|]; intros k _.
    rewrite (nrm_ext _ _ _ (fun i _ => X k i)).
    eapply Rle_trans; [apply (nrm_diag n_hidden (d k) (mat n_hidden p_U (x k)) 1); [lra | auto]|].
    rewrite Rmult_1_l; apply E. }
  assert (G : forall t, (t <= T)%nat -> nrm n_hidden (fun i => x t i - v i) <= ((1 + e) ^ t - 1) * nrm n_hidden v).
  { induction t as [|t IH]; intros Ht.
    - rewrite (nrm_ext _ _ (fun _ => 0)) by (intros; unfold x, v; simpl; ring); rewrite nrm_zero; simpl; lra.
    - rewrite (nrm_ext _ (fun i => x (S t) i - v i)
        (fun i => d t i * ((x t i - v i) + (mat n_hidden p_U (x t) i - x t i)))).
      + eapply Rle_trans; [apply (nrm_diag n_hidden (d t)
          (fun i => (x t i - v i) + (mat n_hidden p_U (x t) i - x t i)) 1); [lra | auto]|].
        rewrite Rmult_1_l; eapply Rle_trans; [apply nrm_add|].
        pose proof (HE (x t)) as B; cbv beta in B; specialize (IH ltac:(lia)); pose proof (U t) as C.
        pose proof (Rmult_le_compat_l e _ _ He C); simpl; lra.
      + intros i Hi; rewrite X; destruct (always i) eqn:Q.
        * unfold d; rewrite (step_active _ (A t i ltac:(lia) Hi Q)); ring.
        * unfold v; rewrite (Z i Hi Q); ring. }
  split; [|apply U]. specialize (G T (le_n T)); change (drun F dF T (s r) ds 0%nat) with (x T); fold v.
  pose proof (nrm_weyl n_hidden v (fun i => x T i - v i)) as W.
  rewrite (nrm_ext _ (fun i => v i + (x T i - v i)) (x T)) in W by (intros; ring). lra.
Qed.
