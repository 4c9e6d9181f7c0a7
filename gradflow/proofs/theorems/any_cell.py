"""What holds for any declared cell: the step and T steps, from above and from below."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial

from gradflow.cells.cell import Cell
from gradflow.cells.typeset import name_latex
from gradflow.proofs.algebra.polynomial import Variable
from gradflow.proofs.bounding.carousels import Carousel, carousel
from gradflow.proofs.bounding.invariants import unit_invariants
from gradflow.proofs.bounding.norms import BlockBound, StepBound
from gradflow.proofs.bounding.step import bounds
from gradflow.proofs.claims import evidence
from gradflow.proofs.claims.claim import Claim
from gradflow.proofs.claims.derivation import block_latex, derivation
from gradflow.proofs.claims.stating import assumed, filled, texts, told
from gradflow.proofs.claims.typeset import FORMULA, PROSE, Letters
from gradflow.proofs.coq.files import lower_file, upper_file
from gradflow.proofs.coq.scripts import Premise
from gradflow.proofs.coq.terms import NotExportedError
from gradflow.proofs.measuring import any_cell

SAID = "any_cell"
"""The text file."""


@lru_cache(maxsize=64)
def automatic(cell: Cell) -> tuple[tuple[Claim, ...], tuple[str, ...]]:
    """Return the upper bound of a cell's products, and the lower one where it has a carousel.

    Beside them stands why a bound that the cell could have is not stated: no network satisfies it,
    or Coq has no rule for part of the cell, and nothing else tells where that has a derivative.
    """
    found = carousel(cell)
    makers = {f"{cell.name}.upper": partial(upper, cell)}
    missing = []
    if found and found.possible:
        makers[f"{cell.name}.lower"] = partial(lower, cell, found)
    elif found:
        kept = Letters(cell, found.expressions, PROSE).polynomial(found.kept)
        values = {"cell": cell.name, "part": name_latex(found.part), "a": kept}
        missing.append(filled(texts(SAID)["phrases"]["impossible"], values))
    made = []
    for name, maker in makers.items():
        try:
            made.append(maker())
        except NotExportedError as error:
            values = {"claim": name, "missing": str(error)}
            missing.append(filled(texts(SAID)["phrases"]["no_rule"], values))
    return tuple(made), tuple(missing)


def assumed_of_a_run(cell: Cell) -> tuple[str, ...] | None:
    """Return what the bound from above assumes of a run, ``None`` where it is not stated."""
    made = {claim.name: claim for claim in automatic(cell)[0]}
    bound = made.get(f"{cell.name}.upper")
    return bound.assumes if bound else None


def upper(cell: Cell) -> Claim:
    """Return the bound of T steps from above. Raises ``NotExportedError``."""
    bound = bounds(cell)
    prose, formula = (Letters(cell, bound.expressions, kinds) for kinds in (PROSE, FORMULA))
    rows: tuple[str, ...] = ()
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
        rows = tuple(_entry(formula, block) for block in bound.blocks)
    boxes = unit_invariants(cell)
    script = upper_file(cell)
    said = told(texts(SAID)[entry], values)
    return Claim(
        name=f"{cell.name}.upper",
        cell=cell.name,
        hypotheses=assumed(script.premises, prose),
        proof=tuple(derivation(prose, bound)),
        evidence=(evidence.step(bound), *(evidence.invariant(i) for i in boxes.values())),
        script=script,
        assumes=assumed(map(of_a_run, script.premises), prose),
        measure=partial(any_cell.above, bound),
        **said
        | {"display": (*said["display"], *rows)}
        | (
            {"witness": filled(texts(SAID)["phrases"]["zero"], {})}
            if any(map(is_slope, bound.variables))
            else {}
        ),
    )


def lower(cell: Cell, found: Carousel) -> Claim:
    """Return the bound of T steps from below, along the carousel. Raises ``NotExportedError``."""
    prose, formula = (Letters(cell, found.expressions, kinds) for kinds in (PROSE, FORMULA))
    bounded = {"a": found.kept, "b": found.b, "g": found.g, "d": found.d}
    values = {name: prose.polynomial(p) for name, p in bounded.items()}
    values |= {f"formula_{name}": formula.polynomial(p) for name, p in bounded.items()}
    values["part"] = prose.part(found.part)
    values |= {f"part_{time}": name_latex(found.part, time) for time in "tk"}
    entry = "lower_parts" if found.beside else "lower" if len(cell.states) == 1 else "lower_alone"
    along = "along" if found.beside else "kept"
    rate = "rate_follows" if found.rate_follows else "rate_asked"
    values |= {kind: filled(text, values) for kind, text in texts(SAID)[rate].items()}
    near = [{"kind": "diagonal", "diagonal": found.near_one.to_json()}] if found.near_one else []
    script = lower_file(cell, found)
    return Claim(
        name=f"{cell.name}.lower",
        cell=cell.name,
        hypotheses=assumed(script.premises, prose, values),
        proof=(
            *derivation(prose, found.step if found.beside else _row(found)),
            *(filled(line, values) for line in texts(SAID)[along]["proof"]),
        ),
        evidence=(evidence.step(found.step), *near),
        script=script,
        measure=partial(any_cell.below, found),
        **told(texts(SAID)[entry], values),
    )


def _row(found: Carousel) -> StepBound:
    """Return the bounds of the carousel's row alone."""
    return replace(found.step, blocks=tuple(b for b in found.step.blocks if b.out == found.part))


def of_a_run(premise: Premise) -> Premise:
    """Return what a premise says of a run: where it starts, what it avoids."""
    kept = tuple(item for item in premise.about if item[0] in _OF_A_RUN)
    return replace(premise, about=kept)


_OF_A_RUN = ("box", "kink", "jump", "whole", "log", "division", "root", "clock")


def is_slope(variable: Variable) -> bool:
    """Whether a norm is that of the derivative of a call, over all its arguments."""
    kind, name = variable
    return kind == "norm" and "'" in name


def _entry(letters: Letters, block: BlockBound) -> str:
    """Return one entry of the matrix of bounds, which stands on a line of its own."""
    out, wrt = (letters.part(part) for part in (block.out, block.wrt))
    return f"N_{{{out} {wrt}}} = {letters.polynomial(block.bound)}"


def _matrix(bound: StepBound, letters: Letters) -> str:
    size = len(bound.states)
    cells = [letters.polynomial(b.bound) for b in bound.blocks]
    rows = [" & ".join(cells[k * size : (k + 1) * size]) for k in range(size)]
    return r" \\ ".join(rows)
