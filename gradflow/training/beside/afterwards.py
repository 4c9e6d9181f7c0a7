"""Watching a training afterwards, from the files of weights that it left."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.errors import InputError, UsageError
from gradflow.networks import read
from gradflow.networks.readers import reader_of
from gradflow.training.beside.probing import chosen_lags, probed
from gradflow.training.beside.subject import Subject
from gradflow.training.beside.watched import Watched, recorded

__all__ = ["array_of", "look_back", "sequences_of"]


def look_back(files: Sequence[Path], probe: Any, lags: Sequence[int] | None = None) -> Watched:
    """Look at the network in each file of weights, ordered by update.

    The update of a file is the last whole number in its name; where not all have one of their own
    it is the file's place. ``probe`` and ``lags`` as :func:`gradflow.watch` takes them.

    Raises ``UsageError`` for no file, and what ``gradflow.read`` raises.
    """
    if not files:
        raise UsageError("watch: no file of weights; name one or more checkpoints.")
    x, y = probed(probe)
    chosen = chosen_lags(lags, x.shape[1])
    looks = [
        (update, Subject.of(read(file), x, y).look(chosen), math.nan)
        for update, file in sorted(zip(_updates(files), files, strict=True))
    ]
    return recorded(chosen, looks)


def sequences_of(path: Path, option: str) -> NDArray[Any]:
    """Return the sequences of a .npy file, or the one of a file that an input is read from.

    Raises ``InputError`` for a file that cannot be read or holds no numbers.
    """
    reader = reader_of(path.suffix)
    if reader is None or path.suffix.lower() == ".npy":
        return array_of(path, option)
    try:
        return reader.read(path.read_bytes(), str(path))
    except OSError as error:
        raise InputError(f"{option}: {path} cannot be read ({error.strerror}).") from None


def array_of(path: Path, option: str) -> NDArray[Any]:
    """Return the array of a .npy file that an option names.

    Raises ``InputError`` for a file that cannot be read or holds no array of numbers.
    """
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no file of NumPy with one plain array"
        raise InputError(f"{option}: {path} cannot be read ({reason}).") from None
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "iuf":
        raise InputError(f"{option}: {path} holds no array of numbers; save one by numpy.save.")
    return found


def _updates(files: Sequence[Path]) -> list[int]:
    found = [re.findall(r"\d{1,15}", file.stem) for file in files]
    numbers = [int(one[-1]) for one in found if one]
    return numbers if len(set(numbers)) == len(files) else list(range(len(files)))
