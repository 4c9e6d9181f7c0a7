Proof.
  intros s T B. apply (run_keeps F box (fun _ _ => True) s T keeps B (fun _ _ => Logic.I) T (le_n T)).
Qed.
