Proof.
  intros e He HE T s r ds Sm H A;   exists (drun F dF T (s r) ds); split; [exact (run_derivative size F dF smooth dF_correct T s r ds Sm H)|]; clear Sm H.
  assert (S : forall t, (t < T)%nat ->
    (1 - e) * nrm n_hidden (drun F dF t (s r) ds 0%nat) <= nrm n_hidden (drun F dF (S t) (s r) ds 0%nat)
    <= (1 + e) * nrm n_hidden (drun F dF t (s r) ds 0%nat)).
  { intros t Ht; set (x := drun F dF t (s r) ds 0%nat).
    change (drun F dF (S t) (s r) ds 0%nat) with (t_h_next t (run F t (s r)) (drun F dF t (s r) ds)).
    rewrite (nrm_ext _ (t_h_next t (run F t (s r)) (drun F dF t (s r) ds))
      (fun i => x i + (mat n_hidden p_U x i - x i))).
    - pose proof (HE x) as B; pose proof (nrm_add n_hidden x (fun i => mat n_hidden p_U x i - x i)).
      pose proof (nrm_weyl n_hidden x (fun i => mat n_hidden p_U x i - x i)). cbv beta in *. lra.
    - intros i Hi; unfold t_h_next; rewrite step_active by (apply A; assumption).
      fold x; ring. }
  split.
  - apply (geometric_lower (fun t => nrm n_hidden (drun F dF t (s r) ds 0%nat)) (1 - e) T); [lra | apply S].
  - apply (geometric_upper (fun t => nrm n_hidden (drun F dF t (s r) ds 0%nat)) (1 + e) T); [lra | apply S].
Qed.
