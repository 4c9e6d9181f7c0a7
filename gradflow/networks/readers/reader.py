"""What a reader is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Reader"]


@dataclass(frozen=True, kw_only=True)
class Reader:
    """One kind of file that holds an input's numbers.

    Parameters
    ----------
    suffixes
        Endings of such files, in small letters with the dot: ``(".npy",)``.
    reads
        What it reads, in words.
    read
        Takes the file's bytes and the words that name the file in a message; returns
        (rows, columns) float64, a row a step, where a single axis has become one column. What it
        cannot use is an ``InputError``. It never runs anything in the file.
    copies
        Bytes that it takes for each byte of the file, at most: a file for which there is no room is
        not read.
    """

    suffixes: tuple[str, ...]
    reads: str
    read: Callable[[bytes, str], NDArray[np.float64]]
    copies: int = 32
