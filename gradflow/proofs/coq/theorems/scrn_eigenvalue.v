Theorem eigenvalue : forall t s ds i, dF t s ds 1%nat i = p_alpha * ds 1%nat i.
Proof. intros t s ds i; unfold dF, t_s_next; ring. Qed.
