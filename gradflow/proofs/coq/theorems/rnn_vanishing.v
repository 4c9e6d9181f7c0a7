Theorem vanishing : k_U < 1 -> forall eps, 0 < eps -> exists N, forall T s r ds, (N <= T)%nat ->
  (forall t, (t < T)%nat -> smooth t (run F t (s r))) -> along size s r ds ->
  exists w, along size (fun r => run F T (s r)) r w
    /\ (nrm n_hidden (w 0%nat) <= eps * nrm n_hidden (ds 0%nat)).
Proof.
  intros k1 eps E; destruct (vanishes k_U (conj k_U_pos k1) eps E) as [N HN].
  exists N; intros T s r ds HT Sm H; destruct (upper T s r ds Sm H) as [w [Hw B]].
  exists w; split; [exact Hw|]. eapply Rle_trans; [exact B|].
  apply Rmult_le_compat_r; [apply nrm_nonneg | left; apply HN; exact HT].
Qed.
