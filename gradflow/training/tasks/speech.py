"""Japanese vowels: who of nine speakers says /ae/, from a file of cepstra."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from gradflow.errors import InputError, UsageError
from gradflow.given import path as checked_path
from gradflow.training.tasks.task import Batch, Task, of_recordings

__all__ = ["vowels"]


def vowels(
    train: str | os.PathLike[str] | None = None, test: str | os.PathLike[str] | None = None
) -> Task:
    """Return the speakers of the Japanese vowels: 12 cepstra a frame, 7 to 29 frames.

    Shorter utterances begin with frames of zeros, so that all end at the last step.

    Parameters
    ----------
    train, test
        ``JapaneseVowels_TRAIN.ts`` and ``JapaneseVowels_TEST.ts``; by default those that the
        package aeon brings along.

    Raises
    ------
    UsageError
        No file given and aeon is missing.
    InputError
        A file that cannot be read as utterances with a class each.

    Source: Kudo, Toyama & Shimbo, Pattern Recognition Letters 20, 1999; UCI.

    Examples
    --------
    From the files of another package::

        task = vowels("JapaneseVowels_TRAIN.ts", "JapaneseVowels_TEST.ts")
    """
    if (train is None) != (test is None):
        raise UsageError("vowels: one of train and test is given; give both files or none.")
    if train is None or test is None:
        train, test = _files()
    paths = [checked_path(train, "vowels: train"), checked_path(test, "vowels: test")]
    read = [_utterances(p, w) for p, w in zip(paths, ("train", "test"), strict=True)]
    longest = max(len(u) for utterances, _ in read for u in utterances)
    names = sorted({c for _, classes in read for c in classes})
    wide = read[0][0][0].shape[1]
    if any(u.shape[1] != wide for utterances, _ in read for u in utterances):
        raise InputError(
            f"vowels: test is {paths[1]}: its utterances are not {wide} wide as those of train are."
        )
    learn, held = (
        Batch(_together(utterances, longest), np.array([[names.index(c)] for c in classes]))
        for utterances, classes in read
    )
    return Task(
        name="vowels, nine speakers" if len(names) == 9 else f"utterances, {len(names)} classes",
        inputs=wide,
        outputs=len(names),
        steps=longest,
        measure="share right",
        baseline=float(np.bincount(held.y[:, 0]).max() / len(held.y)),
        good=0.9,
        drawn=of_recordings(learn, held),
        held_out=held,
        source="Kudo, Toyama & Shimbo (1999), UCI",
        licence="CC BY 4.0",
        split=f"as published: {len(learn.x)} utterances to learn from, {len(held.x)} held out",
        silent=f"utterances of at most {longest} frames: it says little about long memory",
    )


def _files() -> tuple[Path, Path]:
    found = find_spec("aeon")
    if found is None or found.origin is None:
        raise UsageError(
            "vowels: neither files nor the package aeon, which brings them; give "
            "JapaneseVowels_TRAIN.ts and JapaneseVowels_TEST.ts."
        )
    folder = Path(found.origin).parent / "datasets" / "local_data" / "JapaneseVowels"
    if not folder.is_dir():
        folder = Path(found.origin).parent / "datasets" / "data" / "JapaneseVowels"
    return folder / "JapaneseVowels_TRAIN.ts", folder / "JapaneseVowels_TEST.ts"


def _utterances(file: Path, word: str) -> tuple[list[np.ndarray], list[str]]:
    """Return utterances (frames, cepstra) and their classes from lines ``a,b:c,d:...:class``."""
    try:
        lines = [line.strip() for line in file.read_text("utf-8").splitlines()]
        rows = [line for line in lines if line and line[0] not in "#@"]
        found, classes = [], []
        for row in rows:
            *series, last = row.split(":")
            found.append(np.array([[float(v) for v in one.split(",")] for one in series]).T)
            classes.append(last)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise InputError(
            f"vowels: {word} is {file}: no utterances in the .ts format ({error})."
        ) from None
    if not found or not all(u.ndim == 2 and np.isfinite(u).all() for u in found):
        raise InputError(
            f"vowels: {word} is {file}: no utterances of finite numbers, a class behind each."
        )
    return found, classes


def _together(utterances: list[np.ndarray], longest: int) -> np.ndarray:
    x = np.zeros((len(utterances), longest, utterances[0].shape[1]))
    for row, utterance in zip(x, utterances, strict=True):
        row[longest - len(utterance) :] = utterance
    return x
