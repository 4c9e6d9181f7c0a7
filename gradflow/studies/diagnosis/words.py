"""A diagnosis in words: the verdict, and the lines that stand under it."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from gradflow.networks import Layer
from gradflow.studies.diagnosis.layers import LayerFindings
from gradflow.studies.diagnosis.reach import Reach
from gradflow.studies.diagnosis.record import Diagnosis
from gradflow.studies.diagnosis.spread import Spread, spread, told
from gradflow.studies.diagnosis.subject import Subject

__all__ = ["advised_window", "report_lines", "truncated", "verdict_of"]


def verdict_of(subject: Subject, reach: Reach, need: int, good: bool) -> str:
    """Return the verdict: what is left at the lag needed, with its spread and its file."""
    left = told(reach.log10_left, _power)
    steps = subject.run.steps
    horizon = f"falls under 1 % for good after {told(reach.loss_horizon, _within(steps))}"
    if math.isinf(reach.loss_horizon.median):
        horizon = f"is not under 1 % for good within {steps} steps"
    growing = reach.log10_left.median > 2
    what = "grows to" if growing else "is" if good else "is only"
    return (
        f"{subject.network.source}: at lag {need} the gradient of the loss {what} {left} times "
        f"that at lag 0; it {horizon}, on {subject.data}"
    )


def report_lines(found: Diagnosis) -> list[str]:
    """Return the whole diagnosis, a line each, in the order in which it is told."""
    subject, reach = found.subject, found.reach
    steps = subject.run.steps
    lines = [f"{found.verdict}.", "", "Read"]
    lines += [f"  {_layer_words(layer)}" for layer in subject.network.layers]
    lines += [f"  loss: {subject.loss}"]
    lines += [f"  assumed: {sentence}" for sentence in subject.network.assumed]
    if subject.network.skipped:
        more = len(subject.network.skipped) - 4
        names = ", ".join(subject.network.skipped[:4])
        lines.append(f"  not read: {names}{f' and {more} more' if more > 0 else ''}")
    lines += ["", "Reach"]
    lines.append(f"  loss falls under 1 % after: {told(reach.loss_horizon, _within(steps))}")
    if reach.product_horizon is not None:
        lines.append(
            "  the product of Jacobians, the most any loss could have: "
            f"{told(reach.product_horizon, _within(steps))}"
        )
    if reach.directions is not None:
        lines.append(
            f"  directions with over 1 % left at lag {found.need}: {told(reach.directions)} of "
            f"{subject.run.width}"
        )
    lines += ["", "Layers"]
    for layer in found.layers:
        lines += _layer_lines(layer)
    if found.paths:
        lines += ["", f"Paths of the gradient at lag {found.need}"]
        lines += [
            f"  {100 * share:5.1f} %  {path}" for path, share in list(found.paths.items())[:8]
        ]
    if found.truncation is not None:
        lines += ["", "Truncated backpropagation leaves out of the parameter gradient"]
        lines += [
            f"  {told(missing, lambda v: f'{100 * v:.3g} %')} with a window of {window} steps"
            for window, missing in truncated(found)
        ]
        window = advised_window(found)
        if window is not None:
            lines.append(
                f"  under 5 % from a window of {window} steps on, of a gradient that reaches no "
                "further than is told above"
            )
    if found.clipping is not None:
        norm = told(found.clipping, lambda v: _power(v / math.log(10)))
        lines += ["", f"Norm of the parameter gradient: {norm}"]
        lines += [f"  {words}" for words in _clipping(found)]
    lines += _remedy_lines(found)
    if found.left_out:
        lines += ["", "Not computed"]
        lines += [f"  {what}: {why}" for what, why in found.left_out.items()]
    return lines


def _clipping(found: Diagnosis) -> list[str]:
    assert found.truncation is not None
    norms = np.exp(np.ravel(found.truncation.log_whole))
    limits = [10.0 ** math.floor(math.log10(v)) for v in norms if 0 < v < math.inf]
    lines = []
    for limit in sorted({*limits, 1.0}):
        factors = (limit / norms)[norms > limit]
        if len(factors):
            lines.append(
                f"clipping at {limit:g} would shorten {len(factors)} of {len(norms)}, down to "
                f"{float(factors.min()):.2g} times their norm"
            )
    return [*lines, "the share of each lag in a gradient is the same after clipping"]


def _layer_words(layer: Layer) -> str:
    back = ", reverse" if layer.direction == "reverse" else ""
    return (
        f"layer {layer.level + 1}{f' of {layer.name}' if layer.name else ''}: {layer.kind}, "
        f"{layer.inputs} inputs, {layer.hidden} units{back}, {layer.dtype}"
    )


def advised_window(found: Diagnosis, share: float = 0.05) -> int | None:
    """Return the shortest window that leaves out less than this share of the parameter gradient."""
    return next((window for window, missing in truncated(found) if missing.high < share), None)


def truncated(found: Diagnosis) -> list[tuple[int, Spread]]:
    """Return the share of the parameter gradient that each window leaves out, by window."""
    if found.truncation is None:
        return []
    shares = found.truncation.missing.reshape(-1, len(found.truncation.window)).T
    return [(int(w), spread(row)) for w, row in zip(found.truncation.window, shares, strict=True)]


def _layer_lines(layer: LayerFindings) -> list[str]:
    maps = ", ".join(f"{n} {norm:.3g} / {radius:.3g}" for n, (norm, radius) in layer.maps.items())
    lines = [
        f"  {layer.name} ({layer.kind}, {layer.hidden} units)",
        f"    recurrent maps, norm / radius: {maps}",
    ]
    if layer.exponents:
        shown = ", ".join(f"{e:.3g} +- {s:.1g}" for e, s in layer.exponents)
        lines.append(f"    leading exponents, nats a step: {shown}")
    elif layer.reason:
        lines.append(f"    leading exponents: {layer.reason}")
    if layer.remembering is not None:
        lines.append(f"    forget gates over 0.99: {100 * layer.remembering:.3g} %")
    if layer.saturated is not None:
        lines.append(f"    gates over 0.99 or under 0.01: {100 * layer.saturated:.3g} %")
    lines.append(f"    units that no gradient reaches: {layer.dead}")
    lines.append(
        f"    half-life of the units that keep it longest: {_spread_of_units(layer.half_lives)}"
    )
    return lines


def _remedy_lines(found: Diagnosis) -> list[str]:
    if found.good:
        return ["", "Nothing to mend for this lag: at least 1 % of the gradient is left."]
    before = told(found.reach.log10_left, _power)
    lines = ["", f"What a change would do to the gradient at lag {found.need} (now {before})"]
    for one in found.remedies:
        if one.log10_left is None:
            lines.append(f"  {one.name}: {one.reason}")
            continue
        directions = ""
        if one.directions is not None and found.reach.directions is not None:
            directions = (
                f", usable directions {found.reach.directions.median:g} -> "
                f"{one.directions.median:g}"
            )
        lines.append(f"  {one.name}: {told(one.log10_left, _power)}{directions}")
    lines += [
        "  This is what the gradient would do; whether the network then learns is not computed.",
        "  For comparison, 24 LSTMs trained on the adding problem at lag 120: with a horizon under",
        "  15, 0 of 8 learned it; 27 to 38, 2 of 4; over 120, 7 of 12 (chrono biases 4 of 4).",
        "  GRUs of horizon 13 learned it 4 of 4 times, so the numbers say nothing across cells.",
    ]
    return lines


def _spread_of_units(found: Spread) -> str:
    if found.count <= 1 or found.low == found.high:
        return f"{found.median:.3g} steps"
    return f"{found.low:.3g} to {found.high:.3g} steps"


def _within(steps: int) -> Callable[[float], str]:
    return lambda value: _steps(value, steps)


def _steps(value: float, steps: int) -> str:
    return f"{value:.0f} steps" if math.isfinite(value) else f"not within {steps} steps"


def _power(log10: float) -> str:
    """Return 10 to that power, in figures where they are short."""
    if log10 == -math.inf:
        return "0"
    return f"{10**log10:.2g}" if -3 <= log10 <= 3 else f"10^{log10:.1f}"
