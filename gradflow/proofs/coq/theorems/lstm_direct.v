(* The direct path: the gradient of c that never leaves c. *)
Fixpoint direct (T : nat) (s : state) (d : vec) : vec :=
  match T with O => d | S t => fun i => dF t (run F t s) (fun p => match p with
    O => fun _ => 0 | _ => direct t s d end) 1%nat i end.
Fixpoint gates (T : nat) (s : state) (i : nat) : R :=
  match T with O => 1 | S t => v_f t (run F t s) i * gates t s i end.
Theorem direct_path : forall T s d,
  (forall i, direct T s d i = gates T s i * d i)
  /\ ((forall t i, (t < T)%nat -> v_f t (run F t s) i = 1) -> forall i, direct T s d i = d i)
  /\ (forall l, (forall t i, (t < T)%nat -> (i < n_hidden)%nat -> l <= v_f t (run F t s) i) -> 0 <= l ->
      l ^ T * nrm n_hidden d <= nrm n_hidden (direct T s d)).
Proof.
  intros T s d.
  assert (P : forall T i, direct T s d i = gates T s i * d i).
  { induction T0 as [|t IH]; intros i; [simpl; ring|].
    simpl direct; simpl gates; unfold dF, t_c_next; rewrite !mat_zero by reflexivity.
    rewrite IH; ring. }
  split; [apply P | split].
  - intros G i; rewrite P; clear P; induction T as [|t IH]; [simpl; ring|]. simpl gates.
    rewrite G by auto. rewrite Rmult_1_l; apply IH; intros; apply G; auto with arith.
  - intros l G l0; rewrite (nrm_ext _ (direct T s d) (fun i => gates T s i * d i))
      by (intros; apply P).
    apply nrm_diag_low; intros i Hi. clear P; induction T as [|t IH]; simpl; [rewrite Rabs_R1; lra|].
    rewrite Rabs_mult; apply Rmult_le_compat; [exact l0 | apply pow_le; exact l0 | |].
    + eapply Rle_trans; [apply (G t i); auto | apply Rle_abs].
    + apply IH; intros; apply G; auto with arith.
Qed.
