"""Whole Coq files: a cell's recurrence, its derivative, its bounds, and a theorem about T steps."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files

from gradflow.cells import get
from gradflow.cells.cell import Cell
from gradflow.given import text
from gradflow.proofs.algebra.polynomial import Polynomial
from gradflow.proofs.bounding.carousels import Carousel
from gradflow.proofs.bounding.step import facts_of
from gradflow.proofs.coq.derivative import HEADER, definitions, derivatives
from gradflow.proofs.coq.lemmas import StepLemmas
from gradflow.proofs.coq.rows import low, rows
from gradflow.proofs.coq.section import at_step, intros, premises, section
from gradflow.proofs.coq.terms import CoqTerms, NotExportedError

_BOUNDS_END, _CELL_ENDS = "End Bounds.\n", "End Cell.\n"
_DERIVATIVE = "exact (run_derivative size F dF smooth dF_correct T s r ds Sm H)"
_WITNESS = "exists w, along size (fun r => run F T (s r)) r w"
_CURVE = "forall (T : nat) (s : R -> state) (r : R) (ds : state)"


Build = Callable[[Cell, str, str], str]
"""Makes a whole file of a cell, a title and the text of a theorem."""


def theorem_text(name: str) -> str:
    """Return the text of a theorem about a library cell, from the package's Coq files."""
    return files("gradflow.proofs").joinpath(f"coq/theorems/{name}.v").read_text("utf-8")


def after_recurrence(cell: Cell | str, title: str, theorem: str) -> str:
    """Return a cell's recurrence and its derivative, and the text of a theorem about them.

    Raises ``NotExportedError`` for a cell that uses what the library has no rule for.
    """
    found, title, theorem = get(cell), text(title, "title"), text(theorem, "theorem")
    return "".join([*_recurrence(CoqTerms(found), title), theorem, _CELL_ENDS])


def after_boxes(cell: Cell | str, title: str, theorem: str) -> str:
    """Return the same with the lemmas about a step between: its bounds, the boxes it keeps."""
    terms = CoqTerms(get(cell))
    title, theorem = text(title, "title"), text(theorem, "theorem")
    step = StepLemmas(terms=terms, facts=facts_of(cell))
    rows(step)
    return "".join([*_recurrence(terms, title), section(step), theorem, _BOUNDS_END, _CELL_ENDS])


def after_upper(cell: Cell | str, _: str, theorem: str) -> str:
    """Return the file of the upper bound, with the text of a theorem after it."""
    found, theorem = get(cell), text(theorem, "theorem")
    text(_, "title")
    return "".join([*_upper(found), theorem, _BOUNDS_END, _CELL_ENDS])


def alone(_: Cell, __: str, theorem: str) -> str:
    """Return the text of a theorem that needs no cell."""
    return theorem


def _recurrence(terms: CoqTerms, what: str) -> list[str]:
    """Return the header, the declared recurrence and its derivative."""
    title = f"Cell {terms.cell.name}: {what}"
    return [HEADER.format(title=title), definitions(terms), derivatives(terms)]


def upper_file(cell: Cell) -> str:
    """Return the file that bounds the product of T step Jacobians of any cell from above.

    Raises ``NotExportedError`` for a cell that uses what the library has no rule for.
    """
    return "".join([*_upper(cell), _BOUNDS_END, _CELL_ENDS])


def _upper(cell: Cell) -> list[str]:
    terms = CoqTerms(cell)
    step = StepLemmas(terms=terms, facts=facts_of(cell))
    rows(step)
    rates = [step.poly(c) for c in _columns(step)]
    one = len(rates) == 1
    rate = rates[0] if one else "k"
    given = [] if one else ["0 <= k", *(f"{r} <= k" for r in rates)]
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
    theorem = f"""Theorem upper : {_CURVE}{"" if one else " (k : R)"},
  {premises(step, given)}
  {_WITNESS}
    /\\ {_total(step, "w")} <= {rate} ^ T * ({_total(step, "ds")}).
Proof.
  intros T s r ds {names}{intros(step)}.
  exists (drun F dF T (s r) ds); split; [{_DERIVATIVE}|].
  apply (geometric_upper (fun t => {_total(step, f"({tangent})")}) {rate} T);
    [{"nonneg" if one else "exact k0"} | intros t Ht].
{chr(10).join(steps)}
  change ({_next(step)} <= {rate} * ({_total(step, f"({tangent})")})). lra.
Qed.
"""
    return [*_recurrence(terms, "the product of T steps from above"), section(step), theorem]


def lower_file(cell: Cell, found: Carousel) -> str:
    """Return the file of the lower bound along a carousel, for a state of one or two parts.

    Raises ``NotExportedError`` for a cell that uses what the library has no rule for.
    """
    if len(cell.states) > 2:
        raise NotExportedError("a cone with more than two state parts")
    terms = CoqTerms(cell)
    step = StepLemmas(
        terms=terms,
        facts=facts_of(cell, frozenset(found.step_least)),
        expressions=dict(found.expressions),
    )
    rows(step)
    low(step, found)
    a = step.poly(found.kept)
    here = step.norm(found.part, "(drun F dF t (s r) ds)")
    lowest = f"pose proof {at_step(step, f'low_{found.part}')} as L."
    size = terms.size(cell.spaces[found.part])
    run = "(run F t (s r)) (drun F dF t (s r) ds)"
    after = f"nrm {size} (t_{found.part}_next t {run})"
    first, last = (step.norm(found.part, v) for v in ("ds", "w"))
    parts = [*_recurrence(terms, "the product of T steps from below"), section(step)]
    if len(cell.states) == 1:
        theorem = f"""Theorem lower : {_CURVE},
  0 <= {a} ->
  {premises(step, [])}
  {_WITNESS}
    /\\ {a} ^ T * {first} <= {last}.
Proof.
  intros T s r ds a0 {intros(step)}.
  exists (drun F dF T (s r) ds); split; [{_DERIVATIVE}|].
  apply (geometric_lower (fun t => {here}) {a} T); [exact a0 | intros t Ht].
  {lowest}
  change ({a} * {here} <= {after}). lra.
Qed.
"""
        return "".join([*parts, theorem, _BOUNDS_END, _CELL_ENDS])
    (other,) = (p for p in cell.states if p != found.part)
    b, g, d = (step.poly(p) for p in (found.b, found.g, found.d))
    beside = step.norm(other, "(drun F dF t (s r) ds)")
    n = terms.size(cell.spaces[other])
    beyond = f"nrm {n} (t_{other}_next t {run})"
    start_other, last_other = (step.norm(other, v) for v in ("ds", "w"))
    theorem = f"""Theorem lower : {_CURVE} (kappa : R),
  0 <= kappa -> 0 <= {a} - {b} * kappa ->
  {g} + {d} * kappa <= kappa * ({a} - {b} * kappa) ->
  {premises(step, [])}
  {start_other} <= kappa * {first} ->
  {_WITNESS}
    /\\ ({a} - {b} * kappa) ^ T * {first} <= {last}
    /\\ {last_other} <= kappa * {last}.
Proof.
  intros T s r ds kappa k0 r0 C {intros(step)} S0.
  exists (drun F dF T (s r) ds); split; [{_DERIVATIVE}|].
  apply (cone (fun t => {here}) (fun t => {beside}) {a} {b} {g} {d} kappa T);
    [exact k0 | nonneg | nonneg | exact r0 | exact C | intros; apply nrm_nonneg | | | exact S0];
    intros t Ht.
  - {lowest}
    change ({a} * {here} - {b} * {beside} <= {after}). lra.
  - pose proof {at_step(step, f"row_{other}")} as U.
    change ({beyond} <= {g} * {here} + {d} * {beside}). lra.
Qed.
"""
    return "".join([*parts, theorem, _BOUNDS_END, _CELL_ENDS])


def _total(step: StepLemmas, vector: str) -> str:
    return " + ".join(step.norm(p, vector) for p in step.terms.cell.states)


def _next(step: StepLemmas) -> str:
    """Return the sum of the parts' norms after step ``t``."""
    cell = step.terms.cell
    run = "(run F t (s r)) (drun F dF t (s r) ds)"
    rows = [(step.terms.size(cell.spaces[p]), p) for p in cell.states]
    return " + ".join(f"nrm {n} (t_{p}_next t {run})" for n, p in rows)


def _columns(step: StepLemmas) -> list[Polynomial]:
    """Return, for each source part, the sum of the bounds of the blocks below it."""
    cell = step.terms.cell
    found = {p: Polynomial() for p in cell.states}
    for part in cell.states:
        for source, _, bound in step.summands(part):
            found[source] = found[source] + bound.bound
    return list(found.values())
