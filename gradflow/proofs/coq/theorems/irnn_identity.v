Proof.
  intros HU T s r ds Sm H; exists (drun F dF T (s r) ds).
  assert (P : exists m : nat -> R, (forall i, m i = 0 \/ m i = 1)
    /\ (forall i, (i < n_hidden)%nat -> drun F dF T (s r) ds 0%nat i = m i * ds 0%nat i)).
  { clear Sm H; induction T as [|T [m [M E]]]; [exists (fun _ => 1); split; [auto | intros; simpl; ring]|].
    exists (fun i => step (v_h_next T (run F T (s r)) i) * m i); split.
    - intros i; destruct (step_cases (v_h_next T (run F T (s r)) i)) as [-> | ->]; [left; ring|].
      destruct (M i) as [-> | ->]; [left | right]; ring.
    - intros i Hi; change (t_h_next T (run F T (s r)) (drun F dF T (s r) ds) i = step (v_h_next T (run F T (s r)) i) * m i * ds 0%nat i).
      unfold t_h_next; rewrite (mat_scaled_identity _ _ 1) by auto; rewrite E by exact Hi; ring. }
  destruct P as [m [M E]]; exists m; split; [exact (run_derivative size F dF smooth dF_correct T s r ds Sm H) | split; auto].
Qed.
