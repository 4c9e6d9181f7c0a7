Theorem idle : forall t s ds i, u_active t i = 0 -> dF t s ds 0%nat i = ds 0%nat i.
Proof. intros t s ds i E; unfold dF, t_h_next; rewrite E; ring. Qed.
