Proof.
  intros e He HU T s r w Sm W A.
  assert (X : forall t i, (t < T)%nat -> (i < n_hidden)%nat -> w (S t) 0%nat i = mat n_hidden p_U (w t 0%nat) i).
  { intros t i Ht Hi.
    pose proof (dF_correct t (fun r => run F t (s r)) r (w t) (Sm t Ht) (W t ltac:(lia))) as K.
    pose proof (uniqueness_limite _ _ _ _ (W (S t) Ht 0%nat i Hi) (K 0%nat i Hi)) as E.
    rewrite E; change (t_h_next t (run F t (s r)) (w t) i = mat n_hidden p_U (w t 0%nat) i); unfold t_h_next.
    destruct (A t i Ht Hi) as [P | ->]; [rewrite step_active by exact P|]; ring. }
  assert (S : forall t, (t < T)%nat -> (1 - e) * nrm n_hidden (w t 0%nat) <= nrm n_hidden (w (S t) 0%nat)
    <= (1 + e) * nrm n_hidden (w t 0%nat)).
  { intros t Ht; rewrite (nrm_ext _ _ _ (fun i Hi => X t i Ht Hi)); apply HU. }
  split.
  - apply (geometric_lower (fun t => nrm n_hidden (w t 0%nat)) (1 - e) T); [lra | apply S].
  - apply (geometric_upper (fun t => nrm n_hidden (w t 0%nat)) (1 + e) T); [lra | apply S].
Qed.
