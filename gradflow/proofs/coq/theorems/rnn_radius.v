(* The spectral radius decides nothing. *)
Require Import Reals Lra Lia GradFlow.
Open Scope R_scope.
Definition W (i j : nat) : R := match j with O => 2 | S O => -2 | _ => 0 end.
Definition d (i : nat) : R := match i with O => 1 | _ => 1 / 4 end.
Definition J (x : vec) : vec := fun i => d i * mat 2 W x i.
Fixpoint iterate (T : nat) (x : vec) : vec := match T with O => x | S t => J (iterate t x) end.
Definition v (i : nat) : R := match i with O => 4 | _ => 1 end.
Theorem radius :
  (forall x i, mat 2 W (mat 2 W x) i = 0) /\ (forall i, 0 < d i <= 1)
  /\ (forall T i, iterate T v i = (3 / 2) ^ T * v i).
Proof.
  split; [|split].
  - intros x i; unfold mat, W; simpl; ring.
  - intros [|i]; simpl; lra.
  - induction T as [|T IH]; intros i; [simpl; ring|].
    change (iterate (S T) v i) with (d i * mat 2 W (iterate T v) i).
    unfold mat; simpl sum; rewrite !IH; destruct i; simpl; field.
Qed.
