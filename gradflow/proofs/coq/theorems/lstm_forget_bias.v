Proof.
  intros k_U k_W X b t s [U0 W0] HU HW Hh Hx Hb i Hi; unfold v_f; apply sigmoid_le.
  pose proof (unit_below n_hidden n_hidden p_U_f k_U (s 0%nat) i _ Hi HU U0 (nrm_le_sqrt _ _ Hh)) as A.
  pose proof (unit_below n_hidden n_input p_W_f k_W (x_x t) i X Hi HW W0 Hx) as B.
  specialize (Hb i Hi); unfold v_U_f_h, v_W_f_x; lra.
Qed.
