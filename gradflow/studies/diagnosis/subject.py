"""What is diagnosed: a network on its sequences, and the gradient that a loss sends into it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow.arrays import real_array, whole_number
from gradflow.errors import UsageError
from gradflow.networks import InputSequence, Network, read_sequence
from gradflow.networks.joined import NetworkTrajectory
from gradflow.spectra import cross_entropy, squared_error

__all__ = ["Subject", "subject_of"]

Floats = NDArray[np.float64]
Callback = Callable[[Floats], ArrayLike]

_WINDOWS = 8
_MADE_UP = 5


@dataclass(frozen=True, eq=False, kw_only=True)
class Subject:
    """A network that was run on sequences of equal length.

    Attributes
    ----------
    network
        What was read.
    inputs : (sequences, T, inputs)
    run
        The run of all sequences.
    covector : (sequences, d)
        Gradient of the loss by the whole last state, a row a sequence.
    data, loss
        Where the sequences come from and what the loss is, in words.
    """

    network: Network
    inputs: Floats
    run: NetworkTrajectory
    covector: Floats
    data: str
    loss: str


def subject_of(
    network: Network,
    x: Any,
    *,
    need: int,
    targets: ArrayLike | None,
    loss: str | Callback | None,
    vocabulary: str | Sequence[str] | None,
    seed: int,
) -> Subject:
    """Run a network on its sequences and take the gradient of its loss; see ``diagnose``.

    Raises ``UsageError`` for inputs, targets or a loss that do not fit the network.
    """
    steps = 2 * need
    values, symbols, data = _inputs(network, x, steps, vocabulary, seed)
    run = network.run(values)
    top = f"{len(run.runs)}.h"
    h = run.states[top][..., -1, :]
    # what the head reads is behind the normalisation and the residual connection of the last layer
    gradient, words = _gradient(network, h, symbols, targets, loss, seed)
    return Subject(
        network=network,
        inputs=values,
        run=run,
        covector=np.broadcast_to(run.covector({top: gradient}), (len(values), run.width)),
        data=data,
        loss=words,
    )


def _inputs(
    network: Network, x: Any, steps: int, vocabulary: Any, seed: int
) -> tuple[Floats, NDArray[np.int64] | None, str]:
    """Return sequences (sequences, T, inputs), the symbols after each, and where they come from."""
    wide = network.layers[0].inputs
    table = network.embedding
    if x is None:
        rng = np.random.default_rng(seed)
        if table is not None:
            drawn = rng.integers(0, len(table), (_MADE_UP, steps + 1))
            words = f"made-up input: {_MADE_UP} sequences of random symbols, seed {seed}"
            return table[drawn[:, :-1]], drawn[:, -1], words
        made = rng.standard_normal((_MADE_UP, steps, wide))
        return made, None, f"made-up input: {_MADE_UP} sequences of normal numbers, seed {seed}"
    if isinstance(x, str | Path):
        return _from_file(network, x, steps, vocabulary)
    given = np.asarray(x)
    if given.dtype.kind in "iu" and given.ndim in (1, 2) and (table is not None or wide > 1):
        return _tokens(network, given, steps, "symbols that were given")
    values = real_array(x, "diagnose: x", "x", many=True)
    if values.ndim not in (2, 3) or values.shape[-1] != wide or 0 in values.shape:
        raise UsageError(
            f"diagnose: x has the shape {values.shape}; it is (T, {wide}) or (sequences, T, "
            f"{wide}) for this network."
        )
    windows = values if values.ndim == 3 else _windows(values, steps)
    return windows, None, f"{_count(windows)} that were given"


def _count(windows: Floats | NDArray[np.int64]) -> str:
    count, steps = windows.shape[:2]
    return f"{count} sequence{'s' * (count != 1)} of {steps} steps"


def _windows(values: NDArray[Any], steps: int) -> NDArray[Any]:
    """Cut one long sequence into up to eight of ``steps`` steps."""
    count = min(len(values) // steps, _WINDOWS)
    if count <= 1:
        return values[None, -max(steps, 1) :]
    return values[: count * steps].reshape(count, steps, *values.shape[1:])


def _tokens(
    network: Network, tokens: NDArray[Any], steps: int, words: str
) -> tuple[Floats, NDArray[np.int64], str]:
    table = network.embedding
    table = np.eye(network.layers[0].inputs) if table is None else table
    if not tokens.size or tokens.min() < 0 or tokens.max() >= len(table):
        raise UsageError(
            f"diagnose: x has symbols up to {tokens.max(initial=0)}; this network has the symbols "
            f"0 to {len(table) - 1}."
        )
    windows = tokens if tokens.ndim == 2 else _windows(tokens, steps + 1)
    if windows.shape[1] < 3:
        raise UsageError("diagnose: x has fewer than 3 symbols; give longer sequences.")
    return table[windows[:, :-1]], windows[:, -1].astype(np.int64), f"{_count(windows)}, {words}"


def _from_file(
    network: Network, path: str | Path, steps: int, vocabulary: Any
) -> tuple[Floats, NDArray[np.int64] | None, str]:
    sequence = _longest(path, steps)
    if sequence.symbols is None:
        windows = _windows(sequence.values, steps)
        wide = network.layers[0].inputs
        if windows.shape[-1] != wide:
            raise UsageError(
                f"{path} has {windows.shape[-1]} columns and the network reads {wide} entries; "
                "give a file with as many."
            )
        return windows, None, sequence.source
    known = list(sequence.symbols) if vocabulary is None else list(vocabulary)
    size = network.layers[0].inputs if network.embedding is None else len(network.embedding)
    if len(known) != size:
        raise UsageError(
            f"{path} has {len(known)} different characters and the network {size} symbols; say "
            "which character is which by vocabulary=, a text with each once in their order."
        )
    place = {symbol: index for index, symbol in enumerate(known)}
    if sequence.targets is None or not set(sequence.symbols) <= set(place):
        raise UsageError(
            f"{path} has characters that the vocabulary lacks; give a text in the network's own "
            "characters."
        )
    moved = np.array([place[s] for s in sequence.symbols])
    tokens = np.append(sequence.values.argmax(axis=1), sequence.targets[-1])
    return _tokens(network, moved[tokens], steps, sequence.source)


def _longest(path: str | Path, steps: int) -> InputSequence:
    """Read as many windows as the file has, at most eight."""
    from gradflow.errors import InputError

    for count in (_WINDOWS, 4, 2, 1):
        try:
            return read_sequence(path, count * (steps + 1))
        except InputError:
            if count == 1:
                raise
    raise AssertionError("unreachable")


def _gradient(
    network: Network,
    h: Floats,
    symbols: NDArray[np.int64] | None,
    targets: ArrayLike | None,
    loss: str | Callback | None,
    seed: int,
) -> tuple[Floats, str]:
    """Return dL/dh (sequences, units) of the last step by the top layer's h, and what L is."""
    count, units = h.shape
    if callable(loss):
        given = real_array(loss(h), "diagnose: loss", "what loss(h) returns", many=True)
        if given.shape != h.shape:
            raise UsageError(
                f"diagnose: loss(h) returns the shape {given.shape}; it is given h of {h.shape} "
                "and returns the gradient by it, of the same shape."
            )
        return given, "the given loss, at the last step"
    if loss not in (None, "cross-entropy", "squared error"):
        raise UsageError(
            f"diagnose: loss is {loss!r}; it is 'cross-entropy', 'squared error', or a function of "
            "h that returns the gradient by it."
        )
    top = network.layers[-1].between
    read = top.value(h, np.zeros_like(h))

    def back(row: Floats) -> Floats:
        return top.pull(h, row)[0]

    if network.head is None:
        if loss is not None or targets is not None:
            raise UsageError(
                "diagnose: the network has no head for this loss; give head=(weight, bias), or a "
                "function as loss."
            )
        rng = np.random.default_rng(seed)
        row = rng.standard_normal((count, units)) / math.sqrt(units)
        return back(row), f"a random linear read-out of h at the last step, seed {seed}"
    weight, bias = network.head.weight, network.head.bias
    shift = np.zeros(len(weight)) if bias is None else bias
    wide = np.column_stack([weight, shift])  # bias by a unit that is always 1
    vector = np.column_stack([read, np.ones(count)])
    aim = symbols if targets is None else np.asarray(targets)
    if loss == "squared error":
        if aim is None or aim.shape[-1:] != (len(weight),):
            raise UsageError(
                f"diagnose: squared error needs targets (sequences, {len(weight)}), one row each."
            )
        return back(squared_error(wide, vector, aim).gradient[:, :-1]), "squared error of the head"
    words = "cross-entropy of the head at the last step"
    if aim is None or aim.dtype.kind not in "iu" or (targets is None and aim.max() >= len(weight)):
        if targets is not None:
            raise UsageError("diagnose: cross-entropy needs whole numbers as targets.")
        aim = (read @ weight.T + shift).argmax(axis=-1)
        words += ", against the class it finds likeliest (no targets were given)"
    if aim.shape != (count,):
        raise UsageError(
            f"diagnose: targets have the shape {aim.shape}; give one a sequence, ({count},)."
        )
    return back(cross_entropy(wide, vector, aim).gradient[:, :-1]), words


def checked_need(need: object) -> int:
    """Return the lag that is needed, a whole number from 1 on. Raises ``UsageError``."""
    return whole_number(need, "diagnose: need", 1, 10**6)
