Theorem scaled : forall a, (forall i j, p_U i j = if Nat.eq_dec i j then a else 0) ->
  forall T s r ds, (forall t, (t < T)%nat -> smooth t (run F t (s r))) -> along size s r ds ->
  (forall t i, (t < T)%nat -> (i < n_hidden)%nat -> 0 < v_h_next t (run F t (s r)) i) ->
  exists w, along size (fun r => run F T (s r)) r w /\ (forall i, (i < n_hidden)%nat -> w 0%nat i = a ^ T * ds 0%nat i).
Proof.
  intros a HU T s r ds Sm H A;   exists (drun F dF T (s r) ds); split; [exact (run_derivative size F dF smooth dF_correct T s r ds Sm H)|]; clear Sm H.
  induction T as [|T IH]; intros i Hi; [simpl; ring|].
  change (t_h_next T (run F T (s r)) (drun F dF T (s r) ds) i = a ^ S T * ds 0%nat i).
  unfold t_h_next; rewrite step_active by (apply A; auto with arith).
  rewrite (mat_scaled_identity _ _ a) by auto; rewrite IH by auto; simpl; ring.
Qed.
