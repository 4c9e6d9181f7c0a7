Theorem context : forall T s r ds,
  (forall t, (t < T)%nat -> smooth t (run F t (s r))) -> along size s r ds ->
  exists w, along size (fun r => run F T (s r)) r w
    /\ (forall i, w 1%nat i = p_alpha ^ T * ds 1%nat i).
Proof.
  intros T s r ds Sm H; exists (drun F dF T (s r) ds); split;
    [exact (run_derivative size F dF smooth dF_correct T s r ds Sm H)|]; clear Sm H.
  induction T as [|T IH]; intros i; [simpl; ring|].
  change (t_s_next T (run F T (s r)) (drun F dF T (s r) ds) i = p_alpha ^ S T * ds 1%nat i).
  unfold t_s_next; rewrite IH; simpl; ring.
Qed.
