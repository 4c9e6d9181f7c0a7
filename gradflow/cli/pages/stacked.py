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
    seeds: int,
    need: int,
    out: Path,
    format: str | None,
    json: bool,
    command: str,
) -> None:
    """Draw a stack with each of the seeds, diagnose it, write its page and print what was found.

    An input says how many entries the first layer reads; made-up input has as many as units.
    """
    from gradflow.arrays import whole_number
    from gradflow.cli.pages.answered import print_answer
    from gradflow.networks import Network, read_sequence, stack
    from gradflow.reporting.diagnosed import diagnosis_answer, report_diagnosis
    from gradflow.reporting.render.formats import format_of
    from gradflow.studies.diagnosis.diagnosis import STAGES, diagnose
    from gradflow.studies.diagnosis.draws import diagnose_draws
    from gradflow.studies.diagnosis.telling.json import as_json, draws_as_json
    from gradflow.studies.diagnosis.telling.report import report_lines

    format = format_of(out, format)
    count = whole_number(seeds, "report: seeds", 1)
    read = None if input is None else read_sequence(input, 1)
    inputs = hidden if read is None else read.values.shape[1]
    symbols = None if read is None else read.symbols

    def drawn(seed: int) -> Network:
        return stack(cell, layers, hidden=hidden, inputs=inputs, rng=seed, **init)

    with progress(len(STAGES) + count - 1) as advance:
        found = diagnose(
            drawn(seed), input, need=need, vocabulary=symbols, seed=seed, progress=advance
        )
        others = {other: drawn(other) for other in range(seed + 1, seed + count)}
        draws = diagnose_draws(found, others, advance) if others else None
    written = report_diagnosis(draws or found, out, format=format, command=command)
    first = written.diagnosis
    if json:
        over = None if draws is None else draws_as_json(draws)
        print_json({"file": str(out), **as_json(first), "draws": over})
        return
    if draws is not None:
        print_answer(diagnosis_answer(first, draws), draws.numbers().values())
        print(f"\nThe weights of seed {seed}")
    for line in report_lines(first):
        print(folded(line), flush=True)
    print(f"\nreport: {out}")
