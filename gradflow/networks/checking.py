"""Which reading of a file reproduces what the framework gave."""

from __future__ import annotations

import itertools
import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow.arrays import real_array
from gradflow.errors import GradflowError, InputError, UsageError
from gradflow.networks.layouts.facts import TRANSPOSED, LeftOpen
from gradflow.networks.network import Network
from gradflow.networks.reading import read

__all__ = ["Settled", "settle"]

Floats = NDArray[np.float64]

_SAME = 1e-4  # of the largest output: float32 of a framework over some hundred steps
_ORDERS = {"lstm": "ifgo", "gru": "rzn"}


@dataclass(frozen=True, eq=False, kw_only=True)
class Settled:
    """The reading of a file that gives the framework's outputs.

    Attributes
    ----------
    network
        What was read so.
    facts
        What had to be said for it; empty where the usual reading is right.
    error
        Largest difference from the outputs.
    tried : number of readings compared
    """

    network: Network
    facts: Mapping[str, Any]
    error: float
    tried: int

    def __repr__(self) -> str:
        """Return one line: the facts and the error."""
        said = ", ".join(f"{k}={v!r}" for k, v in self.facts.items()) or "the usual reading"
        return f"<Settled {said}: off by {self.error:.1e}, {self.tried} readings tried>"


def settle(path: str | os.PathLike[str] | Any, x: ArrayLike, y: ArrayLike, **facts: Any) -> Settled:
    """Try the readings of a file until one reproduces what the framework gave.

    Tried are the activations that files leave open, where the reset gate of a GRU acts, the maps of
    an orthogonal parametrization, square matrices the other way round, and every order of the
    gates, the usual reading first.

    Parameters
    ----------
    path
        As in ``gradflow.read``.
    x : (T, inputs)
        One input, from zero states.
    y : (T, units) or (units,)
        What the top layer gave at every step (its directions side by side), or at the last.
    **facts
        What is known, as in ``gradflow.read``; it is not varied.

    Raises
    ------
    InputError
        No reading reproduces ``y``: the message has the nearest and its error.
    UsageError
        ``x`` or ``y`` of a shape that does not fit.

    Examples
    --------
    >>> import gradflow as gf, numpy as np, tempfile
    >>> weights = {"weight_ih_l0": np.ones((4, 2)), "weight_hh_l0": np.eye(4)}
    >>> x = np.ones((3, 2))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/a.npz", **weights)
    ...     y = gf.read(f"{folder}/a.npz", nonlinearity="relu").run(x).states["1.h"][1:]
    ...     gf.settle(f"{folder}/a.npz", x, y).facts
    {'nonlinearity': 'relu'}
    """
    given = real_array(x, "settle", "x")
    want = real_array(y, "settle", "y")
    if given.ndim != 2 or want.ndim not in (1, 2) or (want.ndim == 2 and len(want) != len(given)):
        raise UsageError(
            f"settle: x has the shape {given.shape} and y {want.shape}; x is (T, inputs) and y "
            "(T, units), or (units,) for the last step."
        )
    size = max(1.0, float(np.abs(want).max(initial=0.0)))
    best: tuple[float, Network, dict[str, Any]] | None = None
    tried = 0
    left_open: dict[str, list[Any]] = {}
    try:
        usual = _read(path, facts)
    except LeftOpen as unsaid:
        left_open = {unsaid.fact: list(unsaid.values)}
        usual = _read(path, {**facts, unsaid.fact: unsaid.values[0]})
    shape = _outputs(usual, given)[-1 if want.ndim == 1 else slice(None)].shape
    if shape != want.shape:
        raise UsageError(f"settle: y has the shape {want.shape}; the top layer gives {shape}.")
    for more in _readings(usual, facts, left_open):
        try:
            network = _read(path, {**facts, **more}) if more else usual
            found = _outputs(network, given)
        except GradflowError:
            continue  # a reading that the file rules out
        tried += 1
        error = float(np.abs((found[-1] if want.ndim == 1 else found) - want).max(initial=0.0))
        if best is None or error < best[0]:
            best = error, network, more
        if error <= _SAME * size:
            return Settled(network=network, facts=more, error=error, tried=tried)
    assert best is not None
    raise InputError(
        f"{usual.source}: none of {tried} readings reproduces y; the nearest is off by "
        f"{best[0]:.2g}, so check that x and y belong to this file and start from zero states."
    )


def _read(path: Any, facts: Mapping[str, Any]) -> Network:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return read(path, **facts)


def _outputs(network: Network, x: Floats) -> Floats:
    top = network.layers[-1].level
    found = []
    for layer, run in zip(network.layers, network.layer_runs(x), strict=True):
        if layer.level == top:
            h = run.states["h"][1:]
            found.append(h[::-1] if layer.direction == "reverse" else h)
    return np.concatenate(found, axis=-1)


def _readings(
    usual: Network, known: Mapping[str, Any], left_open: Mapping[str, list[Any]]
) -> Iterator[dict[str, Any]]:
    kinds = {layer.kind for layer in usual.layers}
    family = next((f for f in _ORDERS if any(f in kind for kind in kinds)), "rnn")
    gated = family in _ORDERS
    options: dict[str, list[Any]] = {"nonlinearity": [None, "relu", "tanh"]}
    if family == "gru":
        options["reset_after"] = [None, False, True]
    if gated:
        options["recurrent_activation"] = [None, "hard_sigmoid", "hard_sigmoid_keras2"]
    options["transposed"] = [None, *TRANSPOSED]
    options |= left_open
    for name in known:
        options.pop({"activation": "nonlinearity"}.get(name, name), None)
    orders: list[Any] = [None]
    if gated and "gates" not in known:
        letters = [_ORDERS[family]] if family == "lstm" else ["rzn", "rzg"]
        orders += ["".join(p) for word in letters for p in itertools.permutations(word)]
    seen = []
    for gates in orders:  # first what does not touch the order
        if gates is not None:  # gates in one array: its shape tells which way round it is
            options.pop("transposed", None)
        for values in itertools.product(*options.values()):
            said = dict(zip(options, values, strict=True)) | {"gates": gates}
            one = {name: value for name, value in said.items() if value is not None}
            if one not in seen:
                seen.append(one)
                yield one
