Proof.
  intros t s r ds Sm H; exists (dF t (s r) ds); split; [exact (dF_correct t s r ds Sm H)|].
  intros i; unfold dF, t_s_next; ring.
Qed.
