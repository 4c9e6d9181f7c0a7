Proof.
  intros k1 eps E; destruct (vanishes k_U (conj k_U_pos k1) eps E) as [N HN].
  exists N; intros T s r ds HT Sm H; destruct (upper T s r ds Sm H) as [w [Hw B]].
  exists w; split; [exact Hw|]. eapply Rle_trans; [exact B|].
  apply Rmult_le_compat_r; [apply nrm_nonneg | left; apply HN; exact HT].
Qed.
