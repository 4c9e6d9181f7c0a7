"""ASK: the command line, ``gradflow cells | derive | report | diagnose | figure | prove | ...``.

Exit codes: 0 done, 1 a check failed, or whoever reads the output has left (without a word),
2 bad usage, 3 a file or the output that cannot be read or written, as on a full disk, 130
interrupted.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, Parameter
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gradflow import __version__
from gradflow.cli import diagnose, figure, theorems
from gradflow.cli.console import plain, progress
from gradflow.cli.speaking import complain, place_of, silence, speakable, unicode_output
from gradflow.errors import GradflowError, shown
from gradflow.provenance import command

app = App(
    name="gradflow",
    help="Does the gradient survive? Derive, compile and measure recurrent cells.",
    version=__version__,
    version_flags=["--version"],
)

app.command(diagnose.diagnose)
app.command(figure.figure)
app.command(theorems.prove)
app.command(theorems.theorem)
app.command(theorems.verify)


@app.command
def cells() -> None:
    """List the cells known by name."""
    from gradflow.cells import get, names

    table = Table(box=None, pad_edge=False)
    for column in ("cell", "title", "state", "source"):
        table.add_column(column, overflow="fold")
    for name in names():
        try:
            cell = get(name)
        except GradflowError as error:
            table.add_row(name, "cannot be loaded", "", escape(str(error)))
            continue
        table.add_row(name, cell.title, " ".join(cell.states), cell.reference)
    Console().print(table)


@app.command
def derive(cell: str, /, *, format: Literal["text", "latex", "json"] = "text") -> None:
    """Derive the step Jacobian and the BPTT gradient of a cell.

    Parameters
    ----------
    cell
        A cell's name, or FILE.py:NAME for one of your own.
    format
        text: a line a block; latex: displays to paste into a paper; json: equations, terms, paths.
    """
    from gradflow.cells import get
    from gradflow.jacobians import bptt, jacobian

    found = get(cell)
    step = jacobian(found)
    if format == "json":
        print(json.dumps(step.to_json(), indent=2, ensure_ascii=not unicode_output()))
    elif format == "latex":
        print("\n\n".join([found.latex(), step.latex(), bptt(found).latex()]))
    else:
        print(f"{found.title or found.name}\n")
        print("\n".join(f"  {line.strip()}" for line in found.equations.strip().splitlines()))
        print(f"\n{step.text()}")


@app.command(name="report")
def write_report(
    cell: str = "lstm",
    /,
    *,
    hidden: int | None = None,
    steps: int = 200,
    input: Annotated[str | None, Parameter(name="--input")] = None,
    init: str = "",
    seed: int = 0,
    out: Path | None = None,
) -> None:
    """Run a cell on an input and write its analytic report, one HTML page.

    Parameters
    ----------
    cell
        A cell's name, or FILE.py:NAME for one of your own.
    hidden
        Number of units of the size `hidden`, and of all other sizes that --init and the input do
        not state; 32 by default.
    steps
        Number of steps.
    input
        A .npy, .npz, .csv or text file (characters, one-hot). By default the English text of
        Python's own help topics. Columns of numbers are those of all inputs, side by side.
    init
        Initial parameters, for example orthogonal, gaussian:1.5, b_f=constant:3, forget_bias:3 or
        chrono:200, and sizes: context=8; several are separated by commas.
    seed
        Seed of the parameters.
    out
        File to write; by default reports/CELL.html.
    """
    from gradflow.cli.choices import read_choices
    from gradflow.prose import plain_text
    from gradflow.reporting.build import STAGES, report
    from gradflow.reporting.sections.answer import answer, headline_rows

    path = out or Path("reports") / f"{_page_name(cell)}.html"
    choices = read_choices(init)
    with progress(len(STAGES)) as advance:
        written = report(
            cell,
            path,
            hidden=hidden,
            steps=steps,
            input=input,
            init=choices,
            seed=seed,
            command=_command(cell, hidden, steps, input, init, seed),
            progress=advance,
        )
    console = Console()
    console.print(plain(plain_text(answer(written.study).text)))
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(overflow="fold")
    table.add_column(no_wrap=True)
    for row in headline_rows(written.study):
        table.add_row(*(plain(plain_text(text)) for text in row))
    console.print(table)
    console.print(f"sizes: {plain(written.study.setup.told_sizes())}", soft_wrap=True)
    console.print(f"input: {plain(written.study.setup.source)}", soft_wrap=True)
    console.print(f"report: {plain(str(written.path))}", soft_wrap=True)


def _page_name(cell: str) -> str:
    """Return the name of a cell's page, which for FILE.py:NAME is FILE_NAME."""
    file, colon, name = cell.partition(":")
    return Path(file).stem + colon.replace(":", "_") + name


def _command(
    cell: str, hidden: int | None, steps: int, input: str | None, init: str, seed: int
) -> str:
    words: list[str | int] = ["gradflow", "report", cell]
    words += ["--hidden", hidden] if hidden is not None else []
    words += ["--steps", steps]
    words += ["--input", input] if input else []
    words += ["--init", init] if init else []
    return command(*words, "--seed", seed)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    speakable()
    try:
        app(arguments, exit_on_error=False, print_error=False)
        sys.stdout.flush()
    except CycloptsError as error:
        complain(str(error))
        sys.exit(2)
    except GradflowError as error:
        complain(str(error))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        complain("interrupted")
        sys.exit(130)
    except BrokenPipeError:  # who reads, such as head, has read enough
        silence()
        sys.exit(1)
    except OSError as error:
        silence()
        complain(f"a file or the output cannot be written or read ({error.strerror or error}).")
        sys.exit(3)
    except MemoryError:
        complain("this needs more memory than there is; ask for fewer units or steps.")
        sys.exit(1)
    except Exception as error:
        complain(f"{shown(error)} at {place_of(error)}; this is a defect of gradflow, report it.")
        sys.exit(1)


def run_script(path: str) -> None:
    """Run the figure script at ``path`` as ``gradflow figure`` does, with this process's words."""
    main(["figure", path, *sys.argv[1:]])
