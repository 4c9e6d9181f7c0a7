"""The theorems about the GRU at given weights."""

from __future__ import annotations

import numpy as np

from gradflow.proofs.measuring.contraction import gru_contraction, recovery
from gradflow.proofs.measuring.margin import Condition, Margin
from gradflow.proofs.measuring.products import in_box, product_of, size_of
from gradflow.spectra import Trajectory


def contracting(run: Trajectory) -> Margin:
    """The largest entry that the product makes of entries up to 1, beside the rate to its power."""
    found = gru_contraction(run.params, run.inputs["x"])
    condition = in_box(run, "h")
    if condition.holds:
        condition = Condition(
            quantity=r"$Z + (1 - Z)\, m + \tfrac{1}{2} u_z$, from the rows of the maps",
            value=found.rate,
            need="under",
            limit=1.0,
        )
    return Margin(
        measured=float(np.abs(product_of(run)).sum(1).max(initial=0.0)),
        bound=found.rate**run.steps if condition.holds else None,
        side="above",
        condition=condition,
        note=recovery(found.rate) if condition.holds else "",
    )


def invariant(run: Trajectory) -> Margin:
    """The largest entry of the state over the run, beside 1."""
    condition = in_box(run, "h")
    bound = 1.0 if condition.holds else None
    return Margin(measured=size_of(run.states["h"]), bound=bound, side="above", condition=condition)
