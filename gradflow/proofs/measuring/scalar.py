"""The powers of one number, which are about that number alone."""

from __future__ import annotations

import numpy as np

from gradflow.proofs.measuring.margin import Condition, Margin
from gradflow.proofs.measuring.products import product_of, spectral
from gradflow.spectra import Trajectory


def power(run: Trajectory, *, w: float, steps: int, high: float, derivative: bool) -> Margin:
    """A certified power, beside that of the run where it has this weight and so many steps."""
    own = float(np.asarray(run.params["w"]).flat[0])
    condition = Condition(quantity="$w$", value=own, need="exactly", limit=w)
    if condition.holds:
        condition = Condition(
            quantity="the number of steps", value=run.steps, need="exactly", limit=steps
        )
    measured = spectral(product_of(run))
    if derivative:
        measured *= run.steps / abs(own) if own else 0.0
    bound = high if condition.holds else None
    return Margin(measured=measured, bound=bound, side="above", condition=condition)
