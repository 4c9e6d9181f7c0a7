"""What a subject of the fuzzing is, and what it tells of one attempt.

A file of this folder with ``SUBJECTS`` is found by itself. An attempt is made from its own random
generator alone, so that subject, kind, seed and number repeat it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Told:
    """One attempt: what was asked; what was wrong, refused or in doubt, empty if it was not."""

    asked: str
    wrong: str = ""
    refused: str = ""
    doubtful: str = ""


@dataclass(frozen=True)
class Subject:
    """Something that must hold of whatever is drawn: ``attempt(kind, rng)`` tries it once."""

    name: str
    kinds: tuple[str, ...]
    attempt: Callable[[str, np.random.Generator], Told]
