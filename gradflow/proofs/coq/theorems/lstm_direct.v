Proof.
  intros T s d.
  assert (P : forall T i, direct T s d i = gates T s i * d i).
  { induction T0 as [|t IH]; intros i; [simpl; ring|].
    simpl direct; simpl gates; unfold dF, t_c_next; rewrite !mat_zero by reflexivity.
    rewrite IH; ring. }
  split; [exact dF_correct | split; [apply P|]]; clear P.
  intros l l0 G i Hi; induction T as [|t IH]; [simpl; lra|].
  assert (I : l ^ t <= gates t s i <= 1) by (apply IH; intros; apply G; auto with arith).
  pose proof (G t i (Nat.lt_succ_diag_r t) Hi) as A.
  pose proof (sigmoid_range (v_U_f_h t (run F t s) i + v_W_f_x t i + p_b_f i)
    : 0 < v_f t (run F t s) i < 1) as B.
  pose proof (pow_le l t l0) as C; simpl; split; [apply Rmult_le_compat; lra|].
  apply Rle_trans with (1 * gates t s i); [apply Rmult_le_compat_r; lra | lra].
Qed.
