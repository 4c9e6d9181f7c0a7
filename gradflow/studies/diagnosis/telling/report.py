"""A diagnosis in words: the lines that stand under its verdict."""

from __future__ import annotations

import math
from collections.abc import Iterator

from gradflow.networks import Layer
from gradflow.studies.diagnosis.measures.layers import LayerFindings
from gradflow.studies.diagnosis.measures.spread import Spread, told
from gradflow.studies.diagnosis.record import Diagnosis
from gradflow.studies.diagnosis.remedies import Remedy
from gradflow.studies.diagnosis.telling.numbers import (
    certified,
    factor,
    growth_words,
    horizon,
    percent,
    power,
)
from gradflow.studies.diagnosis.telling.unread import grouped
from gradflow.studies.infinite_width import beside_infinite_width

__all__ = ["report_lines"]


def report_lines(found: Diagnosis) -> Iterator[str]:
    """Yield the whole diagnosis, a line each, in the order in which it is told.

    Remedies come last, each as soon as it is computed. Of a network of both directions the verdict
    comes first, then each layer and direction as a diagnosis of its own.
    """
    if found.ways:
        yield f"{found.verdict}."
        for way in found.ways:
            yield ""
            yield from report_lines(way)
        return
    yield f"{found.verdict}."
    yield from _read_lines(found)
    yield from _reach_lines(found)
    yield from ["", "Layers"]
    for layer in found.layers:
        yield from _layer_lines(layer)
    yield from _path_lines(found)
    yield from _training_lines(found)
    if found.left_out:
        yield from ["", "Not computed"]
        yield from (f"  {what}: {why}" for what, why in found.left_out.items())
    yield from _remedy_lines(found)


def _path_lines(found: Diagnosis) -> list[str]:
    if not found.paths:
        return []
    shares = [(told(share, percent), path) for path, share in list(found.paths.items())[:8]]
    wide = max(len(share) for share, _ in shares)
    title = f"Paths of the gradient at lag {found.need}"
    return ["", title, *(f"  {share:>{wide}}  {path}" for share, path in shares)]


def _read_lines(found: Diagnosis) -> list[str]:
    network = found.network
    lines = ["", "Read"]
    lines += [
        f"  {_layer_words(layer, found.subject.name_of(k))}"
        for k, layer in enumerate(network.layers)
    ]
    lines += [f"  loss: {found.subject.losses.words}"]
    lines += [f"  assumed: {sentence}" for sentence in network.assumed]
    if network.skipped:
        left = grouped(network.skipped)
        more = len(left) - 4
        names = ", ".join(left[:4])
        rest = f" and {more} more, all named by --json and in network.skipped"
        lines.append(f"  not read: {names}{rest if more > 0 else ''}")
    return lines


def _reach_lines(found: Diagnosis) -> list[str]:
    subject, reach = found.subject, found.reach
    steps = subject.losses.longest
    lines = ["", "Reach"]
    lines.append(f"  loss falls under 1 % after: {horizon(reach.loss_horizon, steps)}")
    if reach.product_horizon is not None:
        lines.append(
            "  the product of Jacobians, the most any loss could have: "
            f"{horizon(reach.product_horizon, steps)}"
        )
    if found.band is not None:
        low, high = found.band
        lines.append(
            f"  certified for the first sequence: at lag {found.need} the product is between "
            f"{certified(low, -1)} and {certified(high, 1)}"
        )
    if reach.directions is not None:
        lines.append(
            f"  directions with over 1 % left at lag {found.need}: {told(reach.directions)} of "
            f"{subject.run.width}"
        )
    if found.growth is None:
        lines.append(
            "  nothing is NaN or infinite, and no gradient exceeds 100 times that at lag 0"
        )
    else:
        lines.append(f"  {growth_words(found.growth, len(subject.lengths))}")
    return lines + _width_lines(found)


def _width_lines(found: Diagnosis) -> list[str]:
    """Return theory beside a network of one layer whose weights look as they were drawn."""
    subject = found.subject
    if len(subject.run.runs) > 1 or subject.lengths.min() < subject.run.steps:
        return []
    beside = beside_infinite_width(subject.run.runs[0])
    return [f"  weights as drawn: {beside.sentence}"] if beside else []


def _training_lines(found: Diagnosis) -> list[str]:
    training = found.training
    if training is None:
        return []
    lines = ["", "Truncated backpropagation leaves out of the parameter gradient"]
    lines += [
        f"  {told(lost, percent)} with a window of {window} steps"
        for window, lost in training.missing()
    ]
    if found.window is None:
        lines.append(f"  none of these windows leaves out less than {percent(found.lose)}")
    else:
        lines.append(
            f"  under {percent(found.lose)} from a window of {found.window} steps on, of a "
            "gradient that reaches no further than is told above"
        )
    count = len(training.log_norms)
    lines += ["", "Norm of the parameter gradient"]
    shown = [power(log / math.log(10)) for log in training.quartiles]
    if len(set(shown)) == 1:
        lines.append(f"  {shown[0]}{f' (all {count} sequences)' if count > 1 else ''}")
    else:
        names = ("least", "a quarter under", "median", "a quarter over", "largest")
        lines.append(
            "  " + ", ".join(f"{name} {value}" for name, value in zip(names, shown, strict=True))
        )
    lines += [
        f"  clipping at {one.threshold:g} would shorten {one.shortened} of {count}, to "
        f"{told(one.factors, factor)} times their norm"
        for one in training.clipping
    ]
    return [*lines, "  the share of each lag in a gradient is the same after clipping"]


def _layer_words(layer: Layer, name: str) -> str:
    return (
        f"{name}{f' of {layer.name}' if layer.name else ''}: {layer.kind}, {layer.sizes}, "
        f"{layer.dtype}"
    )


def _layer_lines(layer: LayerFindings) -> list[str]:
    maps = ", ".join(
        f"{name} {norm:.3g}" + ("" if math.isnan(radius) else f" / {radius:.3g}")
        for name, (norm, radius) in layer.maps.items()
    )
    lines = [
        f"  {layer.name} ({layer.kind})",
        f"    recurrent maps, norm / radius: {maps}",
    ]
    if layer.exponents:
        first, error = layer.exponents[0]
        more = ", ".join(f"{one.median:.3g}" for one, _ in layer.exponents[1:])
        lines.append(
            f"    leading exponent, nats a step: {told(first, lambda v: f'{v:.3g}')} +- {error:.1g}"
            f"{f'; then {more}' if more else ''}"
        )
    elif layer.reason:
        lines.append(f"    leading exponents: {layer.reason}")
    if layer.remembering is not None:
        lines.append(f"    forget gates over 0.99: {told(layer.remembering, percent)}")
    if layer.saturated is not None:
        lines.append(f"    gates over 0.99 or under 0.01: {told(layer.saturated, percent)}")
    lines.append(f"    units that no gradient reaches: {layer.dead}")
    lines.append(
        "    half-life of the units that keep their own gradient longest: "
        f"{_spread_of_units(layer.half_lives)}"
    )
    return lines


def _remedy_lines(found: Diagnosis) -> Iterator[str]:
    yield ""
    if found.good:
        yield "Nothing to mend for this lag: at least 1 % of the gradient is left."
        return
    before = told(found.reach.log10_left, power)
    yield f"What a change would do to the gradient at lag {found.need} (now {before})"
    for one in found.each_remedy():
        yield f"  {one.name}: {_effect(one, found)}"
    yield from [
        "  This is what the gradient would do; whether the network then learns is not computed.",
        "  For comparison, 24 LSTMs trained on the adding problem at lag 120: with a horizon under",
        "  15, 0 of 8 learned it; 27 to 38, 2 of 4; over 120, 7 of 12 (chrono biases 4 of 4).",
        "  GRUs of horizon 13 learned it 4 of 4 times, so the numbers say nothing across cells.",
    ]


def _effect(one: Remedy, found: Diagnosis) -> str:
    if one.log10_left is None:
        return one.reason
    if one.effect:
        return f"as now; {one.effect}"
    left, now = told(one.log10_left, power), found.reach.directions
    if one.directions is None or now is None:
        return left
    return f"{left}, usable directions {now.median:g} -> {told(one.directions)}"


def _spread_of_units(found: Spread) -> str:
    def written(value: float) -> str:
        return f"{value:.3g}" if math.isfinite(value) else "longer than the run"

    unit = " steps" if math.isfinite(found.high) else ""
    if found.count <= 1 or found.low == found.high:
        return f"{written(found.median)}{unit}"
    return f"{written(found.low)} to {written(found.high)}{unit}"
