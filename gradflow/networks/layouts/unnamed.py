"""Arrays without names, told by a run of shapes: Equinox' leaves, or Keras' ``get_weights()``."""

from __future__ import annotations

from gradflow.networks.layouts.keras.arrays import bare_layer
from gradflow.networks.layouts.layout import Finding, Layout, Reading
from gradflow.networks.layouts.making.chain import chained
from gradflow.networks.layouts.torch import unnamed_layer
from gradflow.networks.network import Layer

__all__ = ["LAYOUT"]

Shape = tuple[int, ...]


def find(reading: Reading) -> Finding | None:
    """Find runs of shapes that only a recurrent layer has. That it is a guess is told."""
    names = list(reading.contents.arrays)
    equinox = bool(reading.contents.facts.get("equinox"))
    unnamed = all(n.removeprefix("arr_").isdigit() for n in names)
    if not names or not (equinox or unnamed):
        return None
    shapes = [reading.contents.arrays[n].shape for n in names]
    layers: list[Layer] = []
    used: set[str] = set()
    at = 0
    while at < len(names):
        run = _torch_run(shapes[at:]) if equinox else _keras_run(shapes[at:])
        if run is None:
            at += 1
            continue
        kind, count = run
        own = tuple(names[at : at + count])
        label = f"arrays {at} to {at + count - 1}"
        make = unnamed_layer if equinox else bare_layer
        layers.append(make(reading, own, kind, label))
        used.update(own)
        at += count
    if not layers:
        return None
    whose = "Equinox" if equinox else "Keras' get_weights()"
    reading.facts.assume(
        f"the arrays have no names; by their shapes they are taken as those of {whose}", warn=True
    )
    return Finding(layers=chained(reading, [[layer] for layer in layers]), used=used)


def _torch_run(shapes: list[Shape]) -> tuple[str, int] | None:
    """Return kind and number of arrays of a run (4H, I)(4H, H)(4H) or (3H, I)(3H, H)(3H)(H)."""
    if len(shapes) < 3 or any(len(s) != 2 for s in shapes[:2]) or 0 in shapes[1]:
        return None
    (rows, _), (again, hidden), bias = shapes[0], shapes[1], shapes[2]
    if rows != again or bias != (rows,):
        return None
    if rows == 4 * hidden:
        return "lstm", 3
    if rows == 3 * hidden and shapes[3:4] == [(hidden,)]:
        return "gru", 4
    return None


def _keras_run(shapes: list[Shape]) -> tuple[str, int] | None:
    """Return kind and number of arrays of a run (I, kH)(H, kH)(kH), or (2, 3H) at its end."""
    if len(shapes) < 2 or any(len(s) != 2 for s in shapes[:2]) or 0 in shapes[1]:
        return None
    (_, columns), (hidden, again) = shapes[0], shapes[1]
    kind = {4: "lstm", 3: "gru", 1: "rnn"}.get(columns // hidden)
    if columns != again or columns % hidden or kind is None:
        return None
    bias = shapes[2] if len(shapes) > 2 else None
    if bias == (columns,) or (kind == "gru" and bias == (2, columns)):
        return kind, 3
    return (kind, 2) if kind != "rnn" else None


LAYOUT = Layout(name="arrays without names", find=find)
