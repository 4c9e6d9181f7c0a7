"""``gradflow watch FILES``: what a training did to the gradient, from the checkpoints it left."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gradflow.cli.console import print_json
from gradflow.errors import UsageError
from gradflow.given import choice

__all__ = ["watch"]


def watch(
    files: tuple[Path, ...],
    /,
    *,
    input: Annotated[Path | None, Parameter(name="--input")] = None,
    targets: Path | None = None,
    lag: tuple[int, ...] = (),
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
    out: Path | None = None,
) -> None:
    """Look at the checkpoints of a training: how far the gradient reached at each.

    gradflow watch run-*.pt --input x.npy --targets y.npy --out reach.svg

    The update of a file is the last number in its name, and the files are taken in that order.
    Beside a training that runs, use gradflow.watch of Python.

    Parameters
    ----------
    files
        Files of weights, such as `gradflow diagnose` reads.
    input
        A .npy file of sequences (sequences, T, inputs), of which six are taken, or one sequence
        (T, inputs) in a .npy, .npz or .csv file. It has no default.
    targets
        A .npy file of classes or values, a row a sequence, for the loss of the network's own head;
        a random linear read-out by default.
    lag
        Lags at which reach is measured, the middle one of which is in the table; up to 16, evenly
        spaced, by default.
    json_
        Print all numbers as JSON.
    out
        A .pdf, .svg or .png to draw reach into, over update and lag.
    """
    from gradflow.reporting.publish.formats import FORMATS
    from gradflow.reporting.publish.picture import write_picture
    from gradflow.training.beside.afterwards import array_of, look_back, sequences_of

    if input is None:
        raise UsageError(
            "watch: no --input, on which the checkpoints are looked at; give a .npy file of "
            "sequences (sequences, T, inputs), or a .npy, .npz or .csv file of one."
        )
    if out is not None:
        choice(out.suffix.removeprefix("."), "watch: the ending of --out", FORMATS)
    x = sequences_of(input, "--input")
    probe = x if targets is None else (x, array_of(targets, "--targets"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # what is assumed, once a file
        found = look_back(files, probe, lag or None)
    if out is not None:
        write_picture(found, out)
    if not json_:
        print("\n".join(found.lines()))
        return
    told = {"update": found.update, "lags": found.lags, "log_reach": found.reach}
    told |= {n: getattr(found, n) for n in ("directions", "exponent", "saturated", "dead")}
    print_json({name: values.tolist() for name, values in told.items()})
