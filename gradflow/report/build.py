"""The verb ``report``: study a cell, lay out the page, write it."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from gradflow import __version__
from gradflow.cells import get
from gradflow.cells.cell import Cell
from gradflow.report import sections
from gradflow.report.blocks import Report
from gradflow.report.html import render_html
from gradflow.report.study import Progress, Study, study
from gradflow.report.theorems import proofs
from gradflow.report.write import write_text_atomically


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
        As in :func:`gradflow.report.study.study`.
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
        "gradflow": __version__,
        "Python": platform.python_version(),
        **{name: version(name) for name in ("numpy", "scipy", "sympy", "matplotlib")},
    }
    path = Path(out)
    write_text_atomically(path, render_html(page(measured, provenance)))
    return Written(path, measured)
