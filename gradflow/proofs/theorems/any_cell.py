"""What holds for any declared cell: the step and T steps, from above and from below."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import numpy as np

from gradflow.cells.cell import Cell
from gradflow.cells.typeset import name_latex
from gradflow.proofs.algebra.polynomial import Variable
from gradflow.proofs.bounding.carousels import Carousel, carousel
from gradflow.proofs.bounding.invariants import unit_invariants
from gradflow.proofs.bounding.norms import StepBound
from gradflow.proofs.bounding.step import bounds
from gradflow.proofs.claims import evidence
from gradflow.proofs.claims.claim import Claim, Margin
from gradflow.proofs.claims.derivation import block_latex, derivation
from gradflow.proofs.claims.stating import filled, texts, told
from gradflow.proofs.claims.typeset import FORMULA, PROSE, Letters
from gradflow.proofs.coq.files import lower_file, upper_file
from gradflow.proofs.coq.terms import NotExportedError
from gradflow.proofs.weights.along import cone_along
from gradflow.proofs.weights.values import measure
from gradflow.spectra import Trajectory

SAID = "any_cell"
"""The text file."""


def claims(cell: Cell) -> list[Claim]:
    """Return the upper bound of a cell's products, and the lower one where it has a carousel."""
    found = carousel(cell)
    return [upper(cell), *([lower(cell, found)] if found else [])]


def upper(cell: Cell) -> Claim:
    """Return the bound of T steps from above."""
    bound = bounds(cell)
    prose, formula = (Letters(cell, bound.expressions, kinds) for kinds in (PROSE, FORMULA))
    if bound.bound is not None:
        entry = "upper"
        values = {
            "bound": prose.polynomial(bound.bound),
            "formula_bound": formula.polynomial(bound.bound),
        }
    else:
        entry = "upper_parts"
        values = {
            "rows": "; ".join(f"${block_latex(prose, b)}$" for b in bound.blocks if b.terms),
            "matrix": _matrix(bound, formula),
        }
    boxes = unit_invariants(cell)
    kept = [_assumes("box", part=prose.part(p)) for p in boxes]
    coq, missing = _coq(upper_file, cell)
    return Claim(
        name=f"{cell.name}.upper",
        cell=cell.name,
        hypotheses=(*assumed(prose, bound.variables), *kept),
        proof=tuple(derivation(prose, bound)),
        evidence=(evidence.step(bound), *(evidence.invariant(i) for i in boxes.values())),
        coq=coq,
        measure=partial(_above, bound),
        **told(texts(SAID)[entry], values)
        | ({"scope": missing} if missing else {})
        | ({"witness": _assumes("zero")} if any(map(is_slope, bound.variables)) else {}),
    )


def lower(cell: Cell, found: Carousel) -> Claim:
    """Return the bound of T steps from below, along the carousel."""
    prose, formula = (Letters(cell, found.expressions, kinds) for kinds in (PROSE, FORMULA))
    bounded = {"a": found.kept, "b": found.b, "g": found.g, "d": found.d}
    values = {name: prose.polynomial(p) for name, p in bounded.items()}
    values |= {f"formula_{name}": formula.polynomial(p) for name, p in bounded.items()}
    values["part"] = prose.part(found.part)
    values |= {f"part_{time}": name_latex(found.part, time) for time in "tk"}
    entry = "lower" if len(cell.states) == 1 else "lower_parts"
    near = [{"kind": "diagonal", "diagonal": found.near_one.to_json()}] if found.near_one else []
    coq, missing = _coq(partial(lower_file, found=found), cell)
    return Claim(
        name=f"{cell.name}.lower",
        cell=cell.name,
        hypotheses=assumed(prose, found.variables),
        proof=(
            *derivation(prose, found.step),
            *(filled(line, values) for line in texts(SAID)["along"]["proof"]),
        ),
        evidence=(evidence.step(found.step), *near),
        coq=coq,
        measure=partial(_below, found),
        **told(texts(SAID)[entry], values) | ({"scope": missing} if missing else {}),
    )


def assumed(letters: Letters, variables: Iterable[Variable]) -> tuple[str, ...]:
    """Return in words what the variables of a bound stand for."""
    known = texts(SAID)["phrases"]
    return tuple(
        _assumes(
            "slope" if is_slope(v) else v[0],
            variable=letters.variable(v),
            name=letters.name(v),
        )
        for v in variables
        if v[0] in known
    )


def is_slope(variable: Variable) -> bool:
    """Whether a norm is that of the derivative of a call, over all its arguments."""
    kind, name = variable
    return kind == "norm" and "'" in name


def _assumes(what: str, **values: str) -> str:
    return filled(texts(SAID)["phrases"][what], values)


def _coq(build: Callable[[Cell], str], cell: Cell) -> tuple[str, str]:
    """Return a Coq file, or no file and the sentence that says why."""
    try:
        return build(cell), ""
    except NotExportedError as error:
        return "", _assumes("no_coq", missing=str(error))


def _matrix(bound: StepBound, letters: Letters) -> str:
    size = len(bound.states)
    cells = [letters.polynomial(b.bound) for b in bound.blocks]
    rows = [" & ".join(cells[k * size : (k + 1) * size]) for k in range(size)]
    return r" \\ ".join(rows)


def product_of(run: Trajectory) -> np.ndarray:
    """Return ``P(T, 0)`` of a run, in floating point."""
    whole = np.eye(run.width)
    for j in run.jacobians():
        whole = j @ whole
    return whole


def _above(bound: StepBound, run: Trajectory) -> Margin:
    values = measure(bound.variables, bound.expressions, run)
    measured = float(np.linalg.norm(product_of(run), 2))
    return Margin(measured, bound.number(values, run.steps), "above")


def _below(found: Carousel, run: Trajectory) -> Margin:
    cone = cone_along(found, run)
    whole = product_of(run)
    part = run.parts[found.part]
    block = whole if len(run.cell.states) == 1 else whole[part, part]
    measured = float(np.linalg.svd(block, compute_uv=False).min())
    return Margin(measured, None if cone is None else float(cone.rate) ** run.steps, "below")
