"""The verb ``report``: study a cell, lay out the page, write it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from gradflow.cells import get
from gradflow.cells.cell import Cell
from gradflow.files import write_atomically
from gradflow.given import path, text
from gradflow.provenance import versions
from gradflow.reporting.document.blocks import Report
from gradflow.reporting.render.html import render_html, template
from gradflow.reporting.sections import SECTIONS, all_numbers
from gradflow.reporting.sections.answer import answer, headline_rows
from gradflow.studies.headline import plain_numbers
from gradflow.studies.one_cell import STAGES as STUDIED
from gradflow.studies.one_cell import Progress, Study, study

__all__ = ["STAGES", "Written", "lay_out", "report"]

_LAST = "writing the page"
STAGES = (*STUDIED, _LAST)
"""What a report announces, in order."""


@dataclass(frozen=True, eq=False, repr=False)
class Written:
    """A report that was written: where it lies, and the study it shows."""

    path: Path
    study: Study

    def numbers(self) -> dict[str, float]:
        """Return the headline numbers by name, those of every section included."""
        return plain_numbers(all_numbers(self.study))

    def __repr__(self) -> str:
        """Return one line with the file and what the study found."""
        return f"Written({str(self.path)!r}, {self.study!r})"

    def _repr_html_(self) -> str:
        return template("card.html").render(
            answer=answer(self.study), rows=headline_rows(self.study), path=self.path
        )


def lay_out(measured: Study, provenance: Mapping[str, str]) -> Report:
    """Lay out the report of a study, section by section."""
    cell = measured.setup.cell
    blocks = [block for section in SECTIONS for block in section.blocks(measured)]
    return Report(cell.title or cell.name, "Does the gradient survive?", blocks, provenance)


def report(
    cell: Cell | str,
    out: str | Path,
    *,
    hidden: int | None = None,
    steps: int = 200,
    input: str | None = None,
    init: Mapping[str, Any] | None = None,
    seed: int = 0,
    state: ArrayLike | Mapping[str, ArrayLike] | None = None,
    command: str = "",
    progress: Progress = lambda stage: None,
) -> Written:
    """Write the analytic report of a cell as one self-contained HTML page.

    Parameters
    ----------
    cell
        A cell, its name, or ``"FILE.py:NAME"``.
    out
        File to write; its folder is made if it is missing.
    hidden, steps, input, init, seed, state
        As in :func:`gradflow.studies.study`.
    command
        What the page says it was made by; the Python call by default.
    progress
        Called with each of `STAGES` before it starts.

    Raises
    ------
    UsageError, InputError
        For an unknown cell, arguments out of range, or files that cannot be read or written.
        Nothing is written then.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     written = report("scalar", Path(folder) / "toy.html", steps=1000, init={"w": 0.99})
    >>> written.path.name, written.numbers()["horizon"]
    ('toy.html', 459.0)
    """
    found = get(cell)
    command, target = text(command, "report: command"), path(out, "report: out")
    measured = study(
        found,
        hidden=hidden,
        steps=steps,
        input=input,
        init=init,
        seed=seed,
        state=state,
        progress=progress,
    )
    progress(_LAST)
    chosen = ", ".join(f"{name}={value}" for name, value in (init or {}).items())
    call = f"gradflow.report({found.name!r}, hidden={hidden}, steps={steps}, seed={seed})"
    provenance = {
        "Command": command or call,
        "Input": measured.setup.source,
        "Sizes": measured.setup.told_sizes(),
        "Initialization": chosen or "the cell's defaults",
        "Seed": str(seed),
        **({} if state is None else {"Initial state": "as given"}),
        **{"Python" if name == "python" else name: value for name, value in versions().items()},
    }
    write_atomically(target, render_html(lay_out(measured, provenance)))
    return Written(target, measured)
