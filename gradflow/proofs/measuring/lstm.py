"""The theorems about the LSTM at given weights."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from scipy.special import expit

from gradflow.proofs.bounding.cone import best_cone
from gradflow.proofs.measuring.contraction import lstm_contraction, recovery
from gradflow.proofs.measuring.margin import Condition, Margin
from gradflow.proofs.measuring.products import (
    in_box,
    least_singular,
    none_of,
    product_of,
    size_of,
    spectral,
)
from gradflow.proofs.weights.values import values_along
from gradflow.spectra import Trajectory


def contracting(run: Trajectory) -> Margin:
    """The weighted norm of the product, beside the comparison matrix's radius to its power."""
    found = lstm_contraction(run.params, run.inputs["x"], size_of(run.states["c"][0]))
    condition = in_box(run, "h")
    if condition.holds:
        condition = Condition(
            quantity="the spectral radius of $N$, at the best $w$",
            value=found.rate,
            need="under",
            limit=1.0,
        )
    whole, parts = product_of(run), run.parts
    weight = found.weight if condition.holds else 1.0
    columns = {
        q: sum(s * spectral(whole[parts[p], parts[q]]) for p, s in (("c", 1.0), ("h", weight)))
        for q in ("c", "h")
    }
    return Margin(
        measured=max(columns["c"], columns["h"] / weight),
        bound=found.rate**run.steps if condition.holds else None,
        side="above",
        condition=condition,
        note=recovery(found.rate) if condition.holds else "",
    )


def opened(run: Trajectory) -> Margin:
    """What is left of c when the forget gates stay between their least value and 1."""
    gate = float(values_along(run)["f"].min(initial=1.0))
    height = size_of(run.states["c"][:-1])
    k = {name: spectral(run.params[f"U_{name}"]) for name in "ifog"}
    b = (1 - gate) * height * k["f"] + k["g"] + k["i"] / 4
    d = b + k["o"] / 4
    cone = best_cone(*map(Fraction, (gate, b, 1.0, d)))
    whole = product_of(run)[run.parts["c"], run.parts["c"]]
    note = ""
    if cone is not None:
        top = (1 + b * float(cone.kappa)) ** run.steps
        note = f"forget gates are at least {gate:.3g}; at most {top:.4g} of a change of c is left"
    return Margin(
        measured=least_singular(whole),
        bound=None if cone is None else float(cone.rate) ** run.steps,
        side="below",
        condition=Condition(
            quantity=r"$b + \tfrac{1}{4} \|U_o\| + 2 \sqrt{b}$ of other paths, beside $l$",
            value=d + 2 * b**0.5,
            need="at most",
            limit=gate,
        ),
        note=note,
    )


def direct(run: Trajectory) -> Margin:
    """The least of the products of forget gates, beside the least gate to the power of the lag."""
    f = values_along(run)["f"]
    return Margin(
        measured=float(np.prod(f, 0).min(initial=1.0)),
        bound=float(f.min(initial=1.0)) ** run.steps,
        side="below",
    )


def forget_bias(run: Trajectory) -> Margin:
    """The least forget gate, beside what the smallest forget bias promises."""
    params, x = run.params, np.asarray(run.inputs["x"], np.float64)
    reach = float(np.linalg.norm(x, axis=-1).max(initial=0.0))
    units = len(params["b_f"])
    taken = spectral(params["U_f"]) * units**0.5 + spectral(params["W_f"]) * reach
    condition = in_box(run, "h")
    bound = float(expit(params["b_f"].min() - taken)) if condition.holds else None
    measured = float(values_along(run)["f"].min(initial=1.0))
    return Margin(measured=measured, bound=bound, side="below", condition=condition)


def cell_state(run: Trajectory) -> Margin:
    """The largest cell state, beside ``1 / (1 - f_max)``."""
    most = float(values_along(run)["f"].max(initial=0.0))
    condition = Condition(quantity=r"$f_{\max}$", value=most, need="under", limit=1.0)
    bound = max(1 / (1 - most), size_of(run.states["c"][0])) if condition.holds else None
    return Margin(measured=size_of(run.states["c"]), bound=bound, side="above", condition=condition)


def some_vanish(run: Trajectory) -> Margin:
    """Without recurrent maps nothing of h reaches the next step."""
    condition = none_of("the largest recurrent weight", *(run.params[f"U_{k}"] for k in "ifog"))
    measured = spectral(product_of(run)[:, run.parts["h"]])
    applies = condition.holds and run.steps > 0
    return Margin(
        measured=measured, bound=0.0 if applies else None, side="above", condition=condition
    )


def can_explode(run: Trajectory) -> Margin:
    """The counterexample is one network of one unit at the state 0."""
    measured = spectral(product_of(run))
    units = len(run.params["b_f"])
    condition = Condition(quantity="the number of units", value=units, need="exactly", limit=1.0)
    if condition.holds:
        small = [run.params[f"b_{k}"] for k in "ifog"] + [run.params[f"U_{k}"] for k in "ifo"]
        inputs = [run.inputs["x"] @ np.asarray(run.params[f"W_{k}"]).T for k in "ifog"]
        starts = [run.states["h"][0], run.states["c"][0], np.asarray(run.params["U_g"]) - 6.0]
        condition = none_of(
            "how far this is from the network of the theorem", *small, *inputs, *starts
        )
    bound = 2.0**run.steps if condition.holds else None
    return Margin(measured=measured, bound=bound, side="below", condition=condition)
