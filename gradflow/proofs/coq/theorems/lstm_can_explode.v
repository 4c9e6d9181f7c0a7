Proof.
  intros [Hn Ug] HW (Bi & Bf & Bo & Bg) T s r ds (h0 & c0) H (dh & dc).
  assert (Wi := fun t => proj1 (HW t)). assert (Wf := fun t => proj1 (proj2 (HW t))).
  assert (Wo := fun t => proj1 (proj2 (proj2 (HW t)))). assert (Wg := fun t => proj2 (proj2 (proj2 (HW t)))).
  exists (drun F dF T (s r) ds); split;
    [apply (run_derivative size F dF smooth dF_correct); [intros; exact Logic.I | exact H]|]; clear H.
  assert (G : forall t s, s 0%nat 0%nat = 0 -> s 1%nat 0%nat = 0 -> v_i t s 0%nat = 1 / 2
    /\ v_f t s 0%nat = 1 / 2 /\ v_o t s 0%nat = 1 / 2 /\ v_g t s 0%nat = 0 /\ v_c_next t s 0%nat = 0).
  { intros t x hx cx.
    assert (A : v_i t x 0%nat = 1 / 2 /\ v_f t x 0%nat = 1 / 2 /\ v_o t x 0%nat = 1 / 2 /\ v_g t x 0%nat = 0).
    { unfold v_i, v_f, v_o, v_g, v_U_i_h, v_U_f_h, v_U_o_h, v_U_g_h; rewrite Hn, !mat_one, hx.
      rewrite Wi, Wf, Wo, Wg, Bi, Bf, Bo, Bg, !Rmult_0_r, !Rplus_0_r, sigmoid_zero, tanh_zero; auto. }
    destruct A as (A & B & C & E); repeat split; auto.
    unfold v_c_next; rewrite E, cx; ring. }
  assert (Z : forall t, run F t (s r) 0%nat 0%nat = 0 /\ run F t (s r) 1%nat 0%nat = 0).
  { induction t as [|t [IH JH]]; [auto|]. destruct (G t _ IH JH) as (A & B & C & E & K); split.
    - change (v_h_next t (run F t (s r)) 0%nat = 0); unfold v_h_next; rewrite K, tanh_zero; ring.
    - exact K. }
  induction T as [|t [IH JH]]; [simpl; lra|].
  destruct (Z t) as [hz cz]; destruct (G t _ hz cz) as (A & B & C & E & K); split.
  - change (t_h_next t (run F t (s r)) (drun F dF t (s r) ds) 0%nat = 2 ^ S t).
    unfold t_h_next; rewrite Hn, !mat_one, A, B, C, E, K, tanh_zero, Ug, IH, JH, cz.
    simpl; field.
  - change (t_c_next t (run F t (s r)) (drun F dF t (s r) ds) 0%nat = 2 ^ S t * 2).
    unfold t_c_next; rewrite Hn, !mat_one, A, B, E, Ug, IH, JH, cz. simpl; field.
Qed.
