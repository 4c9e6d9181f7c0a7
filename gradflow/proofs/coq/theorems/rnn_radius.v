Proof.
  intros [Hn HU] T s r ds A H (d0 & d1); split.
  { intros x i; unfold mat; rewrite Hn; simpl; rewrite !HU; simpl; ring. }
  exists (drun F dF T (s r) ds); split;
    [apply (run_derivative size F dF smooth dF_correct); [intros; exact Logic.I | exact H]|]; clear H.
  induction T as [|T IH]; [simpl; lra|].
  destruct IH as [IH JH]; [intros; apply A; auto with arith|].
  destruct (A T (Nat.lt_succ_diag_r T)) as [Z Q]; split.
  - change (t_h_next T (run F T (s r)) (drun F dF T (s r) ds) 0%nat = (3 / 2) ^ S T * 4).
    unfold t_h_next, mat; rewrite Hn; simpl sum; rewrite !HU, IH, JH, Z; simpl; field.
  - change (t_h_next T (run F T (s r)) (drun F dF T (s r) ds) 1%nat = (3 / 2) ^ S T).
    unfold t_h_next, mat; rewrite Hn; simpl sum; rewrite !HU, IH, JH, Q; simpl; field.
Qed.
