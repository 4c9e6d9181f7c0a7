Proof.
  intros T s r ds Sm H; exists (drun F dF T (s r) ds); split;
    [exact (run_derivative size F dF smooth dF_correct T s r ds Sm H)|]; clear Sm H.
  induction T as [|T IH]; intros i; [simpl; ring|].
  change (t_s_next T (run F T (s r)) (drun F dF T (s r) ds) i = p_alpha ^ S T * ds 1%nat i).
  unfold t_s_next; rewrite IH; simpl; ring.
Qed.
