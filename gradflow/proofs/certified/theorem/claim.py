"""A certified gradient as a claim: words, evidence, and the Coq theorem where there is a rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from gradflow.cells.cell import Cell
from gradflow.errors import UsageError
from gradflow.given import flag, instance, real_number
from gradflow.proofs.certified.gradient import replay
from gradflow.proofs.certified.gradient.certified import CertifiedGradient, certify_gradient
from gradflow.proofs.certified.gradient.loss import Loss
from gradflow.proofs.certified.program.stacked import as_one, part_of
from gradflow.proofs.certified.program.sums import with_maps
from gradflow.proofs.certified.theorem.cost import seconds_of_coq
from gradflow.proofs.certified.theorem.layout import layout
from gradflow.proofs.certified.theorem.proof import THEOREM, proof
from gradflow.proofs.certified.theorem.statement import HEADER, definitions
from gradflow.proofs.claims.claim import Claim
from gradflow.proofs.claims.seal import plain_declaration
from gradflow.proofs.coq.rules import on_machine_integers
from gradflow.proofs.coq.scripts import Script
from gradflow.proofs.coq.terms import NotExportedError
from gradflow.spectra import run as run_cell

_DIGITS = 10


def gradient_claim(
    found: CertifiedGradient,
    *,
    arrays: bool = False,
    seconds: float = 600.0,
    machine_integers: bool = False,
) -> Claim:
    """Return the statement about every lag, with a Coq theorem if that takes no longer.

    With ``arrays`` also about the gradient by every array of weights. ``seconds`` of work of Coq
    are allowed; :func:`seconds_of_coq` estimates what it takes. Without the theorem the claim is
    CERTIFIED, and its scope says why. With ``machine_integers`` Coq works the numbers out on the
    63-bit integers of its kernel, several times as fast, and the theorem rests also on what Coq's
    library assumes of those (:data:`gradflow.proofs.coq.check.MACHINE_INTEGERS`). Stacked layers
    are written as one cell, and means and sums over units as constant maps of ones.
    """
    instance(found, "gradient_claim: found", CertifiedGradient, "gf.certify")
    flag(arrays, "gradient_claim: arrays")
    machine = flag(machine_integers, "gradient_claim: machine_integers")
    allowed = real_number(seconds, "gradient_claim: seconds", least=-1.0)
    one, scope = as_one(found.run), ""
    if any(line.kind in ("sum", "spread") for line in found.line.lines):
        try:
            one = with_maps(one)
        except UsageError as error:
            scope = _plain(error)
    if one is not found.run:
        part = part_of(found.scored.part, dict(one.part_sizes()))
        loss = replace(found.loss, part=part)
        found = certify_gradient(one, loss, bits=found.bits, parameters=arrays)
    script = None
    cost = seconds_of_coq(found, arrays=arrays, machine_integers=machine)
    if not scope and cost > allowed:
        scope = f"Coq would take about {cost:.0f} s, and {allowed:.0f} s are allowed"
        less = seconds_of_coq(found, arrays=arrays, machine_integers=True)
        if less < cost:
            scope += f"; with machine_integers=True about {less:.0f} s"
    if not scope:
        try:
            script = _script(one.cell, found, arrays=arrays, machine=machine)
        except UsageError as error:
            scope = _plain(error)
        except NotExportedError as error:
            scope = f"{error} has no rule in Coq yet"
    evidence = replay.data(
        found.line,
        found.numbers,
        found.scored,
        found.found,
        found.bits,
        found.steps,
        arrays=arrays,
    )
    return Claim(
        name=f"{one.cell.name}.gradient",
        cell=one.cell.name,
        **texts(evidence),
        evidence=(evidence,),
        script=script,
        declaration=plain_declaration(one.cell.declaration),
        scope=scope,
    )


def _plain(error: Exception) -> str:
    """Return what an error says, to stand before a full stop of its own."""
    return str(error).rstrip(".")


def _script(cell: Cell, found: CertifiedGradient, *, arrays: bool, machine: bool) -> Script:
    plan = layout(found, cell)
    title = f"Cell {cell.name}: the gradient of one loss of one network along one input."
    stated = definitions(plan, list(range(found.steps + 1)), arrays=arrays)
    statement = f"{HEADER.format(title=title)}{stated}\nDefinition claim : Prop := stated.\n"
    text = proof(plan, arrays=arrays, machine=machine)
    return Script(theorem=THEOREM, statement=statement, proof=text)


def texts(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the texts of the claim, made from its data alone."""
    loss, steps, bounds = data["loss"], data["steps"], data["bounds"]
    low, high = bounds[0][""]
    first = _interval(low, high, data["p"])
    parts = [p for p in bounds[0] if p]
    rows = [
        f"after {k} steps: "
        + ", ".join(
            f"by {p} in {_interval(bounds[k][p][0], bounds[k][p][1], data['p'])}" for p in parts
        )
        for k in sorted({0, steps // 4, steps // 2, 3 * steps // 4, steps})
    ]
    when = "at every step" if len(loss["targets"]) > 1 else f"at step {steps}"
    exists = "exists, and its norm at step 0 lies"
    if data["kinks"]:
        exists = "that the chain rule gives with relu'(0) = 0 has at step 0 a norm"
    arrays = [
        f"by the array {name}, all steps together: in {_interval(pair[0], pair[1], data['p'])}"
        for name, pair in data["arrays"].items()
    ]
    return {
        "words": (
            f"for these weights and this input of {steps} steps, the gradient of the "
            f"{loss['kind']} loss {when} by the state {exists} in {first}"
        ),
        "formula": rf"\left|\frac{{\partial L}}{{\partial s_0}}\right| \in {first}",
        "hypotheses": (
            f"the weights, the input and the initial state are the numbers of the data, whole "
            f"multiples of 2^-{data['q']}",
            "arithmetic is that of real numbers; floating point inside the network is not covered",
            *(
                [
                    f"at {data['kinks']} steps a unit sits exactly on the kink of relu (in which "
                    "Abs, Max and Min are written), where there need not be a derivative"
                ]
                if data["kinks"]
                else []
            ),
        ),
        "proof": (
            *rows,
            *arrays,
            f"balls of whole numbers, {data['p']} bits, forwards and backwards",
        ),
    }


def _interval(low: int, high: int, p: int) -> str:
    return f"[{_decimal(low, p, 0)}, {_decimal(high, p, 1)}]"


def _decimal(number: int, p: int, up: int) -> str:
    """Return a decimal that is not above, or with ``up`` not below, ``number 2^-p``."""
    if number <= 0:
        return "0"
    value, exponent = Fraction(number, 1 << p), 0
    while value * Fraction(10) ** exponent < 10 ** (_DIGITS - 1):
        exponent += 1
    while value * Fraction(10) ** exponent >= 10**_DIGITS:
        exponent -= 1
    scaled = value * Fraction(10) ** exponent
    digits = str(-(-scaled.numerator // scaled.denominator) if up else int(scaled))
    return f"{digits[0]}.{digits[1:]}e{len(digits) - 1 - exponent}"


def gradient_again(cell: Cell, data: Mapping[str, Any], script: Script | None) -> Claim:
    """Make the claim of some data again, from the declared cell and the numbers alone.

    ``script`` is what was read beside the data: whether there is one, and on which integers.
    """
    scale = 2.0 ** -int(data["q"])

    def floats(given: Any) -> Any:
        return np.array(given, dtype=object).astype(np.float64) * scale

    params = {k: floats(v) for k, v in (*data["matrices"].items(), *data["vectors"].items())}
    params = {k: v for k, v in params.items() if k in cell.parameters or k in cell.constant_names}
    inputs = {k: floats(v) for k, v in data["inputs"].items()}
    state = {k: floats(v) for k, v in data["start"].items()}
    steps = int(data["steps"])
    run = run_cell(cell, params, inputs or None, state, steps=steps)
    loss = data["loss"]
    targets = [
        y if loss["kind"] == "cross-entropy" else floats(y) for y in loss["targets"].values()
    ]
    every = len(targets) > 1
    made = Loss(
        kind=loss["kind"],
        weight=floats(loss["weight"]),
        bias=floats(loss["bias"]),
        target=targets if every else targets[0],
        part=loss["part"],
        every_step=every,
    )
    arrays = bool(data["arrays"])
    found = certify_gradient(run, made, bits=(int(data["p"]), int(data["m"])), parameters=arrays)
    return gradient_claim(
        found,
        arrays=arrays,
        seconds=1e9 if script else -1.0,
        machine_integers=script is not None and on_machine_integers(script.proof),
    )
