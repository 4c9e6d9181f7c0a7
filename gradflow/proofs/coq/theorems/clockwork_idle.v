Proof.
  intros t s r ds Sm H; exists (dF t (s r) ds); split; [exact (dF_correct t s r ds Sm H)|].
  intros i _ E; unfold dF, t_h_next; rewrite E; ring.
Qed.
