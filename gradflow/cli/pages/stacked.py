"""``gradflow report CELL --layers 2``: a stack of freshly drawn layers, diagnosed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gradflow.cli.console import folded, print_json, progress

__all__ = ["report_stack"]


def report_stack(
    cell: str,
    layers: int,
    *,
    hidden: int,
    input: str | None,
    init: dict[str, Any],
    seed: int,
    need: int,
    out: Path,
    format: str | None,
    json: bool,
    command: str,
) -> None:
    """Draw a stack, diagnose it, write its page and print what was found.

    An input says how many entries the first layer reads; made-up input has as many as units.
    """
    from gradflow.networks import read_sequence, stack
    from gradflow.reporting.diagnosed import report_diagnosis
    from gradflow.reporting.render.formats import format_of
    from gradflow.studies.diagnosis.diagnosis import STAGES, diagnose
    from gradflow.studies.diagnosis.telling.json import as_json
    from gradflow.studies.diagnosis.telling.report import report_lines

    format = format_of(out, format)
    read = None if input is None else read_sequence(input, 1)
    inputs = hidden if read is None else read.values.shape[1]
    symbols = None if read is None else read.symbols
    network = stack(cell, layers, hidden=hidden, inputs=inputs, rng=seed, **init)
    with progress(len(STAGES)) as advance:
        found = diagnose(network, input, need=need, vocabulary=symbols, seed=seed, progress=advance)
    report_diagnosis(found, out, format=format, command=command)
    if json:
        print_json({"file": str(out), **as_json(found)})
        return
    for line in report_lines(found):
        print(folded(line), flush=True)
    print(f"\nreport: {out}")
