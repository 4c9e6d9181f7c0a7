"""Arrays as torch.nn names them: ``PREFIX.weight_ih_l0``, ``weight_hh_l0_reverse``, ...

Rows are stacked by gate, i f g o of an LSTM and r z n of a GRU (``torch.nn.LSTM``, ``GRU``), two
biases are added, and the reset gate acts after the product, so that the second bias of n stays
inside. Equinox names its arrays likewise, with one bias (``bias``, ``bias_n``).
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gradflow.errors import UsageError
from gradflow.networks.layouts.layout import Finding, Layout, Reading, require, split
from gradflow.networks.layouts.making.building import gated_params, layer_of
from gradflow.networks.layouts.making.kinds import ACTIVATIONS, gru_cell, lstm_cell, rnn_cell
from gradflow.networks.layouts.making.surroundings import surroundings
from gradflow.networks.network import Layer

__all__ = ["LAYOUT", "unnamed_layer"]

Floats = NDArray[np.float64]

_NAME = re.compile(
    r"^(?P<prefix>(?:.*\.)?)"
    r"(?P<what>weight_ih|weight_hh|weight_hr|bias_ih|bias_hh)"
    r"(?:_l(?P<level>\d+)(?P<reverse>_reverse)?)?"
    r"(?P<part>\.original[01]?|_g|_v)?$"
)
_EQUINOX = re.compile(r"^(?P<prefix>(?:.*\.)?)(?P<what>bias|bias_n)$")
_WRAPPERS = re.compile(
    r"^(?:(?:state_dict|model_state_dict|model_state|model|module|_orig_mod|net|network|weights)\.)+"
)
_PARTS = {".original0": "g", ".original1": "v", ".original": "raw", "_g": "g", "_v": "v", None: ""}
_ROWS = {4: "ifgo", 3: "rzn", 1: "h"}


@dataclass(eq=False)
class _Group:
    """The arrays of one layer in one direction: what they are to the name in the file."""

    prefix: str
    level: int
    reverse: bool
    names: dict[str, str] = field(default_factory=dict)


def find(reading: Reading) -> Finding | None:
    """Find the recurrent layers of torch and Equinox by their names."""
    groups: dict[tuple[str, int, bool], _Group] = {}
    for name in reading.contents.arrays:
        match = _NAME.match(name.replace("parametrizations.", ""))
        if match is None or _is_state_of_an_optimizer(name):
            continue
        prefix = match["prefix"].removesuffix(".")
        key = (prefix, int(match["level"] or 0), match["reverse"] is not None)
        group = groups.setdefault(key, _Group(*key))
        part = _PARTS[match["part"]]
        group.names[match["what"] + (f".{part}" if part else "")] = name
    for name in reading.contents.arrays:
        match = _EQUINOX.match(name)
        if match is not None:
            for group in groups.values():
                if group.prefix == match["prefix"].removesuffix(".") and group.level == 0:
                    group.names.setdefault(match["what"], name)
    groups = {k: g for k, g in groups.items() if any(w.startswith("weight") for w in g.names)}
    if not groups:
        return None
    chosen, skipped = _modules(reading, groups)
    layers: list[Layer] = []
    used: set[str] = set()
    for group in chosen:
        layers.append(_layer(reading, group))
        used.update(group.names.values())
    _tell_unread(reading, chosen, used, skipped)
    layers = _levels(layers)
    _check_stack(reading, layers)
    head, embedding, around = surroundings(
        reading, layers, "weight", "bias", transposed=False, recurrent=used
    )
    return Finding(
        layers=layers, used=used | around, head=head, embedding=embedding, skipped=skipped
    )


def _tell_unread(
    reading: Reading, chosen: list[_Group], used: set[str], skipped: list[str]
) -> None:
    """Warn of arrays among those of a recurrent module that no layer of torch has."""
    known = used | set(skipped)
    for prefix in dict.fromkeys(group.prefix for group in chosen):
        start = f"{prefix}." if prefix else ""
        among = [
            name
            for name in reading.contents.arrays
            if name.startswith(start) and name not in known
            if prefix or ("." not in name and name not in ("weight", "bias"))
        ]
        if among and not any(group.prefix.startswith(f"{prefix}.") for group in chosen):
            reading.facts.assume(
                f"the recurrent module has arrays that torch's own has not "
                f"({', '.join(among[:4])}{', ...' if len(among) > 4 else ''}), which are not read; "
                "if they act in its step, declare the cell and pass its arrays",
                warn=True,
            )
    for group in chosen:
        have = {"bias_ih", "bias_hh"} & set(group.names)
        if len(have) == 1:
            reading.facts.assume(
                f"of the two biases of torch, {group.names[have.pop()]!r} alone is in the file; "
                "zeros are taken for the other"
            )


def _is_state_of_an_optimizer(name: str) -> bool:
    return bool(re.search(r"(^|\.)(optim\w*|exp_avg\w*|momentum_buffer)(\.|$)", name))


def _modules(
    reading: Reading, groups: dict[tuple[str, int, bool], _Group]
) -> tuple[list[_Group], list[str]]:
    """Return the layers to read in their order, and what is left out because it is a copy."""
    modules: dict[str, list[_Group]] = defaultdict(list)
    for group in groups.values():
        modules[group.prefix].append(group)
    only = reading.facts.take("only")
    if only is not None:
        taken = [p for p in modules if only in (p, _WRAPPERS.sub("", f"{p}.").removesuffix("."))]
        if not taken:
            names = ", ".join(repr(p) if p else "one without a name" for p in list(modules)[:8])
            raise UsageError(
                f"read: {reading.path} has no recurrent module {only!r} for only=...; it has "
                f"{names}."
            )
        left = [p for p in modules if p not in taken]
    else:
        # the same module under two wrappers is one module and a copy of it, such as an average
        short: dict[str, str] = {}
        for prefix in modules:
            short.setdefault(_core(prefix), prefix)
        taken = list(short.values())
        left = [p for p in modules if p not in taken]
        if left:
            reading.facts.assume(
                f"of the copies of the network in the file, {taken[0]!r} was read, not "
                f"{', '.join(repr(p) for p in left[:4])}; choose another by only=..."
            )
    taken = sorted(taken, key=_natural) if _numbered(taken) else taken
    if len(taken) > 1:
        reading.facts.assume(
            f"{len(taken)} recurrent modules were found and are taken in the order of the file: "
            f"{', '.join(taken[:8])}; choose one by only=..."
        )
    chosen = [g for p in taken for g in sorted(modules[p], key=lambda g: (g.level, g.reverse))]
    for first in (min(modules[p], key=lambda g: g.level) for p in taken):
        where = reading.where(next(iter(first.names.values())))
        require(first.level == 0, where, f"is of a layer l{first.level} without the l0 below it")
    return chosen, [n for p in left for g in modules[p] for n in g.names.values()]


def _core(prefix: str) -> str:
    """Return a module's path without wrappers and words for a moving average."""
    path = re.sub(r"(^|\.)(ema\w*|averaged\w*|swa\w*|shadow\w*|teacher)(?=\.|$)", ".", prefix)
    return _WRAPPERS.sub("", path.strip(".") + ".").removesuffix(".")


def _natural(text: str) -> list[tuple[int, int | str]]:
    return [
        (0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", text) if part
    ]


def _numbered(prefixes: list[str]) -> bool:
    """Whether the modules are one list: their names differ in numbers alone."""
    return len({re.sub(r"\d+", "#", p) for p in prefixes}) == 1


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


def _layer(reading: Reading, group: _Group) -> Layer:
    names = group.names
    end = (f"_l{group.level}" if f"_l{group.level}" in "".join(names.values()) else "") + (
        "_reverse" * group.reverse
    )
    prefix = f"{group.prefix}." if group.prefix else ""

    def weight(what: str) -> Floats:
        if what in names:
            return reading.array(names[what])
        if f"{what}.v" in names and f"{what}.g" in names:
            direction = reading.array(names[f"{what}.v"])
            require(direction.ndim == 2, reading.where(names[f"{what}.v"]), "is no matrix")
            size = reading.array(names[f"{what}.g"]).reshape(-1)
            norms = np.linalg.norm(direction, axis=1)
            require(
                size.shape == norms.shape and bool((norms > 0).all()),
                reading.where(names[f"{what}.g"]),
                "does not scale the rows of its matrix",
            )
            return np.asarray((size / norms)[:, None] * direction)
        require(
            f"{what}.raw" not in names,
            reading.where(names.get(f"{what}.raw", what)),
            "is what a parametrization makes the weights from (only weight norm is read)",
        )
        return reading.array(f"{prefix}{what}{end}")

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
    have = [n for n in ("bias_ih", "bias_hh", "bias", "bias_n") if n in names]
    vectors = {n: reading.array(names[n], (hidden if n == "bias_n" else rows,)) for n in have}
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
        "name": _WRAPPERS.sub("", f"{group.prefix}.").removesuffix("."),
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
    group = _Group(name, 0, False, dict(zip(what, names, strict=False)))
    return _layer(reading, group)


LAYOUT = Layout(name="torch", find=find)
