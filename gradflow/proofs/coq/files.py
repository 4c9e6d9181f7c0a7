"""Coq files of a cell: its recurrence, its derivative, its bounds, and theorems about T steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from gradflow.cells import get
from gradflow.cells.cell import Cell
from gradflow.given import text
from gradflow.proofs.algebra.polynomial import Polynomial, constant, total
from gradflow.proofs.bounding.carousels import Carousel
from gradflow.proofs.bounding.invariants import unit_invariants
from gradflow.proofs.bounding.step import bounds, facts_of
from gradflow.proofs.coq.derivative import derivatives, tangents
from gradflow.proofs.coq.lemmas import StepLemmas
from gradflow.proofs.coq.recurrence import equations, slopes, variables
from gradflow.proofs.coq.rows import low, rows
from gradflow.proofs.coq.scripts import Frame, Premise, Script, Theorem, script
from gradflow.proofs.coq.section import at_step, framed, intros, premises
from gradflow.proofs.coq.terms import CoqTerms

_DERIVATIVE = "exact (run_derivative size F dF smooth dF_correct T s r ds Sm H)"
_WITNESS = "exists w, along size (fun r => run F T (s r)) r w"
_CURVE = "(T : nat) (s : R -> state) (r : R) (ds : state)"


Build = Callable[[Cell, str, Theorem], Script]
"""Makes the files of a theorem about a cell under a title."""


def after_recurrence(cell: Cell | str, title: str, theorem: Theorem) -> Script:
    """Return the files of a theorem about a cell's recurrence and its derivative.

    Raises ``NotExportedError`` for a cell that uses what the library has no rule for.
    """
    found = get(cell)
    return script(_recurrence(CoqTerms(found), text(title, "title")), theorem)


def after_boxes(cell: Cell | str, title: str, theorem: Theorem) -> Script:
    """Return the same where the theorem may use which boxes a step keeps: ``box``, ``keeps``."""
    cell = get(cell)
    terms = CoqTerms(cell)
    step = StepLemmas(terms=terms, facts=facts_of(cell), boxes=list(unit_invariants(cell)))
    return script(framed(step, _recurrence(terms, text(title, "title"))), theorem)


def after_upper(cell: Cell | str, title: str, theorem: Theorem) -> Script:
    """Return the same where the theorem may use the bounds of a step, and the theorem ``upper``."""
    return script(*_upper(get(cell), text(title, "title")), theorem)


def alone(cell: Cell, title: str, theorem: Theorem) -> Script:
    """Return the files of a theorem that needs no cell."""
    return script(Frame(title=title or cell.name), theorem)


def _recurrence(terms: CoqTerms, what: str) -> Frame:
    """Return the declared recurrence and its derivative."""
    return Frame(
        title=f"Cell {terms.cell.name}: {what}",
        variables=variables(terms),
        equations="\n".join(filter(None, (equations(terms), slopes(terms)))),
        tangents=tangents(terms),
        lemmas=derivatives(terms),
    )


def upper_file(cell: Cell) -> Script:
    """Return the files of the bound of T steps of any cell from above.

    Raises ``NotExportedError`` for a cell that uses what the library has no rule for.
    """
    return script(*_upper(cell, "the product of T steps from above"))


def _upper(cell: Cell, title: str) -> tuple[Frame, Theorem]:
    terms = CoqTerms(cell)
    step = StepLemmas(terms=terms, facts=facts_of(cell))
    rows(step, cell.states)
    rates = [step.poly(c) for c in _columns(cell)]
    one = len(rates) == 1
    rate = rates[0] if one else "k"
    names = "" if one else "k k0 " + " ".join(f"R{j}" for j in range(len(rates))) + " "
    size = [terms.size(cell.spaces[p]) for p in cell.states]
    tangent = "drun F dF t (s r) ds"
    steps = [
        f"  pose proof {at_step(step, f'row_{p}')} as Q{j}." for j, p in enumerate(cell.states)
    ]
    if not one:
        for j, n in enumerate(size):
            least = f"(nrm_nonneg {n} ({tangent} {j}%nat))"
            steps.append(f"  pose proof (Rmult_le_compat_r _ _ _ {least} R{j}) as X{j}.")
    frame = framed(step, _recurrence(terms, title))
    given = [Premise(coq=_CURVE, binds=True)]
    if not one:
        given += [Premise(coq="(k : R)", binds=True), Premise(coq="0 <= k")]
        given += [
            Premise(coq=f"{r} <= k", about=(("column", p),))
            for p, r in zip(cell.states, rates, strict=True)
        ]
    theorem = Theorem(
        name="upper",
        premises=premises(step, given),
        conclusion=f"""{_WITNESS}
    /\\ {_total(step, "w")} <= {rate} ^ T * ({_total(step, "ds")})""",
        proof=f"""Proof.
  intros T s r ds {names}{intros(step)}.
  exists (drun F dF T (s r) ds); split; [{_DERIVATIVE}|].
  apply (geometric_upper (fun t => {_total(step, f"({tangent})")}) {rate} T);
    [{"nonneg" if one else "exact k0"} | intros t Ht].
{chr(10).join(steps)}
  change ({_next(step)} <= {rate} * ({_total(step, f"({tangent})")})). lra.
Qed.
""",
    )
    return frame, theorem


def lower_file(cell: Cell, found: Carousel) -> Script:
    """Return the files of the lower bound along a carousel, for a state of any number of parts.

    Raises ``NotExportedError`` for a cell that uses what the library has no rule for.
    """
    terms = CoqTerms(cell)
    step = StepLemmas(
        terms=terms,
        facts=facts_of(cell, frozenset(found.step_least)),
        expressions=dict(found.expressions),
    )
    rows(step, found.beside)
    low(step, found)
    theorem = _cone(step, found) if found.beside else _kept_alone(step, found)
    frame = framed(step, _recurrence(terms, "the product of T steps from below"))
    return script(frame, replace(theorem, premises=premises(step, theorem.premises)))


def _kept_alone(step: StepLemmas, found: Carousel) -> Theorem:
    """Return the lower bound where nothing but the carousel's part reaches that part."""
    a = step.poly(found.kept)
    here, after, first, last = _along(step, found)
    positive = Premise(coq=f"0 <= {a}", about=(("keeps", ""),))
    return Theorem(
        name="lower",
        premises=(Premise(coq=_CURVE, binds=True), positive),
        conclusion=f"{_WITNESS}\n    /\\ {a} ^ T * {first} <= {last}",
        proof=f"""Proof.
  intros T s r ds a0 {intros(step)}.
  exists (drun F dF T (s r) ds); split; [{_DERIVATIVE}|].
  apply (geometric_lower (fun t => {here}) {a} T); [exact a0 | intros t Ht].
  pose proof {at_step(step, f"low_{found.part}")} as L.
  change ({a} * {here} <= {after}). lra.
Qed.
""",
    )


def _cone(step: StepLemmas, found: Carousel) -> Theorem:
    """Return the lower bound in a cone about the carousel's part."""
    terms, cell, others = step.terms, step.terms.cell, found.beside
    a, b, g, d = (step.poly(p) for p in (found.kept, found.b, found.g, found.d))
    here, after, first, last = _along(step, found)

    def rest(vector: str) -> str:
        return " + ".join(step.norm(p, vector) for p in others)

    beside = rest("(drun F dF t (s r) ds)")
    run = "(run F t (s r)) (drun F dF t (s r) ds)"
    spaces = [(terms.size(cell.spaces[p]), p) for p in others]
    beyond = " + ".join(f"nrm {n} (t_{p}_next t {run})" for n, p in spaces)
    rows_beside = "\n    ".join(
        f"pose proof {at_step(step, f'row_{p}')} as U{k}." for k, p in enumerate(others)
    )
    cone = f"{g} + {d} * kappa <= kappa * ({a} - {b} * kappa)"
    follows = found.rate_follows
    rate = [] if follows else [Premise(coq=f"0 <= {a} - {b} * kappa", about=(("rate", ""),))]
    return Theorem(
        name="lower",
        premises=(
            Premise(coq=_CURVE, binds=True),
            Premise(coq="(kappa : R)", binds=True),
            *rate,
            Premise(coq=cone, about=(("cone", ""),)),
            Premise(coq=f"{rest('ds')} <= kappa * ({first})", about=(("start", ""),)),
        ),
        conclusion=f"""{_WITNESS}
    /\\ ({a} - {b} * kappa) ^ T * {first} <= {last}""",
        proof=f"""Proof.
  intros T s r ds kappa {"" if follows else "r0 "}C S0 {intros(step)}.
  exists (drun F dF T (s r) ds); split; [{_DERIVATIVE}|].
  assert (A0 : kappa = 0 -> 0 <= {a}).
  {{ intros K; {_where_closed(step, found)} }}
  apply (cone_kept (fun t => {here}) (fun t => {beside}) {a} {b} {g} {d} kappa T);
    [nonneg | nonneg | nonneg | exact A0 | exact C | intros; apply nrm_nonneg
    | repeat apply Rplus_le_le_0_compat; apply nrm_nonneg | | | exact S0];
    intros t Ht.
  - pose proof {at_step(step, f"low_{found.part}")} as L. {_signs(step, [found.part], others)}
    change ({a} * {here} - {b} * ({beside}) <= {after}). lra.
  - {rows_beside} {_signs(step, others, others)}
    change ({beyond} <= {g} * {here} + {d} * ({beside})). lra.
Qed.
""",
    )


def _where_closed(step: StepLemmas, found: Carousel) -> str:
    """Return tactics for ``0 <= a`` where kappa is 0, and with it ``g``."""
    if not found.rate_follows:
        return "rewrite K in r0; lra."
    fixed = found.g.coefficients.get((), 0)
    if fixed:
        over = step.poly(found.g - constant(fixed))
        return f"exfalso; assert (0 <= {over}) by nonneg; rewrite K in C; lra."
    lines = []
    for v in found.nothing:
        rest = step.poly(Polynomial.of({m: c for m, c in found.g.terms if m != ((v, 1),)}))
        lines.append(
            f"assert ({step.name(v)} = 0) as E_{step.name(v)} "
            f"by (assert (0 <= {rest}) by nonneg; rewrite K in C; "
            f"apply Rle_antisym; [lra | nonneg])."
        )
    zeros = "".join(f"?E_{step.name(v)}, " for v in found.nothing).rstrip(", ")
    left = step.poly(found.kept.without(found.nothing))
    rewritten = f"rewrite {zeros}; " if zeros else ""
    return f"{' '.join(lines)} {rewritten}assert (0 <= {left}) by nonneg; lra."


def _along(step: StepLemmas, found: Carousel) -> tuple[str, str, str, str]:
    """Return the norm of the carousel's part at step t, after it, at the start and at the end."""
    size = step.terms.size(step.terms.cell.spaces[found.part])
    after = f"nrm {size} (t_{found.part}_next t (run F t (s r)) (drun F dF t (s r) ds))"
    here, first, last = (step.norm(found.part, v) for v in ("(drun F dF t (s r) ds)", "ds", "w"))
    return here, after, first, last


def _signs(step: StepLemmas, rows_of: Sequence[str], others: Sequence[str]) -> str:
    """Return tactics for a rest of several parts: no bound times another norm is below 0."""
    run = "(drun F dF t (s r) ds)"
    found = []
    for part in rows_of:
        for source, _, bound in step.summands(part):
            for other in others:
                if source in others and other != source:
                    product = f"{step.poly(bound.bound)} * {step.norm(other, run)}"
                    proof = "apply Rmult_le_pos; [nonneg | apply nrm_nonneg]"
                    found.append(f"assert (0 <= {product}) by ({proof}).")
    return " ".join(dict.fromkeys(found))


def _total(step: StepLemmas, vector: str) -> str:
    return " + ".join(step.norm(p, vector) for p in step.terms.cell.states)


def _next(step: StepLemmas) -> str:
    """Return the sum of the parts' norms after step ``t``."""
    cell = step.terms.cell
    run = "(run F t (s r)) (drun F dF t (s r) ds)"
    rows = [(step.terms.size(cell.spaces[p]), p) for p in cell.states]
    return " + ".join(f"nrm {n} (t_{p}_next t {run})" for n, p in rows)


def _columns(cell: Cell) -> list[Polynomial]:
    """Return, for each source part, the sum of the printed bounds of the blocks below it."""
    found = bounds(cell)
    return [total(found[out, source].bound for out in cell.states) for source in cell.states]
