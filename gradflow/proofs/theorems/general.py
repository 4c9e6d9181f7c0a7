"""What holds for any declared cell: gate bounds, the step and T steps from above, from below."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradflow.cells.cell import Cell
from gradflow.proofs.algebra.wording import text, variable_text
from gradflow.proofs.bounding.carousels import Carousel, carousel
from gradflow.proofs.bounding.invariants import unit_invariants
from gradflow.proofs.bounding.norms import StepBound
from gradflow.proofs.bounding.step import bounds, facts_of
from gradflow.proofs.claims import evidence
from gradflow.proofs.claims.claim import Claim, Margin
from gradflow.proofs.claims.typeset import polynomial_latex
from gradflow.proofs.coq.files import lower_file, upper_file
from gradflow.proofs.coq.terms import NotExportedError
from gradflow.proofs.weights.along import cone_along
from gradflow.proofs.weights.values import measure
from gradflow.spectra import Trajectory

CURVE = "for every differentiable curve of initial states, and every input sequence"


def general(cell: Cell) -> Iterator[Claim]:
    """Yield the upper bound of a cell's products, and the lower one where it has a carousel."""
    yield upper(cell)
    found = carousel(cell)
    if found:
        yield lower(cell, found)


def upper(cell: Cell) -> Claim:
    """Return the bound of T steps from above."""
    bound = bounds(cell)
    boxes = unit_invariants(cell)
    try:
        coq, scope = upper_file(cell), ""
    except NotExportedError as error:
        coq, scope = "", f"no Coq file: the library has no rule for {error}"
    if bound.bound is not None:
        words = f"|P(t, k)| <= ({text(bound.bound)})^(t-k), {CURVE}"
        formula = rf"\|P(t, k)\|_2 \le \left( {polynomial_latex(bound.bound)} \right)^{{t-k}}"
    else:
        rows = "; ".join(b.statement() for b in bound.blocks if b.terms)
        words = (
            f"with {rows}: the norms of the parts' gradients obey |ds_t| <= N |ds_(t-1)| entry by "
            f"entry, so their sum grows by at most the largest column sum of N a step, {CURVE}"
        )
        formula = (
            r"\sum_p \|\mathrm{d}s^p_t\| \le \kappa^{t-k} \sum_p \|\mathrm{d}s^p_k\|, \quad "
            r"\kappa = \max_q \sum_p N_{pq}, \quad N = \begin{pmatrix} "
            + _matrix(bound)
            + r" \end{pmatrix}"
        )
    return Claim(
        name=f"{cell.name}.upper",
        cell=cell.name,
        words=words,
        formula=formula,
        hypotheses=(*assumed(bound.variables), *(f"|{p}| <= 1 at the start" for p in boxes)),
        proof="\n".join(bound.lines()),
        evidence=(evidence.step(bound), *(evidence.invariant(i) for i in boxes.values())),
        coq=coq,
        theorem="upper",
        witness="all parameters 0: then every norm is 0, and every gate lies in its range",
        scope=scope,
        measure=lambda run: _above(bound, run),
    )


def _matrix(bound: StepBound) -> str:
    size = len(bound.states)
    cells = [polynomial_latex(b.bound) for b in bound.blocks]
    rows = [" & ".join(cells[k * size : (k + 1) * size]) for k in range(size)]
    return r" \\ ".join(rows)


def assumed(variables: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """Return in words what the variables of a bound stand for."""
    words = {
        "norm": "{} is at least the largest singular value of {n}",
        "sup": "{} is finite: it bounds |{n}| over units and steps",
        "least": "{} bounds {n} from below over units and steps",
    }
    return tuple(words[v[0]].format(variable_text(v), n=v[1]) for v in variables if v[0] in words)


def product_of(run: Trajectory) -> np.ndarray:
    """Return ``P(T, 0)`` of a run, in floating point."""
    whole = np.eye(run.width)
    for j in run.jacobians():
        whole = j @ whole
    return whole


def _above(bound: StepBound, run: Trajectory) -> Margin:
    values = measure(facts_of(run.cell), bound.variables, run)
    measured = float(np.linalg.norm(product_of(run), 2))
    return Margin(measured, bound.number(values, run.steps), "above")


def lower(cell: Cell, found: Carousel) -> Claim:
    """Return the bound of T steps from below, along the carousel."""
    try:
        coq, scope = lower_file(cell, found), ""
    except NotExportedError as error:
        coq, scope = "", f"no Coq file: the library has no rule for {error}"
    if len(cell.states) > 1:
        scope = scope or (
            f"that as many singular values of the whole product as {found.part} has units are at "
            "least the rate follows by min-max and is not in the Coq file, which has the vectors"
        )
        formula = (
            rf"\|\mathrm{{d}}{found.part}_t\| \ge (a - b\kappa)^{{t-k}} "
            rf"\|\mathrm{{d}}{found.part}_k\|, \quad g + d\kappa \le \kappa (a - b\kappa), \quad "
            rf"a = {polynomial_latex(found.kept)}, \; b = {polynomial_latex(found.b)}, \; "
            rf"g = {polynomial_latex(found.g)}, \; d = {polynomial_latex(found.d)}"
        )
    else:
        formula = rf"\|P(t, k) v\| \ge \left( {polynomial_latex(found.kept)} \right)^{{t-k}} \|v\|"
    near = [{"kind": "diagonal", "diagonal": found.near_one.to_json()}] if found.near_one else []
    return Claim(
        name=f"{cell.name}.lower",
        cell=cell.name,
        words=f"{found.statement()}, {CURVE}",
        formula=formula,
        hypotheses=assumed(found.variables),
        proof="\n".join(
            [
                *found.step.lines(),
                f"carousel  |{found.part}'| >= ({text(found.kept)}) |{found.part}| - b |rest|",
                "cone      |rest| <= kappa |carousel| is kept; induction over the steps",
            ]
        ),
        evidence=(evidence.step(found.step), *near),
        coq=coq,
        theorem="lower",
        witness="all recurrent maps 0 and the carousel's gate at its least value",
        scope=scope,
        measure=lambda run: _below(found, run),
    )


def _below(found: Carousel, run: Trajectory) -> Margin:
    cone = cone_along(found, run)
    whole = product_of(run)
    part = run.parts[found.part]
    block = whole if len(run.cell.states) == 1 else whole[part, part]
    measured = float(np.linalg.svd(block, compute_uv=False).min())
    return Margin(measured, None if cone is None else float(cone.rate) ** run.steps, "below")
