"""A layer from the arrays that Keras keeps of it: kernel, recurrent kernel and perhaps a bias."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gradflow.networks.layouts.layout import Reading, require, split
from gradflow.networks.layouts.making.building import gated_params, layer_of
from gradflow.networks.layouts.making.kinds import activated, gru_cell, lstm_cell, rnn_cell
from gradflow.networks.network import Layer

__all__ = ["Arrays", "bare_layer", "of_arrays"]

_ROWS = {"lstm": 4, "gru": 3, "rnn": 1}


@dataclass(frozen=True)
class Arrays:
    """The names of the arrays of one cell."""

    kernel: str
    recurrent: str
    bias: str | None


def of_arrays(
    reading: Reading,
    kind: str,
    arrays: Arrays,
    *,
    candidate: str,
    gate: str,
    after: bool | None,
    name: str,
) -> Layer:
    """Return a layer of that kind.

    ``candidate`` and ``gate`` are activations as expressions; ``after`` says where a GRU's reset
    gate acts, and is read off the shape of the bias where it is ``None``.
    """
    kernel = reading.array(arrays.kernel, (None, None))
    recurrent = reading.array(arrays.recurrent, (None, None))
    hidden, rows = recurrent.shape
    where = reading.where(arrays.recurrent)
    require(
        rows == _ROWS[kind] * hidden and kernel.shape[1] == rows and 0 not in kernel.shape,
        where,
        f"has the shape {recurrent.shape} beside a kernel of {kernel.shape}, where a layer of "
        f"this kind has {_ROWS[kind]} columns a unit in both",
    )
    stored = np.zeros(rows) if arrays.bias is None else reading.array(arrays.bias)
    if stored.shape == (2 * rows,):  # as cuDNN keeps them
        stored = stored.reshape(2, rows)
    both = stored.shape == (2, rows) and rows > 0
    require(both or stored.shape == (rows,), where, f"has a bias of shape {stored.shape}")
    first, second = stored if both else (stored, np.zeros(rows))
    said: dict[str, Any] = {
        "name": name,
        "level": 0,
        "direction": "forward",
        "bias": arrays.bias is not None,
        "dtype": reading.stored(arrays.kernel).dtype,
    }
    if kind == "rnn":
        params = {"W": kernel.T.copy(), "U": recurrent.T.copy(), "b": first + second}
        return layer_of(rnn_cell(candidate), params, **said)
    order = reading.facts.order("ifgo" if kind == "lstm" else "zrn")
    named = {"n": "g"} if kind == "gru" else {}
    w, u, b, d = (
        {named.get(g, g): block for g, block in split(array, order).items()}
        for array in (kernel.T, recurrent.T, first, second)
    )
    if kind == "lstm":
        params = gated_params(w, u, {g: b[g] + d[g] for g in b})
        return layer_of(lstm_cell(gate=gate, candidate=candidate, output=candidate), params, **said)
    if after is None:
        after = both
        if arrays.bias is None:
            reading.facts.assume(
                f"a GRU without bias does not show where its reset gate acts; after the product is "
                f"assumed for {name!r}, say reset_after=False where it is before",
                warn=True,
            )
            after = True
    require(arrays.bias is None or after == both, where, "has biases of the other form of GRU")
    cell = gru_cell(after=after, gate=gate, candidate=candidate)
    if after:
        params = gated_params(w, u, {"r": b["r"] + d["r"], "z": b["z"] + d["z"], "g": b["g"]})
        return layer_of(cell, params | {"d_g": d["g"]}, **said)
    return layer_of(cell, gated_params(w, u, b), **said)


def said_gate(reading: Reading, kind: str) -> str | None:
    """Return what was said of the gates' activation, which a layer without gates does not ask."""
    said: str | None = reading.facts.take("recurrent_activation") if kind != "rnn" else None
    return said


def bare_layer(reading: Reading, names: tuple[str, ...], kind: str, name: str) -> Layer:
    """Return a layer of ``layer.get_weights()``: kernel, recurrent kernel and perhaps a bias."""
    facts = reading.facts
    return of_arrays(
        reading,
        kind,
        Arrays(names[0], names[1], names[2] if len(names) > 2 else None),
        candidate=activated(facts.take("nonlinearity") or "tanh", reading.path),
        gate=activated(said_gate(reading, kind) or "sigmoid", reading.path),
        after=facts.take("reset_after") if kind == "gru" else None,
        name=name,
    )
