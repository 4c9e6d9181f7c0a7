Proof.
  intros a_i a_f a_o C k_i k_f k_o k_g w rho (i0 & f0 & o0 & g0) (Hi & Hf & Ho & Hg) Ai Af Ao HC w0 HN HM r1.
  pose proof (sigmoid_range a_i) as [I0 I1]; pose proof (sigmoid_range a_f) as [F0 F1].
  pose proof (sigmoid_range a_o) as [O0 O1].
  assert (C0 : 0 <= C) by (apply (Rmult_le_reg_r (1 - sigmoid a_f)); lra).
  assert (P : 0 <= w * (sigmoid a_o * sigmoid a_f)) by (repeat apply Rmult_le_pos; lra).
  assert (rho0 : 0 < rho) by lra.
  split; [|intros eps T e0; apply recovery; auto].
  intros T s r ds B H; exists (drun F dF T (s r) ds); split;
    [apply (run_derivative size F dF smooth dF_correct); [intros; exact Logic.I | exact H]|]; clear H.
  set (held := fun z : state => forall i, (i < n_hidden)%nat -> -1 <= z 0%nat i <= 1 /\ - C <= z 1%nat i <= C).
  assert (Gates : forall t z i, held z -> (i < n_hidden)%nat ->
    (0 < v_i t z i <= sigmoid a_i /\ v_i t z i < 1) /\ (0 < v_f t z i <= sigmoid a_f /\ v_f t z i < 1)
    /\ (0 < v_o t z i <= sigmoid a_o /\ v_o t z i < 1) /\ -1 < v_g t z i < 1).
  { intros t z i Hz Li.
    assert (Hh : forall j, (j < n_hidden)%nat -> -1 <= z 0%nat j <= 1) by (intros j Lj; apply Hz, Lj).
    repeat split; try apply sigmoid_range; try apply tanh_range;
    apply gate_most; auto. }
  assert (Held : forall t, (t <= T)%nat -> held (run F t (s r))).
  { induction t as [|t IH]; intros Ht; [exact B|]; specialize (IH ltac:(lia)); intros i Li.
    set (z := run F t (s r)) in *.
    destruct (Gates t z i IH Li) as ((Ia & Ib) & (Fa & Fb) & (Oa & Ob) & G); destruct (IH i Li) as [_ Z].
    pose proof (tanh_range (v_c_next t z i)) as N; change (run F (S t) (s r)) with (F t z).
    change (-1 <= v_h_next t z i <= 1 /\ - C <= v_c_next t z i <= C); split.
    - unfold v_h_next; assert (A : Rabs (v_o t z i * tanh (v_c_next t z i)) <= 1 * 1)
        by (apply abs_mul; apply Rabs_le; lra). apply abs_range in A; lra.
    - unfold v_c_next; assert (A : Rabs (z 1%nat i * v_f t z i) <= C * sigmoid a_f)
        by (apply abs_mul; apply Rabs_le; lra).
      assert (E : Rabs (v_g t z i * v_i t z i) <= 1 * sigmoid a_i) by (apply abs_mul; apply Rabs_le; lra).
      apply abs_range in A; apply abs_range in E; lra. }
  set (p := fun t => nrm n_hidden (drun F dF t (s r) ds 1%nat)).
  set (q := fun t => nrm n_hidden (drun F dF t (s r) ds 0%nat)).
  set (b := / 4 * C * k_f + / 4 * k_i + sigmoid a_i * k_g) in *.
  assert (Rows : forall t, (t < T)%nat -> p (S t) <= sigmoid a_f * p t + b * q t
    /\ q (S t) <= sigmoid a_o * p (S t) + / 4 * k_o * q t).
  { intros t Ht; set (z := run F t (s r)); set (x := drun F dF t (s r) ds 0%nat); set (y := drun F dF t (s r) ds 1%nat).
    pose proof (Held t ltac:(lia)) as Hz; fold z in Hz.
    set (rest := fun i => (z 1%nat i * (v_f t z i * (1 - v_f t z i))) * mat n_hidden p_U_f x i
      + (v_g t z i * (v_i t z i * (1 - v_i t z i))) * mat n_hidden p_U_i x i
      + (v_i t z i * (1 - v_g t z i ^ 2)) * mat n_hidden p_U_g x i).
    set (kept := fun i => v_f t z i * y i).
    assert (R : nrm n_hidden rest <= b * q t).
    { replace b with (C * / 4 * k_f + 1 * / 4 * k_i + sigmoid a_i * 1 * k_g) by (unfold b; ring).
      apply nrm_maps; try assumption; try (apply Rmult_le_pos; lra).
      intros i Li; destruct (Gates t z i Hz Li) as ((Ia & Ib) & (Fa & Fb) & _ & G); destruct (Hz i Li) as [_ Z].
      repeat split; apply abs_mul;
      first [apply sigmoid_slope; lra | apply tanh_slope; lra | apply Rabs_le; lra]. }
    assert (Cn : p (S t) = nrm n_hidden (fun i => kept i + rest i)).
    { change (p (S t)) with (nrm n_hidden (t_c_next t z (drun F dF t (s r) ds))); apply nrm_ext; intros i Li.
      unfold t_c_next, kept, rest; fold x; fold y; ring. }
    assert (Kp : nrm n_hidden kept <= sigmoid a_f * p t).
    { apply nrm_diag; [lra|]; intros i Li; destruct (Gates t z i Hz Li) as (_ & (Fa & Fb) & _); apply Rabs_le; lra. }
    pose proof (nrm_add n_hidden kept rest) as A; split; [rewrite Cn; lra|].
    set (side := fun i => (tanh (v_c_next t z i) * (v_o t z i * (1 - v_o t z i))) * mat n_hidden p_U_o x i).
    set (slope := fun i => v_o t z i * (1 - tanh (v_c_next t z i) ^ 2)).
    assert (Hn : q (S t) = nrm n_hidden (fun i => slope i * (kept i + rest i) + side i)).
    { change (q (S t)) with (nrm n_hidden (t_h_next t z (drun F dF t (s r) ds))); apply nrm_ext; intros i Li.
      unfold t_h_next, kept, rest, slope, side; fold x; fold y; ring. }
    rewrite Hn; eapply Rle_trans; [apply nrm_add|]; apply Rplus_le_compat.
    - rewrite Cn; apply nrm_diag; [lra|]; intros i Li; destruct (Gates t z i Hz Li) as (_ & _ & (Oa & Ob) & _).
      unfold slope; rewrite <- (Rmult_1_r (sigmoid a_o)); apply abs_mul; [apply Rabs_le; lra | apply tanh_slope, tanh_range].
    - apply nrm_map; [|lra | assumption]; intros i Li; destruct (Gates t z i Hz Li) as (_ & _ & (Oa & Ob) & _).
      rewrite <- (Rmult_1_l (/ 4)); pose proof (tanh_range (v_c_next t z i)).
      apply abs_mul; [apply Rabs_le; lra | apply sigmoid_slope; lra]. }
  apply (geometric_upper (fun t => p t + w * q t) rho T); [lra | intros t Ht].
  destruct (Rows t Ht) as [A E]. assert (p0 : 0 <= p t) by apply nrm_nonneg. assert (q0 : 0 <= q t) by apply nrm_nonneg.
  apply Rmult_le_compat_r with (r := p t) in HN; [|exact p0].
  apply Rmult_le_compat_r with (r := q t) in HM; [|exact q0].
  apply Rmult_le_compat_l with (r := w) in E; [|lra].
  assert (W : w * (sigmoid a_o * p (S t)) <= w * (sigmoid a_o * (sigmoid a_f * p t + b * q t)))
    by (apply Rmult_le_compat_l; [lra|]; apply Rmult_le_compat_l; lra).
  cbv beta.
  apply Rle_trans with (sigmoid a_f * p t + b * q t + w * (sigmoid a_o * (sigmoid a_f * p t + b * q t) + / 4 * k_o * q t));
    lra.
Qed.
