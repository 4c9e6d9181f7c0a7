Proof.
  intros Omega L E [Const [Lin Mono]] a m s mu v T M0 Step S0 K F LM.
  assert (below_tangent : forall x y, 0 < x -> 0 < y -> ln y <= ln x + (y / x - 1)).
  { intros x y X Y.
    assert (P : 0 < y / x) by (apply Rdiv_lt_0_compat; lra).
    assert (Q : ln (y / x) = ln y - ln x) by (unfold Rdiv; rewrite ln_mult, ln_Rinv by (try apply Rinv_0_lt_compat; lra); lra).
    pose proof (exp_ineq1_le (ln (y / x))) as B. rewrite exp_ln in B by exact P. lra. }
  set (l := fun t w => ln (sigmoid (a t w))).
  assert (gate : forall t, - ln (1 + exp (- mu + v / 2)) <= E (l t)).
  { intros t. destruct (K t) as [LK EK]. set (k := E (fun w => exp (- a t w))) in *.
    destruct (Const 0) as [L0 E0].
    assert (k0 : 0 <= k).
    { rewrite <- E0. apply Mono; [exact L0 | exact LK |]. intros w. left. apply exp_pos. }
    set (c := - ln (1 + k) + k / (1 + k)).
    destruct (Const c) as [Lc Ec].
    destruct (Lin (- / (1 + k)) 1 _ _ LK Lc) as [Lb Eb].
    assert (below : E (fun w => - / (1 + k) * exp (- a t w) + 1 * c) <= E (l t)).
    { apply Mono; [exact Lb | exact (F t) |]. intros w. unfold l, sigmoid, c.
      pose proof (exp_pos (- a t w)) as P. rewrite ln_Rinv by lra.
      assert (B := below_tangent (1 + k) (1 + exp (- a t w)) ltac:(lra) ltac:(lra)).
      replace ((1 + exp (- a t w)) / (1 + k) - 1) with (/ (1 + k) * exp (- a t w) - k / (1 + k)) in B by (field; lra).
      lra. }
    rewrite Eb, Ec in below. fold k in below. unfold c in below.
    replace (- / (1 + k) * k + 1 * (- ln (1 + k) + k / (1 + k))) with (- ln (1 + k)) in below by (field; lra).
    assert (ln (1 + k) <= ln (1 + exp (- mu + v / 2))).
    { destruct (Rle_lt_or_eq_dec _ _ EK) as [lt | eq]; [left; apply ln_increasing; lra | rewrite eq; lra]. }
    lra. }
  assert (path : forall t w, 0 < m t w /\ 2 * sum t (fun i => l i w) <= ln (m t w)).
  { induction t as [|t IH]; intros w.
    - rewrite M0, ln_1. simpl. lra.
    - destruct (IH w) as [P Q]. pose proof (S0 t w). destruct (sigmoid_range (a t w)) as [f0 f1].
      assert (f2 : 0 < sigmoid (a t w) ^ 2) by (apply pow_lt; exact f0).
      assert (0 < sigmoid (a t w) ^ 2 * m t w) by (apply Rmult_lt_0_compat; assumption).
      rewrite Step. split; [lra |].
      assert (ln (sigmoid (a t w) ^ 2 * m t w) <= ln (sigmoid (a t w) ^ 2 * m t w + s t w)).
      { destruct (Req_dec (s t w) 0) as [z | z]; [rewrite z, Rplus_0_r; lra | left; apply ln_increasing; lra]. }
      rewrite ln_mult in H1 by lra.
      replace (sigmoid (a t w) ^ 2) with (sigmoid (a t w) * sigmoid (a t w)) in H1 at 1 by ring.
      rewrite ln_mult in H1 by lra. change (sum (S t) (fun i => l i w)) with (sum t (fun i => l i w) + l t w).
      unfold l at 2. lra. }
  assert (total : forall t, exists g, L g /\ (forall w, g w = sum t (fun i => l i w)) /\ E g = sum t (fun i => E (l i))).
  { induction t as [|t [g [Lg [G Eg]]]].
    - exists (fun _ => 0). destruct (Const 0) as [L0 E0]. simpl. auto.
    - destruct (Lin 1 1 _ _ Lg (F t)) as [Ls Es]. exists (fun w => 1 * g w + 1 * l t w).
      split; [exact Ls |]. split; [intros w; rewrite G; simpl; ring |].
      change (E (fun w => 1 * g w + 1 * l t w) = sum t (fun i => E (l i)) + E (l t)).
      change (E (fun w => 1 * g w + 1 * l t w) = 1 * E g + 1 * E (l t)) in Es. rewrite Es, Eg. ring. }
  split.
  - change (- INR T * ln (1 + exp (- mu + v / 2)) <= sum T (fun t => E (l t))).
    clear - gate. induction T as [|T IH]; [simpl; lra |].
    change (sum (S T) (fun t => E (l t))) with (sum T (fun t => E (l t)) + E (l T)).
    rewrite S_INR. pose proof (gate T). lra.
  - change (sum T (fun t => E (l t)) <= ln (E (m T)) / 2).
    destruct (total T) as [g [Lg [G Eg]]].
    assert (every : forall x, 0 < x -> 2 * E g <= ln x + E (m T) / x - 1).
    { intros x X. destruct (Const (ln x - 1)) as [Lc Ec]. destruct (Const 0) as [L0 E0].
      destruct (Lin (/ x) 1 _ _ LM Lc) as [Lr Er]. destruct (Lin 2 1 _ _ Lg L0) as [L2 E2].
      assert (E (fun w => 2 * g w + 1 * 0) <= E (fun w => / x * m T w + 1 * (ln x - 1))).
      { apply Mono; [exact L2 | exact Lr |]. intros w. destruct (path T w) as [P Q]. rewrite G.
        pose proof (below_tangent x (m T w) X P) as B. unfold Rdiv in B. lra. }
      rewrite E2, Er, Ec, E0 in H. unfold Rdiv. lra. }
    assert (P : 0 < E (m T)).
    { destruct (Rlt_or_le 0 (E (m T))) as [p | n]; [exact p | exfalso].
      pose proof (every (exp (2 * E g)) (exp_pos _)) as B. rewrite ln_exp in B.
      assert (E (m T) / exp (2 * E g) <= 0).
      { unfold Rdiv. pose proof (Rinv_0_lt_compat _ (exp_pos (2 * E g))).
        rewrite <- (Rmult_0_l (/ exp (2 * E g))). apply Rmult_le_compat_r; lra. }
      lra. }
    pose proof (every (E (m T)) P) as B. unfold Rdiv in B. rewrite Rinv_r in B by lra. rewrite Eg in B. lra.
Qed.
