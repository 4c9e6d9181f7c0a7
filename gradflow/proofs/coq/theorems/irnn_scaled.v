Proof.
  intros a HU T s r ds Sm H A;   exists (drun F dF T (s r) ds); split; [exact (run_derivative size F dF smooth dF_correct T s r ds Sm H)|]; clear Sm H.
  induction T as [|T IH]; intros i Hi; [simpl; ring|].
  change (t_h_next T (run F T (s r)) (drun F dF T (s r) ds) i = a ^ S T * ds 0%nat i).
  unfold t_h_next; rewrite step_active by (apply A; auto with arith).
  rewrite (mat_scaled_identity _ _ a) by auto; rewrite IH by auto; simpl; ring.
Qed.
