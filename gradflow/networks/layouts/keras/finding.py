"""Arrays as Keras keeps them: kernel, recurrent kernel, bias of each layer, in the model's order.

Kernels are (inputs, gates * units) and are transposed here; gates stand in the order i f c o of an
LSTM and z r n of a GRU (keras.layers.LSTM, GRU). The order of the layers, their activations and
directions are those of the configuration where the file has one.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.errors import InputError
from gradflow.networks.layouts.keras.arrays import Arrays, of_arrays, said_gate
from gradflow.networks.layouts.keras.model import Recurrent, masks, recurrent_layers
from gradflow.networks.layouts.layout import Finding, Layout, Reading, require
from gradflow.networks.layouts.making.chain import chained
from gradflow.networks.layouts.making.kinds import activated
from gradflow.networks.network import Dense, Layer

__all__ = ["LAYOUT"]

Floats = NDArray[np.float64]

_CELL = re.compile(r"(^|[._/])(?P<kind>lstm|gru|simple_?rnn|cu_?dnn_?lstm|cu_?dnn_?gru)", re.I)
_LEAF = re.compile(r"(^|\.)(?P<what>recurrent_kernel|kernel|bias)(:0)?$")


def find(reading: Reading) -> Finding | None:
    """Find the recurrent layers of a Keras model."""
    if "keras" not in reading.contents.facts:
        return None
    about = reading.contents.facts["keras"]
    groups = _groups(reading)
    if not groups:
        return None
    version = str(about["version"] or "3")
    config = about["config"]
    if isinstance(config, dict):
        layers, used, skipped = _configured(reading, config, groups, version)
        if masks(config):
            reading.facts.assume(
                "the model masks steps (Masking or mask_zero), and here they are run as all others "
                "are; give lengths where sequences are padded behind"
            )
    else:
        layers, used, skipped = _bare(reading, groups)
    if not layers:
        return None
    head, more = _head(reading, layers)
    table, name = _table(reading, layers)
    return Finding(
        layers=layers, used=used | more | name, head=head, embedding=table, skipped=skipped
    )


def _groups(reading: Reading) -> dict[str, Arrays]:
    """Return the cells by the place of their arrays in the file."""
    found: dict[str, dict[str, str]] = {}
    for name in reading.contents.arrays:
        leaf = _LEAF.search(name)
        if leaf is not None:  # Keras 2 and legacy files name their arrays
            found.setdefault(name[: leaf.start()], {})[leaf["what"]] = name
            continue
        prefix, _, index = name.rpartition(".")
        if prefix.endswith("vars") and index in ("0", "1", "2"):
            what = ("kernel", "recurrent_kernel", "bias")[int(index)]
            found.setdefault(prefix.removesuffix("vars").rstrip("."), {})[what] = name
    groups = {}
    for place, arrays in found.items():
        if "kernel" not in arrays or "recurrent_kernel" not in arrays:
            continue
        shapes = [reading.stored(arrays[w]).shape for w in ("kernel", "recurrent_kernel")]
        if all(len(s) == 2 for s in shapes):
            groups[place] = Arrays(arrays["kernel"], arrays["recurrent_kernel"], arrays.get("bias"))
    return groups


def _configured(
    reading: Reading, config: dict[str, Any], groups: dict[str, Arrays], version: str
) -> tuple[list[Layer], set[str], list[str]]:
    layers: list[Layer] = []
    used: set[str] = set()
    skipped: list[str] = []
    level, turned = 0, False
    left = dict(groups)
    for one in recurrent_layers(config, reading.path):
        if one.cell is None:
            skipped.append(one.words)
            continue
        place = _place_of(reading, one, left)
        if place is None:
            raise InputError(
                f"{reading.path}: the configuration has the layer {one.name[:60]!r}, and no "
                "weights in the file fit its place; save the whole model again."
            )
        arrays = left.pop(place)
        layer = _layer(reading, one, arrays, version)
        # what go_backwards gives runs from the end, and so do the layers that read it
        back = turned != one.reverse
        layers.append(
            replace(layer, level=level + one.level, direction="reverse" if back else "forward")
        )
        if one.last and one.side is None:
            turned = back
        used |= {n for n in (arrays.kernel, arrays.recurrent, arrays.bias) if n is not None}
        if one.last:
            level += one.level + 1
    return layers, used, [*skipped, *left]


def _place_of(reading: Reading, one: Recurrent, left: dict[str, Arrays]) -> str | None:
    """Return where a layer of the configuration has its arrays.

    In Keras 3 a group bears the name of its class; the layer's own name is an attribute below it.
    """
    labels = reading.contents.facts["keras"]["labels"]
    roots = [g.removesuffix("vars").rstrip(".") for g, label in labels.items() if label == one.name]
    roots += [one.name, *(f"{one.name}.{one.name}", f"layers.{one.name}")]
    candidates = [
        place
        for place in left
        if any(place == root or place.startswith(f"{root}.") for root in roots)
    ]
    if not candidates:  # a wrapper within a wrapper has the name of its class only
        candidates = [p for p in left if one.name in p.split(".")]
    if one.side is not None:
        candidates = [
            p for p in candidates if re.search(rf"(^|[._]){one.side}(_|\.|$)", p[0:] + ".")
        ] or candidates
    if not candidates:
        return None
    ordered = candidates
    if len(candidates) > 1 and one.units is not None:
        fits = [
            p
            for p in candidates
            if reading.stored(left[p].recurrent).shape[0] == one.units
            and _kind_of(reading, left[p], p) in (one.kind, None)
        ]
        ordered = fits or candidates
    return ordered[0]


def _layer(reading: Reading, one: Recurrent, arrays: Arrays, version: str) -> Layer:
    where = reading.where(one.name)
    settings = one.cell or {}

    def function(key: str, usual: str) -> str:
        said = settings.get(key, usual)
        name = said.get("config", "") if isinstance(said, dict) else said
        name = name if isinstance(name, str) else "unknown"
        name = {"swish": "silu", None: "linear"}.get(name, name)
        if name == "hard_sigmoid" and version.startswith(("1", "2")):
            name = "hard_sigmoid_keras2"
        return activated(name or "linear", where)

    usual = "hard_sigmoid" if version.startswith("1") else "sigmoid"
    after = settings.get("reset_after")
    layer = of_arrays(
        reading,
        one.kind,
        arrays,
        candidate=function("activation", "tanh"),
        gate=function("recurrent_activation", usual),
        after=after if isinstance(after, bool) else None,
        name=one.name,
    )
    if one.units is not None:
        require(layer.hidden == one.units, where, f"has {layer.hidden} units, not {one.units}")
    return layer


def _bare(reading: Reading, groups: dict[str, Arrays]) -> tuple[list[Layer], set[str], list[str]]:
    """Read weights without a configuration: kinds by names and shapes, usual activations."""
    facts = reading.facts
    levels: dict[str, list[Layer]] = {}
    used: set[str] = set()
    skipped = []
    order = reading.contents.facts["keras"]["order"] or []
    for place, arrays in groups.items():
        kind = _kind_of(reading, arrays, place)
        if kind is None:
            skipped.append(place)
            continue
        one = of_arrays(
            reading,
            kind,
            arrays,
            candidate=activated(facts.take("nonlinearity") or "tanh", reading.path),
            gate=activated(said_gate(reading, kind) or "sigmoid", reading.path),
            after=facts.take("reset_after") if kind == "gru" else None,
            name=_label(reading, place),
        )
        back = re.search(r"(^|[._])backward", place) is not None
        one = replace(one, direction="reverse" if back else "forward")
        both = re.match(r"(.+)[._](forward|backward)", place)  # two directions of one layer
        levels.setdefault(both[1] if both else place, []).append(one)
        used |= {n for n in (arrays.kernel, arrays.recurrent, arrays.bias) if n is not None}
    if not levels:
        return [], set(), skipped
    if facts.nonlinearity is None or facts.recurrent_activation is None:
        facts.assume(
            "the file has no configuration; tanh and sigmoid are assumed, say nonlinearity=... and "
            "recurrent_activation=... where they are others",
            warn=True,
        )
    return _stacked(reading, list(levels.values()), order), used, skipped


def _stacked(reading: Reading, levels: list[list[Layer]], order: list[str]) -> list[Layer]:
    levels = [sorted(level, key=lambda one: one.direction == "reverse") for level in levels]
    if not order:
        return chained(reading, levels)
    rank = {name: i for i, name in enumerate(order)}
    levels = sorted(levels, key=lambda level: rank.get(level[0].name.split(".")[0], len(rank)))
    return [replace(layer, level=k) for k, level in enumerate(levels) for layer in level]


def _label(reading: Reading, place: str) -> str:
    labels = reading.contents.facts["keras"]["labels"]
    parts = place.split(".")
    for end in range(len(parts), 0, -1):
        label = labels.get(".".join([*parts[:end], "vars"]))
        if label and label not in ("lstm_cell", "gru_cell", "simple_rnn_cell"):
            return f"{label}.{'.'.join(parts[end:])}".strip(".") if end < len(parts) - 1 else label
    return place.removeprefix("layers.").removesuffix(".cell")


def _kind_of(reading: Reading, arrays: Arrays, place: str) -> str | None:
    """Return the kind that names and shapes agree on."""
    hidden, rows = reading.stored(arrays.recurrent).shape
    count = rows / hidden if hidden else 0
    kind = {4.0: "lstm", 3.0: "gru", 1.0: "rnn"}.get(count)
    said = [m["kind"].lower() for m in _CELL.finditer(place)]
    if said and kind is not None and kind not in said[-1].replace("simple_rnn", "rnn"):
        return None
    return kind


def _head(reading: Reading, layers: list[Layer]) -> tuple[Dense | None, set[str]]:
    """Return the one dense layer that reads what the top layer gives."""
    top = max(layer.level for layer in layers)
    given = sum(layer.hidden for layer in layers if layer.level == top)
    fitting = []
    for name, stored in reading.contents.arrays.items():
        is_kernel = re.search(r"dense[^.]*(\.|$)", name) and re.search(
            r"(vars\.0|kernel(:0)?)$", name
        )
        if is_kernel and len(stored.shape) == 2 and stored.shape[0] == given:
            fitting.append(name)
    if len(fitting) != 1:
        if fitting:
            reading.facts.assume(
                f"{len(fitting)} dense layers fit the top layer and none is taken as the head"
            )
        return None, set()
    kernel = reading.array(fitting[0])
    name = re.sub(r"vars\.0$", "vars.1", fitting[0]).replace("kernel", "bias")
    vector = None
    if name in reading.contents.arrays and name != fitting[0]:
        vector = reading.array(name, (kernel.shape[1],))
    label = _label(reading, re.sub(r"\.?(vars\.0|kernel(:0)?)$", "", fitting[0]))
    reading.facts.assume(f"{label!r} is taken as the head, since its shape fits")
    used = {fitting[0], *([name] if vector is not None else [])}
    return Dense(name=label, weight=np.ascontiguousarray(kernel.T), bias=vector), used


def _table(reading: Reading, layers: list[Layer]) -> tuple[Floats | None, set[str]]:
    """Return the one table of an Embedding whose rows are the first layer's inputs."""
    fitting = [
        name
        for name, stored in reading.contents.arrays.items()
        if re.search(r"(embedding[^.]*\.(.*\.)?vars\.0|(^|\.)embeddings(:0)?)$", name)
        and len(stored.shape) == 2
        and stored.shape[1] == layers[0].inputs
    ]
    if len(fitting) != 1:
        return None, set()
    label = _label(reading, re.sub(r"\.?(vars\.0|embeddings(:0)?)$", "", fitting[0]))
    reading.facts.assume(f"{label!r} is taken as the table of symbols, since its shape fits")
    return reading.array(fitting[0]), set(fitting)


LAYOUT = Layout(name="Keras", find=find)
