"""The theorems about the vanilla RNN at given weights."""

from __future__ import annotations

import numpy as np

from gradflow.proofs.measuring.contraction import recovery
from gradflow.proofs.measuring.margin import Condition, Margin
from gradflow.proofs.measuring.products import (
    least_singular,
    near_orthogonal,
    none_of,
    product_of,
    size_of,
    spectral,
)
from gradflow.proofs.weights.diagonal_norm import diagonal_norm
from gradflow.spectra import Trajectory


def vanishing(run: Trajectory) -> Margin:
    """Look for the diagonal norm in which U is smallest: under 1, every gradient vanishes."""
    found = diagonal_norm(run.params["U"])
    condition = Condition(
        quantity=r"the largest singular value of $Q U Q^{-1}$, at the best $Q$ that was found",
        value=found.value,
        need="under",
        limit=1.0,
    )
    bound = found.spread * found.value**run.steps if condition.holds else None
    note = (
        f"$q_{{\\max}} / q_{{\\min}}$ is {found.spread:.3g}; {recovery(found.value)}"
        if bound
        else ""
    )
    measured = spectral(product_of(run))
    return Margin(measured=measured, bound=bound, side="above", condition=condition, note=note)


def exploding(run: Trajectory) -> Margin:
    """Where the product enlarges something, the norm of U is above 1."""
    condition = Condition(
        quantity="the largest singular value of $P(t, k)$",
        value=spectral(product_of(run)),
        need="above",
        limit=1.0,
    )
    return Margin(
        measured=spectral(run.params["U"]),
        bound=1.0 if condition.holds else None,
        side="below",
        condition=condition,
    )


def attained(run: Trajectory) -> Margin:
    """With a multiple of the identity at the state 0 the bound is the norm itself."""
    u = run.params["U"]
    a = float(u[0, 0])
    condition = none_of(
        "how far $U$ is from $a I$, and $W x_t$, $b$ and $h_0$ from 0",
        u - a * np.eye(len(u)),
        np.asarray(run.inputs["x"]) @ np.asarray(run.params["W"]).T,
        run.params["b"],
        run.states["h"][0],
    )
    bound = abs(a) ** run.steps if condition.holds else None
    measured = spectral(product_of(run))
    return Margin(measured=measured, bound=bound, side="above", condition=condition)


def radius(run: Trajectory) -> Margin:
    """The counterexample is one network of two units, whose inputs hold the state."""
    u, held = run.params["U"], np.array([0.0, 0.75**0.5])
    condition = Condition(
        quantity="the number of units", value=float(len(u)), need="exactly", limit=2.0
    )
    if condition.holds:
        condition = none_of(
            "how far $U$ is from the matrix of the theorem", u - [[2.0, -2.0], [2.0, -2.0]]
        )
    if condition.holds:
        condition = Condition(
            quantity="how far the state is from that of the theorem",
            value=size_of(run.states["h"][1:] - held),
            need="at most",
            limit=1e-12,
        )
    bound = 1.5**run.steps if condition.holds else None
    measured = spectral(product_of(run))
    return Margin(measured=measured, bound=bound, side="below", condition=condition)


def orthogonal(run: Trajectory) -> Margin:
    """Between the slopes' least value to the power of the lag, and 1, for an orthogonal U."""
    condition = near_orthogonal(run.params["U"])
    e = condition.value
    slope = 1 - size_of(run.states["h"][1:]) ** 2
    whole = product_of(run)
    top = f"at most ${(1 + e) ** run.steps:.4g}$ of any gradient is left" if condition.holds else ""
    return Margin(
        measured=least_singular(whole),
        bound=(slope * (1 - e)) ** run.steps if condition.holds else None,
        side="below",
        condition=condition,
        note=f"slopes are at least {slope:.3g}; {top}" if top else "",
    )
