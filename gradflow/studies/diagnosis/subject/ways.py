"""A network that reads its input from both ends, taken apart into its layers and directions.

Such a network has no step: what it gives at one step needs the whole input. Each direction of each
layer has one, along the order in which it reads, and is a subject by itself: on what it reads, with
the gradient that arrives at what it gives. From the loss this is direct for the last layer; further
down it is the whole gradient by what the layer above reads, through both of its directions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gradflow.errors import UsageError
from gradflow.networks import Layer, Network
from gradflow.networks.joined import NetworkTrajectory, joined
from gradflow.networks.network import as_read
from gradflow.spectra.decay.sums import Covectors, covectors, swept
from gradflow.spectra.numerics.logdomain import ZERO_EXPONENT, shifted
from gradflow.studies.diagnosis.subject.inputs import Windows
from gradflow.studies.diagnosis.subject.losses import Aim, Losses, gradient_of
from gradflow.studies.diagnosis.subject.subject import Subject, backend_for

__all__ = ["has_ways", "ways_of"]

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

# Powers of two that leave room for squares and for what is left of them.
_HELD = 400


def has_ways(network: Network) -> bool:
    """Whether some layer reads its input from the end."""
    return any(layer.direction == "reverse" for layer in network.layers)


def ways_of(network: Network, windows: Windows, aim: Aim, seed: int) -> list[Subject]:
    """Return a subject for every layer and direction, those of the last layer first.

    A loss at the last step is of the last state of each direction, which for the reverse one is
    that at the first step of the input. Raises ``UsageError`` for a loss by state parts.
    """
    ends = windows.lengths
    own = np.arange(len(ends))
    backend = backend_for(network, windows.values)
    runs = network.layer_runs(windows.values, lengths=ends, backend=backend)
    whole = [
        joined(_label(network, layer), [run], [layer.between])
        for layer, run in zip(network.layers, runs, strict=True)
    ]
    top = max(layer.level for layer in network.layers)
    upper = [k for k, layer in enumerate(network.layers) if layer.level == top]
    given = [_given(network.layers[k], whole[k], ends) for k in upper]
    if aim.every:
        counted = np.arange(1, whole[0].steps + 1) <= ends[:, None]
        row, words = gradient_of(aim, np.concatenate(given, -1), counted, network.head, seed)
    else:
        last = [whole[k].states["1.h"][own, ends] for k in upper]
        everything = np.ones(len(ends), dtype=bool)
        row, words = gradient_of(aim, np.concatenate(last, -1), everything, network.head, seed)
        words += "; of each direction that is the last state it comes to"
    if isinstance(row, Mapping):
        raise UsageError(
            "diagnose: loss returns a gradient by state parts, and a network of both directions "
            "is diagnosed a direction at a time; return the gradient by what the network gives."
        )
    found: list[Subject] = []
    given_row = np.asarray(row, dtype=np.float64)
    # by what each level gives, in the order of the input (sequences, T, units)
    arriving: Floats | None = given_row if aim.every else None
    for level in range(top, -1, -1):
        chosen = [k for k, layer in enumerate(network.layers) if layer.level == level]
        stops = np.cumsum([0, *(network.layers[k].hidden for k in chosen)])
        below: list[Covectors] = []
        for k, start, stop in zip(chosen, stops, stops[1:], strict=False):
            layer, run = network.layers[k], whole[k]
            if arriving is None:
                direct = np.zeros((len(ends), run.steps, run.width))
                direct[own, ends - 1] = run.covector({"1.h": given_row[:, start:stop]})
            else:
                by_h = as_read(layer, arriving[..., start:stop], ends)
                back, _ = layer.between.pull(run.states["1.h"][:, 1:], by_h)
                direct = run.covector({"1.h": back})
            told = words if level == top else f"what arrives from above of: {words}"
            found.append(_subject(network, layer, run, direct, windows, told))
            if level:
                below.append(_read(layer, run, direct, ends))
        arriving = _summed(below) if level else None
    return found


def _label(network: Network, layer: Layer) -> str:
    return f"{network.source}, layer {layer.level + 1} {layer.direction}"


def _given(layer: Layer, run: NetworkTrajectory, ends: Whole) -> Floats:
    """Return what a layer gives (sequences, T, units), in the order of the input."""
    (read,) = run.runs[0].inputs.values()
    return as_read(layer, layer.between.value(run.states["1.h"][:, 1:], read), ends)


def _subject(
    network: Network,
    layer: Layer,
    run: NetworkTrajectory,
    direct: Floats,
    windows: Windows,
    words: str,
) -> Subject:
    (read,) = run.runs[0].inputs.values()
    alone = replace(layer, level=0, direction="forward")
    there = np.flatnonzero(direct.any(axis=(0, 2)))
    return Subject(
        network=replace(network, source=run.label, layers=(alone,), head=None, embedding=None),
        inputs=np.broadcast_to(read, (len(direct), *read.shape[-2:])),
        lengths=windows.lengths,
        run=run,
        losses=Losses(step=there + 1, rows=direct[:, there], words=words),
        data=windows.words,
        names=(f"layer {layer.level + 1} {layer.direction}, here 1",),
    )


def _read(layer: Layer, run: NetworkTrajectory, direct: Floats, ends: Whole) -> Covectors:
    """Return the whole gradient by what a layer reads, in the order of the input."""
    found = swept(run, covectors(direct))
    _, read = run.runs[0]._full_vjp(found.rows, slice(0, run.steps))
    exponent = np.where(read.any(axis=-1), found.exponent, np.int64(ZERO_EXPONENT))
    exponent = as_read(layer, exponent[..., None], ends)[..., 0]
    return Covectors(as_read(layer, read, ends), exponent)


def _summed(parts: list[Covectors]) -> Floats:
    """Return the sum; a sequence that float64 does not hold, over the power of two it has."""
    top = np.max([part.exponent.max(axis=-1) for part in parts], axis=0)[:, None]
    over = np.where(np.abs(top) < _HELD, 0, top)
    rows = [shifted(p.rows, (p.exponent - over)[..., None]) for p in parts]
    return np.asarray(np.sum(rows, axis=0))
