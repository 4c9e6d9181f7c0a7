"""The command ``gradflow figure``: one figure, the list of them, or all with a gallery."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from gradflow.cli.console import manner, output, plain, print_json, print_table, progress, table

if TYPE_CHECKING:
    from gradflow.reporting.publish.scripts import Script

__all__ = ["figure"]


def figure(
    name: str | None = None,
    /,
    *,
    venue: str = "neurips",
    format: Annotated[list[str] | None, Parameter(negative_iterable=())] = None,
    quick: bool = False,
    steps: Annotated[bool, Parameter(negative=())] = False,
    out: Path | None = None,
    list: Annotated[bool, Parameter(name="--list", negative=())] = False,
    all: Annotated[bool, Parameter(name="--all", negative=())] = False,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Draw a figure of the field: the picture, its caption and the numbers it claims.

    gradflow figure decay --venue icml --out figures

    Parameters
    ----------
    name
        A figure's name, see --list, or FILE.py for a script of your own.
    venue
        neurips, icml, iclr, jmlr, or slides (16:9, large type).
    format
        pdf, svg, png (all three by default), or pgf where a TeX is installed; may be repeated.
    quick
        A smaller computation, for a first look.
    steps
        Also write NAME-step-01, -02, ...: the picture as it is built in a talk.
    out
        Folder to write into; reports/figures, or reports/gallery with --all.
    list
        Show the figures and the question that each answers.
    all
        Draw every figure and write a gallery, index.html.
    json_
        Print the answer, the numbers and the files as JSON.
    """
    from gradflow.errors import UsageError
    from gradflow.prose import plain_text
    from gradflow.reporting.publish.formats import FORMATS
    from gradflow.reporting.publish.scripts import find_script, scripts

    if (name is not None) + list + all != 1:
        raise UsageError("figure: name one figure, or pass --list or --all.")
    if list and json_:
        questions = {script.name: plain_text(script.question) for script in scripts()}
        print_json({"figures": questions})
        return
    if list:
        rows = table("figure", "question")
        for script in scripts():
            rows.add_row(script.name, plain(plain_text(script.question)))
        print_table(rows)
        return
    formats = tuple(format or FORMATS)
    if name is not None:
        folder = out or Path("reports/figures")
        look = {"venue": venue, "formats": formats, "quick": quick, "steps": steps}
        _one(find_script(name), folder, json_, **look)
        return
    from gradflow.reporting.publish.gallery import write_gallery

    chosen = scripts()
    with progress(len(chosen) + 1) as advance:
        path = write_gallery(
            chosen,
            out or Path("reports/gallery"),
            venue=venue,
            formats=formats,
            quick=quick,
            steps=steps,
            progress=advance,
        )
    if json_:
        print_json({"gallery": str(path)})
    else:
        print(f"gallery: {path}")


def _one(script: Script, out: Path, as_json: bool, **look: Any) -> None:
    with _told():
        numbers = script.run(out, **look)
    rows = table("claim", "number")
    for key, value in numbers.items():
        rows.add_row(plain(key), f"{value:.12g}")
    from gradflow.prose import plain_text
    from gradflow.reporting.publish.gallery import Entry

    record = json.loads((out / f"{script.name}.json").read_text("utf-8"))
    files = [str(out / file) for file in (*Entry(script, record).files, f"{script.name}.json")]
    if as_json:
        answer = {"answer": plain_text(record["answer"]), "numbers": record["numbers"]}
        print_json({**answer, "files": files})
        return
    console = output()
    console.print(plain_text(record["answer"]), markup=False)
    print_table(rows)
    for file in files:
        console.print(file, soft_wrap=True, markup=False)


@contextmanager
def _told() -> Iterator[None]:
    """Print on stderr what a script of minutes says of its pieces, unless ``--quiet``."""
    from gradflow.reporting.publish.pieces import TOLD

    if manner().quiet:
        yield
        return
    handler = logging.StreamHandler(sys.stderr)
    TOLD.addHandler(handler)
    TOLD.setLevel(logging.INFO)
    try:
        yield
    finally:
        TOLD.removeHandler(handler)
