"""The sequences that a network is diagnosed on: given, read from a file, or made up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow.arrays import real_array, real_numbers
from gradflow.errors import InputError, UsageError, shown
from gradflow.given import path as file
from gradflow.jacobians.blocks import counted
from gradflow.networks import InputSequence, Network, read_sequence
from gradflow.networks.readers import reader_of
from gradflow.networks.readers.npy import read_array

__all__ = ["Windows", "windows_of"]

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

_WINDOWS = 8
_MADE_UP = 5


@dataclass(frozen=True, eq=False, kw_only=True)
class Windows:
    """Sequences, side by side, and what is known about each of their steps.

    Attributes
    ----------
    values : (sequences, T, inputs)
    lengths : (sequences,)
        Where each ends; what comes after it is padding.
    targets : (sequences,) or (sequences, T), perhaps with an axis of outputs; or None
        As they were given, cut as the sequences are.
    following : (sequences, T) or None
        The symbol after each step.
    words
        Where they come from.
    """

    values: Floats
    lengths: Whole
    targets: NDArray[Any] | None
    following: Whole | None
    words: str


def windows_of(
    network: Network,
    x: Any,
    *,
    steps: int,
    targets: ArrayLike | None,
    lengths: ArrayLike | None,
    vocabulary: str | Sequence[str] | None,
    seed: int,
) -> Windows:
    """Return the sequences to run; long ones are cut into up to eight of ``steps`` steps.

    Raises ``UsageError`` for arrays that do not fit the network or one another, ``InputError`` for
    a file that cannot be read.
    """
    aim = None if targets is None else real_numbers(targets, "diagnose", "targets", many=True)
    if lengths is not None and (x is None or (not isinstance(x, str | Path) and np.ndim(x) < 2)):
        raise UsageError(
            "diagnose: lengths says where padded sequences end; give it with x of (sequences, T) "
            "or (sequences, T, inputs)."
        )
    from_text = isinstance(x, str | Path) and reader_of(Path(x).suffix) is None
    if vocabulary is not None and not from_text:
        raise UsageError(
            "diagnose: vocabulary says which character of a text is which symbol, and x is no "
            "file of text; leave it out."
        )
    if x is None:
        return _made_up(network, steps, aim, seed)
    words = "given"
    if isinstance(x, str | Path):
        stored = _sequences(file(x, "diagnose: x"))
        if stored is None:
            return _from_file(network, x, steps, aim, vocabulary)
        x, words = stored, f"in {Path(x).name}"
    wide = network.layers[0].inputs
    given = x if lengths is None else _unpadded(x, lengths)
    plain = real_numbers(given, "diagnose", "x", many=True)
    if plain.dtype.kind in "iu" and plain.ndim in (1, 2) and (_symbols(network) or wide > 1):
        return _tokens(network, plain, steps, aim, lengths, f"symbols that were {words}")
    values = real_array(given, "diagnose: x", "x", many=True)
    if values.ndim not in (2, 3) or values.shape[-1] != wide or 0 in values.shape:
        raise UsageError(
            f"diagnose: x has the shape {values.shape}; it is (T, {wide}) or (sequences, T, "
            f"{wide}) for this network."
        )
    if values.ndim == 2:
        aim = _cut_alike(aim, len(values), steps)
        values = _cut(values, steps)
    ends = _checked_lengths(lengths, *values.shape[:2])
    return Windows(
        values=values,
        lengths=ends,
        targets=aim,
        following=None,
        words=f"{_count(ends)} that were {words}",
    )


def _sequences(path: Path) -> NDArray[Any] | None:
    """Return the array of a .npy file that is no table of numbers: several sequences, symbols."""
    if path.suffix != ".npy" or not path.is_file():
        return None
    array = read_array(path.read_bytes(), str(path))
    return array if array.ndim == 3 or array.dtype.kind in "iu" else None


def _symbols(network: Network) -> bool:
    return network.embedding is not None


def _count(lengths: NDArray[np.int64]) -> str:
    """Return how many sequences there are, and of how many steps."""
    count, least, most = len(lengths), int(lengths.min()), int(lengths.max())
    steps = counted(most, "step") if least == most else f"{least} to {most} steps"
    return f"{counted(count, 'sequence')} of {steps}"


def _cut(values: NDArray[Any], steps: int) -> NDArray[Any]:
    """Cut one long sequence into up to eight of ``steps`` steps."""
    count = min(len(values) // steps, _WINDOWS)
    if count <= 1:
        return values[None, -max(steps, 1) :]
    return values[: count * steps].reshape(count, steps, *values.shape[1:])


def _cut_alike(aim: NDArray[Any] | None, long: int, steps: int) -> NDArray[Any] | None:
    """Cut targets that have a row for every step of the one sequence that is cut."""
    return aim if aim is None or aim.shape[:1] != (long,) else _cut(aim, steps)


def _checked_lengths(lengths: ArrayLike | None, count: int, long: int) -> Whole:
    if lengths is None:
        return np.full(count, long, dtype=np.int64)
    found = real_numbers(lengths, "diagnose", "lengths", many=True)
    fits = found.dtype.kind in "iu" and found.shape == (count,)
    if not fits or found.min() < 1 or found.max() > long:
        raise UsageError(
            f"diagnose: lengths is {shown(lengths)}; it has a whole number from 1 to {long} for "
            f"each of the {count} sequences."
        )
    return found.astype(np.int64)


def _unpadded(x: Any, lengths: ArrayLike) -> NDArray[Any]:
    """Return padded sequences with zeros for the padding, whatever it was."""
    given = np.array(real_numbers(x, "diagnose", "x", many=True))
    ends = _checked_lengths(lengths, len(given), given.shape[1])
    given[np.arange(given.shape[1]) >= ends[:, None]] = 0
    return given


def _made_up(network: Network, steps: int, aim: NDArray[Any] | None, seed: int) -> Windows:
    rng = np.random.default_rng(seed)
    ends = np.full(_MADE_UP, steps, dtype=np.int64)
    table = network.embedding
    if table is not None:
        drawn = rng.integers(0, len(table), (_MADE_UP, steps + 1))
        return Windows(
            values=table[drawn[:, :-1]],
            lengths=ends,
            targets=aim,
            following=drawn[:, 1:],
            words=f"made-up input: {_MADE_UP} sequences of random symbols, seed {seed}",
        )
    return Windows(
        values=rng.standard_normal((_MADE_UP, steps, network.layers[0].inputs)),
        lengths=ends,
        targets=aim,
        following=None,
        words=f"made-up input: {_MADE_UP} sequences of normal numbers, seed {seed}",
    )


def _tokens(
    network: Network,
    tokens: NDArray[Any],
    steps: int,
    aim: NDArray[Any] | None,
    lengths: ArrayLike | None,
    words: str,
) -> Windows:
    """Return symbols as what the first layer reads; without targets the last is only a target."""
    table = network.embedding
    table = np.eye(network.layers[0].inputs) if table is None else table
    if not tokens.size or tokens.min() < 0 or tokens.max() >= len(table):
        raise UsageError(
            f"diagnose: x has symbols up to {tokens.max(initial=0)}; this network has the symbols "
            f"0 to {len(table) - 1}."
        )
    ahead = int(aim is None)
    windows = tokens
    if tokens.ndim == 1:
        aim = _cut_alike(aim, len(tokens), steps)
        windows = _cut(tokens, steps + ahead)
    if windows.shape[1] < 3:
        raise UsageError("diagnose: x has fewer than 3 symbols; give longer sequences.")
    ends = _checked_lengths(lengths, *windows.shape) - ahead
    if ends.min() < 1:
        raise UsageError(
            "diagnose: lengths has a sequence of 1 symbol, and without targets the last symbol is "
            "a target alone; give sequences of 2 symbols and more."
        )
    return Windows(
        values=table[windows[:, : windows.shape[1] - ahead]],
        lengths=ends,
        targets=aim,
        following=windows[:, 1:].astype(np.int64) if ahead else None,
        words=f"{_count(ends)}, {words}",
    )


def _from_file(
    network: Network, path: str | Path, steps: int, aim: NDArray[Any] | None, vocabulary: Any
) -> Windows:
    sequence = _longest(path, steps)
    if sequence.symbols is None:
        wide = network.layers[0].inputs
        if sequence.values.shape[-1] != wide:
            raise UsageError(
                f"{path} has {sequence.values.shape[-1]} columns and the network reads {wide} "
                "entries; give a file with as many."
            )
        aim = _cut_alike(aim, len(sequence.values), steps)
        windows = _cut(sequence.values, steps)
        return Windows(
            values=windows,
            lengths=np.full(len(windows), windows.shape[1], dtype=np.int64),
            targets=aim,
            following=None,
            words=sequence.source,
        )
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
    found = _tokens(network, moved[tokens], steps, aim, None, "")
    return replace(found, words=sequence.source)


def _longest(path: str | Path, steps: int) -> InputSequence:
    """Read as many windows as the file has, at most eight."""
    for count in (_WINDOWS, 4, 2, 1):
        try:
            return read_sequence(path, count * (steps + 1))
        except InputError:
            if count == 1:
                raise
    raise AssertionError("unreachable")
