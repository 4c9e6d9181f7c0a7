"""Arrays as torch.nn names them: ``PREFIX.weight_ih_l0``, ``weight_hh_l0_reverse``, ...

Rows are stacked by gate, i f g o of an LSTM and r z n of a GRU (``torch.nn.LSTM``, ``GRU``), two
biases are added, and the reset gate acts after the product, so that the second bias of n stays
inside. Equinox names its arrays likewise, with one bias (``bias``, ``bias_n``).
"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gradflow.errors import UsageError
from gradflow.networks.layouts.layout import Finding, Layout, Reading, require, split
from gradflow.networks.layouts.making.building import gated_params, layer_of
from gradflow.networks.layouts.making.kinds import ACTIVATIONS, gru_cell, lstm_cell, rnn_cell
from gradflow.networks.layouts.making.surroundings import surroundings
from gradflow.networks.layouts.modules import (
    Group,
    chosen_groups,
    tell_what_is_not_read,
    unwrapped,
)
from gradflow.networks.layouts.parametrized import made_from, part_of
from gradflow.networks.network import Layer

__all__ = ["LAYOUT", "unnamed_layer"]

Floats = NDArray[np.float64]

_NAME = re.compile(
    r"^(?P<prefix>(?:.*\.)?)"
    r"(?P<what>weight_ih|weight_hh|weight_hr|bias_ih|bias_hh)"
    r"(?:_l(?P<level>\d+)(?P<reverse>_reverse)?)?"
    r"(?P<part>\.original\d*|\.\d+\.[\w.]+|_orig|_[guv])?$"
)
_EQUINOX = re.compile(r"^(?P<prefix>(?:.*\.)?)(?P<what>bias|bias_n)$")
_ROWS = {4: "ifgo", 3: "rzn", 1: "h"}


def find(reading: Reading) -> Finding | None:
    """Find the recurrent layers of torch and Equinox by their names."""
    groups: dict[tuple[str, int, bool], Group] = {}
    for name in reading.contents.arrays:
        match = _NAME.match(name.replace("parametrizations.", ""))
        if match is None or _is_state_of_an_optimizer(name):
            continue
        prefix = match["prefix"].removesuffix(".")
        key = (prefix, int(match["level"] or 0), match["reverse"] is not None)
        group = groups.setdefault(key, Group(*key))
        group.names[match["what"] + part_of(match["part"])] = name
    for name in reading.contents.arrays:
        match = _EQUINOX.match(name)
        if match is not None:
            for group in groups.values():
                if group.prefix == match["prefix"].removesuffix(".") and group.level == 0:
                    group.names.setdefault(match["what"], name)
    groups = {k: g for k, g in groups.items() if any(w.startswith("weight") for w in g.names)}
    if not groups:
        return None
    chosen, skipped = chosen_groups(reading, groups)
    layers: list[Layer] = []
    used: set[str] = set()
    for group in chosen:
        layers.append(_layer(reading, group))
        used.update(group.names.values())
    tell_what_is_not_read(reading, chosen, used, skipped)
    layers = _levels(layers)
    _check_stack(reading, layers)
    head, embedding, around = surroundings(
        reading, layers, "weight", "bias", transposed=False, recurrent=used
    )
    return Finding(
        layers=layers, used=used | around, head=head, embedding=embedding, skipped=skipped
    )


def _is_state_of_an_optimizer(name: str) -> bool:
    return bool(re.search(r"(^|\.)(optim\w*|exp_avg\w*|momentum_buffer)(\.|$)", name))


def _levels(layers: list[Layer]) -> list[Layer]:
    """Return layers whose levels count on from module to module."""
    found: list[Layer] = []
    names = dict.fromkeys(layer.name for layer in layers)
    base = 0
    for name in names:
        own = [layer for layer in layers if layer.name == name]
        found += [replace(layer, level=layer.level + base) for layer in own]
        base += 1 + max(layer.level for layer in own)
    return found


def _check_stack(reading: Reading, layers: list[Layer]) -> None:
    """Refuse a module whose layers do not read what the ones below them give."""
    for name in dict.fromkeys(layer.name for layer in layers):
        own = [layer for layer in layers if layer.name == name]
        levels = sorted({layer.level for layer in own})
        for below, level in pairwise(levels):
            given = sum(layer.hidden for layer in own if layer.level == below)
            for layer in own:
                if layer.level == level:
                    where = reading.where(name or f"weight_ih_l{level}")
                    gap = f"has a layer l{level} above l{below} and none between"
                    require(level == below + 1, where, gap)
                    reads = f"layer l{level} reads {layer.inputs} entries"
                    gives = f"and the layer below gives {given}"
                    require(layer.inputs == given, where, f"{reads} {gives}")


def _layer(reading: Reading, group: Group) -> Layer:
    names = group.names
    end = (f"_l{group.level}" if f"_l{group.level}" in "".join(names.values()) else "") + (
        "_reverse" * group.reverse
    )
    prefix = f"{group.prefix}." if group.prefix else ""

    def weight(what: str) -> Floats:
        found = made_from(reading, names, what, end)
        return reading.array(f"{prefix}{what}{end}") if found is None else found

    inputs, recurrent = weight("weight_ih"), weight("weight_hh")
    where = reading.where(names.get("weight_hh", next(iter(names.values()))))
    require(inputs.ndim == recurrent.ndim == 2, where, "is no matrix")
    for kind, matrix in (("weight_ih", inputs), ("weight_hh", recurrent)):
        require(0 not in matrix.shape, reading.where(names.get(kind, kind)), "has no entry")
    projection = weight("weight_hr") if any(n.startswith("weight_hr") for n in names) else None
    hidden = recurrent.shape[1] if projection is None else projection.shape[-1]
    rows = recurrent.shape[0]
    if projection is not None:
        require(
            projection.ndim == 2 and projection.shape[0] == recurrent.shape[1],
            where,
            f"has the shape {recurrent.shape} and its projection {projection.shape}",
        )
    count = rows // hidden
    require(
        rows % hidden == 0
        and count in _ROWS
        and inputs.shape[0] == rows
        and (projection is None or count == 4),
        where,
        f"has the shape {recurrent.shape} beside {inputs.shape} for the input, where a layer has "
        "1, 3 or 4 rows a unit in both",
    )
    usual = _ROWS[count]
    order = reading.facts.order(usual) if count > 1 else usual
    stems = {name.partition(".")[0] for name in names}
    have = [n for n in ("bias_ih", "bias_hh", "bias", "bias_n") if n in stems]
    vectors = {
        n: reading.array(names[n], (hidden if n == "bias_n" else rows,))
        if n in names
        else weight(n)
        for n in have
    }
    nothing = np.zeros(rows)
    first = vectors.get("bias_ih", vectors.get("bias", nothing))
    second = vectors.get("bias_hh", nothing).copy()
    if "bias_n" in vectors and count == 3:
        second[order.index("n") * hidden : (order.index("n") + 1) * hidden] = vectors["bias_n"]
    named = {"n": "g"} if count == 3 else {}
    blocks = [
        {named.get(gate, gate): block for gate, block in split(array, order).items()}
        for array in (inputs, recurrent, first, second)
    ]
    said = {
        "name": unwrapped(group.prefix),
        "level": group.level,
        "direction": "reverse" if group.reverse else "forward",
        "bias": bool(have),
        "dtype": reading.stored(next(iter(names.values()))).dtype,
    }
    known = reading.contents.facts.get("torch", {}).get(group.prefix)
    return _of_blocks(reading, count, blocks, projection, said, known)


def _of_blocks(
    reading: Reading,
    count: int,
    blocks: list[dict[str, Floats]],
    projection: Floats | None,
    said: dict[str, object],
    known: str | None,
) -> Layer:
    inputs, recurrent, first, second = blocks
    facts = reading.facts
    if count == 1:
        name = facts.take("nonlinearity") or known
        if known not in (None, name):
            raise UsageError(
                f"read: nonlinearity is {name!r}, and the module's own is {known!r}; leave it out."
            )
        if name is None:
            facts.assume(
                "nn.RNN does not save its nonlinearity; tanh is assumed, say nonlinearity='relu' "
                "where it is not",
                warn=True,
            )
        cell = rnn_cell(ACTIVATIONS[name or "tanh"])
        params = {"W": inputs["h"], "U": recurrent["h"], "b": first["h"] + second["h"]}
        return layer_of(cell, params, **said)
    if count == 3:
        if facts.take("reset_after") is False:
            cell = gru_cell(after=False)
            biases = {gate: first[gate] + second[gate] for gate in "rzg"}
            return layer_of(cell, gated_params(inputs, recurrent, biases), **said)
        biases = {gate: first[gate] + second[gate] for gate in "rz"} | {"g": first["g"]}
        params = gated_params(inputs, recurrent, biases) | {"d_g": second["g"]}
        return layer_of(gru_cell(after=True), params, **said)
    biases = {gate: first[gate] + second[gate] for gate in "ifgo"}
    params = gated_params(inputs, recurrent, biases)
    if projection is not None:
        params["P"] = projection
    return layer_of(lstm_cell(projected=projection is not None), params, **said)


def unnamed_layer(reading: Reading, names: tuple[str, ...], kind: str, name: str) -> Layer:
    """Return a layer of Equinox from its leaves: weight_ih, weight_hh, bias and bias_n."""
    what = ("weight_ih", "weight_hh", "bias", "bias_n")
    group = Group(name, 0, False, dict(zip(what, names, strict=False)))
    return _layer(reading, group)


LAYOUT = Layout(name="torch", find=find)
