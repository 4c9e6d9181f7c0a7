"""Rows of the step's tangent, bounded in Coq: upper bounds, and the lower one of a carousel."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from gradflow.cells.language.program import Map
from gradflow.cells.language.syntax import symbol
from gradflow.jacobians.terms import Term
from gradflow.proofs.bounding.carousels import Carousel
from gradflow.proofs.coq.lemmas import RowBound, StepLemmas
from gradflow.proofs.coq.scripts import Premise
from gradflow.proofs.coq.terms import number


def rows(step: StepLemmas, parts: Sequence[str]) -> None:
    """Prove the upper bound of the rows of some parts of the step's tangent."""
    for part in parts:
        _row(step, part)


def _vectors(step: StepLemmas, part: str, but: int | None = None) -> None:
    """Define the summands of a part's row, and bound each, but for one."""
    space = step.terms.cell.spaces[part]
    terms = step.summands(part)
    for k, (source, term, _) in enumerate(terms):
        tangent = f"(ds {step.terms.parts[symbol(source)]}%nat)"
        body = step.terms.term(term, tangent, "s", space)
        step.lemmas.append(f"Definition w_{part}_{k} (ds : state) : vec := fun i => {body}.")
    for k, (source, term, bound) in enumerate(terms):
        if k != but:
            _summand(step, part, k, source, term, bound)


def _row(step: StepLemmas, part: str) -> None:
    size = step.terms.size(step.terms.cell.spaces[part])
    terms = step.summands(part)
    _vectors(step, part)
    total = (
        " + ".join(f"{step.poly(b.bound)} * {step.norm(source, 'ds')}" for source, _, b in terms)
        or "0"
    )
    chain = _triangle(size, [f"w_{part}_{k} ds" for k in range(len(terms))]) if terms else ""
    entries = " + ".join(f"w_{part}_{k} ds i" for k in range(len(terms))) or "0"
    whole = f"w_{part}_0 ds" if len(terms) == 1 else f"fun i => {entries}"
    known = " ".join(f"pose proof (a_{part}_{k} ds)." for k in range(len(terms)))
    close = f"{known} {chain} cbv beta in *. lra." if terms else "rewrite nrm_zero; lra."
    step.lemmas.append(
        f"Lemma row_{part} : forall ds, nrm {size} (t_{part}_next t s ds) <= {total}.\n"
        f"Proof. intros ds. change (nrm {size} ({whole}) <= {total}).\n  {close} Qed."
    )


def low(step: StepLemmas, carousel: Carousel) -> None:
    """Prove the lower bound of the row of a carousel's part."""
    part = carousel.part
    space = step.terms.cell.spaces[part]
    size = step.terms.size(space)
    terms = step.summands(part)
    keys = [(source, t.maps, t.path) for source, t, _ in terms]
    k = keys.index((part, (), carousel.term.path))
    _vectors(step, part, but=k)
    (expression,) = carousel.term.diagonals
    body = step.terms.scalar(expression, "s", space)
    least = step.poly(carousel.least)
    if not carousel.least.variables and carousel.near_one is None:
        proof = f"apply Rle_trans with (Rabs {body}); [|lra]; unfold Rabs; destruct Rcase_abs; lra"
    elif carousel.near_one is None:
        name = carousel.least.variables[0]
        proof = f"apply Rle_trans with ({body}); [exact {step.at(name, space)} | apply Rle_abs]"
    else:
        lemma = step.diagonal(carousel.near_one, 1 - expression, space)
        near = step.terms.scalar(1 - expression, "s", space)
        proof = (
            f"pose proof ({lemma} i Hi) as A; replace ({near}) with (1 - {body}) in A by equal; "
            "apply abs_near in A; lra"
        )
    others = [j for j in range(len(terms)) if j != k]
    entries = " + ".join(f"w_{part}_{j} ds i" for j in range(len(terms)))
    taken = [
        f"{step.poly(b.bound)} * {step.norm(source, 'ds')}"
        for j, (source, _, b) in enumerate(terms)
        if j != k
    ]
    goal = " - ".join([f"{least} * {step.norm(part, 'ds')}", *taken])
    shown = f"apply nrm_diag_low; intros i Hi; {proof}"
    if expression == 1:
        shown = "rewrite Rmult_1_l; apply Rle_refl"
    steps = [
        f"assert (L : {least} * {step.norm(part, 'ds')} <= nrm {size} (w_{part}_{k} ds)).",
        f"{{ {shown}. }}",
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
    step.lemmas.append(
        f"Lemma low_{part} : forall ds, {goal} <= nrm {size} (t_{part}_next t s ds).\n"
        f"Proof. intros ds. {chr(10).join('  ' + s for s in steps)} Qed."
    )


def _summand(step: StepLemmas, part: str, k: int, source: str, term: Term, bound: RowBound) -> None:
    spaces = [step.terms.cell.spaces[part], *(m.into for m in term.maps)]
    tangent = f"(ds {step.terms.parts[symbol(source)]}%nat)"
    size = step.terms.size(spaces[-1])
    proof, height, vector = (
        f"(Req_le _ _ (eq_sym (Rmult_1_l (nrm {size} {tangent}))))",
        "1",
        tangent,
    )
    for level in reversed(range(len(term.diagonals))):
        size = step.terms.size(spaces[level])
        if level < len(term.maps):
            linear_map = term.maps[level]
            norm, bound_of = _norm(step, linear_map)
            least = f"(ltac:(nonneg) : 0 <= {norm})" if linear_map.summands else f"{norm}_pos"
            proof = f"(chain _ _ _ _ _ {least} ({bound_of} {vector}) {proof})"
            height = f"{norm} * ({height})"
            vector = f"({step.terms.product(linear_map, vector, 's')})"
        diagonal = term.diagonals[level]
        if diagonal != 1:
            lemma = step.diagonal(bound.diagonals[level], diagonal, spaces[level])
            own = step.poly(bound.diagonals[level].bound)
            body = step.terms.scalar(diagonal, "s", spaces[level])
            positive = f"(ltac:(nonneg) : 0 <= {own})"
            rule = f"(nrm_diag {size} (fun i => {body}) {vector} {own} {positive} {lemma})"
            proof = f"(chain _ _ _ _ _ {positive} {rule} {proof})"
            height = f"{own} * ({height})"
            vector = f"(fun i => {body} * {vector} i)"
    total = f"{step.poly(bound.bound)} * {step.norm(source, 'ds')}"
    size = step.terms.size(spaces[0])
    step.lemmas.append(
        f"Lemma a_{part}_{k} : forall ds, nrm {size} (w_{part}_{k} ds) <= {total}.\n"
        f"Proof. intros ds. pose proof {proof} as A. unfold w_{part}_{k}.\n"
        f"  eapply Rle_trans; [exact A | apply Req_le; equal]. Qed."
    )


def _norm(step: StepLemmas, linear_map: Map) -> tuple[str, str]:
    """Return the bound of the norm of a map, and the hypothesis or lemma that it is one."""
    if linear_map.summands:
        return _norm_of_sum(step, linear_map)
    name = step.name(("norm", linear_map.name))
    if linear_map in step.terms.slopes:
        slope = step.terms.slopes[linear_map]
        out, into = step.terms.size(linear_map.out), step.terms.size(linear_map.into)
        step.conditions[f"C_{slope}"] = Premise(
            coq=f"forall d, nrm {out} ({slope} t s d) <= {name} * nrm {into} d",
            about=(("slope", linear_map.name),),
        )
        return name, f"C_{slope}"
    used = step.maps.setdefault(linear_map.name, [])
    if linear_map not in used:
        used.append(linear_map)
    return name, step.held(name, linear_map)


def _norm_of_sum(step: StepLemmas, linear_map: Map) -> tuple[str, str]:
    """Prove the bound of a sum of maps by those of its summands."""
    size, terms = step.terms.size, step.terms
    sizes = f"{size(linear_map.out)} {size(linear_map.into)}"
    norms: list[str] = []
    entries: list[str] = []
    proof = ""
    for summand in linear_map.summands:
        base, factor = summand.linear_map, Fraction(int(summand.factor.p), int(summand.factor.q))
        least, held = _norm(step, base)
        if summand.transposed:
            held = f"(ub_transpose {size(base.out)} {size(base.into)} _ _ {least}_pos {held})"
        scale = f"(abs_both {number(factor)} {number(abs(factor))} ltac:(lra) ltac:(lra))"
        matrix = f"(fun i j => {terms.map(base)} {'j i' if summand.transposed else 'i j'})"
        one = f"(ub_scaled {sizes} {matrix} _ {number(factor)} _ {scale} {held})"
        norm, entry = f"{number(abs(factor))} * {least}", terms.summand(summand)
        if proof:
            left = f"(fun i j => {' + '.join(entries)})"
            sums = f"({' + '.join(norms)}) ({norm})"
            one = f"(ub_add {sizes} {left} (fun i j => {entry}) {sums} {proof} {one})"
        norms.append(norm)
        entries.append(entry)
        proof = one
    whole, lemma = f"({' + '.join(norms)})", f"u_{linear_map.name}"
    stated = (
        f"Lemma {lemma} : ub {sizes} (mat {size(linear_map.into)} {terms.map(linear_map)}) {whole}."
    )
    line = f"{stated}\nProof. exact {proof}. Qed."
    if line not in step.lemmas:
        step.lemmas.append(line)
    return whole, lemma


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
