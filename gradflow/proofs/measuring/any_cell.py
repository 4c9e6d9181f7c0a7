"""The bounds of any cell beside its product: from above by norms, from below along a carousel."""

from __future__ import annotations

from fractions import Fraction
from math import sqrt

import numpy as np

from gradflow.proofs.bounding.carousels import Carousel, carousel
from gradflow.proofs.bounding.norms import StepBound
from gradflow.proofs.bounding.step import bounds
from gradflow.proofs.measuring.margin import Condition, Margin
from gradflow.proofs.measuring.products import in_box, least_singular, product_of, spectral
from gradflow.proofs.weights.along import outside
from gradflow.proofs.weights.values import measure
from gradflow.spectra import Trajectory


def above(bound: StepBound, run: Trajectory) -> Margin:
    """Return the bound of a step to the power of the lag, beside the norm of the product."""
    measured = spectral(product_of(run))
    if [b.bound for b in bounds(run.cell, free=outside(run)).blocks] != [
        b.bound for b in bound.blocks
    ]:
        return Margin(measured=measured, bound=None, side="above", condition=_outside(run))
    values = measure(bound.variables, bound.expressions, run)
    rate = max(np.array(bound.matrix(values)).sum(0), default=0.0)
    return Margin(
        measured=measured,
        bound=bound.number(values, run.steps),
        side="above",
        condition=Condition(
            quantity="growth a step, from the norms of the maps",
            value=float(rate),
            need="under",
            limit=1.0,
        ),
    )


def below(found: Carousel, run: Trajectory) -> Margin:
    """Return what the cone keeps over the steps, beside the least singular value of its block."""
    whole = product_of(run)
    part = run.parts[found.part]
    measured = least_singular(whole if len(run.cell.states) == 1 else whole[part, part])
    applies = carousel(run.cell, outside(run))
    if applies is None or applies.step != found.step:
        return Margin(measured=measured, bound=None, side="below", condition=_outside(run))
    values = measure(found.variables, found.expressions, run)
    exact = {name: Fraction(value) for name, value in values.items()}
    cone = found.cone(exact)
    a, b, g, d = map(float, found.sizes(exact))
    if not found.beside:
        condition = Condition(
            quantity="the least that a step keeps", value=a, need="at least", limit=0.0
        )
    else:
        condition = Condition(
            quantity=r"$d + 2 \sqrt{b g}$, what the other paths take, beside $a$",
            value=d + 2 * sqrt(b) * sqrt(g),
            need="at most",
            limit=a,
        )
    return Margin(
        measured=measured,
        bound=None if cone is None else float(cone.rate) ** run.steps,
        side="below",
        condition=condition,
    )


def _outside(run: Trajectory) -> Condition:
    """Return the condition that a start outside the box breaks."""
    return max((in_box(run, part) for part in outside(run)), key=lambda found: found.value)
