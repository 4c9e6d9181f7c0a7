Theorem forget_bias : forall (k_U k_W X b : R) t (s : state), 0 <= k_U -> 0 <= k_W ->
  ub n_hidden n_hidden (mat n_hidden p_U_f) k_U -> ub n_hidden n_input (mat n_input p_W_f) k_W ->
  (forall i, (i < n_hidden)%nat -> -1 <= s 0%nat i <= 1) -> nrm n_input (x_x t) <= X ->
  (forall i, (i < n_hidden)%nat -> b <= p_b_f i) ->
  forall i, (i < n_hidden)%nat ->
  sigmoid (b - k_U * sqrt (INR n_hidden) - k_W * X) <= v_f t s i.
Proof.
  intros k_U k_W X b t s U0 W0 HU HW Hh Hx Hb i Hi; unfold v_f; apply sigmoid_le.
  pose proof (unit_below n_hidden n_hidden p_U_f k_U (s 0%nat) i _ Hi HU U0 (nrm_le_sqrt _ _ Hh)) as A.
  pose proof (unit_below n_hidden n_input p_W_f k_W (x_x t) i X Hi HW W0 Hx) as B.
  specialize (Hb i Hi); unfold v_U_f_h, v_W_f_x; lra.
Qed.
