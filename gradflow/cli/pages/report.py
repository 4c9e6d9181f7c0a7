"""``gradflow report``: a cell run on an input, and its analytic report written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gradflow.cli.console import output, plain, print_json, progress

__all__ = ["report"]


def report(
    cell: str = "lstm",
    /,
    *,
    hidden: int | None = None,
    layers: int = 1,
    steps: int | None = None,
    input: Annotated[str | None, Parameter(name="--input")] = None,
    init: str = "",
    seed: int = 0,
    seeds: int | None = None,
    need: int | None = None,
    out: Path | None = None,
    format: str | None = None,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Run a cell on an input and write its analytic report.

    gradflow report lstm --need 100 --out lstm.html

    gradflow report lstm --layers 2 --out stack.html

    Parameters
    ----------
    cell
        A cell's name, or FILE.py:NAME for one of your own.
    hidden
        Number of units of the size `hidden`, and of all other sizes that --init and the input do
        not state; 32 by default.
    layers
        More than one: a stack of so many layers of the cell, on made-up input by default; its page
        is that of `gradflow diagnose`, with the spread over seeds.
    steps
        Number of steps; 200 by default, of a stack twice the lag needed.
    input
        A .npy, .npz, .csv or text file (characters, one-hot). By default the English text of
        Python's own help topics. Columns of numbers are those of all inputs, side by side.
    init
        Initial parameters, for example orthogonal, gaussian:1.5, b_f=constant:3, forget_bias:3 or
        chrono:200, and sizes: context=8; several are separated by commas.
    seed
        The first seed of the parameters.
    seeds
        So many draws of the parameters, each with a seed of its own; 8 by default.
    need
        The lag that the task needs; 100 by default.
    out
        File to write; by default reports/CELL.html. Its ending says the format: html, pdf, tex,
        md, json or ipynb.
    format
        The format, whatever the ending.
    json_
        Print the numbers as JSON.
    """
    from gradflow.cli.choices import read_choices
    from gradflow.cli.pages.answered import print_answer
    from gradflow.errors import UsageError
    from gradflow.prose import plain_text
    from gradflow.reporting.build import STAGES
    from gradflow.reporting.build import report as write
    from gradflow.reporting.render.data import number_data
    from gradflow.reporting.sections import all_numbers
    from gradflow.reporting.sections.answer import answer
    from gradflow.studies.one_cell import SEEDS

    path = out or Path("reports") / f"{_page_name(cell)}.{format or 'html'}"
    choices = read_choices(init)
    if layers != 1:
        if steps is not None:
            raise UsageError(
                "report: a stack (--layers) is reported over twice the lag needed; leave --steps "
                "out, and say --need."
            )
        from gradflow.cli.pages.stacked import report_stack

        report_stack(
            cell,
            layers,
            hidden=32 if hidden is None else hidden,
            input=input,
            init=choices,
            seed=seed,
            seeds=SEEDS if seeds is None else seeds,
            need=100 if need is None else need,
            out=path,
            format=format,
            json=json_,
            command=_command(cell, hidden, layers, None, input, init, seed, seeds, need),
        )
        return
    steps, seeds = 200 if steps is None else steps, SEEDS if seeds is None else seeds
    with progress(len(STAGES)) as advance:
        written = write(
            cell,
            path,
            hidden=hidden,
            steps=steps,
            input=input,
            init=choices,
            seed=seed,
            seeds=seeds,
            need=need,
            format=format,
            command=_command(cell, hidden, layers, steps, input, init, seed, seeds, need),
            progress=advance,
        )
    said = answer(written.study)
    if json_:
        numbers = {k: number_data(n) for k, n in all_numbers(written.study).items()}
        told = {"verdict": plain_text(said.text), "file": str(written.path)}
        print_json({**told, "numbers": numbers})
        return
    print_answer(said, all_numbers(written.study).values())
    console = output()
    ran = written.study.setup
    console.print(f"sizes: {plain(ran.told_sizes())}", soft_wrap=True)
    console.print(f"input: {plain(ran.source)}", soft_wrap=True)
    console.print(f"report: {plain(str(written.path))}", soft_wrap=True)


def _page_name(cell: str) -> str:
    """Return the name of a cell's page, which for FILE.py:NAME is FILE_NAME."""
    file, colon, name = cell.partition(":")
    return Path(file).stem + colon.replace(":", "_") + name


def _command(
    cell: str,
    hidden: int | None,
    layers: int,
    steps: int | None,
    input: str | None,
    init: str,
    seed: int,
    seeds: int | None,
    need: int | None,
) -> str:
    from gradflow.provenance import command

    words: list[str | int] = ["gradflow", "report", cell]
    words += ["--hidden", hidden] if hidden is not None else []
    words += ["--layers", layers] if layers != 1 else []
    words += ["--steps", steps] if steps is not None else []
    words += ["--input", input] if input else []
    words += ["--init", init] if init else []
    words += ["--seed", seed]
    words += ["--seeds", seeds] if seeds is not None else []
    words += ["--need", need] if need is not None else []
    return command(*words)
