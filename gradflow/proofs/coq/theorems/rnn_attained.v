Proof.
  intros a HU Hx Hb T s r ds H0 H.
  exists (drun F dF T (s r) ds); split;
    [apply (run_derivative size F dF smooth dF_correct); [intros; exact Logic.I | exact H]|].
  assert (Z : forall t i, (i < n_hidden)%nat -> run F t (s r) 0%nat i = 0).
  { induction t as [|t IH]; intros i Hi; [apply H0; exact Hi|].
    change (v_h_next t (run F t (s r)) i = 0). unfold v_h_next, v_U_h.
    rewrite mat_zero by exact IH. rewrite Hx, Hb by exact Hi.
    replace (0 + 0 + 0) with 0 by ring. apply tanh_zero. }
  induction T as [|T IH]; intros i Hi; [simpl; ring|].
  change (t_h_next T (run F T (s r)) (drun F dF T (s r) ds) i = a ^ S T * ds 0%nat i).
  unfold t_h_next. rewrite (mat_scaled_identity _ _ a) by (auto).
  change (v_h_next T (run F T (s r)) i) with (run F (S T) (s r) 0%nat i).
  rewrite Z by exact Hi. rewrite IH by exact Hi. simpl; ring.
Qed.
