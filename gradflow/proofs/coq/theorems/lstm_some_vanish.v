Proof.
  intros (Hi & Hf & Ho & Hg) T s r ds H H1; exists (drun F dF (S T) (s r) ds); split;
    [apply (run_derivative size F dF smooth dF_correct); [intros; exact Logic.I | exact H]|]; clear H.
  assert (Z : forall t x d, (forall i, d 1%nat i = 0) -> forall p i, dF t x d p i = 0).
  { intros t x d Hd [|[|p]] i; unfold dF; try reflexivity; unfold t_h_next, t_c_next;
    rewrite !mat_null by assumption; rewrite !Hd; ring. }
  induction T as [|T IH]; [apply Z; exact H1|].
  intros p i; change (dF (S T) (run F (S T) (s r)) (drun F dF (S T) (s r) ds) p i = 0).
  apply Z; intros j; apply IH.
Qed.
