"""Rows of the step's tangent, bounded in Coq: upper bounds, and the lower one of a carousel."""

from __future__ import annotations

from gradflow.cells.language.syntax import symbol
from gradflow.jacobians.terms import Term
from gradflow.proofs.bounding.carousels import Carousel
from gradflow.proofs.bounding.norms import TermBound
from gradflow.proofs.coq.lemmas import Bounds


def rows(bounds: Bounds) -> None:
    """Prove the upper bound of every row of the step's tangent."""
    for part in bounds.terms.cell.states:
        _row(bounds, part)


def _row(bounds: Bounds, part: str) -> None:
    space = bounds.terms.cell.spaces[part]
    size = bounds.terms.size(space)
    terms = bounds.summands(part)
    for k, (source, term, _) in enumerate(terms):
        tangent = f"(ds {bounds.terms.parts[symbol(source)]}%nat)"
        body = bounds.terms.term(term, tangent, "s", space)
        bounds.lemmas.append(f"Definition w_{part}_{k} (ds : state) : vec := fun i => {body}.")
    for k, (source, term, bound) in enumerate(terms):
        _summand(bounds, part, k, source, term, bound)
    total = (
        " + ".join(
            f"{bounds.poly(b.bound)} * {bounds.norm(source, 'ds')}" for source, _, b in terms
        )
        or "0"
    )
    chain = _triangle(size, [f"w_{part}_{k} ds" for k in range(len(terms))]) if terms else ""
    entries = " + ".join(f"w_{part}_{k} ds i" for k in range(len(terms))) or "0"
    whole = f"w_{part}_0 ds" if len(terms) == 1 else f"fun i => {entries}"
    known = " ".join(f"pose proof (a_{part}_{k} ds)." for k in range(len(terms)))
    close = f"{known} {chain} cbv beta in *. lra." if terms else "rewrite nrm_zero; lra."
    bounds.lemmas.append(
        f"Lemma row_{part} : forall ds, nrm {size} (t_{part}_next t s ds) <= {total}.\n"
        f"Proof. intros ds. change (nrm {size} ({whole}) <= {total}).\n  {close} Qed."
    )


def low(bounds: Bounds, carousel: Carousel) -> None:
    """Prove the lower bound of the row of a carousel's part."""
    part = carousel.part
    space = bounds.terms.cell.spaces[part]
    size = bounds.terms.size(space)
    terms = bounds.summands(part)
    keys = [(source, t.maps, t.path) for source, t, _ in terms]
    k = keys.index((part, (), carousel.term.path))
    (expression,) = carousel.term.diagonals
    body = bounds.terms.scalar(expression, "s", space)
    least = bounds.poly(carousel.least)
    if carousel.near_one is None:
        name = carousel.least.variables[0]
        proof = f"apply Rle_trans with ({body}); [exact {bounds._at(name)} | apply Rle_abs]"
    else:
        lemma = bounds.diagonal(carousel.near_one, 1 - expression, space)
        near = bounds.terms.scalar(1 - expression, "s", space)
        proof = (
            f"pose proof ({lemma} i Hi) as A; replace ({near}) with (1 - {body}) in A by ring; "
            "apply abs_near in A; lra"
        )
    others = [j for j in range(len(terms)) if j != k]
    entries = " + ".join(f"w_{part}_{j} ds i" for j in range(len(terms)))
    taken = [
        f"{bounds.poly(b.bound)} * {bounds.norm(source, 'ds')}"
        for j, (source, _, b) in enumerate(terms)
        if j != k
    ]
    goal = " - ".join([f"{least} * {bounds.norm(part, 'ds')}", *taken])
    steps = [
        f"assert (L : {least} * {bounds.norm(part, 'ds')} <= nrm {size} (w_{part}_{k} ds)).",
        f"{{ apply nrm_diag_low; intros i Hi; {proof}. }}",
    ]
    if others:
        rest = " + ".join(f"w_{part}_{j} ds i" for j in others)
        vector = f"w_{part}_{others[0]} ds" if len(others) == 1 else f"fun i => {rest}"
        swapped = f"fun i => w_{part}_{k} ds i + ({rest})"
        steps += [
            f"change (nrm {size} (t_{part}_next t s ds)) with (nrm {size} (fun i => {entries})).",
            f"rewrite (nrm_ext {size} (fun i => {entries}) ({swapped})) by (intros; ring).",
            f"pose proof (nrm_weyl {size} (w_{part}_{k} ds) ({vector})).",
            *(f"pose proof (a_{part}_{j} ds)." for j in others),
            _triangle(size, [f"w_{part}_{j} ds" for j in others]),
            "cbv beta in *. lra.",
        ]
    else:
        steps.append(
            f"change (nrm {size} (t_{part}_next t s ds)) with (nrm {size} (w_{part}_{k} ds)). lra."
        )
    bounds.lemmas.append(
        f"Lemma low_{part} : forall ds, {goal} <= nrm {size} (t_{part}_next t s ds).\n"
        f"Proof. intros ds. {chr(10).join('  ' + s for s in steps)} Qed."
    )


def _summand(bounds: Bounds, part: str, k: int, source: str, term: Term, bound: TermBound) -> None:
    spaces = [bounds.terms.cell.spaces[part], *(m.into for m in term.maps)]
    tangent = f"(ds {bounds.terms.parts[symbol(source)]}%nat)"
    size = bounds.terms.size(spaces[-1])
    proof, height, vector = (
        f"(Req_le _ _ (eq_sym (Rmult_1_l (nrm {size} {tangent}))))",
        "1",
        tangent,
    )
    for level in reversed(range(len(term.diagonals))):
        size = bounds.terms.size(spaces[level])
        if level < len(term.maps):
            linear_map = term.maps[level]
            norm = bounds.name(("norm", linear_map.name))
            proof = f"(chain _ _ _ _ _ {norm}_pos ({norm}_ub {vector}) {proof})"
            height = f"{norm} * ({height})"
            matrix = bounds.terms.map(linear_map)
            vector = f"(mat {bounds.terms.size(linear_map.into)} {matrix} {vector})"
        diagonal = term.diagonals[level]
        if diagonal != 1:
            lemma = bounds.diagonal(bound.diagonals[level], diagonal, spaces[level])
            own = bounds.poly(bound.diagonals[level].bound)
            body = bounds.terms.scalar(diagonal, "s", spaces[level])
            positive = f"(ltac:(nonneg) : 0 <= {own})"
            rule = f"(nrm_diag {size} (fun i => {body}) {vector} {own} {positive} {lemma})"
            proof = f"(chain _ _ _ _ _ {positive} {rule} {proof})"
            height = f"{own} * ({height})"
            vector = f"(fun i => {body} * {vector} i)"
    total = f"{bounds.poly(bound.bound)} * {bounds.norm(source, 'ds')}"
    size = bounds.terms.size(spaces[0])
    bounds.lemmas.append(
        f"Lemma a_{part}_{k} : forall ds, nrm {size} (w_{part}_{k} ds) <= {total}.\n"
        f"Proof. intros ds. pose proof {proof} as A. unfold w_{part}_{k}.\n"
        f"  eapply Rle_trans; [exact A | apply Req_le; field]. Qed."
    )


def _triangle(size: str, vectors: list[str]) -> str:
    """Return tactics that add the triangle inequality for a sum, from the left."""
    found = []
    left = vectors[0]
    so_far = f"{vectors[0]} i"
    for vector in vectors[1:]:
        found.append(f"pose proof (nrm_add {size} ({left}) ({vector})).")
        so_far = f"{so_far} + {vector} i"
        left = f"fun i => {so_far}"
    return " ".join(found)
