"""A network as a module of torch, the inverse of reading one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.codegen.frameworks import library_torch
from gradflow.errors import UsageError, shown
from gradflow.given import instance
from gradflow.networks.layouts.making.kinds import lstm_cell
from gradflow.networks.network import Layer, Network

__all__ = ["to_torch"]

Floats = NDArray[np.float64]

# kind -> module, nonlinearity, gates in the order of torch's rows
_MODULES: dict[str, tuple[str, str | None, str]] = {
    "lstm": ("LSTM", None, "ifgo"),
    "gru_reset_after": ("GRU", None, "rzg"),
    "rnn": ("RNN", "tanh", ""),
    "rnn_relu": ("RNN", "relu", ""),
    "irnn": ("RNN", "relu", ""),
}


def to_torch(network: Network, dtype: Any = None) -> Any:
    """Return the recurrent layers as a ``torch.nn.LSTM``, ``GRU`` or ``RNN``, batch first.

    ``gradflow.read`` of it gives the layers back. Head and embedding are not in it.

    Parameters
    ----------
    network
        As it was read, stacked, or changed by a remedy of a diagnosis.
    dtype
        Floating type of torch, its default type by default.

    Raises
    ------
    UsageError
        Torch is missing, or the layers are not what one such module has: the same kind and width in
        all, nothing between them, first states zero.

    Examples
    --------
    With torch installed::

        network = gf.stack("lstm", 2, hidden=64, inputs=10, rng=0, forget_bias=3.0)
        module = gf.networks.to_torch(network)
    """
    instance(network, "to_torch: network", Network, "gf.read")
    first = network.layers[0]
    projected = first.cell is lstm_cell(projected=True)
    kind = "lstm" if projected else first.cell.name
    alike = all(
        layer.cell is first.cell and layer.hidden == first.hidden for layer in network.layers
    )
    plain = all(
        layer.between.norm is None
        and not layer.between.residual
        and not any(np.any(part) for part in (layer.initial or {}).values())
        for layer in network.layers
    )
    levels = [(layer.level, layer.direction) for layer in network.layers]
    ways = ["forward", "reverse"][: 1 + ((first.level, "reverse") in levels)]
    count = 1 + max(level for level, _ in levels)
    whole = sorted(levels) == [(n, way) for n in range(count) for way in ways]
    if kind not in _MODULES or not (alike and plain and whole):
        raise UsageError(
            f"{network.source}: to_torch makes one torch.nn.LSTM, GRU or RNN, whose layers are of "
            "one kind and width, with nothing between them and first states of zero; take "
            "gf.to_torch(layer.cell, layer.params) of each layer."
        )
    torch = library_torch.torch("networks.to_torch")
    number = torch.get_default_dtype() if dtype is None else dtype
    if not (isinstance(number, torch.dtype) and number.is_floating_point):
        raise UsageError(
            f"to_torch: dtype is {shown(dtype)}; it must be a floating type of torch, such as "
            "torch.float64."
        )
    name, nonlinearity, gates = _MODULES[kind]
    inside = first.params["U_i"].shape[0] if projected else first.hidden
    module = getattr(torch.nn, name)(
        first.inputs,
        inside,
        count,
        bias=any(layer.bias for layer in network.layers),
        batch_first=True,
        bidirectional=len(ways) == 2,
        dtype=number,
        **({"nonlinearity": nonlinearity} if nonlinearity else {}),
        **({"proj_size": first.hidden} if projected else {}),
    )
    own = module.state_dict()
    arrays = {n: a for layer in network.layers for n, a in _arrays(layer, gates).items()}
    module.load_state_dict({n: torch.tensor(arrays[n]).to(number) for n in own})
    return module


def _arrays(layer: Layer, gates: str) -> dict[str, Floats]:
    """Return the arrays of a layer by torch's names."""
    end = f"_l{layer.level}{'_reverse' * (layer.direction == 'reverse')}"
    params = layer.params

    def stacked(letter: str) -> Floats:
        return np.concatenate([params[f"{letter}_{gate}"] for gate in gates])

    if not gates:
        found = {"weight_ih": params["W"], "weight_hh": params["U"], "bias_ih": params["b"]}
        second = np.zeros_like(params["b"])
    else:
        found = {"weight_ih": stacked("W"), "weight_hh": stacked("U"), "bias_ih": stacked("b")}
        second = np.zeros_like(found["bias_ih"])
        if "d_g" in params:  # the bias that the reset gate acts on
            second[-len(params["d_g"]) :] = params["d_g"]
    if "P" in params:
        found["weight_hr"] = params["P"]
    return {f"{name}{end}": array for name, array in {**found, "bias_hh": second}.items()}
