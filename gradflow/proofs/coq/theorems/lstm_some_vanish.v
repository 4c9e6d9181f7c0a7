Theorem some_vanish : (forall i j, p_U_i i j = 0) -> (forall i j, p_U_f i j = 0) ->
  (forall i j, p_U_o i j = 0) -> (forall i j, p_U_g i j = 0) ->
  forall t s ds, (forall i, ds 1%nat i = 0) -> forall p i, dF t s ds p i = 0.
Proof.
  intros Hi Hf Ho Hg t s ds H [|[|p]] i; unfold dF; try reflexivity; unfold t_h_next, t_c_next;
  rewrite !mat_null by assumption; rewrite !H; ring.
Qed.
