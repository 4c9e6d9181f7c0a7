"""The verb ``report``: study a cell, lay out the page, write it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradflow.cells import get
from gradflow.cells.cell import Cell
from gradflow.files import write_atomically
from gradflow.provenance import versions
from gradflow.reporting import sections
from gradflow.reporting.document.blocks import Report
from gradflow.reporting.render.html import render_html
from gradflow.reporting.theorems import proofs
from gradflow.studies.study import Progress, Study, study


@dataclass(frozen=True, eq=False)
class Written:
    """A report that was written: where it lies, and the study it shows."""

    path: Path
    study: Study

    def numbers(self) -> dict[str, float]:
        """Return the headline numbers by name."""
        return self.study.numbers()


def page(measured: Study, provenance: Mapping[str, str]) -> Report:
    """Lay out the report of a study."""
    cell = measured.cell
    blocks = [
        *sections.answer(measured),
        *sections.equations(measured),
        *sections.derivation(measured),
        *sections.decay(measured),
        *sections.spectrum(measured),
        *proofs(measured),
        *sections.source(measured),
    ]
    return Report(cell.title or cell.name, "Does the gradient survive?", blocks, provenance)


def report(
    cell: Cell | str,
    out: str | Path,
    *,
    hidden: int = 32,
    steps: int = 200,
    input: str | None = None,
    init: Mapping[str, Any] | None = None,
    seed: int = 0,
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
    hidden, steps, input, init, seed, progress
        As in :func:`gradflow.studies.study.study`.
    command
        What the page says it was made by; the Python call by default.

    Raises
    ------
    UsageError, InputError
        For an unknown cell, arguments out of range, or files that cannot be read or written.
        Nothing is written then.
    """
    found = get(cell) if isinstance(cell, str) else cell
    measured = study(
        found, hidden=hidden, steps=steps, input=input, init=init, seed=seed, progress=progress
    )
    progress("writing the page")
    chosen = ", ".join(f"{name}={value}" for name, value in (init or {}).items())
    call = f"gradflow.report({found.name!r}, hidden={hidden}, steps={steps}, seed={seed})"
    provenance = {
        "Command": command or call,
        "Input": measured.source,
        "Initialization": chosen or "the cell's defaults",
        "Seed": str(seed),
        **{"Python" if name == "python" else name: value for name, value in versions().items()},
    }
    path = Path(out)
    write_atomically(path, render_html(page(measured, provenance)))
    return Written(path, measured)
