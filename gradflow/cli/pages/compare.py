"""``gradflow compare``: several cells beside one another."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from gradflow.cli.console import output, plain, print_json, print_table, progress, table
from gradflow.cli.speaking import complain

__all__ = ["compare"]


def compare(
    cells: Annotated[list[str] | None, Parameter(negative_iterable=())] = None,
    /,
    *,
    hidden: int | None = None,
    steps: int = 200,
    input: Annotated[str | None, Parameter(name="--input")] = None,
    seed: int = 0,
    seeds: int = 8,
    need: int | None = None,
    out: Path | None = None,
    format: str | None = None,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Compare cells: how far each hands the gradient on, and what is said of them.

    gradflow compare lstm lstm:forget_bias=3 gru irnn rnn clockwork scrn

    gradflow compare lstm epoch1.pt epoch20.pt

    Parameters
    ----------
    cells
        Names, or FILE.py:NAME, each with initial values behind a colon if you like; and files of
        weights, with the weights that they have.
    hidden, steps, input, seed, seeds, need
        As in `gradflow report`.
    out
        File to write; by default reports/compare.html. Its ending says the format.
    format
        The format, whatever the ending.
    json_
        Print the numbers as JSON.
    """
    from gradflow.errors import UsageError
    from gradflow.prose import plain_text
    from gradflow.provenance import command
    from gradflow.reporting.compared import comparison_answer, reasons_of
    from gradflow.reporting.comparing import compare as write
    from gradflow.reporting.document.numbers import number_row
    from gradflow.reporting.render.data import number_data
    from gradflow.studies.comparison.claims import claims_about

    if not cells:
        raise UsageError("compare: name the cells, for instance lstm gru rnn.")
    path = out or Path("reports") / f"compare.{format or 'html'}"
    options = {"hidden": hidden, "steps": steps, "input": input, "need": need}
    options = {**options, "seed": seed, "seeds": seeds, "format": format}
    words = [w for name, v in options.items() if v is not None for w in (f"--{name}", v)]
    asked = [_asked(one) for one in cells]
    with progress(len(asked)) as advance, warnings.catch_warnings(record=True) as assumed:
        warnings.simplefilter("always", UserWarning)
        written = write(
            asked,
            path,
            hidden=hidden,
            steps=steps,
            input=input,
            seed=seed,
            seeds=seeds,
            need=need,
            format=format,
            command=command("gradflow", "compare", *cells, *words, "--out", path),
            progress=advance,
        )
    for sentence in dict.fromkeys(str(one.message) for one in assumed):
        complain(sentence)
    found = written.comparison
    if json_:
        print_json(
            {
                "file": str(path),
                "cells": {
                    one.name: {k: number_data(n) for k, n in one.numbers().items()}
                    for one in found.cells
                },
                "need": found.need,
                "verdicts": {
                    one.name: {"word": v.word, "reached": v.reached, "runs": v.runs}
                    for one in found.cells
                    for v in [one.verdict]
                },
                "missing": reasons_of(found),
                "claims": {claim.title: claim.seen for claim in claims_about(found)},
            }
        )
        return
    console = output()
    console.print(plain(plain_text(comparison_answer(found).text)), soft_wrap=True)
    judged = {
        one.name: f"{v.word}, {v.reached} of {v.runs}" for one in found.cells for v in [one.verdict]
    }
    enough = f"for {found.need} steps"
    rows = table("cell", "horizon", "spread", "left", "exponent", "directions kept", enough)
    for one in found.cells:
        numbers = one.numbers()
        names = ("horizon", f"left_{found.need}", "lyapunov", "directions")
        told = [number_row(numbers[n]) if n in numbers else ("", "none", "") for n in names]
        values = [told[0][1], told[0][2], *(row[1] for row in told[1:])]
        rows.add_row(
            plain(one.name), *(plain(plain_text(value)) for value in values), judged[one.name]
        )
    print_table(rows)
    for reason in reasons_of(found):
        console.print(plain(plain_text(reason)), soft_wrap=True)
    for claim in claims_about(found):
        console.print(plain(f"{claim.seen}: {claim.title}. {claim.evidence}"), soft_wrap=True)
    console.print(f"report: {plain(str(path))}", soft_wrap=True)


def _asked(words: str) -> Any:
    """Return a cell, or a pair of it and its choices, from NAME:CHOICES or FILE.py:NAME:CHOICES."""
    from gradflow.cli.choices import read_choices

    file, colon, rest = words.partition(".py:")
    head, tail = (f"{file}{colon}", rest) if colon else ("", words)
    name, _, choices = tail.partition(":")
    return (f"{head}{name}", read_choices(choices)) if choices else f"{head}{name}"
