"""The tables of a diagnosis: remedies, numbers, paths, layers, training, and what was read."""

from __future__ import annotations

import math
from collections.abc import Mapping

from gradflow.cells.typeset import name_latex
from gradflow.jacobians.blocks import counted
from gradflow.reporting.document.blocks import Block, Details, Numbers, Table
from gradflow.reporting.document.numbers import in_steps, power_of_ten, signed
from gradflow.studies.diagnosis.measures.layers import LayerFindings
from gradflow.studies.diagnosis.measures.spread import Spread, short
from gradflow.studies.diagnosis.record import Diagnosis
from gradflow.studies.diagnosis.remedies import Remedy
from gradflow.studies.diagnosis.telling.numbers import percent
from gradflow.studies.diagnosis.telling.unread import grouped
from gradflow.studies.headline import Number

__all__ = [
    "layers_section",
    "paths_section",
    "read_section",
    "remedies_section",
    "summary_section",
    "training_section",
]

_PATHS = 8


def remedies_section(found: Diagnosis) -> Details:
    """Return what each change would do to the gradient at the lag needed."""
    rows = [["as it is", _left(found.reach.log10_left), _directions(found.reach.directions), ""]]
    rows += [_remedy(one) for one in found.remedies]
    header = ["Change", f"Left after {in_steps(found.need)}", "Directions kept", "What else"]
    note = (
        "In brackets least and greatest value. This is what the gradient would do; whether the "
        "network then learns is not computed."
    )
    count = len(rows) - 1
    table = Table(header, rows, note=note)
    return Details("What would change it", [table], f"{count} changes computed", open=True)


def _remedy(one: Remedy) -> list[str]:
    if one.log10_left is None:
        return [one.name, "no number", "", one.reason]
    return [one.name, _left(one.log10_left), _directions(one.directions), one.effect]


def _left(found: Spread) -> str:
    return short(found, lambda v: power_of_ten(v * math.log(10)))


def _directions(found: Spread | None) -> str:
    return "" if found is None else short(found, lambda v: f"{v:.0f}")


def summary_section(numbers: Mapping[str, Number], prefix: str) -> Details:
    """Return the headline numbers; ``prefix`` tells those of several directions apart."""
    numbers = {f"{prefix}{name}": number for name, number in numbers.items()}
    told = f"{len(numbers)} numbers with their spread"
    return Details("Summary", [Numbers(numbers)], told, open=True)


def paths_section(found: Diagnosis) -> Details:
    """Return the shares of the paths at the lag needed, the largest first."""
    shares = sorted(found.paths.items(), key=lambda one: -one[1].median)
    rows = [[path, short(share, percent)] for path, share in shares]
    header = ["Path", f"Share at lag {found.need}"]
    note = "The number before the colon is the layer's. Norms, so they need not add up."
    blocks: list[Block] = [Table(header, rows[:_PATHS], note=note)]
    if rows[_PATHS:]:
        blocks.append(Details(f"{len(rows) - _PATHS} smaller ones", [Table(header, rows[_PATHS:])]))
    first, share = shares[0]
    return Details("Why", blocks, f"{percent(share.median)} takes the path {first}", open=True)


def layers_section(found: Diagnosis) -> Details:
    """Return a row a layer: maps, exponent, gates, units that no gradient reaches."""
    header = [
        "Layer",
        "Recurrent maps, norm / radius",
        "Leading exponent, nats a step",
        "Forget gates over 0.99",
        "Gates over 0.99 or under 0.01",
        "Units without gradient",
        "Longest half-life of a unit's own gradient, steps",
    ]
    rows = [_layer(layer) for layer in found.layers]
    note = "In brackets least and greatest over sequences; the half-life over units."
    count = f"{len(rows)} layer{'s' * (len(rows) != 1)}"
    return Details("Layer by layer", [Table(header, rows, note=note)], count, open=True)


def _layer(layer: LayerFindings) -> list[str]:
    maps = ", ".join(
        f"${name_latex(name)}$ {norm:.3g}" + ("" if math.isnan(radius) else f" / {radius:.3g}")
        for name, (norm, radius) in layer.maps.items()
    )
    exponent = layer.reason
    if layer.exponents:
        first, error = layer.exponents[0]
        exponent = f"{short(first, lambda v: signed(v, 3))} ± {error:.1g}"
    gates = ["" if s is None else short(s, percent) for s in (layer.remembering, layer.saturated)]
    lives = short(layer.half_lives, lambda v: f"{v:.3g}" if math.isfinite(v) else "none reached")
    name = f"{layer.name}: {layer.kind}, {layer.hidden} units"
    return [name, maps, exponent, *gates, str(layer.dead), lives]


def training_section(found: Diagnosis) -> Details:
    """Return what truncated backpropagation leaves out, and what clipping would change."""
    training = found.training
    assert training is not None
    rows = [[str(window), short(lost, percent)] for window, lost in training.missing()]
    blocks: list[Block] = [
        Table(["Window, steps", "Left out of the parameter gradient"], rows),
    ]
    count = len(training.log_norms)
    if training.clipping:
        cut = [
            [
                f"{one.threshold:g}",
                f"{one.shortened} of {count}",
                short(one.factors, lambda v: f"{v:.2g}"),
            ]
            for one in training.clipping
        ]
        note = "The share of each lag in a gradient is the same after clipping."
        blocks.append(Table(["Clip at norm", "Gradients shortened", "To"], cut, note=note))
    enough = (
        f"none of these windows leaves out less than {percent(found.lose)}"
        if found.window is None
        else f"a window of {found.window} leaves out less than {percent(found.lose)}"
    )
    return Details("Truncation and clipping", blocks, enough, open=True)


def read_section(found: Diagnosis) -> Details:
    """Return what was read, assumed, skipped and not computed."""
    network, subject = found.network, found.subject
    rows = [["Weights", network.source]]
    rows += [
        [
            subject.name_of(k),
            f"{layer.kind}, {layer.inputs} inputs, {layer.hidden} units, {layer.dtype}",
        ]
        for k, layer in enumerate(network.layers)
    ]
    rows += [["Input", subject.data], ["Loss", subject.losses.words]]
    rows += [["Assumed", sentence] for sentence in network.assumed]
    if network.skipped:
        rows.append(["Not read", ", ".join(grouped(network.skipped))])
    rows += [[f"Not computed: {what}", why] for what, why in found.left_out.items()]
    count = len(network.assumed)
    answer = counted(count, "assumption") if count else "nothing was assumed"
    return Details("What was read", [Table(["What", "How"], rows)], answer, open=True)
