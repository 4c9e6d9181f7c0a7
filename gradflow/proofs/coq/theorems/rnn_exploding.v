Proof.
  intros T s r ds Sm H; destruct (upper T s r ds Sm H) as [w [Hw B]].
  exists w; split; [exact Hw|]. intros G; destruct (Rle_or_lt k_U 1) as [L|L]; [exfalso | exact L].
  pose proof (pow_incr k_U 1 T (conj k_U_pos L)) as P; rewrite pow1 in P.
  pose proof (Rmult_le_compat_r _ _ _ (nrm_nonneg n_hidden (ds 0%nat)) P). lra.
Qed.
