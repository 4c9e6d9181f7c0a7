"""The theorems about the ReLU network at given weights, with the units that are active counted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gradflow.proofs.measuring.margin import Condition, Margin
from gradflow.proofs.measuring.products import (
    least_singular,
    near_orthogonal,
    none_of,
    product_of,
    spectral,
)
from gradflow.spectra import Trajectory


def active(run: Trajectory) -> NDArray[np.bool_]:
    """Return which units are active at which step, (steps, units): after it they are above 0."""
    return np.asarray(run.states["h"][1:] > 0)


def identity(run: Trajectory) -> Margin:
    """With U = I as many directions are kept exactly as there are units that never switch off."""
    u = run.params["U"]
    condition = none_of("how far $U$ is from $I$", u - np.eye(len(u)))
    bound = 1.0 if condition.holds else None
    note = _counted(run)
    measured = spectral(product_of(run))
    return Margin(measured=measured, bound=bound, side="above", condition=condition, note=note)


def scaled(run: Trajectory) -> Margin:
    """With U = a I and every unit active the product is a power of a."""
    u = run.params["U"]
    a = float(u[0, 0])
    condition = none_of("how far $U$ is from $a I$", u - a * np.eye(len(u)))
    condition = condition if not condition.holds else _all_active(run)
    bound = abs(a) ** run.steps if condition.holds else None
    measured = spectral(product_of(run))
    return Margin(measured=measured, bound=bound, side="above", condition=condition)


def near(run: Trajectory) -> Margin:
    """Near the identity, with every unit active, every direction keeps ``(1 - e)^T``."""
    e = spectral(run.params["U"] - np.eye(run.width))
    condition = Condition(quantity=r"$\|U - I\|$", value=e, need="at most", limit=1.0)
    condition = condition if not condition.holds else _all_active(run)
    bound = (1 - e) ** run.steps if condition.holds else None
    measured = least_singular(product_of(run))
    note = f"at most {(1 + e) ** run.steps:.4g} of any change is left" if bound is not None else ""
    return Margin(measured=measured, bound=bound, side="below", condition=condition, note=note)


def survivors(run: Trajectory) -> Margin:
    """Near the identity, what is kept of changes of the units that are active at every step."""
    e = spectral(run.params["U"] - np.eye(run.width))
    always = active(run).all(0)
    if not always.any():
        condition = Condition(
            quantity=f"units active at every step, of {run.width}",
            value=0.0,
            need="at least",
            limit=1.0,
        )
        return Margin(measured=0.0, bound=None, side="below", condition=condition)
    growth = float(np.exp(min(run.steps * np.log1p(e), 700.0)))
    condition = Condition(
        quantity=r"$(1 + e)^{t-k}$ with $e = \|U - I\|$", value=growth, need="under", limit=2.0
    )
    return Margin(
        measured=least_singular(product_of(run)[:, always]),
        bound=2 - growth if condition.holds else None,
        side="below",
        condition=condition,
        note=f"{_counted(run)}; at most {growth:.4g} of any change is left",
    )


def orthogonal(run: Trajectory) -> Margin:
    """With an orthogonal U, what is kept of the changes that no inactive unit reads."""
    condition = near_orthogonal(run.params["U"])
    e = condition.value
    lost = int((~active(run)).sum())
    if condition.holds:
        condition = Condition(
            quantity=f"directions kept: units less {lost:,} inactive ones, over all steps",
            value=float(run.width - lost),
            need="at least",
            limit=1.0,
        )
    kept = run.width - lost
    values = np.linalg.svd(product_of(run), compute_uv=False)
    return Margin(
        measured=float(values[kept - 1]) if condition.holds else float(values.max(initial=0.0)),
        bound=(1 - e) ** run.steps if condition.holds else None,
        side="below",
        condition=condition,
        note=f"at least {kept} of {run.width} directions are kept" if condition.holds else "",
    )


def _counted(run: Trajectory) -> str:
    """Return in words how many units are active at every step, and how often any is."""
    found = active(run)
    share = 100 * float(found.mean()) if found.size else 100.0
    always = int(found.all(0).sum())
    return (
        f"{always} of {run.width} units are active at every step, {share:.0f} % of units and steps"
    )


def _all_active(run: Trajectory) -> Condition:
    count = int(active(run).all(0).sum())
    return Condition(
        quantity="the units that are active at every step",
        value=float(count),
        need="at least",
        limit=float(run.width),
    )
