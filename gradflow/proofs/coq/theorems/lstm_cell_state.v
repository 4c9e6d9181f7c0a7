Proof.
  intros f_max C HC s T H0; induction T as [|t IH]; intros G i Hi; [apply H0; exact Hi|].
  assert (c : - C <= run F t s 1%nat i <= C) by (apply IH; auto with arith).
  assert (C0 : 0 <= C) by (pose proof (H0 i Hi); lra).
  pose proof (G t i (Nat.lt_succ_diag_r t) Hi) as F1. clear IH G H0.
  change (- C <= v_c_next t (run F t s) i <= C); unfold v_c_next.
  pose proof (sigmoid_range (v_U_f_h t (run F t s) i + v_W_f_x t i + p_b_f i)
    : 0 < v_f t (run F t s) i < 1) as F0.
  pose proof (sigmoid_range (v_U_i_h t (run F t s) i + v_W_i_x t i + p_b_i i)
    : 0 < v_i t (run F t s) i < 1) as I0.
  pose proof (tanh_range (v_U_g_h t (run F t s) i + v_W_g_x t i + p_b_g i)
    : -1 < v_g t (run F t s) i < 1) as G0.
  set (f := v_f t (run F t s) i) in *; set (j := v_i t (run F t s) i) in *.
  set (g := v_g t (run F t s) i) in *; set (x := run F t s 1%nat i) in *.
  assert (0 <= f * (C - x)) by nonneg. assert (0 <= f * (C + x)) by nonneg.
  assert (0 <= C * (f_max - f)) by nonneg.
  assert (0 <= j * (1 - g)) by nonneg. assert (0 <= j * (1 + g)) by nonneg.
  split; lra.
Qed.
