"""Reading a trained network from a file."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

from gradflow.errors import InputError, UsageError
from gradflow.networks.formats import contents_of
from gradflow.networks.formats.live import contents_of_module, is_module
from gradflow.networks.layouts import LAYOUTS
from gradflow.networks.layouts.facts import facts_of
from gradflow.networks.layouts.layout import Reading
from gradflow.networks.layouts.making.building import turned_layer
from gradflow.networks.network import Network

__all__ = ["read"]


def read(path: str | os.PathLike[str] | Any, **facts: Any) -> Network:
    """Read the recurrent layers of a trained network from a file of weights, or of a torch module.

    safetensors (one file or the index of shards), torch's .pt and .pth, .npz, Keras' .keras,
    .weights.h5 and .h5, Flax' msgpack, folders of Orbax, Equinox' leaves and ONNX are read without
    their frameworks, and nothing in a file is ever executed. The recurrent layers are found among
    its arrays by the names and shapes that torch, Keras, Flax, Equinox and ONNX use; a linear map
    behind them is offered as the head, a table in front of them as the embedding, the rest is
    listed as skipped.

    Parameters
    ----------
    path
        The file, the folder of Orbax, or a torch module in memory.
    **facts
        What the file does not say: ``nonlinearity`` of a vanilla network (or of the candidate of a
        gated one), ``recurrent_activation`` of the gates, ``reset_after`` of a GRU, order of the
        ``gates`` (``"ifgo"``), square maps that are ``transposed`` (``"recurrent"``, ``"inputs"``
        or ``"both"``), the ``orthogonal_map`` of torch's parametrization (``"matrix_exp"``,
        ``"cayley"``, ``"householder"`` or torch's ``"default"``), ``only`` the module of that name,
        library's ``cell`` of arrays by gradflow's own names.

    Returns
    -------
    Network
        Its ``assumed`` lists what the file leaves open. Where another reading would give other
        numbers, a ``UserWarning`` says so too.

    Raises
    ------
    UsageError
        An unknown fact, one that would change nothing or contradicts the file, or an optional
        package that is missing.
    InputError
        A file that cannot be read, is damaged, holds no recurrent layer, or whose weights cannot be
        made without a fact.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> weights = {"rnn.weight_ih_l0": np.zeros((20, 3)), "rnn.weight_hh_l0": np.eye(20, 5)}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/lstm.npz", **weights)
    ...     read(f"{folder}/lstm.npz")
    <Network lstm.npz (npz): 1 layer (lstm), 3 inputs, 5 units>
    """
    said = facts_of(facts)
    if is_module(path):
        contents, where = contents_of_module(path), type(path).__name__
        source = f"{where} (torch module)"
    elif isinstance(path, str | os.PathLike):
        form, contents = contents_of(Path(path))
        where, source = str(path), f"{Path(path).name} ({form.name})"
    else:
        raise UsageError(
            f"read: path is {type(path).__name__}; pass the name of a file of weights, or a torch "
            "module."
        )
    reading = Reading(path=where, contents=contents, facts=said)
    for _, layout in LAYOUTS.usable():
        found = layout.find(reading)
        if found is not None:
            break
    else:
        names = [n for n in contents.arrays if n.isprintable() and n.isascii() and len(n) < 60]
        shown = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
        packed = "quantised" in contents.others.values() or any(
            "packed_params" in n for n in (*contents.arrays, *contents.others)
        )
        advice = (
            "its weights are quantised and packed, so save the state_dict from before quantisation"
            if packed
            else "save the state_dict of a module with an LSTM, GRU or RNN, or declare the cell "
            "and pass its arrays"
        )
        raise InputError(
            f"{where} holds no recurrent layer that is laid out as torch, Keras, Flax, Equinox or "
            f"ONNX have it (its arrays: {shown or 'none'}); {advice}."
        )
    layers = tuple(found.layers)
    if said.transposed is not None:
        layers = tuple(turned_layer(layer, said.take("transposed")) for layer in layers)
        if all(
            one.params[name] is array
            for one, layer in zip(layers, found.layers, strict=True)
            for name, array in layer.params.items()
        ):
            said.taken.remove("transposed")
    said.require_taken(where)
    for sentence in said.warned:
        warnings.warn(f"{where}: {sentence}.", UserWarning, stacklevel=2)
    left = [n for n in contents.arrays if n not in found.used]
    return Network(
        source=source,
        layers=layers,
        head=found.head,
        embedding=found.embedding,
        assumed=tuple(said.assumed),
        skipped=tuple(dict.fromkeys((*found.skipped, *left, *contents.others))),
    )
