"""The verb ``report``: study a cell, lay out the page, write it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from gradflow.cells import get
from gradflow.cells.cell import Cell
from gradflow.errors import UsageError
from gradflow.given import path, text
from gradflow.networks import Network
from gradflow.reporting.document.blocks import Block, Details, Heading, Report
from gradflow.reporting.document.numbers import number_row
from gradflow.reporting.document.words import called, origin, seeds_from, tools
from gradflow.reporting.render.formats import format_of, write_report
from gradflow.reporting.sections import SECTIONS, all_numbers
from gradflow.reporting.sections.answer import answer
from gradflow.studies.headline import plain_numbers
from gradflow.studies.one_cell import SEEDS, Progress, Study, study
from gradflow.studies.one_cell import STAGES as STUDIED

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
        from gradflow.reporting.render.html import card_html

        return card_html(
            answer(self.study),
            [number_row(n)[:3] for n in all_numbers(self.study).values()],
            self.path,
        )


def lay_out(measured: Study, provenance: Mapping[str, str]) -> Report:
    """Lay out the report of a study, section by section."""
    cell = measured.setup.cell
    blocks = [block for section in SECTIONS for block in folded(section.blocks(measured))]
    title = f"Does the gradient survive? {cell.title or called(cell)}"
    return Report(title, "", blocks, provenance)


def folded(blocks: Sequence[Block]) -> list[Block]:
    """Return blocks that begin with a heading as a section that folds to it."""
    if len(blocks) > 1 and isinstance(blocks[0], Heading) and blocks[0].level == 2:
        return [Details(blocks[0].text, blocks[1:], open=True)]
    return list(blocks)


def report(
    cell: Cell | str,
    out: str | Path,
    *,
    hidden: int | None = None,
    steps: int = 200,
    input: str | None = None,
    init: Mapping[str, Any] | None = None,
    seed: int = 0,
    seeds: int = SEEDS,
    need: int | None = None,
    state: ArrayLike | Mapping[str, ArrayLike] | None = None,
    format: str | None = None,
    command: str = "",
    progress: Progress = lambda stage: None,
) -> Written:
    """Write the analytic report of a cell.

    Parameters
    ----------
    cell
        A cell, its name, or ``"FILE.py:NAME"``.
    out
        File to write; its folder is made if it is missing. Its ending says the format: ``.html``,
        ``.pdf``, ``.tex``, ``.md``, ``.json`` or ``.ipynb``.
    hidden, steps, input, init, seed, seeds, need, state
        As in :func:`gradflow.studies.study`.
    format
        The format, whatever the ending of ``out``.
    command
        What the page says it was made by; the Python call by default.
    progress
        Called with each of `STAGES` before it starts.

    Raises
    ------
    UsageError, InputError
        For an unknown cell or format, arguments out of range, or files that cannot be read or
        written. Nothing is written then.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     written = report("scalar", Path(folder) / "toy.html", steps=1000, init={"w": 0.99})
    >>> written.path.name, written.numbers()["horizon"]
    ('toy.html', 459.0)
    """
    if isinstance(cell, Network):
        raise UsageError(
            "report: cell is a network, which is reported by its diagnosis; write "
            "gf.reporting.report_diagnosis(gf.diagnose(network), out)."
        )
    found = get(cell)
    command, target = text(command, "report: command"), path(out, "report: out")
    kind = format_of(target, format)
    measured = study(
        found,
        hidden=hidden,
        steps=steps,
        input=input,
        init=init,
        seed=seed,
        seeds=seeds,
        need=need,
        state=state,
        progress=progress,
    )
    progress(_LAST)
    chosen = ", ".join(f"{name}={value}" for name, value in (init or {}).items())
    choices = {"input": input, "init": dict(init) if init else None}
    given = "".join(f"{name}={value!r}, " for name, value in choices.items() if value)
    call = (
        f"gf.report({found.name!r}, {target.name!r}, hidden={hidden}, steps={steps}, {given}"
        f"seed={seed}, seeds={seeds}, need={measured.need})"
    )
    provenance = {
        "Command": command or call,
        "Weights": origin(measured.seeds.decays),
        "Input": measured.setup.source,
        "Sizes": measured.setup.told_sizes(),
        "Initialization": chosen or "the cell's defaults",
        "Seeds": seeds_from(seed, seeds),
        **({} if state is None else {"Initial state": "as given"}),
        **tools(),
    }
    write_report(lay_out(measured, provenance), target, kind, call)
    return Written(target, measured)
