"""A long computation in pieces, each of which is kept as soon as it is there.

A script of `analyses/` that trains for minutes asks for its pieces by what they are::

    pieces = [{"cell": "gru", "steps": 60, "seeds": 3}, {"cell": "rnn", "steps": 60, "seeds": 3}]
    found = kept("adding", out, measured, pieces, quick=quick)

where ``measured(cell="gru", steps=60, seeds=3)`` returns what is to be kept.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gradflow.files import write_atomically
from gradflow.provenance import versions

__all__ = ["TOLD", "kept"]

TOLD = logging.getLogger("gradflow.figure")
"""Where each piece is told when it is done; silent unless somebody listens."""
_LIBRARIES = ("numpy", "scipy", "torch")  # what a training's numbers depend on

Found = dict[str, Any]


def kept(
    name: str,
    out: str | Path,
    measure: Callable[..., Found],
    pieces: Sequence[Mapping[str, Any]],
    *,
    quick: bool = False,
) -> list[Found]:
    """Return what ``measure(**piece)`` says of each piece.

    It is written to ``NAME.pieces.json`` in the folder ``out`` piece by piece, and read from there
    where an earlier run had the same piece with the same versions of everything, so that an
    interrupted run goes on where it stopped. A quick run keeps nothing.

    Parameters
    ----------
    name
        Of the script.
    out
        Its folder.
    measure
        Returns a dict of numbers, text, lists and dicts of these, as JSON holds them.
    pieces
        Arguments of ``measure``, likewise.
    quick
        Whether nothing is to be kept.

    Raises
    ------
    UsageError
        A folder that cannot be written to.
    """
    if quick:
        return [measure(**piece) for piece in pieces]
    file = Path(out) / f"{name}.pieces.json"
    made_by = versions(_LIBRARIES)
    before = _read(file, made_by)
    keys = [json.dumps(piece, sort_keys=True) for piece in pieces]
    for count, (key, piece) in enumerate(zip(keys, pieces, strict=True), start=1):
        state = "kept from before"
        if key not in before:
            start = time.perf_counter()
            found = measure(**piece)
            seconds = round(time.perf_counter() - start, 1)
            before[key] = {"piece": piece, "seconds": seconds, "found": found}
            told = {"name": name, "versions": made_by, "pieces": list(before.values())}
            write_atomically(file, json.dumps(told, indent=1) + "\n")
            state = f"{seconds:.0f} s"
        words = ", ".join(str(value) for value in piece.values() if isinstance(value, (str, int)))
        TOLD.info("%s: %d of %d, %s: %s", name, count, len(pieces), words, state)
    return [before[key]["found"] for key in keys]


def _read(file: Path, made_by: Mapping[str, str]) -> dict[str, Found]:
    """Return the pieces of an earlier run by their key; none of other versions or a torn file."""
    try:
        told = json.loads(file.read_text("utf-8"))
        if told["versions"] != made_by:
            return {}
        return {json.dumps(one["piece"], sort_keys=True): one for one in told["pieces"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
